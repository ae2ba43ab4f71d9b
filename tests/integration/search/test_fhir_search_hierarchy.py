"""`:above` and `:below` of references: places and their parts, over any number of levels, as the caller sees them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.search.made import LABEL
from tests.integration.search.test_fhir_search_meaning import VOCABULARY, fill
from unsilo.policy import Label, Not, Predicate
from unsilo.search import parse, plan
from unsilo.storage import Store, open_store, resolve
from unsilo.storage.faults import TooLongError
from unsilo.storage.search import run

ALL, SOME = Predicate(), Predicate(allow=Not(Label(LABEL, "R")))
LEVELS = 12


def location(n: int, above: int) -> dict[str, Any]:
    """A place within another; the seventh is hidden from some."""
    meta = {"meta": {"security": [{"system": LABEL, "code": "R"}]}} if n == 7 else {}
    return {"resourceType": "Location", "id": f"l{n}", **meta, "partOf": {"reference": f"Location/l{above}"}}


def encounter(n: int) -> dict[str, Any]:
    """A visit to a place."""
    at = [{"location": {"reference": f"Location/l{n}"}}]
    return {"resourceType": "Encounter", "id": f"e{n}", "status": "finished", "class": {"code": "IMP"}, "location": at}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Twelve places, one within the other, the first within one that is not stored; a circle of two."""
    found = open_store(tmp_path_factory.mktemp("hierarchy"))
    places = [location(n, n - 1 if n else 99) for n in range(LEVELS)] + [location(20, 21), location(21, 20)]
    fill(found, [*places, *(encounter(n) for n in (*range(LEVELS), 20, 21))])
    yield found
    found.close()


def ids(store: Store, kind: str, name: str, value: str, predicate: Predicate = ALL) -> set[str]:
    """The ids of what a search finds, however it is begun."""
    found, issues = parse(kind, [(name, value), ("_count", "100")], VOCABULARY)
    assert found is not None, issues
    asked = plan(found, predicate, VOCABULARY)
    ways = []
    for few in (0, 3, 2000):
        with store._readers.moment() as ask:
            ways.append({row.id for row in run(ask, asked, few=few).rows})
    assert ways[0] == ways[1] == ways[2]
    return ways[0]


def _named(letter: str, *numbers: int) -> set[str]:
    return {f"{letter}{n}" for n in numbers}


def test_all_levels(store: Store) -> None:
    """However deep; what is named need not be stored; a circle ends; several values; in a filter and a chain."""
    assert ids(store, "Encounter", "location:below", "l2") == _named("e", *range(2, LEVELS))
    assert ids(store, "Encounter", "location:below", "Location/l99") == _named("e", *range(LEVELS))
    assert ids(store, "Encounter", "location:above", "l2") == _named("e", 0, 1, 2)
    assert ids(store, "Location", "partof:below", "l8") == _named("l", 9, 10, 11)
    assert ids(store, "Location", "partof:above", "l1") == _named("l", 1, 2)
    for modifier in ("above", "below"):
        assert ids(store, "Encounter", f"location:{modifier}", "l20") == _named("e", 20, 21)
    assert ids(store, "Encounter", "location:below", "l10,l20") == _named("e", 10, 11, 20, 21)
    assert ids(store, "Encounter", "_filter", "location sb Location/l10 and location ss l10") == _named("e", 10)
    assert ids(store, "Encounter", "location.partof:below", "l10") == _named("e", 11)
    assert ids(store, "Encounter", "location:below", "nowhere") == set()


def test_what_is_hidden_leads_nowhere(store: Store) -> None:
    """A place that is hidden parts what is below from what is above; it may be named all the same."""
    assert ids(store, "Encounter", "location:below", "l5", SOME) == _named("e", 5, 6)
    assert ids(store, "Encounter", "location:above", "l9", SOME) == _named("e", 8, 9)
    assert ids(store, "Encounter", "location:below", "l7", SOME) == _named("e", *range(7, LEVELS))
    assert ids(store, "Encounter", "location:above", "l7", SOME) == _named("e", 7)


def test_a_hierarchy_without_end_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the bound is too much, and nothing is left out in silence."""
    monkeypatch.setattr(resolve, "_MOST_RELATED", LEVELS - 1)
    assert len(ids(store, "Encounter", "location:below", "l1")) == LEVELS - 1
    with pytest.raises(TooLongError):
        ids(store, "Encounter", "location:below", "l0")
