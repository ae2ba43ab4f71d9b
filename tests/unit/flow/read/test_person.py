"""The whole page of one person, without HTML."""

from types import ModuleType
from zoneinfo import ZoneInfo

from unsilo.flow.read.banner import banner
from unsilo.flow.read.fact import Fact
from unsilo.flow.read.occasions import occasions
from unsilo.flow.read.person import PersonView, person_view
from unsilo.flow.read.sections import SECTIONS
from unsilo.flow.read.timeline import fitting, timeline


def _view(record: ModuleType, **choice: str) -> PersonView:
    zone = ZoneInfo("Europe/Amsterdam")
    return person_view(record.patients(), record.facts(), record.SOURCES, now=record.NOW, zone=zone, **choice)


def test_the_banner_names_disagreement_of_birth_dates_and_no_false_one_of_names(record: ModuleType) -> None:
    """15-Jul against 14-Jul is shown with its source; a missing middle name contradicts nothing."""
    head = _view(record).banner
    assert head.name.words == "DEMIRCI, Ada Leyla (Dr)"
    assert head.name.others == []
    assert head.former == ["ÖZTÜRK"]
    assert (head.born.words, head.age) == ("14-Jul-1945", "81 y")
    assert head.born.others == [("15-Jul-1945", "Harbour Clinic")]
    assert [(n.value, n.kind) for n in head.numbers][:1] == [("L-9931", "MRN")]


def test_a_merged_away_record_stands_behind_the_one_that_took_its_place(record: ModuleType) -> None:
    """After A40 the survivor's name and number lead, however new the other's last message; the old number says so."""

    def patient(id_: str, given: str, mrn: str, seen: str, **more: object) -> Fact:
        numbers = [
            {"system": "urn:id:north", "value": mrn, "type": {"coding": [{"code": "MR"}]}},
            {"system": "urn:id:passports", "value": f"P{mrn}", "type": {"coding": [{"code": "PPN"}]}},
        ]
        name = [{"family": "Merge", "given": [given]}]
        fact: Fact = record.fact("Patient", id_, "north", seen=seen, name=name, identifier=numbers, **more)
        return fact

    link = [{"other": {"reference": "Patient/a"}, "type": "replaced-by"}]
    gone = patient("b", "Annabel", "5002", "2026-11-20T12:00:00Z", active=False, link=link)
    head = banner([gone, patient("a", "Anna", "5001", "2026-11-20T10:00:00Z")], record.SOURCES, [], record.NOW)
    assert "Anna" in head.name.words.split()
    assert [words for words, _ in head.name.others] == ["MERGE, Annabel"]
    assert [(n.value, n.retired) for n in head.numbers] == [
        ("5001", False), ("P5001", False), ("P5002", False), ("5002", True),
    ]  # fmt: skip


def test_a_number_of_a_whole_country_is_one_however_it_is_spaced(record: ModuleType) -> None:
    """A document's social security number without a type is named, and is the number that a message sent unspaced."""
    system = "http://hl7.org/fhir/sid/us-ssn"
    told = {"system": system, "value": "422550203", "type": {"coding": [{"code": "SS"}]}}
    patients = [
        record.fact("Patient", "a", "north", identifier=[told]),
        record.fact("Patient", "b", "clinic", identifier=[{"system": system, "value": "422-55-0203"}]),
        record.fact("Patient", "c", "clinic", identifier=[{"system": system, "value": "422-55-0204"}]),
    ]
    numbers = banner(patients, record.SOURCES, [], record.NOW).numbers
    assert {n.kind for n in numbers} == {"Social security number"}
    assert sorted(n.value[-4:] for n in numbers) == ["0203", "0204"]


def test_the_banner_shows_every_reaction_gravest_first(record: ModuleType) -> None:
    """The anaphylaxis of one source stands before the rash of the other, both with their source."""
    first = _view(record).banner.allergies[0]
    assert (first.words, first.severe, first.conflict) == ("Penicillin", True, True)
    assert first.reactions == [("Anaphylaxis · severe", "north"), ("Rash", "clinic")]


def test_sections_stand_in_the_order_of_the_patient_summary_and_none_is_blank(record: ModuleType) -> None:
    """Every section has rows or says why it has none."""
    view = _view(record)
    assert [s.section.key for s in view.sections[:4]] == ["allergies", "problems", "medications", "immunisations"]
    for section in view.sections:
        assert section.groups or section.empty or section.section.key == "results"
    devices = next(s for s in view.sections if s.section.key == "devices")
    assert devices.empty is not None
    assert devices.empty.state == "None recorded"
    assert "does not mean" in devices.empty.words


def test_none_recorded_not_asked_and_confirmed_none_are_three_things(record: ModuleType) -> None:
    """The three states of an empty allergy list are said in different words."""

    def state(*facts: object) -> str:
        view = person_view(record.patients(), list(facts), record.SOURCES, now=record.NOW)  # type: ignore[arg-type]
        return view.banner.allergy_state

    def allergy(text: str, code: str) -> object:
        return record.fact("AllergyIntolerance", "x", code=record.concept(text, (record.SNOMED, code)))

    assert state() == "None recorded"
    assert state(allergy("Not asked", "1631000175102")) == "Not asked"
    assert state(allergy("No known allergy", "716186003")) == "Confirmed: no known allergy"


def test_every_shown_fact_is_on_the_timeline_once_in_every_arrangement(record: ModuleType) -> None:
    """Lanes by kind, source or problem hold the same events; what has no date is listed apart."""
    shown = {f.ref for f in record.facts() if f.type in {t for s in SECTIONS for t in s.types}}
    for lanes in ("kind", "source", "problem"):
        line = _view(record, lanes=lanes).timeline
        drawn = [e.fact.ref for lane in line.lanes for e in lane.events]
        assert sorted(drawn + [e.fact.ref for e in line.undated]) == sorted(shown)
        assert sum(lane.total for lane in line.lanes) == len(drawn)


def test_a_period_hides_nothing_in_silence(record: ModuleType) -> None:
    """What lies outside the chosen period is counted."""
    line = _view(record, span="90d").timeline
    assert line.outside + len(line.events) + len(line.undated) == len(_view(record).timeline.events) + len(line.undated)
    assert line.outside > 0


def test_problem_lanes_follow_encounters(record: ModuleType) -> None:
    """The emergency admission for pneumonia lies in the lane of that problem."""
    line = timeline(record.facts(), record.SOURCES, lanes="problem", now=record.NOW)
    lane = next(item for item in line.lanes if item.title == "Pneumonia")
    assert {e.fact.id for e in lane.events} == {"c4", "e1"}


def test_a_report_and_its_results_are_one_row_and_no_result_is_lost(record: ModuleType) -> None:
    """Folding keeps every fact: as a row or inside one."""
    events = _view(record).timeline.events
    rows = list(occasions(events, {f.ref: f for f in record.facts()}))
    kept = [o.event.fact.ref for o in rows] + [f.ref for o in rows for f in o.inside]
    kept += [o.ordered.ref for o in rows if o.ordered is not None]
    assert sorted(kept) == sorted(e.fact.ref for e in events)
    panel = next(o for o in rows if o.event.fact.id == "r2")
    assert [f.id for f in panel.inside] == ["k9", "n1"]


def test_the_first_period_shown_holds_most_of_what_there_is(record: ModuleType) -> None:
    """A record of recent years does not open on an empty decade."""
    assert fitting(record.facts(), record.NOW) in ("5y", "10y")
    assert fitting([], record.NOW) == "all"


def test_sources_are_listed_with_what_they_gave_even_when_that_is_nothing(record: ModuleType) -> None:
    """A source without facts stays in the strip."""
    view = person_view(record.patients(), [], record.SOURCES, now=record.NOW)
    assert {p.source.name: p.facts for p in view.presence} == dict.fromkeys(
        ("North Hospital", "City Laboratory", "Harbour Clinic"), 0
    )


def test_what_is_new_is_counted(record: ModuleType) -> None:
    """The count above the page is that of the marked facts."""
    assert _view(record).new == sum(f.new for f in record.facts())
