"""One value of each kind of search parameter, read into a clause (FHIR R4 search.html, parameter types)."""

from collections.abc import Callable
from decimal import Decimal

from unsilo.fhir.index import IDENTIFIER
from unsilo.fhir.index.keys import LONGEST, clean, string_key
from unsilo.fhir.index.unions import kept_as
from unsilo.kernel import clock
from unsilo.search.ask import Ask, Terminology
from unsilo.search.composites import composite
from unsilo.search.hierarchy import hierarchical, related
from unsilo.search.numbers import as_float, measure, moment
from unsilo.search.quantities import amount
from unsilo.search.references import reference, targets
from unsilo.search.text import pieces, plain
from unsilo.search.tokens import TOKEN_MODIFIERS, coded, token
from unsilo.spec import r4
from unsilo.spec.parameters import SearchParameter
from unsilo.storage import plan as p
from unsilo.units import convert

__all__ = ["MODIFIERS", "TABLES", "Read", "reader_of"]

Read = Callable[[str, str, Ask], p.Node | None]
"""(name as written, one value, request) -> clause, or None with an Issue noted."""

MODIFIERS: dict[str, tuple[str, ...]] = {
    "number": ("missing",),
    "date": ("missing",),
    "string": ("missing", "exact", "contains"),
    "token": ("missing", *TOKEN_MODIFIERS),
    "reference": ("missing", "identifier"),
    "composite": ("missing",),
    "quantity": ("missing",),
    "uri": ("missing", "above", "below"),
    "special": ("missing",),
}
"""Which modifiers each kind has (FHIR R4 search.html#modifiers); references also have the names of types, and those to
what is part of others `:above` and `:below`."""

TABLES: dict[str, tuple[str, ...]] = {
    "number": ("num",), "date": ("dat",), "string": ("str",), "token": ("tok",), "reference": ("ref", "uri"),
    "composite": ("cmp",), "quantity": ("qty",), "uri": ("uri",), "special": ("pos",),
}  # fmt: skip
"""Where the keys of each kind are."""

_NEAR = "near is latitude|longitude|distance|unit"
_NEAREST_KM = 50.0  # when no distance is said


def _date(sp: tuple[int, ...], updated: bool) -> Read:
    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        found = moment(plain(text), clock.now())
        if found is None:
            ask.refuse(name, "is not a FHIR date", "such as ge2026-01-31")
            return None
        return p.Updated(*found) if updated else p.Date(sp, *found)

    return read


def _number(sp: tuple[int, ...]) -> Read:
    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        found = measure(plain(text))
        if found is None:
            ask.refuse(name, "is not a number", "such as gt0.8")
            return None
        return p.Number(sp, found.how, as_float(found.lo), as_float(found.hi))

    return read


def _quantity(sp: tuple[int, ...]) -> Read:
    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        found = amount(name, text, ask)
        return None if found is None else p.Quantity(sp, *found)

    return read


def _string(sp: tuple[int, ...], modifier: str) -> Read:
    how = {"": "starts", "exact": "exact", "contains": "contains"}[modifier]

    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        said = plain(text)
        folded, raw = string_key(said)
        if how != "exact" and len(folded) >= LONGEST:
            ask.refuse(name, f"a text has fewer than {LONGEST} characters", code="too-long")
            return None
        if not folded:
            ask.refuse(name, "a text is missing")
            return None
        return p.Text(sp, how, folded, raw if how == "exact" else 0)  # type: ignore[arg-type] # one of the three

    return read


def _above(text: str) -> tuple[str, ...]:
    """Return a URI and those above it: its beginnings that end before or after a slash."""
    ends = [at for at, sign in enumerate(text) if sign == "/" and at > text.find("://") + 2]
    return tuple(dict.fromkeys([text, *(text[:at] for at in ends), *(text[: at + 1] for at in ends)]))


def _uri(sp: tuple[int, ...], modifier: str) -> Read:
    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        said = clean(plain(text))
        if len(said) > LONGEST:
            ask.refuse(name, f"an address has at most {LONGEST} characters", code="too-long")
            return None
        if modifier == "below":
            return p.Uri(sp, "below", (said,))
        return p.Uri(sp, "is", _above(said) if modifier == "above" else (said,))

    return read


def _reference(sp: tuple[int, ...], allowed: tuple[str, ...], modifier: str) -> Read:
    if modifier == "identifier":
        numbers = tuple(number + IDENTIFIER for number in sp)

        def logical(name: str, text: str, ask: Ask) -> p.Node | None:
            found = coded(name, text, ask)
            return None if found is None else p.Token(numbers, *found)

        return logical
    return lambda name, text, ask: reference(name, text, ask, sp, allowed, modifier)


def _related(sp: tuple[int, ...], allowed: tuple[str, ...], modifier: str) -> Read:
    return lambda name, text, ask: related(name, text, ask, sp, allowed, below=modifier == "below")


def _id(types: tuple[str, ...]) -> Read:
    numbers = tuple(r4.type_number(one) for one in types)
    return lambda _name, text, _ask: p.Id(numbers, (plain(text),))


def _decimal(text: str) -> Decimal | None:
    found = measure(f"sa{text}")
    return None if found is None else found.lo


def _near(sp: tuple[int, ...]) -> Read:
    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        parts = [plain(part) for part in pieces(text, "|")]
        numbers = [_decimal(part) for part in parts[:3]]
        if not 2 <= len(parts) <= 4 or None in numbers:
            ask.refuse(name, _NEAR, "such as 48.2|16.4|5|km")
            return None
        lat, lon, *rest = (float(n) for n in numbers if n is not None)
        km: float | None = _NEAREST_KM
        if rest:
            turned = convert(Decimal(str(rest[0])), parts[3] if len(parts) == 4 and parts[3] else "km", "km")
            km = None if turned.value is None else float(turned.value)
        if km is None or not (abs(lat) <= 90 and abs(lon) <= 180 and 0 <= km <= 20_100):
            ask.refuse(name, _NEAR, "degrees, and a UCUM unit of length")
            return None
        return p.Position(sp, lat, lon, km)

    return read


def reader_of(
    params: tuple[SearchParameter, ...], types: tuple[str, ...], modifier: str, terminology: Terminology
) -> Read | None:
    """Return what reads one value of a parameter (one definition for each of `types`); None for another modifier."""
    kind, code = params[0].kind, params[0].code
    sp = tuple(n for one in params for n in kept_as(one.number))
    if code == "_id":
        return _id(types) if modifier in ("", "not") else None
    if code == "_lastUpdated":
        return _date(sp, True) if not modifier else None
    if kind == "token":
        return token(sp, modifier, terminology)
    if kind == "reference":
        allowed = tuple(dict.fromkeys(target for one in params for target in targets(one)))
        if modifier in ("above", "below"):
            return _related(sp, allowed, modifier) if hierarchical(allowed) else None
        known = modifier in ("", "identifier") or modifier in r4.resource_types()
        return _reference(sp, allowed, modifier) if known else None
    if kind == "string":
        return _string(sp, modifier) if modifier in ("", "exact", "contains") else None
    if kind == "uri":
        return _uri(sp, modifier) if modifier in ("", "above", "below") else None
    if modifier:
        return None
    if kind == "date":
        return _date(sp, False)
    if kind == "number":
        return _number(sp)
    if kind == "quantity":
        return _quantity(sp)
    if kind == "composite":
        return composite(params[0])
    return _near(sp) if code == "near" else None
