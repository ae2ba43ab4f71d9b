"""The extensions of US Core that come from the header and the social history."""

from __future__ import annotations

from typing import Any

from unsilo.formats.ccda import Node
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.authorities import code_system
from unsilo.mapping.ccda.narrative import text_of

__all__ = ["birth_sex", "ethnicity", "gender_identity", "pronouns", "race", "sex", "tribe"]

Element = Node
Rows = list[Row]
RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
_CDC = "urn:oid:2.16.840.1.113883.6.238"
_OMB = {
    RACE: frozenset(("1002-5", "2028-9", "2054-5", "2076-8", "2106-3")),
    ETHNICITY: frozenset(("2135-2", "2186-5")),
}
"""The categories of the US Office of Management and Budget in the CDC's code system."""
_BIRTH_SEX, _GENDER_IDENTITY = "76689-9", "76691-5"
_BIRTH_SEX_URL = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex"
_SEX, _PRONOUNS, _TRIBE = "46098-0", "90778-2", "95370-3"
_SEX_URL = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-sex"
_PRONOUNS_URL = "http://hl7.org/fhir/StructureDefinition/individual-pronouns"
_TRIBE_URL = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-tribal-affiliation"
_GENDER_IDENTITY_URL = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity"


def _us_core(
    run: Any, node: Element, path: str, rule: str, rows: Rows, url: str, names: tuple[str, ...]
) -> Json | None:
    """The US Core extension for race or ethnicity: categories, details, and the text of all."""
    parts: list[Json] = []
    texts: list[str] = []
    places: list[Locator] = []
    seen: set[str] = set()
    for child in node.kids:
        if child.name not in names:
            continue
        code, at = (child.get("code") or "").strip(), child.path
        if not code or code in seen:
            null = child.get("nullFlavor")
            if null and not code:
                hit = run.program.vocabulary("NullFlavor")[null]
                texts.append("Asked but unknown" if hit is not None and hit.code == "asked-unknown" else "Unknown")
                places.append(f"{at}/@nullFlavor")
            continue
        seen.add(code)
        here = f"{path}.extension[{len(parts)}]"
        rows.append(Row(f"{here}.url", rule, None))
        coding = _coding(run, child, f"{here}.valueCoding", rule, rows, _CDC)
        parts.append({"url": "ombCategory" if code in _OMB[url] else "detailed", "valueCoding": coding})
        texts.append(str(coding.get("display") or code))
        places.append(f"{at}/@displayName" if "display" in coding else f"{at}/@code")
    if not texts:
        return None
    here = f"{path}.extension[{len(parts)}]"
    rows.append(Row(f"{path}.url", rule, None))
    rows.append(Row(f"{here}.url", rule, None))
    rows.extend(Row(f"{here}.valueString", rule, place) for place in places)
    parts.append({"url": "text", "valueString": ", ".join(texts)})
    return {"url": url, "extension": parts}


def _coding(run: Any, node: Element, path: str, rule: str, rows: Rows, system: str) -> Json:
    """A code element as Coding; `system` is that of its list when the element names none."""
    at = node.path
    coding: Json = {"system": system, "code": (node.get("code") or "").strip()}
    rows.append(Row(f"{path}.code", rule, f"{at}/@code"))
    named = code_system(run, node, at, f"{path}.system", rule, rows)
    if named:
        coding["system"] = named
    else:
        rows.append(Row(f"{path}.system", rule, None))
    if node.get("displayName"):
        coding["display"] = str(node.get("displayName"))
        rows.append(Row(f"{path}.display", rule, f"{at}/@displayName"))
    return coding


def race(run: Any, node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The US Core race extension from raceCode and sdtc:raceCode."""
    return _us_core(run, node, path, rule, rows, RACE, ("raceCode", "sdtc:raceCode"))


def ethnicity(run: Any, node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The US Core ethnicity extension from ethnicGroupCode and sdtc:ethnicGroupCode."""
    return _us_core(run, node, path, rule, rows, ETHNICITY, ("ethnicGroupCode", "sdtc:ethnicGroupCode"))


def birth_sex(run: Any, _node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The US Core birth sex extension from the birth sex observation of the social history (C-CDA 2.1 companion)."""
    found = _answer(run, _BIRTH_SEX)
    code = (found.get("code") or found.get("nullFlavor") or "").strip() if found is not None else ""
    if found is None or code not in ("M", "F", "UNK", "OTH", "ASKU"):
        return None
    source = f"{found.path}/@{'code' if found.get('code') else 'nullFlavor'}"
    rows += [Row(f"{path}.url", rule, None), Row(f"{path}.valueCode", rule, source)]
    return {"url": _BIRTH_SEX_URL, "valueCode": code}


def gender_identity(run: Any, _node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The US Core gender identity extension from the gender identity observation of the social history."""
    found = _answer(run, _GENDER_IDENTITY)
    if found is None:
        return None
    here = f"{path}.valueCodeableConcept"
    said: Json = {}
    if (found.get("code") or "").strip():
        said["coding"] = [_coding(run, found, f"{here}.coding[0]", rule, rows, "http://snomed.info/sct")]
    words = found.first("originalText")
    text, place = text_of(words, run.narratives) if words is not None else ("", found)
    if words is not None and text:
        said["text"] = text
        rows.append(Row(f"{here}.text", rule, f"{place.path or words.path}/text()"))
    if not said:
        return None
    rows.append(Row(f"{path}.url", rule, None))
    return {"url": _GENDER_IDENTITY_URL, "valueCodeableConcept": said}


def sex(run: Any, _node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The US Core sex extension from the sex observation of the social history (C-CDA 3.0)."""
    found = _answer(run, _SEX)
    code = (found.get("code") or "").strip() if found is not None else ""
    if found is None or not code:
        return None
    rows += [Row(f"{path}.url", rule, None), Row(f"{path}.valueCode", rule, f"{found.path}/@code")]
    return {"url": _SEX_URL, "valueCode": code}


def pronouns(run: Any, _node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """FHIR's extension individual-pronouns from an observation of the social history."""
    return _nested(run, _PRONOUNS, _PRONOUNS_URL, "value", path, rule, rows)


def tribe(run: Any, _node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The US Core tribal affiliation extension from an observation of the social history (C-CDA 3.0)."""
    return _nested(run, _TRIBE, _TRIBE_URL, "tribalAffiliation", path, rule, rows)


def _nested(run: Any, question: str, url: str, inner: str, path: str, rule: str, rows: Rows) -> Json | None:
    found = _answer(run, question)
    if found is None or not (found.get("code") or "").strip():
        return None
    here = f"{path}.extension[0]"
    rows += [Row(f"{path}.url", rule, None), Row(f"{here}.url", rule, None)]
    coding = _coding(run, found, f"{here}.valueCodeableConcept.coding[0]", rule, rows, "http://loinc.org")
    return {"url": url, "extension": [{"url": inner, "valueCodeableConcept": {"coding": [coding]}}]}


def _answer(run: Any, question: str) -> Element | None:
    """The value of the first observation of the social history with a code, unless it is negated."""
    for node in run.kinds.get("social", ()):
        code, value = node.first("code"), node.first("value")
        if code is not None and value is not None and (code.get("code") or "") == question:
            return value if node.get("negationInd") != "true" else None
    return None
