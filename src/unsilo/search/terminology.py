"""What searches can know of value sets and hierarchies from the standard's own packed definitions alone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from unsilo.kernel import Issue
from unsilo.spec import definitions

if TYPE_CHECKING:
    from unsilo.validation.value_sets import ValueSets

__all__ = ["Published"]

_HINT = "load its terminology, or name the codes"


class _Definitions:
    """The standard's definitions by address."""

    def structure(self, url: str) -> dict[str, Any] | None:
        """Return a StructureDefinition."""
        return definitions.structure(url)

    def value_set(self, url: str) -> dict[str, Any] | None:
        """Return a ValueSet."""
        return definitions.value_set(url)

    def code_system(self, url: str) -> dict[str, Any] | None:
        """Return a CodeSystem."""
        return definitions.code_system(url)


def _missing(what: str) -> Issue:
    return Issue("error", "not-supported", f"{what} is not loaded", hint=_HINT)


class Published:
    """A `Terminology` of R4's own ValueSets and CodeSystems; others are said not to be loaded. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: ValueSets | None = None

    def _sets(self) -> ValueSets:
        if self._made is None:
            # Few searches need it, and it takes longer to load than most take to run.
            from unsilo.validation.value_sets import ValueSets

            self._made = ValueSets(_Definitions())
        return self._made

    def expand(self, value_set: str) -> list[tuple[str, str]] | Issue:
        """Return the (system, code) pairs of a value set, or why it cannot be expanded."""
        with self._lock:
            found = self._sets().codes(value_set)
        if found is None:
            return _missing("the value set")
        if found.open or found.formed or not found.whole:
            return _missing("a code system of the value set")
        return [(system, code) for system, codes in found.listed.items() for code in codes]

    def related(self, system: str, code: str, *, below: bool) -> list[tuple[str, str]] | Issue:
        """Return a code and those below or above it in its system's hierarchy, or why that is not known."""
        with self._lock:
            sets = self._sets()
            concepts = sets.system(system) if sets.is_complete(system) else None
        if concepts is None:
            return _missing("the code system")
        if below:
            under: dict[str, list[str]] = {}
            for each, said in concepts.items():
                for parent in said["_parents"]:
                    under.setdefault(parent, []).append(each)
            ways = under
        else:
            ways = {each: sorted(said["_parents"]) for each, said in concepts.items()}
        found, todo = {code}, [code]
        while todo:
            for each in ways.get(todo.pop(), ()):
                if each and each not in found:
                    found.add(each)
                    todo.append(each)
        return [(system, each) for each in sorted(found)]
