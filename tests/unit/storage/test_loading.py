"""A load: many jobs share one commit, all of them or none, and what one of them does wrong harms no other."""

import errno
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.storage.keyed import ids_found
from tests.unit.storage.test_sheet import content, put, result, sheet, whole
from unsilo.storage import Hooks, NotDurableError, Store, Tx, open_store
from unsilo.storage.loading import is_near

WAIT = 60
RESULTS = [result(f"r{n}", f"Patient/{n % 3}", f"{n % 4}-1", n) for n in range(12)]


class _Hold:
    """A job that keeps the writer until it is let go; run again, it waits no more."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def __call__(self, _tx: Tx) -> None:
        self.free.wait(WAIT)


@pytest.fixture
def disk() -> Hooks:
    """What the store asks before each commit; a test may let it raise."""
    return Hooks()


@pytest.fixture(params=["held", "near"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, disk: Hooks, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """A store that is loaded: few rows are gathered, so that a dozen resources go through all of its steps.

    Its key rows are held back, or go to so few places that they are written at once where tables allow it.
    """
    monkeypatch.setattr("unsilo.storage.loading._NEAR", 1000 if request.param == "held" else 0)
    monkeypatch.setattr("unsilo.storage.writer.HELD_RESOURCES", 2)
    monkeypatch.setattr("unsilo.storage.writer._LOAD_SECONDS", 0.05)
    with open_store(tmp_path / "store", hooks=disk) as opened, opened.loading(1000):
        yield opened


def _submit(store: Store, *jobs: Any) -> list[Any]:
    """Hand over jobs so that one group has all of them."""
    hold = _Hold()
    store.submit(hold)
    futures = [store.submit(job) for job in jobs]
    hold.free.set()
    return futures


def _sheets() -> list[Any]:
    return [lambda tx, one=one: whole(tx, sheet(one)) for one in RESULTS]


def _commits(store: Store) -> list[int]:
    return [row[0] for row in store.rows("SELECT resources FROM tx ORDER BY t")]


def test_rows_of_few_places_are_told_from_others() -> None:
    """Four rows of a place and more are few places; where values are spread over a table, rows are held back."""
    assert is_near("ref", [1, 7, 1, 1, 7, 2, 1, 7, 3, 1, 7, 4])
    assert not is_near("ref", [1, 7, 1, 1, 7, 2, 1, 8, 3, 1, 9, 4])
    assert is_near("pat", [7, 1, 0, 1, 0, 0] * 4)
    assert not is_near("dat", [1, 7, 7, 1] * 4)


def test_jobs_share_a_commit_and_are_found_after_it(store: Store) -> None:
    """One commit for a dozen jobs, another one when the next come."""
    assert [job.result(WAIT) for job in _submit(store, *_sheets())] == [True] * 12
    assert sum(_commits(store)) == len(RESULTS)
    assert len(_commits(store)) == 1
    assert sorted(ids_found(store, "Observation?code=1-1")) == ["r1", "r5", "r9"]
    assert store.submit(lambda tx: whole(tx, sheet(result("later", "Patient/1")))).result(WAIT)
    assert len(_commits(store)) == 2


def test_a_load_has_an_end(tmp_path: Path) -> None:
    """As many resources as were asked for, and no more, share a commit."""
    with open_store(tmp_path / "other") as store, store.loading(5):
        for job in _submit(store, *_sheets()):
            job.result(WAIT)
        assert max(_commits(store)) <= 5
        assert sum(_commits(store)) == len(RESULTS)


def test_a_larger_store_is_loaded_by_more_at_once(tmp_path: Path) -> None:
    """A commit is of a quarter of what there is, of no less than was asked for and no more than the most."""
    with open_store(tmp_path / "other") as store, store.loading(2, 3):
        for job in _submit(store, *_sheets()[:4]):
            job.result(WAIT)
        assert max(_commits(store)) == 2
        assert store._writer.load == 2
        for job in _submit(store, *_sheets()[4:]):
            job.result(WAIT)
        assert max(_commits(store)) == 3
        assert store._writer.load == 3
    with open_store(tmp_path / "other") as store:
        assert store._writer.load == 0


def test_the_last_group_waits_for_no_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is said that no more comes, what came is committed, however long a load waits for its next job."""
    monkeypatch.setattr("unsilo.storage.writer._LOAD_SECONDS", 10 * WAIT)
    with open_store(tmp_path / "other") as store, store.loading(1000) as end:
        jobs = _submit(store, *_sheets())
        end()
        assert [job.result(WAIT) for job in jobs] == [True] * 12
        assert store._writer.load == 1000


def test_a_search_in_a_job_sees_what_is_held_back(store: Store) -> None:
    """What jobs before it have put, though no row of it is in its table yet."""

    def known(tx: Tx) -> bool:
        tx.settle()
        return tx.is_referred_to(tx.rid("Patient/1"))

    *_, found = _submit(store, *_sheets(), known)
    assert found.result(WAIT)


def test_a_job_that_searched_and_failed_takes_nothing_with_it(store: Store) -> None:
    """The rows that were moved to their tables for its search are there after it as well."""

    def failing(tx: Tx) -> None:
        put(tx, result("bad", "Patient/1"))
        tx.settle()
        raise ValueError("no")

    jobs = _sheets()
    *first, bad, last = _submit(store, *jobs[:11], failing, jobs[11])
    assert all(job.result(WAIT) for job in (*first, last))
    with pytest.raises(ValueError, match="no"):
        bad.result(WAIT)
    assert sorted(ids_found(store, "Observation?code=1-1")) == ["r1", "r5", "r9"]
    assert store.read("Observation", "bad") is None


def test_rows_that_cannot_be_written_spoil_no_other_job(store: Store, tmp_path: Path) -> None:
    """The group is undone with what was held back, and each job is done by itself."""

    def wrong(tx: Tx) -> None:
        tx._job.rows["outbox"].append(("changed", "no time", b""))

    *good, bad = _submit(store, *_sheets(), wrong)
    assert all(job.result(WAIT) for job in good)
    assert bad.exception(WAIT) is not None
    with open_store(tmp_path / "other") as other:
        for job in _sheets():
            other.submit(job).result(WAIT)
        assert content(store) == content(other)


def test_a_commit_that_fails_leaves_nothing(store: Store, disk: Hooks) -> None:
    """Every job of it hears so; what is sent again is new and whole."""

    def strike(name: str) -> None:
        if name == "main" and strikes:
            strikes.pop()
            raise OSError(errno.EIO, "Input/output error")

    strikes = [1]
    disk.before_commit = strike
    for job in _submit(store, *_sheets()):
        with pytest.raises(NotDurableError):
            job.result(WAIT)
    assert store.read("Observation", "r1") is None
    for job in _submit(store, *_sheets()):
        assert job.result(WAIT)
    assert sorted(ids_found(store, "Observation?code=1-1")) == ["r1", "r5", "r9"]


def test_a_load_ends_when_another_process_writes(store: Store) -> None:
    """What the other has to write must not wait behind long commits."""
    assert store.submit(lambda tx: whole(tx, sheet(RESULTS[0]))).result(WAIT)
    assert store._writer.load == 1000
    with open_store(store.directory) as other:
        assert other.submit(lambda tx: whole(tx, sheet(RESULTS[1]))).result(WAIT)
    assert store.submit(lambda tx: whole(tx, sheet(RESULTS[2]))).result(WAIT)
    assert store._writer.load == 0
    assert sorted(ids_found(store, "Observation?subject=Patient/1,Patient/2,Patient/0")) == ["r0", "r1", "r2"]
