"""Elements of FHIR datatypes to search keys, one small function for each datatype (FHIR R4 search.html 3.1.1.4)."""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import inf, isfinite, nextafter
from typing import Any, Final

from unsilo.fhir.dates import period, range_of, timing
from unsilo.fhir.index.keys import (
    CURRENCIES,
    LONGEST,
    UCUM,
    canonical_forms,
    canonical_value,
    clean,
    number,
    reference_type,
    string_key,
    target,
    text_key,
    token,
    typed,
)  # fmt: skip
from unsilo.fhir.index.units import ANY, LONGEST_UNIT, converted, stated
from unsilo.units import Canonical, canonical

__all__ = [
    "address_keys", "canonical_keys", "coding_keys", "coding_texts", "concept_keys", "concept_texts", "contact_keys",
    "date_keys", "has_extension", "identifier_keys", "identifier_texts", "identifier_types", "literal", "logical",
    "money_keys", "name_keys", "number_keys", "period_keys", "position", "quantity_keys", "range_keys", "string_keys",
    "targets", "timing_keys", "token_keys", "uri_keys", "value_range_keys",
]  # fmt: skip

Token = tuple[int, str, str]
"""(key, system, text to sort by)"""
Text = tuple[int, str]
Span = tuple[int, int]
Measure = tuple[int, float, float, str]
"""(unit key, low, high, what the unit says: "" where the key is of no stated unit)"""
_Said = tuple[Any, str, str, str, str]
"""(value, comparator, unit, system, code)"""

_SHORT: Final = 256  # what is longer would only fill the caches
_ADDRESS: Final = ("line", "city", "district", "state", "postalCode", "country", "text")
_NAME: Final = ("family", "given", "prefix", "suffix", "text")


def _text(node: dict[str, Any], name: str) -> str:
    found = node.get(name)
    return found if type(found) is str else ""


def coding_keys(v: dict[str, Any]) -> list[Token]:
    """Return the key of a Coding."""
    code, system = v.get("code"), v.get("system")
    if type(code) is not str:
        code = ""
    if type(system) is not str:
        system = ""
    if code or system:
        key, text = token(code)
        return [(key, clean(system), text)]
    return []


def concept_keys(v: dict[str, Any]) -> list[Token]:
    """Return the keys of a CodeableConcept's codings."""
    codings = v.get("coding")
    found: list[Token] = []
    if type(codings) is list:
        for coding in codings:
            if type(coding) is dict:
                # The commonest of all keys: `coding_keys` without its calls.
                code, system = coding.get("code"), coding.get("system")
                if type(code) is str and code and type(system) is str and system.isascii() and "\0" not in system:
                    key, text = token(code)
                    found.append((key, system, text))
                else:
                    found += coding_keys(coding)
    return found


def coding_texts(v: dict[str, Any]) -> list[Text]:
    """Return the key of a Coding's display."""
    display = v.get("display")
    return [text_key(display)] if type(display) is str and display else []


def concept_texts(v: dict[str, Any]) -> list[Text]:
    """Return the keys of a CodeableConcept's text and displays."""
    text, codings = v.get("text"), v.get("coding")
    found = [text_key(text)] if type(text) is str and text else []
    if type(codings) is list:
        # A display that repeats the text gives the same key.
        found += [
            text_key(display)
            for coding in codings
            if type(coding) is dict and type(display := coding.get("display")) is str and display and display != text
        ]
    return found


def identifier_keys(v: dict[str, Any]) -> list[Token]:
    """Return the key of an Identifier: its value, in its system."""
    value, system = _text(v, "value"), _text(v, "system")
    if value or system:
        key, text = token(value)
        return [(key, clean(system), text)]
    return []


def identifier_texts(v: dict[str, Any]) -> list[Text]:
    """Return the key of the text of an Identifier's type."""
    kind = v.get("type")
    text = _text(kind, "text") if type(kind) is dict else ""
    return [text_key(text)] if text else []


def identifier_types(v: dict[str, Any]) -> list[Text]:
    """Return the keys for `:of-type`: the value, in each coding of the type."""
    kind, value = v.get("type"), _text(v, "value")
    codings = kind.get("coding") if type(kind) is dict else None
    if not value or type(codings) is not list:
        return []
    key, _ = token(value)
    return [
        (key, typed(_text(coding, "system"), code))
        for coding in codings
        if type(coding) is dict and (code := _text(coding, "code"))
    ]


def contact_keys(v: dict[str, Any]) -> list[Token]:
    """Return the key of a ContactPoint: its value, in its system (`phone`, `email`, ...)."""
    value = _text(v, "value")
    if value:
        key, text = token(value)
        return [(key, clean(_text(v, "system")), text)]
    return []


def token_keys(v: Any) -> list[Token]:
    """Return the key of a code, text, URI or boolean: no system."""
    if type(v) is bool:
        v = "true" if v else "false"
    if type(v) is str and v:
        key, text = token(v)
        return [(key, "", text)]
    return []


def date_keys(v: Any) -> list[Span]:
    """Return the range of a date, dateTime or instant."""
    found = range_of(v) if type(v) is str else None
    return [found] if found else []


def period_keys(v: dict[str, Any]) -> list[Span]:
    """Return the range of a Period; an end that is not said is open."""
    found = period(v)
    return [found] if found else []


def timing_keys(v: dict[str, Any]) -> list[Span]:
    """Return the outer limits of a Timing."""
    found = timing(v)
    return [found] if found else []


def number_keys(v: Any) -> list[tuple[float, float]]:
    """Return a number as a range of one value."""
    found = number(v)
    return [] if found is None else [(found, found)]


def value_range_keys(v: dict[str, Any]) -> list[tuple[float, float]]:
    """Return a Range's numbers whatever their units; an end that is not said is open."""
    low, high = v.get("low"), v.get("high")
    lowest = number(low.get("value")) if type(low) is dict else None
    highest = number(high.get("value")) if type(high) is dict else None
    if lowest is None and highest is None:
        return []
    return [(-inf if lowest is None else lowest, inf if highest is None else highest)]


def _bounds(value: float, comparator: str) -> tuple[float, float]:
    """Return what a value with a comparator may be; `<` and `>` leave the value itself out."""
    match comparator:
        case "<":
            return -inf, nextafter(value, -inf)
        case "<=":
            return -inf, value
        case ">":
            return nextafter(value, inf), inf
        case ">=":
            return value, inf
    return value, value


_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@lru_cache(maxsize=256)
def _falls(unit: Canonical) -> bool:
    """Whether more in this unit is less in the canonical one, as of pH."""
    if unit.special is None:
        return False
    one, two = unit.to_base(Fraction(1)), unit.to_base(Fraction(2))
    return one is not None and two is not None and two < one


def _base(value: Any, system: str, code: str) -> tuple[Canonical, float] | None:
    """Return the canonical unit of a value's and the value in it; None where it is not converted."""
    if system != UCUM or not code or len(code) > LONGEST_UNIT or not isfinite(number(value) or 0.0):
        return None
    base = canonical(code)
    found = None if base is None else canonical_value(Decimal(value) if type(value) is float else value, base)
    return None if base is None or found is None else (base, found)


def _turned(base: Canonical, found: float, comparator: str) -> tuple[float, float]:
    return _bounds(found, _TURNED.get(comparator, "") if _falls(base) else comparator)


def _unit_of(unit: str, system: str, code: str, base: Canonical | None) -> tuple[int, str]:
    return stated(system if code else "", code, "" if unit == code else unit, base)


@lru_cache(maxsize=16_384)
def _measured(value: Any, comparator: str, unit: str, system: str, code: str) -> tuple[Measure, ...]:
    """Return a value under `ANY` and under its unit as it is stated; of a special unit in its canonical one too."""
    number_ = number(value)
    if number_ is None:
        return ()
    low, high = _bounds(number_, comparator)
    met = _base(value, system, code)
    key, text = _unit_of(unit, system, code, met[0] if met else None)
    if met is None or met[0].special is None:
        return (ANY, low, high, ""), (key, low, high, text)
    return (ANY, low, high, ""), (key, low, high, text), (converted(met[0].code), *_turned(*met, comparator), "")


def quantity_keys(v: dict[str, Any]) -> tuple[Measure, ...]:
    """Return (unit key, low, high, unit) of a Quantity or of a type made of it (Age, Count, Distance, Duration)."""
    value = v.get("value")
    if type(value) is not Decimal and type(value) is not int and type(value) is not float:
        return ()
    comparator, unit, system, code = v.get("comparator"), v.get("unit"), v.get("system"), v.get("code")
    comparator = comparator if type(comparator) is str else ""
    unit = unit if type(unit) is str else ""
    system = system if type(system) is str else ""
    code = code if type(code) is str else ""
    read = _measured if len(unit) + len(system) + len(code) <= _SHORT else _measured.__wrapped__
    return read(value, comparator, unit, system, code)


def money_keys(v: dict[str, Any]) -> tuple[Measure, ...]:
    """Return (unit key, low, high, unit) of Money; the currency is a code of ISO 4217."""
    value, currency = v.get("value"), _text(v, "currency")
    if type(value) is not Decimal and type(value) is not int and type(value) is not float:
        return ()
    read = _measured if len(currency) <= _SHORT else _measured.__wrapped__
    return read(value, "", "", CURRENCIES if currency else "", currency)


def _apart(first: _Said, last: _Said) -> list[Measure]:
    """Return the keys of a Range whose ends differ in their units: under what these have in common."""
    low, high = number(first[0]) or 0.0, number(last[0]) or 0.0
    found: list[Measure] = [(ANY, low, high, "")]
    system, code = (first[3], first[4]) if first[3:] == last[3:] else ("", "")
    names = {first[2], first[4]} & {last[2], last[4]} - {""}
    for name in sorted(names) or [""]:
        key, text = stated(system if code else "", code, name, None)
        found.append((key, low, high, text))
    one, two = _base(first[0], *first[3:]), _base(last[0], *last[3:])
    if one is not None and two is not None and one[0].code == two[0].code:
        ends = _turned(*one, first[1]), _turned(*two, last[1])
        found.append((converted(one[0].code), max(ends[0][0], ends[1][0]), min(ends[0][1], ends[1][1]), ""))
    return found


def range_keys(v: dict[str, Any]) -> list[Measure]:
    """Return (unit key, low, high, unit) of a Range: under the units that the ends that are said have in common."""
    ends: list[_Said] = []
    for name, comparator in (("low", ">="), ("high", "<=")):
        end = v.get(name)
        if type(end) is dict and number(end.get("value")) is not None:
            ends.append((end.get("value"), comparator, _text(end, "unit"), _text(end, "system"), _text(end, "code")))
    if not ends:
        return []
    if len(ends) == 2 and ends[0][2:] != ends[1][2:]:
        met = _apart(*ends)
    else:
        last = {key: (low, high) for key, low, high, _ in _measured.__wrapped__(*ends[-1])}
        first = [key for key in _measured.__wrapped__(*ends[0]) if key[0] in last]
        met = [(key, max(low, last[key][0]), min(high, last[key][1]), text) for key, low, high, text in first]
    return [key for key in met if key[1] <= key[2]]


def string_keys(v: Any) -> list[tuple[str, int]]:
    """Return (folded beginning, hash of the text as it stands) of a text."""
    if type(v) is not str:
        return []
    found = string_key(v)
    return [found] if found[0] else []


def _parts(v: dict[str, Any], names: tuple[str, ...]) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for name in names:
        part = v.get(name)
        if type(part) is str:
            found += string_keys(part)
        elif type(part) is list:
            for text in part:
                found += string_keys(text)
    return found


def name_keys(v: dict[str, Any]) -> list[tuple[str, int]]:
    """Return the keys of the texts of a HumanName, part by part."""
    return _parts(v, _NAME)


def address_keys(v: dict[str, Any]) -> list[tuple[str, int]]:
    """Return the keys of the texts of an Address, part by part."""
    return _parts(v, _ADDRESS)


def uri_keys(v: Any) -> list[str]:
    """Return a URI's beginning as it stands."""
    return [clean(v)[:LONGEST]] if type(v) is str and v else []


def canonical_keys(v: Any) -> tuple[str, ...]:
    """Return the forms under which a canonical is found."""
    return canonical_forms(v) if type(v) is str else ()


@lru_cache(maxsize=16_384)
def _literal(text: str) -> tuple[str, str]:
    found = target(text)
    return found, reference_type(found)


def literal(v: dict[str, Any]) -> tuple[str, str]:
    """Return (target, resource type) of a Reference; "" for what it does not say or what it contains itself."""
    text, kind = v.get("reference"), v.get("type")
    found = ("", "")
    if type(text) is str and text:
        found = (_literal if len(text) <= _SHORT else _literal.__wrapped__)(text)
    if not found[1] and type(kind) is str:
        return found[0], kind.rpartition("/")[2]
    return found


def logical(v: dict[str, Any]) -> list[Token]:
    """Return the key of a Reference's identifier."""
    identifier = v.get("identifier")
    return identifier_keys(identifier) if type(identifier) is dict else []


def targets(v: dict[str, Any]) -> list[str]:
    """Return the target of a Reference as a part of a composite."""
    found = literal(v)[0]
    return [found] if found else []


def has_extension(v: dict[str, Any], url: str) -> bool:
    """Whether an element has an extension with this URL."""
    found = v.get("extension")
    return type(found) is list and any(type(one) is dict and one.get("url") == url for one in found)


def position(v: dict[str, Any]) -> list[tuple[float, float]]:
    """Return (latitude, longitude) of a Location's position in degrees."""
    latitude, longitude = number(v.get("latitude")), number(v.get("longitude"))
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return []
    return [(latitude, longitude)]
