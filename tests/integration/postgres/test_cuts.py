"""Connections that are cut in the middle of everything: nothing is half, nothing acknowledged is lost."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.unit.flow.fhir.node import ALL, bundle, entry, observation, patient
from tests.unit.storage.conftest import piece  # noqa: F401 # fixture
from unsilo.config import Settings
from unsilo.flow.fhir.transaction import transaction
from unsilo.flow.service import Service
from unsilo.storage import Hooks, Incoming, NotDurableError, Store, Tx, open_store

_CUT = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = 'unsilo' AND datname = current_database() AND random() < 0.6"""


_PARTS = (("Patient", "p", ""), ("Observation", "o", "a"), ("Observation", "o", "b"))


@contextmanager
def cutting(database: str, seconds: float = 0.1) -> Iterator[None]:
    """Cut connections of the store again and again."""
    done = threading.Event()

    def work() -> None:
        draw = random.Random(1)
        with psycopg.connect(database, autocommit=True) as connection:
            while not done.wait(draw.uniform(0.3, 1.7) * seconds):
                connection.execute(_CUT)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_transactions_are_whole_or_not_there(store: Store, database: str, tmp_path: Path) -> None:
    """Eight clients write bundles of three while connections are cut: what was acknowledged is there, whole."""
    service = Service(Settings(data=tmp_path), store)

    def one(n: int) -> bool:
        parts = [entry("PUT", f"Patient/p{n}", patient(f"m{n}", id=f"p{n}"))]
        parts += [entry("PUT", f"Observation/o{n}{x}", observation(f"Patient/p{n}", n, id=f"o{n}{x}")) for x in "ab"]
        try:
            return isinstance(transaction(service, ALL, bundle(*parts)).result(60), list)
        except NotDurableError:
            return False

    with cutting(database), ThreadPoolExecutor(8) as clients:
        acknowledged = [n for n, well in enumerate(clients.map(one, range(150))) if well]
    found = {n: sum(store.read(kind, f"{name}{n}{x}") is not None for kind, name, x in _PARTS) for n in range(150)}
    there = {n for n, parts in found.items() if parts == 3}
    half = {n for n, parts in found.items() if parts in (1, 2)}
    assert set(acknowledged) <= there
    assert not half
    assert len(acknowledged) > 75  # most were tried again and got through
    assert store.verify() == []


def test_receipts_are_kept_or_refused(store: Store, database: str, piece: Callable[..., Incoming]) -> None:  # noqa: F811
    """What was acknowledged has its bytes; a resend of what was refused is taken."""

    def one(n: int) -> bool:
        try:
            return not store.receive(piece(f"MSH|{n}")).result(60).duplicate
        except NotDurableError:
            return False

    with cutting(database), ThreadPoolExecutor(8) as senders:
        acknowledged = [n for n, well in enumerate(senders.map(one, range(200))) if well]
    for n in acknowledged:
        envelope = piece(f"MSH|{n}").envelope
        assert store.content(envelope.id) == f"MSH|{n}".encode()
    for n in range(200):
        store.receive(piece(f"MSH|{n}")).result(20)
    assert store.counts().messages == {"queued": 200}
    assert store.verify() == []


def test_a_commit_whose_answer_was_lost_is_looked_up(database: str, tmp_path: Path) -> None:
    """The connection is cut after the commit and before its answer is read: the job is not done twice."""
    cut = [False]
    runs = [0]

    with open_store(tmp_path / "s", database=database, hooks=Hooks()) as store:
        store.submit(lambda tx: tx.outbox("warm", b"")).result(20)
        session = store._writer._connection
        execute = session.execute

        def lossy(sql: str, values: tuple[object, ...] = ()) -> object:
            found = execute(sql, values)
            if sql == "COMMIT" and not cut[0]:
                cut[0] = True
                session.close()
                from unsilo.storage.postgres.faults import CutError

                raise CutError("the answer was lost")
            return found

        session.execute = lossy

        def job(tx: Tx) -> int:
            runs[0] += 1
            tx.outbox("once", b"")
            return runs[0]

        assert store.submit(job).result(20) == 1
        assert cut == [True]
        assert [row.kind for row in store.outbox()] == ["warm", "once"]


def test_reads_go_on_after_a_cut(store: Store, database: str) -> None:
    """A connection that was cut while nobody used it is opened anew without a word."""
    store.submit(lambda tx: tx.outbox("x", b"")).result(20)
    for _ in range(3):
        assert len(store.outbox()) == 1
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(_CUT.replace("random() < 0.6", "true"))
        time.sleep(0.05)
    assert store.submit(lambda tx: tx.current("Patient", "p")).result(20) is None
