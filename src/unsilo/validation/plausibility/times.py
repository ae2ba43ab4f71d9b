"""The rules about times: before the birth, after the death, in the future, in the wrong order, too old."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from unsilo.kernel import Issue, Json, Where
from unsilo.validation.plausibility.moments import DAY, Said, bounds_of, moment, names_of
from unsilo.validation.plausibility.person import Person
from unsilo.validation.plausibility.tables import Moment, moment_rows

__all__ = ["CHECKS", "times"]

_YEAR = 365.2425 * DAY
_VOID = ("entered-in-error", "cancelled", "not-done")

Check = Callable[[Moment, Json, Said, Person, int], dict[str, str] | None]
"""Called with rule, resource, the time, the person and now; gives the words of the sentence, None when all is well."""


def _future(rule: Moment, _resource: Json, said: Said, _person: Person, now: int) -> dict[str, str] | None:
    return {} if now and said.bounds[0] > now + rule.days * DAY else None


def _before_birth(rule: Moment, _resource: Json, said: Said, person: Person, _now: int) -> dict[str, str] | None:
    if person.birth is None or said.bounds[1] + rule.days * DAY > person.birth[0]:
        return None
    return {"birth": person.born}


def _after_death(rule: Moment, _resource: Json, said: Said, person: Person, _now: int) -> dict[str, str] | None:
    if person.death is None or said.bounds[0] < person.death[1] + rule.days * DAY:
        return None
    return {"death": person.died}


def _before(rule: Moment, resource: Json, said: Said, _person: Person, _now: int) -> dict[str, str] | None:
    other = moment(resource, rule.other)
    return {"other": other.words} if other and said.bounds[1] + rule.days * DAY <= other.bounds[0] else None


def _age(rule: Moment, resource: Json, said: Said, _person: Person, now: int) -> dict[str, str] | None:
    if resource.get("deceasedBoolean") is True:
        return None
    end = moment(resource, rule.other)
    if end is None and not now:
        return None
    lived = (end.bounds[0] if end else now) - said.bounds[1]
    return {"years": f"{lived / _YEAR:.0f}"} if lived > rule.days * DAY else None


CHECKS: dict[str, Check] = {
    "future": _future, "before-birth": _before_birth, "after-death": _after_death, "before": _before, "age": _age,
}  # fmt: skip
"""The column `check` of `times.csv`."""

_BY_TYPE: dict[str, list[Moment]] = {}
for _row in moment_rows():
    _BY_TYPE.setdefault(_row.resource, []).append(_row)


class _Window(NamedTuple):
    """Of one element the strictest of its rules, in microseconds beyond now, birth and death; None without a rule."""

    names: tuple[tuple[str, ...], tuple[str, ...]]
    future: int | None
    birth: int | None
    death: int | None
    before: list[tuple[tuple[tuple[str, ...], tuple[str, ...]], int]]
    """(names of the other element, microseconds) of what must not lie so far before another."""


def _window(rows: list[Moment], element: str) -> _Window:
    def least(check: str) -> int | None:
        return min((row.days * DAY for row in rows if row.element == element and row.check == check), default=None)

    before = [(names_of(r.other), r.days * DAY) for r in rows if r.element == element and r.check == "before"]
    return _Window(names_of(element), least("future"), least("before-birth"), least("after-death"), before)


_WINDOWS: dict[str, list[_Window]] = {
    kind: [_window(rows, element) for element in dict.fromkeys(row.element for row in rows)]
    for kind, rows in _BY_TYPE.items()
    if all(row.check != "age" for row in rows)
}
"""By resource type; nearly all times lie within them, and then no rule needs to be asked."""


def _within(resource: Json, windows: list[_Window], person: Person, now: int) -> bool:
    """Tell whether no rule can have anything against the times of a resource; False says only that they must be asked.

    The comparisons are those of the checks above, with the strictest number of days.
    """
    birth, death = person.birth, person.death
    for names, future, born, died, before in windows:
        found = bounds_of(resource, names)
        if found is None:
            continue
        low, high = found
        if future is not None and now and low > now + future:
            return False
        if born is not None and birth is not None and high + born <= birth[0]:
            return False
        if died is not None and death is not None and low >= death[1] + died:
            return False
        for others, days in before:
            other = bounds_of(resource, others)
            if other is not None and high + days <= other[0]:
                return False
    return True


def times(resource: Json, person: Person, now: int) -> list[Issue]:
    """Return what cannot be about the times of a resource."""
    found: list[Issue] = []
    kind = resource["resourceType"]
    rows = _BY_TYPE.get(kind)
    if rows is None:
        return found
    status = resource.get("status")
    windows = _WINDOWS.get(kind)
    if status in _VOID or (windows is not None and _within(resource, windows, person, now)):
        return found
    known: dict[str, Said | None] = {}
    for rule in rows:
        if rule.statuses and not (isinstance(status, str) and status in rule.statuses):
            continue
        if rule.element not in known:
            known[rule.element] = moment(resource, rule.element)
        said = known[rule.element]
        words = CHECKS[rule.check](rule, resource, said, person, now) if said is not None else None
        if words is not None and said is not None:
            text = rule.sentence.format(at=said.words, **words)
            where = Where(f"{rule.resource}.{said.path}")
            found.append(Issue("warning", "business-rule", text, where, "look at the dates that were sent", rule.rule))
    return found
