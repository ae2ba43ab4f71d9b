"""Terminologies that come with the product: packed releases, and how they are read and written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

from unsilo.spec.definitions.pack import Pack
from unsilo.terminology.model import Edition, MapGroup, MapRow, Property, Sink

__all__ = ["Head", "Recorder", "digest", "feed", "heads"]

_ROWS = 2_000


class Head(msgspec.Struct, frozen=True):
    """What a packed release holds: its edition, and the (source, target) systems of its maps."""

    edition: Edition
    maps: list[tuple[str, str]] = []
    source: str = ""


def _files() -> list[Traversable]:
    folder = resources.files(__package__).joinpath("data")
    return sorted((f for f in folder.iterdir() if f.name.endswith(".zst")), key=lambda f: f.name)


@cache
def heads() -> dict[str, Head]:
    """Return what each packed release holds, by the name of its file without the end."""
    return {f.name.removesuffix(".zst"): msgspec.convert(Pack(f).get("head"), Head) for f in _files()}


@cache
def digest(name: str) -> str:
    """Return what tells one state of a packed release from another."""
    return hashlib.sha256(_file(name).read_bytes()).hexdigest()[:16]


def _file(name: str) -> Traversable:
    return resources.files(__package__).joinpath("data", f"{name}.zst")


def feed(name: str, sink: Sink) -> Edition:
    """Hand a packed release to a sink."""
    pack = Pack(_file(name))
    for key in pack.index:
        if key != "head":
            for kind, *row in pack.get(key):
                _TAKEN[kind](sink, row)
    return heads()[name].edition


_TAKEN: dict[str, Any] = {
    "c": lambda sink, row: sink.concept(*row),
    "t": lambda sink, row: sink.term(*row),
    "p": lambda sink, row: sink.parent(*row),
    "d": lambda sink, row: sink.property(Property(*row)),
    "r": lambda sink, row: sink.relation(*row),
    "v": lambda sink, row: sink.value(*row),
    "m": lambda sink, row: sink.member(*row),
    "s": lambda sink, row: sink.successor(*row),
    "g": lambda sink, row: sink.group(MapGroup(*row)),
    "x": lambda sink, row: sink.map(MapRow(*row)),
}


class Recorder:
    """A `Sink` that writes down what it is given, to be packed."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self.maps: list[tuple[str, str]] = []

    def _note(self, kind: str, row: tuple[Any, ...], defaults: tuple[Any, ...]) -> None:
        values = list(row)
        for default in reversed(defaults):
            if not values or values[-1] != default:
                break
            values.pop()
        self.rows.append([kind, *values])

    def concept(self, code: str, display: str, active: bool = True, definition: str = "") -> None:
        """Write a concept down."""
        self._note("c", (code, display, active, definition), (True, ""))

    def term(self, code: str, term: str, language: str = "", use: str = "", preferred: str = "") -> None:
        """Write a term down."""
        self._note("t", (code, term, language, use, preferred), ("", "", ""))

    def parent(self, code: str, parent: str) -> None:
        """Write a parent down."""
        self._note("p", (code, parent), ())

    def property(self, said: Property) -> None:
        """Write a property down."""
        self._note("d", (said.code, said.type, said.description, said.uri), ("string", "", ""))

    def relation(self, code: str, name: str, target: str, group: int = 0) -> None:
        """Write a relation down."""
        self._note("r", (code, name, target, group), (0,))

    def value(self, code: str, name: str, value: str, group: int = 0) -> None:
        """Write a value down."""
        self._note("v", (code, name, value, group), (0,))

    def member(self, refset: str, code: str) -> None:
        """Write a member down."""
        self._note("m", (refset, code), ())

    def successor(self, code: str, relationship: str, target: str) -> None:
        """Write a successor down."""
        self._note("s", (code, relationship, target), ())

    def group(self, group: MapGroup) -> None:
        """Write a map down."""
        self.maps.append((group.source, group.target))
        self.rows.append(["g", group.key, group.url, group.version, group.name, group.source, group.target])

    def map(self, row: MapRow) -> None:
        """Write a row of a map down."""
        self._note("x", (row.group, row.source, row.target, row.equivalence, row.display, row.comment),
                   ("relatedto", "", ""))  # fmt: skip

    def definition(self, kind: str, url: str, version: str, content: bytes) -> None:
        """Packed releases keep no resources."""
        raise ValueError(f"a packed release keeps no {kind}, as {url}|{version} with {len(content)} bytes is")

    def entries(self, edition: Edition, source: str) -> Iterator[tuple[str, Any]]:
        """Yield what goes into the pack."""
        yield "head", msgspec.to_builtins(Head(edition, self.maps, source))
        for number in range(0, len(self.rows), _ROWS):
            yield f"{number // _ROWS:05}", self.rows[number : number + _ROWS]
