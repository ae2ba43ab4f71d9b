"""Search keys of R4's parameters: what each kind of value gives."""

from decimal import Decimal
from math import inf, nextafter
from typing import Any

import pytest

from unsilo.fhir import dates
from unsilo.fhir.index import IDENTIFIER, IndexRows, index, patient_date, token_hash, version
from unsilo.fhir.index.keys import canonical_forms, string_key, text_key, typed
from unsilo.fhir.index.units import ANY, converted, said, stated
from unsilo.kernel import hash64
from unsilo.spec.parameters import all_parameters, parameters
from unsilo.units import canonical

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def sp(kind: str, code: str) -> int:
    """The number of a parameter."""
    return parameters(kind)[code].number


def keys(rows: IndexRows, table: str, kind: str, code: str, plus: int = 0) -> set[tuple[Any, ...]]:
    """The keys of one parameter without its number."""
    wanted = sp(kind, code) + plus
    return {row[1:] for row in getattr(rows, table) if row[0] == wanted}


OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation", "id": "o1",
    "meta": {"lastUpdated": "2020-01-02T03:04:05.678Z", "security": [{"system": "c", "code": "R", "display": "Rr"}],
             "profile": ["http://p|1"], "source": "urn:s#1"},
    "identifier": [{"system": "s", "value": "F1"}], "status": "final",
    "category": [{"coding": [{"system": "cat", "code": "laboratory"}]}],
    "code": {"coding": [{"system": LOINC, "code": "2345-7", "display": "Glucosé"}, {"system": "L", "code": "GLU"}],
             "text": "Sugar"},
    "subject": {"reference": "Patient/p1"}, "encounter": {"reference": "Encounter/e1/_history/3"},
    "effectiveDateTime": "2020-01-02",
    "valueQuantity": {"value": Decimal("5.40"), "unit": "mg/l", "system": UCUM, "code": "mg/L"},
    "component": [{"code": {"coding": [{"code": "c1"}]}, "valueCodeableConcept": {"coding": [{"code": "v1"}]}}],
}  # fmt: skip


def test_tokens() -> None:
    """Codings, codes and identifiers give their code's hash and their system; case does not matter."""
    rows = index(OBSERVATION)
    assert keys(rows, "tok", "Observation", "code") == {(token_hash("2345-7"), LOINC), (token_hash("glu"), "L")}
    assert keys(rows, "tok", "Observation", "component-code") == {(token_hash("C1"), "")}
    assert not keys(rows, "tok", "Observation", "combo-code"), "kept as code and component-code"
    assert keys(rows, "tok", "Observation", "status") == {(hash64("final"), "")}
    assert keys(rows, "tok", "Observation", "identifier") == {(hash64("f1"), "s")}
    assert keys(rows, "tok", "Observation", "_security") == {(hash64("r"), "c")}
    assert (hash64("f1"), "f1") in rows.cod
    assert not keys(rows, "tok", "Observation", "_id"), "ids stand in the resource's own row"
    assert {row[0] for row in rows.cod} == {row[1] for row in rows.tok} | {row[1] for row in rows.qty} - {ANY}


def test_texts() -> None:
    """`:text` finds displays and the concept's text, folded."""
    found = keys(index(OBSERVATION), "txt", "Observation", "code")
    assert found == {text_key("Glucosé"), text_key("Sugar")}
    assert {text for _, text in found} == {"glucose", "sugar"}


def test_dates() -> None:
    """A day is the whole day; the patient's row has the date parameter's beginning."""
    rows = index(OBSERVATION)
    day = dates.range_of("2020-01-02")
    assert day is not None
    assert keys(rows, "dat", "Observation", "date") == {day}
    assert patient_date("Observation") == sp("Observation", "date")
    assert rows.pat == [("Patient/p1", day[0], hash64(f"{LOINC}|2345-7"), hash64("laboratory"))]


def test_references() -> None:
    """Versions are cut off; parameters of one type take its references only."""
    rows = index(OBSERVATION)
    assert keys(rows, "ref", "Observation", "subject") == {("Patient/p1",)}
    assert keys(rows, "ref", "Observation", "patient") == {("Patient/p1",)}
    assert keys(rows, "ref", "Observation", "encounter") == {("Encounter/e1",)}
    group = index({**OBSERVATION, "subject": {"reference": "Group/g"}})
    assert keys(group, "ref", "Observation", "subject") == {("Group/g",)}
    assert not keys(group, "ref", "Observation", "patient")
    assert not group.pat


@pytest.mark.parametrize(
    ("said", "forms"),
    [("http://q|2", ("http://q", "http://q|2")), ("http://q", ("http://q",)), ("http://q|2#a", ("http://q", "http://q|2")),
     ("#q", ()), ("", ()), ("|2", ("|2",)), ("u" * 500, ("u" * 400,))],
)  # fmt: skip
def test_canonical_forms(said: str, forms: tuple[str, ...]) -> None:
    """With and without version, never with a fragment, never empty."""
    assert canonical_forms(said) == forms


@pytest.mark.parametrize(
    ("reference", "target", "patient"),
    [("http://x.org/fhir/Patient/1", "http://x.org/fhir/Patient/1", True), ("#p", None, False),
     ("http://x.org/fhir/Patient/1/_history/2", "http://x.org/fhir/Patient/1", True), ("", None, False),
     ("urn:uuid:0", "urn:uuid:0", False), ("Patient/1#part", "Patient/1#part", True)],
)  # fmt: skip
def test_other_references(reference: str, target: str | None, patient: bool) -> None:
    """Absolute and urn references stand as given, contained ones give nothing."""
    rows = index({"resourceType": "Observation", "subject": {"reference": reference}})
    assert keys(rows, "ref", "Observation", "subject") == ({(target,)} if target else set())
    assert bool(keys(rows, "ref", "Observation", "patient")) == patient


def test_logical_references() -> None:
    """`Reference.identifier` is kept apart; it is a patient's where the reference says no other type."""
    rows = index({"resourceType": "Observation", "subject": {"type": "Patient", "identifier": {"value": "A"}}})
    assert keys(rows, "idn", "Observation", "subject") == {(hash64("a"), "")}
    assert keys(rows, "idn", "Observation", "patient") == {(hash64("a"), "")}
    untold = index({"resourceType": "Observation", "subject": {"identifier": {"value": "A"}}})
    assert keys(untold, "idn", "Observation", "patient") == {(hash64("a"), "")}
    for other in ({"type": "Group"}, {"reference": "Group/1"}):
        told = index({"resourceType": "Observation", "subject": {"identifier": {"value": "A"}, **other}})
        assert keys(told, "idn", "Observation", "subject") == {(hash64("a"), "")}
        assert keys(told, "idn", "Observation", "patient") == set()
    assert all(one.number < IDENTIFIER for one in all_parameters())


def test_quantities() -> None:
    """A quantity is kept by its number alone and under its unit as it is stated, whose text is kept once."""
    rows = index(OBSERVATION)
    key, text = stated(UCUM, "mg/L", "mg/l", canonical("mg/L"))
    assert keys(rows, "qty", "Observation", "value-quantity") == {(ANY, 5.4, 5.4), (key, 5.4, 5.4)}
    assert (key, text) in rows.cod
    assert said(text) == (UCUM, "mg/L", "mg/l")


def _stated(low: float, high: float, system: str = "", code: str = "", name: str = "") -> set[tuple[Any, ...]]:
    """Return the keys of a number in a unit that is not converted."""
    return {(ANY, low, high), (stated(system, code, name, None)[0], low, high)}


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [({"value": 5}, _stated(5.0, 5.0)),
     ({"value": 5, "comparator": "<"}, _stated(-inf, nextafter(5.0, -inf))),
     ({"value": 5, "comparator": ">="}, _stated(5.0, inf)),
     ({"value": 5, "comparator": ">"}, _stated(nextafter(5.0, inf), inf)),
     ({"value": 5, "comparator": "<="}, _stated(-inf, 5.0)),
     ({"value": 5, "system": "http://x", "code": "y"}, _stated(5.0, 5.0, "http://x", "y")),
     ({"value": 5, "system": "http://x", "unit": "y"}, _stated(5.0, 5.0, "", "", "y")),
     ({"value": 5, "system": UCUM, "code": "no unit"}, _stated(5.0, 5.0, UCUM, "no unit")),
     ({"value": "5"}, set()), ({"value": True}, set()), ({"unit": "mg"}, set()), ({"value": [5]}, set()),
     ({"value": Decimal("1E+999"), "system": UCUM, "code": "g"}, _stated(inf, inf, UCUM, "g")),
     ({"value": 10**400}, _stated(inf, inf))],
)  # fmt: skip
def test_odd_quantities(quantity: dict[str, Any], expected: set[tuple[Any, ...]]) -> None:
    """Comparators are open ranges; other systems are not converted; what is no number gives nothing."""
    rows = index({"resourceType": "Observation", "valueQuantity": quantity})
    assert keys(rows, "qty", "Observation", "value-quantity") == expected


def test_ranges_and_money() -> None:
    """A Range reaches from low to high; Money's currency is its unit."""
    rows = index({"resourceType": "Condition", "onsetRange": {"low": {"value": 3, "unit": "a"}}})
    assert keys(rows, "qty", "Condition", "onset-age") == _stated(3.0, inf, name="a")
    both = {"low": {"value": 3, "unit": "a"}, "high": {"value": 4, "unit": "a"}}
    rows = index({"resourceType": "Condition", "onsetRange": both})
    assert keys(rows, "qty", "Condition", "onset-age") == _stated(3.0, 4.0, name="a")
    rows = index({"resourceType": "Invoice", "totalNet": {"value": Decimal("9.50"), "currency": "EUR"}})
    assert keys(rows, "qty", "Invoice", "totalnet") == _stated(9.5, 9.5, "urn:iso:std:iso:4217", "EUR")


def test_ranges_of_two_units() -> None:
    """Ends in two units have in common their numbers, a name, and what both are converted to."""
    ends = {"low": {"value": 1, "unit": "x", "system": UCUM, "code": "g"},
            "high": {"value": 2000, "unit": "x", "system": UCUM, "code": "mg"}}  # fmt: skip
    found = keys(index({"resourceType": "Condition", "onsetRange": ends}), "qty", "Condition", "onset-age")
    assert found == _stated(1.0, 2000.0, name="x") | {(converted("g"), 1.0, 2.0)}
    ends["high"] |= {"unit": "y", "value": 100}
    found = keys(index({"resourceType": "Condition", "onsetRange": ends}), "qty", "Condition", "onset-age")
    assert found == _stated(1.0, 100.0)  # and no gram is less than a tenth of one


def test_special_units() -> None:
    """Degrees are moved, not only multiplied; a pH below a bound is an activity above one."""
    for value, code, kelvin in ((37, "Cel", 310.15), (Decimal("98.6"), "[degF]", 310.15)):
        quantity = {"value": value, "system": UCUM, "code": code}
        rows = index({"resourceType": "Observation", "valueQuantity": quantity})
        assert (converted("K"), kelvin, kelvin) in keys(rows, "qty", "Observation", "value-quantity")
    quantity = {"value": 7, "comparator": "<", "system": UCUM, "code": "[pH]"}
    rows = index({"resourceType": "Observation", "valueQuantity": quantity})
    plain = {ANY, stated(UCUM, "[pH]", "", canonical("[pH]"))[0]}
    found = {row[1:] for row in keys(rows, "qty", "Observation", "value-quantity") if row[0] not in plain}
    assert [(low > 0, high) for low, high in found] == [(True, inf)]


def test_numbers() -> None:
    """A number is a range of one; RiskAssessment's probability may be a Range."""
    rows = index(
        {"resourceType": "RiskAssessment", "prediction": [
            {"probabilityDecimal": Decimal("0.1")}, {"probabilityRange": {"high": {"value": 1}}}]}
    )  # fmt: skip
    assert keys(rows, "num", "RiskAssessment", "probability") == {(0.1, 0.1), (-inf, 1.0)}


def test_patient_keys() -> None:
    """Names and addresses by their parts; phones and e-mails apart; identifiers by type; deceased for everyone."""
    patient = {
        "resourceType": "Patient",
        "identifier": [{"value": "1", "type": {"coding": [{"system": "t", "code": "MR"}], "text": "Record no"}}],
        "name": [{"family": "Müller-Ångström", "given": ["José", None, 3]}],
        "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "E@x"}],
        "birthDate": "1970-05", "active": True, "link": [{"other": {"reference": "Patient/2"}}],
        "address": [{"line": ["1 Mill"], "city": "Grünau"}],
    }  # fmt: skip
    rows = index(patient)
    assert keys(rows, "str", "Patient", "family") == {string_key("Müller-Ångström")}
    assert keys(rows, "str", "Patient", "name") == {string_key("Müller-Ångström"), string_key("José")}
    assert string_key("José")[0] == "jose"
    assert keys(rows, "str", "Patient", "address") == {string_key("1 Mill"), string_key("Grünau")}
    assert keys(rows, "tok", "Patient", "phone") == {(hash64("1"), "phone")}
    assert keys(rows, "tok", "Patient", "email") == {(hash64("e@x"), "email")}
    assert len(keys(rows, "tok", "Patient", "telecom")) == 2
    assert keys(rows, "tok", "Patient", "identifier") == {(hash64("1"), ""), (hash64("1"), typed("t", "mr"))}
    assert keys(rows, "txt", "Patient", "identifier") == {text_key("record no")}
    assert keys(rows, "tok", "Patient", "deceased") == {(hash64("false"), "")}
    assert keys(rows, "tok", "Patient", "active") == {(hash64("true"), "")}
    assert rows.pat == [("Patient/2", 0, 0, 0)]
    gone = index({"resourceType": "Patient", "deceasedDateTime": "2020"})
    assert keys(gone, "tok", "Patient", "deceased") == {(hash64("true"), "")}
    assert keys(gone, "dat", "Patient", "death-date") == {dates.range_of("2020")}
    alive = index({"resourceType": "Patient", "deceasedBoolean": False})
    assert keys(alive, "tok", "Patient", "deceased") == {(hash64("false"), "")}


def test_composites() -> None:
    """One row for each instance: the parts of one component are never mixed with those of another."""
    rows = index(OBSERVATION)
    assert keys(rows, "cmp", "Observation", "component-code-value-concept") == {
        (hash64("c1"), "", hash64("v1"), "", 0.0, 0.0, "")
    }
    found = keys(rows, "cmp", "Observation", "code-value-quantity")
    unit = stated(UCUM, "mg/L", "mg/l", canonical("mg/L"))[0]
    assert found == {
        (token_hash("GLU"), "L", unit, "", 5.4, 5.4, ""), (token_hash("2345-7"), LOINC, unit, "", 5.4, 5.4, "")
    }  # fmt: skip
    assert not keys(rows, "cmp", "Observation", "component-code-value-quantity")


def test_odd_composites() -> None:
    """Sequence coordinates reach from start to end; DocumentReference's relation is read as it is meant."""
    rows = index({"resourceType": "MolecularSequence", "referenceSeq": {"chromosome": {"coding": [{"code": "1"}]}},
                  "variant": [{"start": 5, "end": 9}]})  # fmt: skip
    assert keys(rows, "cmp", "MolecularSequence", "chromosome-variant-coordinate") == {
        (hash64("1"), "", 0, "", 5.0, 9.0, "")
    }
    rows = index({"resourceType": "DocumentReference", "relatesTo": [
        {"code": "replaces", "target": {"reference": "DocumentReference/1"}}]})  # fmt: skip
    assert keys(rows, "cmp", "DocumentReference", "relationship") == {
        (hash64("replaces"), "", 0, "", 0.0, 0.0, "DocumentReference/1")
    }


def test_uris_canonicals_and_positions() -> None:
    """A canonical is found with and without its version; a Location by where it is."""
    assert keys(index(OBSERVATION), "uri", "Observation", "_profile") == {("http://p",), ("http://p|1",)}
    assert keys(index(OBSERVATION), "uri", "Observation", "_source") == {("urn:s#1",)}
    answers = index({"resourceType": "QuestionnaireResponse", "questionnaire": "http://q|2"})
    assert keys(answers, "ref", "QuestionnaireResponse", "questionnaire") == {("http://q",), ("http://q|2",)}
    place = index({"resourceType": "Location", "position": {"latitude": Decimal("1.5"), "longitude": -3}})
    assert keys(place, "pos", "Location", "near") == {(1.5, -3.0)}
    nowhere = index({"resourceType": "Location", "position": {"latitude": 91, "longitude": -3}})
    assert not nowhere.pos


def test_extensions() -> None:
    """Parameters on extensions read the extension's value, those on marked items only the marked ones."""
    url = "http://hl7.org/fhir/StructureDefinition/patient-extensions-Patient-mothersMaidenName"
    rows = index({"resourceType": "Patient", "extension": [{"url": url, "valueString": "Née"}, {"url": "x"}]})
    assert keys(rows, "str", "Patient", "mothersMaidenName") == {string_key("née")[:1] + string_key("Née")[1:]}
    mark = {"url": "http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject", "valueBoolean": True}
    answer = [{"valueReference": {"reference": "Patient/1"}}]
    rows = index({"resourceType": "QuestionnaireResponse", "item": [
        {"answer": [{"valueReference": {"reference": "Patient/2"}}]},
        {"extension": [mark], "answer": answer}]})  # fmt: skip
    assert keys(rows, "ref", "QuestionnaireResponse", "item-subject") == {("Patient/1",)}


def test_the_version_is_a_text() -> None:
    """What the store compares is the same in every process."""
    assert version() == version()
    assert version().startswith("1-") or version()[0].isdigit()
