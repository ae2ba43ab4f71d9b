"""Replay: what a message would change now, element by element, then run again by a named person."""

import threading
import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from unsilo.fhir import merge
from unsilo.fhir.leaves import leaves
from unsilo.flow.commit import beats
from unsilo.flow.process import Piece, orphan, process
from unsilo.flow.receive import Reading
from unsilo.flow.service import Service
from unsilo.kernel import Issue, clock, fresh_id, json, seal
from unsilo.storage import AuditRow, MessageRow, Receipt, Tx

__all__ = ["Change", "DryRun", "Element", "Run", "dry_run", "release", "resubmit", "run"]

_WAIT = 10.0


class Element(msgspec.Struct):
    """One element that would change; `old` or `new` is None where there is nothing."""

    path: str
    old: str | None
    new: str | None


class Change(msgspec.Struct):
    """What would happen to one resource: `new`, `changed`, `late` (history only), or `same`."""

    resource: str
    kind: str
    elements: list[Element]


class DryRun(msgspec.Struct):
    """What a replay would do; nothing was stored. `failed` says that it would be a dead letter (again)."""

    message: str
    failed: bool
    changes: list[Change]
    issues: list[Issue]
    digest: str


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | Decimal) else json.encode(value).decode()


def _difference(old: dict[str, Any], new: dict[str, Any]) -> list[Element]:
    before = {path: _text(value) for path, value in leaves(old)}
    after = {path: _text(value) for path, value in leaves(new)}
    paths = [*after, *(path for path in before if path not in after)]
    return [Element(p, before.get(p), after.get(p)) for p in paths if before.get(p) != after.get(p)]


def _change(service: Service, piece: Piece) -> Change:
    name = f"{piece.type}/{piece.id}"
    current = service.store.read(piece.type, piece.id)
    new = json.decode(piece.body)
    if current is None or current.state != 0:
        return Change(name, "new", _difference({}, new))
    old = json.decode(current.body)
    if not beats(piece.clock, piece.rank, current):
        return Change(name, "late", _difference(old, new))
    policy = merge.policy_of(piece.type)
    if policy.update or policy.unite:
        new = merge.merge(old, new, piece.cleared).resource
    elements = _difference(old, new)
    return Change(name, "changed" if elements else "same", elements)


def dry_run(service: Service, message: str, copy: bytes | None = None) -> DryRun | None:
    """Return what processing a message again would change, by element; None when its bytes are not there.

    With `copy`, what these bytes would change in its place.
    """
    envelope = service.store.envelope(message)
    if envelope is None:
        return None
    if copy is not None:
        row = service.store.message(message)
        reading, issue = _edited(service, row, copy, {}) if row is not None else (None, _GONE)
        if reading is None or issue is not None:
            return DryRun(message, True, [], [issue] if issue is not None else [], "")
        envelope = reading.whole.envelope
    told = process(envelope, service.live(envelope.feed) or orphan(envelope), maps=service.maps.current())
    changes = [_change(service, piece) for piece in told.pieces]
    return DryRun(message, told.failed, [c for c in changes if c.kind != "same"], told.issues, told.digest)


class Run:
    """A replay on its way: `rate` messages a second, stopped between two at any time."""

    def __init__(self, service: Service, messages: list[str], actor: str, reason: str, rate: float) -> None:
        self.id = fresh_id()
        self.service, self.messages = service, messages
        self.actor, self.reason, self.rate = actor, reason, rate
        self.sent = 0
        self.missing: list[str] = []
        self.started = clock.now()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"replay-{self.id}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send no further message; those sent are processed."""
        self._stop.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until every message was sent on, or the run was stopped."""
        self._thread.join(timeout)

    @property
    def running(self) -> bool:
        """True until the last message was sent on or the run was stopped."""
        return self._thread.is_alive()

    @property
    def stopped(self) -> bool:
        """True when a person stopped it."""
        return self._stop.is_set()

    def _work(self) -> None:
        due = time.monotonic()
        for message in self.messages:
            if self._stop.is_set():
                return
            if not _requeue(self.service, message, self.actor, self.reason):
                self.missing.append(message)
            self.sent += 1
            due = max(due + 1 / self.rate, time.monotonic() - 1)
            self._stop.wait(max(0.0, due - time.monotonic()))


def _requeue(service: Service, message: str, actor: str, reason: str) -> bool:
    row = service.store.message(message)
    if row is None or row.state in ("batch", "queued", "test") or row.removed_on:
        return False
    held = _held_behind(service, row)

    def job(tx: Tx) -> None:
        tx.requeue(row.mid)
        for each in held:
            tx.requeue(each.mid)
        what = f"message {row.id}, attempt {row.attempts + 1}"
        tx.audit(AuditRow(actor, "replay", 0, what, "", reason, row.mid, at=clock.now()))

    service.store.submit(job, 1).result(_WAIT)
    return True


def _held_behind(service: Service, row: MessageRow) -> list[MessageRow]:
    """Return the held messages that share one of the keys of a dead letter, oldest first."""
    keys = set(row.order_key.split("\n")) - {""}
    if row.state != "dead" or not keys:
        return []
    held = service.store.search_messages(state="held", feed=row.feed, limit=10_000)
    return sorted((each for each in held if keys & set(each.order_key.split("\n"))), key=lambda each: each.mid)


def run(service: Service, messages: Iterable[str], actor: str, reason: str, *, rate: float = 50.0) -> Run:
    """Start a replay of messages, in the order given; each is a new attempt, and the original never changes."""
    started = Run(service, list(messages), actor, reason, max(0.1, rate))
    started.start()
    return started


def release(service: Service, message: str, actor: str, reason: str) -> bool:
    """Set a poison message aside (it stays in the journal) and let go on what waited behind it."""
    row = service.store.message(message)
    if row is None or row.state != "dead":
        return False
    held = _held_behind(service, row)
    service.dispatcher.release(row.mid)

    def job(tx: Tx) -> None:
        tx.set_state(row.mid, "aside")
        for each in held:
            tx.requeue(each.mid)
        tx.audit(AuditRow(actor, "release", 0, f"message {row.id}", "", reason, row.mid, at=clock.now()))

    service.store.submit(job, 1).result(_WAIT)
    return True


_GONE = Issue("error", "not-found", "there is no such message, or its feed is gone", rule="replay.edit")


def _edited(
    service: Service, row: MessageRow, content: bytes, headers: dict[str, str]
) -> tuple[Reading | None, Issue | None]:
    """Read the edited copy of a message as its feed does; its envelope names the original."""
    feed = service.feed(row.feed)
    if feed is None:
        return None, _GONE
    if not content.strip():
        return None, Issue("error", "structure", "the copy is empty", rule="replay.edit")
    reading = service.read(feed, content, headers)
    if len(reading.incoming) > 1:
        return None, Issue("error", "structure", "edit one message at a time", rule="replay.edit")
    whole = reading.whole
    sealed = seal(feed.name, feed.format, content, whole.envelope.received_at, headers, row.id)
    if sealed.id == row.id:
        return None, Issue("error", "duplicate", "nothing was changed: replay it instead", rule="replay.edit")
    whole.envelope = sealed
    return reading, None


def resubmit(
    service: Service, message: str, content: bytes, actor: str, reason: str
) -> tuple[Receipt | None, Issue | None]:
    """Send an edited copy in place of a message: both are kept, the copy names its original and who edited it."""
    row = service.store.message(message)
    if row is None:
        return None, _GONE
    headers = {"transport": "edit", "edited_by": actor, "reason": reason[:500]}
    reading, issue = _edited(service, row, content, headers)
    if reading is None:
        return None, issue
    if row.state == "dead":
        release(service, message, actor, f"replaced by an edited copy: {reason}")
    receipt = service.keep(reading).result(_WAIT)[0]
    what = f"message {row.id} edited as {receipt.id}"
    service.store.audit(AuditRow(actor, "edit", 0, what, "", reason, receipt.mid, at=clock.now())).result(_WAIT)
    return receipt, None
