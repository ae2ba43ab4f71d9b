"""What operators do when they run: conditions, sets, order, logic (FHIRPath N1, 4.5, 6)."""

from collections.abc import Callable
from typing import Final

from unsilo.fhir.path.context import Site, State
from unsilo.fhir.path.equality import distinct, equal_items, equivalent_items, key, plain
from unsilo.fhir.path.kinds import NOBODY, Items
from unsilo.fhir.path.ordering import order
from unsilo.fhir.path.registry import ExprRun, TruthRun

__all__ = [
    "LOGIC", "ORDERS", "as_truth", "equal_text", "equivalent", "joined", "ordered", "this_item", "union", "within",
]  # fmt: skip

ORDERS: Final[dict[str, Callable[[int], bool]]] = {
    "<": lambda found: found < 0,
    "<=": lambda found: found <= 0,
    ">": lambda found: found > 0,
    ">=": lambda found: found >= 0,
}


def this_item(state: State) -> Items:
    """Return `$this`."""
    this = state.this
    return [] if this is NOBODY else [this]


def as_truth(items: Items, site: Site) -> bool | None:
    """Take a collection as a condition: one item that is no Boolean counts as true, several are an error (4.5)."""
    if not items:
        return None
    if len(items) > 1:
        site.fail(f"one item is expected, there are {len(items)}")
    value = items[0][0]
    return value if type(value) is bool else True


def union(state: State, left: Items, right: Items) -> Items:
    """`|`: both without repetitions (6.4.1)."""
    state.spend(len(left) + len(right))
    return distinct([*left, *right])


def equivalent(state: State, left: Items, right: Items) -> bool:
    """`~`, which takes steps for every pair that may be compared."""
    if len(left) == len(right):
        state.spend(len(left) * len(right) // 8)  # each is compared with each
    return equivalent_items(left, right)


def joined(left: Items, right: Items, site: Site) -> str:
    """`&`: empty is an empty text (6.6.7)."""
    parts = []
    for items in (left, right):
        item = site.one(items)
        value = "" if item is None else plain(item)
        if value is not None and type(value) is not str:
            site.fail("texts are expected")
        parts.append(value or "")
    site.room(sum(map(len, parts)))
    return "".join(parts)


def within(left: Items, right: Items, site: Site) -> bool | None:
    """`in`: whether the only item of one side is on the other; None when there is none (6.4.2)."""
    item = site.one(left)
    if item is None:
        return None
    if len(right) > 8:
        name = key(item)
        return any(name == key(other) for other in right)
    one = [item]
    return any(equal_items(one, [other]) for other in right)


def ordered(left: ExprRun, right: ExprRun, judge: Callable[[int], bool], site: Site) -> TruthRun:
    """Return `<`, `<=`, `>` or `>=` of two single values (6.2)."""

    def run(state: State) -> bool | None:
        one, other = site.one(left(state)), site.one(right(state))
        if one is None or other is None:
            return None
        found = order(plain(one), plain(other), site)
        return None if found is None else judge(found)

    return run


def equal_text(left: ExprRun, text: str, same: bool) -> TruthRun:
    """The commonest comparison there is: `use = 'official'`."""

    def run(state: State) -> bool | None:
        items = left(state)
        if not items:
            return None
        if len(items) > 1:
            return not same
        value = plain(items[0])
        if value is None:
            return None
        return (type(value) is str and value == text) is same

    return run


def _and(left: TruthRun, right: TruthRun) -> TruthRun:
    def run(state: State) -> bool | None:
        one = left(state)
        if one is False:
            return False
        other = right(state)
        return other if one or other is False else None

    return run


def _or(left: TruthRun, right: TruthRun) -> TruthRun:
    def run(state: State) -> bool | None:
        one = left(state)
        if one:
            return True
        other = right(state)
        return other if one is False or other else None

    return run


def _xor(left: TruthRun, right: TruthRun) -> TruthRun:
    def run(state: State) -> bool | None:
        one, other = left(state), right(state)
        return None if one is None or other is None else one is not other

    return run


def _implies(left: TruthRun, right: TruthRun) -> TruthRun:
    def run(state: State) -> bool | None:
        one = left(state)
        if one is False:
            return True
        other = right(state)
        return other if one or other else None

    return run


LOGIC: Final = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}
