"""The part of a transaction that finds records of one person: blocking keys, candidates, who belongs to whom."""

import sqlite3
from collections.abc import Iterable

import msgspec

from unsilo.identity.decide import Candidate
from unsilo.identity.record import unpack
from unsilo.storage.counters import Counters
from unsilo.storage.names import Names
from unsilo.storage.pending import Pending
from unsilo.storage.statements import load
from unsilo.storage.tx_sheet import SheetTx

__all__ = ["MOST_CANDIDATES", "MOST_IN_BLOCK", "NEAR", "MatchingTx", "in_blocks", "reference"]

_SQL = load("person")
MOST_CANDIDATES = 1000
"""Records that one decision looks at."""
NEAR = 3
"""Keys from which a record is near: strangers hardly ever share two, relatives two, a person's records mostly more."""
MOST_IN_BLOCK = 200
"""Records that one key leads to; who shares it with more is found by other keys."""


def in_blocks(rows: Iterable[tuple[int, int]]) -> tuple[dict[int, int], set[int]]:
    """Return in how many blocks (key, member) that are not full each member is, and the keys of the full ones."""
    blocks: dict[int, list[int]] = {}
    for key, pat in rows:
        blocks.setdefault(key, []).append(pat)
    shared: dict[int, int] = {}
    full = set()
    for key, block in blocks.items():
        if len(block) >= MOST_IN_BLOCK:
            full.add(key)
            continue
        for pat in block:
            shared[pat] = shared.get(pat, 0) + 1
    return shared, full


def reference(patient_id: str) -> str:
    """Return `Patient/id` of an id with or without its type."""
    return patient_id if patient_id.startswith("Patient/") else f"Patient/{patient_id}"


class MatchingTx(SheetTx):
    """Every arriving record is looked for here, so what is known without asking is not asked.

    Of a Patient that this job was the first to speak of, the store holds neither edge nor record nor keys.
    """

    def __init__(self, connection: sqlite3.Connection, names: Names, counters: Counters, group: Pending) -> None:
        super().__init__(connection, names, counters, group)
        self._linked: dict[int, int] = {}
        self._remembered: set[int] = set()
        self._asked: set[int] = set()
        self._full: set[int] = set()

    def _pat(self, patient_id: str) -> int:
        """Return the row number of a source Patient; one that is only spoken of gets a stub."""
        return self.rid(reference(patient_id))

    def candidates(self, keys: list[int], patient_id: str = "", limit: int = MOST_CANDIDATES) -> list[Candidate]:
        """Return the linked source Patients that share a blocking key, with their last record.

        A block that is full says nothing (`MOST_IN_BLOCK`): its members are found by their other keys. Only of the
        record of `patient_id` is it told whether it is settled.
        """
        near, others = self.met(keys, patient_id, limit)
        return near + self.further(others, patient_id, limit)

    def met(
        self, keys: list[int], patient_id: str = "", limit: int = MOST_CANDIDATES
    ) -> tuple[list[Candidate], list[int]]:
        """Return those of `candidates` that share `NEAR` keys or more, and the row numbers of the others.

        Where nobody does, all are returned at once.
        """
        asked = msgspec.json.encode(keys).decode()
        shared, full = in_blocks(self._connection.execute(_SQL["blocks"], (asked, len(keys) * MOST_IN_BLOCK)))
        self._saw(keys, full)
        near = [pat for pat, count in shared.items() if count >= NEAR]
        if not near:
            return self.further(sorted(shared), patient_id, limit), []
        return self.further(sorted(near), patient_id, limit), sorted(shared.keys() - near)

    def further(self, pats: list[int], patient_id: str = "", limit: int = MOST_CANDIDATES) -> list[Candidate]:
        """Return the candidates of these row numbers."""
        if not pats:
            return []
        asked = msgspec.json.encode(pats).decode()
        rows = self._connection.execute(_SQL["candidates"], (self._own(patient_id), asked, limit))
        return [Candidate.of(person, unpack(record), settled) for person, record, settled in rows]

    def lock(self, *keys: int) -> None:
        """Wait until no other transaction holds one of these locks; where only one writes at a time, nobody does."""

    def _own(self, patient_id: str) -> int:
        return (self.known_rid(reference(patient_id)) or 0) if patient_id else 0

    def _saw(self, keys: Iterable[int], full: set[int]) -> None:
        """Keep which blocks of these keys are full, for whoever is remembered under them next."""
        self._asked, self._full = set(keys), full

    def remember(self, patient_id: str, record: bytes, keys: list[int]) -> None:
        """Keep the standardised record of a source Patient and the keys under which it is found from now on."""
        self._hold()
        pat = self._pat(patient_id)
        before: set[int] = set()
        if pat not in self._numbered or pat in self._remembered:
            row = self._connection.execute(_SQL["record_keys"], (pat,)).fetchone()
            before = set(msgspec.msgpack.decode(row[0], type=list[int])) if row is not None else before
        self._remembered.add(pat)
        after = set(keys)
        self._connection.execute(_SQL["record_write"], (pat, record, msgspec.msgpack.encode(sorted(after))))
        if gone := sorted(before - after):
            self._connection.executemany(_SQL["key_drop"], [(key, pat) for key in gone])
        if added := after - before:
            full = self._full if added <= self._asked else self._full_of(added)
            self._connection.execute(_SQL["key_add"], (pat, msgspec.json.encode(sorted(added - full)).decode()))
            self._asked.clear()  # the blocks have grown by this one

    def _full_of(self, keys: set[int]) -> set[int]:
        asked = msgspec.json.encode(sorted(keys)).decode()
        return {row[0] for row in self._connection.execute(_SQL["full"], (asked, MOST_IN_BLOCK)).fetchall()}

    def person_of(self, patient_id: str) -> int | None:
        """Return the person that a source Patient is linked to."""
        known = self.known_rid(reference(patient_id))
        if known is None or known in self._numbered:
            return None if known is None else self._linked.get(known)
        row = self._connection.execute(_SQL["edge"], (known,)).fetchone()
        return None if row is None else int(row[0])

    def _id_of(self, pat: int, flushed: str | None) -> str:
        """Return the id of a Patient whose row may still be in memory."""
        if flushed is not None:
            return flushed
        row = self._job.res.get(pat) or self._group.res[pat]
        return str(row[2])
