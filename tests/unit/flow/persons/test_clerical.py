"""Clerical sampling: what is drawn, what it stands for, and the rates that answers give."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.flow.persons.test_persons_decided import patient, put
from unsilo import identity
from unsilo.flow.decide.review import decide_pair
from unsilo.flow.persons.clerical import Estimate, agreement, draw_pairs, estimate, groups_of, queue_sample
from unsilo.identity.census import origin
from unsilo.storage import Store, open_store
from unsilo.storage.tx_people import Sampled


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a linked pair and a pair of twins."""
    with open_store(tmp_path / "store") as opened:
        put(opened, patient("a", "Margaret", "Simic"))
        put(opened, patient("b", "Peggy", "Simic"))
        put(opened, patient("c", "Magdalena"))
        put(opened, patient("d", "Agnieszka"))
        yield opened


def test_a_sample_is_drawn_answered_and_told(store: Store) -> None:
    """Linked and unlinked pairs are drawn, the same for one seed; answers in the queue become rates."""
    draws = draw_pairs(store, 10, 1)
    assert draws == draw_pairs(store, 10, 1)
    assert {(one.left, one.right, one.stratum) for one in draws} >= {("a", "b", "link"), ("c", "d", "new")}
    assert all(one.weight >= 1 for one in draws)
    queue_sample(store, draws, "test")
    assert {one.state for one in store.samples()} == {"open"}
    assert estimate(store.samples(), "link") == Estimate(0, 0, -1.0, 0.0, 1.0)
    service = SimpleNamespace(store=store)
    decide_pair(service, "a", "b", "apart", "kim", "two women")  # type: ignore[arg-type]
    decide_pair(service, "c", "d", "apart", "kim", "twins")  # type: ignore[arg-type]
    wrong, missed = estimate(store.samples(), "link"), estimate(store.samples(), "new")
    assert (wrong.answered, wrong.wrong, wrong.rate) == (1, 1, 1.0)
    assert (missed.answered, missed.wrong, missed.rate) == (1, 0, 0.0)
    assert 0 <= missed.low <= missed.rate + 0.01 < missed.high <= 1


def test_a_decided_pair_is_not_asked_about_again(store: Store) -> None:
    """What people decided keeps its state when it is drawn, and the reason of a waiting pair stays."""
    waiting = [row for row in store.reviews("open") if {row.left, row.right} == {"c", "d"}]
    decide_pair(SimpleNamespace(store=store), "a", "b", "same", "kim", "seen")  # type: ignore[arg-type]
    queue_sample(store, draw_pairs(store, 10, 1), "test")
    assert [row for row in store.reviews("open") if {row.left, row.right} == {"c", "d"}] == waiting
    assert {one.state for one in store.samples() if (one.left, one.right) == ("a", "b")} == {"same"}


def sampled(score: float, state: str, weight: float, stratum: str = "link") -> Sampled:
    """Return a drawn pair."""
    return Sampled("a", "b", stratum, score, weight, 0, state)


def test_bands_count_for_what_they_stand_for() -> None:
    """One wrong of ten in a band of a thousand pairs, none of ten in one of nine thousand: one in a hundred."""
    samples = [sampled(0.95, "apart" if n == 0 else "same", 100.0) for n in range(10)]
    samples += [sampled(0.999, "same", 900.0) for _ in range(10)]
    found = estimate([*samples, sampled(0.95, "open", 1.0), sampled(0.3, "same", 50.0, "new")], "link")
    assert (found.answered, found.wrong) == (20, 1)
    assert found.rate == pytest.approx(0.01)
    assert found.low < 0.01 < found.high < 0.25
    assert estimate(samples, "link") == estimate(samples[::-1], "link")


def test_agreement_is_of_two_people() -> None:
    """A leaning and another's decision count; one's own, and what was taken back, do not."""
    said = [
        (1, 2, "second-same", "kim"), (1, 2, "same", "lee"), (3, 4, "second-same", "kim"), (3, 4, "apart", "lee"),
        (5, 6, "second", "kim"), (5, 6, "same", "lee"), (7, 8, "same", "kim"), (7, 8, "open", "kim"),
    ]  # fmt: skip
    found = agreement(said)
    assert (found.pairs, found.same, found.decided, found.taken_back) == (2, 1, 4, 1)


def test_groups_of_a_record() -> None:
    """Sex, age, family name and completeness are always there, whatever is missing."""
    found = dict(groups_of(identity.record(patient("a", family="Garcia", born="2015-02-03")), 2026))
    assert (found["sex"], found["age"], found["family name"]) == ("female", "under 18", "hispanic")
    empty = dict(groups_of(identity.record({"resourceType": "Patient"}), 2026))
    assert empty == {
        "sex": "not recorded", "age": "not recorded", "family name": "no name", "completeness": "much is missing",
    }  # fmt: skip
    assert [origin(name) for name in ("smith", "王", "qqqq")] == [
        "white",
        "another script",
        "not in the list of the census",
    ]
