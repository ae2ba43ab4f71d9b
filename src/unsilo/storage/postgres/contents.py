"""The journal's bytes in the database: one partition a day, written in the transaction of their message's row."""

from hashlib import sha256
from typing import Any

import msgspec
import zstandard

from unsilo.kernel import Envelope, hash64
from unsilo.storage.days import Head, content_row
from unsilo.storage.packing import unsqueeze
from unsilo.storage.postgres.readers import SharedReaders
from unsilo.storage.postgres.session import Session
from unsilo.storage.postgres.translate import Bulk, own

__all__ = ["Partitions", "SharedContent"]

_SQL, _STORE = own("content"), own("store")
_TYPES = ("integer", "bigint", "text", "text", "bytea", "smallint", "bytea", "bytea")
_LOCK = hash64("unsilo", "content")


class Partitions:
    """The writer's side. `append` writes in the open transaction of the session that it is given."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self.session: Session | None = None

    def prepare(self, days: set[int]) -> None:
        """Have a partition for each day, before the transaction that needs it."""
        session = self.session
        for day in days - self._known:
            if session is None:
                return
            session.run("BEGIN")
            try:
                session.run(_STORE["lock"], (_LOCK,))
                if not session.run(_SQL["partition"], (day,)).fetchone()[0]:
                    session.run(f"CREATE TABLE content_{day:d} PARTITION OF content FOR VALUES IN ({day:d})")
                session.run("COMMIT")
            except BaseException:
                session.run("ROLLBACK")
                raise
            self._known.add(day)

    def append(self, day: int, envelopes: list[Envelope]) -> list[int]:
        """Write the bytes of one day; return their slots."""
        session = self.session
        if session is None:
            raise RuntimeError("bytes are written in a transaction")
        slots = [row[0] for row in session.run(_SQL["slots"], (len(envelopes),)).fetchall()]
        rows = [(day, slot, *content_row(each)) for slot, each in zip(slots, envelopes, strict=True)]
        session.many(Bulk(_SQL["insert_day"], _TYPES), rows)
        return slots

    def forget(self, day: int) -> None:
        """Do not count on a day's partition any more."""
        self._known.discard(day)


class SharedContent:
    """The reading side."""

    def __init__(self, readers: SharedReaders) -> None:
        self._readers = readers

    def read(self, day: int, slot: int, digest: bytes) -> tuple[bytes, dict[str, str]] | None:
        """Return the bytes of a slot and their transport headers, None when they are not there.

        ValueError when the bytes do not match their sha-256.
        """
        found: Any = self._readers.own(_SQL["read_day"], (day, slot)).fetchone()
        if found is None:
            return None
        codec, head, body = found
        try:
            content = unsqueeze(body) if codec else bytes(body)
        except zstandard.ZstdError:
            content = b""
        if sha256(content).digest() != digest:
            raise ValueError(f"the bytes of day {day}, slot {slot} do not match their sha-256")
        return content, msgspec.msgpack.decode(head, type=Head).headers

    def forget(self, day: int | None = None) -> None:
        """Do nothing: no file is open."""
