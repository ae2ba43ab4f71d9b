"""Sends an answer that is there as a whole, head and body, in one write: no messages between program and web server."""

from http import HTTPStatus
from typing import Any

from unsilo.api.ask import Headers

__all__ = ["WHOLE", "Whole"]

WHOLE = "unsilo.whole"
"""Where the scope of a request holds its `Whole`; there is none behind another web server."""

_STATUS = {one.value: f"HTTP/1.1 {one.value} {one.phrase}".encode() for one in HTTPStatus}


class Whole:
    """The answer to one request (uvicorn's cycle of request and response), to be sent once."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: Any) -> None:
        self._cycle = cycle

    @property
    def gone(self) -> bool:
        """True when the client went away."""
        return bool(self._cycle.disconnected)

    def body(self) -> bytes | None:
        """Return the body of the request when all of it has come, and take it; None while more is to come."""
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected:
            return None
        body, cycle.body = bytes(cycle.body), bytearray()
        cycle.flow.resume_reading()
        return body

    async def send(self, status: int, headers: Headers, body: bytes) -> None:
        """Send, and let the connection go on; nothing when the client went away.

        RuntimeError for a header with a line end in it.
        """
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        lines = [_STATUS.get(status) or b"HTTP/1.1 %d " % status]
        lines += map(b": ".join, cycle.default_headers)
        lines += map(b": ".join, headers)
        if not cycle.keep_alive:
            lines.append(b"connection: close")
        lines.append(b"\r\n")
        head = b"\r\n".join(lines)
        # `in` makes an exception of its own for bytes before it looks: twenty times as slow as `find`.
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines) or head.find(b"\0") >= 0:
            raise RuntimeError("a header has a line end in it")
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        cycle.transport.write(head + body)
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
