"""The syntax tree of an expression; each node knows its place in the text."""

from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Call", "Chain", "Empty", "Fold", "Index", "Literal", "Member", "Name", "Node", "Special", "Step", "Unary"]


@dataclass(frozen=True, slots=True)
class Literal:
    """A System value: bool, int, Decimal, str, Date, DateTime, Time or Quantity."""

    value: Any
    at: int


@dataclass(frozen=True, slots=True)
class Empty:
    """`{}`."""

    at: int


@dataclass(frozen=True, slots=True)
class Special:
    """`$this`, `$index`, `$total` (with the sign) or an environment variable (`%name`, with the sign)."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Member:
    """A step to the children of that name."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function; `descending` says for each argument of `sort` whether its order is turned round."""

    name: str
    arguments: tuple["Node", ...]
    at: int
    descending: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Index:
    """`[expression]`."""

    position: "Node"
    at: int


Step: TypeAlias = Member | Call | Index


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps from a base, or from the context (`base` None)."""

    base: "Node | None"
    steps: tuple[Step, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Unary:
    """A sign before an expression."""

    sign: str
    operand: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """The type after `is` and `as`: `FHIR.Patient`, `Patient`, `System.String`."""

    space: str
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Fold:
    """Operators of one precedence, taken from the left: `first (sign operand)*`. Long sums stay flat this way."""

    first: "Node"
    rest: tuple[tuple[str, int, "Node"], ...]
    at: int


Node: TypeAlias = Literal | Empty | Special | Chain | Unary | Fold | Name
