"""Two records attribute by attribute: each value is held against the one of the other side that is most like it."""

from unsilo.config import Feed
from unsilo.flow.read.authorities import authority_names
from unsilo.flow.read.compare import compare, differences
from unsilo.kernel import Json


def _numbered(*numbers: str) -> Json:
    return {
        "resourceType": "Patient",
        "identifier": [{"value": number, "assigner": {"display": "SSA"}} for number in numbers],
    }


def test_a_number_that_both_have_is_marked_on_neither_side() -> None:
    """The others beside it, at whatever place they stand, do not matter to it."""
    (row,) = [r for r in compare(_numbered("A17", "536-22-8741"), [_numbered("536-22-8741", "9")]) if r.left]
    assert row.left == ["A17 (SSA)", "536-22-8741 (SSA)"]
    assert differences(row.left[1], row.right) == [("536-22-8741 (SSA)", True)]
    assert differences(row.right[0], row.left) == [("536-22-8741 (SSA)", True)]
    assert (row.glyph, row.words) == ("◐", "partly the same")


def test_authorities_are_named_and_not_numbered() -> None:
    """Of a feed's own it is the organisation; of another, and one that two call their own, the feed's name for it."""
    north = Feed("north", organisation="North General", default_authority="urn:oid:2.999.1")
    lab = Feed("lab", default_authority="urn:oid:2.999.2", authorities={"NGH": "urn:oid:2.999.1", "IHE": "urn:oid:1.3"})
    twin = Feed(
        "twin", organisation="Other", default_authority="urn:oid:2.999.2", authorities={"ONE": "urn:oid:2.999.2"}
    )
    names = authority_names({feed.name: feed for feed in (north, lab, twin)})
    assert names["urn:oid:2.999.1"] == "North General"
    assert names["urn:oid:1.3"] == "IHE"
    assert names["urn:oid:2.999.2"] == "ONE"
    assert names["http://hl7.org/fhir/sid/us-ssn"] == "Social security number"
    patient: Json = {"resourceType": "Patient", "identifier": [{"value": "7", "system": "urn:oid:2.999.1"}]}
    (row,) = [r for r in compare(patient, [], names) if r.left]
    assert row.left == ["7 (North General)"]


def test_letters_that_the_most_alike_value_lacks_are_marked() -> None:
    """Of several values the nearest is taken; with none on the other side nothing is marked."""
    assert differences("Catherine", ["Robert", "Katherine"]) == [("C", False), ("atherine", True)]
    assert differences("Catherine", []) == [("Catherine", True)]


def test_a_letter_that_folds_to_two_is_marked_as_a_whole() -> None:
    """Places within a folded text would not be those of the text."""
    assert differences("Weiß", ["Weiss"]) == [("Weiß", False)]
