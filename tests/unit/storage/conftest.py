"""A store in a temporary directory and short ways to fill it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from unsilo.fhir.index import IndexRows
from unsilo.fhir.index import index as extract
from unsilo.kernel import clock, seal
from unsilo.storage import Incoming, Receipt, Store, Stored, Tx, open_store, terms


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with open_store(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def piece() -> Callable[..., Incoming]:
    """Make something to receive; the content may be short."""

    def make(
        content: bytes | str = b"MSH|1", feed: str = "adt", at: int = 0, parent: str = "", **more: Any
    ) -> Incoming:
        raw = content.encode() if isinstance(content, str) else content
        return Incoming(seal(feed, "hl7v2", raw, at or clock.now(), {"remote": "192.0.2.1"}, parent), **more)

    return make


@pytest.fixture
def receive(store: Store, piece: Callable[..., Incoming]) -> Callable[..., Receipt]:
    """Receive something and wait until it is durable."""
    return lambda *args, **more: store.receive(piece(*args, **more)).result(10)


@pytest.fixture
def put(store: Store) -> Callable[..., Stored]:
    """Make a version of a resource, whatever the former one was."""

    def make(name: str, body: bytes = b"{}", index: IndexRows | dict[str, Any] | None = None, **more: Any) -> Stored:
        kind, _, id_ = name.partition("/")
        keys = extract(index) if isinstance(index, dict) else index or IndexRows()
        find = terms(index) if isinstance(index, dict) else []

        def job(tx: Tx) -> Stored:
            former = tx.current(kind, id_)
            return tx.put(kind, id_, body, index=keys, find=find, previous=former, **({"lineage": [], "at": 1} | more))

        return store.submit(job).result(10)

    return make
