"""Removes the bytes of a past day when the operator's retention says so; hash, size, keys and lineage stay."""

from concurrent.futures import wait
from datetime import UTC, datetime, timedelta
from typing import Any

from unsilo.kernel import Issue, clock
from unsilo.storage.days import day_of
from unsilo.storage.statements import load
from unsilo.storage.store import Store
from unsilo.storage.tx_work import Tx

__all__ = ["drop_day", "droppable"]

_SQL = load("message")
_CHUNK = 2000
_HOUR = 3_600_000_000
_MOST_LEFT = 10_000
"""Messages of one day that may stay behind; a feed of which more are not finished needs somebody first."""


def _refusal(text: str, hint: str) -> list[Issue]:
    return [Issue("error", "business-rule", text, hint=hint, rule="storage.retention")]


def droppable(store: Store, day: int, feed: str = "") -> bool:
    """Tell whether a day (20260131) holds bytes of finished messages, of one feed or of all."""
    return bool(store.rows(_SQL["day_done"], (day, feed)))


def drop_day(store: Store, day: int, feed: str = "", *, at: int = 0) -> list[Issue]:
    """Remove the bytes that came in on a UTC day (20260131), of one feed or of all; return why not, or nothing.

    A message that is queued, held or dead keeps its bytes until it is finished, and an Issue (a warning) says how many
    do. Refused (an error) for today, and while more than 10,000 of that day are not finished. The rows are marked
    first, so after a crash the same call finishes the work.
    """
    now = at or clock.now()
    if day >= day_of(now - _HOUR):  # what came in just before midnight may still be on its way to the disk
        return _refusal(f"day {day} is not over", "only whole past days can be removed")
    start = datetime(day // 10_000, day // 100 % 100, day % 100, tzinfo=UTC)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    bounds = [(when - epoch) // timedelta(microseconds=1) for when in (start, start + timedelta(days=1))]
    first, last = store.rows(_SQL["day_range"], tuple(bounds))[0]
    if first is None:
        return []
    if len(store.rows(_SQL["day_open"], (day, feed, first, last, _MOST_LEFT + 1))) > _MOST_LEFT:
        hint = "replay them or set them aside, then remove the day"
        return _refusal(f"more than {_MOST_LEFT} messages of day {day} are not finished", hint)

    def mark(low: int) -> Any:
        def act(tx: Tx) -> None:
            tx.run(_SQL["day_remove"], (day, feed, now, low, low + _CHUNK - 1))

        return store.submit(act, -1)

    done = [mark(low) for low in range(first, last + 1, _CHUNK)]
    wait(done)
    for future in done:
        future.result()
    store.release_day(day).result()
    left = [row[0] for row in store.rows(_SQL["day_left"], (day, feed, first, last, 2 * _MOST_LEFT))]
    others = bool(store.rows(_SQL["day_kept"], (day, first, last))[0][0])
    store.erase(day, feed, kept=others, slots=left)
    if not left:
        return []
    text = f"{len(left)} messages of day {day} are not finished; their bytes stay until they are"
    return [Issue("warning", "business-rule", text, hint="replay them or set them aside", rule="storage.retention")]
