"""What a segment adds to a resource that stands already: its form is known by how much of the resource stood before.

A map looks at the elements that it fills: whether one is there, and how many items a list has. Where they stand alike,
the same fields add the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unsilo.kernel import Json
from unsilo.mapping.compile.shape import Facts, folded_rows
from unsilo.mapping.model import Draft
from unsilo.mapping.paths import parse_target
from unsilo.mapping.rows import MapRow

__all__ = ["Before", "Standing", "elements", "standing_of"]

Standing = tuple[int | tuple[str, ...] | None, ...]
"""How the elements that a map fills stand: None not at all, the number of items of a list, the names of what is in an
element, -1 for any other."""

_REFERENCE = ["reference"]
"""What stands in an element that says no more than to what it refers."""


def elements(maps: dict[str, list[MapRow]], name: str, facts: Facts) -> tuple[str, ...] | None:
    """The elements that a map may add to; None where a row fills the resource by another map or a function."""
    names: dict[str, None] = {}
    for row in folded_rows(maps[name], facts):
        steps = parse_target(row.target)
        if not steps:
            return None
        names[steps[0].name] = None
        if row.vocab and len(steps) == 1:
            names[f"_{steps[0].name}"] = None  # a code that has no place in a required binding
    return tuple(names)


def standing_of(names: tuple[str, ...]) -> Callable[[Json], Standing]:
    """What finds how elements stand in a body."""
    parts = "".join(
        f"None if (v := b.get({name!r})) is None else len(v) if (t := type(v)) is list"
        " else tuple(v) if t is dict else -1, "
        for name in names
    )
    found: Callable[[Json], Standing] = eval(f"lambda b: ({parts})")  # noqa: S307 - names as quoted texts
    return found


class Before:
    """A resource before a segment adds to it."""

    def __init__(self, draft: Draft, names: tuple[str, ...]) -> None:
        self.rows = len(draft.rows)
        self.known = dict(draft.body)
        self.names = names
        self.lists = {name: list(value) for name, value in draft.body.items() if type(value) is list}
        self.texts = {name: _frozen(self.known[name]) for name in names if name in self.known}

    def added(self, draft: Draft) -> tuple[Draft, dict[str, int]] | None:
        """What was added, as a resource of its own, with how many items of its lists stood before.

        None where more was changed than a list made longer or an element put in, and where a list of references stood:
        which of them are the same is not said by their number.
        """
        part = Draft.new(draft.type, draft.rule, draft.frame, draft.node)
        part.body = {}
        part.rows = draft.rows[self.rows :]
        stood: dict[str, int] = {}
        for name, value in draft.body.items():
            if name not in self.known:
                if name not in self.names:
                    return None
                part.body[name] = value
                continue
            if value is not self.known[name]:
                return None
            count = len(self.lists[name]) if name in self.lists else -1
            if name in self.names:
                whole = value[:count] if count >= 0 else value
                if (isinstance(value, dict) and [*value] != _REFERENCE) or _frozen(whole) != self.texts[name]:
                    return None
                if count >= 0 and any(isinstance(item, dict) and "reference" in item for item in whole):
                    return None
            if count >= 0 and len(value) != count:
                if name not in self.names:
                    return None
                part.body[name] = value
                stood[name] = count
        return part, stood


def _frozen(value: Any) -> Any:
    """A value as something that later changes of it do not reach."""
    if isinstance(value, dict):
        return tuple((key, _frozen(item)) for key, item in value.items())
    if isinstance(value, list):
        return [_frozen(item) for item in value]
    return id(value) if isinstance(value, Draft) else value
