"""What was worked out for a content, remembered for when it comes again: most messages repeat what others said."""

from typing import Generic, TypeVar

__all__ = ["Repeated"]

T = TypeVar("T")


class Repeated(Generic[T]):
    """Values by content; of those that were not asked for among the last `most` new ones, all are forgotten at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[bytes, T] = {}
        self._old: dict[bytes, T] = {}

    def get(self, content: bytes) -> T | None:
        """Return what is remembered, None when nothing is."""
        found = self._young.get(content)
        if found is None:
            found = self._old.get(content)
            if found is not None:
                self.put(content, found)
        return found

    def put(self, content: bytes, value: T) -> None:
        """Remember a value."""
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[content] = value
