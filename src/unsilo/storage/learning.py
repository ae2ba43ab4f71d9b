"""Learns, in the background, what the resources of a store have in common, so that they can be kept small."""

import logging
import random
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unsilo.kernel import clock
from unsilo.storage import bodies
from unsilo.storage.connect import connect
from unsilo.storage.packing import plain_lineage
from unsilo.storage.statements import load

if TYPE_CHECKING:
    from unsilo.storage.tx_work import Tx
    from unsilo.storage.writer import Writer

__all__ = ["LONGEST", "SAMPLES", "Kept", "Learner", "Sample", "dictionaries", "samples"]

_log = logging.getLogger("unsilo.learning")
_SQL = load("dictionary")
_WHEN = (1_500, 15_000, 150_000)
"""Rows at which is learned anew: what comes first is seldom like what comes later."""
SAMPLES = 2_000
"""Values that are learned from at once."""
LONGEST = 4_096
"""Bytes of one sample: what is longer is cut."""


Sample = bytes | bytearray | memoryview
Kept = tuple[int, str, bytes]
"""A dictionary: its number, what it is for (`body`, `idx`, `lineage`), its content."""


def dictionaries(path: Path) -> list[Kept]:
    """Return all dictionaries of the store file in the order in which they were made, by a connection of its own."""
    connection = connect(path, cache_mb=1, read_only=True)
    try:
        return [(row[0], row[1], row[2]) for row in connection.execute(_SQL["all"]).fetchall()]
    finally:
        connection.close()


class Learner:
    """Called after each commit; learns in a thread of its own when the store has grown tenfold."""

    def __init__(self, path: Path, writer: "Writer") -> None:
        self._path = path
        self._writer = writer
        self._learned = 0
        self._late = False
        self._busy = False
        self._thread: threading.Thread | None = None
        self.committed: dict[str, tuple[int, bytes]] = {}
        """The newest dictionary of each kind that is certain to stay: its number and content."""

    def load(self) -> None:
        """Read what the store has learned so far."""
        found = self._kept()
        for number, kind, content in found:
            bodies.register(number, content)
            self.committed[kind] = number, content
        kinds = [kind for _number, kind, _content in found]
        self._learned = min(kinds.count("body"), len(_WHEN))
        self._late = self._learned > 0 and "lineage" not in kinds  # an older version learned nothing of lineage

    def _kept(self) -> list[Kept]:
        return dictionaries(self._path)

    def source(self) -> list[tuple[int, bytes]]:
        """Return the dictionaries (number, content), for who met one that another process has learned."""
        return [(number, content) for number, _kind, content in self._kept()]

    def grown(self, rows: int) -> None:
        """Say how many rows there are; called by the writer's thread."""
        due = self._late or (self._learned < len(_WHEN) and rows >= _WHEN[self._learned])
        if due and not self._busy:
            self._busy = True
            self._thread = threading.Thread(target=self._learn, args=(rows,), name="unsilo-learning", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait until what is being learned is learned."""
        if self._thread is not None:
            self._thread.join()

    def _learn(self, rows: int) -> None:
        try:
            found = self._sampled(rows)
            for kind, taken in found.items():
                made = bodies.learn(taken) if taken and (kind == "lineage" or not self._late) else None
                if made is not None:
                    self._writer.submit(partial(_keep, kind, *made), 1).result()
                    self.committed[kind] = made
        except Exception as fault:  # noqa: BLE001 - the store is only larger without it
            _log.warning("nothing was learned", extra={"fault": type(fault).__name__})
        self._learned += not self._late
        self._late = self._busy = False

    def _sampled(self, rows: int) -> dict[str, list[Sample]]:
        draw = random.Random(rows)  # noqa: S311 # a sample, not a secret
        rids = sorted({draw.randrange(1, rows + 1) for _ in range(2 * SAMPLES)})
        connection = connect(self._path, cache_mb=1, read_only=True)
        found: list[Any] = []
        try:
            for rid in rids:
                found += connection.execute(_SQL["sample"], (rid,)).fetchall()
        finally:
            connection.close()
        return samples(found[:SAMPLES])


def samples(rows: Iterable[Any]) -> dict[str, list[Sample]]:
    """Return what is learned from, by kind, of rows (body, keys, lineage or None) as they are kept."""
    found: dict[str, list[Sample]] = {"body": [], "idx": [], "lineage": []}
    for body, idx, lineage in rows:
        found["body"].append(bodies.unpack(body)[:LONGEST])
        found["idx"].append(bodies.unpack(idx)[:LONGEST])
        if lineage:
            found["lineage"].append(plain_lineage(lineage)[:LONGEST])
    return found


def _keep(kind: str, number: int, content: bytes, tx: "Tx") -> None:
    tx.run(_SQL["add"], (number, kind, content, clock.now()))
    bodies.register(number, content)
    tx.pack_with(kind, bodies.Dictionary(number, content))
