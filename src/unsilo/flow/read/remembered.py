"""What was worked out for the persons looked at last, kept while it holds; bounded by facts, one memory a store."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from unsilo.storage import Store

__all__ = ["Remembered"]

V = TypeVar("V")


class Remembered(Generic[V]):
    """A bounded memory of values by store and key. Who may see a value is asked before it is looked up."""

    def __init__(self, most: int, weight: Callable[[V], int]) -> None:
        self.most, self.weight = most, weight
        self._lock = Lock()
        self._stores: WeakKeyDictionary[Store, OrderedDict[object, V]] = WeakKeyDictionary()

    def get(self, store: Store, key: object) -> V | None:
        """Return what is remembered under a key."""
        with self._lock:
            return self._stores.get(store, OrderedDict()).get(key)

    def keep(self, store: Store, key: object, value: V) -> None:
        """Remember a value; when all together weigh more than `most`, those kept longest ago go."""
        with self._lock:
            known = self._stores.setdefault(store, OrderedDict())
            known[key] = value
            known.move_to_end(key)
            while len(known) > 1 and sum(map(self.weight, known.values())) > self.most:
                known.popitem(last=False)
