"""Learns from the resources of the database what they have in common; what one process learns, all can read."""

import random
from pathlib import Path

from unsilo.storage import bodies
from unsilo.storage.learning import LONGEST, SAMPLES, Learner
from unsilo.storage.postgres.session import Session
from unsilo.storage.postgres.translate import own
from unsilo.storage.postgres.writer import SharedWriter
from unsilo.storage.statements import load

__all__ = ["SharedLearner"]

_SQL, _OWN = load("dictionary"), own("dictionary")


class SharedLearner(Learner):
    """Reads by connections of its own."""

    def __init__(self, dsn: str, writer: SharedWriter) -> None:
        super().__init__(Path(), writer)
        self._dsn = dsn

    def load(self) -> None:
        """Read what the store has learned so far."""
        found = list(self.source())
        for number, content in found:
            bodies.register(number, content)
        self._learned = min(len(found) // 2, 3)

    def source(self) -> list[tuple[int, bytes]]:
        """Return the dictionaries, for who met one that another process has learned."""
        session = Session(self._dsn, reading=True)
        try:
            return [(row[0], row[2]) for row in session.execute(_SQL["all"]).fetchall()]
        finally:
            session.close()

    def _sampled(self, rows: int) -> dict[str, list[bytes | bytearray | memoryview]]:
        found: dict[str, list[bytes | bytearray | memoryview]] = {"body": [], "idx": []}
        session = Session(self._dsn, reading=True)
        try:
            share = min(100.0, 100 * 2 * SAMPLES / max(rows, 1))
            for body, idx in session.run(_OWN["sampled"], (share, random.randrange(1 << 30), SAMPLES)).fetchall():  # noqa: S311 # a sample, not a secret
                found["body"].append(bodies.unpack(body)[:LONGEST])
                found["idx"].append(bodies.unpack(idx)[:LONGEST])
        finally:
            session.close()
        return found
