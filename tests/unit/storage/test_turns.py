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
    assert turns._is_enough(written, NOW - seconds, NOW - seconds) is enough


@pytest.mark.parametrize(("written", "seconds", "enough"), [
    (10_000, 0.011, False), (10_000, 0.013, True), (120, 0.013, True),
    (119, 0.013, False), (119, 0.035, False), (119, 0.037, True),
])  # fmt: skip
def test_what_was_gathered_while_receipts_could_go_before_it_keeps_nobody_waiting(
    turns: Turns, written: int, seconds: float, enough: bool
) -> None:
    """Twelve milliseconds from when they last could, for a group that holds enough, three times that for others."""
    turns._receipts.append(Receipts([], Future()))
    assert turns._is_enough(written, NOW - 0.1, NOW - seconds) is enough


def test_no_group_is_gathered_for_ever(turns: Turns) -> None:
    """A group that writes nothing is over after a hundred and twenty milliseconds, for somebody waits for its jobs."""
    turns._receipts.append(Receipts([], Future()))
    assert not turns._is_enough(0, NOW - 0.119, NOW)
    assert turns._is_enough(0, NOW - 0.121, NOW)


def test_a_receipt_waits_a_moment_for_company_before_a_group_steps_aside(turns: Turns) -> None:
    """One waits two milliseconds from when it was seen, four wait for nothing, and an audit row neither."""
    now = [NOW]
    turns_time = SimpleNamespace(perf_counter=lambda: now[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unsilo.storage.turns.time", turns_time)
        assert not turns._others_wait()
        turns._receipts.append(Receipts([], Future()))
        assert not turns._others_wait()
        now[0] += 0.0019
        assert not turns._others_wait()
        now[0] += 0.0002
        assert turns._others_wait()
        turns._noticed = 0.0
        assert not turns._others_wait()
        turns._receipts.extend(Receipts([], Future()) for _ in range(3))
        assert turns._others_wait()
        turns._receipts.clear()
        turns._trails.append(Trail([], Future()))
        assert turns._others_wait()


def test_what_is_still_to_be_written_counts_as_time(turns: Turns) -> None:
    """The rows that a group has gathered are reckoned at what rows took before."""
    turns._receipts.append(Receipts([], Future()))
    turns._seconds_each = 0.001
    assert turns._is_enough(60, NOW, NOW)
    assert not turns._is_enough(9, NOW, NOW)


def test_a_group_is_long_while_nobody_waits(turns: Turns) -> None:
    """A hundred and twenty milliseconds when no receipt came for a second, whatever it holds."""
    turns._received = NOW - 3600
    assert not turns._is_enough(1, NOW - 0.119, NOW - 0.119)
    assert turns._is_enough(1, NOW - 0.121, NOW - 0.121)


def test_a_group_is_short_when_an_answer_must_be_recorded_first(turns: Turns) -> None:
    """Five milliseconds while an audit row waits, whatever it holds."""
    turns._trails.append(Trail([], Future()))
    assert not turns._is_enough(1, NOW - 0.004, NOW - 0.004)
    assert turns._is_enough(1, NOW - 0.006, NOW - 0.006)


def test_a_load_ends_with_its_number_or_when_somebody_comes(turns: Turns) -> None:
    """A load shares a commit till its number, its longest time, or somebody else."""
    turns.load = 100
    assert not turns._is_enough(99, NOW - 13.9, NOW - 13.9)
    assert turns._is_enough(99, NOW - 14.1, NOW - 14.1)
    assert turns._is_enough(100, NOW, NOW)
    turns._trails.append(Trail([], Future()))
    assert turns._is_enough(1, NOW, NOW)
