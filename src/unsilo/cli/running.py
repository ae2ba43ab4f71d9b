"""Commands that run a node: `serve` and `demo`."""

import errno
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unsilo.cli.node import ConfigOption, DataOption, holding, settings_of
from unsilo.cli.output import NOT_NOW, fail

if TYPE_CHECKING:
    from unsilo.config import Settings

__all__ = ["demo", "serve"]


def serve(
    data: DataOption = None,
    port: Annotated[int | None, typer.Option(help="TCP port of the web server.", show_default="8080")] = None,
    host: Annotated[str | None, typer.Option(help="Address of the web server.", show_default="127.0.0.1")] = None,
    mllp: Annotated[int | None, typer.Option(help="TCP port of an MLLP listener for the feed `default`.")] = None,
    config: ConfigOption = None,
) -> None:
    """Run the node: listeners, folders, workers, FHIR API and console, until it is stopped (SIGTERM, Ctrl-C)."""
    settings = settings_of(config, data, port=port, host=host, mllp_port=mllp)
    # The server finishes what it has and then raises the signal again: asked to stop and stopped is status 0.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    with holding(settings.data):
        _look_at_ports(settings)
        from unsilo.app import run

        if run(settings):
            fail(NOT_NOW, "the node did not start", "the lines of the log above say why")
        raise SystemExit(0)


def _look_at_ports(settings: "Settings") -> None:
    """End with a plain word when a port cannot be had, before anything is started."""
    wanted = [("--port", settings.host, settings.port)]
    wanted += [("an MLLP port", each.host, each.port) for each in settings.listeners]
    for name, host, port in wanted:
        try:
            family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, number) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as fault:
            why = "is in use" if fault.errno == errno.EADDRINUSE else f"cannot be had: {fault.strerror or fault}"
            fail(NOT_NOW, f"port {port} of {host} {why}", f"it is {name}: choose another, or stop what holds it")


def demo(
    data: Annotated[Path, typer.Option("--data", help="Folder of the demo's store.", metavar="DIR")] = Path(
        "data/demo"
    ),
    port: Annotated[int, typer.Option(help="TCP port of the web server.")] = 8080,
    mllp: Annotated[int, typer.Option(help="TCP port of the MLLP listener.")] = 2575,
    once: Annotated[bool, typer.Option("--once", help="End after the summary.")] = False,
) -> None:
    """Start a node, feed it a made-up town's messages over real sockets, print what became of them, and serve."""
    from unsilo.demo.run import run_demo

    with holding(data):
        problem = run_demo(data, port, mllp, once=once)
    if problem:
        fail(NOT_NOW, problem)
