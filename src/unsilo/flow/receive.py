"""Bytes of a feed become durable messages with their keys, and the acknowledgement that a sender is due."""

from typing import NamedTuple

import msgspec

from unsilo.config import Feed
from unsilo.flow import header as head
from unsilo.flow.ihe.query import answers
from unsilo.formats import hl7v2
from unsilo.kernel import Issue, Where, clock, fresh_id, seal
from unsilo.storage import Incoming, Receipt

__all__ = ["Ending", "Reading", "accept_code", "acknowledge", "application_code", "read", "refuse", "wants"]

_BEGINNING = 65_536
"""Bytes that are read for the keys of a piece that is not a message."""


_WISHES = frozenset(("AL", "NE", "ER", "SU"))
"""HL7 table 0155: always, never, on error, on success."""


class Ending(NamedTuple):
    """How the processing of a message ended: its state in the journal and what was found."""

    state: str
    issues: list[Issue]


class Reading(msgspec.Struct):
    """One received piece, read as far as receipt needs: `incoming[0]` is the whole, then one child a message."""

    feed: Feed
    incoming: list[Incoming]
    enhanced: bool = False
    accept: str = "AL"
    application: str = "NE"
    query: bool = False
    """True: it is a query, which is answered on the connection once its bytes are durable, and never processed."""

    @property
    def whole(self) -> Incoming:
        """The piece as it came."""
        return self.incoming[0]


def read(
    feed: Feed, content: bytes, *, at: int = 0, headers: dict[str, str] | None = None, found: tuple[Issue, ...] = ()
) -> Reading:
    """Read keys and wishes of `content`; never raises, whatever the bytes.

    What cannot be understood gets the state `dead`, test data (MSH-11 `T`, `D` or `N`, or a test feed) `test`, a batch
    file (FHS, BHS, or several messages in a row) `batch` with one child a message. `found` are Issues that the
    transport met.
    """
    at = at or clock.now()
    headers = headers or {}
    if feed.format == "hl7v2" and _is_batch(content):
        split = hl7v2.split_batch(content, limits=feed.limits)
        if split.value is None or split.value.wrapped or len(split.value.children) > 1:
            return _batch(feed, content, at, headers, (*found, *split.issues), split.value)
    incoming, face = _one(feed, content, at, headers, found, "")
    if face is not None and feed.format == "hl7v2" and incoming.state != "dead":
        asked = answers(feed, face.type)
        if asked is not None:
            return _query(feed, incoming, asked and headers.get("transport") == "mllp")
    if face is None:
        return Reading(feed, [incoming])
    accept, application = (_wish(incoming, *said) for said in (("MSH-15", face.accept_ack), ("MSH-16", face.app_ack)))
    if not (accept or application):
        return Reading(feed, [incoming])
    # HL7 v2.5.1 2.9.2: enhanced mode as soon as one of MSH-15 and MSH-16 is valued; the other is then NE.
    return Reading(feed, [incoming], True, accept or "NE", application or "NE")


def _wish(incoming: Incoming, place: str, said: str) -> str:
    """Return a wish of HL7 table 0155; what is none counts as not sent, for who waits must not wait for ever."""
    if not said or said in _WISHES:
        return said
    text = f"{place} is {said[:20]!r}, which table 0155 does not have; the message is answered as if it were empty"
    incoming.issues.append(Issue("warning", "value", text, Where(place), rule="receive.wish"))
    return ""


def _query(feed: Feed, incoming: Incoming, answered: bool) -> Reading:
    """Return the reading of a query: kept as done, or refused where the feed answers none."""
    if answered:
        return Reading(feed, [msgspec.structs.replace(incoming, state="done", order_key="", ack="AA")], query=True)
    return Reading(feed, [_refused(incoming)])


def _refused(incoming: Incoming) -> Incoming:
    """Return a query that is kept and not answered: who may send need not be one who may ask."""
    text, hint = "this is not answered here", "ask on an MLLP port whose feed names it in queries"
    issue = Issue("error", "not-supported", text, Where("MSH-9"), hint, "receive.query")
    return msgspec.structs.replace(incoming, state="rejected", order_key="", ack="AR", issues=[*incoming.issues, issue])


def _is_batch(content: bytes) -> bool:
    """Tell a batch, or several messages in a row, from one message."""
    if content.lstrip(b"\r\n")[:3] in (b"FHS", b"BHS"):
        return True
    return b"\rMSH" in content or b"\nMSH" in content.lstrip(b"\r\n")


def _one(
    feed: Feed, content: bytes, at: int, headers: dict[str, str], found: tuple[Issue, ...], parent: str
) -> tuple[Incoming, head.Header | None]:
    envelope = seal(feed.name, feed.format, content, at, headers, parent)
    result = head.read(feed, content)
    issues = [*found, *result.issues]
    face = result.value
    if face is None:
        dead = Incoming(
            envelope=envelope, keys=[], type="", control_id="", event_time=0, order_key="", state="dead",
            issues=issues, ack="AR",
        )  # fmt: skip
        return dead, None
    state, ack = "queued", "AA"
    if not result.ok:
        state, ack = "dead", "AR"
    elif feed.test or face.processing_id in ("T", "D", "N"):
        state = "test"
        text = "kept as test data; it does not reach live records"
        issues.append(Issue("information", "processing-id", text, rule="receive.test"))
    order = {"patient": face.order_key, "feed": "*", "none": ""}[feed.order_by]
    lines = [f"{feed.name}|{line}" for line in order.split("\n") if line]
    incoming = Incoming(
        envelope=envelope, keys=face.pairs, type=face.type, control_id=face.control_id, event_time=face.event_time,
        order_key="\n".join(lines), state=state, issues=issues, ack=ack,
    )  # fmt: skip
    return incoming, face


def _batch(
    feed: Feed, content: bytes, at: int, headers: dict[str, str], found: tuple[Issue, ...], batch: hl7v2.Batch | None
) -> Reading:
    envelope = seal(feed.name, feed.format, content, at, headers)
    children = batch.children if batch is not None else []
    issues = list(found)
    whole = Incoming(
        envelope=envelope, keys=[], type="batch", control_id="", event_time=0, order_key="",
        state="batch" if children else "dead", issues=issues, ack="AA" if children else "AR",
    )  # fmt: skip
    parts = [_one(feed, part, at, headers, (), envelope.id)[0] for _span, part in children]
    parts = [part if answers(feed, part.type) is None else _refused(part) for part in parts]
    bad = sum(part.state == "dead" for part in parts)
    if bad:
        text = f"{bad} of {len(parts)} messages of the batch could not be read; they are kept as dead letters"
        whole.issues = [*issues, Issue("warning", "incomplete", text, rule="receive.batch")]
    return Reading(feed, [whole, *parts])


def refuse(feed: Feed, content: bytes, found: tuple[Issue, ...], headers: dict[str, str] | None = None) -> Reading:
    """Return a reading of what is kept as evidence and never processed (a cut, endless or unframed piece).

    What keys its beginning holds are searchable; the control id is not taken as used, for the whole may still come.
    """
    envelope = seal(feed.name, feed.format, content, clock.now(), headers or {})
    face = head.read(feed, content[:_BEGINNING]).value
    return Reading(feed, [
        Incoming(
            envelope=envelope, keys=face.pairs if face is not None else [], type=face.type if face is not None else "",
            control_id="", event_time=0, order_key="", state="rejected", issues=list(found), ack="AR",
        )
    ])  # fmt: skip


def wants(wish: str, code: str) -> bool:
    """Tell whether a wish of MSH-15 or MSH-16 (HL7 table 0155) asks for an acknowledgement with this code."""
    good = code[1:] == "A"
    return {"AL": True, "ER": not good, "SU": good}.get(wish, False)


def accept_code(reading: Reading, receipt: Receipt) -> hl7v2.AckCode:
    """Return the code that says what became of the bytes: AA, AE, AR, or CA, CE, CR in enhanced mode."""
    original: tuple[hl7v2.AckCode, ...] = ("AA", "AE", "AR")
    enhanced: tuple[hl7v2.AckCode, ...] = ("CA", "CE", "CR")
    at = original.index(receipt.ack) if receipt.ack in original else 0
    return (enhanced if reading.enhanced else original)[at]


def application_code(ending: Ending) -> hl7v2.AckCode:
    """Return the code that says what became of the meaning: AA when it reached the records, else AE or AR."""
    if ending.state in ("dead", "held"):
        return "AE"
    return "AR" if ending.state == "rejected" else "AA"


def acknowledge(content: bytes, code: hl7v2.AckCode, issues: list[Issue]) -> bytes:
    """Return the acknowledgement message for `content` with the graver Issues as ERR segments."""
    grave = [issue for issue in issues if issue.severity != "information" or code[1:] != "A"]
    if code[1:] == "A":
        grave = [issue for issue in grave if issue.severity == "warning"]
    return hl7v2.ack(content, code, grave, at=clock.now(), control_id=fresh_id()[:20])
