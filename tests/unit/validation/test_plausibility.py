"""Plausibility: each rule of the tables finds what it names, lets its own bound pass, and says it in a sentence."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from unsilo.flow.doubt import each_in
from unsilo.validation.plausibility import ASKED, altered, changes, doubts, person_of, rules, times
from unsilo.validation.plausibility.tables import change_rows, dose_rows, limit_rows, moment_rows

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MICRO = int(NOW.timestamp() * 1_000_000)
BORN, DIED = datetime(1950, 3, 4, tzinfo=UTC), datetime(2020, 5, 6, tzinfo=UTC)
PERSON = person_of([{"resourceType": "Patient", "birthDate": "1950-03-04", "deceasedDateTime": "2020-05-06"}])
ALIVE = person_of([{"resourceType": "Patient", "birthDate": "1950-03-04"}])
PLAIN = ("birthDate", "issued", "recordedDate", "authoredOn", "whenHandedOver")


def _name(element):
    return "periodX" if element == "period" else element if element in PLAIN else f"{element}DateTime"


def _dated(row, day, other=None):
    made = {"resourceType": row.resource, "status": next(iter(sorted(row.statuses)), "final")}
    for element, at in ((row.element, day), (row.other, other)):
        if element and at is not None:
            said = at.strftime("%Y-%m-%d")
            made |= {"period": {"start": said}} if element == "period" else {_name(element): said}
    return made


def _moments(row):
    """Return (what is too far, what just is not) for a rule about times."""
    beyond, within = timedelta(days=row.days + 2), timedelta(days=max(row.days - 1, 0))
    if row.check == "future":
        return _dated(row, NOW + beyond), _dated(row, NOW + within)
    if row.check == "before-birth":
        return _dated(row, BORN - beyond), _dated(row, BORN - within)
    if row.check == "after-death":
        return _dated(row, DIED + beyond), _dated(row, DIED + within)
    if row.check == "before":
        return _dated(row, BORN, BORN + beyond), _dated(row, BORN, BORN + within)
    return _dated(row, NOW - beyond), _dated(row, NOW - within)


@pytest.mark.parametrize("row", moment_rows(), ids=lambda r: r.rule)
def test_times(row):
    """A time beyond the bound is found, with both dates in the sentence; one within it is not."""
    wrong, right = _moments(row)
    person = PERSON if row.check in ("before-birth", "after-death") else ALIVE
    found = [i for i in doubts(wrong, person, MICRO) if i.rule == row.rule]
    assert [(i.severity, i.where.path.partition(".")[0]) for i in found] == [("warning", row.resource)]
    assert "{" not in found[0].text
    assert [i for i in doubts(right, person, MICRO) if i.rule == row.rule] == []
    assert doubts({**wrong, "status": "entered-in-error"}, person, MICRO) == []
    if row.statuses:
        assert [i for i in doubts({**wrong, "status": "draft"}, person, MICRO) if i.rule == row.rule] == []


def test_what_lies_within_all_bounds_is_what_no_rule_has_anything_against(monkeypatch):
    """The one look that passes most resources never passes one that a rule would have told."""
    draw = random.Random(20261122)
    days = [None, "1940", "1950-03", "1950-03-04", "2020-05-06", "2020-05-13", "2026-06-02T00:00:00Z", "2026-06-03"]
    made = []
    for _ in range(3000):
        row = draw.choice(moment_rows())
        resource = {"resourceType": row.resource, "status": draw.choice(["final", "completed", "finished", "draft"])}
        for element in {other.element for other in moment_rows() if other.resource == row.resource}:
            said = draw.choice(days)
            resource |= {"period": {"start": said}} if element == "period" else {_name(element): said}
        made.append(resource)
    asked = [(each, person, now) for each in made for person in (ALIVE, PERSON) for now in (0, MICRO)]
    quick = [times.times(*each) for each in asked]
    monkeypatch.setattr(times, "_WINDOWS", {})
    assert quick == [times.times(*each) for each in asked]
    assert 0 < sum(map(bool, quick)) < len(quick)


def _result(code, value, unit, day="2019-01-01", **more):
    quantity = {"value": Decimal(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {
        "resourceType": "Observation", "status": "final", "effectiveDateTime": day, "valueQuantity": quantity,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]}, **more,
    }  # fmt: skip


@pytest.mark.parametrize("row", limit_rows(), ids=lambda r: f"{r.name} {r.age}")
def test_limits(row):
    """For every code the bounds pass and what lies beyond does not; a length is no unit of a mass and so on."""
    for code in row.codes:
        if row.age:  # what a child may have, an adult may not
            child = person_of([{"birthDate": "2018-12-01"}])
            assert doubts(_result(code, row.low - Decimal("0.1"), row.unit), ALIVE, MICRO)
            assert doubts(_result(code, row.low - Decimal("0.1"), row.unit), child, MICRO) == []
            continue
        for value in (row.low, row.high):
            if not any(r.age and code in r.codes and value < r.low for r in limit_rows()):
                assert doubts(_result(code, value, row.unit), ALIVE, MICRO) == []
        for value in (row.low - Decimal("0.01"), row.high + Decimal("0.01")):
            (found,) = doubts(_result(code, value, row.unit), ALIVE, MICRO)
            assert found.rule == "plausible.limit"
            assert row.name in found.text.lower() or row.name in found.text or found.text[1:].startswith(row.name[1:])
        wrong = "kg" if row.unit not in ("kg", "pg") else "cm"
        assert [i.rule for i in doubts(_result(code, "1", wrong), ALIVE, MICRO)] == ["plausible.unit"]


@pytest.mark.parametrize(
    ("code", "value", "unit"),
    [
        ("2345-7", "5.5", "mmol/L"), ("2160-0", "88", "umol/L"), ("718-7", "140", "g/L"), ("718-7", "8.7", "mmol/L"),
        ("8310-5", "98.6", "[degF]"), ("8302-2", "70", "[in_i]"), ("29463-7", "180", "[lb_av]"),
        ("8867-4", "72", "{beats}/min"), ("4548-4", "48", "mmol/mol"), ("6690-2", "7.1", "10*9/L"),
        ("1742-6", "0.5", "ukat/L"), ("1742-6", "27", "[IU]/L"), ("3016-3", "2.1", "u[IU]/mL"),
        ("33914-3", "90", "mL/min/{1.73_m2}"), ("2744-1", "7.4", "{pH}"), ("2708-6", "0.97", "1"),
        ("2777-1", "1.2", "mmol/L"), ("17861-6", "4.8", "meq/L"), ("2823-3", "4.2", "meq/L"),
        ("1988-5", "50", "nmol/L"),
    ],
)  # fmt: skip
def test_other_units_are_no_doubt(code, value, unit):
    """Results in the other units that laboratories use raise nothing."""
    assert doubts(_result(code, value, unit), ALIVE, MICRO) == []


@pytest.mark.parametrize(
    ("code", "value", "unit"),
    [("8310-5", "98.6", "Cel"), ("8310-5", "37", "[degF]"), ("718-7", "140", "g/dL"), ("2345-7", "5500", "mmol/L"),
     ("2744-1", "74", "[pH]"), ("2708-6", "970", "%"), ("29463-7", "82000", "kg")],
)  # fmt: skip
def test_the_usual_mistakes_are_found(code, value, unit):
    """A Fahrenheit value as Celsius, grams per litre as per decilitre, a lost decimal point."""
    assert [i.rule for i in doubts(_result(code, value, unit), ALIVE, MICRO)] == ["plausible.limit"]


def test_numbers_without_unit_and_with_comparators():
    """A missing unit raises nothing but for scores; `>1000` says nothing of what it is."""
    bare = _result("2708-6", "970", "%")
    bare["valueQuantity"] = {"value": Decimal(970)}
    assert doubts(bare, ALIVE, MICRO) == []
    score = _result("9269-2", "16", "{score}")
    score["valueQuantity"] = {"value": 16}
    assert [i.rule for i in doubts(score, ALIVE, MICRO)] == ["plausible.limit"]
    more = _result("2345-7", "5000", "mg/dL")
    more["valueQuantity"]["comparator"] = ">"
    assert doubts(more, ALIVE, MICRO) == []


def test_components():
    """Each part of a blood pressure is looked at; the path says which."""
    part = _result("8480-6", "1200", "mm[Hg]")
    panel = {**_result("85354-9", "1", "1"), "component": [{}, {k: part[k] for k in ("code", "valueQuantity")}]}
    assert [i.where.path for i in doubts(panel, ALIVE, MICRO)] == ["Observation.component[1].value"]


@pytest.mark.parametrize("row", dose_rows(), ids=lambda r: r.rule)
def test_doses(row):
    """A dose above the bound is found in every kind of medication resource; the bound passes."""

    def dosed(value):
        quantity = {"value": value, "system": "http://unitsofmeasure.org", "code": row.unit}
        rate = {"doseAndRate": [{"doseQuantity": quantity}, {"doseRange": {"high": quantity}}]}
        yield {"resourceType": "MedicationRequest", "dosageInstruction": [rate]}, 2
        yield {"resourceType": "MedicationDispense", "dosageInstruction": [rate]}, 2
        yield {"resourceType": "MedicationStatement", "dosage": [rate]}, 2
        yield {"resourceType": "MedicationAdministration", "dosage": {"dose": quantity}}, 1

    for resource, count in dosed(row.high + 1):
        assert [i.rule for i in doubts(resource, ALIVE, MICRO)] == [row.rule] * count
    for resource, _ in dosed(row.high):
        assert doubts(resource, ALIVE, MICRO) == []
    for resource, count in dosed(Decimal(-1)):
        assert [i.rule for i in doubts(resource, ALIVE, MICRO)] == ["plausible.dose.negative"] * count


def _group(code, value, day):
    said = {"coding": [{"system": "http://example.org/abo", "code": value, "display": f"group {value}"}]}
    made = _result(code, "1", "1", day)
    del made["valueQuantity"]
    return {**made, "valueCodeableConcept": said}


@pytest.mark.parametrize("row", change_rows(), ids=lambda r: r.rule)
def test_changes(row):
    """The later of two results that cannot both be is found; a bound, a longer time, a child raise nothing."""
    code, late = row.codes[0], f"{datetime(2019, 1, 1, tzinfo=UTC) + timedelta(days=min(row.days, 1000)):%Y-%m-%d}"
    if row.kind == "coded":
        one, same, other = _group(code, "A", "2019-01-01"), _group(code, "A", late), _group(code, "B", late)
        found = changes([other, one], ALIVE)
        assert [i.rule for i in found[0]] == [row.rule]
        assert "group A" in found[0][0].text
        assert changes([one, same], ALIVE) == {}
        return
    base = Decimal(100)
    top = base + row.limit if row.kind == "difference" else base * row.limit
    one = _result(code, base, row.unit)
    found = changes([one, _result(code, top + 1, row.unit, late)], ALIVE)
    assert row.rule in {i.rule for i in found[1]}
    assert 0 not in found
    assert "2019-01-01" in found[1][0].text
    assert row.rule not in {
        i.rule for v in changes([one, _result(code, top, row.unit, late)], ALIVE).values() for i in v
    }
    much = datetime(2019, 1, 1, tzinfo=UTC) + timedelta(days=row.days + 1)
    later = _result(code, top + 1, row.unit, f"{much:%Y-%m-%d}")
    assert row.rule not in {i.rule for v in changes([one, later], ALIVE).values() for i in v}
    if row.age:
        child = person_of([{"birthDate": "2018-12-01"}])
        assert changes([one, _result(code, top + 1, row.unit, late)], child) == {}


def test_changes_across_units_and_systems():
    """Pounds and kilograms of the same weight are no change; codes of different systems are not compared."""
    kilo = _result("29463-7", "80", "kg")
    assert changes([kilo, _result("29463-7", "176", "[lb_av]", "2019-01-02")], ALIVE) == {}
    assert changes([kilo, _result("29463-7", "176", "kg", "2019-01-02")], ALIVE)
    one, other = _group("883-9", "A", "2019-01-01"), _group("883-9", "B", "2019-01-02")
    other["valueCodeableConcept"]["coding"][0]["system"] = "http://example.org/other"
    assert changes([one, other], ALIVE) == {}


def test_altered_patients():
    """Another sex or another birth is told; an unknown one, or a birth said more precisely, is not."""
    before = {"gender": "female", "birthDate": "1950"}
    assert [i.rule for i in altered(before, {"gender": "male", "birthDate": "1951-01-01"})] == [
        "plausible.change.sex", "plausible.change.birth",
    ]  # fmt: skip
    assert altered(before, {"gender": "unknown", "birthDate": "1950-03-04"}) == []


def test_sources_that_differ_raise_no_doubt():
    """Of several births the earliest counts, of several deaths the latest."""
    both = person_of([{"birthDate": "1950-03-04", "deceasedDateTime": "2020"}, {"birthDate": "1949"},
                      {"deceasedDateTime": "2021"}, {"deceasedBoolean": True}])  # fmt: skip
    assert (both.born, both.died) == ("1949", "2021")


def test_every_rule_has_a_sentence_and_a_source():
    """Tables are complete: no rule twice, none without words."""
    assert len({row.rule for row in (*moment_rows(), *change_rows())}) == len(moment_rows()) + len(change_rows())
    assert all(row.sentence.endswith(".") for row in (*moment_rows(), *dose_rows(), *change_rows()))
    assert all(rule.startswith("plausible.") for rule in rules())


ODD = (
    {}, [], None, 5, "x", {"value": {}}, {"value": "1"}, {"value": True}, [None], [{}], {"coding": 5},
    {"coding": [None, {"system": "http://loinc.org", "code": 5}]}, Decimal("NaN"), {"value": Decimal("1E+999999")},
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_wrong_shapes_raise_nothing(odd):
    """Whatever stands where, the answer is a list."""
    fine = _result("2345-7", "100", "mg/dL")
    for kind in ("Observation", "Patient", "MedicationRequest", "MedicationAdministration", "Condition", "Encounter"):
        names = ("effectiveDateTime", "effectivePeriod", "valueQuantity", "component", "code", "birthDate", "period",
                 "dosageInstruction", "dosage", "deceasedDateTime", "onsetDateTime", "issued", "status")  # fmt: skip
        for name in names:
            resource = {**fine, "resourceType": kind, name: odd}
            assert isinstance(doubts(resource, ALIVE, MICRO), list)
            assert isinstance(changes([resource, fine], ALIVE), dict)
    assert isinstance(person_of([{"birthDate": odd, "deceasedDateTime": odd}]), tuple)
    assert isinstance(altered({"gender": odd, "birthDate": odd}, {"gender": "male", "birthDate": "2000"}), list)
    assert doubts({"resourceType": odd}, ALIVE, MICRO) == []


def test_nothing_is_asked_of_types_without_rules():
    """Every type that a table names is asked; what is of another, or of no type, raises nothing and stops nothing."""
    assert {row.resource for row in moment_rows()} <= ASKED
    late = {"resourceType": "Immunization", "status": "completed", "occurrenceDateTime": "2999-01-01"}
    odd = [{**late, "resourceType": kind} for kind in ("Location", ["Immunization"], {"a": 1}, None, 7)]
    found = each_in([*odd, late], MICRO)
    assert [number for number, _ in found] == [len(odd)]
