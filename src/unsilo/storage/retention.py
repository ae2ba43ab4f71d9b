"""Removes the bytes of a whole day when the operator's retention says so; hash, size, keys and lineage stay."""

from concurrent.futures import wait
from datetime import UTC, datetime, timedelta
from typing import Any

from unsilo.kernel import Issue, clock
from unsilo.storage.days import day_of
from unsilo.storage.statements import load
from unsilo.storage.store import Store
from unsilo.storage.tx_work import Tx

__all__ = ["drop_day"]

_SQL = load("message")
_CHUNK = 2000
_HOUR = 3_600_000_000


def _refusal(text: str, hint: str) -> list[Issue]:
    return [Issue("error", "business-rule", text, hint=hint, rule="storage.retention")]


def drop_day(store: Store, day: int, feed: str = "", *, at: int = 0) -> list[Issue]:
    """Remove the bytes that came in on a UTC day (20260131), of one feed or of all; return why not, or nothing.

    Refused for today and while a message of that day is queued, held or dead. The rows are marked first, so after a
    crash the same call finishes the work.
    """
    now = at or clock.now()
    if day >= day_of(now - _HOUR):  # what came in just before midnight may still be on its way to the disk
        return _refusal(f"day {day} is not over", "only whole past days can be removed")
    waiting = store.rows(_SQL["day_open"], (day, feed))[0][0]
    if waiting:
        return _refusal(
            f"{waiting} messages of day {day} are not finished", "replay them or set them aside, then remove the day"
        )
    start = datetime(day // 10_000, day // 100 % 100, day % 100, tzinfo=UTC)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    bounds = [(when - epoch) // timedelta(microseconds=1) for when in (start, start + timedelta(days=1))]
    first, last = store.rows(_SQL["day_range"], tuple(bounds))[0]
    if first is None:
        return []

    def mark(low: int) -> Any:
        def act(tx: Tx) -> None:
            tx.run(_SQL["day_remove"], (day, feed, now, low, low + _CHUNK - 1))

        return store.submit(act, -1)

    done = [mark(low) for low in range(first, last + 1, _CHUNK)]
    wait(done)
    for future in done:
        future.result()
    store.release_day(day).result()
    store.erase(day, feed, kept=bool(store.rows(_SQL["day_kept"], (day, first, last))[0][0]))
    return []
