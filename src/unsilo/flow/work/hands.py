"""Hands what became of messages to the store, each as one transaction, and sees what became of that."""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Container
from concurrent.futures import Future
from contextlib import suppress

from unsilo.config import Settings
from unsilo.flow.commit import Committed, Keys, commit, finish_dead, finish_held
from unsilo.flow.process import Processed
from unsilo.flow.receive import Ending
from unsilo.flow.work.company import Company
from unsilo.flow.work.endings import Endings
from unsilo.flow.work.item import POISON, Item
from unsilo.flow.work.order import Order
from unsilo.flow.work.wire import decode_processed
from unsilo.kernel import Issue, clock
from unsilo.storage import Store
from unsilo.storage.faults import is_storage_fault

__all__ = ["TRIES", "Hands"]

_log = logging.getLogger("unsilo.dispatch")

TRIES = 2
"""Workers, or transactions, that a message may take with it before it is a dead letter."""


class Hands:
    """What the dispatcher knows of the messages on their way, and the end of that way.

    All of it belongs to the dispatcher's thread but for the inbox, into which other threads leave words.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.keys: Keys = lambda piece: piece.index
        self.extra: Callable[[], Container[str]] = tuple
        self._order = Order()
        self._todo: deque[int] = deque()
        self._packed = 0
        self._items: dict[int, Item] = {}
        self._parked: dict[str, int] = {}
        self._company = Company()
        self._committing = 0
        self._bytes = 0
        self._pause_until = 0.0
        self._again: list[Item] = []
        self._stopping = False
        self._inbox: deque[Callable[[], None]] = deque()
        self._endings = Endings(store)
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        self._awake = False
        self.processed = 0

    def _tell(self, word: Callable[[], None]) -> None:
        self._inbox.append(word)
        if not self._awake:
            self._awake = True
            with suppress(OSError):
                os.write(self._wake_out, b".")

    def _poison(self, item: Item, text: str) -> None:
        _log.error("poison message", extra={"mid": item.mid, "feed": item.feed})
        hint = "what follows for the same patient is held until it is replayed or released"
        issue = Issue("fatal", "exception", text, hint=hint, rule=POISON)
        self._settle(item, "poison", Processed(item.mid, item.id, "", [], [], b"", [issue], failed=True))

    def _settle(self, item: Item, kind: str, told: Processed | None = None) -> None:
        """Note how an item ends; it goes on when nothing stands before it any more."""
        item.kind, item.told = kind, told
        if self._order.leads(item.mid):
            self._hand_over(item)

    def _hand_over(self, item: Item) -> None:
        """Let an item whose end is known, and before which nothing stands, go to the store."""
        if any(key in self._parked for key in item.keys):
            self._submit(item, "held")
        elif item.kind == "held":  # what held it was released in the meantime
            item.kind = ""
            self._todo.appendleft(item.mid)
        elif item.kind == "poison":
            for key in item.keys:
                self._parked[key] = item.mid
            self._submit(item, "dead")
        else:
            self._company.add(item, time.monotonic(), awaited=self._endings.awaited(item.mid))

    def _let_go(self, item: Item) -> None:
        """Let go of the bytes of a message that needs them no more."""
        if item.content is not None:
            self._bytes -= len(item.content.content)
            item.content = None

    def _submit(self, item: Item, kind: str) -> None:
        item.kind = kind
        told = item.told
        if told is None and item.answer is not None and kind != "held":
            told = decode_processed(item.answer)
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
            self._let_go(item)
            self._packed -= len(item.answer or b"")
            self._items.pop(item.mid, None)
            for mid in self._order.done(item.mid):
                if self._items[mid].kind and not self._stopping:
                    self._hand_over(self._items[mid])
            self.processed += 1
            self._endings.ended(item.mid, Ending(ended.state, ended.issues))
            return
        if is_storage_fault(fault):
            # The store could not make it durable: nothing happened, so it is tried again.
            self._pause_until = time.monotonic() + 0.5
            self._again.append(item)
            return
        item.faults += 1
        if item.faults >= TRIES:
            self._poison(item, f"the program failed when storing this message ({type(fault).__name__})")
        else:
            self._again.append(item)

    def _again_when_due(self) -> None:
        if self._again and not self._stopping and time.monotonic() >= self._pause_until:
            again, self._again = self._again, []
            for item in again:
                self._submit(item, item.kind)
