"""The golden record: which value survives under each rule, why, what it leaves behind; the same in whatever order."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsilo.config.exchange import _ELEMENTS
from unsilo.flow.golden.lead import lead
from unsilo.flow.golden.resource import as_patient
from unsilo.flow.golden.survive import Golden, SourceRecord, survive
from unsilo.flow.golden.table import CRITERIA, fields, rules
from unsilo.flow.golden.values import SAME
from unsilo.flow.read.banner import Banner, Stated


def record(id_: str, feed: str = "", updated: int = 1, **patient: Any) -> SourceRecord:
    """One source Patient, sent by a feed that is named like its keeper."""
    return SourceRecord(id_, {"resourceType": "Patient", "id": id_, **patient}, feed, feed, updated)


def name(family: str, *given_: str, **more: Any) -> list[dict[str, Any]]:
    """One HumanName."""
    return [{"family": family, "given": list(given_), **more}]


def made(*records: SourceRecord, trust: tuple[str, ...] = (), **own: list[str]) -> Golden:
    """Let records survive by the shipped table."""
    return survive(records, rules(own), trust)


def one(golden: Golden, element: str) -> tuple[str, str, list[tuple[str, str]]]:
    """Return words, rule and what lost of an element."""
    chosen = golden.of(element)
    assert chosen is not None
    return chosen.words, chosen.rule, [(lost.words, lost.by) for lost in chosen.lost]


def test_the_table_is_whole() -> None:
    """Every element of the table may be set, every criterion and way of comparing is known."""
    assert set(fields()) == set(_ELEMENTS)
    for rule in rules({}):
        assert set(rule.criteria) <= set(CRITERIA) - {"live"}
        assert rule.same in SAME
        assert rule.take in ("one", "all", "each")


def test_each_criterion_decides_in_its_turn() -> None:
    """Frequent before complete before recent; a trusted source before all; a record in use before everything."""
    a = record("a", "north", 5, birthDate="1980-05", gender="female")
    b = record("b", "south", 9, birthDate="1980-05-17", gender="male")
    c = record("c", "lab", 1, birthDate="1980-05-17", gender="unknown")
    golden = made(a, b, c)
    assert one(golden, "birthDate") == ("17-May-1980", "frequent", [("May-1980", "frequent")])
    assert one(golden, "gender") == ("Male", "recent", [("Female", "recent")])
    assert one(made(a, b), "birthDate") == ("17-May-1980", "complete", [("May-1980", "complete")])
    assert one(made(a, b, c, trust=("north",)), "birthDate") == ("May-1980", "trusted", [("17-May-1980", "trusted")])
    assert one(made(a, b, c, birthDate=["recent"]), "birthDate")[1] == "recent"
    gone = record("b", "south", 9, birthDate="1980-05-17", active=False)
    assert one(made(a, gone, trust=("south",)), "birthDate") == ("May-1980", "live", [("17-May-1980", "live")])


def test_one_source_with_two_records_says_a_thing_once() -> None:
    """Three records of one feed do not outvote two sources."""
    golden = made(
        record("a", "north", 9, gender="female"), record("b", "north", 9, gender="female"),
        record("c", "north", 9, gender="female"), record("d", "south", 1, gender="male"),
        record("e", "lab", 1, gender="male"),
    )  # fmt: skip
    assert one(golden, "gender") == ("Male", "frequent", [("Female", "frequent")])


def test_names_that_only_leave_out_back_the_fuller_one() -> None:
    """An initial and a missing middle name are no other name; a former family name is."""
    golden = made(
        record("a", "north", 1, name=name("Delgado", "Ana", "Maria")),
        record("b", "south", 5, name=name("DELGADO", "Ana", "M")),
        record("c", "lab", 9, name=name("Ruiz", "Ana")),
    )  # fmt: skip
    words, rule, lost = one(golden, "name")
    assert (words, rule) == ("DELGADO, Ana Maria", "frequent")
    assert ("RUIZ, Ana", "frequent") in lost
    old = record("d", "clinic", 9, name=[{"family": "Alt", "use": "old"}, {"family": "Neu", "use": "official"}])
    assert one(made(old), "name")[0].startswith("NEU")


def test_deaths_outweigh_silence_and_dates_outweigh_yes() -> None:
    """No record that says nothing makes anybody alive; a day of death says more than that there was one."""
    alive, dead = record("a", "north", 9, deceasedBoolean=False), record("b", "south", 1, deceasedBoolean=True)
    dated = record("c", "lab", 1, deceasedDateTime="2026-02-01")
    assert one(made(record("z", "z", 99), dated), "deceased[x]")[0] == "01-Feb-2026"
    assert one(made(alive, dead, dated), "deceased[x]")[:2] == ("01-Feb-2026", "complete")
    assert one(made(alive, dead), "deceased[x]")[:2] == ("yes", "complete")


def test_what_stands_side_by_side() -> None:
    """Identifiers and telephones are united, each once; those of a replaced record are left out, unless it is alone."""
    link = [{"other": {"reference": "Patient/a"}, "type": "replaced-by"}]
    a = record("a", "north", 1, identifier=[{"system": "urn:a", "value": "1"}, {"value": ""}],
               telecom=[{"system": "phone", "value": "555 0142"}])  # fmt: skip
    b = record("b", "south", 1, identifier=[{"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}],
               telecom=[{"system": "phone", "value": "5550142"}])  # fmt: skip
    c = record("c", "lab", 1, identifier=[{"system": "urn:a", "value": "9"}], link=link)
    found = [item.value["value"] for item in made(a, b, c).chosen if item.element == "identifier"]
    assert sorted(found) == ["1", "2"]
    assert sum(item.element == "telecom" for item in made(a, b, c).chosen) == 1
    assert [item.words for item in made(c).chosen if item.element == "identifier"] == ["9"]


def test_each_extension_survives_by_its_address() -> None:
    """Two values of one extension are a choice, two extensions are not."""
    url, other = "http://x/race", "http://x/maiden"
    a = record("a", "n", 1, extension=[{"url": url, "valueString": "one"}, {"url": other, "valueString": "Keane"}])
    b = record("b", "s", 9, extension=[{"url": url, "valueString": "two"}])
    found = [item.value for item in made(a, b).chosen if item.element == "extension"]
    assert sorted(item["valueString"] for item in found) == ["Keane", "two"]


def test_as_a_patient_it_says_where_everything_is_from() -> None:
    """Every element carries its sources and rule; links lead to all records; it is tagged as a part."""
    a = record("a", "north", 5, name=name("Quist", "Ida"), birthDate="1971-08-30", maritalStatus={"text": "Married"})
    b = record("b", "south", 9, active=False, name=name("Quist", "Ida"))
    patient = as_patient(made(a, b), "uid")
    assert patient["id"] == "uid"
    assert [tag["code"] for tag in patient["meta"]["tag"]] == ["golden", "SUBSETTED"]
    assert patient["link"] == [
        {"other": {"reference": "Patient/a"}, "type": "seealso"},
        {"other": {"reference": "Patient/b"}, "type": "replaces"},
    ]  # fmt: skip
    [mark] = patient["name"][0]["extension"]
    assert [part.get("valueReference", part.get("valueCode")) for part in mark["extension"]] == [
        {"reference": "Patient/a"}, {"reference": "Patient/b"}, "agreed",
    ]  # fmt: skip
    assert patient["_birthDate"]["extension"][0]["extension"][-1]["valueCode"] == "only"
    assert patient["maritalStatus"]["extension"]


def test_the_head_of_the_page_follows() -> None:
    """What survives is said first, what a source states beside it stays in sight, and the age is of the shown date."""
    a, b = record("a", "north", 1, birthDate="1980-05-17"), record("b", "south", 9, birthDate="1981-05-17")
    born, none = Stated("17-May-1981", [("17-May-1980", "north")]), Stated("", [])
    head = Banner(none, [], born, "44 y", none, [], "", [], "", [], [])
    shown = lead(head, made(a, b, trust=("north",)), 1_777_000_000_000_000)
    assert (shown.born.words, shown.born.others) == ("17-May-1980", [("17-May-1981", "south")])
    assert shown.age == "45 y"
    assert lead(head, made(b), 1_777_000_000_000_000).born == head.born


_TEXT = st.text(max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | _TEXT | st.integers(), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(
        ["family", "given", "value", "system", "text", "coding", "code", "url", "use", "line"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_PATIENTS = st.lists(
    st.dictionaries(st.sampled_from([
        "name", "birthDate", "gender", "deceasedBoolean", "deceasedDateTime", "address", "telecom", "identifier",
        "maritalStatus", "communication", "extension", "link", "active", "contact",
    ]), _JSON, max_size=6), min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(_PATIENTS, st.randoms(use_true_random=False))
def test_any_content_survives_alike_in_any_order(patients: list[dict[str, Any]], draw: random.Random) -> None:
    """Whatever stands in a record, nothing fails, the order of records does not matter, and no value is made up."""
    records = [record(f"p{n}", f"f{n % 2}", n, **patient) for n, patient in enumerate(patients)]
    golden = made(*records)
    shuffled = list(records)
    draw.shuffle(shuffled)
    assert made(*shuffled) == golden
    for item in golden.chosen:
        assert item.records
        said = [each.patient[item.name] for each in item.records]
        assert any(item.value == one or (isinstance(one, list) and item.value in one) for one in said)
    as_patient(golden, "uid")


@pytest.mark.parametrize("count", [1, 500])
def test_many_records_of_one_person(count: int) -> None:
    """Hundreds of records are one pass, not a comparison of each with each."""
    records = [record(f"p{n:04d}", f"f{n % 7}", n, name=name("Mohr", "Alice"), birthDate="1958-01-30",
                      identifier=[{"system": "urn:a", "value": str(n)}]) for n in range(count)]  # fmt: skip
    golden = made(*records)
    assert sum(item.element == "identifier" for item in golden.chosen) == count
    assert one(golden, "name")[1] == ("only" if count == 1 else "agreed")
