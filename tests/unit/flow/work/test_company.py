"""What is ready for the store waits for others only behind a backlog, never for long, and never where one waits."""

import pytest

from unsilo.flow.work.company import ENOUGH, PATIENCE, Company
from unsilo.flow.work.item import Item


def _item(mid: int) -> Item:
    return Item(mid, f"e{mid}", "his", (), "hl7v2")


def _mids(items: list[Item]) -> list[int]:
    return [item.mid for item in items]


@pytest.mark.parametrize("coming", [0, 1, 3])
def test_without_a_backlog_nothing_waits(coming: int) -> None:
    """Where the workers have little at hand, a message is handed over at once."""
    company = Company()
    company.add(_item(1), 10.0, awaited=False)
    assert _mids(company.take(coming, 10.0)) == [1]
    assert len(company) == 0


def test_behind_a_backlog_messages_are_handed_over_together_in_their_order() -> None:
    """Nothing goes before there are enough, then all of them in the order in which they became ready."""
    company = Company()
    for mid in range(1, ENOUGH):
        company.add(_item(mid), 10.0, awaited=False)
        assert company.take(8, 10.0) == []
    company.add(_item(ENOUGH), 10.0, awaited=False)
    assert _mids(company.take(8, 10.0)) == list(range(1, ENOUGH + 1))
    assert company.take(0, 10.0) == []


def test_what_is_more_than_enough_follows_after() -> None:
    """Of a long row one company goes at a time, each in order; who hurries is not forgotten among the rest."""
    company = Company()
    for mid in range(2 * ENOUGH + 3):
        company.add(_item(mid), 10.0, awaited=mid == 2 * ENOUGH + 2)
    taken = [_mids(company.take(8, 10.0)) for _ in range(3)]
    assert [len(part) for part in taken] == [ENOUGH, ENOUGH, 3]
    assert [mid for part in taken for mid in part] == list(range(2 * ENOUGH + 3))
    assert company.take(0, 10.0) == []


def test_the_first_waits_no_longer_than_its_patience() -> None:
    """When the first has waited long enough, all go; what is left of its patience is told."""
    company = Company()
    company.add(_item(1), 10.0, awaited=False)
    company.add(_item(2), 10.0 + PATIENCE / 2, awaited=False)
    assert company.take(8, 10.0 + PATIENCE / 2) == []
    assert company.patience(10.0 + PATIENCE / 2, 9.0) == pytest.approx(PATIENCE / 2)
    assert _mids(company.take(8, 10.0 + PATIENCE)) == [1, 2]
    assert company.patience(10.0 + PATIENCE, 9.0) == 9.0


def test_what_waits_longer_than_planned_is_due_at_once() -> None:
    """Patience is never negative."""
    company = Company()
    company.add(_item(1), 10.0, awaited=False)
    assert company.patience(99.0, 9.0) == 0.0


def test_a_message_whose_sender_waits_takes_all_along() -> None:
    """Nobody who waits for an end is held up, and the hurry ends with it."""
    company = Company()
    company.add(_item(1), 10.0, awaited=False)
    company.add(_item(2), 10.0, awaited=True)
    assert _mids(company.take(8, 10.0)) == [1, 2]
    company.add(_item(3), 11.0, awaited=False)
    assert company.take(8, 11.0) == []
