"""The Provenance of a message: who said it when, of which bytes it was made and by which tables."""

from __future__ import annotations

from functools import cache
from typing import Any

from unsilo.kernel import Json, Locator, Row, content_id
from unsilo.kernel.clock import instant
from unsilo.mapping.model import Entry

__all__ = ["DIGEST_URL", "OVERLAY_URL", "SHA256_URL", "Said", "provenance"]

SHA256_URL = "urn:unsilo:sha256"
DIGEST_URL = "urn:unsilo:map-digest"
OVERLAY_URL = "urn:unsilo:overlay"
_ROLE = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"

Said = dict[str, tuple[str, Locator]]
"""What the source says about itself: `occurred` (FHIR dateTime), `sender`, `control`, each with its place."""


_USUAL = 1000


@cache
def _targets() -> list[Row]:
    """The lineage of targets, by number, of as many as messages usually have."""
    return [_target(number) for number in range(_USUAL)]


def _target(number: int) -> Row:
    return Row(f"target[{number}].reference", "provenance.target", None)


_ID = Row("id", "provenance.id", None)
_FIXED = [
    Row("recorded", "provenance.recorded", None),
    Row("agent[0].type.coding[0].system", "provenance.agent", None),
    Row("agent[0].type.coding[0].code", "provenance.agent", None),
    Row("entity[0].role", "provenance.entity", None),
    Row("entity[0].what.reference", "provenance.entity", None),
    *(Row(f"extension[{n}].{name}", "provenance.digest", None) for n in range(2) for name in ("url", "valueString")),
]
_OVERLAY = [Row(f"extension[2].{name}", "provenance.overlay", None) for name in ("url", "valueString")]
_NO_SENDER = Row("agent[0].who.display", "provenance.agent.who", None)


def provenance(run: Any, targets: list[str], facts: Said) -> Entry:
    """Return the Provenance of all resources of a run (FHIR R4 provenance.html), with its lineage."""
    envelope = run.envelope
    rows = [_ID, *_targets()[: len(targets)], *map(_target, range(_USUAL, len(targets))), *_FIXED]
    body: Json = {"resourceType": "Provenance", "id": content_id("Provenance", envelope.id)}
    body["target"] = [{"reference": target} for target in targets]
    occurred, place = facts.get("occurred", ("", None))
    if occurred:
        body["occurredDateTime"] = occurred
        rows.append(Row("occurredDateTime", "provenance.occurred", place))
    body["recorded"] = instant(envelope.received_at)
    sender, place = facts.get("sender", ("", None))
    body["agent"] = [
        {
            "type": {"coding": [{"system": _ROLE, "code": "author"}]},
            "who": {"display": sender or run.site.organisation or envelope.feed},
        }
    ]
    rows.append(Row("agent[0].who.display", "provenance.agent.who", place) if sender else _NO_SENDER)
    what: Json = {"reference": f"Binary/{envelope.id}"}
    control, place = facts.get("control", ("", None))
    if control:
        what["identifier"] = {"value": control}
        rows.append(Row("entity[0].what.identifier.value", "provenance.control", place))
    body["entity"] = [{"role": "source", "what": what}]
    extensions = ((SHA256_URL, envelope.sha256), (DIGEST_URL, run.program.tables.digest))
    body["extension"] = [{"url": url, "valueString": value} for url, value in extensions]
    if run.program.overlay:
        body["extension"].append({"url": OVERLAY_URL, "valueString": run.program.overlay})
        rows += _OVERLAY
    return Entry(body, rows)
