"""Whether there is something, and whether it is true (FHIRPath N1, 5.1, 6.5.3 not)."""

from unsilo.fhir.path.context import Site, State
from unsilo.fhir.path.equality import distinct, key
from unsilo.fhir.path.kinds import INTEGER, Items
from unsilo.fhir.path.registry import Build, TruthStep, eager, eager_truth, special_truth
from unsilo.fhir.path.tree import Call

__all__: list[str] = []


@eager_truth("empty")
def _empty(site: Site, items: Items, arguments: list[Items]) -> bool:
    return not items


@special_truth("exists", 0, 1)
def _exists(build: Build, call: Call, site: Site) -> TruthStep:
    if not call.arguments:
        return lambda state, items: bool(items)
    test = build.truth(call.arguments[0])

    def run(state: State, items: Items) -> bool:
        this, index, found = state.this, state.index, False
        state.spend(len(items))
        for n, item in enumerate(items):
            state.this, state.index = item, n
            if test(state):
                found = True
                break
        state.this, state.index = this, index
        return found

    return run


@special_truth("all", 1)
def _all(build: Build, call: Call, site: Site) -> TruthStep:
    test = build.truth(call.arguments[0])

    def run(state: State, items: Items) -> bool:
        this, index, held = state.this, state.index, True
        state.spend(len(items))
        for n, item in enumerate(items):
            state.this, state.index = item, n
            if not test(state):
                held = False
                break
        state.this, state.index = this, index
        return held

    return run


def _booleans(site: Site, items: Items) -> list[bool]:
    for item in items:
        if type(item[0]) is not bool:
            site.fail(f"every item must be a Boolean, not {item[1].said}")
    return [item[0] for item in items]


@eager_truth("allTrue")
def _all_true(site: Site, items: Items, arguments: list[Items]) -> bool:
    return all(_booleans(site, items))


@eager_truth("anyTrue")
def _any_true(site: Site, items: Items, arguments: list[Items]) -> bool:
    return any(_booleans(site, items))


@eager_truth("allFalse")
def _all_false(site: Site, items: Items, arguments: list[Items]) -> bool:
    return not any(_booleans(site, items))


@eager_truth("anyFalse")
def _any_false(site: Site, items: Items, arguments: list[Items]) -> bool:
    return not all(_booleans(site, items))


@eager_truth("subsetOf", 1)
def _subset_of(site: Site, items: Items, arguments: list[Items]) -> bool:
    return {key(item) for item in items} <= {key(item) for item in arguments[0]}


@eager_truth("supersetOf", 1)
def _superset_of(site: Site, items: Items, arguments: list[Items]) -> bool:
    return {key(item) for item in items} >= {key(item) for item in arguments[0]}


@eager("count")
def _count(site: Site, items: Items, arguments: list[Items]) -> Items:
    return [(len(items), INTEGER, None)]


@eager("distinct")
def _distinct(site: Site, items: Items, arguments: list[Items]) -> Items:
    return distinct(items)


@eager_truth("isDistinct")
def _is_distinct(site: Site, items: Items, arguments: list[Items]) -> bool:
    return len(distinct(items)) == len(items)


@eager_truth("not")
def _not(site: Site, items: Items, arguments: list[Items]) -> bool | None:
    item = site.one(items)
    if item is None:
        return None
    # One item that is no Boolean counts as true (4.5).
    return None if item[0] is None else item[0] is False
