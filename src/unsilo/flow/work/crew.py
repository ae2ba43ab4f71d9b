"""The worker processes of a node: as many as there is work for; given messages, heard, replaced when they are gone."""

import logging
import selectors
import time
from collections.abc import Callable
from contextlib import suppress

from unsilo.config import Settings
from unsilo.flow.live_feed import NONE, Published
from unsilo.flow.process import Processed
from unsilo.flow.shapes.watch import Delta
from unsilo.flow.work.hands import TRIES, Hands
from unsilo.flow.work.item import Item
from unsilo.flow.work.pool import Worker
from unsilo.flow.work.pressure import Pressure
from unsilo.flow.work.wire import Done, Fault, Job, Ready, decode_answer
from unsilo.kernel import Envelope, Issue
from unsilo.storage import Store
from unsilo.storage.faults import is_storage_fault
from unsilo.terminology.maps import NOTHING, Snapshot

__all__ = ["AHEAD", "Crew"]

_log = logging.getLogger("unsilo.dispatch")

AHEAD = 32
"""Jobs that a worker has at hand, so that it never waits for the next."""
_REST = 300.0
"""Seconds without work after which a worker ends, the last one apart: idle, each holds some 60 to 140 MB."""
_PACKED_BYTES = 32 * 1024 * 1024
"""What workers made of messages is kept in memory until it can be stored, up to so much; then they wait."""


class Crew(Hands):
    """The workers as the dispatcher's thread sees them."""

    def __init__(self, store: Store, settings: Settings) -> None:
        super().__init__(store, settings)
        self.maps: Callable[[], Snapshot] = lambda: NOTHING
        self.shapes: Callable[[Delta], None] = lambda _delta: None
        self.overlays: Callable[[], Published] = lambda: NONE
        self._workers: list[Worker] = []
        self._at: dict[int, Worker] = {}
        self._stalled: set[int] = set()
        self._failed_starts = 0
        self._start_at = 0.0
        self._pressure = Pressure()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self.restarts = 0
        self.broken: dict[str, str] = {}

    @property
    def _room(self) -> bool:
        """Tell whether workers may be given more: what they make of messages waits here for its turn at the store.

        Where nothing is under way, what waits may wait for a message that a lost worker gave back.
        """
        if not (self._at or self._company or self._committing):
            return True
        under_way = len(self._items) - len(self._todo) - len(self._stalled)
        return under_way < self.settings.in_flight and self._packed < _PACKED_BYTES

    def _at_work(self, now: float) -> list[Worker]:
        """Return the workers that are to work now: while much is received the node keeps a core for itself."""
        pressed = self._pressure.stands(now)
        return [worker for worker in self._workers if not (pressed and worker.behind)]

    def _short_handed(self, now: float) -> bool:
        """Tell whether as much as a worker has at hand waits, while every worker has enough, or there is none."""
        if not self._workers:
            return True
        if len(self._todo) < AHEAD or not self._room:
            return False
        most = self.settings.helper_count if self._pressure.stands(now) else self.settings.worker_count
        enough = all(worker.ready and len(worker.jobs) >= AHEAD for worker in self._at_work(now))
        return enough and len(self._workers) < most

    def _staff(self, now: float) -> None:
        """Start a worker when there is work for one more; let go who had none for long."""
        if now >= self._start_at and not self._stopping and self._short_handed(now):
            ahead = sum(not worker.behind for worker in self._workers)
            self._workers.append(self._new_worker(behind=ahead >= self.settings.helper_count))
        for worker in self._workers[1:]:
            if worker.ready and not worker.jobs and now - worker.since > _REST:
                self._workers.remove(worker)
                self._part_with(worker)

    def _part_with(self, worker: Worker) -> None:
        for fd in (worker.reads, worker.writes):
            with suppress(KeyError):
                self._selector.unregister(fd)
        worker.kill()

    def _feed_workers(self) -> None:
        now = time.monotonic()
        if self._stopping or now < self._pause_until:
            return
        ready = [worker for worker in self._at_work(now) if worker.ready]
        while self._todo and self._room:
            worker = min(ready, key=lambda w: len(w.jobs), default=None)
            if worker is None or len(worker.jobs) >= AHEAD:
                return
            mid = self._todo.popleft()
            item = self._items[mid]
            if item.feed in self.broken:
                # Not the message's fault: it stays queued until the feed's map is mended and the node started again.
                self._stalled.add(mid)
                continue
            if any(key in self._parked for key in item.keys):
                self._settle(item, "held")
                continue
            envelope = self._content(item)
            if envelope is None:
                continue
            self._at[mid] = worker
            maps, overlays = self.maps(), self.overlays()
            worker.give(
                Job(
                    mid, envelope, maps if maps.version != worker.maps else None,
                    overlays if overlays.number != worker.overlays else None, item.again,
                )
            )  # fmt: skip

    def _content(self, item: Item) -> Envelope | None:
        if item.content is not None:
            return item.content
        try:
            envelope = self.store.envelope(item.id)
        except Exception as fault:  # noqa: BLE001 - the bytes of one message must not stop the others
            if is_storage_fault(fault):
                self._pause_until = time.monotonic() + 0.5
                self._todo.appendleft(item.mid)
            else:
                self._poison(item, f"the original bytes could not be read ({type(fault).__name__})")
            return None
        if envelope is None:
            text = "the original bytes are no longer kept (retention)"
            issue = Issue("error", "not-found", text, rule="flow.content")
            self._settle(item, "dead", Processed(item.mid, item.id, "", [], [], b"", [issue], failed=True))
            return None
        return envelope

    def _new_worker(self, *, behind: bool) -> Worker:
        worker = Worker(self.settings, self.overlays(), behind=behind)
        self._selector.register(worker.reads, selectors.EVENT_READ, worker)
        return worker

    def _worker_speaks(self, worker: Worker, fd: int) -> None:
        if worker not in self._workers:
            return
        if fd == worker.writes:
            worker.push()
            return
        words = worker.pull()
        if words is None:
            self._worker_gone(worker, "ended")
            return
        for word in words:
            answer = decode_answer(word)
            if isinstance(answer, Ready):
                worker.ready, self.broken, self._failed_starts = True, answer.broken, 0
                for feed, why in answer.broken.items():
                    _log.error("feed stopped: its map cannot be compiled", extra={"feed": feed, "reason": why})
                continue
            if isinstance(answer, Done) and answer.shape is not None:
                self._tell_shape(answer.shape)
            worker.answered(answer.mid)
            self._at.pop(answer.mid, None)
            item = self._items.get(answer.mid)
            if item is None:
                continue
            if isinstance(answer, Fault):
                self._poison(item, f"the program failed on this message ({answer.text})")
            else:
                item.answer = answer.processed
                self._packed += len(answer.processed)
                self._let_go(item)
                self._settle(item, "dead" if answer.failed else "done")

    def _tell_shape(self, delta: Delta) -> None:
        try:
            self.shapes(delta)
        except Exception as fault:  # noqa: BLE001 - statistics must not stop a message
            _log.warning("the shape of a feed was not kept", extra={"feed": delta.feed, "fault": type(fault).__name__})

    def _worker_gone(self, worker: Worker, why: str) -> None:
        """Replace a worker; the message it was at is under suspicion, those that waited are not."""
        self._part_with(worker)
        self.restarts += 1
        _log.error("worker replaced", extra={"reason": why, "ready": worker.ready})
        if not worker.ready:
            # It never began to work: no message is to blame, and the next one had better not start at once.
            self._failed_starts += 1
            self._workers.remove(worker)
            self._start_at = time.monotonic() + min(30.0, 0.5 * 2**self._failed_starts)
            return
        jobs = [mid for mid in worker.jobs if mid in self._items]
        for mid in jobs:
            self._at.pop(mid, None)
        self._workers[self._workers.index(worker)] = self._new_worker(behind=worker.behind)
        self._todo.extendleft(reversed(jobs))
        if jobs:
            item = self._items[jobs[0]]
            item.faults += 1
            if item.faults >= TRIES:
                self._todo.popleft()
                self._poison(item, f"a worker {why} on this message, {item.faults} times")
