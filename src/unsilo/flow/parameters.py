"""The search parameters of one store: those of the standard and those that were posted to it."""

import threading
from collections.abc import Mapping

from unsilo.config import SearchBounds
from unsilo.fhir.index import Custom
from unsilo.flow.process import Piece, keys_of
from unsilo.kernel import json
from unsilo.search.ask import Bounds, Terminology
from unsilo.search.vocabulary import Vocabulary
from unsilo.spec.r4 import type_name
from unsilo.storage import Store
from unsilo.storage.keys import Ready
from unsilo.storage.parameters import ParameterRow, compiled

__all__ = ["Parameters"]


class Parameters:
    """Thread-safe. `vocabulary` is what searches know now; `complete` adds the keys of posted parameters."""

    def __init__(
        self, store: Store, bounds: SearchBounds | None = None, terminology: Terminology | None = None
    ) -> None:
        self._store = store
        said = bounds or SearchBounds()
        self.wake = threading.Event()
        """Set when a parameter was posted whose keys are not complete."""
        self._lock = threading.Lock()
        self._dirty = False
        self._extra: dict[str, list[Custom]] = {}
        self.vocabulary = Vocabulary(
            terminology=terminology,
            bounds=Bounds(said.count, said.most, values=said.values, depth=said.depth, included=said.included),
        )
        self.load()

    @property
    def extra(self) -> Mapping[str, list[Custom]]:
        """The posted parameters by resource type, compiled."""
        return self._extra

    def load(self) -> None:
        """Read the posted parameters from the store."""
        self.replace(self._store.parameters())
        self._dirty = False
        if self.vocabulary.rebuilding:
            self.wake.set()

    def replace(self, rows: list[ParameterRow]) -> None:
        """Take these for the posted parameters; one that no longer compiles is left out and stays refused."""
        extra = compiled(rows)
        named = {kind: {one.parameter.code: one.parameter for one in some} for kind, some in extra.items()}
        rebuilding = {
            (type_name(row.type), row.code)
            for row in rows
            if row.state != "active" or row.code not in named.get(type_name(row.type), {})
        }
        self._dirty = True
        with self._lock:
            self._extra = extra
            self.vocabulary = Vocabulary(
                named, frozenset(rebuilding), self.vocabulary.terminology, self.vocabulary.bounds
            )  # fmt: skip

    def settled(self) -> None:
        """Say that a write is over: what it changed of the posted parameters is committed, or undone."""
        if self._dirty:
            self.load()

    def complete(self, piece: Piece) -> Ready:
        """Return a piece's keys with those of the posted parameters; called inside the writer's transaction.

        There it cannot be that a parameter was posted after the keys were made and before they are written.
        """
        return keys_of(json.decode(piece.body), self._extra) if piece.type in self._extra else piece.index
