"""The tables of one format and one site, compiled when they are first needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from unsilo.kernel import Issue, Where
from unsilo.mapping.cache import Cache, engine_digest
from unsilo.mapping.compile.shape import Shapes
from unsilo.mapping.compile.writer import Writer, makes
from unsilo.mapping.dates import date_memos, moments, zone_of
from unsilo.mapping.identity import Identities
from unsilo.mapping.memory import Made, Memory
from unsilo.mapping.model import Draft, Reading, Site
from unsilo.mapping.policy import Policies
from unsilo.mapping.rows import MapRow, TableSet
from unsilo.mapping.runtime import NOTHING, Maker, T, numbered, referred, row_table, sourced
from unsilo.mapping.values import Memo, Vocabulary, converters, hl7_table_uri, number

__all__ = ["Program"]

_CODE: dict[str, Any] = {}
"""Code objects of this process by content, shared by all feeds."""

_MOST_CODE = 1000
_V2_TABLES = "2.16.840.1.113883.12."
"""The root of the OIDs of HL7's v2 tables, each below it by its number."""
_RELEASE = re.compile(r"(.*[^-_ .:]),?[-_ .:]?((?:19|20)\d{2})")
_OID = re.compile(r"[0-2](\.(0|[1-9]\d*)){2,}$")


class Program:
    """Compiled maps, vocabularies and settings; shared by all messages of a feed, made once."""

    def __init__(
        self,
        tables: TableSet,
        site: Site,
        writer: type[Writer],
        functions: dict[str, Callable[..., Any]],
        cache: Path | None,
        reading: Callable[[str], Reading],
        names: dict[str, Any] | None = None,
    ) -> None:
        self.tables = tables
        self.site = site
        self.writer = writer
        self.functions = functions
        self.cache = Cache(cache)
        self.faults: list[Issue] = []
        self.overlay = sha256(site.overlay).hexdigest() if site.overlay.strip() else ""
        self.zone = zone_of(site.zone) or ZoneInfo("UTC")
        if zone_of(site.zone) is None:
            self.fault("site.zone", f"{site.zone!r} is no time zone")
        self.moment = moments(self.zone)
        self.converters: dict[str, Memo] = {**converters(), **date_memos(self.zone)}
        self.system_of = Memo(self._system)
        self.converters["code_system"] = Memo(lambda text: self._system(text) or None)
        self.converters["release"] = Memo(self._release)
        self.converters["unit_system"] = Memo(lambda text: self._system(text) or _unit_system(text))
        self.vocabularies: dict[str, Vocabulary] = {}
        self.compiled: dict[tuple[str, str], Any] = {}
        self.makers: dict[tuple[str, str], Maker] = {}
        self.names = names or {}
        self.shaped: Callable[[Program, str], Any] | None = None
        self.shapes: dict[str, Any] = {}
        self.shape_of = Shapes()
        self.contents: dict[str, str] = {}
        self.memories: dict[tuple[str, str], Memory] = {}
        self.made = Made()
        self.identities = Identities(tables.resources, reading)
        self.policies = Policies(tables.resources, reading)

    def fault(self, key: str, text: str) -> None:
        """Note a row that cannot work."""
        hint = "see docs/reference/mapping-tables.md"
        issue = Issue("error", "business-rule", f"{key}: {text}", Where(key), hint, "mapping.table")
        if issue not in self.faults:
            self.faults.append(issue)

    def vocabulary(self, name: str) -> Vocabulary:
        """A vocabulary by name."""
        if name not in self.vocabularies:
            self.vocabularies[name] = Vocabulary(name, self.tables.vocabularies.get(name, []))
        return self.vocabularies[name]

    def memory(self, row: str, path: str) -> Memory:
        """The values that a row made before; lineage names the path, which varies with a segment's shape."""
        key = (row, path)
        if key not in self.memories:
            self.memories[key] = Memory()
        return self.memories[key]

    @cached_property
    def rows(self) -> dict[str, MapRow]:
        """The rows of all maps by id."""
        return {row.id: row for rows in self.tables.maps.values() for row in rows}

    def maker(self, name: str, level: str) -> Maker:
        """A map that makes a resource from a value."""
        key = (name, level)
        if key not in self.makers:
            self.makers[key] = maker = Maker(name, makes(name), None)
            maker.function = self.general(name, level)
        return self.makers[key]

    def separator(self, text: str) -> bool:
        """True when a text may hold parts; what is compared with fixed texts must be whole."""
        return any(not (c.isalnum() or c in " -_.") for c in text)

    def function(self, name: str) -> Any:
        """What runs a segment's map or an element's: `shaped` of the format, else the general function."""
        if self.shaped is None:
            return self.general(name)
        if name not in self.shapes:
            self.shapes[name] = self.shaped(self, name)
        return self.shapes[name]

    def specialised(self, name: str, facts: Any) -> Any:
        """The function of a map for segments of one shape."""
        return self._compile(name, "", None, facts)

    def general(self, name: str, level: str = "") -> Any:
        """The compiled function of a map."""
        key = (name, level)
        if key not in self.compiled:
            self.compiled[key] = self._compile(name, level, None)
        return self.compiled[key]

    def test(self, when: str, own: str) -> Any:
        """A compiled condition over a node of the kind `own` (a segment's name)."""
        key = (f"?{own}:{when}", "")
        if key not in self.compiled:
            self.compiled[key] = self._compile(own, "", when)
        return self.compiled[key]

    def _compile(self, name: str, level: str, when: str | None, facts: Any = None) -> Any:
        known = [engine_digest(), self.content(name), ",".join(sorted(self.functions))]
        parts = [*known, name, level, when or "", _named(facts)]
        digest = sha256("\x1f".join(parts).encode()).hexdigest()
        code = _CODE.get(digest) or self.cache.get(digest)
        clean = True
        if code is None:
            writer = self.writer(self.tables.maps, self.tables.vocabularies)
            source = (
                writer.write_test(name, when)
                if when is not None
                else writer.write(name, level, facts)
                if facts
                else writer.write(name, level)
            )
            for key, text in writer.faults:
                self.fault(key, text)
            code = compile(source, f"<unsilo map {name}>", "exec")
            if writer.faults:
                clean = False
            else:
                self.cache.put(digest, code)
        if clean and len(_CODE) < _MOST_CODE:
            _CODE[digest] = code
        space: dict[str, Any] = {
            "T": T, "N": ("", '""'), "NOTHING": NOTHING, "Draft": Draft, "RowTable": row_table, "number": number,
            "sourced": sourced, "referred": referred, "vocabulary": self.vocabulary, "maker": self.maker,
            "memory": self.memory, "function": self._adapter_function, "numbered": numbered,
            **self.names,
        }  # fmt: skip
        exec(code, space)  # noqa: S102 - our own generated source; every text from tables stands in it as a literal
        return space["m"]

    def content(self, name: str) -> str:
        """The SHA-256 of all rows that a map runs, so that an overlay recompiles only what it touches."""
        if name not in self.contents:
            names, at = [name], 0
            while at < len(names):
                for row in self.tables.maps.get(names[at], ()):
                    if row.type in self.tables.maps and row.type not in names:
                        names.append(row.type)
                at += 1
            rows = [self.tables.maps.get(n, []) for n in names]
            missing = sorted({r.vocab for found in rows for r in found} - set(self.tables.vocabularies))
            self.contents[name] = sha256(msgspec.json.encode([self.writer.__name__, rows, missing])).hexdigest()
        return self.contents[name]

    def _adapter_function(self, name: str) -> Callable[..., Any]:
        found = self.functions.get(name)
        if found is None:
            self.fault(f"py:{name}", "no such function")
            return _nothing
        return found if self.writer.textual is None or name in self.writer.textual else _noted(found)

    def _system(self, name: str) -> str:
        name = name.strip()
        known = self.tables.systems.get(name) or self.tables.systems.get(name.upper())
        if known:
            return known
        if _OID.match(name):
            table = name.removeprefix(_V2_TABLES)
            return hl7_table_uri(f"{int(table):04}") if table.isdigit() and len(table) < 5 else f"urn:oid:{name}"
        if name.startswith(("http://", "https://", "urn:")):
            return name
        table = hl7_table_uri(name) or self._released(name)
        if table or not name or not self.site.organisation:
            return table
        return f"urn:unsilo:{_part(self.site.organisation)}:{_part(name)}"

    def _released(self, name: str) -> str:
        """The URI of a known system behind whose name the year of a release stands: `ICD-10-GM-2024`, `I10G2024`."""
        found = _RELEASE.fullmatch(name)
        return self.tables.systems.get(found[1].upper(), "") if found is not None else ""

    def _release(self, name: str) -> str | None:
        """The year of a release behind the name of a known system."""
        found = _RELEASE.fullmatch(name.strip())
        known = found is not None and name.strip() not in self.tables.systems and self._released(name.strip())
        return found[2] if found is not None and known else None


def _unit_system(text: str) -> str | None:
    """The URI of a local list of units: a unit's code needs one in FHIR, whoever's it is (invariant qty-3)."""
    return f"urn:unsilo:units:{_part(text)}" if _part(text) else None


def _part(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-").lower()


def _named(facts: Any) -> str:
    """Facts as a text that does not depend on the order of sets."""
    if facts is None:
        return ""
    return repr([sorted(part) if isinstance(part, frozenset) else part for part in facts])


def _noted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that looks around: what a segment became with its help is not taken for another one."""

    def call(run: Any, *given: Any) -> Any:
        run.touched += 1
        return function(run, *given)

    return call


def _nothing(*_: Any) -> None:
    return None
