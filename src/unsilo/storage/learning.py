"""Learns, in the background, what the resources of a store have in common, so that they can be kept small."""

import logging
import random
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from unsilo.kernel import clock
from unsilo.storage import bodies
from unsilo.storage.connect import connect
from unsilo.storage.statements import load

if TYPE_CHECKING:
    from unsilo.storage.tx_work import Tx
    from unsilo.storage.writer import Writer

__all__ = ["LONGEST", "SAMPLES", "Learner", "dictionaries"]

_log = logging.getLogger("unsilo.learning")
_SQL = load("dictionary")
_WHEN = (1_500, 15_000, 150_000)
"""Rows at which is learned anew: what comes first is seldom like what comes later."""
SAMPLES = 2_000
"""Values that are learned from at once."""
LONGEST = 4_096
"""Bytes of one sample: what is longer is cut."""


def dictionaries(path: Path) -> list[tuple[int, bytes]]:
    """Return (number, content) of all dictionaries of the store file, by a connection of its own."""
    connection = connect(path, cache_mb=1, read_only=True)
    try:
        return [(row[0], row[2]) for row in connection.execute(_SQL["all"]).fetchall()]
    finally:
        connection.close()


class Learner:
    """Called after each commit; learns in a thread of its own when the store has grown tenfold."""

    def __init__(self, path: Path, writer: "Writer") -> None:
        self._path = path
        self._writer = writer
        self._learned = 0
        self._busy = False
        self._thread: threading.Thread | None = None

    def load(self) -> None:
        """Read what the store has learned so far."""
        found = dictionaries(self._path)
        for number, content in found:
            bodies.register(number, content)
        self._learned = len(found) // 2

    def source(self) -> list[tuple[int, bytes]]:
        """Return the dictionaries, for who met one that another process has learned."""
        return dictionaries(self._path)

    def grown(self, rows: int) -> None:
        """Say how many rows there are; called by the writer's thread."""
        if self._learned < len(_WHEN) and rows >= _WHEN[self._learned] and not self._busy:
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
            for kind, samples in found.items():
                made = bodies.learn(samples)
                if made is not None:
                    self._writer.submit(partial(_keep, kind, *made), 1).result()
        except Exception as fault:  # noqa: BLE001 - the store is only larger without it
            _log.warning("nothing was learned", extra={"fault": type(fault).__name__})
        self._learned += 1
        self._busy = False

    def _sampled(self, rows: int) -> dict[str, list[bytes | bytearray | memoryview]]:
        draw = random.Random(rows)  # noqa: S311 # a sample, not a secret
        rids = sorted({draw.randrange(1, rows + 1) for _ in range(2 * SAMPLES)})
        connection = connect(self._path, cache_mb=1, read_only=True)
        found: dict[str, list[bytes | bytearray | memoryview]] = {"body": [], "idx": []}
        try:
            for rid in rids:
                row = connection.execute(_SQL["sample"], (rid,)).fetchone()
                if row is not None and len(found["body"]) < SAMPLES:
                    found["body"].append(bodies.unpack(row[0])[:LONGEST])
                    found["idx"].append(bodies.unpack(row[1])[:LONGEST])
        finally:
            connection.close()
        return found


def _keep(kind: str, number: int, content: bytes, tx: "Tx") -> None:
    tx.run(_SQL["add"], (number, kind, content, clock.now()))
    bodies.register(number, content)
    tx.pack_with(kind, bodies.Dictionary(number, content))
