"""What a confirmed fact of a note becomes: a resource with its origin, and the Provenance that leads to the words."""

from decimal import Decimal
from typing import Any

from unsilo.kernel import Json, clock
from unsilo.notes import Derived
from unsilo.notes.tables import units_shown

__all__ = ["SOURCE", "made_of", "may_become", "provenance"]

SOURCE: Json = {
    "system": "https://unsilo.org/fhir/CodeSystem/origin", "code": "read-in-note", "display": "Read in a note",
}  # fmt: skip
"""`meta.tag` of what a confirmation made."""
_TERMS = "http://terminology.hl7.org/CodeSystem/"
_UCUM = "http://unitsofmeasure.org"
_ELSEWHERE = frozenset(("hyp", "other", "reaction"))
_CLINICAL = {"resolved": "resolved", "hist": "inactive"}
_TAKEN = (("neg", "not-taken"), ("stopped", "stopped"), ("plan", "intended"), ("hist", "completed"))


def may_become(fact: Derived) -> bool:
    """Tell whether a confirmation makes a resource: not of what is conditional, of a stranger, or undecided."""
    kind, said = fact.fact.kind, {each.what for each in fact.fact.said}
    if kind == "undecided" or said & _ELSEWHERE or not (fact.fact.coding or kind == "medication"):
        return False
    if "fam" in said:
        return kind == "problem"
    return not (kind == "procedure" and "plan" in said) and not (kind == "measure" and not fact.fact.value)


def _concept(fact: Derived) -> Json:
    coding = [
        {"system": system, "code": code, **({"display": display} if display else {})}
        for system, code, display in fact.fact.coding
    ]
    return {**({"coding": coding} if coding else {}), "text": fact.fact.text}


def _coded(name: str, code: str) -> Json:
    return {"coding": [{"system": f"{_TERMS}{name}", "code": code}]}


def made_of(fact: Derived, document: Json, at: int, display: str) -> Json:
    """Return the resource of a confirmed fact; the record's Patient is that of the document it was read in."""
    subject = document.get("subject") or {}
    said = {each.what for each in fact.fact.said}
    basis = {"reference": fact.ref}
    common: Json = {"meta": {"tag": [SOURCE]}}
    now = clock.instant(at)
    kind = fact.fact.kind
    if kind == "problem" and "fam" in said:
        return _family(fact, subject, common, now)
    if kind == "problem":
        return _condition(fact, subject, common, now, basis, said)
    if kind == "medication":
        return _medication(fact, subject, common, now, basis, said)
    if kind == "allergy":
        return _allergy(fact, subject, common, now, said)
    if kind == "measure":
        return _observation(fact, subject, common, document, basis)
    status = "not-done" if "neg" in said else "completed"
    made = {"resourceType": "Procedure", **common, "status": status, "code": _concept(fact), "subject": subject}
    return made | {"asserter": {"display": display}} | _performed(fact)


def _performed(fact: Derived) -> Json:
    when = fact.fact.when
    return {"performedDateTime": when[1]} if when is not None and when[0] in ("on", "since") else {}


def _condition(fact: Derived, subject: Any, common: Json, now: str, basis: Json, said: set[str]) -> Json:
    verification = "refuted" if "neg" in said else "provisional" if "poss" in said else "confirmed"
    made: Json = {"resourceType": "Condition", **common}
    if verification != "refuted":
        clinical = next((_CLINICAL[word] for word in ("resolved", "hist") if word in said), "active")
        # A list headed past history does not say that an illness is over: then nothing is said of that.
        if not any(each.what == "hist" and each.rule.startswith("section.") for each in fact.fact.said):
            made["clinicalStatus"] = _coded("condition-clinical", clinical)
            made["category"] = [_coded("condition-category", "problem-list-item")]
    made["verificationStatus"] = _coded("condition-ver-status", verification)
    made |= {"code": _concept(fact), "subject": subject, "recordedDate": now, "evidence": [{"detail": [basis]}]}
    when = fact.fact.when
    if when is not None and when[0] in ("on", "since"):
        made["onsetDateTime"] = when[1]
    elif when is not None and when[0] == "age":
        made["onsetAge"] = {"value": int(when[1]), "unit": "years", "system": _UCUM, "code": "a"}
    elif when is not None:
        made["onsetString"] = f"{when[0]} {when[1]} (as the note says)"
    return made


def _medication(fact: Derived, subject: Any, common: Json, now: str, basis: Json, said: set[str]) -> Json:
    status = next((status for word, status in _TAKEN if word in said), "active")
    made: Json = {"resourceType": "MedicationStatement", **common, "status": status}
    made |= {
        "medicationCodeableConcept": _concept(fact),
        "subject": subject,
        "dateAsserted": now,
        "derivedFrom": [basis],
    }
    note = fact.fact
    words = " ".join(part for part in (note.value, units_shown(note.unit), note.route, note.frequency) if part)
    if words:
        dosage: Json = {"text": words}
        if note.value and note.unit:
            dosage["doseAndRate"] = [{"doseQuantity": _quantity(note.value, note.unit)}]
        made["dosage"] = [dosage]
    return made


def _allergy(fact: Derived, subject: Any, common: Json, now: str, said: set[str]) -> Json:
    refuted = "neg" in said
    made: Json = {"resourceType": "AllergyIntolerance", **common}
    if not refuted:
        clinical = "resolved" if "resolved" in said else "active"
        made["clinicalStatus"] = _coded("allergyintolerance-clinical", clinical)
    verification = "refuted" if refuted else "unconfirmed" if "poss" in said else "confirmed"
    made["verificationStatus"] = _coded("allergyintolerance-verification", verification)
    return made | {"code": _concept(fact), "patient": subject, "recordedDate": now}


def _family(fact: Derived, subject: Any, common: Json, now: str) -> Json:
    who = next((each.who for each in fact.fact.said if each.what == "fam" and each.who), "family member")
    return {
        "resourceType": "FamilyMemberHistory", **common, "status": "partial", "patient": subject, "date": now,
        "relationship": {"text": who}, "condition": [{"code": _concept(fact)}],
    }  # fmt: skip


def _observation(fact: Derived, subject: Any, common: Json, document: Json, basis: Json) -> Json:
    note = fact.fact
    made: Json = {
        "resourceType": "Observation",
        **common,
        "status": "final",
        "code": _concept(fact),
        "subject": subject,
    }
    moment = document.get("effectiveDateTime") or document.get("date")
    if moment:
        made["effectiveDateTime"] = moment
    low, dash, high = note.value.partition("-")
    if dash and low and high:
        made["valueRange"] = {"low": _quantity(low, note.unit), "high": _quantity(high, note.unit)}
    else:
        made["valueQuantity"] = _quantity(note.value, note.unit)
    return made | {"derivedFrom": [basis]}


def _quantity(value: str, unit: str) -> Json:
    comparator = next((sign for sign in ("<", ">") if value.startswith(sign)), "")
    made: Json = {"value": Decimal(value.lstrip("<> ").replace(",", ""))}
    if comparator:
        made["comparator"] = comparator
    if unit:
        made |= {"unit": units_shown(unit), "system": _UCUM, "code": unit}
    return made


def provenance(fact: Derived, target: str, actor: str, at: int) -> Json:
    """Return who confirmed what, and where it was read: resource, version, element, and place in its text."""
    rules = ", ".join(sorted({each.rule for each in fact.fact.said} | set(fact.fact.rules)))
    where = f"{fact.path}, characters {fact.fact.start} to {fact.fact.end}: {fact.fact.text}"
    said = f"{where} ({', '.join(fact.fact.flags)}; rules {rules})" if rules else where
    return {
        "resourceType": "Provenance",
        "target": [{"reference": target}],
        "recorded": clock.instant(at),
        "activity": {"coding": [{"system": f"{_TERMS}v3-DataOperation", "code": "CREATE"}], "text": "confirmed"},
        "agent": [
            {"type": _coded("provenance-participant-type", "verifier"), "who": {"display": actor}},
            {"type": _coded("provenance-participant-type", "assembler"), "who": {"display": "unsilo notes"}},
        ],
        "entity": [
            {"role": "source", "what": {"reference": f"{fact.ref}/_history/{fact.version}", "display": said[:1000]}}
        ],
    }
