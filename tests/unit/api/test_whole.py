"""An answer leaves in one piece, as uvicorn's own messages would have sent it."""

import asyncio
from typing import Any

import pytest

from unsilo.api.whole import Whole


class _Cycle:
    """What of uvicorn's cycle is used."""

    def __init__(self, *, keep_alive: bool = True, disconnected: bool = False, paused: bool = False) -> None:
        self.flow, self.transport, self.message_event = self, self, self
        self.write_paused, self.disconnected, self.keep_alive = paused, disconnected, keep_alive
        self.waiting_for_100_continue = True
        self.response_started = self.response_complete = False
        self.default_headers = [(b"date", b"today")]
        self.said: list[Any] = []

    async def drain(self) -> None:
        self.said.append("drained")

    def set(self) -> None:
        self.said.append("set")

    def write(self, data: bytes) -> None:
        self.said.append(data)

    def close(self) -> None:
        self.said.append("closed")

    def on_response(self) -> None:
        self.said.append("over")


def _sent(cycle: _Cycle, status: int = 200, body: bytes = b"{}", **headers: bytes) -> list[Any]:
    asyncio.run(Whole(cycle).send(status, [(name.encode(), value) for name, value in headers.items()], body))
    return cycle.said


def test_head_and_body_are_one_write() -> None:
    """With the server's own headers first; the next request of the connection may begin."""
    cycle = _Cycle()
    assert _sent(cycle, etag=b'W/"1"') == ["set", b'HTTP/1.1 200 OK\r\ndate: today\r\netag: W/"1"\r\n\r\n{}', "over"]
    assert (cycle.response_started, cycle.response_complete, cycle.waiting_for_100_continue) == (True, True, False)


def test_a_connection_that_ends_says_so() -> None:
    """Asked for by the client, or HTTP/1.0."""
    assert _sent(_Cycle(keep_alive=False), 204, b"") == [
        "set", b"HTTP/1.1 204 No Content\r\ndate: today\r\nconnection: close\r\n\r\n", "closed", "over",
    ]  # fmt: skip


def test_a_client_that_went_away_gets_nothing() -> None:
    """And one that reads slowly is waited for."""
    assert _sent(_Cycle(disconnected=True)) == []
    assert _sent(_Cycle(paused=True))[0] == "drained"


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\0b", b"\r\n"])
def test_no_header_smuggles_a_line(value: bytes) -> None:
    """A value with a line end in it is a fault of the program, and nothing is sent."""
    cycle = _Cycle()
    with pytest.raises(RuntimeError, match="line end"):
        _sent(cycle, location=value)
    assert cycle.said == []


def test_a_status_without_a_name_is_sent() -> None:
    """Whatever number an answer has."""
    assert _sent(_Cycle(), 599)[1].startswith(b"HTTP/1.1 599 \r\n")
