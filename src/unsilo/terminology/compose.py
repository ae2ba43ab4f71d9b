"""What a value set holds: sets of concepts by code system version, and codes of systems that are not here."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Any

import msgspec

from unsilo.kernel import Json
from unsilo.terminology import ids
from unsilo.terminology.faults import fault
from unsilo.terminology.filters import filtered
from unsilo.terminology.grammars import GRAMMARS
from unsilo.terminology.ports import CodeSystem

__all__ = ["Contents", "Find", "compose"]

_DEEPEST = 16
_MOST_CODES = 100_000
_MOST_FILTERS = 500
_SECONDS = 15.0
Key = tuple[str, str]
"""A code system and its version."""


class Contents(msgspec.Struct):
    """A value set worked out. `bits` has a set for each system that is here, `loose` the codes of those that are not
    (code to display), `formed` the systems whose every well-formed code belongs."""

    bits: dict[Key, int] = {}
    systems: dict[Key, Any] = {}
    loose: dict[Key, dict[str, str]] = {}
    formed: set[str] = set()
    words: dict[tuple[str, str], str] = {}
    """Displays that the value set itself gives, by system and code."""
    parts: list[str] = []
    """Value sets that it is made of."""
    missing: list[str] = []
    """Systems that it draws from and that are not here (or only in part): what is not found may yet belong."""

    def size(self) -> int:
        """Return how many codes there are."""
        return sum(b.bit_count() for b in self.bits.values()) + sum(map(len, self.loose.values()))

    def has(self, system: str, code: str, version: str = "") -> bool | None:
        """Tell whether a code belongs; any system for ""; None when that cannot be known."""
        for (url, edition), bits in self.bits.items():
            if system in ("", url) and version in ("", edition):
                number = self.systems[url, edition].find(code)
                if number and bits >> number & 1:
                    return True
        for (url, _), codes in self.loose.items():
            if system in ("", url) and code in codes:
                return True
        if any(GRAMMARS[url](code) for url in self.formed if system in ("", url)):
            return True
        return None if any(system in ("", url) for url in self.missing) else False


class Find:
    """How `compose` reaches systems and other value sets; `versions` fixes versions by system where none is said."""

    def __init__(self, system: Any, value_set: Any, versions: dict[str, str] | None = None) -> None:
        self.system, self.value_set = system, value_set
        self.versions = versions or {}
        self.made: dict[str, Contents] = {}
        """Inner value sets that were worked out already: one that is named often is worked out once."""
        self.end = monotonic() + _SECONDS
        self.filters = 0
        """Filters that were applied so far."""


def compose(said: Json, find: Find, path: tuple[str, ...] = ()) -> Contents:
    """Return what a ValueSet holds. TerminologyError when it includes itself, nests too deep or has a wrong filter."""
    url = str(said.get("url", ""))
    if url and url in path:
        raise fault("business-rule", f"the value set {url} includes itself", rule="terminology.value-set.itself")
    if len(path) > _DEEPEST:
        raise fault("too-costly", "value sets include each other too deep", rule="terminology.value-set.deep")
    path = (*path, url)
    found = Contents({}, {}, {}, set(), {}, [], [])
    composed = said.get("compose")
    if composed is None:
        if not isinstance(said.get("expansion"), dict):
            return found
        _contained(said["expansion"].get("contains"), find, found, 0)
        return found
    if not isinstance(composed, dict):
        raise fault("structure", "compose is an object", rule="terminology.value-set")
    for part in _list(composed, "include"):
        _add(found, _part(part, find, path))
    for part in _list(composed, "exclude"):
        _remove(found, _part(part, find, path))
    if composed.get("inactive") is False:
        found.bits = {key: bits & ~found.systems[key].inactive() for key, bits in found.bits.items()}
    return found


def _list(said: Json, name: str) -> list[Json]:
    rows = said.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise fault("structure", f"{name} is a list of objects", rule="terminology.value-set")
    return rows


def _part(part: Json, find: Find, path: tuple[str, ...]) -> Contents:
    found: Contents | None = None
    url = part.get("system")
    if url is not None:
        if not isinstance(url, str):
            raise fault("structure", "system is an address", rule="terminology.value-set")
        found = _of_system(url, str(part.get("version") or find.versions.get(url, "")), part, find)
    for other in part.get("valueSet") or ():
        said = find.value_set(str(other))
        if said is None:
            raise fault(
                "not-found", f"the value set {str(other)[:200]} is not here", "load it", "terminology.value-set"
            )
        inner = find.made.get(str(other))
        if inner is None:
            inner = find.made[str(other)] = compose(said, find, path)
            inner.parts.append(str(other))
        found = inner if found is None else _both(found, inner)
    return found or Contents({}, {}, {}, set(), {}, [], [])


def _of_system(url: str, version: str, part: Json, find: Find) -> Contents:
    found = Contents({}, {}, {}, set(), {}, [], [])
    system: CodeSystem | None = find.system(url, version)
    if system is None and version and find.system(url, "") is not None and "concept" not in part:
        raise fault("not-found", f"version {version} of {url} is not here", "import it, or name no version",
                    "terminology.version")  # fmt: skip
    concepts = _list(part, "concept")
    if concepts:
        if len(concepts) > _MOST_CODES:
            raise fault("too-costly", f"a value set lists at most {_MOST_CODES} codes", rule="terminology.value-set")
        _listed(found, system, (url, version), concepts)
        return found
    filters = _list(part, "filter")
    if system is None:
        if url in GRAMMARS and not filters:
            found.formed.add(url)
        else:
            found.missing.append(url)
        return found
    key = (url, system.edition.version)
    find.filters += len(filters)
    if find.filters > _MOST_FILTERS:
        text = f"a value set has at most {_MOST_FILTERS} filters, with those that it is made of"
        raise fault("too-costly", text, rule="terminology.value-set.many")
    bits = ids.span(1, system.size)
    for each in filters:
        if monotonic() > find.end:
            hint = "ask for less, or load it as several value sets"
            raise fault("too-costly", f"it takes more than {_SECONDS:g} seconds", hint, "terminology.value-set.slow")
        bits &= filtered(system, each.get("property", ""), str(each.get("op", "")), each.get("value", ""))
    found.bits[key], found.systems[key] = bits, system
    if system.edition.content != "complete":
        found.missing.append(url)
    return found


def _listed(found: Contents, system: CodeSystem | None, key: Key, concepts: Iterable[Json]) -> None:
    url = key[0]
    numbers = []
    for each in concepts:
        code, display = each.get("code"), each.get("display")
        if not isinstance(code, str):
            continue
        number = system.find(code) if system is not None else 0
        if number:
            numbers.append(number)
        else:
            found.loose.setdefault(key, {})[code] = display if isinstance(display, str) else ""
        if isinstance(display, str):
            found.words[url, code] = display
    if system is not None and numbers:
        own = (url, system.edition.version)
        found.bits[own], found.systems[own] = ids.pack(numbers, system.size), system


def _contained(rows: Any, find: Find, found: Contents, depth: int) -> None:
    if depth > _DEEPEST or not isinstance(rows, list):
        return
    by_system: dict[Key, list[Json]] = {}
    for row in rows:
        if isinstance(row, dict):
            if not row.get("abstract"):
                key = (str(row.get("system", "")), str(row.get("version", "")))
                by_system.setdefault(key, []).append(row)
            _contained(row.get("contains"), find, found, depth + 1)
    for key, listed in by_system.items():
        one = Contents({}, {}, {}, set(), {}, [], [])
        _listed(one, find.system(*key), key, listed)
        _add(found, one)


def _add(to: Contents, more: Contents) -> None:
    for key, bits in more.bits.items():
        to.bits[key] = to.bits.get(key, 0) | bits
    to.systems |= more.systems
    for key, codes in more.loose.items():
        to.loose[key] = to.loose.get(key, {}) | codes
    to.formed |= more.formed
    to.words |= more.words
    to.parts += [url for url in more.parts if url not in to.parts]
    to.missing += [url for url in more.missing if url not in to.missing]


def _remove(of: Contents, less: Contents) -> None:
    for key, bits in less.bits.items():
        if key in of.bits:
            of.bits[key] &= ~bits
    for key, codes in less.loose.items():
        if key in of.loose:
            of.loose[key] = {code: words for code, words in of.loose[key].items() if code not in codes}


def _both(one: Contents, other: Contents) -> Contents:
    """Return what both have (FHIR R4: an include with a system and value sets is their intersection)."""
    found = Contents({}, {}, {}, one.formed & other.formed, one.words | other.words, one.parts + other.parts, [])
    for key, bits in one.bits.items():
        system = one.systems[key]
        shared = bits & other.bits.get(key, 0)
        if key not in other.bits:
            shared = ids.pack(
                (n for n in ids.iterate(bits) if other.has(key[0], system.heads((n,))[0][0])), system.size
            )
        if shared:
            found.bits[key], found.systems[key] = shared, system
    for key, codes in one.loose.items():
        kept = {code: words for code, words in codes.items() if other.has(key[0], code)}
        if kept:
            found.loose[key] = kept
    found.missing = [url for url in one.missing if url in other.missing or url in {k[0] for k in other.bits}]
    return found
