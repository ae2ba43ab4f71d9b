"""Operations on maps: $translate and $closure (FHIR R4 conceptmap-operations.html)."""

from __future__ import annotations

import fcntl
import hashlib
import re
from pathlib import Path

import msgspec

from unsilo.flow.terminology.codes import answered, parameter
from unsilo.flow.terminology.given import Coding, Given, coding
from unsilo.kernel import Json, clock
from unsilo.terminology import Terminology, Translation
from unsilo.terminology.faults import fault
from unsilo.terminology.translate import translate_by

__all__ = ["closure", "translate"]

_NO = frozenset(("unmatched", "disjoint"))
_NAME = re.compile(r"[A-Za-z0-9._\-]{1,64}")
_MOST_CONCEPTS = 20_000


def _source(given: Given) -> list[Coding]:
    asked = given.codings()
    if not asked or not any(each.code for each in asked):
        raise fault("required", "which code is asked must be said", "code and system, coding or codeableConcept",
                    "terminology.code")  # fmt: skip
    if any(not each.system for each in asked):
        raise fault("required", "the system of the code must be said", "system=ADDRESS", "terminology.system")
    return asked


def translate(terminology: Terminology, given: Given) -> Json:
    """Return where maps lead from a code; `reverse` asks what leads to it."""
    inline = given.structure("conceptMap")
    url, version = given.text("url"), given.text("conceptMapVersion")
    target = given.text("targetsystem") or given.text("targetSystem")
    if not target and (wanted := given.text("target")):
        target = _system_of(terminology, wanted)
    reverse = given.flag("reverse")
    found: list[Translation] = []
    asked = _source(given)
    for each in asked:
        if inline is not None:
            found += [t for t in translate_by(inline, each.system, each.code, reverse=reverse)
                      if not target or t.system == target]  # fmt: skip
        else:
            named = f"{url}|{version}" if url and version else url
            if named and not _is_here(terminology, each.system, named):
                raise fault("not-found", f"the map {named[:200]} is not here", "load it", "terminology.map")
            found += terminology.translate(each.system, each.code, target, named, reverse=reverse)
    if not found and url and not reverse:
        found = _unmapped(terminology, asked[0], url)
    good = [each for each in found if each.equivalence not in _NO and each.code]
    rows = [parameter("result", "Boolean", bool(good))]
    if not good:
        rows.append(parameter("message", "String", f"no map leads from {asked[0].code[:64]!r}"))
    return answered(rows + [_match(terminology, each) for each in found])


def _system_of(terminology: Terminology, value_set: str) -> str:
    """Return the one system that a target value set draws from."""
    systems = {url for url, _ in terminology.contents(value_set).bits}
    return systems.pop() if len(systems) == 1 else ""


def _is_here(terminology: Terminology, system: str, named: str) -> bool:
    url = named.partition("|")[0]
    for maps in terminology.shelf.maps(system):
        if any(group.url == url for group in maps.groups()):
            return True
    return (
        any(source.concept_map(named) is not None for source in terminology.sources)
        or terminology.shelf.definition("ConceptMap", named) is not None
    )


def _unmapped(terminology: Terminology, asked: Coding, url: str) -> list[Translation]:
    """Return what a map says of codes that it has not (ConceptMap.group.unmapped)."""
    said = terminology.shelf.definition("ConceptMap", url) or {}
    for group in said.get("group") or ():
        if not isinstance(group, dict) or group.get("source") != asked.system:
            continue
        rule = group.get("unmapped") or {}
        goal = str(group.get("target", ""))
        if rule.get("mode") == "provided":
            return [Translation(goal, asked.code, "", "relatedto", url)]
        if rule.get("mode") == "fixed" and rule.get("code"):
            return [Translation(goal, str(rule["code"]), str(rule.get("display", "")), "relatedto", url)]
        if rule.get("mode") == "other-map" and rule.get("url") and rule["url"] != url:
            return terminology.translate(asked.system, asked.code, goal, str(rule["url"]))
    return []


def _match(terminology: Terminology, each: Translation) -> Json:
    parts = [parameter("equivalence", "Code", each.equivalence)]
    if each.code:
        concept: Json = {"system": each.system, "code": each.code}
        display = each.display or terminology.display(each.system, each.code)
        if display:
            concept["display"] = display
        parts.append(parameter("concept", "Coding", concept))
    for name, system, value in each.product:
        inner = [parameter("element", "Uri", name), parameter("concept", "Coding", {"system": system, "code": value})]
        parts.append({"name": "product", "part": inner})
    if each.map_url:
        parts.append(
            parameter("source", "Uri", f"{each.map_url}|{each.map_version}" if each.map_version else each.map_url)
        )
    if each.comment:
        parts.append(parameter("comment", "String", each.comment))
    return {"name": "match", "part": parts}


# The closure table of a client.


class _Table(msgspec.Struct):
    version: int = 0
    concepts: list[tuple[str, str]] = []
    pairs: list[tuple[int, int, int]] = []
    """(at which version, place of the narrower, place of the wider)."""


def closure(terminology: Terminology, given: Given, folder: Path) -> Json:
    """Begin, feed or read again a client's closure table; the answer is what became known (FHIR R4 $closure).

    Tables are kept in `folder` by name. TerminologyError for a name or version that is not there.
    """
    name = given.text("name")
    if not _NAME.fullmatch(name):
        raise fault("value", "name is 1 to 64 letters, digits, ., _ or -", rule="terminology.closure")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
    concepts = [coding(each, "concept") for each in given.structures("concept")]
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not concepts and "version" not in given.names():
            _write(file, _Table())
            return _concept_map(name, _Table(), [])
        if not file.exists():
            raise fault(
                "not-found", f"there is no closure table {name!r}", "begin it: name alone", "terminology.closure"
            )
        table = msgspec.json.decode(file.read_bytes(), type=_Table)
        if "version" in given.names():
            if concepts:
                raise fault("value", "give concepts or a version, not both", rule="terminology.closure")
            since = given.number("version", 0, 1 << 30)
            return _concept_map(name, table, [p for p in table.pairs if p[0] > since])
        new = _grow(terminology, table, concepts)
        _write(file, table)
    return _concept_map(name, table, new)


def _grow(terminology: Terminology, table: _Table, concepts: list[Coding]) -> list[tuple[int, int, int]]:
    places = {tuple(each): n for n, each in enumerate(table.concepts)}
    if len(places) + len(concepts) > _MOST_CONCEPTS:
        raise fault("too-costly", f"a closure table has at most {_MOST_CONCEPTS} concepts", rule="terminology.closure")
    table.version += 1
    new: list[tuple[int, int, int]] = []
    for each in concepts:
        key = (each.system, each.code)
        if key in places:
            continue
        if terminology.known(*key) is not True:
            raise fault("not-found", f"{each.code[:64]!r} is no code of {each.system[:200]}", rule="terminology.code")
        own = places[key] = len(table.concepts)
        table.concepts.append(key)
        related = {(each.system, code): True for code in terminology.above(*key)}
        for code in terminology.below(*key):
            related[each.system, code] = False
        for other in places.keys() & related.keys():
            pair = (own, places[other]) if related[other] else (places[other], own)  # type: ignore[index] # same keys
            new.append((table.version, *pair))
    table.pairs += new
    return new


def _write(file: Path, table: _Table) -> None:
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(table))
    part.rename(file)


def _concept_map(name: str, table: _Table, pairs: list[tuple[int, int, int]]) -> Json:
    groups: dict[str, dict[str, list[Json]]] = {}
    for _, narrow, wide in sorted(pairs):
        system, code = table.concepts[narrow]
        target = {"code": table.concepts[wide][1], "equivalence": "subsumes"}
        groups.setdefault(system, {}).setdefault(code, []).append(target)
    found: Json = {
        "resourceType": "ConceptMap", "name": name, "version": str(table.version), "status": "active",
        "experimental": True, "date": clock.instant(clock.now()),
    }  # fmt: skip
    if groups:
        found["group"] = [
            {"source": system, "target": system,
             "element": [{"code": code, "target": targets} for code, targets in elements.items()]}
            for system, elements in groups.items()
        ]  # fmt: skip
    return found
