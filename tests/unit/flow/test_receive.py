"""Reading at receipt: state, keys, order, wishes, batches; nothing raises and nothing is dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.config import Feed
from unsilo.flow import receive
from unsilo.formats import hl7v2

FEED = Feed("adt")
HEAD = "MSH|^~\\&|APP|FAC|R|RF|20260102030405||{kind}|{control}|{processing}|2.5|||{accept}|{application}\r"
PID = "PID|1||123^^^KH^MR||Doe^Jane||19800517|F\r"


def message(
    control: str = "C1", kind: str = "ADT^A08", processing: str = "P", accept: str = "", application: str = "",
    rest: str = PID,
) -> bytes:  # fmt: skip
    """Make an ADT message."""
    head = HEAD.format(control=control, kind=kind, processing=processing, accept=accept, application=application)
    return (head + rest).encode()


def test_a_plain_message_is_queued_with_its_keys() -> None:
    """Keys, type, control id, event time and the patient's order key are read at receipt."""
    reading = receive.read(FEED, message())
    whole = reading.whole
    assert (whole.state, whole.ack, whole.type, whole.control_id) == ("queued", "AA", "ADT^A08", "C1")
    assert ("patient", "123") in whole.keys
    assert whole.event_time > 0
    assert whole.order_key == "adt|123|KH"
    assert not reading.enhanced


def test_a_merge_keeps_the_order_of_both_numbers() -> None:
    """A40 has one order key a patient number."""
    reading = receive.read(FEED, message(kind="ADT^A40", rest=PID + "MRG|99^^^KH\r"))
    assert reading.whole.order_key.split("\n") == ["adt|123|KH", "adt|99|KH"]


@pytest.mark.parametrize("content", [b"", b"x", b"\x00" * 50, b"MSH", b"MSH|", b"MSH|^~\\&\r", "ÄÖ".encode("utf-16")])
def test_garbage_is_kept_as_a_dead_letter_with_its_reason(content: bytes) -> None:
    """What is no message gets state dead, an Issue and AR, and can be acknowledged."""
    whole = receive.read(FEED, content).whole
    assert (whole.state, whole.ack) == ("dead", "AR")
    assert whole.issues
    assert whole.envelope.content == content
    assert b"MSA|AR" in receive.acknowledge(content, "AR", whole.issues)


@given(st.binary(max_size=400))
def test_no_bytes_raise(content: bytes) -> None:
    """Any bytes of any feed become something that is kept."""
    for fmt in ("hl7v2", "ccda", "fhir"):
        assert receive.read(Feed("f", fmt), content).incoming


@pytest.mark.parametrize("processing", ["T", "D", "T^A"])
def test_test_messages_never_reach_live_records(processing: str) -> None:
    """MSH-11 T and D, and every message of a test feed, get the state test and AA."""
    whole = receive.read(FEED, message(processing=processing)).whole
    assert (whole.state, whole.ack) == ("test", "AA")
    assert receive.read(Feed("t", test=True), message()).whole.state == "test"


def test_an_unknown_processing_id_is_refused_and_kept() -> None:
    """MSH-11 outside its table is AR with the place in ERR."""
    whole = receive.read(FEED, message(processing="X")).whole
    assert (whole.state, whole.ack) == ("dead", "AR")
    assert b"ERR" in receive.acknowledge(whole.envelope.content, "AR", whole.issues)


def test_a_batch_is_kept_whole_with_one_child_a_message() -> None:
    """FHS and BHS make a batch of children that name their parent; a bad child is a dead letter of its own."""
    content = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + message("1") + message("2") + b"MSH|^~\\&|\rBTS|3\rFTS|1\r"
    reading = receive.read(FEED, content)
    assert reading.whole.state == "batch"
    assert reading.whole.envelope.content == content
    assert [part.control_id for part in reading.incoming[1:3]] == ["1", "2"]
    assert [part.state for part in reading.incoming[1:]] == ["queued", "queued", "dead"]
    assert {part.envelope.parent for part in reading.incoming[1:]} == {reading.whole.envelope.id}


def test_several_messages_in_a_row_are_a_batch_too() -> None:
    """A file of messages without FHS is read message by message."""
    reading = receive.read(FEED, message("1") + message("2"))
    assert (reading.whole.state, len(reading.incoming)) == ("batch", 3)


@pytest.mark.parametrize(
    ("accept", "application", "enhanced", "said"),
    [("", "", False, True), ("AL", "NE", True, True), ("NE", "AL", True, False), ("ER", "", True, False),
     ("SU", "AL", True, True)],
)  # fmt: skip
def test_wishes_of_enhanced_mode(accept: str, application: str, enhanced: bool, said: bool) -> None:
    """MSH-15 and MSH-16 (HL7 table 0155) choose the mode and who hears what."""
    reading = receive.read(FEED, message(accept=accept, application=application))
    assert reading.enhanced is enhanced
    assert receive.wants(reading.accept, "CA") is said


def test_wishes_for_errors_only() -> None:
    """ER wants negative acknowledgements only, SU positive ones only."""
    assert receive.wants("ER", "CE")
    assert not receive.wants("ER", "AA")
    assert not receive.wants("SU", "AR")
    assert not receive.wants("NE", "AE")


def test_what_is_kept_as_evidence_can_be_found() -> None:
    """A cut message has the keys that its beginning holds; its control id may still be used by the whole."""
    whole = receive.refuse(FEED, message("CUT1")[:-3], ()).whole
    assert whole.state == "rejected"
    assert ("control_id", "CUT1") in whole.keys
    assert whole.control_id == ""
    assert receive.refuse(FEED, b"\x00\xff", ()).whole.keys == []


def test_an_acknowledgement_names_the_message() -> None:
    """MSA-2 is the control id of the request."""
    answer = hl7v2.parse_ack(receive.acknowledge(message("ABC"), "AA", [])).value
    assert answer is not None
    assert (answer.code, answer.control_id) == ("AA", "ABC")


def test_fhir_keys() -> None:
    """A Bundle is found by its type, patients, names and order numbers."""
    content = b"""{"resourceType":"Bundle","type":"collection","timestamp":"2026-01-01T00:00:00Z","entry":[
      {"resource":{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"7"}],
       "name":[{"family":"Roe","given":["A"]}],"birthDate":"1970-01-01"}},
      {"resource":{"resourceType":"DiagnosticReport","identifier":[{"value":"ACC1"}]}}]}"""
    whole = receive.read(Feed("f", "fhir"), content).whole
    assert whole.state == "queued"
    assert {("patient", "7"), ("name", "Roe A"), ("accession", "ACC1"), ("type", "Bundle/collection")} <= set(
        whole.keys
    )
    assert whole.order_key == "f|7|urn:x"
    assert receive.read(Feed("f", "fhir"), b'{"a":1}').whole.state == "dead"
