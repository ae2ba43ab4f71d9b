"""The part of a transaction that merges and notifies: what a merge was, who was told what, messages going out."""

import msgspec

from unsilo.storage.packing import clean, unpack_body
from unsilo.storage.statements import load
from unsilo.storage.tx_fhir import FhirTx

__all__ = ["ExchangeTx", "MergeRow"]

_SQL = load("exchange")


class MergeRow(msgspec.Struct, frozen=True):
    """A merge that was not undone: versions of both Patients before and after it, the person that the source was with,
    what people had decided of the pair before (`open`, `same`, `apart`)."""

    n: int
    source_before: int
    source_after: int
    target_before: int
    target_after: int
    former: int
    decided: str


class ExchangeTx(FhirTx):
    """Rows are written at once, so every later read of the same transaction sees them."""

    def _pair(self, left: str, right: str) -> tuple[int, int]:
        return self._pat(left), self._pat(right)

    def decision(self, left: str, right: str) -> str:
        """Return what people decided of two source Patients last: `same`, `apart` or `open`."""
        low, high = sorted(self._pair(left, right))
        row = self._connection.execute(_SQL["decision"], (low, high)).fetchone()
        return "open" if row is None else str(row[0])

    def merged(self, source: str, target: str, row: MergeRow, actor: str) -> None:
        """Remember a merge (`row.n` is not looked at)."""
        self._hold()
        self._connection.execute(
            _SQL["merge_add"],
            (*self._pair(source, target), row.source_before, row.source_after, row.target_before, row.target_after,
             row.former, clean(row.decided), clean(actor), self.at),
        )  # fmt: skip

    def merge_of(self, source: str, target: str) -> MergeRow | None:
        """Return the last merge of two source Patients that was not undone."""
        row = self._connection.execute(_SQL["merge_last"], self._pair(source, target)).fetchone()
        return None if row is None else MergeRow(*row)

    def merge_undone(self, n: int) -> None:
        """Say that a merge was undone."""
        self._hold()
        self._connection.execute(_SQL["merge_undone"], (self.at, n))

    def body_of(self, resource_type: str, id_: str, version: int) -> bytes | None:
        """Return the JSON of a version; None when there is none, or it was a deletion."""
        now = self.current(resource_type, id_)
        if now is None or now.version == version:
            return None if now is None or now.state != 0 else now.body
        self.settle()
        row = self._connection.execute(_SQL["body"], (now.rid, version)).fetchone()
        return None if row is None else unpack_body(row[0]) or None

    # Notifications

    def add_destination(self, name: str) -> None:
        """Begin to note for a destination what changes from now on."""
        self._hold()
        newest = int(self._connection.execute(_SQL["newest"]).fetchone()[0])
        self._connection.execute(_SQL["add_destination"], (clean(name), newest))

    def seen(self, name: str) -> int | None:
        """Return the number of the last outbox row that was read for a destination."""
        row = self._connection.execute(_SQL["seen"], (clean(name),)).fetchone()
        return None if row is None else int(row[0])

    def advance(self, name: str, before: int, after: int) -> bool:
        """Say how far the outbox was read; False when another node was quicker."""
        self._hold()
        return self._connection.execute(_SQL["advance"], (after, clean(name), before)).fetchone() is not None

    def told(self, name: str, person: int) -> str:
        """Return what a destination was told of a person last, "" for nothing."""
        row = self._connection.execute(_SQL["told"], (clean(name), person)).fetchone()
        return "" if row is None else str(row[0])

    def tell(self, name: str, person: int, ids: str) -> None:
        """Remember what a destination is told of a person; "" forgets it."""
        self._hold()
        if ids:
            self._connection.execute(_SQL["tell"], (clean(name), person, clean(ids)))
        else:
            self._connection.execute(_SQL["untell"], (clean(name), person))

    def deliver(self, name: str, person: int, control_id: str, body: bytes) -> None:
        """Put a message at the end of a destination's queue."""
        self._hold()
        self._connection.execute(_SQL["add"], (clean(name), person, self.at, control_id, body))

    def hold_destination(self, name: str, holder: str, until: int, now: int) -> bool:
        """Take or keep the right to send to a destination until a time (microseconds); False when another has it."""
        self._hold()
        row = self._connection.execute(_SQL["hold"], (holder, until, clean(name), holder, now)).fetchone()
        return row is not None

    def tried(self, n: int, attempts: int, refused: int, first: int, due: int, said: str) -> None:
        """Note a failed attempt: how many there were, when the first was, when the next is due, what was said."""
        self._hold()
        self._connection.execute(_SQL["tried"], (attempts, refused, first, due, clean(said[:500]), n))

    def end_delivery(self, n: int, state: str, at: int, said: str) -> bool:
        """End a waiting message as `sent` or `dead`; False when it was not waiting."""
        self._hold()
        row = self._connection.execute(_SQL["end"], (state, at, clean(said[:500]), n)).fetchone()
        return row is not None

    def drop_delivery(self, n: int, at: int) -> bool:
        """Give up a message that was set aside; False when it was not."""
        self._hold()
        return self._connection.execute(_SQL["drop"], (at, n)).fetchone() is not None

    def forget_deliveries(self, name: str, before: int) -> None:
        """Remove what was sent or given up before a time (microseconds)."""
        self._hold()
        self._connection.execute(_SQL["forget_sent"], (clean(name), before))
