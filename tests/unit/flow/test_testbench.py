"""The test bench shows everything of a message and stores nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from unsilo.config import Feed
from unsilo.flow.testbench import bench

ADT = (
    b"MSH|^~\\&|A|B|C|D|20260101||ADT^A08|C1|P|2.5\rEVN|A08|20260101\r"
    b"PID|1||7^^^KH^MR||Roe^Jane||19700101|F\rZZZ|own|field\r"
)


def test_keys_tree_resources_lineage_rest_and_answer() -> None:
    """Each element names its place and the text there; what nothing read is listed; the answer is AA."""
    made = bench(Feed("f"), ADT)
    assert made.state == "queued"
    assert ("patient", "7") in made.keys
    assert any(node.value == "Jane" and ADT[node.span[0] : node.span[1]] == b"Jane" for node in made.tree if node.span)
    patient = next(item for item in made.resources if item.resource["resourceType"] == "Patient")
    family = next(line for line in patient.lineage if line.path == "name[0].family")
    assert (family.source, family.text) == ("PID-5.1", "Roe")
    assert {path for path, _value, _span in made.unconsumed} >= {"ZZZ-1", "ZZZ-2"}
    assert b"MSA|AA|C1" in made.ack
    assert made.issues is not None


def test_garbage_and_batches_are_shown_too() -> None:
    """What is refused shows AR; of a batch the first message is shown and the number said."""
    assert b"MSA|AR" in bench(Feed("f"), b"garbage").ack
    assert bench(Feed("f"), ADT + ADT).messages == 2


def test_fhir_shows_pointers_and_places() -> None:
    """A FHIR resource has a tree of pointers with byte ranges."""
    content = b'{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"7"}],"birthDate":"1970-01-01"}'
    made = bench(Feed("f", "fhir"), content)
    found = {node.path: node for node in made.tree}
    span = found["/birthDate"].span
    assert span is not None
    assert b"1970-01-01" in content[span[0] : span[1]]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_answered(content: bytes) -> None:
    """Nothing raises for any bytes of any format."""
    for fmt in ("hl7v2", "ccda", "fhir"):
        assert bench(Feed("f", fmt), content).issues is not None
