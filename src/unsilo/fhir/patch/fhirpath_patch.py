"""FHIRPath Patch: a Parameters resource of operations (FHIR R4 fhirpatch.html), all operations or none."""

from copy import deepcopy
from typing import Any, Final

from unsilo.fhir.patch import slots
from unsilo.fhir.patch.faults import LARGEST, MOST_OPERATIONS, PatchError, identity, refuse, size, too_deep
from unsilo.fhir.patch.values import assign, key_of, repeats, said, value_of
from unsilo.fhir.path import Context, Item, PathError, Place, compile_once
from unsilo.fhir.path.kinds import Kind
from unsilo.fhir.path.parser import parse
from unsilo.fhir.path.tree import Chain, Member
from unsilo.kernel import Json, Result
from unsilo.kernel.issue import Code

__all__ = ["fhirpath_patch"]

_HINT: Final = "See FHIRPath Patch in FHIR R4 (fhirpatch.html)."
_BUDGET: Final = 2_000_000
"""Steps that all paths of a patch may take together."""
_LONGEST: Final = 100_000
"""Characters that all paths of a patch may have together."""


def fhirpath_patch(resource: Json, patch: Any) -> Result[Json]:
    """Apply a FHIRPath Patch to a copy; all of it or, with the Issue of the first operation that fails, none.

    `where.path` of an Issue is the place in the Parameters resource. Elements of the resource keep their extensions;
    what a deletion leaves empty goes too. Deleting what is not there changes nothing. Refused: paths that select
    nothing or several elements where one is meant, names and types that R4 does not have there, positions outside of a
    list, a second value for an element that does not repeat, a change of resourceType or id.
    """
    try:
        return Result(_patched(resource, patch), [])
    except PatchError as fault:
        return Result(None, [fault.issue])
    except RecursionError:
        return Result(None, [too_deep()])


def _patched(resource: Json, patch: Any) -> Json:
    if not isinstance(patch, dict) or patch.get("resourceType") != "Parameters":
        refuse("structure", "A FHIRPath Patch is a Parameters resource.", "", _HINT, "shape")
    operations = patch.get("parameter") or []
    if not isinstance(operations, list):
        refuse("structure", "The parameters are no array.", "Parameters.parameter", _HINT, "shape")
    if len(operations) > MOST_OPERATIONS or size(patch) > LARGEST:
        refuse("too-costly", "The patch is too large.", "Parameters", "Send a smaller patch.", "operations")
    document = deepcopy(resource)
    context = Context(budget=max(1_000, _BUDGET // max(1, len(operations))))
    length = 0
    for number, parameter in enumerate(operations):
        operation = _Operation(document, parameter, f"Parameters.parameter[{number}]", context)
        length += operation.length
        if length > _LONGEST:
            refuse("too-costly", "The paths are too long.", operation.place, "Send a smaller patch.", "operations")
        operation.apply()
    identity(resource, document, "Parameters")
    return document


class _Operation:
    """One operation on a document."""

    def __init__(self, document: Json, parameter: Any, place: str, context: Context) -> None:
        self.document = document
        self.context = context
        self.place = place
        if not isinstance(parameter, dict) or parameter.get("name") != "operation":
            refuse("structure", 'A parameter is not named "operation".', place, _HINT, "shape")
        self.parts: dict[str, tuple[Json, str]] = {}
        parts = parameter.get("part")
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            where = f"{place}.part[{index}]"
            name = part.get("name") if isinstance(part, dict) else None
            if not isinstance(name, str) or name in self.parts:
                refuse("structure", "A part has no name, or one that is there twice.", where, _HINT, "shape")
            self.parts[name] = part, where

    @property
    def length(self) -> int:
        """Characters of the path."""
        given = said(self.parts["path"][0]) if "path" in self.parts else None
        return len(given[1]) if given and isinstance(given[1], str) else 0

    def apply(self) -> None:
        """Do what the operation says."""
        action = self.scalar("type", str)
        run = {
            "add": self.add, "insert": self.insert, "delete": self.delete, "replace": self.replace, "move": self.move,
        }.get(action)  # fmt: skip
        if run is None:
            hint = "The types are add, insert, delete, replace and move."
            refuse("structure", "There is no such operation.", self.parts["type"][1], hint, "operation")
        run()

    def scalar(self, name: str, wanted: type) -> Any:
        """Return a part's single value."""
        if name not in self.parts:
            refuse("required", f"The operation has no {name}.", self.place, _HINT, "part")
        part, place = self.parts[name]
        given = said(part)
        if given is None or not isinstance(given[1], wanted) or isinstance(given[1], bool):
            refuse("value", f"The {name} is not of its type.", place, _HINT, "part")
        return given[1]

    def value(self) -> tuple[Json, str]:
        """Return the part with the new value."""
        if "value" not in self.parts:
            refuse("required", "The operation has no value.", self.place, _HINT, "part")
        return self.parts["value"]

    def select(self) -> list[Item]:
        """Return what the path selects."""
        text = self.scalar("path", str)
        try:
            return compile_once(text, lenient=True, placed=True).items(self.document, self.context)
        except PathError as fault:
            code: Code = "too-costly" if fault.fault == "costly" else "value"
            refuse(code, f"The path is wrong: {fault.text}.", self.parts["path"][1], _HINT, "path")

    def only(self, found: list[Item]) -> Item:
        """Return the one element that is meant."""
        if len(found) != 1:
            text = "The path selects nothing." if not found else f"The path selects {len(found)} elements."
            refuse("value", text, self.parts["path"][1], "It must select one element.", "path")
        return found[0]

    def spot(self, item: Item) -> Place:
        """Return where an element stands; what an expression made up, and the resource itself, stand nowhere."""
        if not isinstance(item[2], Place):
            text = "The path does not select an element of the resource."
            refuse("value", text, self.parts["path"][1], _HINT, "path")
        return item[2]

    def add(self) -> None:
        """Add an element below the one that the path selects."""
        name = self.scalar("name", str)
        part, place = self.value()
        node, owner, spot = self.only(self.select())
        if owner.primitive:
            node = slots.beside(self.spot((node, owner, spot)))
        assign(node, owner, name, deepcopy(part), place)

    def delete(self) -> None:
        """Delete the element, and what it leaves empty."""
        found = self.select()
        if found:
            slots.remove(self.spot(self.only(found)))
            slots.prune(self.document)

    def replace(self) -> None:
        """Put another value in the place of the element; a choice may get another type."""
        item = self.only(self.select())
        spot = self.spot(item)
        part, place = self.value()
        owner = spot.owner
        stem, plan = next(
            ((name, plan) for name, plan in owner.members.items() if spot.key == name or spot.key in plan.choices)
        )
        given = said(part)
        plan, key, below = key_of(owner, stem, given[0] if given else "", place)
        value = value_of(deepcopy(part), below, plan.mode, place)
        if spot.at is not None:
            slots.remove(spot)
            slots.insert(spot.holder, spot.key, spot.at, value)
            return
        slots.fill(spot.holder, spot.key, (None, None))
        slots.fill(spot.holder, key, value)

    def listed(self) -> tuple[Json, str, Kind]:
        """Return holder, key and holder's type of the list that the path selects, which may have no items yet."""
        found = self.select()
        if found:
            spot = self.spot(found[0])
            same = all(isinstance(i[2], Place) and i[2].holder is spot.holder and i[2].key == spot.key for i in found)
            if spot.at is None or not same or len(found) != slots.length(spot.holder, spot.key):
                text = "The path does not select one whole list."
                refuse("value", text, self.parts["path"][1], "Select the list without a filter.", "path")
            return spot.holder, spot.key, spot.owner
        return self.empty_list()

    def empty_list(self) -> tuple[Json, str, Kind]:
        """Return where a list would stand that has no items: the last name of the path, below the rest of it."""
        text = self.scalar("path", str)
        tree = parse(text)
        last = tree.steps[-1] if isinstance(tree, Chain) and tree.steps else None
        found: tuple[Json, str, Kind] | None = None
        if isinstance(last, Member):
            before = text[: last.at].rstrip().removesuffix(".").rstrip() or "$this"
            items = compile_once(before, lenient=True, placed=True).items(self.document, self.context)
            if len(items) == 1 and isinstance(items[0][0], dict) and repeats(items[0][1], last.name):
                found = items[0][0], last.name, items[0][1]
        if found is None:
            refuse("value", "The path selects no list.", self.parts["path"][1], "Select a list of one node.", "path")
        return found

    def position(self, name: str, end: int) -> int:
        """Return a position in a list, at most `end`."""
        at: int = self.scalar(name, int)
        if not 0 <= at <= end:
            refuse("value", f"The {name} is not within the list.", self.parts[name][1], "Count from 0.", "index")
        return at

    def insert(self) -> None:
        """Put a value into a list at a position."""
        holder, key, owner = self.listed()
        part, place = self.value()
        at = self.position("index", slots.length(holder, key))
        plan, key, below = key_of(owner, key, "", place)
        slots.insert(holder, key, at, value_of(deepcopy(part), below, plan.mode, place))

    def move(self) -> None:
        """Move an item of a list to another position of it."""
        holder, key, _ = self.listed()
        end = slots.length(holder, key) - 1
        source, target = self.position("source", end), self.position("destination", end)
        slots.move(holder, key, source, target)
