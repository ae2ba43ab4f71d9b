"""What the checks ask of the validator that runs them: definitions made ready, and whole resources within others."""

from __future__ import annotations

from typing import Any, Protocol

from unsilo.validation.place import At
from unsilo.validation.run import Run
from unsilo.validation.shape import Shape
from unsilo.validation.shapes import Shapes
from unsilo.validation.slicing import Known
from unsilo.validation.value_sets import ValueSets

__all__ = ["Knowledge"]


class Knowledge(Known, Protocol):
    """The validator as its parts see it."""

    shapes: Shapes
    value_sets: ValueSets
    resources: frozenset[str]

    def check_resource(
        self, value: Any, at: At, run: Run, *, profiles: tuple[str, ...] = (), held: bool = False
    ) -> None:
        """Check a whole resource at its place."""

    def check_shape(self, shape: Shape, value: Any, at: At, run: Run) -> None:
        """Check a value against one more shape."""

    def types_of(self, targets: tuple[str, ...]) -> frozenset[str]:
        """Return the resource types that target profiles stand for; empty when any will do."""

    def bases(self, code: str) -> tuple[str, ...]:
        """Return a type and all that it is made from, itself first."""
