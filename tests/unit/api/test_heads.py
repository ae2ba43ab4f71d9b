"""Request heads are bounded in size and time, whoever sends them; what is well formed passes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from unsilo.api import heads

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


async def _app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers how many bytes of body came."""
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        event = await receive()
        size += len(event.get("body", b""))
        more = event.get("more_body", False)
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def talk(*conversations: Talk) -> list[bytes]:
    """Run conversations with one server, one after the other."""

    async def run() -> list[bytes]:
        config = uvicorn.Config(_app, port=0, http=heads.BoundedProtocol, ws="none", lifespan="off", log_config=None)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        port = server.servers[0].sockets[0].getsockname()[1]
        answers = []
        for conversation in conversations:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            answers.append(await conversation(reader, writer))
            writer.close()
        await server.shutdown()
        return answers

    return asyncio.run(run())


def test_good_requests_pass() -> None:
    """A large body in one go, requests in a row and an upload after headers are answered as ever."""
    body = b"x" * 3_000_000

    async def row(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        one = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + body
        writer.write(one + one + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return await asyncio.wait_for(reader.read(), 10)

    (answer,) = talk(row)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b"3000000") == 2


def test_heads_without_end_are_refused() -> None:
    """Endless headers, one endless header and an endless address get 431 long before memory is felt."""

    def flood(first: bytes, chunk: bytes) -> Talk:
        async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
            writer.write(first)
            try:
                for _ in range(400):
                    writer.write(chunk)
                    await writer.drain()
                return await asyncio.wait_for(reader.read(64), 10)
            except ConnectionError:
                return b"HTTP/1.1 431"

        return send

    start = b"GET / HTTP/1.1\r\nHost: a\r\n"
    answers = talk(flood(start, b"x-a: b\r\n" * 1000), flood(start + b"x: ", b"y" * 8192), flood(b"GET /", b"z" * 8192))
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 431"] * 3


def test_heads_that_take_for_ever_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that says nothing, and one that stops in its headers, end."""
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.2)

    def stall(said: bytes) -> Talk:
        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
            writer.write(said)
            try:
                return await asyncio.wait_for(reader.read(), 5)
            except ConnectionError:
                return b""

        return wait

    assert talk(stall(b""), stall(b"GET / HTTP/1.1\r\nHost: a\r\n")) == [b"", b""]


def test_connections_beyond_the_bound_are_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store never lacks a file because of connections; those that are held are served."""
    assert heads.raise_file_limit() >= 64
    monkeypatch.setattr(heads.BoundedProtocol, "most", 1)

    async def two(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        port = writer.get_extra_info("peername")[1]
        other, third = await asyncio.open_connection("127.0.0.1", port)
        try:
            closed = await asyncio.wait_for(other.read(), 5)
        except ConnectionError:
            closed = b""
        third.close()
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return closed + await asyncio.wait_for(reader.read(), 5)

    assert talk(two)[0].startswith(b"HTTP/1.1 200")
