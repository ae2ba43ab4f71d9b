"""Walking the tree, and the clock (FHIRPath N1, 5.8, 5.9)."""

from decimal import Decimal

from unsilo.fhir.path import temporal
from unsilo.fhir.path.context import Site, State
from unsilo.fhir.path.kinds import DATE, DATETIME, SYSTEM, TIME, Items
from unsilo.fhir.path.navigate import StepRun, children
from unsilo.fhir.path.registry import Build, eager, special
from unsilo.fhir.path.tree import Call
from unsilo.fhir.path.typing import reflected

__all__: list[str] = []


@special("children")
def _children(build: Build, call: Call, site: Site) -> StepRun:
    def run(state: State, items: Items) -> Items:
        found = children(items)
        state.spend(len(found))
        return found

    return run


@special("descendants")
def _descendants(build: Build, call: Call, site: Site) -> StepRun:
    def run(state: State, items: Items) -> Items:
        out: Items = []
        wave = items
        while wave := children(wave):
            state.spend(len(wave))
            out += wave
        return out

    return run


@eager("type")
def _type(site: Site, items: Items, arguments: list[Items]) -> Items:
    return [(reflected(item), SYSTEM["TypeInfo"], None) for item in items]


@special("now")
def _now(build: Build, call: Call, site: Site) -> StepRun:
    return lambda state, items: [(temporal.moment_of(state.now()), DATETIME, None)]


@special("today")
def _today(build: Build, call: Call, site: Site) -> StepRun:
    def run(state: State, items: Items) -> Items:
        now = state.now()
        return [(temporal.Date((now.year, now.month, now.day)), DATE, None)]

    return run


@special("timeOfDay")
def _time_of_day(build: Build, call: Call, site: Site) -> StepRun:
    def run(state: State, items: Items) -> Items:
        now = state.now()
        second = (Decimal(now.second) + Decimal(now.microsecond // 1000).scaleb(-3)).quantize(Decimal("0.001"))
        return [(temporal.Time((now.hour, now.minute, second)), TIME, None)]

    return run
