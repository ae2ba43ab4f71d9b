"""Source Patients that nobody has placed yet, met one after the other and written together: a sheet brings dozens."""

from collections.abc import Sequence

import msgspec

from unsilo.identity.decide import Candidate
from unsilo.identity.record import unpack
from unsilo.kernel import fresh_id
from unsilo.storage.packing import clean
from unsilo.storage.statements import load, run_rows
from unsilo.storage.tx_matching import MOST_CANDIDATES, MOST_IN_BLOCK, NEAR, in_blocks
from unsilo.storage.tx_people import PeopleTx

__all__ = ["Newcomers", "NewcomersTx"]

_SQL = load("person")


class Newcomers:
    """What is known of the blocks of some records, and of those among them that wait to be written.

    Each sees those before it, written or not. `person` and `record` of one that waits are found by its row number.
    """

    def __init__(self, blocks: dict[int, list[int]]) -> None:
        self.blocks = blocks
        self.waiting: dict[int, tuple[int, bytes]] = {}
        self.persons: list[tuple[int, str, int]] = []
        self.edges: list[tuple[int, int, str, str, float, str, int, int]] = []
        self.records: list[tuple[int, bytes, bytes]] = []
        self.keys: list[tuple[int, int]] = []
        self.top = -1

    def met(self, keys: Sequence[int]) -> tuple[dict[int, int], set[int]]:
        """Return what `in_blocks` does of the blocks of these keys."""
        return in_blocks((key, pat) for key in dict.fromkeys(keys) for pat in self.blocks.get(key, ()))

    def enter(self, pat: int, keys: Sequence[int]) -> list[int]:
        """Let a record be found by its keys from now on; return those of which the block was not full."""
        own = [key for key in sorted(set(keys)) if len(self.blocks.get(key, ())) < MOST_IN_BLOCK]
        for key in own:
            self.blocks.setdefault(key, []).append(pat)
        return own


class NewcomersTx(PeopleTx):
    """Places many new source Patients in one go, each as if those before it had been written."""

    def newcomers(self, patients: Sequence[tuple[str, Sequence[int]]]) -> Newcomers | None:
        """Begin with (id, keys) of Patients that are to be placed; None where each must be placed by itself.

        So it is where somebody else may write meanwhile, where one of them is placed already, or where a block holds
        more than blocks hold today.
        """
        pats = [self._pat(id_) for id_, _ in patients]
        known = [pat for pat in pats if pat not in self._numbered]
        if len(set(pats)) < len(pats) or any(pat in self._remembered for pat in pats):
            return None
        if known and self._connection.execute(_SQL["placed"], (msgspec.json.encode(known).decode(),)).fetchone()[0]:
            return None
        asked = msgspec.json.encode(list({key for _, keys in patients for key in keys})).decode()
        blocks: dict[int, list[int]] = {}
        for key, pat in self._connection.execute(_SQL["members_of_blocks"], (asked,)):
            blocks.setdefault(key, []).append(pat)
        if any(len(block) > MOST_IN_BLOCK for block in blocks.values()):
            return None
        return Newcomers(blocks)

    def met_among(self, group: Newcomers, keys: Sequence[int]) -> tuple[list[Candidate], list[int]]:
        """Return what `met` does."""
        shared, full = group.met(keys)
        self._saw(keys, full)
        if not shared:
            return [], []
        near = [pat for pat, count in shared.items() if count >= NEAR]
        if not near:
            return self.further_among(group, sorted(shared)), []
        return self.further_among(group, sorted(near)), sorted(shared.keys() - near)

    def further_among(self, group: Newcomers, pats: list[int]) -> list[Candidate]:
        """Return what `further` does."""
        waiting = [pat for pat in pats if pat in group.waiting]
        if waiting and len(pats) > MOST_CANDIDATES:  # which of them are looked at is decided where all are written
            self.write_newcomers(group)
            waiting = []
        if not waiting:
            return self.further(pats)
        found = [group.waiting[pat] for pat in waiting]
        rest = self.further([pat for pat in pats if pat not in group.waiting])
        return [*rest, *(Candidate.of(person, unpack(record)) for person, record in found)]

    def place_alone(
        self, group: Newcomers, patient_id: str, record: bytes, keys: Sequence[int], rule: str, reason: str, actor: str,
        at: int, mid: int, score: float,
    ) -> int:  # fmt: skip
        """Give a new source Patient a person of its own, as `remember` and `link` do, and return that.

        It waits to be written: until then it is not among a person's `patients_of`.
        """
        pat = self._pat(patient_id)
        if group.top < 0:
            group.top = int(self._connection.execute(_SQL["top"]).fetchone()[0])
        group.top += 1
        person = self._linked[pat] = group.top
        self._remembered.add(pat)
        group.waiting[pat] = person, record
        group.persons.append((person, fresh_id(), at))
        group.edges.append((pat, person, clean(rule), clean(reason), score, clean(actor), at, mid))
        group.records.append((pat, record, msgspec.msgpack.encode(sorted(set(keys)))))
        group.keys += [(key, pat) for key in group.enter(pat, keys)]
        return person

    def enter(self, group: Newcomers, patient_id: str, keys: Sequence[int]) -> None:
        """Say that one was placed by `remember` and `link`, when none waits."""
        group.enter(self._pat(patient_id), keys)

    def write_newcomers(self, group: Newcomers) -> None:
        """Write those that wait."""
        if not group.waiting:
            return
        self._hold()
        connection = self._connection
        run_rows(connection, _SQL["insert_numbered"], group.persons)
        run_rows(connection, _SQL["edge_write"], group.edges)
        run_rows(connection, _SQL["event"], [("link", pat, person, 0, *why) for pat, person, *why in group.edges])
        run_rows(connection, _SQL["record_write"], group.records)
        run_rows(connection, _SQL["key_write"], sorted(group.keys))
        group.waiting, group.top = {}, -1
        group.persons, group.edges, group.records, group.keys = [], [], [], []
