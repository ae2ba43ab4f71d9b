"""Decisions written to files and read again, and files of other hands that are wrong."""

import json

import pytest

from tests.unit.terminology.maps.map_decisions import LOINC, entry
from unsilo.flow.decide.map_files import read_file
from unsilo.terminology.maps import Entry
from unsilo.terminology.maps.files import concept_maps, to_csv, to_usagi

WHAT = ("element", "system", "code", "label", "target_system", "target_code", "target_display", "relationship")


def same(first: Entry, second: Entry, names: tuple[str, ...] = WHAT) -> bool:
    """Tell whether two decisions say the same."""
    return all(getattr(first, name) == getattr(second, name) for name in names)


@pytest.mark.parametrize("code", ["GLU", "=1+1", "-K", "@x", "a,b", 'a"b', "Ü\u202e"])
def test_csv_and_concept_map_come_back_as_they_were(code: str) -> None:
    """Round trip, with formulas made harmless on the way."""
    one = entry(code=code, unit="mg/dL", feed="north", state="published", version=2)
    text = to_csv([one])
    assert not any(cell.startswith(("=", "@")) for cell in text.replace("\n", ",").split(","))
    read = read_file(text.encode())
    assert read.value is not None
    assert same(read.value[0], one, (*WHAT, "unit", "feed"))
    assert (read.value[0].state, read.value[0].origin) == ("proposed", "import")
    [resource] = concept_maps([one], "urn:x")
    assert resource["url"] == "urn:x/local-codes-observation-code-north"
    again = read_file(json.dumps(resource).encode())
    assert again.value is not None
    assert same(again.value[0], one)


def test_usagi_is_written_and_read() -> None:
    """Its columns and words are Usagi's; what it lacks comes from the options."""
    text = to_usagi([entry(state="published", score=0.5)])
    assert "mappingStatus" in text.splitlines()[0]
    assert "APPROVED,EQUIVALENT" in text
    read = read_file(text.encode(), system="urn:lab", target_system=LOINC)
    assert read.value is not None
    assert same(read.value[0], entry())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "no code or sourcecode"),
        (b"code,target_code\nGLU,\n", "row 2"),
        (b"code,target_code,relationship\nGLU,1,same\n", "no relationship"),
        (b"code,target_code,element\nGLU,1,Patient.name\n", "no element"),
        (b'{"resourceType":"Patient"}', "no ConceptMap"),
        (b'{"resourceType":', ""),
        (b'{"resourceType":"ConceptMap","group":[{"element":[{"target":[{"code":"1"}]}]}]}', "code is missing"),
    ],
)
def test_a_wrong_file_is_told(content: bytes, said: str) -> None:
    """No value, and an Issue with the place."""
    read = read_file(content)
    assert read.value is None
    assert any(said in f"{issue.where.path} {issue.text}" for issue in read.issues)


@pytest.mark.parametrize(
    "group", [1, [1], [{"element": 1}], [{"element": [{"target": [1, {"equivalence": "unmatched"}]}]}]]
)
def test_odd_concept_maps_give_nothing_and_never_fail(group: object) -> None:
    """Foreign shapes are passed over."""
    read = read_file(json.dumps({"resourceType": "ConceptMap", "group": group}).encode())
    assert read.value == []
