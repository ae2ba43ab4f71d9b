"""The profiles and alarms of a node: what workers tell goes into the store, and people take note of alarms."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from unsilo.flow.shapes.profile import Profile, decode, encode, learn
from unsilo.flow.shapes.watch import Delta
from unsilo.kernel import Issue, Result, clock
from unsilo.storage import AuditRow, ShapeAlarm, Store, Tx, end_alarm, put_alarm, put_shape, read_shape

__all__ = ["Shapes"]

_WAIT = 10.0
_MOST_WAITING = 100
"""Words of a feed that wait while the store is away; what is more is forgotten, since it is statistics only."""


class Shapes:
    """Takes what workers count; at most one job a feed is on its way to the store, the rest waits and goes together."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Delta]] = {}
        self._busy: set[str] = set()

    def take(self, delta: Delta) -> None:
        """Take what a worker told; returns at once."""
        with self._lock:
            waiting = self._waiting.setdefault(delta.feed, [])
            if len(waiting) < _MOST_WAITING:
                waiting.append(delta)
        self._write(delta.feed)

    def _write(self, feed: str) -> None:
        with self._lock:
            if feed in self._busy or not self._waiting.get(feed):
                return
            self._busy.add(feed)
            deltas = self._waiting.pop(feed)
        try:
            future = self.store.submit(_job(feed, deltas))
        except Exception:
            with self._lock:
                self._busy.discard(feed)
            raise
        future.add_done_callback(lambda done: self._written(feed, done))

    def _written(self, feed: str, done: "Future[None]") -> None:
        with self._lock:
            self._busy.discard(feed)
        if done.exception() is None:  # else the store is away; what comes next finds out when it is back
            self._write(feed)

    def profile(self, feed: str) -> tuple[int, Profile]:
        """Return when a feed's profile was last written (0 never), and the profile."""
        found = self.store.shape(feed)
        return (0, {}) if found is None else (found[0], decode(found[1]))

    def alarms(self, feed: str = "") -> list[ShapeAlarm]:
        """Return alarms, the open ones first."""
        return self.store.shape_alarms(feed)

    def acknowledge(self, number: int, actor: str, reason: str) -> Result[ShapeAlarm]:
        """Let a person take note of an open alarm; who, when and why stay with it."""
        found = self.store.shape_alarm(number)
        if found is None:
            return Result(None, [Issue("error", "not-found", f"there is no alarm {number}", rule="shapes.alarm")])
        if found.ended:
            text = f"{found.actor} has taken note of it already"
            return Result(None, [Issue("error", "conflict", text, rule="shapes.alarm")])
        at = clock.now()

        def job(tx: Tx) -> None:
            end_alarm(tx, found.feed, found.kind, found.what, at, actor, reason)
            what = f"alarm {number} of {found.feed}: {found.kind} {found.what}"
            tx.audit(AuditRow(actor, "acknowledge alarm", 0, what, "", reason, 0, at=at))

        self.store.submit(job, 1).result(_WAIT)
        return Result(found._replace(ended=at, actor=actor, reason=reason))


def _job(feed: str, deltas: list[Delta]) -> Callable[[Tx], None]:
    """Return the job that takes deltas into a feed's profile and opens and ends its alarms."""

    def job(tx: Tx) -> None:
        stored = read_shape(tx, feed)
        profile = {} if stored is None else decode(stored)
        at = clock.now()
        for delta in deltas:
            change = learn(profile, delta)
            for alarm in change.alarms:
                put_alarm(tx, feed, alarm.kind, alarm.what, alarm.message, alarm.detail, at)
            for key in change.back:
                end_alarm(tx, feed, "gone", key, at, "flow", "it is sent again")
        put_shape(tx, feed, encode(profile), at)

    return job
