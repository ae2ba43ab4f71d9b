"""Operations on code systems: $lookup, $validate-code, $subsumes, $find-matches (FHIR R4 codesystem.html)."""

from __future__ import annotations

from typing import Any

from unsilo.flow.terminology.given import Coding, Given, coding
from unsilo.kernel import Json
from unsilo.terminology import Concept, Terminology, ids
from unsilo.terminology.faults import fault
from unsilo.terminology.filters import filtered
from unsilo.terminology.words import fold

__all__ = ["answered", "find_matches", "lookup", "parameter", "subsumes", "validate", "worded"]

_MOST_MATCHES = 100


def parameter(name: str, kind: str, value: Any) -> Json:
    """Return one parameter; `kind` is the type as it stands behind `value`."""
    return {"name": name, f"value{kind}": value}


def answered(rows: list[Json]) -> Json:
    """Return a Parameters resource."""
    return {"resourceType": "Parameters", "parameter": rows}


def _system(terminology: Terminology, given: Given, said: Coding | None = None) -> tuple[str, str]:
    """Return (url, version) of the system that is asked, which must be here."""
    url = (said.system if said is not None else "") or given.text("url") or given.text("system")
    version = (said.version if said is not None else "") or given.text("version")
    if not url:
        raise fault("required", "which system it is must be said", "system=ADDRESS", "terminology.system")
    if terminology.system(url, version) is None:
        what = f"{url[:200]} version {version[:50]}" if version else url[:200]
        hint = "unsilo terminology list says what is here; import loads more"
        raise fault("not-found", f"the code system {what} is not here", hint, "terminology.system")
    return url, version


def worded(concept: Concept, language: str) -> str:
    """Return a concept's display in a language, where there is one."""
    if language:
        wanted = [part.split(";")[0].strip().casefold() for part in language.split(",")]
        for each in wanted:
            best = [d for d in concept.designations if d.language.casefold() == each]
            best = best or [
                d for d in concept.designations if d.language.casefold().split("-")[0] == each.split("-")[0]
            ]
            if best and each.split("-")[0] != "en":
                return next((d.term for d in best if d.preferred), best[0].term)
    return concept.display


_TYPES = {"boolean": "Boolean", "integer": "Integer", "code": "Code", "dateTime": "DateTime", "decimal": "Decimal"}


def _property(name: str, value: str, kind: str) -> Json:
    if kind == "code":
        return {
            "name": "property",
            "part": [{"name": "code", "valueCode": name}, {"name": "value", "valueCode": value}],
        }
    shape = _TYPES.get(kind, "String")
    said: Any = value
    if shape == "Boolean":
        said = value == "true"
    elif shape == "Integer":
        shape, said = ("Integer", int(value)) if value.lstrip("-").isdigit() and len(value) < 10 else ("String", value)
    elif shape == "Decimal":
        shape = "String"
    return {"name": "property", "part": [{"name": "code", "valueCode": name}, {"name": "value", f"value{shape}": said}]}


def _designation(system: str, language: str, use: str, term: str) -> Json:
    parts: list[Json] = [{"name": "value", "valueString": term}]
    if use:
        parts.insert(0, {"name": "use", "valueCoding": {"system": system, "code": use}})
    if language:
        parts.insert(0, {"name": "language", "valueCode": language})
    return {"name": "designation", "part": parts}


def lookup(terminology: Terminology, given: Given) -> Json:
    """Return what is known of a code. TerminologyError `not-found` when the system or the code is not here."""
    asked = given.codings()
    if not asked or not asked[0].code:
        raise fault("required", "which code is asked must be said", "system and code, or coding", "terminology.code")
    url, version = _system(terminology, given, asked[0])
    system = terminology.system(url, version)
    concept = system.concept(asked[0].code) if system is not None else None
    if system is None or concept is None:
        raise fault("not-found", f"{asked[0].code[:64]!r} is no code of {url[:200]}", rule="terminology.code")
    edition = system.edition
    rows = [parameter("name", "String", edition.name or edition.url)]
    if edition.version:
        rows.append(parameter("version", "String", edition.version))
    rows.append(parameter("display", "String", worded(concept, given.text("displayLanguage"))))
    rows.append(parameter("code", "Code", concept.code))
    rows.append(parameter("system", "Uri", edition.url))
    if concept.definition:
        rows.append(parameter("definition", "String", concept.definition))
    wanted = set(given.texts("property"))
    if not wanted or wanted & {"designation", "*"}:
        rows += [_designation(edition.url, each.language, each.use, each.term) for each in concept.designations]
    kinds = {p.code: p.type for p in edition.properties}
    found = [(name, value, kinds.get(name, "string")) for name, value, _ in concept.properties]
    found += [("parent", code, "code") for code in concept.parents] + [
        ("child", code, "code") for code in concept.children
    ]
    found.append(("inactive", str(not concept.active).lower(), "boolean"))
    found += [("successor", code, "code") for _, code in concept.successors]
    for name, value, kind in dict.fromkeys(found):
        if not wanted or name in wanted or "*" in wanted:
            rows.append(_property(name, value, kind))
    return answered(rows)


def validate(terminology: Terminology, given: Given) -> Json:
    """Tell whether a code is one of its system, and whether the display is one of its terms."""
    said = given.structure("codeSystem")
    if said is not None:
        raise fault(
            "not-supported", "a code system inside the request is not read: store it", rule="terminology.parameter"
        )
    asked = given.codings()
    if not asked:
        raise fault(
            "required", "which code is asked must be said", "code, coding or codeableConcept", "terminology.code"
        )
    last: Json | None = None
    for each in asked:
        own = Coding(given.text("url") or each.system, each.code, each.display, given.text("version") or each.version)
        url, version = _system(terminology, given, own)
        last = _verdict(terminology, url, version, own, given.text("displayLanguage"))
        if last["parameter"][0]["valueBoolean"]:
            return last
    return last or answered([parameter("result", "Boolean", False)])


def _verdict(terminology: Terminology, url: str, version: str, asked: Coding, language: str) -> Json:
    system = terminology.system(url, version)
    head = system.head(asked.code) if system is not None else None
    if system is None or head is None:
        edition = system.edition if system is not None else None
        text = f"{asked.code[:64]!r} is no code of {url[:200]}"
        if edition is not None and edition.content != "complete":
            text += ", of which only a part is here"
        return answered([parameter("result", "Boolean", False), parameter("message", "String", text)])
    rows: list[Json] = []
    display = head[1]
    if (asked.display and asked.display != display) or language:
        concept = system.concept(asked.code)
        terms = [concept.display, *(d.term for d in concept.designations)] if concept is not None else []
        display = worded(concept, language) if concept is not None else display
        if asked.display and fold(asked.display) not in map(fold, terms):
            rows = [
                parameter("result", "Boolean", False),
                parameter("message", "String", f"{asked.display[:100]!r} is no term of the code"),
            ]
    rows = rows or [parameter("result", "Boolean", True)]
    rows += [parameter("display", "String", display), parameter("code", "Code", asked.code),
             parameter("system", "Uri", url)]  # fmt: skip
    if system.edition.version:
        rows.append(parameter("version", "String", system.edition.version))
    if not head[2]:
        rows.append(parameter("inactive", "Boolean", True))
    return answered(rows)


def subsumes(terminology: Terminology, given: Given) -> Json:
    """Tell how two codes of one system stand to each other."""
    one, other = given.text("codeA"), given.text("codeB")
    system = given.text("system")
    codings = [given.structure(f"coding{end}") for end in "AB"]
    if codings[0] is not None and codings[1] is not None:
        first, second = coding(codings[0], "codingA"), coding(codings[1], "codingB")
        if first.system != second.system:
            raise fault("value", "the two codes are of different systems", rule="terminology.subsumes")
        one, other, system = first.code, second.code, first.system or system
    if not one or not other:
        raise fault("required", "codeA and codeB must be said", rule="terminology.code")
    url, version = _system(terminology, given, Coding(system) if system else None)
    found = terminology.subsumes(url, one, other, version)
    if not found:
        wrong = one if not terminology.known(url, one, version) else other
        raise fault("not-found", f"{wrong[:64]!r} is no code of {url[:200]}", rule="terminology.code")
    return answered([parameter("outcome", "Code", found)])


def find_matches(terminology: Terminology, given: Given) -> Json:
    """Return the codes whose properties are those that are given (`exact` only; no post-coordination)."""
    url, version = _system(terminology, given)
    system = terminology.system(url, version)
    rows = [row["part"] for row in given.structures("property") if isinstance(row.get("part"), list)]
    if system is None or not rows:
        raise fault("required", "properties with code and value must be said", rule="terminology.matches")
    bits = ids.span(1, system.size)
    for row in rows:
        inner = Given.of({"resourceType": "Parameters", "parameter": row}, [])
        values = inner.structures("value")
        said = coding(values[0], "value").code if values else inner.text("value")
        bits &= filtered(system, inner.text("code"), "=", said)
    found = []
    for code, display, _ in system.heads(ids.page(bits, 0, _MOST_MATCHES)):
        match = {"name": "code", "valueCoding": {"system": url, "code": code, "display": display}}
        found.append({"name": "match", "part": [match]})
    return answered(found)
