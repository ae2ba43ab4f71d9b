"""Facts of one thing on the page: collapsed with grounds, related ones beside, apart when asked, never lost."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from unsilo.flow.read.fact import Fact
from unsilo.flow.read.grouping import group
from unsilo.flow.read.occasions import occasions
from unsilo.flow.read.person import person_view
from unsilo.flow.read.same import APART, codes_of
from unsilo.terminology.same import Reader

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"


def _attacks(record: ModuleType) -> list[Fact]:
    concept, day = record.concept, "2019-03-04"
    return [
        record.fact("Condition", "h1", "north", code=concept("", (record.SNOMED, "22298006")), onsetDateTime=day),
        record.fact("Condition", "h2", "clinic", code=concept("Heart attack"), onsetDateTime=day),
        record.fact("Condition", "h3", "lab", code=concept("", (ICD10, "I21.9")), onsetDateTime=day),
        record.fact("Condition", "h4", "lab", code=concept("History of heart attack"), onsetDateTime="2021"),
        record.fact("Condition", "h5", "north", code=concept("Heart attack"), onsetDateTime="2018",
                    verificationStatus=record.status("refuted")),
    ]  # fmt: skip


def test_one_problem_of_three_sources_is_one_row_that_says_why(record: ModuleType) -> None:
    """SNOMED CT, words and ICD-10-CM; the past one stands beside, the refuted one by itself."""
    groups = group(_attacks(record))
    found = next(each for each in groups if each.count == 3)
    assert dict(found.pips) == {"north": 1, "clinic": 1, "lab": 1}
    assert found.title == "Heart attack"
    assert {rule for _, _, _, rule in found.grounds} == {"same.table"}
    assert [(near.fact.id, near.rule) for near in found.near] == [("h4", "related.family")]
    assert sorted(each.lead.id for each in groups if each is not found) == ["h4", "h5"]
    assert groups[-1].lead.id == "h5"


def test_every_statement_stands_by_itself_when_asked_for(record: ModuleType) -> None:
    """APART takes nothing together, also what has one code."""
    facts = _attacks(record)
    assert [each.count for each in group(facts, APART)] == [1] * len(facts)


def test_two_strengths_of_one_source_in_use_at_once_are_both_in_sight(record: ModuleType) -> None:
    """Warfarin 5 mg and 3 mg of one hospital: two statements that differ, not an old and a new one."""
    rows = [
        record.fact("MedicationRequest", f"w{n}", "north", status="active", intent="order", authoredOn="2026-10-02",
                    medicationCodeableConcept=record.concept(f"Warfarin {n} mg tablet"))
        for n in (3, 5)
    ]  # fmt: skip
    (found,) = group(rows)
    assert (found.verdict, found.why) == ("conflict", "Statements differ in strength")
    assert len(found.sides) == 2


def test_the_list_of_events_has_one_row_for_one_thing_of_one_day(record: ModuleType) -> None:
    """The row holds the others, and no fact is on two rows or on none."""
    facts = _attacks(record)
    view = person_view(record.patients(), facts, record.SOURCES, now=record.NOW)
    rows = list(occasions(view.timeline.events, view.facts, view.of_thing))
    together = next(row for row in rows if row.also)
    assert {together.event.fact.id, *(fact.id for fact in together.also)} == {"h1", "h2", "h3"}
    told = [row.event.fact.ref for row in rows] + [fact.ref for row in rows for fact in row.also]
    assert sorted(told) == sorted(fact.ref for fact in facts)


def test_one_problem_has_one_lane(record: ModuleType) -> None:
    """Lanes by problem bear the name of the thing, whatever each source calls it."""
    view = person_view(record.patients(), _attacks(record)[:3], record.SOURCES, now=record.NOW, lanes="problem")
    assert [(lane.title, lane.total) for lane in view.timeline.lanes] == [("Heart attack", 3)]


def test_codes_are_said_with_their_system(record: ModuleType) -> None:
    """A reader sees which system a code is of."""
    fact = record.fact("Condition", "x", code=record.concept("X", (record.SNOMED, "1"), ("urn:local", "GLU")))
    assert codes_of(fact) == ["SNOMED CT 1", "local code GLU"]


_NAMES = ["Heart attack", "Diabetes", "Type 2 diabetes", "", "No diabetes", "Penicillin", "Warfarin 5 mg", "Prevnar 13"]
_KINDS = ["Condition", "AllergyIntolerance", "MedicationRequest", "Immunization", "Procedure", "Encounter"]


@given(st.lists(st.tuples(st.sampled_from(_KINDS), st.sampled_from(_NAMES), st.sampled_from("abc")), max_size=12))
def test_no_fact_is_lost_or_doubled(said: list[tuple[str, str, str]]) -> None:
    """Every fact stands in exactly one group, whatever is brought together."""
    facts = []
    for n, (kind, name, source) in enumerate(said):
        about: dict[str, Any] = {"text": name} if name else {}
        place = {"MedicationRequest": "medicationCodeableConcept", "Immunization": "vaccineCode"}.get(kind, "code")
        facts.append(Fact(kind, str(n), 1, 0, source, {"resourceType": kind, "id": str(n), place: about}))
    for reader in (Reader(), APART):
        assert sorted(f.id for each in group(facts, reader) for f in each.facts) == sorted(f.id for f in facts)
