"""Each kind of FHIR resource in words: what it is, its value, and the particulars beneath."""

from collections.abc import Callable
from typing import Any

from unsilo.flow.read.words import code_keys, codeable, human_name, joined, number, quantity, ratio, say_when, when
from unsilo.kernel import Json

__all__ = [
    "DENIALS",
    "concept",
    "concept_keys",
    "grave",
    "particulars",
    "status_word",
    "subject",
    "title",
    "value_text",
]

_CONCEPTS: dict[str, tuple[str, ...]] = {
    "AllergyIntolerance": ("code",),
    "Condition": ("code",),
    "MedicationRequest": ("medicationCodeableConcept",),
    "MedicationStatement": ("medicationCodeableConcept",),
    "MedicationDispense": ("medicationCodeableConcept",),
    "MedicationAdministration": ("medicationCodeableConcept",),
    "Immunization": ("vaccineCode",),
    "Observation": ("code",),
    "DiagnosticReport": ("code",),
    "DocumentReference": ("type", "category"),
    "Composition": ("type",),
    "Procedure": ("code",),
    "DeviceUseStatement": ("device",),
    "Device": ("type",),
    "ServiceRequest": ("code",),
    "CarePlan": ("category",),
    "Goal": ("description",),
    "Appointment": ("reasonCode", "serviceType", "appointmentType"),
    "Encounter": ("type", "serviceType", "class"),
    "Coverage": ("type",),
    "FamilyMemberHistory": ("relationship",),
    "RelatedPerson": ("relationship",),
    "Flag": ("code",),
    "Consent": ("category",),
}
"""Where each resource type says what it is about, best first (FHIR R4 resource definitions)."""

DENIALS: dict[str, str] = {
    "http://snomed.info/sct|716186003": "No known allergy",
    "http://snomed.info/sct|409137002": "No known drug allergy",
    "http://snomed.info/sct|428607008": "No known environmental allergy",
    "http://snomed.info/sct|429625007": "No known food allergy",
    "http://snomed.info/sct|160244002": "No known allergies",
    "http://snomed.info/sct|160245001": "No current problems or disability",
    "http://snomed.info/sct|787481004": "No known medications",
    "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips|no-known-allergies": "No known allergies",
    "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips|no-known-problems": "No known problems",
    "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips|no-known-medications": "No known medications",
    "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips|no-known-immunizations": "No known immunisations",
    "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips|no-known-procedures": "No known procedures",
    "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips|no-known-devices": "No known devices",
}
"""Codes by which a source says that it asked and there is none (SNOMED CT; IPS absent and unknown data)."""

_ORDINARY: dict[str, str] = {
    "Observation": "Observation without a name",
    "Encounter": "Encounter",
    "Appointment": "Appointment",
    "DocumentReference": "Document",
    "DiagnosticReport": "Report",
    "ServiceRequest": "Order without a name",
    "MedicationRequest": "Medication without a name",
    "DeviceUseStatement": "Use of a device",
}


def concept(resource: Json) -> Json:
    """Return the CodeableConcept (or Coding, or Reference) that says what the resource is about; empty if none."""
    for name in _CONCEPTS.get(str(resource.get("resourceType")), ("code", "type")):
        found = resource.get(name)
        if isinstance(found, dict) and found:
            return found
        if isinstance(found, list) and found and isinstance(found[0], dict) and found[0]:
            return found[0]
    reference = resource.get("medicationReference")
    return reference if isinstance(reference, dict) else {}


def _inside(resource: Json, reference: Json) -> Json:
    target = str(reference.get("reference", ""))
    if target.startswith("#"):
        for part in resource.get("contained") or ():
            if part.get("id") == target[1:]:
                return part.get("code") or {}
    return {}


def title(resource: Json) -> str:
    """Return the plain name of the thing, or says what kind of thing has no name; never empty."""
    about = concept(resource)
    words = codeable(about) or str(about.get("display") or "")
    if not words and "reference" in about:
        words = codeable(_inside(resource, about))
        if not words and resource.get("resourceType") not in _ORDINARY:
            words = str(about["reference"])
    if not words and resource.get("resourceType") == "DocumentReference":
        words = str(resource.get("description") or "")
    kind = str(resource.get("resourceType", "Fact"))
    return words or _ORDINARY.get(kind, f"{kind} without a name")


def subject(resource: Json) -> Json:
    """Return the CodeableConcept of what the resource is about, also where that stands in a contained resource."""
    about = concept(resource)
    if "reference" in about and "coding" not in about:
        return _inside(resource, about) or {"text": about.get("display") or about["reference"]}
    return about


def concept_keys(resource: Json) -> list[str]:
    """Return the keys by which two facts are of the same thing; `id|...` when it has no code and no words."""
    return code_keys(subject(resource)) or [f"id|{resource.get('resourceType')}/{resource.get('id')}"]


def _absent(resource: Json) -> str:
    reason = codeable(resource.get("dataAbsentReason"))
    return f"No value: {reason}" if reason else ""


_VALUES: dict[str, Callable[[Any], str]] = {
    "valueQuantity": quantity,
    "valueString": str,
    "valueCodeableConcept": codeable,
    "valueInteger": number,
    "valueBoolean": number,
    "valueRatio": ratio,
    "valueDateTime": lambda v: say_when(when(v)),
    "valueTime": str,
    "valueRange": lambda v: "–".join(p for p in (quantity(v.get("low")), quantity(v.get("high"))) if p),
    "valuePeriod": lambda v: "–".join(p for p in (say_when(when(v.get("start"))), say_when(when(v.get("end")))) if p),
    "valueSampledData": lambda _: "waveform",
}


def value_text(resource: Json) -> str:
    """Return an Observation's value with its unit, or the reason why there is none (R4 Observation.value[x])."""
    for name, say in _VALUES.items():
        if name in resource:
            return say(resource[name])
    parts = resource.get("component") or ()
    values = [f"{codeable(p.get('code'))} {value_text(p)}".strip() for p in parts]
    return ", ".join(v for v in values if v) or _absent(resource)


def dose_text(dosage: Json) -> str:
    """Return one Dosage in words: what was written, else amount, route and timing (R4 Dosage)."""
    amounts = []
    for part in dosage.get("doseAndRate") or ():
        amounts.append(quantity(part.get("doseQuantity")))
        if part.get("doseRange"):
            amounts.append(_VALUES["valueRange"](part["doseRange"]))
        if part.get("rateQuantity"):
            amounts.append("at " + quantity(part["rateQuantity"]))
    timing = dosage.get("timing") or {}
    repeat = timing.get("repeat") or {}
    pace = codeable(timing.get("code"))
    if not pace and repeat.get("frequency") and repeat.get("period"):
        pace = _pace(repeat)
    text = str(dosage.get("text") or "")
    built = joined([*amounts, codeable(dosage.get("route")), pace], " ")
    if dosage.get("asNeededBoolean") is True:
        built = joined([built, "as needed"], " ")
    return joined([built, text if text != built else ""])


_UNITS = {"s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year"}


def _pace(repeat: Json) -> str:
    """Say a Timing.repeat: `twice a day`, `once every 12 hours` (R4 Timing.repeat)."""
    often, period = number(repeat["frequency"]), number(repeat["period"])
    unit = _UNITS.get(str(repeat.get("periodUnit")), str(repeat.get("periodUnit") or ""))
    times = {"1": "once", "2": "twice"}.get(often, f"{often} times")
    article = "an" if unit == "hour" else "a"
    return f"{times} {article} {unit}" if period == "1" else f"{times} every {period} {unit}s"


def _medication(resource: Json) -> list[tuple[str, str]]:
    doses = resource.get("dosageInstruction") or resource.get("dosage") or []
    doses = doses if isinstance(doses, list) else [doses]
    supply = resource.get("dispenseRequest") or {}
    strength = ""
    for part in resource.get("contained") or ():
        for piece in part.get("ingredient") or ():
            strength = strength or ratio(piece.get("strength") or {})
    dose_label = {
        "MedicationRequest": "Ordered", "MedicationAdministration": "Given", "MedicationDispense": "Directions",
    }.get(str(resource.get("resourceType")), "Taken")  # fmt: skip
    single = resource.get("dosage") if isinstance(resource.get("dosage"), dict) else None
    given = quantity((single or {}).get("dose"))
    return [
        (dose_label, joined((dose_text(d) for d in doses), "; ") or given),
        ("Product strength", strength),
        ("Dispensed", quantity(resource.get("quantity"))),
        ("Supply", quantity(supply.get("quantity"))),
        ("Reason", joined(codeable(c) for c in resource.get("reasonCode") or ())),
        ("Stopped because", codeable(resource.get("statusReason"))),
    ]


def _allergy(resource: Json) -> list[tuple[str, str]]:
    if set(code_keys(resource.get("code"))) & DENIALS.keys():
        return []
    reactions = []
    for reaction in resource.get("reaction") or ():
        shown = joined((codeable(m) for m in reaction.get("manifestation") or ()), ", ")
        reactions.append(joined([shown or str(reaction.get("description") or ""), str(reaction.get("severity") or "")]))
    return [
        ("Reaction", joined(reactions, "; ") or "Reaction not recorded"),
        ("Criticality", {"unable-to-assess": "cannot be assessed"}.get(
            str(resource.get("criticality") or ""), str(resource.get("criticality") or ""))),
        ("Kind", "" if resource.get("type") == "allergy" else str(resource.get("type") or "")),
    ]  # fmt: skip


def grave(resource: Json) -> bool:
    """Tell whether an AllergyIntolerance is stated to be dangerous: high criticality or a severe reaction."""
    severe = any(r.get("severity") == "severe" for r in resource.get("reaction") or ())
    return resource.get("criticality") == "high" or severe


def _people(resource: Json, *names: str) -> str:
    found = []
    for name in names:
        entries = resource.get(name) or []
        for entry in entries if isinstance(entries, list) else [entries]:
            if isinstance(entry, dict):
                actor = entry.get("actor") or entry.get("individual") or entry
                if isinstance(actor, dict) and actor.get("display"):
                    found.append(str(actor["display"]))
    return ", ".join(dict.fromkeys(found))


def _encounter(resource: Json) -> list[tuple[str, str]]:
    places = [str((p.get("location") or {}).get("display") or "") for p in resource.get("location") or ()]
    kind = codeable(resource.get("class"))
    return [
        ("Class", kind if kind != title(resource) else ""),
        ("Reason", joined(codeable(c) for c in resource.get("reasonCode") or ())),
        ("Place", joined(places) or str((resource.get("serviceProvider") or {}).get("display") or "")),
        ("With", _people(resource, "participant")),
        ("Left to", codeable((resource.get("hospitalization") or {}).get("dischargeDisposition"))),
    ]


def _immunisation(resource: Json) -> list[tuple[str, str]]:
    numbers = [str(p.get("doseNumberPositiveInt") or p.get("doseNumberString") or "")
               for p in resource.get("protocolApplied") or ()]  # fmt: skip
    return [
        ("Dose", joined([quantity(resource.get("doseQuantity")), joined(f"number {n}" for n in numbers if n)])),
        ("Lot", str(resource.get("lotNumber") or "")),
        ("Site", joined([codeable(resource.get("site")), codeable(resource.get("route"))])),
        ("Maker", str((resource.get("manufacturer") or {}).get("display") or "")),
        ("Why not", codeable(resource.get("statusReason"))),
        ("Told by", "" if resource.get("primarySource", True) else codeable(resource.get("reportOrigin")) or "history"),
    ]


def _contact(resource: Json) -> list[tuple[str, str]]:
    names = [human_name(n) for n in resource.get("name") or ()]
    return [
        ("Name", joined(n for n in names if n)),
        ("Telephone and mail", joined(str(t.get("value") or "") for t in resource.get("telecom") or ())),
    ]


def _coverage(resource: Json) -> list[tuple[str, str]]:
    payers = [str(p.get("display") or "") for p in resource.get("payor") or ()]
    return [("Payer", joined(payers)), ("Member number", str(resource.get("subscriberId") or ""))]


def _family(resource: Json) -> list[tuple[str, str]]:
    told = []
    for part in resource.get("condition") or ():
        age = part.get("onsetString") or quantity(part.get("onsetAge"))
        told.append(joined([codeable(part.get("code")), f"at {age}" if age else ""], ", "))
    died = resource.get("deceasedDate") or ("yes" if resource.get("deceasedBoolean") is True else "")
    return [("Name", str(resource.get("name") or "")), ("Had", joined(told)), ("Died", str(died))]


def _goal(resource: Json) -> list[tuple[str, str]]:
    aims = []
    for target in resource.get("target") or ():
        detail = {f"value{name[6:]}": value for name, value in target.items() if name.startswith("detail")}
        due = str(target.get("dueDate") or "")
        aims.append(joined([value_text(detail), f"by {due}" if due else ""], " "))
    return [("Target", joined(aims))]


def _general(resource: Json) -> list[tuple[str, str]]:
    notes = [str(n.get("text") or "") for n in resource.get("note") or () if isinstance(n, dict)]
    return [
        ("Severity", codeable(resource.get("severity"))),
        ("Site", joined((codeable(c) for c in _list(resource.get("bodySite"))), ", ")),
        ("Method", codeable(resource.get("method"))),
        ("Specimen", str((resource.get("specimen") or {}).get("display") or "")
         if isinstance(resource.get("specimen"), dict) else ""),
        ("Outcome", codeable(resource.get("outcome"))),
        ("Reason", joined(codeable(c) for c in _list(resource.get("reasonCode")))),
        ("By", _people(resource, "performer", "recorder", "asserter", "requester", "author", "participant")),
        ("Conclusion", str(resource.get("conclusion") or "")),
        ("Note", joined(notes)),
    ]  # fmt: skip


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


_PARTICULARS: dict[str, Callable[[Json], list[tuple[str, str]]]] = {
    "AllergyIntolerance": _allergy,
    "MedicationRequest": _medication,
    "MedicationStatement": _medication,
    "MedicationDispense": _medication,
    "MedicationAdministration": _medication,
    "Encounter": _encounter,
    "Immunization": _immunisation,
    "RelatedPerson": _contact,
    "Coverage": _coverage,
    "FamilyMemberHistory": _family,
    "Goal": _goal,
}


def particulars(resource: Json) -> list[tuple[str, str]]:
    """Return (label, words) pairs beneath the title, without empty ones and each label once."""
    special = _PARTICULARS.get(str(resource.get("resourceType")))
    pairs = (special(resource) if special else []) + _general(resource)
    seen: dict[str, str] = {}
    for label, words in pairs:
        if words and label not in seen:
            seen[label] = words
    return list(seen.items())


_STATUS: dict[str, str] = {
    "on-hold": "On hold", "in-progress": "In progress", "entered-in-error": "Entered in error",
    "not-taken": "Not taken", "not-done": "Not done", "noshow": "Did not attend",
    "active": "Active", "final": "Final", "finished": "Finished",
}  # fmt: skip


def status_word(resource: Json) -> str:
    """Return the status in words: clinical status where the type has one, else its `status`; empty when not stated."""
    if resource.get("doNotPerform") is True:
        return "Not to be done"
    code = next((c.get("code") for c in (resource.get("clinicalStatus") or {}).get("coding") or ()), None)
    code = code or resource.get("status")
    if not isinstance(code, str) or not code:
        return ""
    return _STATUS.get(code, code.replace("-", " ").capitalize())
