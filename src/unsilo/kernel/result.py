"""What a step gives back: a value (or none) and the issues met on the way."""

from typing import Generic, TypeVar

import msgspec

from unsilo.kernel.issue import Issue

__all__ = ["Result"]

T = TypeVar("T")


class Result(msgspec.Struct, Generic[T]):
    """A `value`, or None when the input could not be understood at all, with every `Issue` found."""

    value: T | None
    issues: list[Issue] = []

    @property
    def ok(self) -> bool:
        """True when there is a value and no issue is an error."""
        return self.value is not None and not any(i.severity in ("error", "fatal") for i in self.issues)
