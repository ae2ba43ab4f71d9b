"""Dead letters and replay: dry run with the difference, edited copy, run with a rate and a stop."""

from typing import Any
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from unsilo.console.gate import Asked
from unsilo.console.messages import STATES, no_message
from unsilo.console.render import Notice, home_zone, page
from unsilo.flow import replay
from unsilo.flow.process import State, decode, orphan
from unsilo.storage import MessageRow

__all__ = ["Runs", "dead_page", "dry_page", "edit", "release"]

_MOST = 10_000
_KEPT = 20


class Runs:
    """The replays of this process, newest first, so that a page can show and stop them."""

    def __init__(self) -> None:
        self._runs: list[replay.Run] = []

    def add(self, run: replay.Run) -> None:
        """Remember a run; only the latest are kept."""
        self._runs = [run, *self._runs][:_KEPT]

    def all(self) -> list[replay.Run]:
        """Return the runs, the newest first."""
        return list(self._runs)

    def get(self, id_: str) -> replay.Run | None:
        """Return a run by id."""
        return next((r for r in self._runs if r.id == id_), None)

    def page(self, asked: Asked) -> Response:
        """Show the runs."""
        return page("runs.html", asked.view, zone=home_zone(asked.service.settings), title="Replays", runs=self.all())

    def stop(self, asked: Asked) -> Response:
        """Stop a run between two messages."""
        run = self.get(asked.field("run"))
        if run is not None:
            run.stop()
            asked.audit("stop replay", what=f"replay {run.id} after {run.sent} messages")
        return RedirectResponse("/replay", 303)

    def start(self, asked: Asked) -> Response:
        """Replay one message, all dead letters of a cause, or the last of a feed, at the rate asked for."""
        reason = asked.field("reason")
        messages = _chosen(asked)
        if not reason or not messages:
            words = "Say why." if not reason else "There is nothing to replay."
            return dead_page(asked, Notice(words, "bad"))
        run = replay.run(asked.service, messages, asked.user.name, reason, rate=_rate(asked.field("rate")))
        self.add(run)
        run.join(0.2)
        if len(messages) == 1:
            return RedirectResponse(f"/messages/{quote(messages[0])}", 303)
        return RedirectResponse("/replay", 303)


def _rate(text: str) -> float:
    try:
        return min(1000.0, max(0.1, float(text)))
    except ValueError:
        return 50.0


def _chosen(asked: Asked) -> list[str]:
    if one := asked.field("message"):
        return [one] if asked.service.store.message(one) is not None else []
    cause, feed, last = asked.field("cause"), asked.field("feed"), asked.field("last")
    if feed and last.isascii() and last.isdigit():
        rows = asked.service.store.search_messages(feed=feed, limit=min(_MOST, int(last)))
        return [row.id for row in sorted(rows, key=lambda r: r.mid) if row.state in ("done", "dead") and row.mid]
    if not cause:
        return []
    rows = asked.service.store.search_messages(state="dead", cause=cause, limit=_MOST)
    return [row.id for row in sorted(rows, key=lambda r: r.mid)]


def dead_page(asked: Asked, notice: Notice | None = None) -> Response:
    """Show dead letters by cause, each with a sample, and what is held behind them."""
    store = asked.service.store
    groups: list[dict[str, Any]] = []
    for item in store.dead_letters():
        sample = store.message(item.last)
        outcome = store.outcome(item.last)
        issues = outcome.issues if outcome is not None else sample.issues if sample is not None else []
        grave = next((i for i in issues if i.severity in ("error", "fatal")), None)
        groups.append({"group": item, "sample": sample, "issue": grave})
    held = store.search_messages(state="held", limit=51)
    return page(
        "dead.html", asked.view, zone=home_zone(asked.service.settings), title="Dead letters", notice=notice,
        groups=groups, held=held[:50], more_held=len(held) > 50, may_replay=asked.may("message.replay"),
    )  # fmt: skip


def _row(asked: Asked) -> MessageRow | None:
    return asked.service.store.message(asked.request.path_params["id"])


def dry_page(asked: Asked, notice: Notice | None = None, typed: str = "", copy: bytes | None = None) -> Response:
    """Show what a replay of one message, or its edited copy, would change, element by element; nothing is stored."""
    row = _row(asked)
    found = replay.dry_run(asked.service, row.id, copy) if row is not None else None
    if row is None or found is None:
        return no_message(asked)
    text = (asked.service.store.content(row.id) or b"").decode(_codec(asked, row), "replace")
    found.changes = [change for change in found.changes if change.elements]
    asked.audit("dry run", what=f"message {row.id}", mid=row.mid)
    return page(
        "dry_run.html", asked.view, zone=home_zone(asked.service.settings), title="Dry run", notice=notice, row=row,
        state=STATES.get(row.state, (row.state, "idle")), run=found, may_replay=asked.may("message.replay"),
        text=typed or text.replace("\r\n", "\n").replace("\r", "\n"),
        of_copy=copy is not None, reason=asked.field("reason"),
        editable=row.format == "hl7v2" and "\ufffd" not in text,
    )  # fmt: skip


def _codec(asked: Asked, row: MessageRow) -> str:
    """Return the character set in which the original was read: an edited copy is written in the same one."""
    envelope = asked.service.store.envelope(row.id)
    if envelope is None:
        return "utf-8"
    decoded = decode(State(envelope, asked.service.feed(row.feed) or orphan(envelope)))
    tree = decoded.value.tree if decoded.value is not None else None
    return str(getattr(tree, "charset", "") or "utf-8")


def edit(asked: Asked) -> Response:
    """Send an edited copy in place of a message, or show what it would change; the original stays as it is."""
    row = _row(asked)
    if row is None:
        return no_message(asked)
    reason = asked.field("reason")
    typed = str(asked.form.get("content") or "")
    codec = _codec(asked, row)
    try:
        content = typed.replace("\r\n", "\r").replace("\n", "\r").encode(codec)
    except UnicodeEncodeError as fault:
        return dry_page(asked, Notice(f"{fault.object[fault.start]!r} cannot be written in {codec}.", "bad"), typed)
    if asked.field("act") == "try":
        return dry_page(asked, typed=typed, copy=content)
    if not reason:
        return dry_page(asked, Notice("Say why the copy differs.", "bad"), typed)
    receipt, issue = replay.resubmit(asked.service, row.id, content, asked.user.name, reason)
    if issue is not None or receipt is None:
        return dry_page(asked, Notice(issue.text if issue is not None else "It could not be sent.", "bad"), typed)
    return RedirectResponse(f"/messages/{quote(receipt.id)}", 303)


def release(asked: Asked) -> Response:
    """Set a dead letter aside and let go on what waits behind it."""
    row = _row(asked)
    reason = asked.field("reason")
    if row is None:
        return no_message(asked)
    if not reason:
        return dry_page(asked, Notice("Say why it is set aside.", "bad"))
    replay.release(asked.service, row.id, asked.user.name, reason)
    return RedirectResponse(f"/messages/{quote(row.id)}", 303)
