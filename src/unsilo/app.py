"""The composition root: one node from its settings, with sources, API and console on one event loop."""

import asyncio
import contextlib
import gc
import logging
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from unsilo.api import routes as api
from unsilo.api.access import guard
from unsilo.api.figures import Counting, Requests
from unsilo.api.front import Front
from unsilo.api.heads import BoundedProtocol, raise_file_limit
from unsilo.config import Settings
from unsilo.console import routes as console
from unsilo.console.gate import fault
from unsilo.exchange.deliveries import Deliveries
from unsilo.flow import retention
from unsilo.flow.service import Service
from unsilo.kernel import json
from unsilo.sources import http
from unsilo.sources.folder import FolderWatch
from unsilo.sources.mllp import MllpServer

__all__ = ["Running", "Service", "create_app", "run", "serve", "sweep_seldom"]

_log = logging.getLogger("unsilo")


class Running:
    """A service with its sources; `start` and `stop` run on the event loop that serves it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        settings = service.settings
        self.upkeep: asyncio.Task[None] | None = None
        self.mllp = [MllpServer(service, listener) for listener in settings.listeners]
        self.deliveries = Deliveries(service)
        self.folders = [FolderWatch(service, feed) for feed in settings.feeds.values() if feed.transport == "folder"]

    async def start(self) -> None:
        """Bind every port and watch every folder; OSError names what cannot be had."""
        self.service.start()
        for server in self.mllp:
            try:
                await server.start()
            except OSError as fault:
                place = f"{server.listener.host}:{server.listener.port}"
                _log.error("the MLLP port cannot be had", extra={"address": place, "reason": fault.strerror})
                raise
        for watch in self.folders:
            await asyncio.to_thread(watch.start)
        self.deliveries.start()
        if any(feed.retention_days for feed in self.service.settings.feeds.values()):
            self.upkeep = asyncio.get_running_loop().create_task(self._upkeep())

    async def _upkeep(self) -> None:
        """Once an hour, remove the bytes that a feed's retention allows."""
        while True:
            for issue in await asyncio.to_thread(retention.enforce, self.service.store, self.service.settings):
                _log.warning("retention", extra={"reason": issue.text})
            await asyncio.sleep(3600)

    async def stop(self) -> None:
        """Take nothing more, let what was acknowledged be finished or stay queued, close the store."""
        if self.upkeep is not None:
            self.upkeep.cancel()
        for server in self.mllp:
            await server.stop()
        for watch in self.folders:
            await asyncio.to_thread(watch.stop)
        await asyncio.to_thread(self.deliveries.stop)
        await asyncio.to_thread(self.service.stop)


def _routes(service: Service) -> list[BaseRoute]:
    """Collect the routes of API and console."""
    ingest = http.routes(service, guard(service, "ingest"))
    return [*ingest, *api.routes(service), *console.routes(service)]


def sweep_seldom() -> None:
    """Leave what the program is made of to no collection; a rare, larger sweep costs less than many small ones."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def create_app(settings: Settings, *, service: Service | None = None, sources: bool = True) -> Starlette:
    """Return the ASGI app of a node; its lifespan starts and stops workers and sources (not with `sources=False`)."""
    node = service or Service(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        running = Running(node)
        if sources:
            try:
                await running.start()
            except OSError:
                await running.stop()
                raise
        sweep_seldom()
        try:
            yield
        finally:
            if sources:
                await running.stop()

    requests = Requests()
    faults = {HTTPException: fault, Exception: fault}
    app = Front(node, requests, routes=_routes(node), lifespan=lifespan, exception_handlers=faults)
    app.add_middleware(Counting, requests=requests)
    app.state.service = node
    return app


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, text and the named values; no patient data is ever logged."""

    _OWN = frozenset((*vars(logging.makeLogRecord({})), "color_message"))  # uvicorn says it again for terminals

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), "level": record.levelname.lower(),
            "logger": record.name, "text": record.getMessage(),
        }  # fmt: skip
        line |= {key: str(value) for key, value in vars(record).items() if key not in self._OWN and key != "message"}
        if record.exc_info and record.exc_info[0] is not None:
            # Class and place only: a message's text may carry a patient's data.
            trace = record.exc_info[2]
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
            line["fault"] = f"{record.exc_info[0].__name__} {place}"
        return json.encode(line).decode()


def log_to_stderr(level: str) -> None:
    """Send structured logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.access").disabled = True


class _Server(uvicorn.Server):
    """uvicorn, saying on standard output when the node is ready."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self.settings = settings

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Start and announce the addresses."""
        await super().startup(sockets)
        if self.started:
            settings = self.settings
            scheme = "https" if settings.tls.certificate else "http"
            ports = " ".join(f"mllp://{item.host}:{item.port}" for item in settings.listeners)
            print(f"unsilo is ready: {scheme}://{settings.host}:{settings.port} {ports}".rstrip(), flush=True)


async def serve(settings: Settings, service: Service | None = None) -> bool:
    """Serve until SIGTERM or SIGINT; False when the node could not start (the log says why)."""
    app = create_app(settings, service=service)
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, log_config=None, access_log=False, lifespan="on",
        ssl_certfile=settings.tls.certificate or None, ssl_keyfile=settings.tls.key or None,
        ssl_keyfile_password=settings.tls.key_password or None, ssl_ca_certs=settings.tls.client_ca or None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if settings.tls.client_ca else ssl.CERT_NONE, server_header=False,
        timeout_graceful_shutdown=5, timeout_keep_alive=settings.http.keep_alive_seconds, http=BoundedProtocol,
        ws="none", proxy_headers=False,
    )  # fmt: skip
    server = _Server(config, settings)
    await server.serve()
    return server.started


def run(settings: Settings, service: Service | None = None) -> int:
    """Serve in this process, with uvloop where there is one; return the exit status."""
    log_to_stderr(settings.log_level)
    raise_file_limit()
    # The writer's thread shares the interpreter with the event loop: short turns keep acknowledgements quick.
    sys.setswitchinterval(0.0002)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    loop_factory = import_module("uvloop").new_event_loop if find_spec("uvloop") is not None else None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        try:
            return 0 if runner.run(serve(settings, service)) else 1
        except KeyboardInterrupt:
            return 0
