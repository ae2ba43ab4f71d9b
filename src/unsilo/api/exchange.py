"""A request that has come as a whole, and its answer: begun at once, without a task and without events."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from unsilo.api.whole import WHOLE

__all__ = ["Exchange"]


class _Nobody:
    """An event that nobody waits for, for there is nothing more to come."""

    def set(self) -> None:
        """Tell nobody."""


_NOBODY = _Nobody()


class Exchange(RequestResponseCycle):
    """uvicorn's cycle of request and response, made of what its connection knows.

    A task of its own would begin in the loop's next turn, with a context and a place in two sets, which costs as much
    as to find a resource. Without one nothing here can be cancelled, so `asyncio.timeout` is no use; what has to wait
    for more of the request gets its task and its event (`slow`).
    """

    def __init__(self, connection: Any, scope: Any, *, keep_alive: bool) -> None:
        self.scope, self.keep_alive = scope, keep_alive
        self.transport, self.flow, self._loop = connection.transport, connection.flow, connection.loop
        self.logger, self.access_log = connection.logger, False
        self.default_headers = connection.server_state.default_headers
        self.on_response = connection.on_response_complete
        self.message_event: Any = _NOBODY
        self.disconnected = self.waiting_for_100_continue = False
        self.response_started = self.response_complete = False
        self.chunked_encoding = None
        self.expected_content_length = 0
        self.body, self.more_body = bytearray(), True

    def slow(self) -> None:
        """Let somebody wait for the rest of the request."""
        self.message_event = asyncio.Event()
        if self.body:
            self.message_event.set()

    def begin(self, app: Any) -> None:
        """Answer by an ASGI program, as far as it goes before it has to wait for something."""
        self._work = self.run_asgi(app)
        self._go()

    def _go(self, _done: "asyncio.Future[Any] | None" = None) -> None:
        """Go on until the answer has left or a future is waited for."""
        try:
            waited = self._work.send(None)
        except StopIteration:
            scope: Any = self.scope
            scope.pop(WHOLE, None)  # it refers to this exchange: each would be left to the garbage collector
            return
        if waited is None:  # `asyncio.sleep(0)`
            self._loop.call_soon(self._go)
        else:
            waited._asyncio_future_blocking = False
            waited.add_done_callback(self._go)
