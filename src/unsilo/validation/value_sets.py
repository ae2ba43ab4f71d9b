"""Which codes a value set holds, as far as the definitions that are here can say (FHIR R4 valueset.html)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import msgspec

from unsilo.kernel import Json
from unsilo.units import canonical

__all__ = ["Codes", "Definitions", "ValueSets"]

_DEEP = 16
_LANGUAGE = re.compile(
    r"[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|\d{3}))?(?:-[A-Za-z0-9]{2,8})*"
    r"(?:-[A-WY-Za-wy-z0-9](?:-[A-Za-z0-9]{2,8})+)*(?:-[Xx](?:-[A-Za-z0-9]{1,8})+)?"
    r"|[Xx](?:-[A-Za-z0-9]{1,8})+|[Ii]-[A-Za-z]{2,8}",
    re.ASCII,
)
"""A language tag (RFC 5646, 2.1); no language of more than three letters has been registered."""
_MIME = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:\s*;.*)?", re.ASCII)


class Definitions(Protocol):
    """Where definitions come from: by canonical address, `url` or `url|version`; None when it is not there."""

    def structure(self, url: str) -> Json | None:
        """Return a StructureDefinition."""

    def value_set(self, url: str) -> Json | None:
        """Return a ValueSet."""

    def code_system(self, url: str) -> Json | None:
        """Return a CodeSystem."""


def _language(code: str) -> bool:
    return _LANGUAGE.fullmatch(code) is not None


_SHORT = frozenset(("xml", "json", "ttl", "none"))
"""Short forms that FHIR itself uses for its media types (FHIR R4 http.html#parameters)."""


def _mime(code: str) -> bool:
    return code in _SHORT or _MIME.fullmatch(code) is not None


def _unit(code: str) -> bool:
    return canonical(code) is not None


GRAMMARS: dict[str, Callable[[str], bool]] = {
    "urn:ietf:bcp:47": _language,
    "urn:ietf:bcp:13": _mime,
    "http://unitsofmeasure.org": _unit,
}
"""Code systems whose codes are told by their form, because nobody can list them."""


_FORMS: dict[str, re.Pattern[str]] = {
    "urn:iso:std:iso:4217": re.compile("[A-Z]{3}", re.ASCII),
    "urn:iso:std:iso:3166": re.compile(r"[A-Z]{2,3}|[0-9]{3}|[A-Z]{2}-[A-Z0-9]{1,3}", re.ASCII),
}
"""Code systems that are not here, but whose codes all have one form: what has another is no code of theirs."""


def _possible(system: str, code: str) -> bool:
    form = _FORMS.get(system)
    return form is None or form.fullmatch(code) is not None


class Codes(msgspec.Struct):
    """The codes of a value set: `listed` by system; `formed` systems are told by their form; `open` systems are
    named by the set, but not known here, so nobody can say whether a code of theirs belongs to it."""

    listed: dict[str, set[str]] = {}
    formed: set[str] = set()
    open: set[str] = set()
    whole: bool = True
    """False when a part of the set could not be found at all."""

    def has(self, system: str, code: str) -> bool | None:
        """Tell whether a code of a system belongs to the set; None when that cannot be known."""
        codes = self.listed.get(system)
        if codes is not None and code in codes:
            return True
        if system in self.formed:
            return GRAMMARS[system](code)
        if (system in self.open and _possible(system, code)) or not self.whole:
            return None
        return False

    def has_code(self, code: str) -> bool | None:
        """Tell whether a bare code belongs to the set, whatever the system."""
        if any(code in codes for codes in self.listed.values()):
            return True
        if any(GRAMMARS[system](code) for system in self.formed):
            return True
        return None if any(_possible(system, code) for system in self.open) or not self.whole else False

    def systems(self) -> set[str]:
        """Return the systems that the set draws from."""
        return {*self.listed, *self.formed, *self.open}

    def size(self) -> int:
        """Return how many codes are listed."""
        return sum(len(codes) for codes in self.listed.values())


def _plain(url: str) -> str:
    return url.partition("|")[0]


class ValueSets:
    """Value sets and code systems by address, expanded once."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._codes: dict[str, Codes | None] = {}
        self._systems: dict[str, dict[str, Json] | None] = {}
        self._contents: dict[str, str] = {}

    def codes(self, url: str) -> Codes | None:
        """Return the codes of a value set; None when the value set is not here."""
        if url not in self._codes:
            self._codes[url] = None  # a set that includes itself adds nothing to itself
            self._codes[url] = self._expand(url, 0)
        return self._codes[url]

    def _expand(self, url: str, depth: int) -> Codes | None:
        said = self._definitions.value_set(url) or self._definitions.value_set(_plain(url))
        if said is None:
            # Some name a code system where a value set of all its codes is meant.
            return self._whole_system(_plain(url)) if self.system(_plain(url)) is not None else None
        if "compose" not in said:
            return self._expansion(said)
        found = Codes(listed={}, formed=set(), open=set())
        for part in said["compose"].get("include", ()):
            _add(found, self._part(part, depth))
        for part in said["compose"].get("exclude", ()):
            _remove(found, self._part(part, depth))
        return found

    def _expansion(self, said: Json) -> Codes | None:
        contains = said.get("expansion", {}).get("contains")
        if contains is None:
            return None
        found = Codes(listed={}, formed=set(), open=set())
        for each in _contained(contains):
            if "code" in each and not each.get("abstract"):
                found.listed.setdefault(each.get("system", ""), set()).add(each["code"])
        return found

    def _part(self, part: Json, depth: int) -> Codes:
        found: Codes | None = None
        system = part.get("system", "")
        if system:
            if "concept" in part:
                found = Codes({system: {each["code"] for each in part["concept"] if "code" in each}}, set(), set())
            elif "filter" in part:
                found = self._filtered(system, part["filter"])
            else:
                found = self._whole_system(system)
        for url in part.get("valueSet", ()):
            other = self._expand(url, depth + 1) if depth < _DEEP else None
            other = other or Codes({}, set(), set(), whole=False)
            found = other if found is None else _both(found, other)
        return found or Codes({}, set(), set(), whole=False)

    def _whole_system(self, system: str) -> Codes:
        if system in GRAMMARS:
            return Codes({}, {system}, set())
        concepts = self.system(system)
        if concepts is None or self._contents.get(system) != "complete":
            return Codes({system: set(concepts or ())}, set(), {system})
        return Codes({system: set(concepts)}, set(), set())

    def _filtered(self, system: str, filters: Iterable[Json]) -> Codes:
        concepts = self.system(system)
        if system in GRAMMARS:
            return Codes({}, {system}, set())
        if concepts is None:
            return Codes({}, set(), {system})
        kept = set(concepts)
        for each in filters:
            test = _FILTERS.get(each.get("op", ""))
            if test is None:
                return Codes({}, set(), {system})
            kept &= test(concepts, each.get("property", ""), each.get("value", ""))
        return Codes({system: kept}, set(), set() if self._contents.get(system) == "complete" else {system})

    def system(self, url: str) -> dict[str, Json] | None:
        """Return the concepts of a code system by code, each with `_parents`; None when the system is not here."""
        if url not in self._systems:
            said = self._definitions.code_system(url)
            concepts: dict[str, Json] | None = None
            if said is not None and said.get("content") not in ("not-present", "supplement", "example"):
                concepts = {}
                _gather(said.get("concept", ()), "", concepts)
                self._contents[url] = str(said.get("content", "complete"))
            self._systems[url] = concepts
        return self._systems[url]

    def is_complete(self, url: str) -> bool:
        """Tell whether every code of a system is here, so that an unknown one is wrong."""
        return self.system(url) is not None and self._contents.get(url) == "complete"


def _contained(contains: Iterable[Json]) -> Iterator[Json]:
    for each in contains:
        yield each
        yield from _contained(each.get("contains", ()))


def _gather(concepts: Iterable[Json], parent: str, found: dict[str, Json]) -> None:
    for each in concepts:
        code = each.get("code")
        if type(code) is not str:
            continue
        parents = {parent} if parent else set()
        for said in each.get("property", ()):
            if said.get("code") in ("subsumedBy", "parent"):
                parents.add(str(said.get("valueCode") or said.get("valueString") or ""))
        known = found.setdefault(code, {"display": each.get("display", ""), "_parents": set(), "property": []})
        known["_parents"] |= parents
        known["property"] = [*known["property"], *each.get("property", ())]
        _gather(each.get("concept", ()), code, found)


def _add(to: Codes, more: Codes) -> None:
    for system, codes in more.listed.items():
        to.listed[system] = to.listed.get(system, set()) | codes
    to.formed |= more.formed
    to.open |= more.open
    to.whole = to.whole and more.whole


def _remove(of: Codes, less: Codes) -> None:
    for system, codes in less.listed.items():
        if system in of.listed:
            of.listed[system] = of.listed[system] - codes
    of.open |= {system for system in less.open if system in of.listed}


def _both(one: Codes, other: Codes) -> Codes:
    """Return the codes that both have; where one cannot say, nobody can."""
    listed = {
        system: {
            code for code in one.listed.get(system, set()) | other.listed.get(system, set())
            if one.has(system, code) and other.has(system, code)
        }
        for system in {*one.listed, *other.listed}
    }  # fmt: skip
    return Codes(listed, one.formed & other.formed, one.open | other.open, one.whole and other.whole)


# Filters (FHIR R4 valueset.html#ValueSet.compose.include.filter), each a set of codes.


def _below(concepts: dict[str, Json], top: str) -> set[str]:
    children: dict[str, list[str]] = {}
    for code, each in concepts.items():
        for parent in each["_parents"]:
            children.setdefault(parent, []).append(code)
    found: set[str] = set()
    todo = list(children.get(top, ()))
    while todo:
        code = todo.pop()
        if code not in found:
            found.add(code)
            todo += children.get(code, ())
    return found


def _is_a(concepts: dict[str, Json], _name: str, value: str) -> set[str]:
    return _below(concepts, value) | ({value} & set(concepts))


def _descendent_of(concepts: dict[str, Json], _name: str, value: str) -> set[str]:
    return _below(concepts, value)


def _is_not_a(concepts: dict[str, Json], name: str, value: str) -> set[str]:
    return set(concepts) - _is_a(concepts, name, value)


def _property_values(concept: Json, code: str, name: str) -> list[str]:
    if name in ("code", "concept"):
        return [code]
    if name == "display":
        return [str(concept.get("display", ""))]
    return [str(_first_value(said)) for said in concept["property"] if said.get("code") == name]


def _first_value(said: Json) -> Any:
    value = next((v for k, v in said.items() if k.startswith("value")), "")
    value = value.get("code", "") if isinstance(value, dict) else value
    return str(value).lower() if isinstance(value, bool) else value


def _equal(concepts: dict[str, Json], name: str, value: str) -> set[str]:
    return {code for code, each in concepts.items() if value in _property_values(each, code, name)}


def _in(concepts: dict[str, Json], name: str, value: str) -> set[str]:
    wanted = {part.strip() for part in value.split(",")}
    return {code for code, each in concepts.items() if wanted & set(_property_values(each, code, name))}


def _not_in(concepts: dict[str, Json], name: str, value: str) -> set[str]:
    return set(concepts) - _in(concepts, name, value)


def _exists(concepts: dict[str, Json], name: str, value: str) -> set[str]:
    has = {code for code, each in concepts.items() if _property_values(each, code, name)}
    return has if value == "true" else set(concepts) - has


_FILTERS: dict[str, Callable[[dict[str, Json], str, str], set[str]]] = {
    "is-a": _is_a, "descendent-of": _descendent_of, "is-not-a": _is_not_a, "=": _equal, "in": _in,
    "not-in": _not_in, "exists": _exists,
}  # fmt: skip
"""The filters that are worked out here; a set with another one (regex, generalizes) is said to be unknown."""
