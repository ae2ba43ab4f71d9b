"""What loaded terminologies add: synonyms, replaced codes, maps, hierarchies, ingredients, brands."""

from __future__ import annotations

import pytest

from tests.unit.terminology.same.saying import ICD9, ICD10, NDC, RXNORM, SNOMED, UNII, coded, meant, told
from tests.unit.terminology.shelf import TestShelf
from unsilo.storage.terminology import Artefact, Builder
from unsilo.terminology import Edition, Terminology
from unsilo.terminology.model import MapGroup, MapRow, Property
from unsilo.terminology.same import Loaded, Reader, gather

SYNONYM = "900000000000013009"


def _snomed() -> Artefact:
    """Made-up concepts under numbers that SNOMED CT has not given."""
    builder = Builder(None)
    for code, name, active in (
        ("1001", "Gruffling disease", True), ("1002", "Acute gruffling disease", True),
        ("1003", "Gruffle syndrome", False), ("1004", "Chill of the nose", True), ("1005", "Cold sensation", True),
    ):  # fmt: skip
        builder.concept(code, name, active)
    builder.term("1001", "Miller's cough", "en", SYNONYM)
    builder.term("1001", "GD - Gruffling disease", "en", SYNONYM)
    builder.term("1004", "Frostle", "en", SYNONYM)
    builder.term("1005", "Frostle", "en", SYNONYM)
    builder.parent("1002", "1001")
    builder.successor("1003", "SAME_AS", "1001")
    builder.group(MapGroup(1, "urn:map", "3", "to ICD", SNOMED, ICD10))
    builder.map(MapRow(1, "1001", "X01.1", "equivalent"))
    builder.map(MapRow(1, "1002", "X01.9", "wider"))
    builder.map(MapRow(1, "1005", "X07.1", "equivalent"))
    builder.map(MapRow(1, "1005", "X07.2", "equivalent"))
    assert not builder.finish(Edition(SNOMED, "1", "made-up")).issues
    return Artefact(None, builder.connection)


def _icd10() -> Artefact:
    builder = Builder(None)
    for code, name in (("X01", "Gruffling disorders"), ("X01.1", "Millers' lung"), ("X01.9", "Other gruffling"),
                       ("X07.1", "Frost, first"), ("X07.2", "Frost, second"), ("chapter-1", "Everything")):  # fmt: skip
        builder.concept(code, name)
    for code, above in (("X01.1", "X01"), ("X01.9", "X01"), ("X01", "chapter-1"), ("X07.1", "chapter-1")):
        builder.parent(code, above)
    builder.term("X01.1", "Bran itch", "en", "inclusionTerm")
    builder.finish(Edition(ICD10, "1", "made-up"))
    return Artefact(None, builder.connection)


def _rxnorm() -> Artefact:
    builder = Builder(None)
    rows = (("10", "Zarnol", "IN"), ("11", "zarnol 5 MG", "SCDC"), ("12", "zarnol 5 MG Oral Tablet", "SCD"),
            ("13", "Brandex", "BN"), ("14", "Brandex 5 MG Oral Tablet", "SBD"), ("20", "Quidol", "IN"),
            ("21", "quidol 1 MG", "SCDC"), ("22", "Duplex pack", "SCD"), ("30", "Lost", "SCD"))  # fmt: skip
    builder.property(Property("TTY"))
    for code, name, kind in rows:
        builder.concept(code, name)
        builder.value(code, "TTY", kind)
    for code, how, target in (
        ("11", "has_ingredient", "10"), ("12", "consists_of", "11"), ("13", "tradename_of", "10"),
        ("14", "tradename_of", "12"), ("21", "has_ingredient", "20"), ("22", "consists_of", "11"),
        ("22", "consists_of", "21"),
    ):  # fmt: skip
        builder.relation(code, how, target)
    builder.group(MapGroup(1, "urn:ndc", "", "NDC", NDC, RXNORM))
    builder.map(MapRow(1, "00001000101", "14", "equivalent"))
    builder.finish(Edition(RXNORM, "1", "made-up"))
    return Artefact(None, builder.connection)


def _unii() -> Artefact:
    builder = Builder(None)
    for code, name, brands in (("A1", "ZARNOL HYDROCHLORIDE", ("ZARNOVEX",)), ("B2", "QUIDOL", ("DUPLEXA",)),
                               ("C3", "ZARNOL", ("DUPLEXA",))):  # fmt: skip
        builder.concept(code, name)
        for brand in brands:
            builder.term(code, brand, "en", "bn")
    builder.finish(Edition(UNII, "1", "made-up"))
    return Artefact(None, builder.connection)


@pytest.fixture(scope="module")
def reader() -> Reader:
    """A reader over the made-up releases."""
    found = Reader(Loaded(Terminology(TestShelf(_snomed(), _icd10(), _rxnorm(), _unii()))))
    found.refresh()
    return found


@pytest.mark.parametrize(
    ("domain", "one", "other", "found"),
    [
        ("problem", "Miller's cough", coded((SNOMED, "1001")), "same same.synonym"),
        ("problem", "Gruffling disease", coded((SNOMED, "1001", "wrong words of a sender")), "same same.name"),
        ("problem", coded((SNOMED, "1003")), coded((SNOMED, "1001")), "same same.retired"),
        ("problem", coded((SNOMED, "1001")), coded((ICD10, "X01.1")), "same same.map"),
        ("problem", coded((SNOMED, "1002")), coded((SNOMED, "1001")), "related related.axis"),
        ("problem", coded((SNOMED, "1002")), coded((ICD10, "X01.9")), "related related.map"),
        ("problem", coded((SNOMED, "1005")), coded((ICD10, "X07.1")), "related related.map"),
        ("problem", coded((ICD10, "X01.1")), coded((ICD10, "X01")), "related related.parent"),
        ("problem", coded((ICD10, "X01.1")), coded((ICD10, "X07.1")), "different apart.code"),
        ("problem", "Bran itch", coded((ICD10, "X01.1")), "-"),
        ("problem", coded((ICD9, "1")), coded((ICD10, "X01.1")), "-"),
        ("medicine", coded((RXNORM, "14")), coded((RXNORM, "10")), "same same.ingredient"),
        ("medicine", coded((RXNORM, "13")), "zarnol 10 mg tablet", "same same.ingredient"),
        ("medicine", coded((NDC, "00001000101")), coded((RXNORM, "12")), "same same.ingredient"),
        ("medicine", coded((NDC, "0001-0001-01")), coded((RXNORM, "12")), "same same.ingredient"),
        ("medicine", coded((RXNORM, "22")), coded((RXNORM, "12")), "related related.ingredient"),
        ("medicine", "Zarnovex 20 mg", coded((RXNORM, "10")), "same same.ingredient"),
        ("medicine", "Duplexa", "Quidol", "-"),
        ("allergen", coded((RXNORM, "14")), coded((UNII, "C3")), "same same.allergen"),
    ],
)  # fmt: skip
def test_what_loaded_terminologies_add(reader: Reader, domain: str, one: object, other: object, found: str) -> None:
    """One line a pair."""
    said = told(domain, one, other, reader)  # type: ignore[arg-type]
    assert said == found or (found.endswith("apart.code") and said == "-")


def test_a_synonym_of_two_concepts_is_none(reader: Reader) -> None:
    """Words that a code system gives to two concepts bring together nothing."""
    both = [meant("problem", "Frostle", reader), meant("problem", coded((SNOMED, "1004")), reader)]
    assert len(gather(both, reader.confirm).sets) == 2
    one = [meant("problem", "Miller's cough", reader), meant("problem", coded((SNOMED, "1001")), reader)]
    assert len(gather(one, reader.confirm).sets) == 1


def test_chapters_make_no_relatives(reader: Reader) -> None:
    """What only stands in one chapter of ICD is not related."""
    found = gather([meant("problem", coded((ICD10, code)), reader) for code in ("X01.1", "X07.1")])
    assert found.related == []


def test_an_import_is_seen_at_the_next_refresh() -> None:
    """What was read before is read anew when something was imported."""
    shelf = TestShelf()
    state = [0]
    found = Reader(Loaded(Terminology(shelf, lambda: state[0])))
    found.refresh()
    assert told("problem", "Miller's cough", coded((SNOMED, "1001")), found) == "-"
    shelf.artefacts.append(_snomed())
    state[0] = 1
    found.refresh()
    assert told("problem", "Miller's cough", coded((SNOMED, "1001")), found) == "same same.synonym"
