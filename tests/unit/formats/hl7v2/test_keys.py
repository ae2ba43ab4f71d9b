"""Business keys: what a message can be found by."""

from time import process_time
from zoneinfo import ZoneInfo

import pytest

from tests.unit.formats.hl7v2.samples import ADT, MERGE, ORU
from unsilo.formats.hl7v2 import Keys, keys, parse, peek_keys
from unsilo.kernel.clock import from_instant


def of(content: bytes, **kwargs) -> Keys:
    message = parse(content).value
    assert message is not None
    return keys(message, **kwargs)


def test_an_admission():
    """Type, time, sender, every patient id with its authority, name, birth date and visit are read."""
    found = of(ADT, zone=ZoneInfo("America/Chicago"))
    assert found == Keys(
        control_id="MSG00001",
        type="ADT^A08",
        structure="ADT_A01",
        processing_id="P",
        version="2.5.1",
        event_time=from_instant("2024-01-15T08:29:00-06:00"),
        sender="ADT1|MCM",
        receiver="LABADT|MCM",
        patient_ids=[("12345", "MCM"), ("999-88", "2.16.840.1.113883.4.1"), ("OLD9", "MCM")],
        name="Ja&nes, Ma|ry Q",
        birth_date="1961-06-15",
        visits=["V77"],
        accept_ack="AL",
        app_ack="NE",
        order_key="12345|MCM",
    )


def test_a_result():
    """Orders of ORC and OBR come once; accession numbers come from OBR-18, OBR-20 and the specimen."""
    found = of(ORU)
    assert found.orders == ["P1", "F1"]
    assert found.accessions == ["ACC18", "ACC20", "S1", "S2"]
    assert found.event_time == from_instant("2024-01-15T00:00:00Z")


def test_a_merge_names_both_patients():
    """An A40 is ordered by the survivor, and the retired numbers are named too."""
    found = of(MERGE)
    assert found.order_key == "500|MCM"
    assert found.also == ["600|MCM", "601|MCM"]
    assert found.patient_ids == [("500", "MCM"), ("600", "MCM"), ("601", "MCM")]


def test_every_patient_of_a_message_is_known():
    """Messages with several PID (a swap, a merge of pairs) give all ids, and wait for all these patients."""
    found = of(MERGE + b"PID|||700^^^MCM~701^^^X\rMRG|800^^^MCM\r")
    assert found.order_key == "500|MCM"
    assert found.also == ["700|MCM", "600|MCM", "601|MCM", "800|MCM"]
    assert ("701", "X") in found.patient_ids
    alone = of(b"MSH|^~\\&|A|B|C|D|2024||ADT^A40|1|P|2.5\rMRG|9^^^M\r")
    assert (alone.order_key, alone.also) == ("", ["9|M"])


def test_a_sender_known_by_oid():
    """A designator without a namespace is named by its universal id."""
    assert of(b"MSH|^~\\&|^1.2.3^ISO|H|||2024||ADT|1|P|2.5\r").sender == "1.2.3|H"


def test_an_impossible_event_time_falls_back():
    """EVN-2 that cannot be read gives way to MSH-7, and neither gives 0."""
    assert of(ADT.replace(b"20240115082900", b"99999999")).event_time == from_instant("2024-01-15T08:30:00-05:00")
    assert of(b"MSH|^~\\&|||||||ADT|1|P|2.5\r").event_time == 0


def test_empty_and_deleted_values_are_no_keys():
    """`""` is not an identifier."""
    found = of(b'MSH|^~\\&|A|B|C|D|2024||ADT^A01|1|P|2.5\rPID|""||""^^^X~ ~7||""^Ann||x\rPV1|||||||||||||||||||""\r')
    assert found.patient_ids == [("7", "")]
    assert found.name == "Ann"
    assert found.visits == []
    assert found.order_key == "7|"


@pytest.mark.parametrize("cut", range(0, len(ORU), 7))
def test_a_cut_message_has_keys(cut):
    """Keys never raise, and what cannot be parsed still gives what its header says."""
    message = parse(ORU[:cut]).value
    if message is not None:
        keys(message)
    assert peek_keys(ORU[:cut]).control_id in ("C2", "C", "")


def test_keys_of_what_cannot_be_parsed():
    """Two messages in one frame are refused, but the first header's keys are known."""
    found = peek_keys(ADT + ORU)
    assert (found.control_id, found.type, found.sender) == ("MSG00001", "ADT^A08", "ADT1|MCM")
    assert peek_keys(b"nothing here") == Keys()


def test_keys_are_cheap():
    """A typical message gives its keys in well under 60 microseconds (bounded generously for slow machines)."""
    best = 1.0
    for _ in range(5):
        message = parse(ORU).value
        assert message is not None
        start = process_time()
        for _ in range(200):
            keys(message)
        best = min(best, (process_time() - start) / 200)
    assert best < 300e-6
