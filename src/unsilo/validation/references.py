"""What a reference points to: a type that the element allows, and a contained resource that is there."""

from __future__ import annotations

import re
from typing import Any

from unsilo.kernel import Json
from unsilo.validation.knowledge import Knowledge
from unsilo.validation.place import At
from unsilo.validation.run import Run

__all__ = ["check", "resolved", "target_type"]

_LOGICAL = re.compile(r"(?:^|/)([A-Z][A-Za-z]{1,40})/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_BASE = "http://hl7.org/fhir/StructureDefinition/"


def target_type(value: Json, run: Run, val: Knowledge) -> str:
    """Return the resource type that a reference leads to, "" when it does not say and nobody here knows."""
    reference = value.get("reference")
    if type(reference) is str and reference:
        if reference[0] == "#":
            found = run.within(reference[1:])
            return str(found.get("resourceType", "")) if found is not None else ""
        named = _LOGICAL.search(reference)
        if named is not None and named.end() == len(reference) and named[1] in val.resources:
            return named[1]
        inside = run.resolve(reference)
        if inside is not None:
            return str(inside.get("resourceType", ""))
    said = value.get("type")
    return said if type(said) is str and said in val.resources else ""


def check(targets: tuple[str, ...], value: Json, at: At, run: Run, val: Knowledge) -> None:
    """Check the type of what a reference points to, and that it can be found where that is asked for."""
    kind = target_type(value, run, val)
    allowed = val.types_of(targets)
    said = value.get("type")
    if kind and type(said) is str and said in val.resources and said != kind:
        run.error("value", at, "reference.type", f"refers to a {kind}, but its type says {said}")
    if kind and allowed and kind not in allowed:
        text = f"refers to a {kind}; allowed: {', '.join(sorted(allowed))}"
        run.error("value", at, "reference.target", text)
    reference = value.get("reference")
    if type(reference) is not str or reference[:1] == "#" or run.options.resolve is None:
        return
    if run.resolve(reference) is None:
        run.error("not-found", at, "reference.missing", f"leads to nothing that is here: {reference[:80]}")


def resolved(value: Any, run: Run) -> Json | None:
    """Return the resource that a Reference or its text leads to; None when it is not within reach."""
    reference = value.get("reference") if type(value) is dict else value
    return run.resolve(reference) if type(reference) is str and reference else None
