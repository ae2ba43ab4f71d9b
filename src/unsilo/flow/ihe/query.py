"""Answers HL7 v2 queries of identity on the connection: PIX (ITI-9) and PDQ (ITI-21), recorded and under the policy."""

import logging
from typing import Any

from unsilo.config import Feed
from unsilo.flow.ihe import pdq
from unsilo.flow.ihe.criteria import criteria
from unsilo.flow.ihe.domains import cx, system_of
from unsilo.flow.ihe.pix import Asked, Crossed, Known, cross, known_to
from unsilo.flow.ihe.rsp import Fault, joined, respond
from unsilo.formats.hl7v2 import Message, Segment, ack, parse
from unsilo.kernel import clock, fresh_id
from unsilo.policy import Predicate, predicate_of
from unsilo.storage import AuditRow

__all__ = ["Queries", "answers"]

_log = logging.getLogger("unsilo.query")
_WAIT = 10.0
_KINDS = {"QBP^Q23": "pix", "QBP^Q22": "pdq", "QCN^J01": "pdq"}
"""Message type -> what a feed must allow in `queries`."""
_RESPONSES = {"pix": "RSP^K23^RSP_K23", "pdq": "RSP^K22^RSP_K21"}
_MOST_RECORDS = 1000


def answers(feed: Feed, kind: str) -> bool | None:
    """Tell whether a feed answers a message of type `QBP^Q23` as a query; None when it is no query."""
    if kind.startswith(("QBP^", "QCN^")):
        return _KINDS.get(kind, "") in feed.queries
    return None


class Queries:
    """The queries of one node; it may be asked from any thread."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._pointers = pdq.Pointers(service.settings.ihe.pointer_seconds)
        self._predicates: dict[str, Predicate] = {}

    def predicate(self, feed: Feed) -> Predicate:
        """Return what the askers of a feed may see: the policy `feed:NAME`, else the general one."""
        found = self._predicates.get(feed.name)
        if found is None:
            tables = self._service.settings.policies
            found = predicate_of(tables.get(f"feed:{feed.name}", tables.get("*", {})))
            self._predicates[feed.name] = found
        return found

    def answer(self, feed: Feed, content: bytes, origin: str = "") -> bytes:
        """Return the whole answer to a query; never raises. It leaves only after its audit row is durable."""
        read = parse(content, charset=feed.charset or None, limits=feed.limits)
        if read.value is None:
            return ack(content, "AR", read.issues, at=clock.now(), control_id=fresh_id()[:20])
        message = read.value
        kind = _KINDS.get(f"{message.header.get(9, 0, 1)}^{message.header.get(9, 0, 2)}", "")
        try:
            return self._answer(feed, message, kind, origin)
        except Exception:  # noqa: BLE001 - the asker gets an application error, the log the place
            _log.exception("a query failed", extra={"feed": feed.name})
            fault = [Fault((), "207", "the query could not be answered")]
            return respond(message, _RESPONSES.get(kind, "ACK"), "AE", faults=fault, status="AE" if kind else "")

    def _answer(self, feed: Feed, message: Message, kind: str, origin: str) -> bytes:
        if message.header.get(9, 0, 1) == "QCN":
            qid = message.first("QID")
            self._pointers.cancel(feed.name, qid.get(1) if qid is not None else "")
            return respond(message, "ACK^J01^ACK", "AA")
        qpd = message.first("QPD")
        if not kind or qpd is None:
            where = ("MSH", 1, 9) if not kind else ("QPD", 1)
            text = "this query is not known" if not kind else "the query has no QPD segment"
            fault = Fault(where, "200" if not kind else "100", text)
            return respond(message, _RESPONSES.get(kind, "ACK"), "AE", faults=[fault], status="AE" if kind else "")
        predicate = self.predicate(feed)
        known = known_to(self._service, predicate)
        faults = _control(message)
        if predicate.elements.get("Patient"):
            faults.append(Fault((), "207", "a part of Patient is not shown here, so it cannot be asked for"))
        if faults:
            return self._said(message, feed, kind, origin, faults)
        if kind == "pix":
            return self._pix(feed, message, qpd, known, origin)
        return self._pdq(feed, message, qpd, known, origin)

    # ITI-9

    def _pix(self, feed: Feed, message: Message, qpd: Segment, known: Known, origin: str) -> bytes:
        value, parts = qpd.get(3, 0, 1), [qpd.get(3, 0, 4, at) for at in (1, 2, 3)]
        if not value:
            return self._said(message, feed, "pix", origin, [Fault(("QPD", 1, 3, 1, 1), "101", "no identifier")])
        system = system_of(feed, *parts) if any(parts) else ""
        systems, wrong = pdq.domains(qpd, 4, feed, known)
        found = cross(known, Asked((system, value), targets=tuple(systems))) if system else Crossed("domain")
        if found.state == "domain":
            fault = Fault(("QPD", 1, 3, 1, 4), "204", "this assigning authority is not known")
            return self._said(message, feed, "pix", origin, [fault])
        if found.state == "unknown":
            fault = Fault(("QPD", 1, 3, 1, 1), "204", "nobody has this number")
            return self._said(message, feed, "pix", origin, [fault])
        if wrong:
            return self._said(message, feed, "pix", origin, wrong)
        feeds = [feed, *known.settings.feeds.values()]
        ids = "~".join(joined(cx(feeds, item)) for item in found.identifiers)
        # The name is left out on purpose: domains may disagree about it (3.9.4.2.2.5).
        lines = [f"PID|||{ids}||~^^^^^^S"] if ids else []
        self._note(feed, "pix", origin, [found.person], "success")
        return respond(message, _RESPONSES["pix"], "AA", status="OK" if ids else "NF", segments=lines)

    # ITI-21

    def _pdq(self, feed: Feed, message: Message, qpd: Segment, known: Known, origin: str) -> bytes:
        asked = qpd.raw
        rcp, dsc = message.first("RCP"), message.first("DSC")
        pointer = dsc.get(1) if dsc is not None else ""
        limit = _limit(rcp)
        systems, faults = pdq.domains(qpd, 8, feed, known)
        if limit is None:
            faults.append(Fault(("RCP", 1, 2, 1), "102", "a whole number of records (RD) from 1 is expected"))
        rest: pdq.Rest | None = None
        if pointer:
            rest = self._pointers.take(pointer, feed.name, asked)
            if rest is None:
                faults.append(Fault(("DSC", 1, 1), "204", "this continuation pointer is not known, or is over"))
        elif not faults:
            pairs, faults = criteria(qpd, feed)
            if not faults:
                found, faults = pdq.persons(known, pairs)
                rest = pdq.Rest(feed.name, qpd.get(2), asked, found, tuple(systems))
        if faults or rest is None:
            return self._said(message, feed, "pdq", origin, faults)
        lines, shown, left = pdq.page(known, feed, rest, limit or 0)
        self._note(feed, "pdq", origin, shown, "success")
        if left:
            more = pdq.Rest(rest.owner, rest.tag, rest.asked, left, rest.systems)
            lines.append(f"DSC|{self._pointers.keep(more)}|I")
        return respond(message, _RESPONSES["pdq"], "AA", status="OK" if lines else "NF", segments=lines)

    # The end

    def _said(self, message: Message, feed: Feed, kind: str, origin: str, faults: list[Fault]) -> bytes:
        self._note(feed, kind, origin, [], "not-found")
        return respond(message, _RESPONSES[kind], "AE", faults=faults, status="AE")

    def _note(self, feed: Feed, kind: str, origin: str, persons: list[int], outcome: str) -> None:
        """Leave audit rows, durable before this returns: what cannot be recorded is not shown."""
        rows = [
            AuditRow(f"feed:{feed.name}", kind, person, f"{kind} query", f"mllp {origin}", "", 0, outcome, clock.now())
            for person in persons or [0]
        ]
        self._service.store.submit(lambda tx: [tx.audit(row) for row in rows], 1).result(_WAIT)


def _control(message: Message) -> list[Fault]:
    """Refuse what is not an immediate query (RCP-1)."""
    rcp = message.first("RCP")
    said = rcp.get(1) if rcp is not None else ""
    return [Fault(("RCP", 1, 1), "103", "only immediate answers (I) are given")] if said not in ("", "I") else []


def _limit(rcp: Segment | None) -> int | None:
    """Return how many records are wanted at once (0 all), None when RCP-2 is not understood."""
    said = rcp.get(2, 0, 1) if rcp is not None else ""
    if not said:
        return 0
    unit = rcp.get(2, 0, 2, 1) if rcp is not None else ""
    if not (said.isascii() and said.isdigit() and 0 < len(said) < 10 and int(said) > 0) or unit not in ("", "RD"):
        return None
    return min(int(said), _MOST_RECORDS)
