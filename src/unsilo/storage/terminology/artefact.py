"""Reads one artefact: every answer is one or two statements over a file that never changes."""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from unsilo.kernel import Json, json
from unsilo.storage.terminology.words import Words
from unsilo.terminology import ids
from unsilo.terminology.model import Concept, Designation, Edition, MapGroup, Property, Translation

__all__ = ["Artefact"]

FORM = 1
_MAPPED = 1 << 31
_BITS_KEPT = 256
_FIND = "SELECT id FROM concept WHERE code = ?"
_HEAD = "SELECT id, display, active FROM concept WHERE code = ?"
_WHOLE = "SELECT id, code, display, active, definition, parents FROM concept WHERE code = ?"
_HEADS = "SELECT code, display, active FROM concept WHERE id = ?"
_ALL_HEADS = (
    "SELECT code, display, active FROM json_each(?) AS n CROSS JOIN concept AS c ON c.id = n.value ORDER BY n.key"
)
_MANY = 8
"""From so many on one statement for all is quicker than one for each."""
_TERMS = "SELECT term, kind, preferred FROM term WHERE concept = ? ORDER BY id"
_SAID = "SELECT property, value, part FROM said WHERE source = ? ORDER BY part, property, value"
_RELATED_OF = "SELECT property, target, part FROM relation WHERE source = ? ORDER BY part, property"
_MOST_CHILDREN = 1000
_RELATED = (
    "SELECT p.code, r.target, r.part FROM relation r JOIN property p ON p.id = r.property WHERE r.source = ? "
    "ORDER BY r.part, p.id"
)


class Artefact:
    """A `CodeSystem` and `Maps` over one file (or a connection to a database in memory). Thread-safe."""

    def __init__(self, path: Path | None, connection: sqlite3.Connection | None = None) -> None:
        self.path = path
        self._own = threading.local()
        self._shared = connection
        self._lock = threading.Lock()
        self._opened: list[sqlite3.Connection] = []
        if self._one("PRAGMA user_version")[0] != FORM:
            raise ValueError("it was made by another version of the program")
        row = self._one("SELECT value FROM about WHERE name = 'edition'")
        self.edition = msgspec.json.decode(row[0], type=Edition)
        self.size = self.edition.count
        self._numbers = dict(self._all("SELECT code, id FROM property"))
        self._names = {number: name for name, number in self._numbers.items()}
        self._kinds = {
            number: (language, use) for number, language, use in self._all("SELECT id, language, use FROM kind")
        }
        self._has = [
            self._one(f"SELECT EXISTS (SELECT 1 FROM {table})")[0]  # noqa: S608 - own names
            for table in ("said", "relation", "successor")
        ]
        self._properties = {each.code: each for each in self.edition.properties}
        self.below = lru_cache(maxsize=_BITS_KEPT)(self._below)
        self._ends = lru_cache(maxsize=_BITS_KEPT)(self._all_ends)
        self._groups = [msgspec.json.decode(r[0], type=MapGroup) for r in self._all("SELECT said FROM mapset")]
        self._words = Words(self)

    # Statements.

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection."""
        if self._shared is not None:
            return self._shared
        known: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if known is None:
            known = sqlite3.connect(
                f"file:{quote(str(self.path))}?mode=ro&immutable=1", uri=True, isolation_level=None,
                check_same_thread=False, cached_statements=128,
            )  # fmt: skip
            known.execute(f"PRAGMA mmap_size = {_MAPPED}")
            known.execute("PRAGMA query_only = ON")
            known.execute("PRAGMA trusted_schema = OFF")
            self._own.connection = known
            with self._lock:
                self._opened.append(known)
        return known

    def _one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        try:
            if self._shared is not None:
                with self._lock:
                    return self._shared.execute(sql, values).fetchone()
            return self.connection().execute(sql, values).fetchone()
        except UnicodeEncodeError:  # half a character is in no file
            return None

    def _all(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            if self._shared is not None:
                with self._lock:
                    return self._shared.execute(sql, values).fetchall()
            return self.connection().execute(sql, values).fetchall()
        except UnicodeEncodeError:
            return []

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterable[Any]:
        """Return rows one after another (all at once where the connection is shared)."""
        return self._all(sql, values) if self._shared is not None else self.connection().execute(sql, values)

    def close(self) -> None:
        """Close the connections that are open; whoever still reads gets an error, so wait before."""
        with self._lock:
            for each in self._opened:
                each.close()
            self._opened = []

    # Concepts.

    def find(self, code: str) -> int:
        """Return the id of a code, 0 when there is none."""
        row = self._one(_FIND, (code,)) or (None if self.edition.case_sensitive else self._one(_FIND, (code.upper(),)))
        return row[0] if row else 0

    def head(self, code: str) -> tuple[int, str, bool] | None:
        """Return (id, display, active) of a code."""
        row = self._one(_HEAD, (code,)) or (None if self.edition.case_sensitive else self._one(_HEAD, (code.upper(),)))
        return (row[0], row[1], bool(row[2])) if row else None

    def heads(self, numbers: Sequence[int]) -> list[tuple[str, str, bool]]:
        """Return (code, display, active) of ids, in the order given."""
        if len(numbers) >= _MANY:
            rows = self._all(_ALL_HEADS, (msgspec.json.encode(list(numbers)).decode(),))
        else:
            rows = [self._one(_HEADS, (number,)) for number in numbers]
        return [(code, display, bool(active)) for code, display, active in rows]

    def concept(self, code: str) -> Concept | None:
        """Return all that is known of a concept."""
        row = self._one(_WHOLE, (code,))
        if row is None and not self.edition.case_sensitive:
            row = self._one(_WHOLE, (code.upper(),))
        if row is None:
            return None
        number, code, display, active, definition, parents = row
        found = Concept(self.edition.url, self.edition.version, code, display, bool(active), definition)
        kinds = self._kinds
        found.designations = [
            Designation(term, *kinds[kind], tuple((preferred or "").split()))
            for term, kind, preferred in self._all(_TERMS, (number,))
            if kind
        ]
        if self._has[0]:
            names = self._names
            found.properties = [(names[name], value, part) for name, value, part in self._all(_SAID, (number,))]
        if self._has[1]:
            related = self._all(_RELATED_OF, (number,))
            heads = self.heads([row[1] for row in related])
            found.properties += [
                (self._names[name], head[0], part) for (name, _, part), head in zip(related, heads, strict=True)
            ]
        if parents is not None:
            found.parents = [head[0] for head in self.heads(_unpacked(parents))]
        found.children = [head[0] for head in self.heads(self.children(number)[:_MOST_CHILDREN])]
        if self._has[2]:
            found.successors = self._all("SELECT relationship, target FROM successor WHERE concept = ?", (number,))
        return found

    # The hierarchy.

    def parents(self, number: int) -> Sequence[int]:
        """Return the ids directly above."""
        row = self._one("SELECT parents FROM concept WHERE id = ?", (number,))
        return _unpacked(row[0]) if row else ()

    def children(self, number: int) -> Sequence[int]:
        """Return the ids directly below."""
        row = self._one("SELECT children FROM lower WHERE id = ?", (number,))
        return _unpacked(row[0]) if row else array("I")

    def above(self, number: int) -> Sequence[int]:
        """Return all ids above."""
        row = self._one("SELECT above FROM concept WHERE id = ?", (number,))
        return _unpacked(row[0]) if row else ()

    below: Callable[[int], int]

    def _below(self, number: int) -> int:
        row = self._one("SELECT below FROM lower WHERE id = ?", (number,))
        return ids.unpack(row[0], self.size) if row else 0

    def below_page(self, number: int, offset: int, count: int) -> tuple[int, list[int]]:
        """Return how many are below, and `count` of them from the `offset`-th on."""
        row = self._one("SELECT many, below FROM lower WHERE id = ?", (number,))
        if row is None:
            return 0, []
        many, content = row
        if len(content) % 4 == 0:
            return many, array("I", content[offset * 4 : (offset + count) * 4]).tolist()
        return many, ids.page(int.from_bytes(content[1:], "little"), offset, count)

    def is_below(self, code: str, ancestor: str) -> bool | None:
        """Tell whether a code is below another; None when one of them is not there."""
        top = self.find(ancestor)
        row = self._one("SELECT above FROM concept WHERE id = ?", (self.find(code),)) if top else None
        if row is None:
            return None
        return row[0] is not None and top in array("I", row[0])

    @cached_property
    def _inactive(self) -> int:
        return ids.pack(self.packed("inactive"), self.size)

    def packed(self, name: str) -> array[int]:
        """Return an array that is kept as a whole."""
        row = self._one("SELECT content FROM packed WHERE name = ?", (name,))
        return _unpacked(row[0])

    def inactive(self) -> int:
        """Return the set of inactive concepts."""
        return self._inactive

    @cached_property
    def _tops(self) -> int:
        return ids.pack((r[0] for r in self._all("SELECT id FROM concept WHERE parents IS NULL")), self.size)

    def roots(self) -> int:
        """Return the set of concepts that have nothing above them."""
        return self._tops

    def leaves(self) -> int:
        """Return the set of concepts that have nothing below them."""
        return ids.span(1, self.size) & ~ids.pack((r[0] for r in self._all("SELECT id FROM lower")), self.size)

    def refset(self, code: str) -> int | None:
        """Return the set of a reference set's members; None when there is no such set."""
        rows = self._all("SELECT concept FROM member WHERE refset = ?", (code,))
        return ids.pack((r[0] for r in rows), self.size) if rows else None

    def refsets(self) -> list[str]:
        """Return the codes of all reference sets."""
        return [r[0] for r in self._all("SELECT DISTINCT refset FROM member ORDER BY 1")]

    # Properties.

    def property(self, name: str) -> Property | None:
        """Return a property by its code."""
        return self._properties.get(name)

    def relations(self, name: str) -> Iterable[tuple[int, int, int]]:
        """Yield (source, target, group) of a property whose values are concepts."""
        return self.rows("SELECT source, target, part FROM relation WHERE property = ?", (self._numbers.get(name, 0),))

    def related(self, name: str, to: int, *, turned: bool = False) -> int:
        """Return the set of concepts whose property leads into the set `to`; `turned`: to which one of it leads."""
        sources, targets = self._ends(name)
        if turned:
            sources, targets = targets, sources
        content = to.to_bytes(self.size // 8 + 1, "little")
        return ids.pack({s for s, t in zip(sources, targets, strict=True) if content[t >> 3] >> (t & 7) & 1}, self.size)

    def _all_ends(self, name: str) -> tuple[array[int], array[int]]:
        rows = self._all("SELECT source, target FROM relation WHERE property = ?", (self._numbers.get(name, 0),))
        return array("I", (row[0] for row in rows)), array("I", (row[1] for row in rows))

    def relations_to(self, name: str, targets: Sequence[int]) -> Iterable[tuple[int, int, int]]:
        """Yield (source, target, group) of those that lead to the targets."""
        number = self._numbers.get(name, 0)
        for target in targets:
            yield from self._all(
                "SELECT source, target, part FROM relation WHERE property = ? AND target = ?", (number, target)
            )

    def relations_of(self, source: int) -> list[tuple[str, int, int]]:
        """Return (property, target, group) of a concept."""
        return self._all(_RELATED, (source,))

    def values(self, name: str) -> Iterable[tuple[int, str, int]]:
        """Yield (source, value, group) of a property with other values."""
        return self.rows("SELECT source, value, part FROM said WHERE property = ?", (self._numbers.get(name, 0),))

    def having(self, name: str, values: Sequence[str]) -> int:
        """Return the set of concepts with one of the values, whichever kind the property is of."""
        number = self._numbers.get(name, 0)
        found: list[int] = []
        for value in values:
            found += (
                r[0] for r in self._all("SELECT source FROM said WHERE property = ? AND value = ?", (number, value))
            )
            target = self.find(value)
            if target:
                found += (
                    r[0]
                    for r in self._all(
                        "SELECT source FROM relation WHERE property = ? AND target = ?", (number, target)
                    )
                )
        return ids.pack(found, self.size)

    def having_any(self, name: str) -> int:
        """Return the set of concepts that have the property."""
        number = self._numbers.get(name, 0)
        rows = self._all(
            "SELECT source FROM said WHERE property = ?1 UNION SELECT source FROM relation WHERE property = ?1",
            (number,),
        )
        return ids.pack((r[0] for r in rows), self.size)

    def succeeded(self) -> Iterable[tuple[int, str, str]]:
        """Yield (id, relationship, code of the successor) of all that something replaces."""
        return self.rows("SELECT concept, relationship, target FROM successor")

    def displays(self) -> Iterator[tuple[int, str, str]]:
        """Yield (id, code, display) of every concept."""
        yield from self.rows("SELECT id, code, display FROM concept")

    def terms(self, languages: Sequence[str] = (), uses: Sequence[str] = ()) -> Iterator[tuple[int, str]]:
        """Yield (id, term) of every further term of the languages and uses; none named means any."""
        kinds = {
            n for n, language, use in self._all("SELECT id, language, use FROM kind")
            if (not languages or language in languages) and (not uses or use in uses)
        }  # fmt: skip
        plain = not languages and not uses
        for concept, kind, term in self.rows("SELECT concept, kind, term FROM term"):
            if kind in kinds or (plain and kind == 0):
                yield concept, term

    # Words.

    def search(
        self, words: Sequence[str], limit: int, below: int = 0, *, inactive: bool = False
    ) -> list[tuple[int, str]]:
        """Return (id, term) of concepts with terms that have all words; see `terminology.ports`."""
        return self._words.search(words, limit, below, inactive=inactive)

    def matching(self, words: Sequence[str]) -> Iterator[int]:
        """Yield the ids of concepts with a term that has all words, each of which may be only begun."""
        return self._words.matching(words)

    def similar(self, words: Sequence[str], limit: int) -> list[tuple[int, str, float]]:
        """Return (id, term, score) of the terms that share the rarest words, best first."""
        return self._words.similar(words, limit)

    # Maps and definitions.

    def groups(self) -> Sequence[MapGroup]:
        """Return the maps."""
        return self._groups

    def mapped(self, group: MapGroup, code: str) -> list[Translation]:
        """Return where a code leads."""
        sql = "SELECT target, said FROM map WHERE mapset = ? AND source = ? ORDER BY rank"
        return [_translation(group, group.target, target, said) for target, said in self._all(sql, (group.key, code))]

    def mapped_from(self, group: MapGroup, code: str) -> list[Translation]:
        """Return what leads to a code, as translations whose system and code are the source's."""
        sql = "SELECT source, said FROM map WHERE mapset = ? AND target = ? ORDER BY source"
        return [_translation(group, group.source, source, said) for source, said in self._all(sql, (group.key, code))]

    def definition(self, kind: str, url: str, version: str) -> Json | None:
        """Return a resource that is kept as it is; without a version the latest."""
        row = self._one(
            "SELECT content FROM definition WHERE kind = ?1 AND url = ?2 AND (?3 = '' OR version = ?3) "
            "ORDER BY version DESC", (kind, url, version),
        )  # fmt: skip
        return json.decode(row[0]) if row else None

    def definitions(self) -> list[tuple[str, str, str]]:
        """Return (kind, url, version) of what is kept as it is."""
        return self._all("SELECT kind, url, version FROM definition")


def _unpacked(content: bytes | None) -> array[int]:
    return array("I", content or b"")


def _translation(group: MapGroup, system: str, code: str, said: str) -> Translation:
    rest = [*msgspec.json.decode(said), *[""] * 5]
    return Translation(
        system, code, rest[1] or "", rest[0] or "relatedto", group.url, group.version, rest[2] or "",
        tuple(tuple(p) for p in rest[3] or ()), tuple(tuple(p) for p in rest[4] or ()),
    )  # fmt: skip
