"""Functions of the standard v2 tables that read several pieces: texts, ranges, durations, authorities, documents."""

from base64 import b64decode
from typing import Any

import pytest

from tests.unit.mapping.v2_bench import bodies, mapped, only, sources

PID = "PID|1||7^^^H^MR||Muster^Eva\n"


def observation(obx: str, **site: Any) -> Any:
    """The one Observation of an OBX."""
    return only(mapped("ORU^R01^ORU_R01", f"{PID}OBR|1||F1|CBC^^L\nOBX|1|{obx}", **site), "Observation")


def appointment(ais: str) -> Any:
    """The Appointment of an AIS."""
    sch = "SCH|A1||||||||||||||||||||||||Booked\n"
    return only(mapped("SIU^S12^SIU_S12", f"{sch}{PID}RGS|1\nAIS|1||X^Scan^L|{ais}"), "Appointment")


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("3.50-5.1", "3.50", "5.1"),
        ("3 - 5", "3", "5"),
        ("3 to 5", "3", "5"),
        ("-5--3", "-5", "-3"),
        (">=60", "60", None),
        ("<= 5", None, "5"),
        ("<5", None, None),
        ("neg", None, None),
        ("1-2-3", None, None),
        ("3-5 mmol", None, None),
    ],
)
def test_reference_ranges(text: str, low: str | None, high: str | None) -> None:
    """Two plain numbers are low and high in the value's unit, inclusive bounds one of them; the text always stays."""
    entry = observation(f"NM|K^^L||4|mmol/L^^UCUM|{text}|||||F")
    (found,) = entry.resource["referenceRange"]
    assert found["text"] == text
    for bound, expected in (("low", low), ("high", high)):
        assert (str(found[bound]["value"]) if bound in found else None) == expected
        if expected:
            assert found[bound]["unit"] == "mmol/L"
            assert sources(entry, f"referenceRange[0].{bound}.value") == [(3, 7, 0, 1, 0)]
            assert sources(entry, f"referenceRange[0].{bound}.unit") == [(3, 6, 0, 1, 0)]


def test_lines_of_a_text_are_one_value() -> None:
    """Repetitions of a text are its lines; an empty one between others is an empty line, one at an end is none."""
    entry = observation("FT|N^^L||one~~three \\T\\ four~||||||F")
    assert entry.resource["valueString"] == "one\n\nthree & four"
    assert sources(entry, "valueString") == [(3, 5, 0, 0, 0), (3, 5, 2, 0, 0)]


@pytest.mark.parametrize(
    ("ais", "end"),
    [
        ("20240105090000+0100|||30|min^^UCUM", "2024-01-05T09:30:00+01:00"),
        ("20240105090000+0100|||1.5|H", "2024-01-05T10:30:00+01:00"),
        ("20240105090000+0100|||30|fortnight", None),
        ("20240105090000+0100|||30", None),
        ("20240105090000+0100|||nan|MIN", None),
        ("20240105090000+0100|||1e300|MIN", None),
        ("20240105|||30|MIN", None),
    ],
)
def test_end_of_an_appointment(ais: str, end: str | None) -> None:
    """Start and duration make the end, if the unit is known and the start is an instant; nothing is guessed."""
    entry = appointment(ais)
    assert entry.resource.get("end") == end
    if end:
        assert sources(entry, "end") == [(4, 4, 0, 1, 0), (4, 7, 0, 1, 0), (4, 8, 0, 1, 0)]


def test_text_of_a_document() -> None:
    """All textual OBX of a document are one attachment, in order, each line cited; its title is the first name."""
    body = f"{PID}TXA|1|DS|TX|||||||||D1|||||AU\nOBX|1|TX|X^Title^L||a~b||||||F\n"
    body += "OBX|2|NM|Y^^L||5||||||F\nOBX|3|FT|X^^L||c||||||F"
    entry = only(mapped("MDM^T02^MDM_T02", body), "DocumentReference")
    (content,) = entry.resource["content"]
    assert b64decode(content["attachment"]["data"]) == b"a\nb\nc"
    assert content["attachment"]["contentType"] == "text/plain"
    assert content["attachment"]["title"] == "Title"
    assert sources(entry, "content[0].attachment.data") == [(3, 5, 0, 0, 0), (3, 5, 1, 0, 0), (5, 5, 0, 0, 0)]
    assert sources(entry, "content[0].attachment.title") == [(3, 3, 0, 2, 0)]


def test_authorities_of_flat_types() -> None:
    """An order number's universal id is its system; a namespace is local to the organisation, nothing without one."""
    for number, site, system in (
        ("F1^LAB^1.2.840.99.1^ISO", {}, "urn:oid:1.2.840.99.1"),
        ("F1^LAB", {"organisation": "St Mary"}, "urn:unsilo:st-mary:lab"),
        ("F1^LAB", {}, None),
        ("F1^LAB", {"authorities": {"LAB": "http://lab.example/orders"}}, "http://lab.example/orders"),
        ("F1^LAB^not an oid^ISO", {}, None),
    ):
        body = f"{PID}OBR|1||{number}|CBC^^L\nOBX|1|NM|K^^L||4||||||F"
        (report,) = bodies(mapped("ORU^R01^ORU_R01", body, **site), "DiagnosticReport")
        (identifier,) = [one for one in report["identifier"] if one["value"] == "F1"]
        assert identifier.get("system") == system, number


def test_name_in_words() -> None:
    """A mother's maiden name has prefix, given, further, family, suffix in that order; delete marks leave none."""
    entry = only(mapped("ADT^A01^ADT_A01", PID.rstrip("\n") + "|Alt^Ida^M^jr^Dr"), "Patient")
    (words,) = [e["valueString"] for e in entry.resource["extension"] if e["url"].endswith("mothersMaidenName")]
    assert words == "Dr Ida M Alt jr"
    gone = only(mapped("ADT^A01^ADT_A01", PID.rstrip("\n") + '|""'), "Patient")
    assert "extension" not in gone.resource


def test_values_of_one_observation_are_components_with_its_code() -> None:
    """Several numbers of one OBX are components; each has the observation's code, cited from its place."""
    entry = observation("NM|HR^Heart rate^L||60~62|/min||||||F")
    assert [str(c["valueQuantity"]["value"]) for c in entry.resource["component"]] == ["60", "62"]
    assert all(c["code"] == entry.resource["code"] for c in entry.resource["component"])
    assert sources(entry, "component[1].code.coding[0].code") == [(3, 3, 0, 1, 0)]
    assert "valueQuantity" not in entry.resource


def test_merged_record_points_at_its_survivor() -> None:
    """A merge makes the old record inactive, replaced by the record of PID."""
    result = mapped("ADT^A40^ADT_A39", "EVN|A40|20240102\n" + PID + "MRG|8^^^H^MR")
    old = [p for p in bodies(result, "Patient") if p.get("active") is False]
    new = [p for p in bodies(result, "Patient") if p.get("active") is not False]
    assert len(old) == len(new) == 1
    assert old[0]["link"] == [{"other": {"reference": f"Patient/{new[0]['id']}"}, "type": "replaced-by"}]
