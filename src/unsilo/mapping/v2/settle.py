"""What no row can see for itself: two elements that exclude each other, and codes that an element around forbids."""

from __future__ import annotations

from typing import Any

from unsilo.kernel import Json, Row
from unsilo.mapping.model import Draft
from unsilo.mapping.policy import ABSENT
from unsilo.mapping.v2.run import V2Run

__all__ = ["settle"]


def settle(run: V2Run) -> None:
    """Make the resources of a message fit R4's choices and invariants; what has to give way is kept beside."""
    for draft in run.drafts:
        rule = _RULES.get(draft.type)
        if rule is not None and rule(run, draft):
            draft.mixed = True


def _service_request(run: V2Run, draft: Draft) -> bool:
    """A timing (ORC-7, TQ1) and a requested time (OBR-6) are one choice: the timing says more."""
    del run
    body = draft.body
    if "occurrenceTiming" not in body or "occurrenceDateTime" not in body:
        return False
    _keep(draft, "occurrenceDateTime", "OBR-6", "valueDateTime")
    return True


def _encounter(run: V2Run, draft: Draft) -> bool:
    """An end before the start is no period (invariant per-1)."""
    period = draft.body.get("period")
    if not isinstance(period, dict) or not {"start", "end"} <= period.keys():
        return False
    start, end = (run.program.moment[_digits(period[name])] for name in ("start", "end"))
    if not start or not end or end >= start or period["start"].startswith(period["end"]):
        return False
    text = f"the visit ends ({period['end']}) before it begins ({period['start']})"
    place = next((row[2] for row in draft.rows if row[0] == "period.end"), None)
    run.issue("warning", "value", text, place, "mapping.v2.period")
    _keep(draft, "period.end", "PV1-45", "valueDateTime")
    return True


def _digits(text: str) -> str:
    """A FHIR time as a v2 time."""
    date, _, time = text.partition("T")
    zone = ""
    for sign in "+-":
        if sign in time:
            time, _, zone = time.partition(sign)
            zone = sign + zone.replace(":", "")
    return date.replace("-", "") + time.replace(":", "").removesuffix("Z") + zone


def _organization(run: V2Run, draft: Draft) -> bool:
    """No address or telecom of an organization is a home (invariants org-2 and org-3)."""
    del run
    body, moved = draft.body, False
    for name in ("address", "telecom"):
        for index, item in enumerate(body.get(name) or ()):
            if item.get("use") == "home":
                _aside(draft, item, f"{name}[{index}]")
                moved = True
    return moved


def _aside(draft: Draft, item: Json, path: str) -> None:
    extensions = item.setdefault("extension", [])
    at = f"{path}.extension[{len(extensions)}]"
    extensions.append({"url": "urn:unsilo:v2:use", "valueCode": item.pop("use")})
    old = [row for row in draft.rows if row[0] == f"{path}.use"]
    rule = old[0][1] if old else "mapping.v2.use"
    draft.rows[:] = [row for row in draft.rows if row[0] != f"{path}.use"]
    draft.rows.append(Row(f"{at}.url", rule, None))
    draft.rows += [Row(f"{at}.valueCode", row[1], row[2]) for row in old] or [Row(f"{at}.valueCode", rule, None)]


def _patient(run: V2Run, draft: Draft) -> bool:
    """A contact has a name, a telecom, an address or an organization (invariant pat-1)."""
    del run
    moved = False
    for index, contact in enumerate(draft.body.get("contact") or ()):
        if contact.keys().isdisjoint({"name", "telecom", "address", "organization"}):
            contact["name"] = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
            at = f"contact[{index}].name.extension[0]"
            draft.rows += [
                Row(f"{at}.url", "mapping.v2.contact", None),
                Row(f"{at}.valueCode", "mapping.v2.contact", None),
            ]
            moved = True
    return moved


def _condition(run: V2Run, draft: Draft) -> bool:
    """A problem that is said to be active and to have ended (PRB-9) stays active (invariant con-4)."""
    body = draft.body
    codings = body.get("clinicalStatus", {}).get("coding", ())
    said = {one.get("code") for one in codings if one.get("system") == _CLINICAL}
    if "abatementDateTime" not in body or not said or said & {"inactive", "resolved", "remission"}:
        return False
    place = next((row[2] for row in draft.rows if row[0] == "abatementDateTime"), None)
    text = f"the problem ended ({body['abatementDateTime']}) and is said to be {', '.join(sorted(map(str, said)))}"
    run.issue("warning", "value", text, place, "mapping.v2.abatement")
    _keep(draft, "abatementDateTime", "PRB-9", "valueDateTime")
    return True


_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def _medicine(run: V2Run, draft: Draft) -> bool:
    """A compound (RXC) and a code are one choice: what the order names is the code of the compound."""
    del run
    body, name = draft.body, "medicationCodeableConcept"
    made = body.get("medicationReference", {}).get("reference")
    if name not in body or not isinstance(made, Draft):
        return False
    if "code" in made.body:
        _keep(draft, name, "medication", "valueCodeableConcept")
        return True
    made.body["code"] = body.pop(name)
    made.rows += [Row(f"code{row[0][len(name) :]}", row[1], row[2]) for row in draft.rows if row[0].startswith(name)]
    draft.rows[:] = [row for row in draft.rows if not row[0].startswith(name)]
    return True


def _keep(draft: Draft, path: str, field: str, value: str) -> None:
    """Move an element into an extension of the resource, with its lineage."""
    *above, name = path.split(".")
    node: Any = draft.body
    for step in above:
        node = node[step]
    extensions = draft.body.setdefault("extension", [])
    at = f"extension[{len(extensions)}]"
    extensions.append({"url": f"urn:unsilo:v2:{field}", value: node.pop(name)})
    old = [row for row in draft.rows if row[0] == path or row[0].startswith(f"{path}.")]
    draft.rows[:] = [row for row in draft.rows if row not in old]
    draft.rows.append(Row(f"{at}.url", old[0][1] if old else "mapping.v2.kept", None))
    draft.rows += [Row(f"{at}.{value}{row[0][len(path) :]}", row[1], row[2]) for row in old]


_RULES = {
    "ServiceRequest": _service_request,
    "Encounter": _encounter,
    "Organization": _organization,
    "Patient": _patient,
    "Condition": _condition,
    "MedicationRequest": _medicine,
    "MedicationDispense": _medicine,
    "MedicationAdministration": _medicine,
}
