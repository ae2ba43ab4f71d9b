"""The named functions that the C-CDA tables call (`py:name`): what a row of a table cannot say.

Each gets `(run, node, at, path, rule, rows)`: the element or text that the row's source names, its locator, and the
target's path; it returns the value or None, and adds lineage rows itself when the value is more than one leaf.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha1
from typing import Any

from lxml import etree

from unsilo.formats.ccda import V3, label
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.narrative import text_of
from unsilo.mapping.ccda.sections import section, section_code
from unsilo.mapping.ccda.timing import timing
from unsilo.mapping.ccda.units import is_ucum
from unsilo.mapping.ccda.walk import clean_text, path_of

__all__ = ["FUNCTIONS"]

Element = etree._Element
Rows = list[Row]
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SCHEMES = {
    "tel": "phone", "fax": "fax", "x-text-fax": "fax", "mailto": "email", "http": "url", "https": "url", "sms": "sms",
    "ftp": "url", "mllp": "other", "pager": "pager",
}  # fmt: skip
"""Scheme of a TEL value -> ContactPoint.system (v3 URLScheme)."""
RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
_CDC = "urn:oid:2.16.840.1.113883.6.238"
_OMB = {
    RACE: frozenset(("1002-5", "2028-9", "2054-5", "2076-8", "2106-3")),
    ETHNICITY: frozenset(("2135-2", "2186-5")),
}
"""The categories of the US Office of Management and Budget in the CDC's code system."""
_NO_KNOWN = {"416098002": "drug", "419511003": "drug", "59037007": "drug", "414285001": "food", "418471000": "food",
             "235719002": "food", "426232007": "environmental"}  # fmt: skip


def oid_system(run: Any, node: str, *_: Any) -> str | None:
    """The URI of a code system or assigning authority from its OID or UUID; the site's own authorities come first."""
    root = node.strip()
    return run.site.authorities.get(root) or run.uri_of(root) or oid_uri(run, root)


def code_system(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The URI of a code element's system from its OID, else from a system name that the tables know."""
    oid, name = (node.get("codeSystem") or "").strip(), (node.get("codeSystemName") or "").strip()
    uri = (run.uri_of(oid) or oid_uri(run, oid)) if oid else run.program.tables.systems.get(name.upper())
    if not uri:
        return None
    if oid:
        rows.append(Row(path, rule, f"{at}/@codeSystem"))
    if name:
        rows.append(Row(path, rule, f"{at}/@codeSystemName"))
    return str(uri)


def oid_uri(_run: Any, node: str, *_: Any) -> str | None:
    """An OID or UUID as `urn:oid:` or `urn:uuid:`; other roots as they stand."""
    root = node.strip()
    if _OID.fullmatch(root):
        return f"urn:oid:{root}"
    return f"urn:uuid:{root.lower()}" if _UUID.fullmatch(root) else root or None


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
    if _UUID.fullmatch(root):
        _bare(run, node, at, path, rule, rows, target)
    elif root:
        text = "an id has an authority but no number; it is not used"
        run.issue("information", "incomplete", text, at, rule, "send the extension, or a nullFlavor alone")


def narrative(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The text of an ED element: its own, else what its reference points to in the narrative; both are cited."""
    text, where = text_of(node, run.narratives)
    if not text:
        return None
    rows.append(Row(path, rule, f"{run.places[where]}/text()" if run.places[where] else at))
    for value in path_of("reference/@value").all(node):
        rows.append(Row(path, rule, f"{run.places[value]}/@value"))
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


def refills(_run: Any, node: str, *_: Any) -> int | None:
    """Repeats beyond the first fill: CDA's repeatNumber of a supply order counts all of them (C-CDA 2.1)."""
    return int(node) - 1 if node.isdigit() and 0 < int(node) < 1000 else None


def original(run: Any, _node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json:
    """Where the document itself is read: the Binary of its envelope."""
    rows.append(Row(f"{path}.contentType", rule, None))
    rows.append(Row(f"{path}.url", rule, None))
    rows.append(Row(f"{path}.hash", rule, None))
    digest = b64encode(
        sha1(run.envelope.content, usedforsecurity=False).digest()
    ).decode()  # as Attachment.hash is defined
    return {"contentType": "text/xml", "url": f"Binary/{run.envelope.id}", "hash": digest}


def body(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The attachment of an unstructured body: base64 as it stands, text as base64, or a link."""
    made: Json = {}
    kind = (node.get("mediaType") or "text/plain").strip()
    made["contentType"] = kind
    rows.append(Row(f"{path}.contentType", rule, f"{at}/@mediaType" if node.get("mediaType") else None))
    link = path_of("reference/@value").first(node)
    if link is not None:
        made["url"] = link.get("value")
        rows.append(Row(f"{path}.url", rule, f"{run.places[link]}/@value"))
        return made
    text = "".join(str(t) for t in node.itertext()).strip()
    if not text:
        return None
    if node.get("representation") == "B64":
        data = run.base64Binary["".join(text.split())] if len(text) < 200 else _base64("".join(text.split()))
        if data is None:
            run.issue("warning", "value", "the body of the document is no base64", at, rule)
            return None
        rows.append(Row(f"{path}.data", rule, f"{at}/@representation"))
    else:
        data = b64encode(text.encode()).decode()
    made["data"] = data
    rows.append(Row(f"{path}.data", rule, f"{at}/text()"))
    return made


def _base64(text: str) -> str | None:
    fits = len(text) % 4 == 0 and re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text)
    return text if fits else None


def _us_core(
    run: Any, node: Element, path: str, rule: str, rows: Rows, url: str, names: tuple[str, ...]
) -> Json | None:
    """The US Core extension for race or ethnicity: categories, details, and the text of all."""
    parts: list[Json] = []
    texts: list[str] = []
    places: list[Locator] = []
    seen: set[str] = set()
    for child in node:
        if not isinstance(child.tag, str) or label(child.tag) not in names:
            continue
        code, at = (child.get("code") or "").strip(), run.places[child]
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
    at = run.places[node]
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


def _concern(vocabulary: str) -> Callable[..., Json | None]:
    """Make the function that reads a clinical status off the concern act around an observation."""

    def status(run: Any, node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
        act = next((a for a in node.iterancestors(f"{{{V3}}}act")), None)
        code = path_of("statusCode/@code").first(act) if act is not None else None
        if code is None:
            return None
        hit = run.program.vocabulary(vocabulary)[code.get("code") or ""]
        if hit is None or not hit.code:
            return None
        place = f"{run.places[code]}/@code"
        rows.append(Row(f"{path}.coding[0].system", rule, None))
        rows.append(Row(f"{path}.coding[0].code", rule, place))
        return {"coding": [{"system": hit.system, "code": hit.code}]}

    return status


def negated(run: Any, _node: Element, at: Locator, _path: str, rule: str, *_: Any) -> None:
    """A negated observation has no place in FHIR's Observation: shown as one, it would say the opposite."""
    text = "a negated observation is not made a resource; it is read in the document's text"
    run.issue("warning", "not-supported", text, at, rule, "what was not found is best sent as a coded result")


def no_known_text(_run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> str:
    """In words what a negated allergy without a substance says."""
    code = path_of("value/@code").says(node)
    kind = _NO_KNOWN.get(code, "")
    rows.append(Row(path, rule, f"{at}/@negationInd"))
    return f"No known {kind + ' ' if kind else ''}allergies"


def outer_severity(run: Any, node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The severity said of the allergy itself, where it has one reaction only that says none (C-CDA 1.1 style)."""
    owner = next((o for o in node.iterancestors(f"{{{V3}}}observation")), None)
    if owner is None:
        return None
    template = '[templateId="2.16.840.1.113883.10.20.22.4.{}"]'
    if path_of("entryRelationship/observation" + template.format(9)).count(owner) != 1:
        return None
    found = path_of("entryRelationship/observation" + template.format(8) + "/value/@code").first(owner)
    hit = run.program.vocabulary("Severity")[found.get("code") or ""] if found is not None else None
    if found is None or hit is None or not hit.code:
        return None
    rows.append(Row(path, rule, f"{run.places[found]}/@code"))
    return str(hit.code)


def administration_unit(run: Any, node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """What a dose without a unit counts: the administration unit (tablet, puff) of the activity."""
    owner = node.getparent()
    unit = path_of("administrationUnitCode").first(owner) if owner is not None else None
    if unit is None or not node.get("value"):
        return None
    for name in ("displayName", "code"):
        if unit.get(name):
            rows.append(Row(path, rule, f"{run.places[unit]}/@{name}"))
            return unit.get(name)
    return clean_text(unit) or None


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "administration_unit": administration_unit,
    "allergy_concern_status": _concern("AllergyConcern"),
    "body": body,
    "code_system": code_system,
    "condition_concern_status": _concern("ProblemConcern"),
    "day": day,
    "ethnicity": ethnicity,
    "instance_id": instance_id,
    "narrative": narrative,
    "negated": negated,
    "no_known_text": no_known_text,
    "oid_system": oid_system,
    "original": original,
    "outer_severity": outer_severity,
    "party_id": party_id,
    "race": race,
    "refills": refills,
    "section": section,
    "section_code": section_code,
    "tel_system": tel_system,
    "tel_value": tel_value,
    "timing": timing,
    "ucum_code": ucum_code,
    "ucum_system": ucum_system,
}
"""Name in the tables -> function."""
