"""Who may be stored now: items keep the order of arrival for each of their keys, a merge waits for both patients."""

from collections import deque
from collections.abc import Iterable, Iterator

__all__ = ["Order"]


class Order:
    """Items (by number) with zero or more keys; an item leads when it is the first of every key that it has."""

    def __init__(self) -> None:
        self._keys: dict[int, tuple[str, ...]] = {}
        self._queues: dict[str, deque[int]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, item: object) -> bool:
        return item in self._keys

    def add(self, item: int, keys: Iterable[str]) -> None:
        """Append an item; the same number twice is one item."""
        if item in self._keys:
            return
        own = tuple(dict.fromkeys(keys))
        self._keys[item] = own
        for key in own:
            self._queues.setdefault(key, deque()).append(item)

    def leads(self, item: int) -> bool:
        """Tell whether nothing that is here stands before an item."""
        return all(self._queues[key][0] == item for key in self._keys[item])

    def keys(self, item: int) -> tuple[str, ...]:
        """Return the keys of an item."""
        return self._keys.get(item, ())

    def done(self, item: int) -> list[int]:
        """Forget an item that led; return those that lead now and did not before, in the order of its keys."""
        first: dict[int, None] = {}
        for key in self._keys.pop(item, ()):
            queue = self._queues[key]
            queue.remove(item)
            if queue:
                first[queue[0]] = None
            else:
                del self._queues[key]
        return [each for each in first if self.leads(each)]

    def items(self) -> Iterator[int]:
        """Iterate over every item that is known."""
        return iter(self._keys)
