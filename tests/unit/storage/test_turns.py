"""When a group of jobs is long enough: by time, and where the machine is slow by what it writes."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from unsilo.storage.turns import Turns
from unsilo.storage.waiting import Receipts, Trail

NOW = 100.0


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    monkeypatch.setattr("unsilo.storage.turns.time", SimpleNamespace(perf_counter=lambda: NOW))
    made = Turns()
    made._seconds_each = 0.0
    return made


@pytest.mark.parametrize(("written", "seconds", "enough"), [
    (10_000, 0.009, False), (10_000, 0.011, True), (60, 0.011, True),
    (59, 0.011, False), (59, 0.029, False), (59, 0.031, True), (0, 0.031, True),
])  # fmt: skip
def test_while_receipts_come_a_group_ends_with_its_time_or_when_it_holds_little_later(
    turns: Turns, written: int, seconds: float, enough: bool
) -> None:
    """Ten milliseconds for a group that holds enough, three times that for one that does not."""
    turns._receipts.append(Receipts([], Future()))
    assert turns._is_enough(written, NOW - seconds) is enough


def test_what_is_still_to_be_written_counts_as_time(turns: Turns) -> None:
    """The rows that a group has gathered are reckoned at what rows took before."""
    turns._receipts.append(Receipts([], Future()))
    turns._seconds_each = 0.001
    assert turns._is_enough(60, NOW)
    assert not turns._is_enough(9, NOW)


def test_a_group_is_long_while_nobody_waits(turns: Turns) -> None:
    """A hundred and twenty milliseconds when no receipt came for a second, whatever it holds."""
    turns._received = NOW - 3600
    assert not turns._is_enough(1, NOW - 0.119)
    assert turns._is_enough(1, NOW - 0.121)


def test_a_group_is_short_when_an_answer_must_be_recorded_first(turns: Turns) -> None:
    """Five milliseconds while an audit row waits, whatever it holds."""
    turns._trails.append(Trail([], Future()))
    assert not turns._is_enough(1, NOW - 0.004)
    assert turns._is_enough(1, NOW - 0.006)


def test_a_load_ends_with_its_number_or_when_somebody_comes(turns: Turns) -> None:
    """A load shares a commit till its number, its longest time, or somebody else."""
    turns.load = 100
    assert not turns._is_enough(99, NOW - 5.9)
    assert turns._is_enough(99, NOW - 6.1)
    assert turns._is_enough(100, NOW)
    turns._trails.append(Trail([], Future()))
    assert turns._is_enough(1, NOW)
