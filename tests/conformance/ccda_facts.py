"""What a clinical document says entry by entry, read from its XML by rules of the C-CDA templates; does FHIR say it?

It shares no code with the product: its own XML reader (the standard library's), its own template table, its own notion
of what a resource says.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple
from xml.etree import ElementTree

V3 = "{urn:hl7-org:v3}"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_CCDA = "2.16.840.1.113883.10.20.22.4."
_MEDICINE = ("MedicationRequest", "MedicationStatement", "MedicationAdministration")
_REQUEST = ("ServiceRequest", "CarePlan", "Appointment", "Encounter", "MedicationRequest", "Procedure", "Observation")
_PLANNED_VACCINE = ("MedicationRequest", "ImmunizationRecommendation", "Immunization")
_RULES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("observation", "7 90", ("AllergyIntolerance",), "participant"),
    ("observation", "4", ("Condition",), "value"),
    ("observation", "46", ("FamilyMemberHistory",), "value"),
    ("observation", "2 27 38 78 85 200 67 68 69 74 128 127 5 86 48 73 72 111 109 114 70", ("Observation",), "code"),
    ("observation", "13", ("Procedure", "Observation"), "code"),
    ("observation", "44", _REQUEST, "code"),
    ("observation", "121", ("Goal",), "code"),
    ("organizer", "1", ("DiagnosticReport", "Observation"), "code"),
    ("procedure", "14", ("Procedure",), "code"),
    ("act", "12", ("Procedure",), "code"),
    ("procedure", "41", _REQUEST, "code"),
    ("act", "39", _REQUEST, "code"),
    ("encounter", "49", ("Encounter",), "code"),
    ("encounter", "40", ("Encounter", "ServiceRequest", "Appointment", "CarePlan"), "code"),
    ("substanceAdministration", "52", ("Immunization",), "consumable"),
    ("substanceAdministration", "16 42", _MEDICINE, "consumable"),
    (
        "substanceAdministration",
        "120",
        _PLANNED_VACCINE,
        "consumable",
    ),
    ("supply", "18", ("MedicationDispense",), "product"),
    ("act", "61", ("Coverage",), "code"),
)
"""Element, templates of C-CDA (last part of the OID), resource types that are right, where the code stands."""
_TABLE = {
    (element, _CCDA + number): (kinds, where) for element, numbers, kinds, where in _RULES for number in numbers.split()
}
_PLACES = {
    ("48765-2", "observation"): (("AllergyIntolerance",), "participant"),
    ("11450-4", "observation"): (("Condition",), "value"),
    ("30954-2", "observation"): (("Observation",), "code"),
    ("8716-3", "observation"): (("Observation",), "code"),
    ("29762-2", "observation"): (("Observation",), "code"),
    ("47519-4", "procedure"): (("Procedure",), "code"),
    ("46240-8", "encounter"): (("Encounter",), "code"),
    ("10160-0", "substanceAdministration"): (_MEDICINE, "consumable"),
    ("11369-6", "substanceAdministration"): (("Immunization",), "consumable"),
}
"""What a direct entry without a template of C-CDA is in a section of a code."""


class Fact(NamedTuple):
    """One coded entry: its right types, its codes, the day it names first, its value."""

    place: str
    kinds: tuple[str, ...]
    codes: frozenset[str]
    date: str
    value: str


def _codes(node: ElementTree.Element | None) -> frozenset[str]:
    if node is None:
        return frozenset()
    found = [node, *node.findall(f"{V3}translation")]
    return frozenset(n.get("code", "").strip() for n in found if n.get("code", "").strip())


def _coded(node: ElementTree.Element, where: str) -> frozenset[str]:
    paths = {
        "code": f"{V3}code",
        "value": f"{V3}value",
        "participant": f"{V3}participant/{V3}participantRole/{V3}playingEntity/{V3}code",
        "consumable": f"{V3}consumable/{V3}manufacturedProduct/{V3}manufacturedMaterial/{V3}code",
        "product": f"{V3}product/{V3}manufacturedProduct/{V3}manufacturedMaterial/{V3}code",
    }
    return _codes(node.find(paths[where]))


def _date(node: ElementTree.Element) -> str:
    for time in node.findall(f"{V3}effectiveTime"):
        for found in (time, time.find(f"{V3}low"), time.find(f"{V3}center")):
            value = re.match(r"\d{4,8}", found.get("value", "").strip()) if found is not None else None
            if value:
                return value[0] if _is_day(value[0]) else ""
    return ""


def _is_day(digits: str) -> bool:
    """Tell whether digits are a date; what is none in the source cannot be one in FHIR."""
    try:
        date(int(digits[:4]), int(digits[4:6] or 1), int(digits[6:8] or 1))
    except ValueError:
        return False
    return len(digits) in (4, 6, 8)


def _value(node: ElementTree.Element) -> str:
    value = node.find(f"{V3}value")
    if value is None or value.get("nullFlavor"):
        return ""
    for found in (value, value.find(f"{V3}low"), value.find(f"{V3}high")):
        if found is not None:
            said = found.get("value", "").strip() or found.get("code", "").strip()
            if said:
                return said
    return ""


def facts(content: bytes) -> list[Fact]:
    """Return the coded entries of a document; a negated observation says nothing that a resource could say."""
    return list(_walk(read(content), "", "", 0))


def read(content: bytes) -> ElementTree.Element:
    """Parse a document or a part of one that leaves its namespaces to the document around it."""
    try:
        return ElementTree.fromstring(content)  # noqa: S314 - corpora, no entities
    except ElementTree.ParseError:
        body = re.sub(rb"^[^<]*<\?xml[^>]*\?>", b"", content.strip(b"\xef\xbb\xbf"))
        head = f'<part xmlns="{V3[1:-1]}" xmlns:sdtc="urn:hl7-org:sdtc" xmlns:xsi="{TYPE[1:-5]}">'
        return ElementTree.fromstring(head.encode() + body + b"</part>")  # noqa: S314 - the same


def _walk(node: ElementTree.Element, section: str, place: str, depth: int) -> Iterator[Fact]:
    for number, child in enumerate(node):
        name = str(child.tag).removeprefix(V3)
        here = f"{place}/{name}[{number}]"
        if name == "section":
            code = child.find(f"{V3}code")
            yield from _walk(child, code.get("code", "") if code is not None else "", here, 0)
            continue
        if name in ("text", "author", "participant", "subject", "recordTarget"):
            continue
        rule = _rule(child, name, section, depth) if (section or depth) and not child.get("nullFlavor") else None
        if rule is not None and not (child.get("negationInd") == "true" and _denied(child, rule[0])):
            fact = Fact(here, rule[0], _coded(child, rule[1]), _date(child), "")
            if rule[0][0] == "Observation":
                fact = fact._replace(value=_value(child))
            if fact.codes:
                yield fact
        yield from _walk(child, section, here, depth + (name in _DEEPER))


_DEEPER = frozenset(("act", "observation", "organizer", "procedure", "encounter", "substanceAdministration", "supply"))


_ANY_PROBLEM = frozenset("55607006 404684003 64572001 282291009 418799008 409586006".split())


_ANY_OF_ITS_SORT = frozenset(("410942007", "71388002", "105590001"))


def _denied(node: ElementTree.Element, kinds: tuple[str, ...]) -> bool:
    """Tell whether a negated entry has no resource with its code: a finding, or "no known" of any sort."""
    if "Observation" in kinds or "FamilyMemberHistory" in kinds:
        return True
    said = _coded(node, "code") | _coded(node, "consumable") | _coded(node, "participant")
    return bool(_codes(node.find(f"{V3}value")) & _ANY_PROBLEM or said & _ANY_OF_ITS_SORT)


def _rule(node: ElementTree.Element, name: str, section: str, depth: int) -> tuple[tuple[str, ...], str] | None:
    roots = [t.get("root", "") for t in node.findall(f"{V3}templateId")]
    for root in roots:
        if (name, root) in _TABLE:
            return _TABLE[name, root]
    if depth == 0 and not any(root.startswith(_CCDA) for root in roots):
        return _PLACES.get((section, name))
    return None


# -- what FHIR says ------------------------------------------------------------------------------------------------

_CODED = frozenset(
    "code vaccineCode medicationCodeableConcept medication type class reasonCode description condition target "
    "relationship valueCodeableConcept content".split()
)


def says(fact: Fact, resources: list[dict[str, Any]]) -> str:
    """Return "" when a resource of a right type says the fact whole, else what is missing: type, code, date, value."""
    found = [r for r in resources if r.get("resourceType") in fact.kinds]
    if not found:
        return "type"
    found = [r for r in found if fact.codes & set(_strings(r, "code"))]
    if not found:
        return "code"
    if fact.date:
        found = [r for r in found if any(_day(text).startswith(fact.date) for text in _dates(r))]
        if not found:
            return "date"
    if fact.value and not any(_has(r, fact.value) for r in found):
        return "value"
    return ""


def _strings(node: Any, key: str) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key and isinstance(value, str):
                yield value
            yield from _strings(value, key)
    elif isinstance(node, list):
        for item in node:
            yield from _strings(item, key)


def _dates(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name not in ("meta", "identifier"):
                yield from _dates(value)
    elif isinstance(node, list):
        for item in node:
            yield from _dates(item)
    elif isinstance(node, str) and re.match(r"\d{4}(-\d\d|$)", node):
        yield node


def _day(text: str) -> str:
    return re.sub(r"\D", "", text.partition("T")[0])


def _has(resource: dict[str, Any], value: str) -> bool:
    kept = {name: item for name, item in resource.items() if name.startswith("value") or name == "component"}
    if value in set(_strings(kept, "code")):
        return True
    return any(_same(number, value) for number in _numbers(kept))


def _numbers(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for item in node.values():
            yield from _numbers(item)
    elif isinstance(node, list):
        for item in node:
            yield from _numbers(item)
    else:
        yield str(node)


def _same(one: str, two: str) -> bool:
    if one == two or _day(one) == two[:8]:
        return True
    try:
        return float(one) == float(two)
    except ValueError:
        return False
