"""Stores on PostgreSQL for tests: one server a session, a database of its own for each test."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.integration.postgres.borrowed import Databases, named
from tests.integration.postgres.cluster import binaries, cluster, given
from unsilo.storage import Store, open_store

_number = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a database on a server where databases may be made."""
    pytest.importorskip("psycopg", reason="PostgreSQL: the extra `postgres` is not installed")
    if given():
        yield given()
    elif binaries() is None:
        pytest.skip("PostgreSQL: no server is installed and UNSILO_TEST_DATABASE is not set")
    else:
        with cluster() as address:
            yield address


@pytest.fixture(scope="session")
def template(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database that holds an empty store, to be copied."""
    import os

    import psycopg

    name = f"unsilo_test_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        open_store(tmp_path_factory.mktemp("empty"), database=named(server, name)).close()
        yield name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(server: str, template: str) -> Iterator[str]:
    """The address of an empty store's database."""
    import psycopg

    name = f"{template}_{next(_number)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield named(server, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(database: str, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with open_store(tmp_path / "store", database=database) as opened:
        yield opened


@pytest.fixture
def another(database: str, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Open the same database once more, as another process would."""
    opened: list[Store] = []

    def make() -> Store:
        opened.append(open_store(tmp_path / "store", database=database))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture(scope="module")
def databases(server: str, template: str) -> Iterator[Databases]:
    """Databases below the stores of a module's tests."""
    made = Databases(server, template)
    with made.below():
        yield made
    made.drop()
