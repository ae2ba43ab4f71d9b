"""Duplicates are counted, disagreements shown, nothing vanishes."""

from types import ModuleType

from hypothesis import given
from hypothesis import strategies as st

from unsilo.flow.read.fact import Fact
from unsilo.flow.read.grouping import Group, group, of_same_thing


def _find(groups: list[Group], name: str) -> Group:
    return next(g for g in groups if g.title.lower().startswith(name))


def _of(record: ModuleType, *types: str) -> list[Group]:
    return group(f for f in record.facts() if f.type in types)


def test_the_same_statement_of_two_sources_is_one_row_with_a_count(record: ModuleType) -> None:
    """Diabetes from hospital and clinic collapses; both facts stay reachable."""
    found = _find(_of(record, "Condition"), "type 2")
    assert (found.verdict, found.count, dict(found.pips)) == ("agree", 2, {"north": 1, "clinic": 1})


def test_two_doses_of_one_medicine_stand_side_by_side_under_no_dose(record: ModuleType) -> None:
    """Warfarin 5 mg and 3 mg disagree, and the heading names neither strength."""
    found = _find(_of(record, "MedicationRequest", "MedicationDispense"), "warfarin")
    assert found.verdict == "conflict"
    assert found.title.lower() == "warfarin"
    assert "dose" in found.why
    assert {s.fact.id for s in found.sides} == {"m1", "m2"}
    assert [s.fact.id for s in found.sides if s.newest] == ["m2"]


def test_what_was_ordered_leads_and_what_was_dispensed_stays_apart(record: ModuleType) -> None:
    """3.125 mg ordered and a 6.25 mg tablet dispensed are two statements, and no disagreement."""
    found = _find(_of(record, "MedicationRequest", "MedicationDispense"), "carvedilol")
    assert (found.lead.type, found.verdict) == ("MedicationRequest", "agree")
    assert {s.fact.type for s in found.sides} == {"MedicationRequest", "MedicationDispense"}


def test_a_withdrawn_statement_stays_in_sight_and_agrees_with_nobody(record: ModuleType) -> None:
    """Entered in error is shown last, and is no side of a disagreement."""
    groups = _of(record, "Condition")
    assert groups[-1].lead.id == "c5"
    assert groups[-1].verdict == "single"


def test_the_gravest_allergy_comes_first_and_disagreement_names_its_ground(record: ModuleType) -> None:
    """Anaphylaxis against rash: both are shown, the reaction is named as the difference."""
    first = _of(record, "AllergyIntolerance")[0]
    assert first.verdict == "conflict"
    assert first.lead.id == "al1"
    assert "reaction" in first.why


def test_none_known_beside_something_known_is_a_disagreement(record: ModuleType) -> None:
    """`No known allergies` of one source never hides the allergy of another."""
    denial = record.fact(
        "AllergyIntolerance", "al9", "clinic", clinicalStatus=record.status("active"),
        code=record.concept("No known allergies", (record.SNOMED, "716186003")),
    )  # fmt: skip
    groups = group([denial, *(f for f in record.facts() if f.type == "AllergyIntolerance")])
    found = _find(groups, "no known")
    assert found.verdict == "conflict"
    assert "Penicillin" in found.why
    assert groups[0].title == "Penicillin"


def test_a_value_that_one_source_does_not_state_is_no_disagreement(record: ModuleType) -> None:
    """Missing is neutral."""
    code = record.concept("Gout", (record.SNOMED, "90560007"))
    one = record.fact("Condition", "x1", "north", code=code, clinicalStatus=record.status("active"))
    two = record.fact("Condition", "x2", "clinic", code=code)
    assert group([one, two])[0].verdict == "agree"


def test_reports_of_one_name_are_occasions_and_keep_their_count(record: ModuleType) -> None:
    """Six panels are six occasions of one report."""
    rows = [
        record.fact("DiagnosticReport", f"p{n}", code=record.concept("Lipids"), effectiveDateTime=f"2026-0{n + 1}-01")
        for n in range(3)
    ]
    found = group(rows)
    assert [(g.verdict, g.count, g.lead.id) for g in found] == [("series", 3, "p2")]


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3), max_size=12))
def test_no_fact_is_lost_or_doubled_by_bringing_together(keys: list[list[str]]) -> None:
    """Every fact is in exactly one set, and facts that share a key are in the same."""
    facts = [Fact("Condition", str(n), 1, 0, "s", {}) for n in range(len(keys))]
    sets = of_same_thing(facts, lambda f: keys[int(f.id)])
    assert sorted(int(f.id) for part in sets for f in part) == list(range(len(keys)))
    place = {f.id: n for n, part in enumerate(sets) for f in part}
    for a in facts:
        for b in facts:
            if set(keys[int(a.id)]) & set(keys[int(b.id)]):
                assert place[a.id] == place[b.id]


@given(st.lists(st.sampled_from(["AllergyIntolerance", "Condition", "Immunization", "Encounter"]), max_size=3))
def test_bare_resources_still_make_rows(kinds: list[str]) -> None:
    """A resource with nothing in it is shown as what it is, never dropped."""
    facts = [Fact(kind, str(n), 1, 0, "s", {"resourceType": kind, "id": str(n)}) for n, kind in enumerate(kinds)]
    assert sum(g.count for g in group(facts)) == len(kinds)
