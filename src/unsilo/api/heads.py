"""The web server's protocol with bounds on what a client may send, and how slowly, before a request has begun."""

import asyncio
import logging
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from unsilo.api.exchange import Exchange
from unsilo.api.whole import WHOLE, Whole

__all__ = ["HEAD_BYTES", "HEAD_SECONDS", "BoundedProtocol", "raise_file_limit"]

_log = logging.getLogger("unsilo.api")
_MOST_FILES = 65_536
_RESERVED = 256
"""Files that are kept for the store and for what else the node has open."""

HEAD_BYTES = 65_536
"""Request line and headers, at most (besides what came with them in one read)."""
HEAD_SECONDS = 30.0
"""Seconds from the first byte of a connection or request to the end of its headers."""

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def raise_file_limit() -> int:
    """Let this process open as many files as it may (65,536 at most); return how many connections that leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):
            _log.warning("the limit of open files could not be raised", extra={"limit": soft})
    BoundedProtocol.most = max(64, (wanted if soft == resource.RLIM_INFINITY else soft) - _RESERVED)
    return BoundedProtocol.most


class _Joined:
    """A transport that sends the head of an answer in one piece with the body that follows it in the same moment.

    Written one after the other they are two calls of the system here, two packets, and two at the client.
    """

    __slots__ = ("_head", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop, self._head = transport, loop, b""
        self.is_closing = transport.is_closing  # asked twice a request

    def write(self, data: bytes) -> None:
        """Send, but hold back what ends like a head until the loop turns."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data[:5] == b"HTTP/" and data[-4:] == b"\r\n\r\n":
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Send what is held back, then close."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with heads that end: uvicorn alone would gather endless headers in memory and wait for ever.

    `most` connections are held at once; one more is closed at once, so that the store never lacks a file.
    """

    most = 65_536

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head, self._completed = True, False
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._blank: dict[str, Any] = {}
        self._begun: Exchange | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: a connection that says nothing ends too."""
        super().connection_made(_Joined(transport, self.loop))  # type: ignore[arg-type]
        if len(self.connections) > self.most:
            transport.abort()
            return
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head that grows over the bound is answered 431 (RFC 6585 5) and the connection closed."""
        whole = len(data) > HEAD_BYTES and self._head
        # One read may hold a head and megabytes of body: only its first part is looked at before the head has ended.
        for part in (data[:HEAD_BYTES], data[HEAD_BYTES:]) if whole else (data,):
            if not part or self.transport.is_closing():
                return
            open_before, self._completed = self._head, False
            super().data_received(part)
            if self._begun is not None:
                self._answer()
            if self._head and self._deadline is None:
                self._begin()
            # A head that began inside this part, after a body, is counted from the next part on.
            if self._head and open_before and not self._completed:
                self._head_bytes += len(part)
                if self._head_bytes >= HEAD_BYTES:
                    self._end()
                    self.transport.write(_TOO_LARGE)
                    self.transport.close()
                    return

    def on_message_begin(self) -> None:
        """A further request of a connection has its own bounds."""
        if not self._blank:
            super().on_message_begin()
            self._blank = dict(self.scope)  # what is the same for all requests of this connection
        else:
            self.url, self.expect_100_continue = b"", False
            self.headers = []
            self.scope = {**self._blank, "headers": self.headers, "state": self.app_state.copy()}  # type: ignore[typeddict-item]
        self._end()
        self._head, self._head_bytes = True, 0  # the clock starts where this read does not end the head too

    def on_headers_complete(self) -> None:
        """The head has ended; the body has the bounds of who reads it."""
        self._end()
        self._completed = True
        if self._plain():
            return
        scope = self.scope
        super().on_headers_complete()
        # Who answers with a whole needs no messages; its task has not begun yet.
        if self.cycle is not None and self.cycle.scope is scope:
            scope[WHOLE] = Whole(self.cycle)  # type: ignore[literal-required]

    def _plain(self) -> bool:
        """Begin an exchange for a request to the FHIR server as most are; False for any other."""
        url, before = self.url, self.cycle
        if url[:6] != b"/fhir/" or (before is not None and not before.response_complete) or self.expect_100_continue:
            return False
        path, _, query = url.partition(b"?")
        parser = self.parser
        if path.find(b"%") >= 0 or url.find(b"#") >= 0 or not url.isascii() or self.root_path:
            return False
        if parser.get_http_version() != "1.1" or parser.should_upgrade():
            return False
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["method"], scope["query_string"] = parser.get_method().decode("ascii"), query
        scope["path"], scope["raw_path"] = path.decode("ascii"), path
        self.cycle = self._begun = Exchange(self, scope, keep_alive=parser.should_keep_alive())
        scope[WHOLE] = Whole(self.cycle)
        return True

    def _answer(self) -> None:
        """Answer what came as a whole; what did not gets a task that waits for the rest."""
        begun, self._begun = self._begun, None
        if begun is None:
            return
        if begun.more_body:
            begun.slow()
            self._start_asgi_task(begun, self.app)
        else:
            begun.begin(self.app)

    def _begin(self) -> None:
        self._end()
        self._head, self._head_bytes = True, 0
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._late)

    def _end(self) -> None:
        self._head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()
