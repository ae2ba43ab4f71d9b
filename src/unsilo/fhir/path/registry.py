"""The functions of the language by name, and how a function joins them."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from unsilo.fhir.path.context import Site, State
from unsilo.fhir.path.equality import plain
from unsilo.fhir.path.kinds import BOOLEAN, Items, system_kind
from unsilo.fhir.path.navigate import StepRun
from unsilo.fhir.path.tree import Call, Name, Node

__all__ = [
    "EMPTY", "FALSE", "FUNCTIONS", "TRUE", "Build", "Entry", "ExprRun", "TruthRun", "TruthStep", "boolean_items",
    "eager", "eager_truth", "special", "special_truth", "system", "text", "whole",
]  # fmt: skip

ExprRun: TypeAlias = Callable[[State], Items]
"""An expression: evaluated with `$this`."""
TruthRun: TypeAlias = Callable[[State], bool | None]
"""An expression as a condition: None is empty."""
TruthStep: TypeAlias = Callable[[State, Items], bool | None]
"""A function that answers true, false or (None) empty to a collection."""

TRUE: Final[Items] = [(True, BOOLEAN, None)]
FALSE: Final[Items] = [(False, BOOLEAN, None)]
EMPTY: Final[Items] = []


class Build(Protocol):
    """What a function may ask of the compiler."""

    lenient: bool
    placed: bool

    def items(self, node: Node) -> ExprRun:
        """Compile an argument to its items."""

    def truth(self, node: Node) -> TruthRun:
        """Compile an argument to a condition."""

    def type_name(self, node: Node) -> Name:
        """Read an argument as the name of a type."""


class Entry(NamedTuple):
    """`make` gives a step to items, `decide` a step to a truth; one of them is there. `low` and `high`: arguments."""

    low: int
    high: int
    make: Callable[[Build, Call, Site], StepRun] | None
    decide: Callable[[Build, Call, Site], TruthStep] | None


FUNCTIONS: Final[dict[str, Entry]] = {}

_Eager: TypeAlias = Callable[[Site, Items, list[Items]], Items]
_EagerTruth: TypeAlias = Callable[[Site, Items, list[Items]], bool | None]
_Make: TypeAlias = Callable[[Build, Call, Site], StepRun]
_Decide: TypeAlias = Callable[[Build, Call, Site], TruthStep]


def special(name: str, low: int = 0, high: int | None = None) -> Callable[[_Make], _Make]:
    """Register a function that compiles its arguments itself."""

    def register(make: _Make) -> _Make:
        FUNCTIONS[name] = Entry(low, low if high is None else high, make, None)
        return make

    return register


def special_truth(name: str, low: int = 0, high: int | None = None) -> Callable[[_Decide], _Decide]:
    """Register such a function that answers true, false or empty."""

    def register(decide: _Decide) -> _Decide:
        FUNCTIONS[name] = Entry(low, low if high is None else high, None, decide)
        return decide

    return register


def eager(name: str, low: int = 0, high: int | None = None) -> Callable[[_Eager], _Eager]:
    """Register a function of its input and the values of its arguments, which are evaluated outside of the input."""

    def register(function: _Eager) -> _Eager:
        def make(build: Build, call: Call, site: Site) -> StepRun:
            if not call.arguments:
                return lambda state, items: function(site, items, [])
            if len(call.arguments) == 1:
                only = build.items(call.arguments[0])
                return lambda state, items: function(site, items, [only(state)])
            runs = [build.items(node) for node in call.arguments]
            return lambda state, items: function(site, items, [run(state) for run in runs])

        FUNCTIONS[name] = Entry(low, low if high is None else high, make, None)
        return function

    return register


def eager_truth(name: str, low: int = 0, high: int | None = None) -> Callable[[_EagerTruth], _EagerTruth]:
    """Register such a function that answers true, false or empty."""

    def register(function: _EagerTruth) -> _EagerTruth:
        def decide(build: Build, call: Call, site: Site) -> TruthStep:
            runs = [build.items(node) for node in call.arguments]
            if not runs:
                return lambda state, items: function(site, items, [])
            return lambda state, items: function(site, items, [run(state) for run in runs])

        FUNCTIONS[name] = Entry(low, low if high is None else high, None, decide)
        return function

    return register


def boolean_items(truth: bool | None) -> Items:
    """Return a truth as a collection."""
    return EMPTY if truth is None else TRUE if truth else FALSE


def system(value: Any) -> Items:
    """Return a System value as a collection; None is empty."""
    return EMPTY if value is None else [(value, system_kind(value), None)]


def text(site: Site, items: Items) -> str | None:
    """Return the only text; None when there is none. Anything else is an error."""
    item = site.one(items)
    if item is None:
        return None
    value = plain(item)
    if type(value) is str:
        return value
    if value is None:
        return None
    if not item[1].system and item[1].primitive and item[1].family in ("Date", "DateTime", "Time"):
        return str(item[0])
    site.fail(f"a text is expected, not {item[1].said}")


def whole(site: Site, items: Items) -> int | None:
    """Return the only Integer; None when there is none. Anything else is an error."""
    item = site.one(items)
    if item is None:
        return None
    value = plain(item)
    if type(value) is not int:
        site.fail(f"an Integer is expected, not {item[1].said}")
    return value
