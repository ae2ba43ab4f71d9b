"""The reserve of room: given up in slices to what people do and look at, made whole when there is room again."""

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from unsilo.storage import AuditRow, Hooks, Incoming, NotDurableError, open_store, reserve
from unsilo.storage.reserve import FULL, Reserve

ENOSPC = OSError(errno.ENOSPC, "No space left on device")
SIZE = 64 * 4096


class Usage:
    """A disk of a size that a test says."""

    def __init__(self) -> None:
        self.total, self.free = 1 << 30, 1 << 30

    def __call__(self, _path: Any) -> "Usage":
        return self


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Usage:
    """The disk that the reserve sees; looks at it are not spaced in time."""
    made = Usage()
    monkeypatch.setattr(shutil, "disk_usage", made)
    monkeypatch.setattr(reserve, "SHARE_OF_DISK", 10)
    monkeypatch.setattr(reserve, "_LOOK_SECONDS", 0.0)
    return made


def test_it_is_given_up_in_eighths_and_made_whole_with_room_to_spare(tmp_path: Path, disk: Usage) -> None:
    """Eight releases and no ninth; room for the reserve alone does not end the state, a margin more does."""
    kept = Reserve(tmp_path, SIZE)
    assert _state(kept) == (SIZE, False, None)
    disk.free = 0
    assert [kept.release(ENOSPC) for _ in range(9)] == [True] * 8 + [False]
    disk.free = SIZE
    kept.mend()
    assert _state(kept) == (0, True, 0.0)
    disk.free = SIZE + SIZE // 4
    kept.mend()
    assert _state(kept) == (SIZE, False, None)


@pytest.mark.parametrize("code", [errno.EDQUOT, errno.ENOSPC])
def test_a_quota_keeps_the_state_though_the_disk_has_room(
    tmp_path: Path, disk: Usage, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """What cannot be allocated is not counted on, and what was held stays held."""
    kept = Reserve(tmp_path, SIZE)
    assert kept.release(OSError(code, "no"))
    left = kept.held

    def no(handle: int, at: int, _size: int) -> None:
        os.ftruncate(handle, at + 4096)
        raise OSError(code, "no")

    monkeypatch.setattr(os, "posix_fallocate", no)
    kept.mend()
    assert (kept.full, kept.held) == (True, left)
    fresh = tmp_path / "other"
    fresh.mkdir()
    other = Reserve(fresh, SIZE)
    assert (other.full, other.path.exists()) == (False, False)


def test_a_small_disk_keeps_a_tenth_and_no_size_nothing(tmp_path: Path, disk: Usage) -> None:
    """A reserve never takes more than a tenth of its disk; 0 removes it, None leaves it to the node."""
    disk.total = 100 * 4096
    assert Reserve(tmp_path, SIZE).held == 10 * 4096
    assert Reserve(tmp_path, None).held == 10 * 4096
    none = Reserve(tmp_path, 0)
    assert (none.held, none.release(ENOSPC), none.full) == (0, False, False)


def test_a_node_that_starts_on_a_full_disk_knows_it(tmp_path: Path, disk: Usage) -> None:
    """What was given up before a stop is still given up after it."""
    before = Reserve(tmp_path, SIZE)
    disk.free = 0
    before.release(ENOSPC)
    after = Reserve(tmp_path, SIZE)
    assert after.full
    assert after.held == before.held < SIZE


def test_other_faults_give_up_nothing_unless_there_is_no_room(tmp_path: Path, disk: Usage) -> None:
    """EIO is no full disk; where no room is left, a fault that SQLite words otherwise is one."""
    kept = Reserve(tmp_path, SIZE)
    fault = sqlite3.OperationalError("disk I/O error")
    fault.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    assert not kept.release(fault)
    assert not kept.release(ValueError("a fault of the program"))
    disk.free = 1000
    assert kept.release(fault)


def test_while_full_nothing_is_taken_and_what_people_do_is_kept(
    tmp_path: Path, disk: Usage, piece: Callable[..., Incoming]
) -> None:
    """Receipts and the jobs of feeds are refused, audit rows and small acts are tried until they hold."""
    fails: list[BaseException] = []
    hooks = Hooks(before_commit=lambda _name: _strike(fails))
    with open_store(tmp_path / "store", hooks=hooks, reserve=SIZE) as store:
        store.receive(piece("MSH|a")).result(10)
        assert store.trouble == ""
        disk.free = 0
        fails += [ENOSPC] * 3
        row = AuditRow("ann", "read")
        store.audit(row).result(10)
        assert store.trouble == FULL
        trail: tuple[Any, ...] = (1, "ben", "read", "", [], "", "", "success")
        fails += [ENOSPC] * 2
        store.audit_many([trail]).result(10)
        for refused in (store.receive(piece("MSH|b")), store.submit(lambda tx: tx.audit(row))):
            with pytest.raises(NotDurableError, match="the disk is full"):
                _value(refused)
        assert [each.actor for each in store.audit_rows()] == ["ben", "ann"]
        disk.free = 1 << 30
        store.receive(piece("MSH|b")).result(10)
        assert store.trouble == ""
        assert store.message(piece("MSH|b").envelope.id) is not None


def test_when_the_reserve_is_used_up_a_read_is_refused(
    tmp_path: Path, disk: Usage, piece: Callable[..., Incoming]
) -> None:
    """Nothing is shown that nobody can account for."""
    fails: list[BaseException] = []
    with open_store(tmp_path / "store", hooks=Hooks(before_commit=lambda _: _strike(fails)), reserve=SIZE) as store:
        disk.free = 0
        fails += [ENOSPC] * 9
        with pytest.raises(NotDurableError):
            store.audit(AuditRow("ann", "read")).result(10)
        fails.clear()
        store.audit(AuditRow("ann", "read again")).result(10)


def _state(kept: Reserve) -> tuple[int, bool, float | None]:
    return kept.held, kept.full, kept.patience


def _strike(fails: list[BaseException]) -> None:
    if fails:
        raise fails.pop()


def _value(future: "Future[Any]") -> Any:
    return future.result(10)
