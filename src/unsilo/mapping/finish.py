"""From drafts to entries: identity, one resource a thing, closed references, policies and the message's Provenance."""

from __future__ import annotations

from typing import Any

from unsilo.kernel import Json, Locator, Row, content_id
from unsilo.kernel.clock import instant
from unsilo.mapping.identity import merge_into
from unsilo.mapping.model import Draft, Entry
from unsilo.mapping.plan import join
from unsilo.mapping.runtime import sourced

__all__ = ["Facts", "finish"]

SHA256_URL = "urn:unsilo:sha256"
DIGEST_URL = "urn:unsilo:map-digest"
_ROLE = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


class _Targets(dict[int, Row]):
    def __missing__(self, number: int) -> Row:
        row = Row(f"target[{number}].reference", "provenance.target", None)
        if number < 1000:
            self[number] = row
        return row


_TARGETS = _Targets()

Facts = dict[str, tuple[str, Locator]]
"""What the source says about itself: `occurred` (FHIR dateTime), `sender`, `control`, each with its place."""


def finish(run: Any, facts: Facts) -> list[Entry]:
    """Return the entries of a run, its Provenance last."""
    kept = [draft for draft in run.drafts if sourced(draft.rows, 0)]
    alive = set(map(id, kept))
    run.alive = alive
    for draft in kept:
        for made, known in draft.links:
            if known is not None:
                if id(known) in alive and known is not draft:
                    join(run, draft, made, known)
                continue
            for name in made.names:
                target = run.variable(draft, name)
                if target is not None and target is not draft:
                    join(run, draft, made, target)
                    break
    identities = run.program.identities
    unique: dict[str, Draft] = {}
    for draft in kept:
        ref = identities.settle(run, draft)
        first = unique.setdefault(ref, draft)
        if first is not draft:
            merge_into(first, draft)
    marks = {id(draft): run.program.policies.complete(run, draft) for draft in unique.values()}
    for reference in run.refs:
        target = reference["reference"]
        if isinstance(target, Draft):
            while target.into is not None:
                target = target.into
            reference["reference"] = target.ref or identities.settle(run, target)
    entries = []
    for draft in unique.values():
        clock, rank = marks[id(draft)]
        entries.append(Entry(draft.body, draft.rows, clock, rank, draft.cleared))
    entries.append(_provenance(run, list(unique), facts))
    return entries


def _provenance(run: Any, targets: list[str], facts: Facts) -> Entry:
    envelope = run.envelope
    rows: list[Row] = []
    body: Json = {"resourceType": "Provenance", "id": content_id("Provenance", envelope.id)}
    rows.append(Row("id", "provenance.id", None))
    body["target"] = [{"reference": target} for target in targets]
    rows += [_TARGETS[n] for n in range(len(targets))]
    occurred, place = facts.get("occurred", ("", None))
    if occurred:
        body["occurredDateTime"] = occurred
        rows.append(Row("occurredDateTime", "provenance.occurred", place))
    body["recorded"] = instant(envelope.received_at)
    rows.append(Row("recorded", "provenance.recorded", None))
    sender, place = facts.get("sender", ("", None))
    body["agent"] = [
        {
            "type": {"coding": [{"system": _ROLE, "code": "author"}]},
            "who": {"display": sender or run.site.organisation or envelope.feed},
        }
    ]
    rows.append(Row("agent[0].type.coding[0].system", "provenance.agent", None))
    rows.append(Row("agent[0].type.coding[0].code", "provenance.agent", None))
    rows.append(Row("agent[0].who.display", "provenance.agent.who", place if sender else None))
    what: Json = {"reference": f"Binary/{envelope.id}"}
    control, place = facts.get("control", ("", None))
    if control:
        what["identifier"] = {"value": control}
        rows.append(Row("entity[0].what.identifier.value", "provenance.control", place))
    body["entity"] = [{"role": "source", "what": what}]
    rows.append(Row("entity[0].role", "provenance.entity", None))
    rows.append(Row("entity[0].what.reference", "provenance.entity", None))
    extensions = ((SHA256_URL, envelope.sha256), (DIGEST_URL, run.program.tables.digest))
    body["extension"] = [{"url": url, "valueString": value} for url, value in extensions]
    for number in range(2):
        rows.append(Row(f"extension[{number}].url", "provenance.digest", None))
        rows.append(Row(f"extension[{number}].valueString", "provenance.digest", None))
    return Entry(body, rows)
