"""One validation on its way: the resource, what was asked for, and the issues that were found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec

from unsilo.fhir.path import Context
from unsilo.kernel import Issue, Json, Where
from unsilo.kernel.issue import Code, Severity
from unsilo.validation.entries import Entries
from unsilo.validation.node import Binding
from unsilo.validation.place import At, expression

__all__ = ["Options", "Resolve", "Run", "Terminology"]

MOST = 1000
"""Issues of one resource; a resource with more is wrong as a whole."""

_TYPES = frozenset(
    f"http://hl7.org/fhir/StructureDefinition/{name}"
    for name in ("Resource", "DomainResource", "Element", "BackboneElement")
)
"""Definitions that are met by what a node is."""

_DEEPEST = 8
"""Profiles that may ask for one another by `conformsTo()` while one resource is checked."""

Resolve = Callable[[str], Json | None]
"""Finds what a reference leads to; None when it is not there."""

Terminology = Callable[[str, str, str], bool | None]
"""Tells whether (value set, system, code) holds; None when it cannot say. Asked only where no definition is here."""


class Definitions(Protocol):
    """What rules ask of the validator."""

    def knows(self, profile: str) -> bool:
        """Tell whether a profile is here."""

    def meets(self, profile: str, value: Any, run: Run) -> bool:
        """Tell whether a value meets a profile."""

    def in_binding(self, binding: Binding, value: Any, run: Run) -> bool | None:
        """Tell whether a code, Coding or CodeableConcept is in a value set; None when nobody can say."""


class Options(msgspec.Struct, frozen=True):
    """What is checked beyond the resource itself.

    `profiles` must be met beside those that the resource claims; `by_type` names further ones for each type;
    `invariants` False leaves the FHIRPath rules out; `resolve` makes references that lead nowhere an error; `quote`
    False keeps values out of what is said, for answers that may be logged on their way.
    """

    profiles: tuple[str, ...] = ()
    by_type: dict[str, tuple[str, ...]] = {}
    invariants: bool = True
    resolve: Resolve | None = None
    terminology: Terminology | None = None
    mode: Literal["", "create", "update", "delete"] = ""
    quote: bool = True


class Run:
    """The state of one validation. `said` keeps what was said already, since a profile repeats what its base says.

    `knowledge` is the validator, which `memberOf()` and `conformsTo()` ask; `unanswered` is set when nobody could say
    whether a code is in a value set. `depth` counts the profiles that are tried within one another, `tried` keeps
    by profile and node what `conformsTo()` was answered, so that profiles that ask for one another end.
    """

    __slots__ = (
        "_context",
        "_context_of",
        "contained",
        "depth",
        "entries",
        "issues",
        "knowledge",
        "options",
        "places",
        "resource",
        "root",
        "said",
        "tried",
        "unanswered",
    )

    def __init__(self, root: Json, options: Options) -> None:
        self.root = root
        self.resource = root
        self.options = options
        self.issues: list[Issue] = []
        self.said: set[tuple[str, str, str]] = set()
        self.entries: Entries | None = None
        self.contained: Json | None = None
        self.places: dict[str, At] = {}
        self.knowledge: Definitions | None = None
        self.unanswered = False
        self.depth = 0
        self.tried: dict[tuple[str, int], bool | None] = {}
        self._context: Context | None = None
        self._context_of: Json | None = None

    def say(self, severity: Severity, code: Code, at: At, rule: str, text: str, hint: str = "") -> None:
        """Note one finding, once."""
        place = expression(at)
        key = (place, rule, text)
        if key not in self.said and len(self.issues) < MOST:
            self.said.add(key)
            self.places[place] = at
            self.issues.append(Issue(severity, code, text, Where(place), hint, rule))

    def context(self) -> Context:
        """Return what FHIRPath rules are given: the resource at hand, its container, and how references are found."""
        if self._context is None or self._context_of is not self.resource:
            self._context_of = self.resource
            self._context = Context(
                resource=self.resource,
                root=self.contained or self.resource,
                resolve=self.resolve,
                member_of=self.member_of,
                conforms_to=self.conforms_to,
            )
        return self._context

    def member_of(self, value: Any, url: str) -> bool | None:
        """Tell whether a code, Coding or CodeableConcept belongs to a value set; None when nobody can say."""
        found = None
        if self.knowledge is not None and isinstance(value, str | dict):
            found = self.knowledge.in_binding(Binding("", url), value, self)
        self.unanswered = self.unanswered or found is None
        return found

    def conforms_to(self, value: Any, url: str) -> bool | None:
        """Tell whether a node meets a profile; None for one that is not here, asks for itself, or is a mere type."""
        val = self.knowledge
        if val is None or not isinstance(value, dict) or url in _TYPES or self.depth >= _DEEPEST:
            return None
        key = (url, id(value))
        if key not in self.tried:
            self.tried[key] = None  # while it is tried, it says nothing of itself
            self.tried[key] = val.meets(url, value, self) if val.knows(url) else None
        return self.tried[key]

    def resolve(self, reference: str) -> Json | None:
        """Return the resource that a reference leads to: contained, in the same Bundle, or wherever `options` look."""
        if reference[:1] == "#":
            return self.within(reference[1:])
        if self.entries is not None:
            found = self.entries.find(reference, self.entries.base_of(self.resource))
            if len(found) == 1:
                return found[0].resource
        return self.options.resolve(reference) if self.options.resolve is not None else None

    def within(self, id_: str) -> Json | None:
        """Return the contained resource with an id, of the resource at hand or its container; that itself for ""."""
        for holder in (self.resource, self.contained):
            if holder is None:
                continue
            if not id_:
                return holder
            for each in holder.get("contained") or ():
                if type(each) is dict and each.get("id") == id_:
                    return each
        return None

    def error(self, code: Code, at: At, rule: str, text: str, hint: str = "") -> None:
        """Note an error."""
        self.say("error", code, at, rule, text, hint)
