"""What the code writers talk about: paths, rules, places and objects of the code being written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from unsilo.mapping.paths import Step
from unsilo.mapping.rows import MapRow

__all__ = ["Env", "Obj", "PathExpr", "Place", "RowAt", "Val"]


@dataclass(frozen=True)
class PathExpr:
    """A path in the resource: `static` when known (or expected) beforehand, `base` a variable with the real one."""

    static: str | None
    base: str = ""
    suffix: str = ""

    def child(self, name: str) -> PathExpr:
        """The path of an element below."""
        if not self.base:
            return PathExpr(f"{self.static}.{name}" if self.static else name)
        static = None if self.static is None else f"{self.static}.{name}"
        return PathExpr(static, self.base, f"{self.suffix}.{name}")

    def code(self) -> str:
        """Python for the real path."""
        if not self.base:
            return repr(self.static)
        return f"{self.base} + {self.suffix!r}" if self.suffix else self.base


@dataclass(frozen=True)
class Place:
    """A locator: `code` is Python for it; `static` is what follows the segment index when that is known (v2 only)."""

    code: str
    static: tuple[int, ...] | None = None


@dataclass
class Val:
    """A value at hand: a variable with its text, where it stands, and the variable saying that it needs care."""

    var: str
    place: Place
    odd: str = ""
    index: str = "i"
    """v2: Python for the index of the segment that it stands in."""
    node: str = ""
    """XML: the variable of the element, when the value is one."""


@dataclass
class Obj:
    """An object being filled. `fast` is Python that is true while static paths hold, `sink` names its rows."""

    var: str
    path: PathExpr
    fast: str
    sink: str
    fresh: bool
    draft: str
    known: set[str] = field(default_factory=set)
    lists: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    expected: dict[str, int] = field(default_factory=dict)


@dataclass
class Env:
    """Where sources are read: a segment or element, or a value inside it, with the fields that loops have bound."""

    kind: str
    rule: str
    rule_var: str = ""
    odd: str = ""
    fast: bool = True
    bound: dict[Any, Val] = field(default_factory=dict)
    val: Val | None = None
    level: str = ""
    parts: str = ""
    parent: Env | None = None
    map: str = ""

    def rule_code(self, row: str) -> tuple[str, bool]:
        """Python for the rule id of a row, and whether it is a constant."""
        if self.rule_var:
            return f"{self.rule_var} + {'>' + row!r}", False
        return repr(f"{self.rule}>{row}" if self.rule else row), True


@dataclass(frozen=True)
class RowAt:
    """A row with the steps of its target that are still to go."""

    row: MapRow
    steps: tuple[Step, ...]
