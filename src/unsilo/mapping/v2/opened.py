"""Fields that differ from person to person (names, addresses, numbers), opened into pieces: a form knows how they lie.

Which pieces stand there, and the texts of those that decide something (a use, an authority), lead to the form; the
others are put into it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard

from unsilo.formats.hl7v2 import DELETE
from unsilo.mapping.compile.leaves import makes
from unsilo.mapping.compile.shape import Facts, own_ref, tests_of
from unsilo.mapping.compile.v2 import TEXT_ONLY
from unsilo.mapping.condition import Test, parse_condition
from unsilo.mapping.paths import parse_target
from unsilo.mapping.rows import MapRow
from unsilo.mapping.sources import Ref, parse_v2, parse_v2_ref

__all__ = ["CONVERTED", "DIRECT", "Layout", "Layouts", "Opened", "alike", "cut", "named", "nth", "opened"]

DIRECT = frozenset({"", "string", "code", "uri", "markdown"})
"""Types that are the text itself."""
CONVERTED = frozenset(
    {"decimal", "integer", "positiveInt", "unsignedInt", "boolean", "date", "dateTime", "instant", "time"}
)
_PERSONAL = frozenset({"CX", "EI", "EIP", "XPN", "XAD", "XTN"})
"""Data types whose texts seldom come again; codes, places and staff do, and are known by their whole text."""
_BESIDE = {"py:authority": ((),), "py:ei_authority": ((2,), (3,), (4,)), "py:cnn_authority": ((9,), (10,), (11,))}
"""What functions look at of the value that they get: all of it, or components."""
_DEEPEST = 2
_MOST = 64
_MARKS = re.compile(r"[^~^&]+")

Spot = tuple[int, ...]
"""A place in a field: () the whole, (component,), (component, subcomponent)."""


class Opened(NamedTuple):
    """What is looked at in a field: `coded` texts, whether texts hold others (`tests`), and what is `free`, by type.

    Resources that a value makes inside are known by the whole text at the spots `names`.
    """

    coded: frozenset[Spot]
    tests: frozenset[tuple[Spot, str]]
    free: dict[Spot, frozenset[str]]
    names: frozenset[Spot] = frozenset()


class _ClosedError(Exception):
    """A field is known by its whole text."""


class _Looks:
    """What the rows of a segment's map look at in one field."""

    def __init__(self, maps: dict[str, list[MapRow]], held: frozenset[str]) -> None:
        self.maps, self.held = maps, held
        self.coded: set[Spot] = set()
        self.tests: set[tuple[Spot, str]] = set()
        self.free: dict[Spot, set[str]] = {}
        self.names: set[Spot] = set()
        self.personal = False

    def row(self, row: MapRow, here: Callable[[Ref], Spot | None], base: Spot | None = None) -> None:
        """Note what a row looks at; `here` says where in the field a reference leads, `base` where its map is at."""
        for test in tests_of(parse_condition(row.when)):
            refs = [own_ref(test.ref, row), *([parse_v2_ref(test.values[0])] if test.by_ref else [])]
            for spot in filter(_is_spot, map(here, refs)):
                self.test(test, spot)
        sources = [part for part in parse_v2(row.source) if isinstance(part, Ref)] if row.source else []
        spots = [spot for spot in map(here, sources) if spot is not None]
        if not spots:
            return
        steps = parse_target(row.target)
        typed = any(step.type for step in steps)
        if (typed and base is None) or (steps and steps[0].name in self.held):
            raise _ClosedError  # resources are known by the texts that they are made from
        if typed:
            self.names.add(base or ())
            self.coded.update(spots)
            return
        if row.const:
            return
        whole = len(spots) == len(sources)
        if whole and not row.vocab and (row.type in DIRECT or (row.type in CONVERTED and len(spots) == 1)):
            for spot in spots:
                self.free.setdefault(spot, set()).add("" if row.type in DIRECT else row.type)
        elif row.type in _BESIDE and len(spots) == 1:
            self.coded.update((*spots[0], *beside) for beside in _BESIDE[row.type])
        elif "[" in row.type and not makes(row.type) and not row.vocab and len(spots) == 1:
            inside = spots[0]
            self.personal = self.personal or row.type.partition("[")[0] in _PERSONAL
            for inner in self.maps[row.type]:
                self.row(inner, lambda ref: _spot(inside, ref), inside)
        else:
            self.coded.update(spots)

    def test(self, test: Test, spot: Spot) -> None:
        """Note a predicate; what compares a whole field looks at its first component."""
        if test.op == "LENGTH":
            self.coded.add(spot)
        elif test.op == "CONTAINS":
            self.tests.add((spot or (1,), test.values[0]))
        elif test.op not in ("VALUED", "COUNT"):
            self.coded.add(spot or (1,))


def _is_spot(spot: Spot | None) -> TypeGuard[Spot]:
    return spot is not None


def _spot(base: Spot, ref: Ref) -> Spot | None:
    """Where a reference leads from a value; None where there can be nothing."""
    if ref.rep is not None:
        raise _ClosedError
    parts = tuple(part for part in (ref.comp, ref.sub) if part)
    if len(base) + len(parts) <= _DEEPEST:
        return (*base, *parts)
    return base if len(base) == _DEEPEST and set(parts) == {1} else None


def opened(maps: dict[str, list[MapRow]], rows: list[MapRow], field: int, facts: Facts) -> Opened | None:
    """What rows look at in a field of a personal data type; None for a field that is known by its whole text."""
    held = frozenset(
        steps[0].name for steps in (parse_target(row.target) for row in rows) if any(step.type for step in steps)
    )
    looks = _Looks(maps, held)

    def here(ref: Ref) -> Spot | None:
        return _spot((), ref) if (ref.segment, ref.field) == (facts.segment, field) else None

    try:
        for row in rows:
            if field in TEXT_ONLY.get(row.type, ()):
                return None
            looks.row(row, here)
    except _ClosedError:
        return None
    if not looks.personal or () in looks.coded or not looks.free.keys() - looks.coded:
        return None
    free = {spot: frozenset(kinds) for spot, kinds in looks.free.items()}
    return Opened(frozenset(looks.coded), frozenset(looks.tests), free, frozenset(looks.names))


def named(field: int, looked: Opened) -> list[str]:
    """Python for the texts by which a field's value names resources inside it."""
    return [f"nth(f[{field}], {spot[0]})" if spot else f"f[{field}]" for spot in sorted(looked.names)]


def nth(text: str, number: int) -> str:
    """A component of a field of one repetition, "" where it has fewer."""
    parts = text.split("^")
    return parts[number - 1] if number <= len(parts) else ""


def alike(texts: tuple[str, ...]) -> tuple[int, ...]:
    """Which of the texts that name resources are the same, and so name the same one."""
    return tuple(map(texts.index, texts))


def cut(text: str) -> tuple[Any, list[str]]:
    """A field's text in pieces, by its usual delimiters, and how they lie: None where they have to be looked at."""
    if "\\" in text or DELETE in text:
        return None, []
    if "~" in text or "&" in text:
        pieces = text.replace("~", "^").replace("&", "^").split("^")
        return (_MARKS.sub("", text), *map(bool, pieces)), pieces
    pieces = text.split("^")
    return tuple(map(bool, pieces)), pieces


class Layout:
    """How the pieces of a field lie: `coded` gives the texts that decide, `holes` those that are put in a form.

    `at` has the number of a hole by its place (repetition, component, subcomponent) and type.
    """

    __slots__ = ("at", "coded", "free", "holes")

    def __init__(self, looked: Opened, text: str, memos: dict[str, Any]) -> None:
        self.at: dict[tuple[int, int, int, str], int] = {}
        self.free: set[tuple[int, int, int]] = set()
        coded: list[str] = []
        holes: list[str] = []
        number = 0
        several = bool(looked.names) and "~" in text  # whose resources are named by texts that nothing here tells apart
        for rep, repetition in enumerate(text.split("~")):
            for comp, component in enumerate(repetition.split("^"), 1):
                known = (
                    several
                    or (comp,) in looked.coded
                    or ("&" in component and any((comp,) == spot for spot, _ in looked.tests))
                )
                for sub, piece in enumerate(component.split("&"), 1):
                    spots = {(comp, sub), *([(comp,)] if sub == 1 else []), *([()] if comp == sub == 1 else [])}
                    if piece and (known or spots & looked.coded):
                        coded.append(f"c[{number}]")
                    elif piece:
                        self.free.add((rep, comp, sub))
                        kinds = sorted({kind for spot in spots for kind in looked.free.get(spot, ())})
                        for kind in kinds:
                            self.at[rep, comp, sub, kind] = len(holes)
                            holes.append(f"{kind}[c[{number}].strip()]" if kind else f"c[{number}].strip()")
                        coded += [f"{held!r} in c[{number}]" for spot, held in sorted(looked.tests) if spot in spots]
                    number += 1
        space = dict(memos)
        self.coded: Callable[[list[str]], tuple[Any, ...]]
        self.holes: Callable[[list[str]], tuple[Any, ...]]
        for name, parts in (("coded", coded), ("holes", holes)):
            setattr(self, name, eval(f"lambda c: ({''.join(f'{part}, ' for part in parts)})", space))  # noqa: S307 - our own source of numbers


class Layouts(dict[Any, Layout]):
    """The layouts of one field, by how its pieces lie."""

    def __init__(self, looked: Opened, memos: dict[str, Any]) -> None:
        super().__init__()
        self.looked, self.memos = looked, memos

    def learn(self, how: Any, text: str) -> Layout | None:
        """The layout of a text; None where there is no more room for one, or none is known of it."""
        if how is None or len(self) >= _MOST:
            return None
        found = self[how] = Layout(self.looked, text, self.memos)
        return found
