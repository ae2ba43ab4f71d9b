"""Checks resources against the base definitions and profiles; the definitions are made ready as they are needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from unsilo.kernel import Issue, Json
from unsilo.validation import bindings, bundle, extra
from unsilo.validation.entries import Entries
from unsilo.validation.node import Binding, Node
from unsilo.validation.place import At
from unsilo.validation.references import resolved, target_type
from unsilo.validation.run import Options, Run
from unsilo.validation.shape import Shape
from unsilo.validation.shapes import BASE, Shapes
from unsilo.validation.value_sets import Definitions, ValueSets
from unsilo.validation.walk import check_object, meets_shape

__all__ = ["Validator"]

_EVERY = frozenset(("Resource", "DomainResource"))


class Validator:
    """Holds what is made ready of the definitions; one serves a whole process (not several threads at once)."""

    def __init__(self, definitions: Definitions, resources: Iterable[str]) -> None:
        self.shapes = Shapes(definitions)
        self.value_sets = ValueSets(definitions)
        self.resources = frozenset(resources)
        self._targets: dict[tuple[str, ...], frozenset[str]] = {}
        self._bases: dict[str, tuple[str, ...]] = {}

    def validate(self, resource: Json, options: Options | None = None) -> list[Issue]:
        """Return what is wrong with a resource (FHIR R4 JSON as a dict); `where.path` is a FHIRPath expression."""
        run = Run(resource, options or Options())
        kind = resource.get("resourceType") if type(resource) is dict else None
        at = At(None, str(kind or "Resource"), "", -1, str(kind or ""))
        self.check_resource(resource, at, run, profiles=run.options.profiles)
        return run.issues

    def check_resource(
        self, value: Any, at: At, run: Run, *, profiles: tuple[str, ...] = (), held: bool = False
    ) -> None:
        """Check a whole resource at its place: its type, the profiles it claims, those asked for."""
        run.knowledge = self
        if type(value) is not dict:
            run.error("structure", at, "structure.resource", "must be a resource, which is an object")
            return
        kind = value.get("resourceType")
        if type(kind) is not str or kind not in self.resources:
            shown = (
                f"{kind[:64]!r} is not a resource type of FHIR R4" if type(kind) is str else "resourceType is missing"
            )
            run.error("structure", at, "structure.type", shown)
            return
        if at.type != kind:
            at = at._replace(type=kind)
        outer, holder = run.resource, run.contained
        if held:
            run.resource = value
            run.contained = outer if at.key == "contained" else None
        entries = run.entries
        if kind == "Bundle":
            run.entries = Entries(value)
        shape = self.shapes.of_type(kind)
        if shape is not None:
            check_object(shape, value, at, run, self, resource=True)
        for url in self._profiles(value, kind, profiles, run):
            self._profile(url, value, kind, at, run)
        extra.contained(value, at, run)
        if kind == "Bundle":
            bundle.check(value, at, run)
        run.resource, run.contained, run.entries = outer, holder, entries

    def _profiles(self, value: Json, kind: str, asked: tuple[str, ...], run: Run) -> dict[str, bool]:
        """Return the profiles to meet: address -> whether the resource itself claims it."""
        meta = value.get("meta")
        claimed = meta.get("profile") if type(meta) is dict else None
        found = {url: True for url in claimed if type(url) is str} if type(claimed) is list else {}
        for url in (*asked, *run.options.by_type.get(kind, ())):
            found[url] = False
        return {url: own for url, own in found.items() if url != BASE + kind and url.removeprefix(BASE) not in _EVERY}

    def _profile(self, url: str, value: Json, kind: str, at: At, run: Run) -> None:
        shape = self.shapes.of_profile(url)
        if shape is None:
            text = f"the profile {url} is not here, so nothing was checked against it"
            severity = "warning" if url in (value.get("meta") or {}).get("profile", ()) else "error"
            run.say(severity, "not-found", at, "profile.unknown", text, "give its package with --package")  # type: ignore[arg-type]
            return
        if shape.type != kind and shape.type not in _EVERY:
            run.error("value", at, "profile.type", f"the profile {url} is for {shape.type}, not for {kind}")
            return
        check_object(shape, value, at, run, self, resource=True)

    def check_shape(self, shape: Shape, value: Any, at: At, run: Run) -> None:
        """Check a value against one more shape."""
        check_object(shape, value, at, run, self)

    # What slicing asks.

    def node_of_type(self, code: str) -> Node | None:
        """Return the root element of a base type."""
        return self.shapes.root_of_type(code)

    def node_of_profile(self, url: str) -> Node | None:
        """Return the root element of a profile."""
        found = self.shapes.structure(url)
        return found.root if found is not None else None

    def in_binding(self, binding: Binding, value: Any, run: Run) -> bool | None:
        """Tell whether a code, Coding or CodeableConcept meets a binding; None when nobody can say."""
        type_ = "code" if type(value) is str else "CodeableConcept" if "coding" in value else "Coding"
        return bindings.in_value_set(binding.value_set, type_, value, run, self)

    def knows(self, profile: str) -> bool:
        """Tell whether a profile, an extension or a type is here."""
        return self.shapes.of_profile(profile) is not None

    def meets(self, profile: str, value: Any, run: Run) -> bool:
        """Tell whether a value meets a profile without an error."""
        shape = self.shapes.of_profile(profile)
        if shape is None or type(value) is not dict:
            return False
        kind = value.get("resourceType")
        if type(kind) is str and shape.type not in (kind, *_EVERY):
            return False
        return meets_shape(shape, value, run, self)

    def targets(self, reference: Any, run: Run) -> Json | None:
        """Return the resource that a reference leads to; None when it is not within reach."""
        return resolved(reference, run)

    def led_to(self, reference: Any, run: Run) -> str:
        """Return the resource type that a reference leads to, "" when nobody can say."""
        return target_type(reference if type(reference) is dict else {"reference": reference}, run, self)

    # What references ask.

    def types_of(self, targets: tuple[str, ...]) -> frozenset[str]:
        """Return the resource types that target profiles stand for; empty when any will do."""
        found = self._targets.get(targets)
        if found is None:
            names: set[str] = set()
            for url in targets:
                name = url.removeprefix(BASE)
                if name not in self.resources and name not in _EVERY:
                    known = self.shapes.structure(url)
                    name = known.type if known is not None else ""
                if not name or name in _EVERY:
                    names = set()
                    break
                names.add(name)
            found = self._targets[targets] = frozenset(names)
        return found

    def bases(self, code: str) -> tuple[str, ...]:
        """Return a type and all that it is made from, itself first."""
        found = self._bases.get(code)
        if found is None:
            names = []
            here = code
            while here and here not in names:
                names.append(here)
                said = self.shapes.structure(BASE + here)
                here = said.base.removeprefix(BASE) if said is not None else ""
            found = self._bases[code] = tuple(names)
        return found
