"""Reading what is on its way out: the next message of a destination, figures, and single messages for a page."""

import msgspec

from unsilo.storage.connect import Readers
from unsilo.storage.rows import OutboxRow
from unsilo.storage.statements import load

__all__ = ["Delivery", "DeliveryReads", "NextDelivery"]

_SQL = load("exchange")


class NextDelivery(msgspec.Struct, frozen=True):
    """The first message that waits: failed attempts, refusals among them, when the first was and the next is due."""

    n: int
    control_id: str
    body: bytes
    attempts: int
    refused: int
    first: int
    due: int


class Delivery(msgspec.Struct, frozen=True):
    """A message to a destination; `state` is `waiting`, `sent`, `dead` or `dropped`, times are microseconds."""

    n: int
    destination: str
    person: int
    made: int
    control_id: str
    state: str
    attempts: int
    ended: int
    said: str
    due: int


class DeliveryReads:
    """The reading half of the store that concerns what is sent on."""

    _readers: Readers

    def outbox_after(self, seq: int, limit: int) -> list[OutboxRow]:
        """Return outbox rows after a number, whoever read them already."""
        return [OutboxRow(row[0], row[1], 0, bytes(row[2])) for row in self._readers.rows(_SQL["after"], (seq, limit))]

    def destination_seen(self, name: str) -> int | None:
        """Return the number of the last outbox row that was read for a destination; None when it is new."""
        row = self._readers.row(_SQL["seen"], (name,))
        return None if row is None else int(row[0])

    def told(self, name: str, person: int) -> str:
        """Return what a destination was told of a person last, "" for nothing."""
        row = self._readers.row(_SQL["told"], (name, person))
        return "" if row is None else str(row[0])

    def next_delivery(self, name: str) -> NextDelivery | None:
        """Return the first message that waits for a destination."""
        row = self._readers.row(_SQL["first"], (name,))
        return None if row is None else NextDelivery(row[0], row[1], bytes(row[2]), *row[3:])

    def delivery_counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Return (destination, state) -> how many, and when the oldest was made."""
        rows = self._readers.rows(_SQL["counts"], ())
        return {(name, state): (int(count), int(oldest)) for name, state, count, oldest in rows}

    def deliveries(self, name: str, state: str, limit: int = 50) -> list[Delivery]:
        """Return messages of a destination in a state, the newest first."""
        return [Delivery(*row) for row in self._readers.rows(_SQL["listed"], (name, state, limit))]

    def delivery(self, n: int) -> Delivery | None:
        """Return one message."""
        row = self._readers.row(_SQL["one"], (n,))
        return None if row is None else Delivery(*row)
