"""Rows at work: sources, targets, lists, repetitions, types, vocabularies, nested resources, functions, deletes."""

from decimal import Decimal
from pathlib import Path

from tests.unit.mapping.v2_bench import bodies, compiled, mapped, only, run, sources

VOCABULARY = (
    "id,vocab,code,text,target,display,system,source_system\n"
    "s.M,Sex,M,,male,Male,urn:fhir:gender,urn:v2:1\ns.F,Sex,F,,female,Female,urn:fhir:gender,urn:v2:1\ns.A,Sex,A,,,,,urn:v2:1\n"
)


def test_lists_labels_and_repetitions() -> None:
    """Each repetition is an item; rows of one label share it; empty repetitions leave no item and no gap."""
    engine = compiled(
        "a,PID[Patient],PID-13,,telecom[home],XTN[ContactPoint],,\n"
        "b,PID[Patient],PID-13,PID-13.2 NOT VALUED,telecom[home].use,code,,home\n"
        "c,PID[Patient],PID-14,,telecom[],XTN[ContactPoint],,\n"
        "x1,XTN[ContactPoint],XTN.1,,value,string,,\nx2,XTN[ContactPoint],XTN.2,,use,code,,\n"
    )
    patient = only(run(engine, "PID|||||||||||||1^temp~~2|3"), "Patient")
    assert patient.resource["telecom"] == [
        {"value": "1", "use": "temp"}, {"value": "2", "use": "home"}, {"value": "3"},
    ]  # fmt: skip
    assert sources(patient, "telecom[1].value") == [(1, 13, 2, 1, 0)]
    assert sources(patient, "telecom[1].use") == [None]
    assert sources(patient, "telecom[2].value") == [(1, 14, 0, 1, 0)]


def test_first_row_wins_and_types_convert() -> None:
    """The first row that sets an element stays; numbers keep their digits; what does not fit is an Issue, no value."""
    engine = compiled(
        "a,PID[Patient],PID-7,,birthDate,date,,\nb,PID[Patient],PID-8,,birthDate,date,,\n"
        "c,PID[Patient],PID-25,,multipleBirthInteger,positiveInt,,\nd,PID[Patient],PID-30,,deceasedBoolean,boolean,,\n"
        "e,PID[Patient],PID-9,,extension[n].valueDecimal,decimal,,\nf,PID[Patient],PID-9,,extension[n].url,uri,,urn:n\n"
    )
    result = run(engine, "PID|||||||19800231^D|19800201|1.500||||||||||||||||zwei|||||Y")
    patient = only(result, "Patient")
    assert patient.resource["birthDate"] == "1980-02-01"
    assert str(patient.resource["extension"][0]["valueDecimal"]) == "1.500"
    assert isinstance(patient.resource["extension"][0]["valueDecimal"], Decimal)
    assert patient.resource["deceasedBoolean"] is True
    assert "multipleBirthInteger" not in patient.resource
    assert {issue.where.path for issue in result.issues if issue.code == "value"} == {"PID-7.1", "PID-25"}
    assert {path for _, path, _ in result.unconsumed} >= {"PID-7.1", "PID-7.2", "PID-25"}


def test_extension_without_value_is_dropped() -> None:
    """An extension whose value did not fit leaves nothing behind, not even its url."""
    engine = compiled(
        "u,PID[Patient],PID-9,,extension[n].url,uri,,urn:n\nv,PID[Patient],PID-9,,extension[n].valueDecimal,decimal,,\n"
        "k,PID[Patient],PID-7,,birthDate,date,,\n"
    )
    patient = only(run(engine, "PID|||||||1980||x"), "Patient")
    assert "extension" not in patient.resource
    assert [row.path for row in patient.rows] == ["birthDate", "id"]


def test_vocabulary_to_code() -> None:
    """A code is translated without regard to case; an unmapped one stays visible; one knowingly unmapped is silent."""
    engine = compiled(
        "a,PID[Patient],PID-8,,gender,code,Sex,\nb,PID[Patient],PID-7,,birthDate,date,,\n", vocabularies=VOCABULARY
    )
    patient = only(run(engine, "PID|||||||1980|f^Female"), "Patient")
    assert patient.resource["gender"] == "female"
    assert [(r.rule, r.source) for r in patient.rows if r.path == "gender"] == [("a@Sex", (1, 8, 0, 1, 0))]
    result = run(engine, "PID|||||||1980|X")
    extension = only(result, "Patient").resource["_gender"]["extension"][0]
    assert extension["valueCodeableConcept"] == {"coding": [{"code": "X"}]}  # no code of the table
    assert [issue.code for issue in result.issues if issue.rule == "a@Sex"] == ["unmapped"]
    silent = run(engine, "PID|||||||1980|A")
    assert "_gender" not in only(silent, "Patient").resource
    assert not [issue for issue in silent.issues if issue.rule == "a@Sex"]


def test_vocabulary_to_concept_keeps_the_original() -> None:
    """The translation comes first, the original after it; a code of another system is left alone."""
    engine = compiled(
        "a,PID[Patient],PID-16,,maritalStatus,CWE[CodeableConcept],Sex,\n"
        "c1,CWE[CodeableConcept],CWE.1,,coding[1].code,code,,\nc2,CWE[CodeableConcept],CWE.2,,coding[1].display,,,\n"
        "c3,CWE[CodeableConcept],CWE.3,,coding[1].system,py:code_system,,\n",
        vocabularies=VOCABULARY,
        systems="id,name,uri\nsct,SCT,http://snomed.info/sct\n",
    )
    coded = only(run(engine, "PID||||||||||||||||M^Mann"), "Patient")
    assert coded.resource["maritalStatus"]["coding"] == [
        {"system": "urn:fhir:gender", "code": "male", "display": "Male"},
        {"code": "M", "display": "Mann", "system": "urn:v2:1"},
    ]
    assert sources(coded, "maritalStatus.coding[0].code") == [(1, 16, 0, 0, 0)]
    foreign = run(engine, "PID||||||||||||||||M^Mann^SCT")
    assert only(foreign, "Patient").resource["maritalStatus"]["coding"] == [
        {"code": "M", "display": "Mann", "system": "http://snomed.info/sct"}
    ]
    assert not [issue for issue in foreign.issues if issue.code == "unmapped"]


def test_nested_resources_are_made_once() -> None:
    """The same text in one message is one resource; a resource filled by several fields too; references close."""
    engine = compiled(
        "a,PID[Patient],PID-4,,generalPractitioner[],XCN[Practitioner],,\n"
        "b,PID[Patient],PID-5,,managingOrganization(Organization).name,,,\n"
        "c,PID[Patient],PID-6,,managingOrganization(Organization).alias[],,,\n"
        "x,XCN[Practitioner],XCN.1,,identifier[1].value,,,\ny,XCN[Practitioner],XCN.2,,name[1].family,,,\n",
        resources="id,resource,rule,order,element,value\np,Practitioner,identity,1,,identifier\n",
    )
    result = run(engine, "PID||||7^Ash~7^Ash~8^Oak|Clinic|Kl")
    assert [b["name"][0]["family"] for b in bodies(result, "Practitioner")] == ["Ash", "Oak"]
    patient = only(result, "Patient").resource
    assert len(patient["generalPractitioner"]) == 2
    assert bodies(result, "Organization")[0]["alias"] == ["Kl"]
    known = {f"{e.resource['resourceType']}/{e.resource['id']}" for e in result.entries}
    assert {r["reference"] for r in [*patient["generalPractitioner"], patient["managingOrganization"]]} <= known


def test_deletes_are_recorded() -> None:
    """`""` empties an element: no value, the path is listed, the place is cited."""
    engine = compiled(
        "a,PID[Patient],PID-5,,name[],,,\nb,PID[Patient],PID-16,,maritalStatus.text,,,\nc,PID[Patient],PID-7,,birthDate,date,,\n"
    )
    patient = only(run(engine, 'PID|||||""||1980|||||||||""'), "Patient")
    assert patient.cleared == ["name", "maritalStatus.text"]
    assert "name" not in patient.resource
    assert sources(patient, "name") == [(1, 5, 0, 0, 0)]


def test_joins_cite_each_piece() -> None:
    """Texts side by side: pieces that are not there leave nothing; lineage has a row for each piece."""
    engine = compiled(
        'a,PID[Patient],"""+"" PID-5.1 "" "" PID-5.2",,name[1].text,,,\nb,PID[Patient],PID-7,,birthDate,date,,\n'
    )
    patient = only(run(engine, "PID|||||A^B||1980"), "Patient")
    assert patient.resource["name"] == [{"text": "+A B"}]
    assert sources(patient, "name[0].text") == [(1, 5, 0, 1, 0), (1, 5, 0, 2, 0)]
    assert "name" not in only(run(engine, "PID|||||||1980"), "Patient").resource


def test_text_keeps_separators_and_lines() -> None:
    """`text` takes the whole repetition; `string` its first component and subcomponent, unescaped and trimmed."""
    engine = compiled("a,PID[Patient],PID-5,,name[1].text,text,,\nb,PID[Patient],PID-5,,name[1].family,string,,\n")
    patient = only(run(engine, "PID|||||  A\\T\\B&x^c\\.br\\d"), "Patient")
    assert patient.resource["name"][0] == {"text": "  A&B&x^c\nd", "family": "A&B"}
    assert sources(patient, "name[0].family") == [(1, 5, 0, 1, 1)]


def test_faulty_rows_are_named_and_left_out() -> None:
    """A row with an unknown map, vocabulary, type or function does nothing and is a fault; the rest works."""
    engine = compiled(
        "a,PID[Patient],PID-5,,name[],XPN[Nothing],,\nb,PID[Patient],PID-8,,gender,code,None,\nc,PID[Patient],PID-8,X),gender,code,,\n"
        "d,PID[Patient],PID-9,,alias,colour,,\ne,PID[Patient],PID-9,,alias,py:nothing,,\nf,PID[Patient],PID-7,,birthDate,date,,\n"
    )
    assert only(run(engine, "PID|||||A||1980|M|x"), "Patient").resource["birthDate"] == "1980"
    assert {issue.where.path for issue in engine.program.faults} == {"a", "b", "c", "d", "py:nothing"}


def test_shapes_give_what_the_general_function_gives() -> None:
    """A shape that is compiled for after many messages changes nothing: same resources, same lineage."""
    pid = "PID|1||111^^^HOSP&1.2.3.4.5&ISO^MR~222^^^B^PI||Doe^Jane^Q^Jr||19800101|F||2106-3^White^HL70005"
    pid += "|1 A St^^Town^ST^1~2 B||(555)1^PRN^PH|||M|\n"
    visit = "PV1|1|I|W^1^2^H||||7^Ash^Al^^^Dr^^^NPI|||MED||||1|||7^Ash^Al^^^Dr^^^NPI||V1^^^HOSP" + "|" * 25 + "20240101"
    others = ("PID|1||111^^^HOSP^MR||Doe^Jane||1980|F", 'PID|1||111^^^HOSP^MR||""||1980|X\\T\\Y')
    for body in (pid + visit, *others):
        first = mapped("ADT^A01^ADT_A01", body)
        for _ in range(40):
            again = mapped("ADT^A01^ADT_A01", body)
        assert [e.resource for e in again.entries] == [e.resource for e in first.entries]
        assert [sorted(e.rows, key=repr) for e in again.entries] == [sorted(e.rows, key=repr) for e in first.entries]
        assert again.unconsumed == first.unconsumed


def test_cache_on_disk(tmp_path: Path) -> None:
    """Compiled maps are kept by content and read back; a spoilt, foreign or writable file is compiled again."""
    rows = "a,PID[Patient],PID-7,,birthDate,date,,\n"
    first = only(run(compiled(rows, cache=tmp_path), "PID|||||||1980"), "Patient").resource
    files = sorted((tmp_path / "maps").iterdir())
    assert files
    assert only(run(compiled(rows, cache=tmp_path), "PID|||||||1980"), "Patient").resource == first
    for spoilt in (b"", b"x" * 100, files[0].read_bytes()[:-3]):
        files[0].write_bytes(spoilt)
        assert only(run(compiled(rows, cache=tmp_path), "PID|||||||1980"), "Patient").resource == first
    files[0].chmod(0o666)
    assert only(run(compiled(rows, cache=tmp_path), "PID|||||||1980"), "Patient").resource == first
    files[0].chmod(0o600)
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert only(run(compiled(rows, cache=blocked), "PID|||||||1980"), "Patient").resource == first
