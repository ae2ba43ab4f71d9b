"""Operations on value sets: $expand and $validate-code (FHIR R4 valueset-operations.html)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from unsilo.flow.terminology.codes import answered, parameter, worded
from unsilo.flow.terminology.given import Coding, Given
from unsilo.kernel import Json, clock
from unsilo.terminology import Member, Terminology
from unsilo.terminology.expansion import Page
from unsilo.terminology.faults import fault
from unsilo.terminology.words import fold

__all__ = ["expand", "validate"]

_USUAL = 1_000
_MOST = 50_000
_NESTED = 5_000


def _asked(given: Given) -> str | Json:
    """Return the value set that is asked: an address, or a ValueSet."""
    inline = given.structure("valueSet")
    if inline is not None:
        if inline.get("resourceType") != "ValueSet":
            raise fault("structure", "valueSet is a ValueSet resource", rule="terminology.value-set")
        return inline
    url = given.text("url")
    version = given.text("valueSetVersion")
    if not url:
        if given.text("context"):
            raise fault("not-supported", "context is not looked up: name the value set", rule="terminology.parameter")
        raise fault(
            "required", "which value set it is must be said", "url=ADDRESS, or valueSet", "terminology.value-set"
        )
    return f"{url}|{version}" if version and "|" not in url else url


def _versions(given: Given) -> dict[str, str]:
    found = {}
    for name in ("system-version", "force-system-version"):
        for said in given.texts(name):
            url, sign, version = said.partition("|")
            if not sign:
                raise fault("value", f"{name} is SYSTEM|VERSION", rule="terminology.parameter")
            found[url] = version
    return found


def expand(terminology: Terminology, given: Given) -> Json:
    """Return a ValueSet with the page that is asked of its expansion."""
    asked = _asked(given)
    versions = _versions(given)
    text = given.text("filter")
    offset, active = given.number("offset", 0, 1 << 30), given.flag("activeOnly")
    paged = "count" in given.names() or "offset" in given.names()
    count = given.number("count", _USUAL if paged else _MOST, _MOST)
    page = terminology.page(asked, text=text, offset=offset, count=count, active=active, versions=versions)
    if not paged and page.total is not None and page.total > _MOST:
        hint = f"ask for pages: count (at most {_MOST}) and offset"
        raise fault("too-costly", f"the value set has {page.total} codes", hint, "terminology.many")
    said = terminology.value_set(asked) if isinstance(asked, str) else asked
    found: Json = {"resourceType": "ValueSet"}
    for name in ("url", "version", "name", "title", "status"):
        if said is not None and name in said:
            found[name] = said[name]
    found.setdefault("status", "active")
    if given.flag("includeDefinition") and said is not None and "compose" in said:
        found["compose"] = said["compose"]
    found["expansion"] = _expansion(terminology, given, page, text, offset, count, active, paged)
    return found


def _expansion(
    terminology: Terminology, given: Given, page: Page, text: str, offset: int, count: int, active: bool, paged: bool
) -> Json:
    expansion: Json = {"identifier": f"urn:uuid:{uuid4()}", "timestamp": clock.instant(clock.now())}
    if page.total is not None:
        expansion["total"] = page.total
    if paged:
        expansion["offset"] = offset
    used = [parameter("filter", "String", text)] if text else []
    if paged:
        used += [parameter("count", "Integer", count), parameter("offset", "Integer", offset)]
    if active:
        used.append(parameter("activeOnly", "Boolean", True))
    systems = dict.fromkeys((m.system, m.version) for m in page.members)
    used += [parameter("version", "Uri", f"{url}|{version}") for url, version in systems if version]
    for edition_url, version in systems:
        system = terminology.system(edition_url, version)
        if system is not None and system.edition.content == "fragment":
            used.append(parameter("warning", "String", f"only a part of {edition_url} is here"))
    if used:
        expansion["parameter"] = used
    details = given.flag("includeDesignations") or bool(given.text("displayLanguage"))
    rows = [_contains(terminology, member, given if details else None) for member in page.members]
    nested = given.text("excludeNested") == "false" and not text and not offset
    if nested and page.total is not None and len(rows) == page.total <= _NESTED:
        rows = _nested(terminology, page.members, rows)
    if rows:
        expansion["contains"] = rows
    return expansion


def _contains(terminology: Terminology, member: Member, given: Given | None) -> Json:
    row: Json = {"system": member.system}
    if member.version:
        row["version"] = member.version
    row["code"] = member.code
    if not member.active:
        row["inactive"] = True
    if member.display:
        row["display"] = member.display
    if given is not None:
        concept = terminology.lookup(member.system, member.code, member.version)
        if concept is not None:
            row["display"] = worded(concept, given.text("displayLanguage"))
            if given.flag("includeDesignations") and concept.designations:
                row["designation"] = [_designation(member.system, d) for d in concept.designations]
    return row


def _designation(system: str, said: Any) -> Json:
    row: Json = {}
    if said.language:
        row["language"] = said.language
    if said.use:
        row["use"] = {"system": system, "code": said.use}
    return row | {"value": said.term}


def _nested(terminology: Terminology, members: list[Member], rows: list[Json]) -> list[Json]:
    """Put each row below its first parent that is also here."""
    at = {(m.system, m.code): row for m, row in zip(members, rows, strict=True)}
    tops = []
    for member, row in zip(members, rows, strict=True):
        above = next((at[key] for code in terminology.parents(member.system, member.code)
                      if (key := (member.system, code)) in at), None)  # fmt: skip
        if above is None:
            tops.append(row)
        else:
            above.setdefault("contains", []).append(row)
    return tops


def validate(terminology: Terminology, given: Given) -> Json:
    """Tell whether a code belongs to a value set."""
    asked = _asked(given)
    codings = given.codings()
    if not codings:
        raise fault(
            "required", "which code is asked must be said", "code, coding or codeableConcept", "terminology.code"
        )
    versions = _versions(given)
    last: list[Json] = []
    for each in codings:
        belongs, contents = terminology.holds(asked, each.system, each.code, each.version, versions)
        if belongs and each.system:
            return answered(_member(terminology, each))
        if belongs and contents is not None:
            systems = [url for url, _ in (*contents.bits, *contents.loose) if contents.has(url, each.code)]
            return answered(_member(terminology, Coding(systems[0] if systems else "", each.code, each.display)))
        if belongs is None and contents is not None:
            text = (
                f"whether {each.code[:64]!r} belongs cannot be known: {contents.missing[0][:200]} is not (wholly) here"
            )
        else:
            text = f"{each.code[:64]!r} is not in the value set"
            if each.system and terminology.known(each.system, each.code) is False:
                text += f", nor a code of {each.system[:200]}"
        last = [parameter("result", "Boolean", False), parameter("message", "String", text)]
    return answered(last)


def _member(terminology: Terminology, each: Coding) -> list[Json]:
    system = terminology.system(each.system, each.version) if each.system else None
    concept = None
    head = system.head(each.code) if system is not None else None
    good, message = True, ""
    if each.display and head is not None and system is not None and each.display != head[1]:
        concept = system.concept(each.code)
        terms = [concept.display, *(d.term for d in concept.designations)] if concept is not None else []
        if fold(each.display) not in map(fold, terms):
            good, message = False, f"{each.display[:100]!r} is no term of the code"
    rows = [parameter("result", "Boolean", good)]
    if message:
        rows.append(parameter("message", "String", message))
    if head is not None:
        rows.append(parameter("display", "String", head[1]))
    rows.append(parameter("code", "Code", each.code))
    if each.system:
        rows.append(parameter("system", "Uri", each.system))
    return rows
