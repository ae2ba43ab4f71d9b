"""The named functions that the C-CDA tables call (`py:name`): what a row of a table cannot say.

Each gets `(run, node, at, path, rule, rows)`: the element or text that the row's source names, its locator, and the
target's path; it returns the value or None, and adds lineage rows itself when the value is more than one leaf.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from unsilo.formats.ccda import Node
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.allergies import no_known_text, outer_severity, severity_note
from unsilo.mapping.ccda.attachments import body, note_body, original
from unsilo.mapping.ccda.authorities import OID, UUID, code_system, instance_system, oid_uri
from unsilo.mapping.ccda.devices import udi_name, udi_part, udi_safety
from unsilo.mapping.ccda.laboratory import laboratory_report, laboratory_result
from unsilo.mapping.ccda.links import entry_reference
from unsilo.mapping.ccda.narrative import text_of
from unsilo.mapping.ccda.odd_values import odd_number, odd_quantity, time_of_day, value_words
from unsilo.mapping.ccda.people import (
    concern_author,
    concern_time,
    family_parts,
    family_when,
    person_words,
    proficiency,
    step_number,
)
from unsilo.mapping.ccda.qualifiers import expression, qualified_words
from unsilo.mapping.ccda.sections import section, section_code
from unsilo.mapping.ccda.timing import end_of_width, organizer_time, timing
from unsilo.mapping.ccda.units import is_ucum
from unsilo.mapping.ccda.us_core import birth_sex, ethnicity, gender_identity, pronouns, race, sex, tribe
from unsilo.mapping.ccda.walk import clean_text, path_of
from unsilo.mapping.runtime import T, sourced

__all__ = ["FUNCTIONS"]

Element = Node
Rows = list[Row]
_SCHEMES = {
    "tel": "phone", "fax": "fax", "x-text-fax": "fax", "mailto": "email", "http": "url", "https": "url", "sms": "sms",
    "ftp": "url", "mllp": "other", "pager": "pager",
}  # fmt: skip
"""Scheme of a TEL value -> ContactPoint.system (v3 URLScheme)."""
_ALLERGY_STATUS = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"


def _bare(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows, target: Json) -> None:
    uri = oid_uri(run, node.get("root") or "")
    if uri:
        here = f"{path}." if path else ""
        target["system"], target["value"] = "urn:ietf:rfc:3986", uri
        rows += [Row(f"{here}system", rule, None), Row(f"{here}value", rule, f"{at}/@root")]


def instance_id(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows, target: Json) -> None:
    """An id without extension names its thing by the root alone; a root that is a known authority names nothing."""
    root = (node.get("root") or "").strip()
    if root and root not in run.program.tables.systems and root not in run.site.authorities:
        _bare(run, node, at, path, rule, rows, target)


def party_id(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows, target: Json) -> None:
    """A person's or organisation's id without extension counts only when its root is a UUID.

    An OID alone is the authority whose number was not sent: taken for a number, it would be the same for everybody.
    """
    root = (node.get("root") or "").strip()
    if UUID.fullmatch(root):
        _bare(run, node, at, path, rule, rows, target)
    elif root:
        text = "an id has an authority but no number; it is not used"
        run.issue("information", "incomplete", text, at, rule, "send the extension, or a nullFlavor alone")


def narrative(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The text of an ED element: its own, else what its reference points to in the narrative; both are cited."""
    text, where = text_of(node, run.narratives)
    if not text:
        return None
    rows.append(T((path, rule, f"{where.path}/text()" if where.path else at)))
    if "reference" in node.by:
        for value in path_of("reference/@value").all(node):
            rows.append(T((path, rule, f"{value.path}/@value")))
    return text


def ucum_system(_run: Any, node: str, *_: Any) -> str | None:
    """UCUM's URI when the unit is one of UCUM's."""
    return "http://unitsofmeasure.org" if is_ucum(node) else None


def ucum_code(run: Any, node: str, at: Locator, _path: str, rule: str, *_: Any) -> str | None:
    """The unit as UCUM code; a unit that is not UCUM stays a word, with an Issue."""
    if is_ucum(node):
        return node
    text = f"unit {node[:40]!r} is not UCUM"
    run.issue("information", "code-invalid", text, at, rule, "the unit is kept as sent, without a code")
    return None


def _scheme(value: str) -> tuple[str, str]:
    scheme, colon, rest = value.partition(":")
    return (scheme.lower(), rest) if colon and scheme.lower() in _SCHEMES else ("", value)


def tel_system(_run: Any, node: str, *_: Any) -> str | None:
    """ContactPoint.system from the value's scheme; without one an @ means e-mail and digits a phone."""
    scheme, rest = _scheme(node)
    if scheme:
        return _SCHEMES[scheme]
    if "@" in rest:
        return "email"
    return "phone" if sum(c.isdigit() for c in rest) >= 5 else "other"


def tel_value(_run: Any, node: str, *_: Any) -> str | None:
    """The value without its scheme; web addresses stay whole."""
    scheme, rest = _scheme(node)
    return (node if _SCHEMES.get(scheme) == "url" else rest).strip() or None


def day(_run: Any, node: str, *_: Any) -> str | None:
    """The date part of a time, as precise as it was sent (FHIR R4 date)."""
    digits = re.match(r"\d{4}(?:\d{2}(?:\d{2})?)?", node)
    if digits is None:
        return None
    text = digits[0]
    return "-".join(p for p in (text[:4], text[4:6], text[6:8]) if p)


def _ends_early(run: Any, begin: str, end: str) -> bool:
    """Tell whether an end cannot be said to be after a beginning (FHIR R4 per-1); both are FHIR dateTimes."""
    if len(begin) > len("2015-01-01") < len(end):
        first, last = run.program.moment[begin], run.program.moment[end]
        return bool(first and last and last < first)
    shared = min(len(begin), len(end))
    return end[:shared] < begin[:shared] or (len(end) < len(begin) and begin.startswith(end) and len(end) == 10)


def period_end(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The end of an interval; one that lies before its beginning is left out and said."""
    end: str | None = run.dateTime[(node.get("value") or "").strip()]
    if end is None:
        run.misfit("dateTime", rule, f"{at}/@value")
        return None
    low = path_of("low/@value").says(node.parent) if node.parent is not None else ""
    begin = run.dateTime[low] if low else None
    if begin is not None and _ends_early(run, begin, end):
        text = "an interval ends before it begins, or on its first day at no known time; its end is left out"
        run.issue("warning", "value", text, at, rule, "the sender should correct it")
        return None
    rows.append(Row(path, rule, f"{at}/@value"))
    return str(end)


def period_width(_run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The end of an interval that is given by its beginning and its width (IVL_TS of CDA R2)."""
    around = node.parent
    end = end_of_width(path_of("low/@value").says(around) if around is not None else "", node)
    if end is not None:
        rows += [Row(path, rule, f"{at}/@value"), Row(path, rule, f"{at}/@unit")]
    return end


def refills(_run: Any, node: str, *_: Any) -> int | None:
    """Repeats beyond the first fill: CDA's repeatNumber of a supply order counts all of them (C-CDA 2.1)."""
    return int(node) - 1 if node.isdigit() and 0 < int(node) < 1000 else None


def _concern(vocabulary: str) -> Callable[..., Json | None]:
    """Make the function that reads a clinical status off the concern act around an observation."""

    def status(run: Any, node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
        act = node.around("act")
        if act is not None and act.kind and not act.kind.endswith("concern"):
            return None
        code = path_of("statusCode/@code").first(act) if act is not None else None
        if code is None:
            return None
        hit = run.program.vocabulary(vocabulary)[code.get("code") or ""]
        if hit is None or not hit.code:
            return None
        place = f"{code.path}/@code"
        rows.append(Row(f"{path}.coding[0].system", rule, None))
        rows.append(Row(f"{path}.coding[0].code", rule, place))
        return {"coding": [{"system": hit.system, "code": hit.code}]}

    return status


def _entered_in_error(node: Element) -> Element | None:
    """The status code that says that an observation, or the concern around it, was entered in error."""
    for owner in (node, node.around("act")):
        code: Element | None = path_of("statusCode/@code").first(owner) if owner is not None else None
        if code is not None and code.get("code") == "nullified":
            return code
    return None


_OF_NOTHING = frozenset(("clinicalStatus", "abatementDateTime"))


def _nullified(system: str) -> Callable[..., None]:
    """Make the function that gives the verification status of what was entered in error.

    A clinical status and an end that were said beside it are taken back: they are of nothing (FHIR R4 ait-2, con-4, 5).
    """

    def status(_run: Any, node: Element, _at: Locator, _path: str, rule: str, rows: Rows, target: Json) -> None:
        code = _entered_in_error(node)
        if code is None:
            return
        for name in _OF_NOTHING & target.keys():
            del target[name]
            rows[:] = [row for row in rows if row.path.partition(".")[0] != name]
        target["verificationStatus"] = {"coding": [{"system": system, "code": "entered-in-error"}]}
        rows.append(Row("verificationStatus.coding[0].system", rule, None))
        rows.append(Row("verificationStatus.coding[0].code", rule, f"{code.path}/@code"))

    return status


_concern_of_allergy = _concern("AllergyConcern")


def allergy_status(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The clinical status of an allergy: active as long as its concern is, else resolved when it has an end.

    An end beside an active concern is no proof: senders put other times there, and an allergy too many harms less.
    """
    if _entered_in_error(node) is not None:
        return None
    mark = len(rows)
    said = _concern_of_allergy(run, node, at, path, rule, rows)
    end = path_of("effectiveTime/high/@value").first(node)
    if end is None or (said is not None and said["coding"][0]["code"] == "active"):
        return said
    del rows[mark:]
    rows += [Row(f"{path}.coding[0].system", rule, None), Row(f"{path}.coding[0].code", rule, f"{end.path}/@value")]
    return {"coding": [{"system": _ALLERGY_STATUS, "code": "resolved"}]}


def negated(run: Any, _node: Element, at: Locator, _path: str, rule: str, *_: Any) -> None:
    """A negated observation has no place in FHIR's Observation: shown as one, it would say the opposite."""
    text = "a negated observation is not made a resource; it is read in the document's text"
    run.issue("warning", "not-supported", text, at, rule, "what was not found is best sent as a coded result")


def administration_unit(_run: Any, node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """What a dose without a unit counts: the administration unit (tablet, puff) of the activity."""
    owner = node.parent
    unit = path_of("administrationUnitCode").first(owner) if owner is not None else None
    if unit is None or not node.get("value"):
        return None
    for name in ("displayName", "code"):
        if unit.get(name):
            rows.append(Row(path, rule, f"{unit.path}/@{name}"))
            return str(unit.get(name))
    return clean_text(unit) or None


def patient(run: Any, _node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """A reference to the patient of the document, for a resource that stands inside another one."""
    found = next((draft for draft in run.drafts if draft.type == "Patient"), None)
    if found is None or not sourced(found.rows, 0):
        return None
    rows.append(Row(f"{path}.reference", rule, None))
    made: Json = run.refer(found)
    return made


def coverage_order(run: Any, node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> int | None:
    """The rank of a policy among those of a coverage activity: the sequence number of the link to it."""
    link = node.parent
    number = path_of("sequenceNumber/@value").first(link) if link is not None else None
    value = run.positiveInt[(number.get("value") or "").strip()] if number is not None else None
    if number is None or value is None:
        return None
    rows.append(Row(path, rule, f"{number.path}/@value"))
    return int(value)


def dicom_uid(_run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """A DICOM instance UID as an identifier (FHIR R4 imagingstudy.html)."""
    root = (node.get("root") or "").strip()
    if not OID.fullmatch(root):
        return None
    rows += [Row(f"{path}.system", rule, None), Row(f"{path}.value", rule, f"{at}/@root")]
    return {"system": "urn:dicom:uid", "value": f"urn:oid:{root}"}


def address_words(_run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """An address that only names a place as words: its parts in order, with commas."""
    words = [text for child in node.kids if (text := clean_text(child))] or [clean_text(node)]
    rows.append(Row(path, rule, f"{at}/text()"))
    return ", ".join(words) or None


def sop_class(_run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The SOP class of an image as Coding."""
    code = (node.get("code") or "").strip()
    if not OID.fullmatch(code):
        return None
    rows += [Row(f"{path}.system", rule, None), Row(f"{path}.code", rule, f"{at}/@code")]
    return {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{code}"}


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "address_words": address_words,
    "administration_unit": administration_unit,
    "allergy_status": allergy_status,
    "birth_sex": birth_sex,
    "body": body,
    "code_system": code_system,
    "condition_concern_status": _concern("ProblemConcern"),
    "allergy_nullified": _nullified("http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"),
    "condition_nullified": _nullified("http://terminology.hl7.org/CodeSystem/condition-ver-status"),
    "concern_author": concern_author,
    "concern_time": concern_time,
    "coverage_order": coverage_order,
    "day": day,
    "dicom_uid": dicom_uid,
    "entry_reference": entry_reference,
    "ethnicity": ethnicity,
    "expression": expression,
    "family_parts": family_parts,
    "family_when": family_when,
    "gender_identity": gender_identity,
    "instance_id": instance_id,
    "laboratory_report": laboratory_report,
    "laboratory_result": laboratory_result,
    "narrative": narrative,
    "negated": negated,
    "no_known_text": no_known_text,
    "note_body": note_body,
    "instance_system": instance_system,
    "odd_number": odd_number,
    "odd_quantity": odd_quantity,
    "organizer_time": organizer_time,
    "original": original,
    "outer_severity": outer_severity,
    "party_id": party_id,
    "patient": patient,
    "period_end": period_end,
    "period_width": period_width,
    "person_words": person_words,
    "proficiency": proficiency,
    "pronouns": pronouns,
    "race": race,
    "qualified_words": qualified_words,
    "refills": refills,
    "section": section,
    "section_code": section_code,
    "severity_note": severity_note,
    "sex": sex,
    "sop_class": sop_class,
    "step_number": step_number,
    "tel_system": tel_system,
    "tel_value": tel_value,
    "time_of_day": time_of_day,
    "timing": timing,
    "tribe": tribe,
    "ucum_code": ucum_code,
    "ucum_system": ucum_system,
    "udi_name": udi_name,
    "udi_part": udi_part,
    "udi_safety": udi_safety,
    "value_words": value_words,
}
"""Name in the tables -> function."""
