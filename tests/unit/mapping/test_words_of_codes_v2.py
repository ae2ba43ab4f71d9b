"""Codes whose system or meaning stands elsewhere: the coding method of old diagnoses, words that mean no allergy."""

from __future__ import annotations

import pytest

from unsilo.formats import hl7v2
from unsilo.kernel import Json, seal
from unsilo.mapping import Site, load

HEAD = "MSH|^~\\&|A|B|C|D|20260102030405||ADT^A08|1|P|2.3\rPID|1||M1\r"
SNOMED = "http://snomed.info/sct"


def code(segment: str) -> Json:
    """The code of the last resource but its provenance."""
    content = (HEAD + segment + "\r").encode()
    message = hl7v2.parse(content).value
    assert message is not None
    made = load("hl7v2", Site(feed="t", organisation="t")).run(message, seal("t", "hl7v2", content, 0))
    kinds = ("AllergyIntolerance", "Condition")
    found: Json = next(e.resource["code"] for e in made.entries if e.resource["resourceType"] in kinds)
    return found


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("^NKDA", "409137002"), ("nka", "716186003"), ("9^No known food allergies^L", "429625007"),
        ("NKDA^none^L", "409137002"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("segment", ["AL1|1||{}|||", "IAM|1||{}|||A|x"])
def test_words_that_mean_no_allergy_have_its_code(segment: str, said: str, meant: str) -> None:
    """Nobody who counts allergies takes NKDA for one; what was sent stands beside."""
    found = code(segment.format(said))
    assert [c["code"] for c in found["coding"] if c.get("system") == SNOMED] == [meant]
    sent = next(part for part in said.split("^") if part)
    assert sent in (found.get("text"), *(c.get("code") for c in found["coding"]))


@pytest.mark.parametrize("said", ["716186003^No known allergy^SCT", "^Penicillin", "NKDA^Something^ABC"])
def test_other_words_and_coded_ones_stay_as_sent(said: str) -> None:
    """A code of a named system is not told twice, and a substance is no absence."""
    codings = code(f"AL1|1|DA|{said}").get("coding", [])
    assert len(codings) == (0 if said.startswith("^") else 1)


@pytest.mark.parametrize(
    ("fields", "system"),
    [
        ("I9|250.00", "http://hl7.org/fhir/sid/icd-9-cm"), ("I10|E11.9", "http://hl7.org/fhir/sid/icd-10"),
        ("XYZ|250.00", ""), ("I9|E11.9^DM^I10", "http://hl7.org/fhir/sid/icd-10"),
    ],
)  # fmt: skip
def test_the_coding_method_names_the_system(fields: str, system: str) -> None:
    """DG1-2 says the system of a code that has none of its own, and of no other."""
    systems = {c.get("system", "") for c in code(f"DG1|1|{fields}|words")["coding"]} - {""}
    assert systems == ({system} if system else set())
