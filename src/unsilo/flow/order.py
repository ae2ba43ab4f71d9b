"""Who may run now: items keep the order of arrival for each of their keys, a merge waits for both of its patients."""

from collections import deque
from collections.abc import Iterable, Iterator

__all__ = ["Order"]


class Order:
    """Items (by number) with zero or more keys; an item may run when it is the first of every key that it has."""

    def __init__(self) -> None:
        self._keys: dict[int, tuple[str, ...]] = {}
        self._queues: dict[str, deque[int]] = {}
        self._ready: deque[int] = deque()

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
        first = True
        for key in own:
            queue = self._queues.setdefault(key, deque())
            queue.append(item)
            first = first and len(queue) == 1
        if first:
            self._ready.append(item)

    @property
    def ready(self) -> int:
        """How many items may run now."""
        return len(self._ready)

    def take(self) -> int | None:
        """Return the next item that may run and count it as running, or None."""
        return self._ready.popleft() if self._ready else None

    def give_back(self, items: Iterable[int]) -> None:
        """Put taken items back in front, in their order, to be taken again."""
        self._ready.extendleft(reversed(list(items)))

    def keys(self, item: int) -> tuple[str, ...]:
        """Return the keys of an item."""
        return self._keys.get(item, ())

    def done(self, item: int) -> None:
        """Forget a taken item and let what waited behind it run."""
        for key in self._keys.pop(item, ()):
            queue = self._queues[key]
            queue.remove(item)
            if not queue:
                del self._queues[key]
            elif self._leads(queue[0]):
                self._ready.append(queue[0])

    def _leads(self, item: int) -> bool:
        return all(self._queues[key][0] == item for key in self._keys[item])

    def items(self) -> Iterator[int]:
        """Iterate over every item that is known."""
        return iter(self._keys)
