"""The golden record as a FHIR Patient: computed for the answer, never stored, every element with where it is from."""

from typing import Any

from unsilo.fhir.subset import SUBSETTED
from unsilo.flow.golden.survive import Chosen, Golden
from unsilo.kernel import Json, clock

__all__ = ["GOLDEN", "SURVIVED", "as_patient"]

GOLDEN = {"system": "urn:unsilo:view", "code": "golden", "display": "golden record"}
"""The tag of a record that is put together from others."""
SURVIVED = "urn:unsilo:survived"
"""The extension of each element: `source` (references to the Patients that state it) and `rule` (what decided)."""

_LISTS = frozenset(
    ("name", "address", "telecom", "identifier", "communication", "contact", "generalPractitioner", "extension")
)


def _origin(one: Chosen) -> Json:
    parts: list[Json] = [
        {"url": "source", "valueReference": {"reference": f"Patient/{record.id}"}} for record in one.records
    ]
    return {"url": SURVIVED, "extension": [*parts, {"url": "rule", "valueCode": one.rule}]}


def _marked(one: Chosen) -> Any:
    if not isinstance(one.value, dict) or one.element == "extension":
        return one.value
    own = one.value.get("extension")
    return {"extension": [*(own if isinstance(own, list) else []), _origin(one)], **_without(one.value)}


def _without(value: Json) -> Json:
    return {key: item for key, item in value.items() if key not in ("extension", "id")}


def as_patient(golden: Golden, id_: str) -> Json:
    """Return the Patient, named by the person's id; `link` leads to every source Patient (FHIR R4 patient.html).

    It is tagged as subsetted, so that nobody writes it back as if a source had said so.
    """
    made: Json = {"resourceType": "Patient", "id": id_}
    newest = max((record.updated for record in golden.records), default=0)
    made["meta"] = {"lastUpdated": clock.instant(newest), "tag": [GOLDEN, dict(SUBSETTED)]}
    for one in golden.chosen:
        value = _marked(one)
        if one.name in _LISTS:
            made.setdefault(one.name, []).append(value)
        else:
            made[one.name] = value
            if not isinstance(value, dict):
                made[f"_{one.name}"] = {"extension": [_origin(one)]}
    made["active"] = any(not record.retired for record in golden.records)
    made["link"] = [
        {"other": {"reference": f"Patient/{record.id}"}, "type": "replaces" if record.retired else "seealso"}
        for record in golden.records
    ]
    return made
