"""From drafts to entries: identity, one resource a thing, closed references, policies and the message's Provenance."""

from __future__ import annotations

from typing import Any

from unsilo.kernel import Json, Locator, Row, content_id
from unsilo.kernel.clock import instant
from unsilo.mapping.identity import merge_into
from unsilo.mapping.model import Draft, Entry
from unsilo.mapping.plan import join
from unsilo.mapping.runtime import sourced

__all__ = ["Said", "finish"]

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

Said = dict[str, tuple[str, Locator]]
"""What the source says about itself: `occurred` (FHIR dateTime), `sender`, `control`, each with its place."""


def finish(run: Any, facts: Said) -> list[Entry]:
    """Return the entries of a run, its Provenance last."""
    kept = [draft for draft in run.drafts if sourced(draft.rows, 0)]
    alive = set(map(id, kept))
    run.alive = alive
    if run.site.default_authority:
        for draft in kept:
            if draft.type == "Patient":
                _default_authority(draft, run.site.default_authority)
    identities = run.program.identities
    settle = identities.settle
    unique: dict[str, Draft] = {}
    for draft in kept:
        ref = settle(run, draft)
        first = unique.setdefault(ref, draft)
        if first is not draft:
            merge_into(first, draft)
    for origin in kept:
        if not origin.links:
            continue
        draft = origin
        while draft.into is not None:
            draft = draft.into
        body = draft.body
        for made, known in origin.links:
            if made.simple and not made.many and made.name in body:
                continue
            target = known if known is not None else run.target(origin, made.names)
            if target is None or id(target) not in alive:
                continue
            while target.into is not None:
                target = target.into
            if target is not draft:
                join(run, draft, made, target.ref)
    for reference in run.refs:
        target = reference["reference"]
        if isinstance(target, Draft):
            while target.into is not None:
                target = target.into
            reference["reference"] = target.ref or settle(run, target)
    entries = []
    complete = run.program.policies.complete
    for draft in unique.values():
        clock, rank = complete(run, draft)
        entries.append(Entry(draft.body, draft.rows, clock, rank, list(draft.cleared)))
    entries.append(_provenance(run, list(unique), facts))
    return entries


def _default_authority(draft: Draft, system: str) -> None:
    """A patient's number that names no authority is of the feed's default one; other kinds of number are left alone."""
    for index, item in enumerate(draft.body.get("identifier") or ()):
        kinds = {coding.get("code") for coding in item.get("type", {}).get("coding", ())}
        if "value" in item and "system" not in item and not kinds - {"MR", "PI", "PT"}:
            item["system"] = system
            draft.rows.append(Row(f"identifier[{index}].system", "site.default_authority", None))


def _provenance(run: Any, targets: list[str], facts: Said) -> Entry:
    envelope = run.envelope
    rows: list[Row] = []
    body: Json = {"resourceType": "Provenance", "id": content_id("Provenance", envelope.id)}
    rows.append(Row("id", "provenance.id", None))
    body["target"] = [{"reference": target} for target in targets]
    rows += map(_TARGETS.__getitem__, range(len(targets)))
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
