"""Reading connections are lent to one thread at a time, and whoever waits gets one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unsilo.storage.connect import Readers, connect

WAIT = 30


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with one row."""
    path = tmp_path / "a.db"
    connection = connect(path)
    connection.execute("CREATE TABLE t (n INTEGER)")
    connection.execute("INSERT INTO t VALUES (7)")
    connection.close()
    return path


def test_more_threads_than_connections(file: Path) -> None:
    """No connection is in two hands, none is opened beyond the bound, and every thread gets its answers."""
    opened: list[object] = []
    readers = Readers(file, 2, opened.append)
    lock, in_use, worst = threading.Lock(), 0, 0

    def work(_: int) -> int:
        nonlocal in_use, worst
        total = 0
        for _turn in range(50):
            with readers.lend() as connection:
                with lock:
                    in_use += 1
                    worst = max(worst, in_use)
                total += connection.execute("SELECT n FROM t").fetchone()[0]
                with lock:
                    in_use -= 1
            total += readers.row("SELECT n FROM t")[0]
        return total

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [50 * 14] * 8
    readers.close()
    assert 1 <= worst <= 2
    assert 1 <= len(opened) <= 2


def test_who_waits_gets_the_one_that_comes_back(file: Path) -> None:
    """A thread that finds none goes on as soon as another is done, and closing waits for it too."""
    readers = Readers(file, 1)
    found: list[int] = []
    with readers.lend():
        thread = threading.Thread(target=lambda: found.append(readers.row("SELECT n FROM t")[0]))
        thread.start()
        while not readers._waiting:
            thread.join(0.01)
        assert found == []
    thread.join(WAIT)
    assert found == [7]
    readers.close()


def test_one_that_cannot_be_opened_is_not_lost(tmp_path: Path, file: Path) -> None:
    """The next who asks tries again."""
    readers = Readers(tmp_path / "later.db", 1)
    for _ in range(2):
        with pytest.raises(Exception, match="unable to open"):
            readers.row("SELECT 1")
    (tmp_path / "later.db").write_bytes(file.read_bytes())
    assert readers.row("SELECT 1") == (1,)
    readers.close()
