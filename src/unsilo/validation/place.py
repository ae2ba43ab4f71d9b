"""Where in a resource something stands: a chain that costs little to make and becomes a FHIRPath only when needed."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["At", "expression", "parent_of", "pointer"]


class At(NamedTuple):
    """One step below `parent`: `step` as FHIRPath says it (`value.ofType(Quantity)`), `key` as JSON does.

    `n` is the place in a list, -1 where there is none; `type` is the FHIR type that stands here; the root has no
    parent and the resource type as step.
    """

    parent: At | None
    step: str
    key: str
    n: int = -1
    type: str = ""


def expression(at: At) -> str:
    """Return the place as a FHIRPath expression, such as `Patient.name[0].given[1]`."""
    parts: list[str] = []
    here: At | None = at
    while here is not None:
        parts.append(here.step if here.n < 0 else f"{here.step}[{here.n}]")
        here = here.parent
    return ".".join(reversed(parts))


def pointer(at: At) -> list[Any]:
    """Return the place as the keys and indices that lead there in JSON."""
    keys: list[Any] = []
    here: At | None = at
    while here is not None and here.parent is not None:
        if here.n >= 0:
            keys.append(here.n)
        keys.append(here.key)
        here = here.parent
    keys.reverse()
    return keys


def parent_of(at: At) -> At:
    """Return the element that holds this one; the root holds itself."""
    return at.parent or at
