"""Merging: clinical resources are replaced whole, registration keeps what was not said again."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from unsilo.fhir.leaves import at, leaves
from unsilo.fhir.merge import merge, policy_of, same
from unsilo.kernel import Row, json

OLD = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "s", "value": "1", "type": {"text": "MR"}}, {"system": "s", "value": "2"}],
    "name": [{"family": "Doe"}],
    "birthDate": "1970",
    "deceasedBoolean": False,
    "telecom": [{"value": "1"}],
    "meta": {"source": "old", "security": [{"system": "c", "code": "R"}]},
    "text": {"status": "generated", "div": "old"},
}


def test_observation_versions_never_mix() -> None:
    """A corrected result carries only its own value, flag, range and note."""
    old = {
        "resourceType": "Observation", "id": "o", "status": "final", "valueQuantity": {"value": 9},
        "interpretation": [{"text": "H"}], "referenceRange": [{"text": "3-5"}], "note": [{"text": "n"}],
    }  # fmt: skip
    new = {"resourceType": "Observation", "id": "o", "status": "corrected", "valueString": "not done"}
    merged, kept = merge(old, new)
    assert merged == new
    assert "interpretation" not in kept
    assert kept.old_rows([Row("interpretation[0].text", "r", None)]) == []


def test_patient_keeps_what_was_not_sent() -> None:
    """Elements that the newer message left out stay, with their old lineage; sent ones replace whole elements."""
    new = {"resourceType": "Patient", "id": "p", "name": [{"family": "Smith"}]}
    merged, kept = merge(OLD, new)
    assert merged["name"] == [{"family": "Smith"}]
    assert merged["birthDate"] == "1970"
    assert "birthDate" in kept
    assert "name" not in kept
    assert "text" not in merged
    rows = kept.old_rows([Row("birthDate", "pid.7", (1, 7, 0, 0, 0)), Row("name[0].family", "pid.5", None)])
    assert rows == [Row("birthDate", "pid.7", (1, 7, 0, 0, 0))]


def test_cleared_elements_go() -> None:
    """What the source emptied on purpose is deleted."""
    merged, kept = merge(OLD, {"resourceType": "Patient", "id": "p"}, cleared=["birthDate", "telecom[0].value"])
    assert "birthDate" not in merged
    assert "telecom" not in merged
    assert "birthDate" not in kept


def test_cleared_items_of_a_list_go() -> None:
    """Of a list only the items go that have the value; the others keep their lineage at their new places."""
    old = {
        "resourceType": "Patient", "id": "p",
        "extension": [{"url": "race", "valueCode": "a"}, {"url": "faith", "valueCode": "b"}, {"url": "birth"}],
        "telecom": [{"use": "home", "value": "1"}, {"use": "work", "value": "2"}],
        "identifier": [{"value": "9", "type": {"coding": [{"code": "SS"}]}}, {"value": "8"}],
    }  # fmt: skip
    cleared = ["extension[url=faith]", "telecom[use=work]", "identifier[type.coding.code=SS]"]
    new = {"resourceType": "Patient", "id": "p", "extension": [{"url": "birth", "valueCode": "c"}]}
    merged, kept = merge(old, new, cleared)
    assert [one["url"] for one in merged["extension"]] == ["race", "birth"]
    assert merged["telecom"] == [{"use": "home", "value": "1"}]
    assert merged["identifier"] == [{"value": "8"}]
    rows = [Row(path, "r", None) for path in ("identifier[0].value", "identifier[1].value", "telecom[1].value")]
    assert [row.path for row in kept.old_rows(rows)] == ["identifier[0].value"]
    assert kept.old_rows([Row("extension[0].url", "r", None)])[0].path == "extension[0].url"
    assert merge(old, new, ["telecom[use=work]", "telecom[use=home]"]).resource.get("telecom") is None
    assert merge(old, new, ["telecom[use!=work]"]).resource["telecom"] == [{"use": "work", "value": "2"}]


def test_cleared_parts_of_an_element_go() -> None:
    """A part that the source emptied leaves an element that is else kept whole, and takes its lineage with it."""
    old = {"resourceType": "Encounter", "id": "e", "hospitalization": {"admitSource": {}, "dischargeDisposition": {}}}
    new = {"resourceType": "Encounter", "id": "e", "status": "in-progress"}
    merged, kept = merge(old, new, ["hospitalization.dischargeDisposition"])
    assert merged["hospitalization"] == {"admitSource": {}}
    rows = [
        Row("hospitalization.dischargeDisposition.text", "r", None),
        Row("hospitalization.admitSource.text", "r", None),
    ]
    assert kept.old_rows(rows) == rows[1:]
    assert "hospitalization" not in merge(merged, new, ["hospitalization.admitSource"]).resource


def test_identifiers_are_united_by_system_and_value() -> None:
    """Both versions' identifiers are there once, the old order first, and lineage follows to the new index."""
    new = {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"system": "s", "value": "3"}, {"system": "s", "value": "1"}],
    }
    merged, kept = merge(OLD, new)
    assert [i["value"] for i in merged["identifier"]] == ["1", "2", "3"]
    assert merged["identifier"][0]["type"] == {"text": "MR"}
    assert kept.new_rows([Row("identifier[0].value", "pid.3", None)])[0].path == "identifier[2].value"
    assert kept.new_rows([Row("identifier[1].value", "pid.3", None)])[0].path == "identifier[0].value"
    assert kept.old_rows([Row("identifier[0].type.text", "x", None)])[0].path == "identifier[0].type.text"
    assert kept.old_rows([Row("identifier[0].value", "x", None)]) == []


def test_the_other_choice_type_replaces() -> None:
    """A death date arriving removes the former `deceasedBoolean`, as an element has one value."""
    merged, _ = merge(OLD, {"resourceType": "Patient", "id": "p", "deceasedDateTime": "2020-01-01"})
    assert "deceasedBoolean" not in merged


def test_security_labels_stay_on_registration() -> None:
    """A later message without a confidentiality code does not lift one that was set."""
    merged, _ = merge(OLD, {"resourceType": "Patient", "id": "p", "meta": {"source": "new"}})
    assert merged["meta"] == {"source": "new", "security": [{"system": "c", "code": "R"}]}


def test_diagnostic_report_results_are_united() -> None:
    """A later part of a report adds its results; the rest is replaced."""
    old = {"resourceType": "DiagnosticReport", "id": "d", "conclusion": "x", "result": [{"reference": "Observation/1"}]}
    new = {"resourceType": "DiagnosticReport", "id": "d", "result": [{"reference": "Observation/2"}]}
    merged, kept = merge(old, new)
    assert [r["reference"] for r in merged["result"]] == ["Observation/1", "Observation/2"]
    assert "conclusion" not in merged
    assert "result" in kept


def test_arguments_are_not_changed() -> None:
    """Merging is pure."""
    old, new = copy.deepcopy(OLD), {"resourceType": "Patient", "id": "p", "identifier": [{"system": "s", "value": "9"}]}
    before = copy.deepcopy(new)
    merge(old, new)
    assert old == OLD
    assert new == before


def test_unknown_does_not_replace_what_is_known() -> None:
    """A later message that only says "unknown" or why there is no value leaves the known value with its lineage."""
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    old = {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "IMP"}}
    new = {"resourceType": "Encounter", "id": "e", "status": "unknown", "class": absent, "period": {"start": "2020"}}
    merged, kept = merge(old, new)
    assert merged["status"] == "finished"
    assert merged["class"] == {"code": "IMP"}
    assert merged["period"] == {"start": "2020"}
    assert "status" in kept
    rows = [Row("status", "r", None), Row("class.extension[0].url", "r", None), Row("period.start", "r", None)]
    assert [r.path for r in kept.new_rows(rows)] == ["period.start"]
    patient, _ = merge({**OLD}, {"resourceType": "Patient", "id": "p", "_birthDate": absent})
    assert patient["birthDate"] == "1970"
    assert "_birthDate" not in patient
    back, _ = merge(new, old)
    assert back["status"] == "finished"


def test_unknown_types_are_replaced() -> None:
    """A type without a row keeps nothing."""
    assert policy_of("Basic").update is False


_identifier = st.fixed_dictionaries(
    {"system": st.sampled_from(["a", "b"]), "value": st.sampled_from(["1", "2", "3"])}, optional={"use": st.just("old")}
)
_patient = st.fixed_dictionaries(
    {"resourceType": st.just("Patient"), "id": st.just("p")},
    optional={
        "identifier": st.lists(_identifier, min_size=1, max_size=4),
        "birthDate": st.sampled_from(["1970", "1980"]),
        "deceasedBoolean": st.booleans(),
        "deceasedDateTime": st.just("2000"),
        "extension": st.lists(
            st.fixed_dictionaries({"url": st.sampled_from(["u", "v"]), "valueString": st.text("xy")})
        ),
    },
)


@given(_patient, _patient)
def test_every_leaf_has_exactly_one_source(old: dict[str, object], new: dict[str, object]) -> None:
    """After a merge, each leaf has one lineage row, and it holds the value that row's version had there."""
    merged, kept = merge(old, new)
    before = kept.old_rows(Row(p, f"old {p}", None) for p, _ in leaves(old))
    after = kept.new_rows(Row(p, f"new {p}", None) for p, _ in leaves(new))
    rows = [*before, *after]
    assert sorted(r.path for r in rows) == sorted(p for p, _ in leaves(merged))
    for row in rows:
        version, _, path = row.rule.partition(" ")
        assert at(merged, row.path) == at(old if version == "old" else new, path)
    again, _ = merge(merged, new)
    assert again == merged


def test_a_place_that_is_said_again_keeps_what_was_known_of_it() -> None:
    """A message that names the same bed without its status or time ends neither; a bed that is not named again goes."""
    bed, ward = {"reference": "Location/bed"}, {"reference": "Location/ward"}
    old = {
        "resourceType": "Encounter", "id": "e",
        "location": [{"location": ward}, {"location": bed, "status": "active", "period": {"start": "2026"}}],
    }  # fmt: skip
    new = {"resourceType": "Encounter", "id": "e", "location": [{"location": bed, "period": {"start": "2027"}}]}
    merged, kept = merge(old, new)
    assert merged["location"] == [{"location": bed, "period": {"start": "2027"}, "status": "active"}]
    rows = [Row("location[1].status", "pv1.3", None), Row("location[0].location.reference", "pv1.3", None)]
    assert [row.path for row in kept.old_rows(rows)] == ["location[0].status"]
    assert merge(old, {**new, "location": [{"location": ward}]})[0]["location"] == [{"location": ward}]
    assert merge(old, {"resourceType": "Encounter", "id": "e"})[0]["location"] == old["location"]


def test_the_same_is_told_by_content_to_the_last_digit() -> None:
    """Order of elements is no difference, a digit and the order of a list are."""
    one = json.decode('{"resourceType":"Basic","id":"b","a":1.0,"l":[1,2]}')
    assert same(one, json.decode('{"id":"b","l":[1,2],"a":1.0,"resourceType":"Basic"}'))
    assert not same(one, json.decode('{"resourceType":"Basic","id":"b","a":1.00,"l":[1,2]}'))
    assert not same(one, json.decode('{"resourceType":"Basic","id":"b","a":1.0,"l":[2,1]}'))
    assert not same({"active": True}, {"active": 1})
