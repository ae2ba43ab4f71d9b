"""Quantities: a decimal with a UCUM unit or a calendar word, reckoned exactly (FHIRPath N1, 4.1.8, 6.6)."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from unsilo.fhir.path.decimals import decimals, from_fraction
from unsilo.units import Canonical, canonical

__all__ = ["CALENDAR", "UCUM", "UCUM_OF", "Quantity", "from_fhir", "from_text"]

UCUM: Final = "http://unitsofmeasure.org"

UCUM_OF: Final = {
    "year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s",
    "millisecond": "ms",
}  # fmt: skip
"""Calendar words and the codes of the durations that come next to them."""

CALENDAR: Final = {word: unit for unit in UCUM_OF for word in (unit, unit + "s")}
"""Words that may stand after a number, and the unit that each is."""

_VARIABLE: Final = ("year", "month")
_FROM_UCUM: Final = {code: word for word, code in UCUM_OF.items()}
_TERM: Final = re.compile(r"([./]?)((?:[A-Za-z%'_]|\[[^\[\]]+\])+)([1-9])?")
_TEXT: Final = re.compile(r"([+-]?[0-9]{1,64}(?:\.[0-9]{1,64})?)\s*(?:'([^']{1,1000})'|([a-z]{1,20}))?")


class Quantity:
    """A System.Quantity.

    `calendar` True: `unit` is a calendar word (`month`); False: a UCUM code; None: a UCUM duration of a FHIR Quantity,
    which stands for either (FHIR R4 fhirpath.html, 2.9.4). A unit that is not of UCUM is `system|code`.
    """

    __slots__ = ("calendar", "unit", "value")

    def __init__(self, value: Decimal, unit: str = "1", *, calendar: bool | None = False) -> None:
        self.value = value
        self.unit = unit
        self.calendar = calendar

    def __str__(self) -> str:
        if self.calendar:
            return f"{self.value:f} {self.unit}{'' if self.value == 1 else 's'}"
        return f"{self.value:f} '{self.unit}'"

    def __repr__(self) -> str:
        return f"Quantity({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.compare(other) == 0

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def word(self) -> str:
        """The calendar word that the unit is or may be; "" when it is none."""
        if self.calendar:
            return self.unit
        return _FROM_UCUM.get(self.unit, "") if self.calendar is None else ""

    @property
    def key(self) -> tuple[Any, ...]:
        """What two equal quantities have alike."""
        if self.word in _VARIABLE:
            return "month", Fraction(self.value) * (12 if self.word == "year" else 1)
        base = self.base()
        return (self.unit, Fraction(self.value)) if base is None else (base[0].code, base[1])

    def canonical(self) -> Canonical | None:
        """The unit in base units; None for years and months of the calendar, and for what is not UCUM."""
        if self.calendar:
            return None if self.unit in _VARIABLE else canonical(UCUM_OF[self.unit])
        return canonical(self.unit)

    def base(self) -> tuple[Canonical, Fraction] | None:
        """Return the unit in base units and the value in them."""
        found = self.canonical()
        value = found.to_base(Fraction(self.value)) if found else None
        return (found, value) if found and value is not None else None

    def _pair(self, other: "Quantity") -> tuple[Fraction, Fraction] | None:
        """Return both values in one unit; None when there is none."""
        ours, theirs = self.word, other.word
        if ours in _VARIABLE or theirs in _VARIABLE:
            if ours not in _VARIABLE or theirs not in _VARIABLE:
                # a UCUM year of 365.25 days is no calendar year; one from FHIR data stands for either
                both = self.calendar is None or other.calendar is None
                if not both or self.calendar or other.calendar:
                    return None
            else:
                return tuple(  # type: ignore[return-value]
                    Fraction(q.value) * (12 if q.word == "year" else 1) for q in (self, other)
                )
        one, two = self.base(), other.base()
        if one is None or two is None:
            same = self.unit == other.unit and self.calendar == other.calendar
            return (Fraction(self.value), Fraction(other.value)) if same else None
        return (one[1], two[1]) if one[0].code == two[0].code else None

    def compare(self, other: "Quantity") -> int | None:
        """Return -1, 0 or 1; None when the units cannot be compared."""
        pair = self._pair(other)
        return None if pair is None else (pair[0] > pair[1]) - (pair[0] < pair[1])

    def ratio(self, other: "Quantity") -> Decimal | None:
        """Return how many times `other` it is; None when not comparable or when a special unit (Cel, pH) is met."""
        found = self.canonical(), other.canonical()
        if any(unit is not None and unit.special for unit in found):
            return None
        pair = self._pair(other)
        return None if pair is None or not pair[1] else from_fraction(pair[0] / pair[1])

    def comparable(self, other: "Quantity") -> bool:
        """Whether a value of one unit can be said in the other."""
        return self._pair(other) is not None

    def equivalent(self, other: "Quantity") -> bool:
        """Whether they are the same, rounded to the less precise one; a calendar year is like a UCUM year (6.1.2)."""
        ours = Quantity(self.value, UCUM_OF[self.unit]) if self.calendar else self
        theirs = Quantity(other.value, UCUM_OF[other.unit]) if other.calendar else other
        one, two = ours.canonical(), theirs.canonical()
        if one is None or two is None:
            return ours.unit == theirs.unit and _alike(ours.value, theirs.value)
        if one.code != two.code:
            return False
        if one.special or two.special:
            return ours.base() == theirs.base() or (ours.unit == theirs.unit and _alike(ours.value, theirs.value))
        first, second = Fraction(ours.value) * one.factor, Fraction(theirs.value) * two.factor
        step = max(_step(ours.value) * one.factor, _step(theirs.value) * two.factor)
        return _rounded(first / step) == _rounded(second / step)

    def plus(self, other: "Quantity", sign: int = 1) -> "Quantity | None":
        """Add (or with sign -1 subtract) in the finer of the two units; None when they do not go together (6.6.3)."""
        if self.unit == other.unit and self.calendar == other.calendar:
            return Quantity(self.value + sign * other.value, self.unit, calendar=self.calendar)
        if {self.word, other.word} == set(_VARIABLE):
            months = [q.value * (12 if q.word == "year" else 1) for q in (self, other)]
            return Quantity(months[0] + sign * months[1], "month", calendar=True)
        if self.word in _VARIABLE or other.word in _VARIABLE:
            return None
        one, two = self.canonical(), other.canonical()
        if one is None or two is None or one.code != two.code or one.special or two.special:
            return None
        fine, factor = (self, one.factor) if one.factor <= two.factor else (other, two.factor)
        both = Fraction(self.value) * one.factor + sign * Fraction(other.value) * two.factor
        return Quantity(from_fraction(both / factor), fine.unit, calendar=fine.calendar)

    def times(self, other: "Quantity", *, divide: bool = False) -> "Quantity | None":
        """Multiply (or divide) values and units; None when a unit has no product or the divisor is 0 (6.6.1, 6.6.2)."""
        if divide and other.value == 0:
            return None
        value = from_fraction(
            Fraction(self.value) / Fraction(other.value) if divide else Fraction(self.value) * Fraction(other.value)
        )
        if other.unit == "1":
            return Quantity(value, self.unit, calendar=self.calendar)
        if self.unit == "1" and not divide:
            return Quantity(value, other.unit, calendar=other.calendar)
        if divide and self.unit == other.unit and self.calendar == other.calendar:
            return Quantity(value, "1")
        if self.calendar or other.calendar:
            return None
        ours, theirs = self.canonical(), other.canonical()
        if ours is None or theirs is None or ours.special or theirs.special or len(self.unit) > 200:
            return None
        return Quantity(value, _product(self.unit, other.unit, divide))


def _powers(unit: str) -> dict[str, int] | None:
    """Return the symbols of a plain product with their powers; None when there is more to it (`10*3.(m/s)`)."""
    found: dict[str, int] = {}
    place = 0
    while place < len(unit):
        term = _TERM.match(unit, place)
        if term is None or (place == 0 and term[1] == ".") or (place and not term[1]):
            return None
        found[term[2]] = found.get(term[2], 0) + int(term[3] or 1) * (-1 if term[1] == "/" else 1)
        place = term.end()
    return found


def _product(one: str, other: str, divide: bool) -> str:
    """Return the product or quotient of two units, like symbols taken together: cm times cm is cm2 (6.6.1, 6.6.2)."""
    ours, theirs = _powers("" if one == "1" else one), _powers(other)
    if ours is None or theirs is None:
        left = "" if one == "1" else _grouped(one)
        return f"{left}{'/' if divide else '.'}{_grouped(other)}"
    for symbol, power in theirs.items():
        ours[symbol] = ours.get(symbol, 0) + (-power if divide else power)
    above = [f"{symbol}{power if power > 1 else ''}" for symbol, power in ours.items() if power > 0]
    below = [f"/{symbol}{-power if power < -1 else ''}" for symbol, power in ours.items() if power < 0]
    return ".".join(above) + "".join(below) or "1"


def _grouped(unit: str) -> str:
    return f"({unit})" if "." in unit or "/" in unit else unit


def _step(value: Decimal) -> Fraction:
    return Fraction(1, 10 ** decimals(value))


def _rounded(value: Fraction) -> int:
    return (value * 2 + 1).__floor__() // 2


def _alike(one: Decimal, two: Decimal) -> bool:
    step = max(_step(one), _step(two))
    return _rounded(Fraction(one) / step) == _rounded(Fraction(two) / step)


def from_text(text: str) -> Quantity | None:
    """Read `4 days`, `10.1 'mg'` or `5`; None when it is no quantity (5.5.7)."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        return None
    value, unit, word = found.groups()
    if word:
        return Quantity(Decimal(value), CALENDAR[word], calendar=True) if word in CALENDAR else None
    return Quantity(Decimal(value), unit or "1")


def from_fhir(node: dict[str, Any]) -> Quantity | None:
    """Read a FHIR Quantity; None without a value, or when it has a comparator and so is no single amount."""
    value = node.get("value")
    if not isinstance(value, int | Decimal) or isinstance(value, bool) or "comparator" in node:
        return None
    system, code = node.get("system"), node.get("code")
    if system == UCUM and isinstance(code, str):
        return Quantity(Decimal(value), code, calendar=None if code in _FROM_UCUM else False)
    if code is None and "unit" not in node:
        return Quantity(Decimal(value))
    return Quantity(Decimal(value), f"{system or ''}|{code or node.get('unit')}")
