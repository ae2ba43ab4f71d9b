"""A node in the test's own process: store in a temporary folder, one MLLP port, workers only when asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from unsilo.config import Feed, Listener, Settings
from unsilo.flow.service import Service
from unsilo.sources.mllp import MllpServer
from unsilo.sources.mllp.frames import Framer, wrap

HEAD = "MSH|^~\\&|APP|FAC|R|RF|20260102030405||{kind}|{control}|{processing}|2.5|||{accept}|{application}\r"


def adt(
    control: str, patient: str = "123", *, kind: str = "ADT^A08", processing: str = "P", accept: str = "",
    application: str = "", name: str = "Roe^Jane", at: str = "20260102030405", rest: str = "",
) -> bytes:  # fmt: skip
    """Make an ADT message of a patient."""
    head = HEAD.format(kind=kind, control=control, processing=processing, accept=accept, application=application)
    return f"{head}EVN|{kind[4:]}|{at}\rPID|1||{patient}^^^KH^MR||{name}||19800517|F\r{rest}".encode()


def settings(folder: Path, **feed: Any) -> Settings:
    """Return settings with one MLLP feed `adt` on a free port; nothing is put there."""
    one = Feed("adt", transport="mllp", **feed)
    return Settings(data=folder / "data", feeds={"adt": one}, group_ms=0.5, workers=1)


class Client:
    """One MLLP connection of a test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.framer = Framer(1 << 20)
        self.got: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send raw bytes."""
        self.writer.write(data)

    async def answer(self, seconds: float = 30.0) -> bytes | None:
        """Return the next acknowledgement; None when the connection is closed instead."""
        async with asyncio.timeout(seconds):
            while not self.got:
                try:
                    data = await self.reader.read(65536)
                except OSError:
                    return None
                if not data:
                    return None
                self.got += [frame.content for frame in self.framer.feed(data)]
        return self.got.pop(0)

    async def send(self, message: bytes) -> bytes | None:
        """Send one framed message and return its answer."""
        self.write(wrap(message))
        return await self.answer()

    async def quiet(self, seconds: float = 0.2) -> bool:
        """Tell whether nothing comes for a while."""
        try:
            return await self.answer(seconds) is None
        except TimeoutError:
            return True

    async def close(self) -> None:
        """Close the connection."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            return


class Node:
    """A running node and its port."""

    def __init__(self, service: Service, server: MllpServer) -> None:
        self.service, self.server = service, server
        self.clients: list[Client] = []

    async def connect(self, **tls: Any) -> Client:
        """Open a connection."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.server.port, **tls))
        self.clients.append(client)
        return client

    async def settled(self, seconds: float = 30.0) -> None:
        """Wait until everything that is queued was processed."""
        for _ in range(int(seconds * 50)):
            if self.service.dispatcher.idle:
                return
            await asyncio.sleep(0.02)
        raise TimeoutError


def with_node(
    node_settings: Settings, scenario: Callable[[Node], Awaitable[None]], *, workers: bool = False,
    listener: Listener | None = None,
) -> None:  # fmt: skip
    """Run a scenario against a node, and take the node down whatever happens."""

    async def main() -> None:
        service = Service(node_settings)
        feed = next(iter(node_settings.feeds.values()))
        port = listener or Listener(0, tls=feed.tls, allow=feed.allow, feed=feed.name)
        server = MllpServer(service, port)
        if workers:
            service.start()
        await server.start()
        node = Node(service, server)
        try:
            await scenario(node)
        finally:
            for client in node.clients:
                await client.close()
            await server.stop()
            await asyncio.to_thread(service.stop)

    asyncio.run(main())


def replace(node_settings: Settings, **changes: Any) -> Settings:
    """Return settings with something changed."""
    return msgspec.structs.replace(node_settings, **changes)
