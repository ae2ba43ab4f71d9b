"""Learns from the resources of the database what they have in common; what one process learns, all can read."""

import random
from pathlib import Path

from unsilo.storage.learning import SAMPLES, Kept, Learner, Sample, samples
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

    def _kept(self) -> list[Kept]:
        session = Session(self._dsn, reading=True)
        try:
            return [(row[0], row[1], row[2]) for row in session.execute(_SQL["all"]).fetchall()]
        finally:
            session.close()

    def _sampled(self, rows: int) -> dict[str, list[Sample]]:
        session = Session(self._dsn, reading=True)
        try:
            share = min(100.0, 100 * 2 * SAMPLES / max(rows, 1))
            draw = random.randrange(1 << 30)  # noqa: S311 # a sample, not a secret
            return samples(session.run(_OWN["sampled"], (share, draw, SAMPLES)).fetchall())
        finally:
            session.close()
