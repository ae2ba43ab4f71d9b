"""Values that come again and again (codes, units, flags) are converted once: a template and its lineage by text."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from unsilo.kernel import Locator, Row
from unsilo.mapping.model import Draft

__all__ = ["Made", "Memory", "Named", "Template", "Told", "begin", "copies", "room", "told"]

_MOST = 1024
_LONGEST = 200
_MOST_LINEAGE = 40_000
_USUAL = 200
"""Lineage of segments behind so many is made anew: one message of thousands of segments would fill what is kept."""
_kept = [0]
"""How many prepared pieces of lineage this process holds; beyond the bound they are made anew each time."""


_turn = [0]
"""The number of the message that is being mapped."""


def begin() -> None:
    """Note that another message is being mapped."""
    _turn[0] += 1


class _Seen(dict[Any, int]):
    """What was seen, and in which message; not more of it than a bound."""

    def again(self, key: Any) -> bool:
        """True when something was seen in an earlier message: an address stands in one message many times."""
        turn = self.setdefault(key, _turn[0]) if len(self) < 4 * _MOST else self.get(key, _turn[0])
        return turn != _turn[0]


def room(segment: int = 0) -> bool:
    """True while one more piece of lineage may be kept: of the segments that messages usually have."""
    if segment >= _USUAL or _kept[0] >= _MOST_LINEAGE:
        return False
    _kept[0] += 1
    return True


class Told(NamedTuple):
    """What is known of a resource that is made from memory: lineage, and what is left to be asked of its fields.

    All that stands in the fields of segment `segment` (its index) which are not in `look` is cited; `away` has the
    citations of other segments and of those fields, `touched` the segments that these are in. Without a `segment`
    (-1) `away` has all citations. `seal` is what is known of the resource's end, `lacks` what is missing in it of what
    it needs (`policy.Lack`) by the elements that it has; None where that may differ.
    """

    rows: tuple[Row, ...]
    segment: int
    look: tuple[int, ...]
    away: frozenset[Locator]
    touched: frozenset[int]
    seal: Any = None
    lacks: dict[tuple[str, ...], list[Any]] | None = None


def told(
    rows: tuple[Row, ...],
    segment: int = -1,
    look: tuple[int, ...] = (),
    seal: Any = None,
    lacks: dict[tuple[str, ...], list[Any]] | None = None,
) -> Told:
    """Say of v2 lineage rows what `Told` holds."""
    away = [place for _, _, place in rows if isinstance(place, tuple)]
    if segment >= 0:
        away = [place for place in away if place[0] != segment or place[1] in look]
    return Told(rows, segment, look, frozenset(away), frozenset([place[0] for place in away]), seal, lacks)


class _Rows(dict[int, tuple[Row, ...]]):
    """The lineage of one converted value, by segment index."""

    def __init__(self, rows: list[Row]) -> None:
        super().__init__()
        self.rows = rows

    def __missing__(self, index: int) -> tuple[Row, ...]:
        made = tuple([row if row[2] is None else Row(row[0], row[1], (index, *row[2][1:])) for row in self.rows])
        if room(index):
            self[index] = made
        return made


class Memory(dict[str, "tuple[Callable[[], Any], _Rows]"]):
    """Conversions of one row of a table, by text. Each use gets its own copy of the value.

    A text is learnt when it is seen in a second message, so that values which never come again take no room.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen = _Seen()

    def learn(self, text: str, value: Any, rows: list[Row]) -> None:
        """Remember what a text became."""
        if len(text) > _LONGEST or len(self) >= _MOST:
            return
        if not self.seen.again(text):
            return
        constants: dict[str, Any] = {}
        source = _literal(value, constants)
        if source is not None:
            made = eval(f"lambda: {source}", constants)  # noqa: S307 - a literal of our own making
            self[text] = (made, _Rows(list(rows)))


class _Placed(dict[tuple[int, ...], Told]):
    """The lineage of one made resource, by the place of the value it was made from."""

    def __init__(self, rows: list[Row], depth: int) -> None:
        super().__init__()
        self.rows, self.depth = rows, depth

    def __missing__(self, place: tuple[int, ...]) -> Told:
        head = place[: self.depth]
        made = told(
            tuple([row if row[2] is None else Row(row[0], row[1], (*head, *row[2][self.depth :])) for row in self.rows])
        )
        if room(place[0]):
            self[place] = made
        return made


class Named:
    """A resource that always has the same body: `name` is its reference and the lineage of its id.

    It is None until the id was found from the body alone.
    """

    __slots__ = ("name",)

    def __init__(self) -> None:
        self.name: tuple[str, Row] | None = None


class Template(Named):
    """One remembered resource: `make` its body, the `rows` by place, and `origins` of what it refers to.

    `before` says which of these the message had named before, because the lineage of a reference depends on that.
    """

    __slots__ = ("before", "make", "origins", "rows")

    def __init__(self, make: Callable[..., Any], rows: _Placed, origins: list[Any], before: list[bool]) -> None:
        super().__init__()
        self.make, self.rows, self.origins, self.before = make, rows, origins, before


class Made:
    """Resources that a map made from a text before: template, lineage, and what they refer to.

    `origins` are the arguments with which the referred resources were made, relative to the place of the text.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[str, str, str, int], list[Template]] = {}
        self.seen = _Seen()

    def learn(self, key: tuple[str, str, str, int], draft: Draft) -> None:
        """Remember what a text became when it comes in a second message."""
        if len(key[2]) > _LONGEST or len(self.known) >= _MOST:
            return
        if not self.seen.again(key):
            return
        constants: dict[str, Any] = {}
        referred: list[Draft] = []
        source = _literal(draft.body, constants, referred)
        if source is None or any(d.origin is None for d in referred) or draft.cleared:
            return
        names = ", ".join(f"r{n}" for n in range(len(referred)))
        made = eval(f"lambda {names}: {source}", constants)  # noqa: S307 - a literal of our own making
        depth = 4 if key[3] else 3
        before = [d.parent is not draft for d in referred]
        templates = self.known.setdefault(key, [])
        if all(known.before != before for known in templates):
            templates.append(Template(made, _Placed(list(draft.rows), depth), [d.origin for d in referred], before))

    def find(self, key: tuple[str, str, str, int], made: dict[Any, Any]) -> Template | None:
        """The resource that was made of a text before, where as much of what it refers to is `made` as then."""
        for template in self.known.get(key, ()):
            if template.before == [(origin[0].name, origin[1]) in made for origin in template.origins]:
                return template
        return None


def copies(value: Any) -> Callable[[], Any]:
    """What makes a value of dicts, lists and primitives anew each time."""
    constants: dict[str, Any] = {}
    source = _literal(value, constants)
    if source is None:
        return partial(deepcopy, value)
    made: Callable[[], Any] = eval(f"lambda: {source}", constants)  # noqa: S307 - a literal of our own making
    return made


def _literal(value: Any, constants: dict[str, Any], referred: list[Draft] | None = None) -> str | None:
    """Python for a value made of dicts, lists and primitives, None for anything else.

    A reference to a draft is a parameter where `referred` collects them.
    """
    if referred is not None and isinstance(value, dict) and isinstance(value.get("reference"), Draft):
        referred.append(value["reference"])
        return f"r{len(referred) - 1}" if len(value) == 1 else None
    if value is None or isinstance(value, str | bool | int):
        return repr(value)
    if isinstance(value, Decimal):
        name = f"n{len(constants)}"
        constants[name] = value
        return name
    if isinstance(value, list):
        parts = [_literal(item, constants, referred) for item in value]
        return None if None in parts else f"[{', '.join(p for p in parts if p)}]"
    if isinstance(value, dict):
        pairs = [(key, _literal(item, constants, referred)) for key, item in value.items()]
        return None if any(p is None for _, p in pairs) else "{" + ", ".join(f"{k!r}: {p}" for k, p in pairs) + "}"
    return None
