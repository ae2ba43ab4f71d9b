"""Runs test files that were written for stores in files on PostgreSQL: the same tests, another store below them."""

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

import unsilo.flow.service
from unsilo.storage import Store, open_store
from unsilo.storage.render import POSTGRES
from unsilo.storage.search import run

__all__ = ["Databases", "borrow", "named"]

_ROOT = Path(__file__).parents[3]
_number = count(1)


def named(address: str, name: str) -> str:
    """Return the address of another database of the same server."""
    return urlunsplit(urlsplit(address)._replace(path=f"/{name}"))


class Databases:
    """Gives each folder that a test opens a store in a database of its own."""

    current: "Databases | None" = None

    def __init__(self, server: str, template: str) -> None:
        self.server, self.template = server, template
        self._of: dict[str, str] = {}

    def address(self, folder: Path) -> str:
        """Return the database that stands for a folder; made when it is new."""
        key = str(folder)
        if key not in self._of:
            name = f"{self.template}_b{next(_number)}"
            with psycopg.connect(self.server, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {self.template} STRATEGY file_copy")
            self._of[key] = named(self.server, name)
        return self._of[key]

    def open(self, folder: Path, **more: Any) -> Store:
        """Open the store that stands for a folder."""
        return open_store(folder, **{**more, "database": self.address(folder)})

    @contextmanager
    def below(self) -> Iterator[None]:
        """Have every node of this process keep its store here."""
        Databases.current = self
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(unsilo.flow.service, "open_store", self.open)
            yield
        Databases.current = None

    def drop(self) -> None:
        """Drop the databases."""
        with psycopg.connect(self.server, autocommit=True) as connection:
            for address in self._of.values():
                connection.execute(f"DROP DATABASE {urlsplit(address).path[1:]} WITH (FORCE)")


def _opened(folder: Path, **more: Any) -> Store:
    assert Databases.current is not None
    return Databases.current.open(folder, **more)


def borrow(into: dict[str, Any], path: str, apart: Iterable[str] = (), *, fixtures: Iterable[str] = ()) -> Any:
    """Put the tests and fixtures of a test file into a module; `apart` are tests that ask SQLite itself.

    The file is loaded once more under another name, so that the tests on SQLite stay what they are. `fixtures` are
    conftest files whose fixtures are needed.
    """
    for other in fixtures:
        borrow(into, other)
    name = "tests.integration.postgres.borrowed_" + path.removesuffix(".py").replace("/", "_")
    spec = importlib.util.spec_from_file_location(name, _ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)

    def searched(ask: Any, plan: Any, dialect: Any = POSTGRES, *more: Any, **named: Any) -> Any:
        return run(ask, plan, dialect, *more, **named)

    replaced: dict[str, Callable[..., Any]] = {"open_store": _opened, "run": searched}
    for key, value in replaced.items():
        if getattr(module, key, None) in (open_store, run):
            setattr(module, key, value)
    apart = set(apart)
    for key, value in list(vars(module).items()):
        fixture = type(value).__name__ == "FixtureFunctionDefinition"
        if fixture or (key.startswith("test_") and key not in apart and callable(value)):
            into[key] = value
    return module
