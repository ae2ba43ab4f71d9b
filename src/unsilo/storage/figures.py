"""Feed figures kept as rows are written: counts by day and state, the last minutes, and a histogram of latencies."""

import sqlite3
from collections import Counter
from collections.abc import Iterable

from unsilo.storage.days import day_of
from unsilo.storage.statements import load, run_rows

__all__ = ["Figures", "bucket_of", "forget", "quantiles", "upper_bound"]

_SQL = load("message")
MINUTE = 60_000_000
DAY = 86_400_000_000


def bucket_of(microseconds: int) -> int:
    """Return the histogram bucket of a duration; four buckets for each doubling, from 64 microseconds."""
    units = max(microseconds, 0) >> 4
    if units < 8:
        return units
    power = units.bit_length() - 1
    return power * 4 + ((units >> (power - 2)) & 3) - 4


def upper_bound(bucket: int) -> int:
    """Return the largest duration, in microseconds, that falls into a bucket."""
    if bucket < 8:
        return ((bucket + 1) << 4) - 1
    power, quarter = divmod(bucket + 4, 4)
    return (((4 + quarter + 1) << (power - 2)) << 4) - 1


def quantiles(histogram: dict[int, int], wanted: Iterable[float]) -> tuple[int, ...]:
    """Return the duration, in microseconds, under which each wanted share lies; zeros when there is nothing."""
    total = sum(histogram.values())
    found = []
    for share in wanted:
        seen = 0
        answer = 0
        for bucket in sorted(histogram):
            seen += histogram[bucket]
            answer = upper_bound(bucket)
            if seen >= share * total:
                break
        found.append(answer)
    return tuple(found)


def forget(connection: sqlite3.Connection, now: int) -> None:
    """Drop minutes older than two days and latencies older than a month."""
    connection.execute(_SQL["minute_forget"], ((now - 2 * DAY) // MINUTE,))
    connection.execute(_SQL["latency_forget"], (day_of(now - 31 * DAY),))


class Figures:
    """What one transaction adds to the figures."""

    def __init__(self) -> None:
        self._messages: Counter[tuple[int, int, str]] = Counter()
        self._bytes: Counter[tuple[int, int, str]] = Counter()
        self._minutes: dict[tuple[int, int], list[int]] = {}
        self._last: dict[int, int] = {}
        self._latency: Counter[tuple[int, int, int]] = Counter()

    def count(self, feed: int, day: int, state: str, size: int, by: int = 1) -> None:
        """Add (or with -1 take away) one message of a state."""
        self._messages[feed, day, state] += by
        self._bytes[feed, day, state] += by * size

    def received(self, feed: int, at: int) -> None:
        """Note a receipt in its minute."""
        self._minutes.setdefault((feed, at // MINUTE), [0, 0, 0])[0] += 1
        self._last[feed] = max(self._last.get(feed, 0), at)

    def done(self, feed: int, at: int, *, failed: bool) -> None:
        """Note the end of a processing in its minute."""
        self._minutes.setdefault((feed, at // MINUTE), [0, 0, 0])[2 if failed else 1] += 1

    def latency(self, feed: int, day: int, microseconds: int) -> None:
        """Note how long a message took from receipt to commit."""
        self._latency[feed, day, bucket_of(microseconds)] += 1

    def flush(self, connection: sqlite3.Connection) -> None:
        """Write what was noted."""
        totals: Counter[tuple[int, str]] = Counter()
        sizes: Counter[tuple[int, str]] = Counter()
        for (feed, day, state), n in self._messages.items():
            totals[feed, state] += n
            sizes[feed, state] += self._bytes[feed, day, state]
        run_rows(connection, _SQL["total_add"], [(*key, n, sizes[key]) for key, n in totals.items()])
        days = [(*key, n, self._bytes[key]) for key, n in self._messages.items() if n or self._bytes[key]]
        run_rows(connection, _SQL["day_add"], days)
        run_rows(connection, _SQL["minute_add"], [(*key, *n) for key, n in self._minutes.items()])
        run_rows(connection, _SQL["last_add"], list(self._last.items()))
        run_rows(connection, _SQL["latency_add"], [(*key, n) for key, n in self._latency.items()])
