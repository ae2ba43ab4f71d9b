"""What waits for the writer: pieces to be journaled, audit rows, jobs."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from unsilo.storage.rows import Incoming, Receipt
from unsilo.storage.tx_work import Tx

__all__ = ["Job", "Receipts", "Trail", "fail", "next_receipts", "next_trails", "refuse"]

_MOST_RECEIPTS = 256
_MOST_BYTES = 8 * 1024 * 1024


class Receipts(NamedTuple):
    """Pieces that wait to be journaled together."""

    incomings: list[Incoming]
    future: "Future[list[Receipt]]"


class Trail(NamedTuple):
    """Audit rows that wait to be written together."""

    rows: Sequence[tuple[Any, ...]]
    future: "Future[None]"


class Job(NamedTuple):
    """A job that waits; `order` is (lower priority first, place in the queue)."""

    order: tuple[int, int]
    run: Callable[[Tx], Any]
    future: "Future[Any]"

    @property
    def urgent(self) -> bool:
        """True for what a person does or looks at: small, seldom, and done even while the disk is full."""
        return self.order[0] < 0


def fail(future: "Future[Any]", error: BaseException) -> None:
    """Fail a future that nobody has resolved."""
    if not future.done():
        future.set_exception(error)


def next_receipts(waiting: deque[Receipts]) -> list[Receipts]:
    """Take the receipts that are journaled together: as many as wait, but no more than fit into one group."""
    batch: list[Receipts] = []
    size = n = 0
    while waiting and n < _MOST_RECEIPTS and size < _MOST_BYTES:
        each = waiting.popleft()
        if each.future.set_running_or_notify_cancel():
            batch.append(each)
            n += len(each.incomings)
            size += sum(len(i.envelope.content) for i in each.incomings)
    return batch


def next_trails(waiting: deque[Trail]) -> list[Trail]:
    """Take all audit rows that wait."""
    trails: list[Trail] = []
    while waiting:
        each = waiting.popleft()
        if each.future.set_running_or_notify_cancel():
            trails.append(each)
    return trails


def refuse(batch: list[Receipts], error: Exception) -> list[Receipts]:
    """Fail what waits to be journaled; return what is left of it: nothing."""
    for each in batch:
        fail(each.future, error)
    return []
