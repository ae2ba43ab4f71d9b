"""The units in which values came lately: how often, from which feed, with which tests, and how each is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from unsilo.flow.read.load import feed_of
from unsilo.flow.read.words import codeable
from unsilo.kernel import Json, json
from unsilo.storage import Store
from unsilo.units import canonical, normalise
from unsilo.units.spelling import How, reason

__all__ = ["MOST", "SeenUnit", "seen_units"]

MOST = 2_000
"""Results that are looked at, the newest ones."""
_PIECE = 500
_TESTS = 4


class SeenUnit(msgspec.Struct):
    """One unit as it was reported. `how` says how it is read (`exact`, `alias`, `none`), `why` the table's note."""

    text: str
    code: str
    how: How
    why: str
    canonical: str
    count: int = 0
    feeds: Counter[str] = msgspec.field(default_factory=Counter)
    tests: Counter[str] = msgspec.field(default_factory=Counter)


def _units(resource: Json) -> Iterator[tuple[str, str]]:
    """Yield (unit as reported, name of the test) of the values of an Observation."""
    parts = resource.get("component")
    for part in (resource, *(parts if isinstance(parts, list) else ())):
        value = part.get("valueQuantity") if isinstance(part, dict) else None
        if isinstance(value, dict):
            unit = value.get("unit") or value.get("code")
            if isinstance(unit, str) and unit.strip():
                yield unit.strip(), codeable(part.get("code"))


def seen_units(store: Store, most: int = MOST) -> tuple[list[SeenUnit], int]:
    """Return the units of the newest results, those that are not read first, then by number; and how many results
    were looked at."""
    found: dict[str, SeenUnit] = {}
    ids = store.newest_ids("Observation", most)
    for start in range(0, len(ids), _PIECE):
        for stored in store.read_many([("Observation", id_) for id_ in ids[start : start + _PIECE]]).values():
            feed = feed_of(store, stored.mid)
            for text, test in _units(json.decode(stored.body) if stored.body else {}):
                one = found.get(text)
                if one is None:
                    one = found[text] = _read(text)
                one.count += 1
                one.feeds[feed] += 1
                one.tests[test] += 1
    return sorted(found.values(), key=lambda u: (u.how != "none", -u.count, u.text)), len(ids)


def _read(text: str) -> SeenUnit:
    code, how = normalise(text)
    meaning = canonical(code) if code else None
    return SeenUnit(text, code, how, reason(text), meaning.code if meaning is not None else "")
