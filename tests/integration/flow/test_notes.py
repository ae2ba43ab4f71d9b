"""Notes of a feed are read in the background; what was read is answered, and never returned by a search."""

import subprocess
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import msgspec
import pytest

from unsilo.config import Feed, Notes, Settings
from unsilo.flow.decide.note_answers import answer
from unsilo.flow.notes.reading import NoteReading, Reader
from unsilo.flow.notes.shown import documents, pieces
from unsilo.flow.notes.worker import Asked, Told, put_word, serve
from unsilo.flow.read.load import load
from unsilo.flow.service import Service
from unsilo.flow.work.worker import word
from unsilo.kernel import Json, json
from unsilo.notes.shipped import shipped_dictionary
from unsilo.policy import Predicate
from unsilo.storage.notes import NoteRow

ALL = Predicate()
NOTE = (
    "Chief complaint: chest pain.~PMH: hypertension, type 2 diabetes.~No history of stroke.~"
    "Mother had breast cancer.~Allergic to penicillin (hives).~Lisinopril 10 mg daily.~BP 142/88."
)


def mdm(note: str = NOTE, control: str = "M1") -> bytes:
    """Make an MDM^T02 message whose text is `note`, a line between `~`."""
    return (
        f"MSH|^~\\&|DICT|KH|R|RF|20260303160000+0000||MDM^T02^MDM_T02|{control}|P|2.5.1\r"
        "EVN|T02|20260303155900+0000\rPID|1||123^^^KH^MR||Roe^Jane||19800517|F\rPV1|1|I\r"
        "TXA|1|DS^Discharge summary^HL70270|TX|20260303143000+0000||||||||DOC1^DICT|||||AU\r"
        f"OBX|1|TX|18842-5^Discharge summary^LN||{note}||||||F\r"
    ).encode()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A node that reads the notes of one of its two feeds."""
    feeds = {"dict": Feed("dict", notes=True), "quiet": Feed("quiet")}
    service = Service(Settings(data=tmp_path_factory.mktemp("node"), feeds=feeds, workers=1, group_ms=0.5))
    service.start()
    yield service
    service.stop()


def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never became so"
        time.sleep(0.05)


def take(node: Service, feed: str, content: bytes) -> None:
    """Ingest a message and wait until it has ended well."""
    receipt = node.take(node.settings.feeds[feed], content).result(60)[0]
    assert node.ending(receipt).result(60).state == "done"


@pytest.fixture(scope="module")
def document(node: Service) -> Json:
    """The document of the feed whose notes are read, after it was read."""
    take(node, "dict", mdm())
    (row,) = node.store.view(shared=True).walk(ALL, "DocumentReference")
    until(lambda: node.store.note(f"DocumentReference/{row.id}") is not None)
    return json.decode(row.body)  # type: ignore[no-any-return]


def ref_of(document: Json) -> str:
    """Return `Type/id`."""
    return f"{document['resourceType']}/{document['id']}"


def read_of(node: Service, document: Json) -> NoteRow:
    """Return what was read in a document."""
    row = node.store.note(ref_of(document))
    assert row is not None
    return row


def fact(node: Service, document: Json, text: str) -> str:
    """Return the id of a fact by its words."""
    return next(one.id for one in read_of(node, document).facts if one.fact.text == text)


def test_the_background_reads_with_places(node: Service, document: Json) -> None:
    """Each fact has what is said of it and its place in the words of the attachment."""
    row = read_of(node, document)
    found = {one.fact.text: one.fact.flags for one in row.facts}
    assert found["hypertension"] == ["hist"]
    assert found["stroke"] == ["hist", "neg"]
    assert found["breast cancer"] == ["fam:mother"]
    assert found["hives"] == ["reaction"]
    words = json.decode(json.encode(document))
    ((_, parts),) = pieces(words, [])
    text = "".join(part.words for part in parts)
    for one in row.facts:
        assert text[one.fact.start : one.fact.end] == one.fact.text
        assert one.path == "content[0].attachment.data"


def test_nothing_of_it_is_a_resource(node: Service, document: Json) -> None:
    """A search finds no Condition, no Observation, no allergy before somebody confirms one."""
    for kind in ("Condition", "Observation", "AllergyIntolerance", "MedicationStatement", "FamilyMemberHistory"):
        assert node.store.view(shared=True).walk(ALL, kind) == []


def test_a_confirmed_fact_becomes_a_resource_with_its_origin(node: Service, document: Json) -> None:
    """The Condition names the document; the Provenance who confirmed it, the version, and the place of the words."""
    made = answer(node, document, fact(node, document, "chest pain"), "confirm", "dr.ada", origin="192.0.2.1").value
    assert made is not None
    assert [name.partition("/")[0] for name in made] == ["Condition", "Provenance"]
    condition, about = (json.decode(node.store.read(*name.split("/")).body) for name in made)  # type: ignore[union-attr]
    assert condition["code"]["coding"][0]["code"] == "R07.9"
    assert condition["verificationStatus"]["coding"][0]["code"] == "confirmed"
    assert condition["subject"] == document["subject"]
    assert condition["evidence"][0]["detail"] == [{"reference": ref_of(document)}]
    assert condition["meta"]["tag"][0]["code"] == "read-in-note"
    assert about["target"] == [{"reference": made[0]}]
    assert about["agent"][0]["who"]["display"] == "dr.ada"
    assert about["entity"][0]["what"]["reference"].startswith(f"{ref_of(document)}/_history/")
    again = answer(node, document, fact(node, document, "chest pain"), "confirm", "dr.ada")
    assert again.value is None
    assert again.issues[0].code == "conflict"


def test_refusing_and_taking_back(node: Service, document: Json) -> None:
    """A refused fact makes nothing; an undone confirmation deletes what it made, and both stay in the history."""
    id_ = fact(node, document, "type 2 diabetes")
    assert answer(node, document, id_, "refuse", "dr.ada", reason="another patient's").value == []
    assert node.store.note_answers(ref_of(document))[id_].answer == "refused"
    assert answer(node, document, id_, "confirm", "dr.ada").value is None
    assert answer(node, document, id_, "undo", "dr.bob").value == []
    made = answer(node, document, id_, "confirm", "dr.bob").value
    assert made is not None
    assert answer(node, document, id_, "undo", "dr.bob", reason="wrong one").value == []
    gone = node.store.read(*made[0].split("/"))
    assert gone is not None
    assert gone.state == 1
    history = [each.answer for each in node.store.note_history(ref_of(document)) if each.id == id_]
    assert history == ["refused", "open", "confirmed", "open"]


@pytest.mark.parametrize(
    ("text", "kind", "element", "code"),
    [
        ("stroke", "Condition", "verificationStatus", "refuted"),
        ("breast cancer", "FamilyMemberHistory", "relationship", "mother"),
        ("penicillin", "AllergyIntolerance", "verificationStatus", "confirmed"),
        ("Lisinopril", "MedicationStatement", "status", "active"),
    ],
)
def test_each_kind_becomes_its_resource(
    node: Service, document: Json, text: str, kind: str, element: str, code: str
) -> None:  # fmt: skip
    """What is denied is refuted, what a relative has is family history."""
    made = answer(node, document, fact(node, document, text), "confirm", "dr.ada").value
    assert made is not None
    resource = json.decode(node.store.read(*made[0].split("/")).body)  # type: ignore[union-attr]
    assert resource["resourceType"] == kind
    assert code in str(resource[element])


def test_what_says_nothing_of_the_patient_makes_nothing(node: Service, document: Json) -> None:
    """A reaction is confirmed without a resource of its own."""
    assert answer(node, document, fact(node, document, "hives"), "confirm", "dr.ada").value == []


def test_an_unknown_fact_is_refused(node: Service, document: Json) -> None:
    """So is an answer that is none."""
    assert answer(node, document, "nope", "confirm", "x").issues[0].code == "not-found"
    assert answer(node, document, fact(node, document, "hives"), "burn", "x").issues[0].code == "not-found"


def test_only_feeds_that_say_so_are_read(node: Service, document: Json) -> None:
    """The note of another feed stays unread, however long the background runs."""
    take(node, "quiet", mdm(control="M2").replace(b"123^^^KH", b"999^^^KH").replace(b"DOC1", b"DOC2"))
    before = node.store.notes_read()
    node.notes.run()
    assert node.store.notes_read() == before


def test_a_new_version_is_read_again_and_answers_stay(node: Service, document: Json) -> None:
    """The same words at the same place keep their id."""
    id_ = fact(node, document, "hives")
    take(node, "dict", mdm(NOTE + "~Has gout.", "M3"))
    until(lambda: any(one.fact.text == "gout" for one in read_of(node, document).facts))
    assert fact(node, document, "hives") == id_
    assert node.store.note_answers(ref_of(document))[id_].answer == "confirmed"


def test_the_pages_see_documents_with_their_answers(node: Service, document: Json) -> None:
    """Only documents that the reader's record has; words of facts apart from the others."""
    patient = document["subject"]["reference"].removeprefix("Patient/")
    uid = next(hit.uid for hit in node.store.find_people("Roe", 5) if patient in {s.id for s in hit.patients})
    loaded = load(node.store, node.settings.feeds, uid)
    assert loaded is not None
    (found,) = documents(node.store, loaded.facts)
    assert {one.state for one in found.shown} == {"open", "confirmed"}
    ((_, parts),) = pieces(found.source.resource, found.shown)
    assert "".join(part.words for part in parts).startswith("Chief complaint: chest pain.")
    assert all(part.words == part.shown[0].fact.fact.text for part in parts if part.shown and len(part.shown) == 1)
    assert documents(node.store, []) == []


def test_without_a_setting_nothing_runs(tmp_path: Path, node: Service) -> None:
    """No thread and no process are started."""
    idle = NoteReading(node.store, Settings(data=tmp_path, feeds={"quiet": Feed("quiet")}))
    assert not idle.runs
    idle.start()
    idle.stop()
    assert NoteReading(node.store, Settings(data=tmp_path, feeds={}, notes=Notes(interface=True))).runs


def test_a_broken_resource_does_not_end_the_process() -> None:
    """Its fault is told by class, and the next one is read."""
    body = json.encode({"resourceType": "Observation", "valueString": "No fever today, but she has gout."})
    source, sink = BytesIO(), BytesIO()
    put_word(source, Asked("Observation/x", 1, b"{"))
    put_word(source, Asked("Observation/y", 1, body))
    source.seek(0)
    serve(source, sink, shipped_dictionary())
    sink.seek(0)
    first, second = (msgspec.msgpack.decode(word(sink) or b"", type=Told) for _ in range(2))
    assert first.fault
    assert not second.fault
    assert [one.fact.text for one in second.facts] == ["fever", "gout"]


def test_a_process_that_is_gone_is_started_again(node: Service) -> None:
    """It ends when it gets a word, without an answer: what it was reading counts as not answered."""
    reader = Reader(node.settings.data)
    reader._child = subprocess.Popen(["head", "-c", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert reader.read(Asked("Observation/x", 1, b"{}")) is None
    assert reader._child is None
