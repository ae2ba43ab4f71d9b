"""The node as sources, API and console see it: settings, store, dispatcher, and what they ask of `flow`."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from unsilo.config import Feed, Settings
from unsilo.flow import receive
from unsilo.flow.ihe.query import Queries
from unsilo.flow.judge import Judge
from unsilo.flow.maps.decisions import Maps
from unsilo.flow.maps.source import GovernedMaps
from unsilo.flow.maps.suggest import model_of
from unsilo.flow.notes.reading import NoteReading
from unsilo.flow.overlays.publish import Overlays
from unsilo.flow.parameters import Parameters
from unsilo.flow.persons import place as persons
from unsilo.flow.receive import Ending, Reading
from unsilo.flow.reindex import Reindexing
from unsilo.flow.shapes.book import Shapes
from unsilo.flow.terminology.library import open_terminology
from unsilo.flow.work.dispatch import Dispatcher
from unsilo.kernel import Issue, clock
from unsilo.storage import Receipt, Store, open_store
from unsilo.terminology.same import Loaded, Reader

__all__ = ["Service"]


class Service:
    """One running node. `store` is open from the start; workers run between `start` and `stop`."""

    def __init__(self, settings: Settings, store: Store | None = None) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.store = store or open_store(
            settings.data, readers=settings.readers, group_ms=settings.group_ms, database=settings.database,
            reserve=settings.reserve_mb * 1024 * 1024,
        )  # fmt: skip
        self.terminology = open_terminology(settings.data)
        self.same = Reader(Loaded(self.terminology))
        self.embeddings = model_of(settings.maps.embeddings)
        self.parameters = Parameters(self.store, settings.search, self.terminology)
        self.reindexing = Reindexing(self.store, self.parameters)
        self.judge = Judge(settings.validation, self.terminology.member)
        self.dispatcher = Dispatcher(self.store, settings)
        self.dispatcher.keys = self.parameters.complete
        self.dispatcher.extra = lambda: self.parameters.extra
        self.maps = Maps(self.store, settings)
        self.dispatcher.maps = self.maps.current
        self.overlays = Overlays(self.store, settings)
        self.dispatcher.overlays = self.overlays.current
        self.shapes = Shapes(self.store)
        self.dispatcher.shapes = self.shapes.take
        self.terminology.sources.append(GovernedMaps(self.maps, settings.public_url))
        self.queries = Queries(self)
        self.notes = NoteReading(self.store, settings)
        self.started_at = clock.now()
        self.endings: list[Callable[[], None]] = []
        """What else has to stop before the store closes; whoever started it says so here."""
        self.checks: list[Callable[[], str]] = [lambda: self.dispatcher.trouble, lambda: self.store.trouble]

    def start(self) -> None:
        """Start the workers and take up what a former run left queued."""
        threading.Thread(target=persons.warm, name="unsilo-names", daemon=True).start()
        self.dispatcher.start()
        self.reindexing.start()
        self.notes.start()

    def stop(self) -> None:
        """Stop the workers and close the store; what is queued stays queued."""
        for end in self.endings:
            end()
        self.notes.stop()
        self.reindexing.stop()
        self.dispatcher.stop()
        self.store.close()

    def not_ready(self) -> list[str]:
        """Return why this node cannot take messages now; empty when it can."""
        return [text for check in self.checks if (text := check())]

    def feed(self, name: str) -> Feed | None:
        """Return a configured feed."""
        return self.settings.feeds.get(name)

    def live(self, name: str) -> Feed | None:
        """Return a configured feed with the overlay that is in use for it."""
        return self.overlays.live(name)

    def read(
        self, feed: Feed, content: bytes, headers: dict[str, str] | None = None, found: tuple[Issue, ...] = ()
    ) -> Reading:
        """Read what receipt needs; see `flow.receive.read`."""
        return receive.read(feed, content, headers=headers, found=found)

    def keep(self, reading: Reading) -> Future[list[Receipt]]:
        """Make a piece and its children durable, all or none; what is queued is offered to the dispatcher at once."""
        future = self.store.receive_all(reading.incoming)
        future.add_done_callback(lambda done: self._durable(reading, done))
        return future

    def _durable(self, reading: Reading, done: Future[list[Receipt]]) -> None:
        if not done.cancelled() and done.exception() is None:
            for incoming, receipt in zip(reading.incoming, done.result(), strict=True):
                self.dispatcher.offer(incoming, receipt)

    def ending(self, receipt: Receipt) -> Future[Ending]:
        """Return a future of how a message's processing ends."""
        return self.dispatcher.ending(receipt)

    def answer(self, feed: Feed, content: bytes, origin: str = "") -> bytes:
        """Return the answer to a query of HL7 v2; see `flow.ihe.query`."""
        return self.queries.answer(feed, content, origin)

    def take(
        self, feed: Feed, content: bytes, headers: dict[str, str] | None = None, found: tuple[Issue, ...] = ()
    ) -> Future[list[Receipt]]:
        """Read and keep: the first receipt is the piece's own, the others those of the messages within."""
        return self.keep(self.read(feed, content, headers, found))
