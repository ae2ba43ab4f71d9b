"""Persons keep their ids through thousands of links and unlinks; `python -m bench.link_steps` takes a million."""

from pathlib import Path

from tests.integration.storage.link_steps import Walk
from unsilo.storage import open_store

STEPS = 20_000


def test_ids_stay_under_many_random_links_and_unlinks(tmp_path: Path) -> None:
    """The partition is the model's, no number comes twice, names lead to who stands for them, history says the same."""
    with open_store(tmp_path / "store") as store:
        walk = Walk(store, 60, 11)
        walk.walk(STEPS)
        assert walk.moves > STEPS // 2
        assert walk.replay() == walk.home
        assert store.verify() == []


def test_undoing_every_step_in_any_order_gives_the_first_partition(tmp_path: Path) -> None:
    """When each record is sent home in a random order, everybody is as at first, under the first ids."""
    with open_store(tmp_path / "store") as store:
        walk = Walk(store, 40, 12)
        first = dict(walk.home)
        walk.walk(STEPS // 20)
        order = walk.draw.sample(walk.ids, len(walk.ids))

        def back(tx):  # type: ignore[no-untyped-def]
            for one in order:
                walk._moved(one, walk.home[one], tx.link(one, first[one], "manual", "back", "kim", tx.at))

        store.submit(back).result(60)
        assert walk.home == first
        walk.compare()
        assert all(store.person(person).person == person for person in first.values())  # type: ignore[union-attr]
