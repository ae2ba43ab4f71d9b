"""Equality and equivalence of items and collections, three-valued (FHIRPath N1, 6.1)."""

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from unsilo.fhir.path import temporal
from unsilo.fhir.path.decimals import decimals
from unsilo.fhir.path.errors import PathError
from unsilo.fhir.path.kinds import Item, Items, Kind
from unsilo.fhir.path.quantity import Quantity
from unsilo.fhir.path.temporal import Moment

__all__ = ["distinct", "equal", "equal_items", "equivalent_items", "key", "plain"]


_MOST: Final = 3_000
"""Items that are compared in any order, each with each."""


def plain(item: Item) -> Any:
    """Return the System value of an item; a node stays the JSON object that it is."""
    convert = item[1].convert
    return convert(item[0]) if convert else item[0]


def equal(one: Any, other: Any) -> bool | None:
    """Compare two values of `plain`; None when precision, unit or a missing value leave it open."""
    kind = type(one)
    if kind is str or kind is bool:
        return type(other) is kind and bool(one == other)
    if kind is int or kind is Decimal:
        if type(other) is int or type(other) is Decimal:
            return bool(one == other)
        if isinstance(other, Quantity):
            return equal(Quantity(Decimal(one)), other)
        return False
    if isinstance(one, Moment):
        return temporal.equal(one, other) if isinstance(other, Moment) else False
    if isinstance(one, Quantity):
        if type(other) is int or type(other) is Decimal:
            other = Quantity(Decimal(other))
        if not isinstance(other, Quantity):
            return False
        order = one.compare(other)
        return None if order is None else order == 0
    if one is None or other is None:
        return None
    return bool(one == other)


def equal_items(left: Items, right: Items) -> bool | None:
    """`=`: pairwise in order; None when either is empty or a pair is open (6.1.1)."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    result: bool | None = True
    for one, other in zip(left, right, strict=True):
        same = equal(plain(one), plain(other))
        if same is False:
            return False
        if same is None:
            result = None
    return result


def _alike(one: Any, other: Any, below: Kind | None = None) -> bool:
    kind = type(one)
    if kind is str:
        return type(other) is str and _folded(one) == _folded(other)
    if kind is bool:
        return type(other) is bool and bool(one == other)
    if kind is int or kind is Decimal:
        if type(other) is int or type(other) is Decimal:
            return _rounded_alike(one, other)
        return isinstance(other, Quantity) and Quantity(Decimal(one)).equivalent(other)
    if isinstance(one, Moment):
        return isinstance(other, Moment) and temporal.equal(one, other) is True
    if isinstance(one, Quantity):
        if type(other) is int or type(other) is Decimal:
            other = Quantity(Decimal(other))
        return isinstance(other, Quantity) and one.equivalent(other)
    if kind is dict:
        return type(other) is dict and _nodes_alike(one, other, below)
    if kind is list:
        return type(other) is list and _matched([(each, below) for each in one], [(each, below) for each in other])
    return one is other


def _nodes_alike(one: Any, other: Any, below: Kind | None) -> bool:
    """Compare nodes without their ids; of codings only system and code count, of concepts any coding (2.9.1.6)."""
    name = below.name if below else ""
    if name == "Coding":
        return _coding(one) == _coding(other)
    if name == "CodeableConcept" and (one.get("coding") or other.get("coding")):
        codings = [{_coding(each) for each in node.get("coding") or () if type(each) is dict} for node in (one, other)]
        return bool(codings[0] & codings[1])
    keys = one.keys() - {"id"}
    if keys != other.keys() - {"id"}:
        return False
    fields = below.fields if below else {}
    return all(_alike(one[key], other[key], fields[key][0] if key in fields else None) for key in keys)


def _coding(node: Any) -> tuple[str, str]:
    return str(node.get("system")), str(node.get("code"))


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _rounded_alike(one: Any, other: Any) -> bool:
    """Compare as rounded to the decimals of the less precise one, zeros at the end not counted (6.1.2)."""
    if one == other:
        return True
    places = 10 ** min(decimals(one), decimals(other))
    first, second = ((Fraction(value) * places * 2 + 1).__floor__() // 2 for value in (one, other))
    return bool(first == second)


def _matched(left: list[tuple[Any, Kind | None]], right: list[tuple[Any, Kind | None]]) -> bool:
    """Whether each of one side has its own match on the other, in any order."""
    if len(left) != len(right):
        return False
    if all(type(one) is str for one, _ in left) and all(type(one) is str for one, _ in right):
        return Counter(_folded(one) for one, _ in left) == Counter(_folded(one) for one, _ in right)
    if len(left) > _MOST:
        raise PathError("costly", f"more than {_MOST} items are compared without regard to order")
    rest = list(right)
    for one, below in left:
        place = next((n for n, (other, _) in enumerate(rest) if _alike(one, other, below)), None)
        if place is None:
            return False
        del rest[place]
    return True


def equivalent_items(left: Items, right: Items) -> bool:
    """`~`: same items in any order, texts without case and spaces; two empty collections are alike (6.1.2)."""
    return _matched([(plain(item), item[1]) for item in left], [(plain(item), item[1]) for item in right])


def _frozen(value: Any) -> Any:
    if type(value) is dict:
        return frozenset((name, _frozen(each)) for name, each in value.items())
    if type(value) is list:
        return tuple(_frozen(each) for each in value)
    return ("b", value) if type(value) is bool else value


def key(item: Item) -> Any:
    """Return what equal items have alike, to be hashed; open comparisons count as different."""
    value = plain(item)
    kind = type(value)
    if kind is str:
        return value
    if kind is bool:
        return "b", value
    if kind is dict:
        return "d", _frozen(value)
    if value is None:
        return "x", _frozen(item[2]) if type(item[2]) is dict else id(item)
    return value


def distinct(items: Items) -> Items:
    """Return the items without repetitions, each where it comes first (5.1.13)."""
    if len(items) < 2:
        return items
    seen: set[Any] = set()
    found: Items = []
    for item in items:
        name = key(item)
        if name not in seen:
            seen.add(name)
            found.append(item)
    return found
