"""Order of arrival per key, with merges that have two keys."""

from hypothesis import given
from hypothesis import strategies as st

from unsilo.flow.order import Order


def test_one_key_runs_one_after_the_other_and_others_pass() -> None:
    """What waits for a key waits for it alone."""
    order = Order()
    order.add(1, ["a"])
    order.add(2, ["a"])
    order.add(3, ["b"])
    order.add(4, [])
    assert [order.take() for _ in range(4)] == [1, 3, 4, None]
    order.done(1)
    assert order.take() == 2


def test_a_merge_waits_for_both_patients_and_holds_both() -> None:
    """An item with two keys runs when it is first of both, and both wait for it."""
    order = Order()
    order.add(1, ["a"])
    order.add(2, ["b"])
    order.add(3, ["a", "b"])
    order.add(4, ["b"])
    assert [order.take(), order.take(), order.take()] == [1, 2, None]
    order.done(1)
    assert order.take() is None
    order.done(2)
    assert [order.take(), order.take()] == [3, None]
    order.done(3)
    assert order.take() == 4


def test_given_back_items_come_again_first() -> None:
    """Jobs of a lost worker are taken again in their order, before anything newer."""
    order = Order()
    for item in range(5):
        order.add(item, [str(item)])
    taken = [order.take(), order.take(), order.take()]
    assert taken == [0, 1, 2]
    order.give_back([0, 1, 2])
    assert [order.take() for _ in range(5)] == [0, 1, 2, 3, 4]


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=3), max_size=40), st.randoms())
def test_every_item_runs_once_and_in_order_of_its_keys(items: list[list[str]], random: object) -> None:
    """However completions come, no item is lost and each key sees its items in order of arrival."""
    order = Order()
    for number, keys in enumerate(items):
        order.add(number, keys)
    running: list[int] = []
    finished: list[int] = []
    while len(finished) < len(items):
        while (item := order.take()) is not None:
            running.append(item)
        chosen = running.pop(random.randrange(len(running)))  # type: ignore[attr-defined]
        order.done(chosen)
        finished.append(chosen)
    assert len(order) == 0
    for key in "abcd":
        own = [number for number, keys in enumerate(items) if key in keys]
        assert [number for number in finished if number in own] == own
