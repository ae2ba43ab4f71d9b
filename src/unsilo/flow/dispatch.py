"""Pulls queued messages, keeps their order per key, lets worker processes work, and sees every one to its end."""

import logging
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Container
from concurrent.futures import Future
from contextlib import suppress

from unsilo.config import Settings
from unsilo.flow.commit import Committed, Keys, commit, finish_dead, finish_held
from unsilo.flow.company import Company
from unsilo.flow.endings import Endings
from unsilo.flow.item import POISON, Item, keys_of, poison_keys
from unsilo.flow.live_feed import NONE, Published
from unsilo.flow.order import Order
from unsilo.flow.pool import Worker
from unsilo.flow.process import Processed
from unsilo.flow.receive import Ending
from unsilo.flow.shapes.watch import Delta
from unsilo.flow.wire import Done, Fault, Job, Ready, decode_answer
from unsilo.kernel import Envelope, Issue, clock
from unsilo.storage import Incoming, QueueItem, Receipt, Store
from unsilo.storage.faults import is_storage_fault
from unsilo.terminology.maps import NOTHING, Snapshot

__all__ = ["Dispatcher"]

_log = logging.getLogger("unsilo.dispatch")

_AHEAD = 16
"""Jobs that a worker has at hand, so that it never waits for the next."""
_PAUSE = 0.008
"""Seconds that are given to answers to come together while the workers are busy: a turn costs as much as an answer."""
_BACKLOG = 4000
"""Messages known here at once; what is more stays in the journal until there is room."""
_HELD_BYTES = 64 * 1024 * 1024
"""Contents kept in memory between receipt and work; more is read again from the journal."""
_TRIES = 2
"""Workers that a message may take with it before it is a dead letter."""


class Dispatcher:
    """One a node. Its own thread holds all state; other threads only leave words in the inbox."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.keys: Keys = lambda piece: piece.index
        self.extra: Callable[[], Container[str]] = tuple
        self.maps: Callable[[], Snapshot] = lambda: NOTHING
        self.shapes: Callable[[Delta], None] = lambda _delta: None
        self.overlays: Callable[[], Published] = lambda: NONE
        self._order = Order()
        self._items: dict[int, Item] = {}
        self._workers: list[Worker] = []
        self._at: dict[int, Worker] = {}
        self._parked: dict[str, int] = {}
        self._company = Company()
        self._committing = 0
        self._bytes = 0
        self._seen = 0
        self._behind = True
        self._pause_until = 0.0
        self._again: list[Item] = []
        self._stopping = False
        self._inbox: deque[Callable[[], None]] = deque()
        self._endings = Endings(store)
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        self._awake = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None
        self.processed = 0
        self.restarts = 0
        self.broken: dict[str, str] = {}
        self._stalled: set[int] = set()
        self._failed_starts = 0
        self._start_at = 0.0

    # -- what other threads call ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the workers and recover what a former run left in the middle."""
        self._parked = dict(poison_keys(self.store))
        self.store.on_requeued(self.requeue)
        self._thread = threading.Thread(target=self._run, name="dispatch", daemon=True)
        self._thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """Stop taking messages, let what is being committed end, stop the workers. What is queued stays queued."""
        self._tell(self._stop_now)
        if self._thread is not None:
            self._thread.join(patience)
        for worker in self._workers:
            worker.stop()
        self._endings.cancel()

    def offer(self, incoming: Incoming, receipt: Receipt) -> None:
        """Say that a message is durable and queued; called in order of receipt, from the store's writer."""
        if receipt.duplicate or receipt.state != "queued":
            return
        envelope = incoming.envelope
        keys = keys_of(incoming.order_key)
        item = Item(receipt.mid, receipt.id, envelope.feed, keys, envelope.format, envelope)
        self._tell(lambda: self._offered(item))

    def requeue(self, items: list[QueueItem]) -> None:
        """Take messages that were set back to `queued` (a replay, a release), whatever their place in the journal."""
        known = [Item(item.mid, item.id, item.feed, keys_of(item.order_key), item.format, again=True) for item in items]
        self._endings.forget(item.mid for item in items)
        self._tell(lambda: self._requeued(known))

    def release(self, mid: int) -> None:
        """Stop holding back what follows a poison message."""
        self._tell(lambda: self._released(mid))

    def ending(self, receipt: Receipt) -> Future[Ending]:
        """Return a future of how the processing of a message ends; done at once when it has ended."""
        return self._endings.future(receipt)

    @property
    def waiting(self) -> int:
        """Messages known here that have not ended."""
        return len(self._items)

    @property
    def idle(self) -> bool:
        """True when nothing is queued, in work or being committed, as far as the journal has been read."""
        # The inbox first: a word leaves it when it was acted on, so what it brought is seen by what is asked next.
        return not self._inbox and not self._behind and len(self._items) == len(self._stalled)

    @property
    def trouble(self) -> str:
        """What keeps messages from being processed, in words; empty when nothing does."""
        if self._thread is None or not self._thread.is_alive():
            return "the dispatcher does not run"
        return "worker processes do not start" if self._failed_starts > 1 else ""

    @property
    def _flying(self) -> int:
        """Messages at the workers, ready, and being committed."""
        return len(self._at) + len(self._company) + self._committing

    def _tell(self, word: Callable[[], None]) -> None:
        self._inbox.append(word)
        if not self._awake:
            self._awake = True
            with suppress(OSError):
                os.write(self._wake_out, b".")

    # -- the dispatcher's thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not (self._stopping and self._committing == 0 and not self._company):
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - it must be seen, and must not stop every feed for ever
                _log.exception("the dispatcher stumbled")
                time.sleep(0.2)

    def _turn(self) -> None:
        if self._behind and not self._stopping and len(self._items) < _BACKLOG // 2:
            self._read_journal()
        self._again_when_due()
        while len(self._workers) < self.settings.worker_count and time.monotonic() >= self._start_at:
            self._workers.append(self._new_worker())
        self._feed_workers()
        for worker in self._workers:
            key = self._selector.get_map().get(worker.writes)
            if worker.full and key is None:
                self._selector.register(worker.writes, selectors.EVENT_WRITE, worker)
            elif not worker.full and key is not None:
                self._selector.unregister(worker.writes)
        if len(self._at) > _AHEAD // 2:
            # The workers have enough at hand: answers and commits that come together cost one turn.
            time.sleep(_PAUSE)
        for key, _mask in self._selector.select(self._company.patience(time.monotonic(), 0.2)):
            if key.fd == self._wake_in:
                self._wakened()
            elif isinstance(key.data, Worker):
                self._worker_speaks(key.data, key.fd)
        for item in self._company.take(0 if self._stopping else len(self._at), time.monotonic()):
            self._submit(item, item.kind)
        for worker in [worker for worker in self._workers if worker.overdue]:
            self._worker_gone(worker, "took longer than a message may")

    def _wakened(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_in, 4096)
        self._awake = False
        while self._inbox:
            try:
                self._inbox[0]()
            finally:
                self._inbox.popleft()

    def _stop_now(self) -> None:
        self._stopping = True

    def _offered(self, item: Item) -> None:
        if item.mid <= self._seen:
            return
        if self._behind or len(self._items) >= _BACKLOG:
            self._behind = True
            return
        self._seen = item.mid
        size = len(item.content.content) if item.content is not None else 0
        if self._bytes + size > _HELD_BYTES:
            item.content = None
        else:
            self._bytes += size
        self._known(item)

    def _known(self, item: Item) -> None:
        if item.mid not in self._items:
            self._items[item.mid] = item
            self._order.add(item.mid, item.keys)

    def _requeued(self, items: list[Item]) -> None:
        for item in items:
            self._unpark(item.mid)
            self._known(item)

    def _released(self, mid: int) -> None:
        self._unpark(mid)

    def _unpark(self, mid: int) -> None:
        for key in [key for key, poison in self._parked.items() if poison == mid]:
            del self._parked[key]

    def _read_journal(self) -> None:
        room = _BACKLOG - len(self._items)
        try:
            rows = self.store.queued(self._seen, room)
        except Exception as fault:
            if not is_storage_fault(fault):
                raise
            self._pause_until = time.monotonic() + 0.5
            return
        for row in rows:
            self._seen = max(self._seen, row.mid)
            self._known(Item(row.mid, row.id, row.feed, keys_of(row.order_key), row.format))
        self._behind = len(rows) >= room

    def _feed_workers(self) -> None:
        if self._stopping or time.monotonic() < self._pause_until:
            return
        while self._order.ready and self._flying < self.settings.in_flight:
            worker = min((w for w in self._workers if w.ready), key=lambda w: len(w.jobs), default=None)
            if worker is None or len(worker.jobs) >= _AHEAD:
                return
            mid = self._order.take()
            if mid is None:
                return
            item = self._items[mid]
            if item.feed in self.broken:
                # Not the message's fault: it stays queued until the feed's map is mended and the node started again.
                self._stalled.add(mid)
                continue
            if any(key in self._parked for key in item.keys):
                self._submit(item, "held")
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
                self._order.give_back([item.mid])
            else:
                self._poison(item, f"the original bytes could not be read ({type(fault).__name__})")
            return None
        if envelope is None:
            text = "the original bytes are no longer kept (retention)"
            issue = Issue("error", "not-found", text, rule="flow.content")
            item.told = Processed(item.mid, item.id, "", [], [], b"", [issue], failed=True)
            self._submit(item, "dead")
            return None
        return envelope

    def _new_worker(self) -> Worker:
        worker = Worker(self.settings, self.overlays())
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
            mid = answer.mid if isinstance(answer, Fault) else answer.processed.mid
            worker.answered(mid)
            self._at.pop(mid, None)
            item = self._items.get(mid)
            if item is None:
                continue
            if isinstance(answer, Fault):
                self._poison(item, f"the program failed on this message ({answer.text})")
            else:
                item.told = answer.processed
                item.kind = "dead" if answer.processed.failed else "done"
                self._company.add(item, time.monotonic(), awaited=self._endings.awaited(mid))

    def _tell_shape(self, delta: Delta) -> None:
        try:
            self.shapes(delta)
        except Exception as fault:  # noqa: BLE001 - statistics must not stop a message
            _log.warning("the shape of a feed was not kept", extra={"feed": delta.feed, "fault": type(fault).__name__})

    def _worker_gone(self, worker: Worker, why: str) -> None:
        """Replace a worker; the message it was at is under suspicion, those that waited are not."""
        for fd in (worker.reads, worker.writes):
            with suppress(KeyError):
                self._selector.unregister(fd)
        worker.kill()
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
        self._workers[self._workers.index(worker)] = self._new_worker()
        self._order.give_back(jobs)
        if jobs:
            item = self._items[jobs[0]]
            item.faults += 1
            if item.faults >= _TRIES:
                taken = self._order.take()
                if taken == item.mid:
                    self._poison(item, f"a worker {why} on this message, {item.faults} times")

    def _poison(self, item: Item, text: str) -> None:
        _log.error("poison message", extra={"mid": item.mid, "feed": item.feed})
        hint = "what follows for the same patient is held until it is replayed or released"
        issue = Issue("fatal", "exception", text, hint=hint, rule=POISON)
        item.told = Processed(item.mid, item.id, "", [], [], b"", [issue], failed=True)
        for key in item.keys:
            self._parked.setdefault(key, item.mid)
        self._submit(item, "dead")

    # -- the one transaction ------------------------------------------------------------------------------------------

    def _submit(self, item: Item, kind: str) -> None:
        item.kind = kind
        told = item.told
        feed = self.settings.feeds.get(item.feed)
        at = clock.now()
        job: Callable[..., Committed]
        if kind == "held":
            holder = next(self._parked[key] for key in item.keys if key in self._parked)
            job = finish_held(item.mid, holder)
        elif kind == "dead" or told is None:
            issues = told.issues if told is not None else []
            job = finish_dead(item.mid, issues, told.unconsumed if told is not None else b"")
        else:
            job = commit(told, feed, at, self.keys, self.extra)
        self._committing += 1
        future = self.store.submit(job)
        future.add_done_callback(lambda done: self._tell(lambda: self._committed(item, done)))

    def _committed(self, item: Item, done: "Future[Committed]") -> None:
        self._committing -= 1
        fault = done.exception()
        if fault is None:
            ended = done.result()
            if item.content is not None:
                self._bytes -= len(item.content.content)
            self._items.pop(item.mid, None)
            self._order.done(item.mid)
            self.processed += 1
            self._endings.ended(item.mid, Ending(ended.state, ended.issues))
            return
        if is_storage_fault(fault):
            # The store could not make it durable: nothing happened, so it is tried again.
            self._pause_until = time.monotonic() + 0.5
            self._again.append(item)
            return
        item.faults += 1
        if item.faults >= _TRIES:
            self._poison(item, f"the program failed when storing this message ({type(fault).__name__})")
        else:
            self._again.append(item)

    def _again_when_due(self) -> None:
        if self._again and not self._stopping and time.monotonic() >= self._pause_until:
            again, self._again = self._again, []
            for item in again:
                self._submit(item, item.kind)
