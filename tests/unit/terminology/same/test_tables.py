"""The reviewed tables hold together: codes exist, ids are unique, no name stands for two rows of one kind."""

from __future__ import annotations

from collections import Counter

import pytest

from unsilo.terminology.same import judge, reader
from unsilo.terminology.same.tables import Row, allergens, medicines, phrases, problems, rules, vaccines
from unsilo.terminology.same.text import base_key, fold, tokens
from unsilo.terminology.shipped import Recorder, feed

SHIPPED = {
    "http://snomed.info/sct": "snomed-starter",
    "http://hl7.org/fhir/sid/icd-10-cm": "icd-10-cm",
    "http://hl7.org/fhir/sid/icd-9-cm": "icd-9-cm",
}


def _every() -> list[Row]:
    return [*problems(), *dict.fromkeys(medicines().values()), *allergens(), *vaccines()]


def test_every_row_has_an_id_of_its_own_and_a_source() -> None:
    """A merge shows the row; an id that two rows share would show the wrong one."""
    ids = [row.row for row in _every()] + [row["row"] for row in phrases()]
    assert [id_ for id_, count in Counter(ids).items() if count > 1] == []
    assert [row.row for row in _every() if not row.source] == []


def test_every_code_of_a_row_is_shipped() -> None:
    """A condition's row names only codes that come with the product, so that each can be looked up and reviewed."""
    known: dict[str, set[str]] = {}
    for system, name in SHIPPED.items():
        recorder = Recorder()
        feed(name, recorder)
        known[system] = {row[1] for row in recorder.rows if row[0] == "c"}
    codes = [(row.row, *code.split("|")) for row in problems() for code in row.codes]
    assert len(codes) > 200
    assert [one for one in codes if one[2] not in known[one[1]]] == []


@pytest.mark.parametrize("table", [problems, allergens, vaccines])
def test_no_name_stands_for_two_rows(table: object) -> None:
    """Words that would mean two concepts mean none."""
    rows: tuple[Row, ...] = table()  # type: ignore[operator]
    named = Counter(key for row in rows for key in {base_key(tokens(name)) for name in row.names})
    assert [name for name, count in named.items() if count > 1] == []


def test_a_medicine_is_named_once() -> None:
    """Every name leads to one row, and every ingredient that a row names stands for itself."""
    for name, row in medicines().items():
        assert name in {fold(each) for each in row.names}
        for ingredient in row.families:
            own = medicines().get(ingredient)
            assert own is None or own.families == (ingredient,)


def test_every_rule_that_is_used_is_in_the_table() -> None:
    """The page of rules shows them all."""
    assert {"same.code", "same.table", "related.axis", "apart.standing"} <= rules().keys()
    assert {rule.outcome for rule in rules().values()} == {"same", "related", "different"}
    assert {"problem", "medicine", "allergen", "vaccine", "procedure"} == reader.DOMAINS
    assert judge.Verdict("same", "same.table", "P001").words == "Both stand on one reviewed row (P001)"
