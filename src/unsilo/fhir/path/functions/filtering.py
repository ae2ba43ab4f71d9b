"""Filtering and projection (FHIRPath N1, 5.2), `aggregate` (7), `iif` (5.5.1) and `sort`."""

from functools import cmp_to_key
from typing import Any

from unsilo.fhir.path.context import Site, State
from unsilo.fhir.path.equality import key, plain
from unsilo.fhir.path.kinds import NOBODY, Items
from unsilo.fhir.path.navigate import StepRun
from unsilo.fhir.path.ordering import order
from unsilo.fhir.path.registry import Build, TruthStep, special, special_truth
from unsilo.fhir.path.tree import Call, Literal, Name
from unsilo.fhir.path.typing import cast, type_test

__all__ = ["as_type", "is_of_type"]


@special("where", 1)
def _where(build: Build, call: Call, site: Site) -> StepRun:
    test = build.truth(call.arguments[0])

    def run(state: State, items: Items) -> Items:
        this, index = state.this, state.index
        state.spend(len(items))
        out: Items = []
        for n, item in enumerate(items):
            state.this, state.index = item, n
            if test(state):
                out.append(item)
        state.this, state.index = this, index
        return out

    return run


@special("select", 1)
def _select(build: Build, call: Call, site: Site) -> StepRun:
    project = build.items(call.arguments[0])

    def run(state: State, items: Items) -> Items:
        this, index = state.this, state.index
        state.spend(len(items))
        out: Items = []
        for n, item in enumerate(items):
            state.this, state.index = item, n
            found = project(state)
            state.spend(len(found))
            out += found
        state.this, state.index = this, index
        return out

    return run


@special("repeatAll", 1)
def _repeat_all(build: Build, call: Call, site: Site) -> StepRun:
    """Repeat without asking whether an item was found before; what finds itself ends with the budget."""
    project = build.items(call.arguments[0])

    def run(state: State, items: Items) -> Items:
        this, index = state.this, state.index
        out: Items = []
        wave = items
        while wave:
            following: Items = []
            for n, item in enumerate(wave):
                state.this, state.index = item, n
                following += project(state)
            state.spend(len(wave) + 4 * len(following))
            out += following
            wave = following
        state.this, state.index = this, index
        return out

    return run


@special("repeat", 1)
def _repeat(build: Build, call: Call, site: Site) -> StepRun:
    project = build.items(call.arguments[0])

    def run(state: State, items: Items) -> Items:
        this, index = state.this, state.index
        seen: set[Any] = set()
        out: Items = []
        wave = items
        while wave:
            state.spend(len(wave))
            following: Items = []
            for n, item in enumerate(wave):
                state.this, state.index = item, n
                for found in project(state):
                    name = key(found)
                    if name not in seen:
                        seen.add(name)
                        following.append(found)
            state.spend(4 * len(following))  # what repeat makes, it keeps
            out += following
            wave = following
        state.this, state.index = this, index
        return out

    return run


@special("ofType", 1)
def _of_type(build: Build, call: Call, site: Site) -> StepRun:
    of_type = cast(build.type_name(call.arguments[0]), site.expression)
    return lambda state, items: [found for item in items if (found := of_type(item)) is not None]


def is_of_type(name: Name, site: Site) -> TruthStep:
    """Return the test whether the only item is of a type."""
    test = type_test(name, site.expression)

    def run(state: State, items: Items) -> bool | None:
        item = site.one(items)
        return None if item is None else test(item)

    return run


@special_truth("is", 1)
def _is(build: Build, call: Call, site: Site) -> TruthStep:
    return is_of_type(build.type_name(call.arguments[0]), site)


@special("as", 1)
def _as(build: Build, call: Call, site: Site) -> StepRun:
    return as_type(build.type_name(call.arguments[0]), site, lenient=build.lenient)


def as_type(name: Name, site: Site, *, lenient: bool) -> StepRun:
    """Return the cast of the only item; when `lenient`, of all items, leaving out those of other types."""
    of_type = cast(name, site.expression)
    if lenient:
        return lambda state, items: [found for item in items if (found := of_type(item)) is not None]

    def run(state: State, items: Items) -> Items:
        item = site.one(items)
        found = None if item is None else of_type(item)
        return [] if found is None else [found]

    return run


@special("aggregate", 1, 2)
def _aggregate(build: Build, call: Call, site: Site) -> StepRun:
    step = build.items(call.arguments[0])
    start = build.items(call.arguments[1]) if len(call.arguments) > 1 else None

    def run(state: State, items: Items) -> Items:
        this, index, total = state.this, state.index, state.total
        result = start(state) if start else []
        state.spend(len(items))
        for n, item in enumerate(items):
            state.this, state.index, state.total = item, n, result
            result = step(state)
            state.spend(len(result))
        state.this, state.index, state.total = this, index, total
        return result

    return run


@special("iif", 2, 3)
def _iif(build: Build, call: Call, site: Site) -> StepRun:
    condition = build.items(call.arguments[0])
    yes = build.items(call.arguments[1])
    no = build.items(call.arguments[2]) if len(call.arguments) > 2 else None

    def run(state: State, items: Items) -> Items:
        this = state.this
        state.this = site.one(items) or NOBODY
        asked = site.one(condition(state))
        if asked is not None and type(asked[0]) is not bool:
            site.fail(f"the condition must be a Boolean, not {asked[1].said}")
        chosen = yes if asked is not None and asked[0] else no
        found = chosen(state) if chosen else []
        state.this = this
        return found

    return run


@special("sort", 0, 16)
def _sort(build: Build, call: Call, site: Site) -> StepRun:
    keys = [build.items(node) for node in call.arguments]
    turned = call.descending or (False,)

    def compare(one: tuple[Any, ...], other: tuple[Any, ...]) -> int:
        for left, right, down in zip(one, other, turned, strict=False):
            if left is None or right is None:
                found = (left is not None) - (right is not None)  # an empty key is lower than all others
            else:
                found = order(left, right, site) or 0
            if found:
                return -found if down else found
        return 0

    def run(state: State, items: Items) -> Items:
        this, index = state.this, state.index
        state.spend(len(items) * 4)
        keyed: list[tuple[Any, ...]] = []
        for n, item in enumerate(items):
            state.this, state.index = item, n
            found = [site.one(make(state)) for make in keys] if keys else [item]
            keyed.append((*(None if f is None else plain(f) for f in found),))
        state.this, state.index = this, index
        by_key = cmp_to_key(compare)
        places = sorted(range(len(items)), key=lambda place: by_key(keyed[place]))
        return [items[place] for place in places]

    return run


@special("trace", 1, 2)
def _trace(build: Build, call: Call, site: Site) -> StepRun:
    first = call.arguments[0]
    name = first.value if isinstance(first, Literal) and isinstance(first.value, str) else "trace"
    project = build.items(call.arguments[1]) if len(call.arguments) > 1 else None

    def run(state: State, items: Items) -> Items:
        tell = state.context.trace
        if tell is not None:
            shown = items
            if project:
                this, index, shown = state.this, state.index, []
                for n, item in enumerate(items):
                    state.this, state.index = item, n
                    shown += project(state)
                state.this, state.index = this, index
            tell(name, [item[0] for item in shown])
        return items

    return run
