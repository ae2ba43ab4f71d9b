"""The simulator is repeatable, labelled, and obeys its rates."""

from itertools import islice

import pytest

from unsilo.identity import standardise
from unsilo.identity.simulate import HEADER, rates, settings, simulate


def test_the_same_seed_gives_the_same_rows() -> None:
    """Rows depend on seed and rates alone; more rows begin with the same ones."""
    few, many = list(simulate(300, 5, rates())), list(simulate(600, 5, rates()))
    assert many[:300] == few
    assert list(simulate(300, 6, rates())) != few
    assert {len(row) for row in few} == {len(HEADER)}


def test_every_kind_of_person_is_there() -> None:
    """Twins, fathers and sons of one name, and names of many origins occur; a twin has the other's birth year."""
    rows = [dict(zip(HEADER, row, strict=True)) for row in simulate(8000, 1, rates())]
    assert {row["role"] for row in rows} == {"", "twin", "senior", "junior"}
    assert len({row["origin"] for row in rows}) == 9
    assert any(not row["ssn"] for row in rows)
    assert all(standardise(row).birth[:4] in ("", *(str(year) for year in range(1850, 2101))) for row in rows)


@pytest.mark.parametrize("text", ["", "twins", "twins=2", "twins=-1", "twins=x", "nothing=0.1", "=", "twins=nan"])
def test_a_wrong_rate_is_an_issue(text: str) -> None:
    """What names no rate, or none from 0 to 1, is told; the usual rates stay."""
    found, issues = settings([text])
    assert len(issues) == 1
    assert found == rates()


def test_a_rate_is_obeyed() -> None:
    """Without slips and moves every record of a person is the same in what cannot be written in several ways."""
    found, issues = settings([f"{name}=0" for name in rates() if not name.startswith("records_")])
    assert issues == []
    by_person: dict[str, set[tuple[str, str]]] = {}
    for row in islice(simulate(500, 3, found), 500):
        by_person.setdefault(row[12], set()).add((row[1].lower(), row[2].lower()))
    assert all(len(names) == 1 for names in by_person.values())
