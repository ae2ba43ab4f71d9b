"""Messages: one search over all business keys, one message in full, and errors by cause."""

from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from unsilo.console.facts import download
from unsilo.console.foresee import foreseeing
from unsilo.console.gate import Asked, whole
from unsilo.console.render import home_zone, page
from unsilo.fhir.leaves import leaves
from unsilo.flow.process import State, decode, orphan
from unsilo.flow.read.provenance import excerpt
from unsilo.flow.read.words import number
from unsilo.flow.trees import Node, place_of, tree_nodes
from unsilo.kernel import Envelope, json
from unsilo.storage import MessageRow

__all__ = ["STATES", "causes_page", "message_page", "messages_page", "no_message", "original_file", "resources_of"]

_PAGE = 50
_MOST_CAUSES = 200
_MOST_SHOWN = 80
"""Resources shown element by element; of a larger message the others are named and linked."""
STATES: dict[str, tuple[str, str]] = {
    "done": ("Processed", "good"), "queued": ("Queued", "idle"), "dead": ("Dead letter", "bad"),
    "held": ("Held", "warn"), "test": ("Test, not stored", "idle"), "rejected": ("Rejected", "bad"),
    "batch": ("Batch", "idle"), "aside": ("Set aside", "idle"),
}  # fmt: skip
_KINDS: dict[str, str] = {
    "": "any key", "patient": "patient number", "name": "name", "birth_date": "birth date",
    "accession": "accession number", "order": "order number", "visit": "visit number", "control_id": "control id",
    "type": "message type", "sender": "sender",
}  # fmt: skip


def no_message(asked: Asked) -> Response:
    """Answer for a message that is not there."""
    return page(
        "problem.html", asked.view, status=404, title="No such message", words="There is no message with this id.",
        hint="",
    )  # fmt: skip


def messages_page(asked: Asked) -> Response:
    """Search the journal."""
    query = asked.request.query_params
    typed = query.get("q", "").strip()[:200]
    kind = query.get("kind", "") if query.get("kind", "") in _KINDS else ""
    feed, state, cause = query.get("feed", ""), query.get("state", ""), query.get("cause", "")
    before = whole(asked.request, "before") or None
    rows = asked.service.store.search_messages(
        "" if kind else typed, kind=kind, value=typed if kind else "", feed=feed, state=state, cause=cause,
        limit=_PAGE + 1, before=before,
    )  # fmt: skip
    asked.audit("search messages", what=f"{len(rows)} message{'s' * (len(rows) != 1)} found")
    shown = rows[:_PAGE]
    older = ""
    if len(rows) > _PAGE:
        asked_for = {"q": typed, "kind": kind, "feed": feed, "state": state, "cause": cause}
        older = "/messages?" + urlencode({k: v for k, v in asked_for.items() if v} | {"before": shown[-1].mid})
    return page(
        "messages.html", asked.view, zone=home_zone(asked.service.settings), title="Messages", q=typed, kind=kind,
        feed=feed, state=state, cause=cause, rows=shown, older=older, states=STATES, kinds=_KINDS,
        feeds=sorted(asked.service.settings.feeds),
    )  # fmt: skip


def causes_page(asked: Asked) -> Response:
    """Show errors grouped by what caused them."""
    store = asked.service.store
    found = store.causes()
    return page(
        "causes.html", asked.view, zone=home_zone(asked.service.settings), title="Errors by cause",
        groups=[(item, store.message(item.last)) for item in found[:_MOST_CAUSES]], more=len(found) > _MOST_CAUSES,
    )  # fmt: skip


def resources_of(asked: Asked, row: MessageRow, envelope: Envelope | None, tree: Any) -> list[dict[str, Any]]:
    """Return what the message made: each resource version with its elements and their places in the original."""
    store = asked.service.store
    found: list[dict[str, Any]] = []
    for stored in store.effects(row.mid):
        body = json.decode(stored.body) if stored.body else {}
        rules = {r.path: r for part in store.lineage(stored.type, stored.id, stored.version)
                 if part.envelope == row.id for r in part.rows}  # fmt: skip
        lines = []
        for path, value in leaves(body) if len(found) < _MOST_SHOWN else ():
            rule = rules.get(path)
            place, span = "", None
            if rule is not None and envelope is not None and tree is not None:
                place, span = place_of(row.format, tree, envelope.content, rule.source)
            lines.append(
                {"path": path, "value": number(value), "rule": rule.rule if rule else "", "place": place, "span": span}
            )
        patient = body.get("subject") or body.get("patient") or {}
        id_ = stored.id if stored.type == "Patient" else str(patient.get("reference") or "").removeprefix("Patient/")
        person = store.person_of(id_) if id_ else None
        known = store.person(person) if person is not None else None
        found.append({
            "ref": f"{stored.type}/{stored.id}", "type": stored.type, "version": stored.version, "late": stored.late,
            "current": stored.version == stored.top or not stored.top, "lines": lines, "person": person or 0,
            "uid": known.uid if known is not None else "",
        })  # fmt: skip
    return found


def message_page(asked: Asked) -> Response:
    """Show one message: bytes, tree and resources side by side, what nothing consumed, Issues, the answer sent."""
    store = asked.service.store
    row = store.message(asked.request.path_params["id"])
    if row is None:
        return no_message(asked)
    envelope = None if row.removed_on else store.envelope(row.id)
    tree, nodes, codec = None, list[Node](), "utf-8"
    if envelope is not None:
        decoded = decode(State(envelope, asked.service.feed(row.feed) or orphan(envelope)))
        tree = decoded.value.tree if decoded.value is not None else None
        if tree is not None:
            nodes = tree_nodes(row.format, tree, envelope.content)
            codec = str(getattr(tree, "charset", "") or "utf-8")
    outcome = store.outcome(row.mid)
    unread = {path for _, path, _ in outcome.unconsumed} if outcome is not None else set()
    spans = sorted({n.span for n in nodes if n.path in unread and n.span is not None})
    made = resources_of(asked, row, envelope, tree)
    for person in {r["person"] for r in made} or {0}:
        asked.audit("read message", person=person, what=f"message {row.id}", mid=row.mid)
    shown = page(
        "message.html", asked.view, zone=home_zone(asked.service.settings), title=f"Message {row.control_id or row.id}",
        row=row, state=STATES.get(row.state, (row.state, "idle")), outcome=outcome, unread=unread,
        overlay=asked.service.overlays.used(row.feed, row.id), may_overlays=asked.may("overlay.read"),
        may_person=asked.may("person.read"),
        issues=outcome.issues if outcome is not None else row.issues, nodes=nodes[:1500], nodes_total=len(nodes),
        excerpt=excerpt(envelope.content, codec, spans, window=40_000) if envelope is not None else None,
        headers=envelope.headers if envelope is not None else {}, resources=made,
        children=store.search_messages(parent=row.id, limit=200),
        parent=store.message(row.parent) if row.parent else None,
        may_replay=asked.may("message.replay"), ack=row.ack.replace("\r", "\n"),
    )  # fmt: skip
    return foreseeing(asked, shown, (resource["uid"] for resource in made))


def original_file(asked: Asked) -> Response:
    """Send a message's bytes exactly as they came."""
    row = asked.service.store.message(asked.request.path_params["id"])
    content = asked.service.store.content(row.id) if row is not None else None
    if row is None or content is None:
        return no_message(asked)
    asked.audit("download message", what=f"message {row.id}", mid=row.mid)
    suffix = {"hl7v2": "hl7", "ccda": "xml", "fhir": "json"}.get(row.format, "bin")
    return download(content, f"{row.id}.{suffix}")
