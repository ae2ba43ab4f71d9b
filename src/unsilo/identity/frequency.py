"""How usual a value is in the file: agreeing on a rare name says more than agreeing on a common one."""

from collections import Counter
from collections.abc import Iterable
from functools import cache
from math import log2

import msgspec

from unsilo.identity.fold import fold
from unsilo.identity.person import Person
from unsilo.identity.simulate.tables import census
from unsilo.identity.vocabulary import Weight, weights

__all__ = ["FIELDS", "Frequencies", "place"]

NAMES = ("given", "family", "city")
NUMBERS = ("birth", "ssn", "mrn", "phone", "email")
FIELDS = (*NAMES, *NUMBERS)
_ASSUMED = 1000
"""Rows of an average population that every file is thought to hold besides its own, so that a small one is not odd."""
_ATTRIBUTE = {"given": "first"}
_USUAL = 4
_KNOWN = 0.0005
"""Share of its bearers from which a given name of the census is usual in any file."""
_NAMED = 5
"""Rows of one whole name that may all be one person's."""
_ONE_PERSON = 10
"""Rows of one value of a number that may all be one person's."""


@cache
def known_given_names() -> frozenset[str]:
    """Return the folded given names of the census that are not rare: a slip may happen to be a rare one."""
    return frozenset(fold(name) for name, share in census()[0].items() if share >= _KNOWN)


def place(person: Person) -> str:
    """Return where a row says that its person lives, empty without a street."""
    return f"{person.house} {person.street} {person.postal or person.city}" if person.street else ""


class Frequencies(msgspec.Struct, frozen=True):
    """Weights of agreeing by field and value, where they are other than the table's; `rows` counted.

    `usual` are the first given names that several rows bear or the census knows, so that they are hardly slips of the
    pen: in a small file most names are borne once. `whole` has the
    weight of agreeing on first given and family name together where many rows bear both: names of one language meet
    more often than by chance.
    """

    rows: int
    more: dict[str, dict[str, float]]
    usual: frozenset[str] = frozenset()
    whole: dict[str, float] = {}

    @classmethod
    def of(cls, persons: Iterable[Person]) -> "Frequencies":
        """Count the values of standardised rows."""
        counts: dict[str, Counter[str]] = {field: Counter() for field in FIELDS}
        pairs = [(field, counts[field]) for field in FIELDS]
        rows = 0
        first: Counter[str] = Counter()
        both: Counter[str] = Counter()
        places: Counter[str] = Counter()
        for person in persons:
            rows += 1
            first[person.first] += 1
            if person.first and person.family:
                both[f"{person.first} {person.family}"] += 1
            if person.street:
                places[place(person)] += 1
            for field, counter in pairs:
                value = getattr(person, _ATTRIBUTE.get(field, field))
                if value:
                    counter[value] += 1
        more: dict[str, dict[str, float]] = {}
        for field in FIELDS:
            table = weights()[("address", "city") if field == "city" else (field, "exact")]
            if field in NAMES:
                more[field] = {
                    value: log2(table.m * (rows + _ASSUMED) / (count + table.u * _ASSUMED))
                    for value, count in counts[field].items()
                }
            else:
                more[field] = _numbers(table, counts[field], rows)
        more["address"] = _numbers(weights()["address", "exact"], places, rows)  # a home for the old, a shelter, a jail
        same = weights()["given", "exact"].m * weights()["family", "exact"].m
        whole = {name: log2(same * rows / (count - _NAMED)) for name, count in both.items() if count > _NAMED}
        usual = frozenset(name for name, count in first.items() if count >= _USUAL)
        return cls(rows, more, usual | known_given_names(), whole)


def _numbers(table: Weight, counts: Counter[str], rows: int) -> dict[str, float]:
    """Return the weights of the values that more rows bear than are one person's, and than the table thinks of."""
    return {
        value: log2(table.m * rows / (count - _ONE_PERSON))
        for value, count in counts.items()
        if count - _ONE_PERSON > table.u * rows
    }
