"""The page about units: a value converted, an expression taken apart, the reviewed tables, and what the feeds send."""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation

import msgspec
from starlette.responses import Response

from unsilo.console.gate import Asked
from unsilo.console.render import page
from unsilo.flow.maps.units import MOST, seen_units
from unsilo.kernel import Issue
from unsilo.units import comparable, convert_analyte, normalise
from unsilo.units.explain import Explained, explain
from unsilo.units.molar import Analyte, analyte, analytes
from unsilo.units.spelling import How, aliases, reason

__all__ = ["units_page"]

_MOST_TYPED = 200
_DIGITS = 4
_PLACES = {"whole": "a whole unit", "part": "a whole unit or a part of one", "inside": "a part only"}


class Read(msgspec.Struct):
    """A unit that was typed: how it is read, by which row's note, and what it is; else the Issues."""

    typed: str
    code: str = ""
    how: How = "none"
    why: str = ""
    explained: Explained | None = None
    issues: list[Issue] = []


class Converted(msgspec.Struct):
    """A conversion: the result, with `exact` where it was shortened, or why there is none.

    `by` is the row of the molar masses where one was needed.
    """

    value: str = ""
    exact: str = ""
    issues: list[Issue] = []
    by: Analyte | None = None


def _read(typed: str) -> Read | None:
    if not typed:
        return None
    code, how = normalise(typed)
    found = explain(code or typed)
    issues = [] if code else found.issues or [_doubtful(typed)]
    return Read(typed, code, how, reason(typed), found.value if code else None, issues)


def _doubtful(typed: str) -> Issue:
    text = f"{typed[:40]} has more than one meaning, or is UCUM for what no health record means."
    return Issue("error", "value", text, hint=reason(typed), rule="units.alias.ambiguous")


def _shown(value: Decimal) -> str:
    """Return a number without an exponent where that stays readable."""
    plain = f"{value:f}"
    return plain if len(plain) <= 40 else f"{value:.12E}"


def _short(value: Decimal, digits: int) -> Decimal:
    """Return a value with as many digits as were typed, at least four."""
    if value.is_zero() or len(value.as_tuple().digits) <= _DIGITS:
        return value
    return value.normalize(Context(prec=max(_DIGITS, digits)))


def _convert(typed: str, source: Read | None, target: Read | None, key: str) -> Converted | None:
    if not typed or source is None or target is None:
        return None
    if source.issues or target.issues:
        return Converted(issues=[*source.issues, *target.issues])
    try:
        value = Decimal(typed.replace(" ", ""))
    except InvalidOperation:
        text = f"{typed[:40]} is not a number. Write digits with a point, such as 5.6."
        return Converted(issues=[Issue("error", "value", text, rule="units.convert.number")])
    found = convert_analyte(value, source.code, target.code, key)
    if found.value is None:
        return Converted(issues=found.issues)
    short = _short(found.value, len(value.as_tuple().digits))
    exact = "" if short == found.value else _shown(found.value)
    by = None if comparable(source.code, target.code) else analyte(key)
    return Converted(_shown(short), exact, [], by)


def units_page(asked: Asked) -> Response:
    """Show what was asked for, the tables, and the units of the newest results; works without a script."""
    query = asked.request.query_params
    typed, unit, to, key = (query.get(name, "").strip()[:_MOST_TYPED] for name in ("value", "unit", "to", "analyte"))
    source, target = _read(unit), _read(to)
    seen, looked = seen_units(asked.service.store)
    return page(
        "units.html", asked.view, title="Units", typed=typed, unit=unit, to=to, key=key,
        source=source, target=target, converted=_convert(typed, source, target, key), analytes=analytes(),
        aliases=aliases(), places=_PLACES, seen=seen, looked=looked, most=MOST,
        unread=sum(each.how == "none" for each in seen),
    )  # fmt: skip
