"""A private PostgreSQL for tests: a cluster in a temporary folder, on a socket only, gone at the end."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["binaries", "cluster", "given"]

_TRIVIAL = "fsync=off", "synchronous_commit=off", "full_page_writes=off"


def given() -> str:
    """Return the database that the environment names for tests: its server is used, with databases of our own."""
    return os.environ.get("UNSILO_TEST_DATABASE", "")


def binaries() -> Path | None:
    """Return the folder of the newest installed PostgreSQL server (15 or newer), None when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    if found and int(found[-1].parent.parent.name) >= 15:
        return found[-1].parent
    path = shutil.which("initdb")
    return Path(path).resolve().parent if path else None


def _account() -> list[str]:
    """Return what has to stand before a command so that it does not run as root, which a server refuses."""
    if os.getuid() != 0:
        return []
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return ["runuser", "-u", name, "--"]
    raise RuntimeError("there is no account to run PostgreSQL with")


@contextmanager
def cluster(*settings: str) -> Iterator[str]:
    """Run a cluster; gives the address of its database `postgres`. `settings` are `name=value`."""
    folder = binaries()
    if folder is None:
        raise RuntimeError("no PostgreSQL server is installed")
    place = Path(tempfile.mkdtemp(prefix="unsilo-pg-"))
    before = _account()
    try:
        if before:
            shutil.chown(place, before[2])
        data = place / "data"
        subprocess.run(
            [*before, folder / "initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C", "-U", "postgres", "-N"],
            check=True, capture_output=True, cwd=place,
        )  # fmt: skip
        said = [f"-k {place}", "-c listen_addresses=", *(f"-c {each}" for each in settings or _TRIVIAL)]
        start = [*before, folder / "pg_ctl", "-D", data, "-l", place / "log", "-o", " ".join(said), "-w", "start"]
        subprocess.run(start, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=place)
        try:
            yield f"postgresql://postgres@/postgres?host={place}"
        finally:
            stop = [*before, folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"]
            subprocess.run(stop, check=False, capture_output=True, cwd=place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
