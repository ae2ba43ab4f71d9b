"""A feed's mapping: what it sends, what of it is used, its overlay edited, tried, published and taken back."""

from typing import Any
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from unsilo.config import Feed
from unsilo.console.gate import Asked, pick, refusal, whole
from unsilo.console.render import Notice, home_zone, page
from unsilo.flow.overlays.coverage import coverage
from unsilo.flow.overlays.difference import difference
from unsilo.flow.overlays.messages import journaled
from unsilo.flow.shapes.part import ALL
from unsilo.flow.shapes.profile import Line, Profile, part_of
from unsilo.kernel import Issue

__all__ = ["acknowledge", "act", "mapping_page"]

_COUNTS = ("50", "200", "500")
_MOST_TEXT = 1_000_000
_MOST_GROUPS = 200
_SHAPE = 40


def _feed(asked: Asked) -> Feed | None:
    return asked.service.live(asked.request.path_params["name"])


def _no_feed(asked: Asked) -> Response:
    return refusal(asked.request, 404, "No such feed", "No feed of this name is configured.", view=asked.view)


def mapping_page(
    asked: Asked, notice: Notice | None = None, typed: str | None = None, faults: list[Issue] | None = None,
    tried: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    """Show a feed's overlay with its editor, alarms about its shape, history; coverage where it is asked for."""
    feed = _feed(asked)
    if feed is None:
        return _no_feed(asked)
    service, name = asked.service, feed.name
    service.overlays.forget()
    version, text = service.overlays.text(name)
    history = service.overlays.history(name)
    covered = None
    if asked.request.query_params.get("show") == "coverage":
        asked.audit("read messages", what=f"map coverage on feed {name}")
        count = int(pick(asked.request, "count", _COUNTS, "200"))
        covered = coverage(journaled(service.store, name, count), feed, workers=1)
    _, profile = service.shapes.profile(name)
    alarms = service.shapes.alarms(name)
    shown = whole(asked.request, "version")
    return page(
        "feed_mapping.html", asked.view, zone=home_zone(service.settings), title=f"{name}: mapping", notice=notice,
        feed=feed, version=version, text=text.decode("utf-8", "replace") if typed is None else typed,
        file=service.settings.feeds[name].overlay, history=history, alarms=[a for a in alarms if not a.ended],
        ended=[a for a in alarms if a.ended][:20], faults=faults, tried=tried, covered=covered, counts=_COUNTS,
        may_publish=asked.may("overlay.publish") and feed.format in ("hl7v2", "ccda"),
        may_note=asked.may("overlay.publish"), may_messages=asked.may("message.read"),
        may_replay=asked.may("message.replay"), edited=typed is not None,
        former=next((each for each in history if each.version == shown), None),
        seen=int(profile[ALL].count) if ALL in profile else 0,
        shape=_types(profile),
    )  # fmt: skip


def _types(profile: Profile) -> list[tuple[str, Line, float | None]]:
    """Return message types, segments and sections with their shares, the most frequent first."""
    found = [
        (key, line, part_of(profile, line))
        for key, line in profile.items()
        if key.startswith(("type ", "segment ", "section "))
    ]
    return sorted(found, key=lambda row: -row[1].count)[:_SHAPE]


def act(asked: Asked) -> Response:
    """Check, try or publish the text of the form, or go back to a former version."""
    feed = _feed(asked)
    if feed is None:
        return _no_feed(asked)
    wanted = asked.field("act")
    if wanted == "back":
        return _back(asked, feed)
    typed = str(asked.form.get("text") or "")[:_MOST_TEXT].replace("\r\n", "\n").replace("\r", "\n")
    text = typed.encode("utf-8", "replace")
    if wanted == "publish":
        return _publish(asked, feed, typed, text)
    faults = asked.service.overlays.check(feed.name, text)
    wrong = any(issue.severity in ("error", "fatal") for issue in faults)
    if wrong or wanted == "check":
        words = "It cannot be used as it is." if wrong else "It can be used."
        return mapping_page(asked, Notice(words, "bad" if wrong else "good"), typed, faults)
    return mapping_page(asked, None, typed, faults, _tried(asked, feed, text))


def _tried(asked: Asked, feed: Feed, text: bytes) -> dict[str, Any]:
    """Compare what is in use with a text, over the last messages of the feed."""
    count = asked.field("count")
    asked.audit("read messages", what=f"overlay tried on feed {feed.name}")
    now = asked.service.overlays.text(feed.name)[1]
    last = int(count) if count in _COUNTS else int(_COUNTS[0])
    found = difference(
        journaled(asked.service.store, feed.name, last), feed, now, text, values=asked.may("message.read"), workers=1
    )
    return {"found": found, "groups": found.groups[:_MOST_GROUPS], "more": len(found.groups) - _MOST_GROUPS}


def _publish(asked: Asked, feed: Feed, typed: str, text: bytes) -> Response:
    base = asked.field("base")
    done = asked.service.overlays.publish(
        feed.name, text, asked.user.name, asked.field("reason"), int(base) if base.isascii() and base.isdigit() else 0
    )
    if done.value is None:
        placed = [issue for issue in done.issues if issue.where.path]
        words = "It has errors and was not published." if placed else f"Not published: {done.issues[0].text}."
        return mapping_page(asked, Notice(words, "bad"), typed, placed)
    return _there(feed)


def _back(asked: Asked, feed: Feed) -> Response:
    number = asked.field("version")
    version = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else -1
    done = asked.service.overlays.back_to(feed.name, version, asked.user.name, asked.field("reason"))
    if done.value is None:
        return mapping_page(asked, Notice(f"Not published: {done.issues[0].text}.", "bad"))
    return _there(feed)


def _there(feed: Feed) -> Response:
    return RedirectResponse(f"/feeds/{quote(feed.name)}/mapping", 303)


def acknowledge(asked: Asked) -> Response:
    """Let a person take note of an alarm about the feed's shape."""
    feed = _feed(asked)
    if feed is None:
        return _no_feed(asked)
    number, reason = asked.field("alarm"), asked.field("reason")
    if not reason:
        return mapping_page(asked, Notice("Say what came of it.", "bad"))
    known = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0
    done = asked.service.shapes.acknowledge(known, asked.user.name, reason)
    if done.value is None:
        return mapping_page(asked, Notice(f"{done.issues[0].text[:1].upper()}{done.issues[0].text[1:]}.", "bad"))
    return _there(feed)
