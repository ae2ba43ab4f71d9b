"""What came as a whole is answered at once, what comes slowly or in a row as ever."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from unsilo.api.exchange import Exchange
from unsilo.api.heads import BoundedProtocol
from unsilo.api.whole import WHOLE, Whole

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]
_HOST = b" HTTP/1.1\r\nHost: a\r\n"


async def _app(scope: dict[str, Any], receive: Any, _send: Any) -> None:
    """Say how the request came: at once or by messages, method, path, query and body."""
    if scope["type"] != "http":
        return
    path = scope["path"]
    if path == "/fhir/bad":
        raise ValueError
    whole = scope[WHOLE]
    body = whole.body()
    came = b"whole" if body is not None else b"slow"
    while body is None or came == b"slow":
        event = await receive()
        body = (body or b"") + event["body"]
        if not event["more_body"]:
            break
    if path == "/fhir/turn":
        await asyncio.sleep(0)
        await asyncio.get_running_loop().run_in_executor(None, int)
    task = b"task" if asyncio.current_task() is not None else b"none"
    words = (came, task, scope["method"].encode(), scope["raw_path"], path.encode(), scope["query_string"], body)
    text = b" ".join(words) + b"\n"
    await whole.send(200, [(b"content-length", b"%d" % len(text))], text)


def _talk(conversation: Talk) -> bytes:
    async def run() -> bytes:
        config = uvicorn.Config(_app, port=0, http=BoundedProtocol, ws="none", lifespan="off", log_config=None)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        said = await asyncio.wait_for(conversation(reader, writer), 30)
        writer.close()
        await server.shutdown()
        return said

    return asyncio.run(run())


def _sent(*parts: bytes, answers: int = 1) -> list[bytes]:
    """Send parts, each after a turn, and return the lines of that many answers."""

    async def go(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.05)
        held = b""
        while len(_answers(held)) < answers and b" 500 " not in held:
            held += await reader.read(65_536)
        return held

    said = _talk(go)
    return _answers(said) or said.split(b"\r\n")[:1]


def _answers(held: bytes) -> list[bytes]:
    """Return the bodies that have come to their end."""
    return [line for line in held.split(b"\n")[:-1] if line.startswith((b"whole", b"slow"))]


def test_a_whole_request_is_begun_without_a_task() -> None:
    """GET, and POST whose body came with the head; path and query as they are."""
    assert _sent(b"GET /fhir/a/b?c=%7C&d" + _HOST + b"\r\n") == [b"whole none GET /fhir/a/b /fhir/a/b c=%7C&d "]
    post = b"POST /fhir/a" + _HOST + b"Content-Length: 2\r\n\r\n{}"
    assert _sent(post) == [b"whole none POST /fhir/a /fhir/a  {}"]


def test_what_waits_goes_on_when_it_may() -> None:
    """For the loop's next turn, and for a thread."""
    assert _sent(b"GET /fhir/turn" + _HOST + b"\r\n") == [b"whole none GET /fhir/turn /fhir/turn  "]


def test_a_slow_body_has_a_task() -> None:
    """Which waits for the rest, whatever came with the head."""
    for first in (b"", b"{"):
        head = b"POST /fhir/a" + _HOST + b"Content-Length: 2\r\n\r\n"
        assert _sent(head + first, b"{}"[len(first) :]) == [b"slow task POST /fhir/a /fhir/a  {}"]


def test_requests_in_a_row_are_answered_in_their_order() -> None:
    """All in one packet: the second waits for the first."""
    row = b"".join(b"GET /fhir/%b" % name + _HOST + b"\r\n" for name in (b"turn", b"b", b"c"))
    assert [line.split()[3] for line in _sent(row, answers=3)] == [b"/fhir/turn", b"/fhir/b", b"/fhir/c"]


def test_other_requests_have_a_task() -> None:
    """Another path, an escape in the path, HTTP/1.0, and a client that wants to be told to go on."""
    assert _sent(b"GET /other" + _HOST + b"\r\n")[0].split()[1] == b"task"
    assert _sent(b"GET /fhir/%61" + _HOST + b"\r\n") == [b"whole task GET /fhir/%61 /fhir/a  "]
    assert _sent(b"GET /fhir/a HTTP/1.0\r\n\r\n")[0].split()[1] == b"task"
    assert b"task" in _sent(b"GET /fhir/a" + _HOST + b"Expect: 100-continue\r\n\r\n")[-1]


def test_a_fault_is_a_500() -> None:
    """And the connection ends."""
    assert _sent(b"GET /fhir/bad" + _HOST + b"\r\n") == [b"HTTP/1.1 500 Internal Server Error"]


def test_a_future_that_fails_is_heard_of() -> None:
    """Where it was waited for; a client that is gone leaves nothing behind."""

    async def run() -> list[str]:
        loop = asyncio.get_running_loop()
        said: list[str] = []
        failing: asyncio.Future[None] = loop.create_future()

        async def app(_scope: Any, _receive: Any, _send: Any) -> None:
            try:
                await failing
            except OSError as fault:
                said.append(str(fault))

        class Connection:
            transport = flow = logger = None
            server_state = type("State", (), {"default_headers": []})
            on_response_complete = None

        connection = Connection()
        connection.loop = loop  # type: ignore[attr-defined]
        one = Exchange(connection, {}, keep_alive=True)
        one.disconnected = True
        one.begin(app)
        failing.set_exception(OSError("gone"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return said

    assert asyncio.run(run()) == ["gone"]


def test_nothing_is_left_to_the_collector() -> None:
    """Request and answer are forgotten when the answer has left: nothing refers to itself."""

    class Connection:
        transport = flow = logger = loop = on_response_complete = None
        server_state = type("State", (), {"default_headers": []})

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        return

    scope: dict[str, Any] = {}
    one = Exchange(Connection(), scope, keep_alive=True)
    one.disconnected = True
    scope[WHOLE] = Whole(one)
    seen = weakref.ref(one)
    one.begin(app)
    gc.disable()
    try:
        del one
        assert seen() is None
    finally:
        gc.enable()
