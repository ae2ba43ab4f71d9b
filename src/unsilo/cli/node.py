"""What commands share to reach a node: its settings, its store, and the lock that keeps two nodes off one store."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unsilo.cli.output import NOT_NOW, WRONG, fail, issues

if TYPE_CHECKING:
    from unsilo.config import Settings
    from unsilo.flow.service import Service
    from unsilo.storage import Store

__all__ = [
    "ConfigOption", "DataOption", "JsonOption", "holding", "is_free", "needs_store", "node", "settings_of", "store_of",
    "trace", "who",
]  # fmt: skip

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the store.", metavar="DIR", show_default="unsilo-data")
]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML).", metavar="FILE")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]


def settings_of(config: Path | None, data: Path | None, **overrides: Any) -> "Settings":
    """Return the settings of file, environment and command line; exits with 2 and every error when they are wrong.

    Without --config the file `unsilo.toml` in the folder of the store is taken, when there is one.
    """
    from unsilo.config import load

    if data is not None and data.exists() and not data.is_dir():
        fail(WRONG, f"{data} is not a folder", "--data names the folder of the store")
    if config is None and data is not None and "UNSILO_CONFIG" not in os.environ and (data / "unsilo.toml").is_file():
        config = data / "unsilo.toml"
    result = load(config, os.environ, {"data": data, **overrides})
    issues(result.issues)
    if result.value is None:
        raise SystemExit(WRONG)
    return result.value


def has_store(settings: "Settings") -> bool:
    """Tell whether there is a store to be opened; one in a database is made when it is not there yet."""
    return bool(settings.database) or (settings.data / "unsilo.db").exists()


def needs_store(settings: "Settings") -> "Settings":
    """Return the settings when there is a store to be opened; exits with 3 rather than make one by a slip of --data."""
    if not has_store(settings):
        fail(NOT_NOW, f"there is no store in {settings.data}", "name it with --data, or make one with unsilo serve")
    return settings


@contextmanager
def store_of(settings: "Settings") -> "Iterator[Store]":
    """Open the store of a node, which may be running; exits with 3 when there is none."""
    from unsilo.storage import open_store

    needs_store(settings)
    with open_store(settings.data, database=settings.database) as store:
        yield store


def who() -> str:
    """Return who runs this command, for the audit trail: `cli:ACCOUNT`."""
    from getpass import getuser

    try:
        return f"cli:{getuser()}"
    except (KeyError, OSError):  # an account without a name, as containers have them
        return f"cli:{os.getuid()}"


def trace(store: "Store", action: str, what: str, mid: int = 0) -> None:
    """Leave an audit row of what a command shows or changes, before it does; exits with 3 when it cannot be kept."""
    from unsilo.storage import AuditRow

    try:
        store.audit(AuditRow(who(), action, 0, what, "", "command line", mid)).result(10)
    except Exception as fault:  # noqa: BLE001 - whatever the reason, nothing is shown without a trace
        fail(NOT_NOW, f"the audit trail cannot be written ({type(fault).__name__}), so nothing is shown or changed")


@contextmanager
def holding(data: Path) -> Iterator[None]:
    """Hold the store for one node: only one process may take messages from its queue; exits with 3 when taken."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = data / "node.lock"
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(handle, 32).decode("ascii", "replace").strip()
            fail(
                NOT_NOW,
                f"a node (process {pid}) is running on {data}",
                "give its address with --url where the command has it, or stop it first",
            )
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def is_free(data: Path) -> bool:
    """Tell whether no node is running on a data folder."""
    try:
        handle = os.open(data / "node.lock", os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


@contextmanager
def node(settings: "Settings", *, working: bool = False) -> "Iterator[Service]":
    """Open a node; `working` starts its workers and holds the store, else it may run elsewhere at the same time."""
    from unsilo.flow.service import Service

    if not working:
        service = Service(settings)
        try:
            yield service
        finally:
            service.store.close()
        return
    with holding(settings.data):
        service = Service(settings)
        service.start()
        try:
            yield service
        finally:
            service.stop()
