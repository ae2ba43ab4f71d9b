"""What an evaluation is given (`Context`) and what it carries along (`State`)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from unsilo.fhir.path.errors import PathError
from unsilo.fhir.path.kinds import Item, Items, Kind, kind_of
from unsilo.kernel import Json

__all__ = ["BUDGET", "LONGEST_TEXT", "Context", "Place", "Site", "State"]

BUDGET: Final = 1_000_000
"""Steps that an evaluation may take: items looked at by functions that walk collections."""

LONGEST_TEXT: Final = 4 * 1024 * 1024
"""Characters that a text made by an expression may have."""


class Context(msgspec.Struct, frozen=True):
    """Surroundings of an evaluation; all have a default.

    `resource`: `%resource`, the resource that holds the node (default: the input). `root`: `%rootResource`, the
    container when that resource is contained (default: `resource`). `variables`: further `%name` values: a node, a
    value, or a list of them. `now`: the moment of `now()`. `budget`: steps until the evaluation is stopped.

    Ports; without them the functions answer as far as they can without:
    `resolve(reference) -> resource | None` for references outside the root; `member_of(node, value set) -> bool | None`
    with a code, Coding or CodeableConcept, None where that is not known; `subsumes(coding, coding) -> bool | None`;
    `conforms_to(node, profile) -> bool | None`, None for a profile that is not known; `slices(node, profile, name) ->
    bool`; `trace(name, values)` is told what `trace()` meets.
    """

    resource: Json | None = None
    root: Json | None = None
    variables: Mapping[str, Any] = {}
    now: datetime | None = None
    budget: int = BUDGET
    resolve: Callable[[str], Json | None] | None = None
    member_of: Callable[[Any, str], bool | None] | None = None
    subsumes: Callable[[Any, Any], bool | None] | None = None
    conforms_to: Callable[[Any, str], bool | None] | None = None
    slices: Callable[[Any, str, str], bool] | None = None
    trace: Callable[[str, list[Any]], None] | None = None


class Place(NamedTuple):
    """Where a node stands: `holder[key]`, or `holder[key][at]`; `owner` is the holder's type. Asked for by patches."""

    holder: Any
    key: str
    at: int | None
    owner: Kind

    def extensions(self) -> Any:
        """Return the `_name` that goes with a primitive, or None."""
        found = self.holder.get("_" + self.key)
        if self.at is None or not isinstance(found, list):
            return found
        return found[self.at] if self.at < len(found) else None


_NONE: Final[Items] = []
_NO_NAMES: Final[Mapping[str, Items]] = {}


class State:
    """What changes while an expression runs."""

    __slots__ = ("context", "index", "input", "left", "names", "this", "total", "when", "whole")

    def __init__(self, item: Item, context: Context) -> None:
        self.this = item
        self.input = item
        self.index = 0
        self.total = _NONE
        self.names: Mapping[str, Items] = _NO_NAMES  # what defineVariable() has named so far
        self.whole = _NONE  # all items of the input, for an argument that is evaluated once with them
        self.context = context
        self.left = context.budget
        self.when = context.now

    @property
    def resource(self) -> Item:
        """`%resource`."""
        resource = self.context.resource
        return self.input if resource is None else (resource, kind_of(resource), None)

    @property
    def root(self) -> Item:
        """`%rootResource`."""
        root = self.context.root
        return self.resource if root is None else (root, kind_of(root), None)

    def spend(self, steps: int) -> None:
        """Take steps from the budget. PathError (costly) when it is used up."""
        self.left -= steps
        if self.left < 0:
            raise PathError("costly", "the evaluation takes more steps than it may")

    def now(self) -> datetime:
        """The moment of this evaluation, always the same one."""
        if self.when is None:
            self.when = datetime.now(UTC)
        return self.when


class Site(NamedTuple):
    """A place in an expression, for what goes wrong there."""

    expression: str
    at: int
    name: str

    def fail(self, text: str) -> NoReturn:
        """End the evaluation: the data do not fit."""
        raise PathError("execution", f"{self.name}: {text}", self.at, self.expression)

    def one(self, items: Items) -> Item | None:
        """Return the only item, None when there is none; several are an error (4.5)."""
        if not items:
            return None
        if len(items) > 1:
            self.fail(f"one item is expected, there are {len(items)}")
        return items[0]

    def room(self, characters: int) -> None:
        """End the evaluation when a text would become longer than any may."""
        if characters > LONGEST_TEXT:
            raise PathError("costly", f"{self.name}: the text becomes too long", self.at, self.expression)
