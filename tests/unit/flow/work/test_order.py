"""Order of arrival per key, with merges that have two keys."""

from hypothesis import given
from hypothesis import strategies as st

from unsilo.flow.work.order import Order


def test_one_key_runs_one_after_the_other_and_others_pass() -> None:
    """What waits for a key waits for it alone."""
    order = Order()
    order.add(1, ["a"])
    order.add(2, ["a"])
    order.add(3, ["b"])
    order.add(4, [])
    assert [order.leads(item) for item in (1, 2, 3, 4)] == [True, False, True, True]
    assert order.done(4) == []
    assert order.done(1) == [2]
    assert order.leads(2)
    assert order.done(2) == []


def test_a_merge_waits_for_both_patients_and_holds_both() -> None:
    """An item with two keys runs when it is first of both, and both wait for it."""
    order = Order()
    order.add(1, ["a"])
    order.add(2, ["b"])
    order.add(3, ["a", "b"])
    order.add(4, ["b"])
    order.add(5, ["a"])
    assert order.done(1) == []
    assert order.done(2) == [3]
    assert not order.leads(4)
    assert order.done(3) == [5, 4]


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=3), max_size=40), st.randoms())
def test_every_item_runs_once_and_in_order_of_its_keys(items: list[list[str]], random: object) -> None:
    """However completions come, no item is lost and each key sees its items in order of arrival."""
    order = Order()
    for number, keys in enumerate(items):
        order.add(number, keys)
    running = [number for number in range(len(items)) if order.leads(number)]
    finished: list[int] = []
    while running:
        chosen = running.pop(random.randrange(len(running)))  # type: ignore[attr-defined]
        running += order.done(chosen)
        finished.append(chosen)
    assert sorted(finished) == list(range(len(items)))
    assert len(order) == 0
    for key in "abcd":
        own = [number for number, keys in enumerate(items) if key in keys]
        assert [number for number in finished if number in own] == own
