"""The MLLP source: many connections, each message durable before its acknowledgement, answers in order."""

import asyncio
import ipaddress
import logging
import ssl
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from unsilo.config import Feed, Listener, Settings, Tls
from unsilo.config.trust import trusting
from unsilo.flow.receive import Ending, Reading, accept_code, acknowledge, application_code, refuse, wants
from unsilo.flow.route import feed_of
from unsilo.kernel import Issue
from unsilo.sources.mllp.frames import Frame, Framer, wrap
from unsilo.storage import Receipt

__all__ = ["MllpServer", "Node", "tls_context"]

_log = logging.getLogger("unsilo.mllp")
_RETURN_PAUSE = 0.25
"""Seconds that the 0x0D after an end block may take before the frame counts as ended without it."""
_PENDING = 64
"""Messages of one connection that wait for their acknowledgement before it is read further."""
_CONNECTIONS = 1000
"""Connections of one port at once."""
_HELD = 256 * 1024 * 1024
"""Bytes of unfinished messages that one port keeps in memory for all its connections."""
_LARGE = 262_144
"""Bytes from which a message is read in a thread, so that its neighbours need not wait."""


class Node(Protocol):
    """What this source asks of the node."""

    settings: Settings

    def read(self, feed: Feed, content: bytes, headers: dict[str, str], found: tuple[Issue, ...]) -> Reading:
        """Read what receipt needs."""

    def keep(self, reading: Reading) -> "Future[list[Receipt]]":
        """Make the piece durable."""

    def ending(self, receipt: Receipt) -> "Future[Ending]":
        """Wait for the end of the processing."""

    def answer(self, feed: Feed, content: bytes, origin: str) -> bytes:
        """Return the answer to a query."""


def tls_context(tls: Tls) -> ssl.SSLContext | None:
    """Return the server's TLS context (1.2 or newer), asking for client certificates when `client_ca` is set."""
    if not tls.certificate:
        return None
    context = trusting(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key, (lambda: tls.key_password) if tls.key_password else None)
    if tls.client_ca:
        context.load_verify_locations(tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class _Slot:
    """The place of one acknowledgement in the order of its connection; `answer` None means nothing is sent."""

    __slots__ = ("answer", "done")

    def __init__(self) -> None:
        self.done, self.answer = False, b""


class _Connection(asyncio.Protocol):
    """One sender."""

    def __init__(self, server: "MllpServer") -> None:
        self.server = server
        self.node = server.node
        self.loop = asyncio.get_running_loop()
        self.framer = Framer(server.limit)
        self.transport: asyncio.Transport | None = None
        self.slots: deque[_Slot] = deque()
        self.headers: dict[str, str] = {}
        self.last_byte = self.frame_began = time.monotonic()
        self.held = 0
        self.paused = self.closing = False
        self.chain: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuse who is not allowed; note who it is."""
        self.transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        host = peer[0] if peer else ""
        full = len(self.server.connections) >= _CONNECTIONS
        if full or not self.server.allows(host):
            why = "too many connections" if full else "not on the allow-list"
            _log.warning("refused", extra={"remote": host, "port": self.server.listener.port, "reason": why})
            transport.close()
            self.closing = True
            return
        self.headers = {"remote": f"{host}:{peer[1]}" if peer else "", "transport": "mllp"}
        certificate = transport.get_extra_info("peercert")
        if certificate:
            names = [value for item in certificate.get("subject", ()) for name, value in item if name == "commonName"]
            self.headers["client"] = ", ".join(names)
        self.server.connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Keep what was left of a message; nobody waits for an answer any more."""
        self.server.connections.discard(self)
        self.server.held -= self.held
        self.held = 0
        self.closing = True
        left = self.framer.close()
        if left is not None:
            self._take(left, answer=False)
        self.slots.clear()

    def data_received(self, data: bytes) -> None:
        """Cut frames and hand each on."""
        if self.closing:
            return
        now = time.monotonic()
        if not self.framer.open:
            self.frame_began = now
        self.last_byte = now
        frames = self.framer.feed(data)
        self.server.held += self.framer.held - self.held
        self.held = self.framer.held
        if self.server.held > _HELD:
            # Many unfinished messages at once are an attack or a fault; the one that goes over the bound gives way.
            _log.warning("closed", extra={"remote": self.headers.get("remote", ""), "reason": "memory"})
            self._abort()
            return
        if frames:
            self.frame_began = now
        for frame in frames:
            self._take(frame, answer=True)
        if self.framer.broken:
            self._close_when_answered()
        elif self.framer.waits_for_return:
            self.loop.call_later(_RETURN_PAUSE, self._no_return)
        if len(self.slots) >= _PENDING and not self.paused and self.transport is not None:
            self.paused = True
            self.transport.pause_reading()

    def _no_return(self) -> None:
        if not self.closing and time.monotonic() - self.last_byte >= _RETURN_PAUSE * 0.9:
            frame = self.framer.flush()
            if frame is not None:
                self._take(frame, answer=True)

    def eof_received(self) -> bool:
        """The sender has no more to say, but may still wait for answers."""
        left = self.framer.close()
        if left is not None:
            self._take(left, answer=left.kind == "message")
        self._close_when_answered()
        return True

    def _take(self, frame: Frame, *, answer: bool) -> None:
        slot = _Slot()
        if answer:
            self.slots.append(slot)
        if len(frame.content) < _LARGE and self.chain is None:
            self._keep(self._read(frame), slot, frame.content)
            return
        # Large messages are read in a thread; what follows on this connection waits its turn.
        before = self.chain
        self.chain = self.loop.create_task(self._take_large(frame, slot, before))

    async def _take_large(self, frame: Frame, slot: _Slot, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await before
        reading = await self.loop.run_in_executor(None, self._read, frame)
        self._keep(reading, slot, frame.content)
        if self.chain is asyncio.current_task():
            self.chain = None

    def _read(self, frame: Frame) -> Reading:
        feed = feed_of(self.server.listener, self.node.settings.feeds, frame.content)
        if feed is None:
            issue = Issue(
                "error", "not-found", "no route of this port takes this message",
                hint="add a route, or a feed for the rest", rule="mllp.route",
            )  # fmt: skip
            return refuse(self.server.nobody, frame.content, (*frame.issues, issue), self.headers)
        if frame.kind != "message":
            return refuse(feed, frame.content, frame.issues, self.headers)
        if len(frame.content) > feed.limit_bytes:
            self.framer.broken = True
            issue = Issue(
                "error", "too-long", f"longer than the {feed.limit_bytes} bytes of its feed",
                hint="raise limit_bytes of the feed", rule="mllp.limit",
            )  # fmt: skip
            return refuse(feed, frame.content, (*frame.issues, issue), self.headers)
        return self.node.read(feed, frame.content, self.headers, frame.issues)

    def _keep(self, reading: Reading, slot: _Slot, content: bytes) -> None:
        kept = self.node.keep(reading)
        kept.add_done_callback(lambda done: self.server.later(lambda: self._kept(reading, slot, content, done)))

    def _kept(self, reading: Reading, slot: _Slot, content: bytes, done: "Future[list[Receipt]]") -> None:
        """The piece is durable, or it is not: only then is anything said."""
        if done.exception() is not None:
            # No acknowledgement and a closed connection: the one answer after which every sender sends again.
            _log.error("not stored", extra={"reason": type(done.exception()).__name__})
            self._abort()
            return
        receipts = done.result()
        receipt = receipts[0]
        if reading.query:
            self._query(reading, content, slot)
            return
        code = accept_code(reading, receipt)
        refused = code[1:] != "A"
        if reading.enhanced:
            said = wants(reading.accept, code)
            self._answer(slot, acknowledge(content, code, receipt.issues) if said else b"")
            if not refused and reading.application != "NE":
                self._application(reading, receipts, content, None)
        elif refused or reading.feed.ack == "durable":
            self._answer(slot, acknowledge(content, code, receipt.issues))
        else:
            self._application(reading, receipts, content, slot)

    def _query(self, reading: Reading, content: bytes, slot: _Slot) -> None:
        """Answer a query with what was found, in the order of the connection (original mode only)."""
        asked = self.loop.run_in_executor(
            None, self.node.answer, reading.feed, content, self.headers.get("remote", "")
        )  # fmt: skip

        def done(found: "asyncio.Future[bytes]") -> None:
            if found.cancelled() or found.exception() is not None:
                self._abort()
            else:
                self._answer(slot, found.result())

        asked.add_done_callback(done)

    def _application(self, reading: Reading, receipts: list[Receipt], content: bytes, slot: _Slot | None) -> None:
        """Answer when the processing has ended; with `slot` in the order of the connection, else on its own.

        A batch is answered when its last message has ended, with what became of the first that went wrong.
        """
        open_ones = receipts[1:] or receipts
        endings: list[Ending] = []

        def one(done: "Future[Ending]") -> None:
            if done.cancelled() or done.exception() is not None or (self.closing and slot is None):
                return
            endings.append(done.result())
            if len(endings) == len(open_ones):
                last()

        def last() -> None:
            ending = next((each for each in endings if application_code(each) != "AA"), endings[0])
            code = application_code(ending)
            if slot is not None:
                self._answer(slot, acknowledge(content, code, ending.issues))
            elif wants(reading.application, code) and self.transport is not None:
                self.transport.write(wrap(acknowledge(content, code, ending.issues)))

        for receipt in open_ones:
            self.node.ending(receipt).add_done_callback(lambda done: self.server.later(lambda: one(done)))

    def _answer(self, slot: _Slot, answer: bytes) -> None:
        slot.done, slot.answer = True, answer
        ready: list[bytes] = []
        while self.slots and self.slots[0].done:
            first = self.slots.popleft()
            if first.answer:
                ready.append(wrap(first.answer))
        if self.transport is None or self.transport.is_closing():
            return
        if ready:
            self.transport.write(b"".join(ready))
        if self.framer.broken:
            self._close_when_answered()
        elif self.closing and not self.slots:
            self.transport.close()
        elif self.paused and len(self.slots) < _PENDING // 2:
            self.paused = False
            self.transport.resume_reading()

    def _close_when_answered(self) -> None:
        self.closing = True
        if not self.slots and self.transport is not None:
            self.transport.close()

    def _abort(self) -> None:
        self.closing = True
        self.slots.clear()
        if self.transport is not None:
            self.transport.close()

    def sweep(self, now: float) -> None:
        """Close a connection that is silent for too long, or whose message takes too long to arrive."""
        if self.closing or self.transport is None or self.slots:
            return
        feed = self.server.clocks
        slow = self.framer.open and now - self.frame_began > feed.frame_seconds
        if slow or now - self.last_byte > feed.idle_seconds:
            _log.info("closed", extra={"remote": self.headers.get("remote", ""), "reason": "slow" if slow else "idle"})
            self.transport.close()


class MllpServer:
    """One listening port."""

    def __init__(self, node: Node, listener: Listener) -> None:
        self.node, self.listener = node, listener
        names = {listener.feed, *(route.feed for route in listener.routes)}
        feeds = [feed for name, feed in node.settings.feeds.items() if name in names] or [Feed("default")]
        self.limit = max(feed.limit_bytes for feed in feeds)
        self.clocks = max(feeds, key=lambda feed: feed.idle_seconds)
        self.nobody = node.settings.feeds.get("default", Feed("default"))
        self.networks = [ipaddress.ip_network(text) for text in listener.allow]
        self.connections: set[_Connection] = set()
        self.server: asyncio.Server | None = None
        self.sweeper: asyncio.Task[None] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.held = 0
        self.calls: deque[Callable[[], None]] = deque()
        self.woken = False

    def allows(self, host: str) -> bool:
        """Tell whether the allow-list of the port lets this address in."""
        if not self.networks:
            return True
        try:
            address = ipaddress.ip_address(host.split("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self.networks)

    def later(self, call: Callable[[], None]) -> None:
        """Run `call` on the loop; safe from any thread, one wake-up for all that came together."""
        self.calls.append(call)
        if not self.woken and self.loop is not None and not self.loop.is_closed():
            self.woken = True
            self.loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        self.woken = False
        while self.calls:
            self.calls.popleft()()

    @property
    def port(self) -> int:
        """The port that was bound (of use when 0 was asked)."""
        return int(self.server.sockets[0].getsockname()[1]) if self.server is not None else 0

    async def start(self) -> None:
        """Bind and listen. OSError when the port cannot be had."""
        self.loop = asyncio.get_running_loop()
        context = tls_context(self.listener.tls)
        self.server = await self.loop.create_server(
            lambda: _Connection(self), self.listener.host, self.listener.port, ssl=context, backlog=1024
        )
        self.sweeper = self.loop.create_task(self._sweep())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            for connection in list(self.connections):
                connection.sweep(now)

    async def stop(self, patience: float = 2.0) -> None:
        """Stop listening, let pending acknowledgements go out for at most `patience` seconds, close."""
        if self.sweeper is not None:
            self.sweeper.cancel()
        if self.server is not None:
            self.server.close()
        for _ in range(int(patience * 100)):
            if not any(connection.slots for connection in self.connections):
                break
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            if connection.transport is not None:
                connection.transport.close()
        # What was cut off is still handed to the journal, before anybody closes that.
        await asyncio.sleep(0.02)
