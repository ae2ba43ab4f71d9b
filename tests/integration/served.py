"""A node behind its real web server on a port of its own, for as long as a test needs it."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import uvicorn

from unsilo.api.heads import BoundedProtocol
from unsilo.app import create_app
from unsilo.config import Settings
from unsilo.flow.service import Service

__all__ = ["Served", "served"]


class Served:
    """A running server: `base` is its FHIR address, `http` a client, `service` the node itself."""

    def __init__(self, service: Service, port: int, app: Any = None) -> None:
        self.service, self.port, self.app = service, port, app
        self.root = f"http://127.0.0.1:{port}"
        self.base = f"{self.root}/fhir"
        self.http = httpx.Client(base_url=self.base + "/", timeout=30)


@contextlib.contextmanager
def served(data: Path, **settings: Any) -> Iterator[Served]:
    """Serve a new node; no workers and no other sources run."""
    service = Service(Settings(data=data, **settings))
    app = create_app(service.settings, service=service, sources=False)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off", http=BoundedProtocol,
        ws="none", timeout_keep_alive=service.settings.http.keep_alive_seconds, server_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    started = threading.Event()

    async def run() -> None:
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        started.set()
        await server.main_loop()
        await server.shutdown()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert started.wait(20)
    node = Served(service, server.servers[0].sockets[0].getsockname()[1], app)
    try:
        yield node
    finally:
        node.http.close()
        server.should_exit = True
        thread.join(20)
        service.store.close()
