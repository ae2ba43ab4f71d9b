"""Builds one artefact from a release that comes piece by piece; it is whole when it is finished, or not at all."""

from __future__ import annotations

import os
import sqlite3
from array import array
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from unsilo.kernel import Issue, Where
from unsilo.terminology.closure import above_of, below_of, find_cycle
from unsilo.terminology.model import Edition, MapGroup, MapRow, Property
from unsilo.terminology.words import fold

__all__ = ["Builder", "Built"]

_SHOWN = 5
_BATCH = 20_000
_FTS = (
    "CREATE VIRTUAL TABLE words USING fts5(term, content='', detail=none, columnsize=0, prefix='2 3 4 5', "
    "tokenize='unicode61 remove_diacritics 2')"
)


class Built(msgspec.Struct):
    """What was built, and what of the release could not be used."""

    edition: Edition
    concepts: int = 0
    terms: int = 0
    pairs: int = 0
    """Pairs of the closure of the hierarchy."""
    maps: int = 0
    issues: list[Issue] = []


def _sql(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


class Builder:
    """A `Sink` that writes an artefact. `path` is a new file, or None for one in memory.

    Codes that are declared twice, values of codes that nobody declares, and cycles are Issues; `finish` gives them.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.connection = sqlite3.connect(
            str(path) if path else ":memory:", isolation_level=None, check_same_thread=False, cached_statements=64
        )
        run = self.connection.execute
        run("PRAGMA page_size = 8192")
        run("PRAGMA journal_mode = OFF")
        run("PRAGMA synchronous = OFF")
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA cache_size = -131072")
        self.connection.executescript(_sql("schema.sql"))
        run(_FTS)
        # Terms wait until all are known, to be numbered by their length; on disk when they are many.
        run("CREATE TEMP TABLE waiting (concept INTEGER, kind INTEGER, size INTEGER, term TEXT, preferred TEXT)")
        run("BEGIN")
        self.issues: list[Issue] = []
        self._counts: dict[str, int] = {}
        self._ids: dict[str, int] = {}
        self._active = bytearray(1)
        self._concepts: list[tuple[int, str, str, int, str]] = []
        self._terms: list[tuple[int, int, int, str, str]] = []
        self._pieces: dict[str, list[tuple[Any, ...]]] = {}
        self._kinds: dict[tuple[str, str], int] = {}
        self._properties: dict[str, int] = {}
        self._declared: dict[str, Property] = {}
        self._parents: dict[str, list[str]] = {}
        self._late: list[tuple[str, tuple[str, ...], int]] = []
        self._ranks: dict[tuple[int, str], int] = {}
        self._maps = 0

    # What a release hands over (terminology.model.Sink).

    def concept(self, code: str, display: str, active: bool = True, definition: str = "") -> None:
        """Declare a concept."""
        if not code or code in self._ids:
            self._note("duplicate" if code else "required", "a code is declared twice" if code else "a code is empty",
                       code)  # fmt: skip
            return
        number = len(self._ids) + 1
        self._ids[code] = number
        self._active.append(active)
        self._concepts.append((number, code, display, int(active), definition))
        if len(self._concepts) >= _BATCH:
            self._flush_concepts()

    def term(self, code: str, term: str, language: str = "", use: str = "", preferred: str = "") -> None:
        """Give a concept a further term."""
        number = self._ids.get(code)
        if number is None:
            self._note("not-found", "a term is of a code that is not declared", code)
            return
        kind = self._kinds.setdefault((language, use), len(self._kinds) + 1)
        self._terms.append((number, kind, len(term) + (0 if self._active[number] else 1_000_000), term, preferred))
        if len(self._terms) >= _BATCH:
            self._flush_terms()

    def parent(self, code: str, parent: str) -> None:
        """Say that a concept is a direct kind of another; either may be declared later."""
        self._parents.setdefault(code, []).append(parent)

    def property(self, said: Property) -> None:
        """Declare a property."""
        self._declared[said.code] = said

    def _property(self, name: str) -> int:
        return self._properties.setdefault(name, len(self._properties) + 1)

    def _piece(self, table: str, row: tuple[Any, ...]) -> None:
        rows = self._pieces.setdefault(table, [])
        rows.append(row)
        if len(rows) >= _BATCH:
            self._flush(table)

    def relation(self, code: str, name: str, target: str, group: int = 0) -> None:
        """Give a concept a property whose value is a concept of the system; either may be declared later."""
        source, goal = self._ids.get(code), self._ids.get(target)
        if source is None or goal is None:
            self._late.append(("relation", (code, name, target), group))
        else:
            self._piece("relation", (self._property(name), goal, source, group))

    def value(self, code: str, name: str, value: str, group: int = 0) -> None:
        """Give a concept a property with another value."""
        source = self._ids.get(code)
        if source is None:
            self._late.append(("value", (code, name, value), group))
        else:
            self._piece("said", (self._property(name), value, source, group))

    def member(self, refset: str, code: str) -> None:
        """Put a concept into a reference set."""
        number = self._ids.get(code)
        if number is None:
            self._late.append(("member", (refset, code), 0))
        else:
            self._piece("member", (refset, number))

    def successor(self, code: str, relationship: str, target: str) -> None:
        """Say what replaces a concept."""
        number = self._ids.get(code)
        if number is None:
            self._late.append(("successor", (code, relationship, target), 0))
        else:
            self._piece("successor", (number, relationship, target))

    def group(self, group: MapGroup) -> None:
        """Begin a map."""
        said = msgspec.json.encode(group).decode()
        self.connection.execute(
            "INSERT INTO mapset VALUES (?, ?, ?, ?, ?)", (group.key, group.url, group.source, group.target, said)
        )

    def map(self, row: MapRow) -> None:
        """Add a row to a map."""
        key = (row.group, row.source)
        rank = self._ranks[key] = self._ranks.get(key, 0) + 1
        rest = [row.equivalence, row.display, row.comment, row.product, row.depends]
        while rest and not rest[-1]:
            rest.pop()
        self._piece("map", (row.group, row.source, rank, row.target, msgspec.json.encode(rest).decode()))
        self._maps += 1

    def definition(self, kind: str, url: str, version: str, content: bytes) -> None:
        """Keep a resource as it is, packed."""
        self._piece("definition", (kind, url, version, content))

    # The end.

    def _note(self, code: Any, text: str, about: str) -> None:
        count = self._counts[text] = self._counts.get(text, 0) + 1
        if count <= _SHOWN:
            self.issues.append(Issue("warning", code, text, Where(about[:100]), rule="terminology.import"))

    def _flush(self, table: str) -> None:
        rows = self._pieces.pop(table, [])
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self.connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608 - own names

    def _flush_concepts(self) -> None:
        rows, self._concepts = self._concepts, []
        self.connection.executemany("INSERT INTO concept VALUES (?, ?, ?, ?, ?, NULL, NULL)", rows)

    def _flush_terms(self) -> None:
        rows, self._terms = self._terms, []
        self.connection.executemany("INSERT INTO waiting VALUES (?, ?, ?, ?, ?)", rows)

    def _settle(self) -> None:
        """Take up what was said of codes before they were declared."""
        late, self._late = self._late, []
        for kind, row, group in late:
            code = row[1] if kind == "member" else row[0]
            if code not in self._ids:
                self._note("not-found", "something is said of a code that is not declared", code)
            elif kind == "relation":
                if row[2] in self._ids:
                    self.relation(row[0], row[1], row[2], group)
                else:  # a value of another system, or of one that is not declared: kept as it is said
                    self.value(row[0], row[1], row[2], group)
            elif kind == "value":
                self.value(row[0], row[1], row[2], group)
            elif kind == "member":
                self.member(*row)
            else:
                self.successor(*row)

    def _hierarchy(self) -> int:
        parents: dict[int, tuple[int, ...]] = {}
        for code, above in self._parents.items():
            number = self._ids.get(code)
            known = {self._ids[each] for each in above if each in self._ids and each != code}
            if number is None or len(known) < len(set(above)):
                self._note("not-found", "a parent or child is not declared", code)
            if number is not None and known:
                parents[number] = tuple(sorted(known))
        self._parents = {}
        above_all, stuck = above_of(parents, len(self._ids))
        if stuck:
            codes = {number: code for code, number in self._ids.items()}
            line = " -> ".join(codes[n] for n in find_cycle(parents, stuck)[:10])
            text = f"the hierarchy has a cycle: {line[:300]}"
            self.issues.append(Issue("error", "business-rule", text, rule="terminology.cycle"))
            return 0
        pack = array("I")
        self.connection.executemany(
            "UPDATE concept SET parents = ?, above = ? WHERE id = ?",
            ((array("I", up).tobytes(), above_all[number].tobytes(), number) for number, up in sorted(parents.items())),
        )
        children: dict[int, array[int]] = {}
        for number in sorted(parents):
            for each in parents[number]:
                children.setdefault(each, array("I")).append(number)
        size = len(self._ids) // 8 + 1
        size += -size % 4

        def packed(below: array[int]) -> bytes:
            if len(below) * pack.itemsize <= size:
                return below.tobytes()
            flags = bytearray(size)
            for each in below:
                flags[each >> 3] |= 1 << (each & 7)
            return b"\0" + flags

        below_all = below_of(above_all)
        self.connection.executemany(
            "INSERT INTO lower VALUES (?, ?, ?, ?)",
            ((n, len(b), children[n].tobytes(), packed(b)) for n, b in sorted(below_all.items())),
        )
        return sum(map(len, above_all))

    def _index(self) -> int:
        run = self.connection.execute
        rows = run("SELECT concept, kind, term, preferred FROM waiting ORDER BY size, term, concept")
        count = 0
        concepts = array("I", (0,))
        seen = rows.fetchmany(_BATCH)
        while seen:
            numbered = list(enumerate(seen, count + 1))
            self.connection.executemany(
                "INSERT INTO term VALUES (?, ?, ?, ?, ?)", ((n, c, k, t, p or None) for n, (c, k, t, p) in numbered)
            )
            self.connection.executemany(
                "INSERT INTO words (rowid, term) VALUES (?, ?)",
                ((n, t if t.isascii() else fold(t)) for n, (_, _, t, _) in numbered),
            )
            concepts.extend(row[0] for row in seen)
            count += len(seen)
            seen = rows.fetchmany(_BATCH)
        run("INSERT INTO packed VALUES ('concepts', ?)", (concepts.tobytes(),))
        gone = array("I", (number for number, active in enumerate(self._active) if number and not active))
        run("INSERT INTO packed VALUES ('inactive', ?)", (gone.tobytes(),))
        return count

    def finish(self, edition: Edition) -> Built:
        """Write what is left and close the file (one in memory stays open); none is good with an error."""
        run = self.connection.execute
        self._flush_concepts()
        self._settle()
        for table in list(self._pieces):
            self._flush(table)
        pairs = self._hierarchy()
        # Every concept is found by its display, which is its first term.
        self._flush_terms()
        run(
            "INSERT INTO waiting SELECT id, 0, length(display) + (1 - active) * 1000000, display, NULL FROM concept "
            "WHERE display <> ''"
        )
        terms = self._index()
        self.connection.executemany(
            "INSERT INTO kind VALUES (?, ?, ?)", [(n, language, use) for (language, use), n in self._kinds.items()]
        )
        declared = {**{name: Property(name) for name in self._properties}, **self._declared}
        for name in declared:
            self._property(name)
        related = {row[0] for row in run("SELECT DISTINCT property FROM relation")}
        listed = []
        for name, number in self._properties.items():
            said = declared[name]
            kind = "code" if number in related and said.type == "string" else said.type
            listed.append(msgspec.structs.replace(said, type=kind))
            run("INSERT INTO property VALUES (?, ?, ?, ?, ?)", (number, name, kind, said.description, said.uri))
        edition = msgspec.structs.replace(edition, count=len(self._ids), properties=tuple(listed))
        for text, count in self._counts.items():
            if count > _SHOWN:
                self.issues.append(
                    Issue("warning", "informational", f"{text}: {count} times", rule="terminology.import")
                )
        run("INSERT INTO about VALUES ('edition', ?)", (msgspec.json.encode(edition).decode(),))
        run("COMMIT")
        run("DROP TABLE waiting")
        self.connection.executescript(_sql("indexes.sql"))
        run("ANALYZE")
        if self.path is not None:
            self.connection.close()
            # Whoever renames it into place must find it on the disk.
            with self.path.open("rb") as file:
                os.fsync(file.fileno())
        return Built(edition, len(self._ids), terms, pairs, self._maps, self.issues)

    def abandon(self) -> None:
        """Give up: nothing is left."""
        self.connection.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
