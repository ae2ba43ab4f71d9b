"""What drafting processes take on, and that nothing is lost when they do not do it."""

import gc
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import msgspec
import pytest

from tests.unit.flow.fhir.node import ALL, WAIT, bundle, entry, observation, patient
from unsilo.flow.fhir import drafter, drafting
from unsilo.flow.fhir.ahead import Ahead, ahead
from unsilo.flow.fhir.outcome import Written
from unsilo.flow.fhir.transaction import transaction, transaction_ahead
from unsilo.flow.service import Service
from unsilo.kernel import Limits, json
from unsilo.storage import Stored

URN = "urn:uuid:11111111-1111-1111-1111-111111111111"


def made(*entries: Any, most: int = 100) -> Ahead | None:
    """The drafts of a transaction."""
    return ahead(json.encode(bundle(*entries)), Limits(), most)


def test_what_only_writes_is_drafted_with_its_links() -> None:
    """Entries keep what the writer needs; links between them are resolved; deletions have no draft."""
    found = made(
        entry("POST", "Patient", patient(), URN), entry("PUT", "Observation/o", observation(URN, id="o")),
        entry("DELETE", "Patient/old"),
    )  # fmt: skip
    assert found is not None
    assert [(e.method, e.type, e.resource) for e in found.entries] == [
        ("POST", "Patient", {}), ("PUT", "Observation", {}), ("DELETE", "Patient", {}),
    ]  # fmt: skip
    assert sorted(found.drafts()) == [0, 1]
    assert found.drafts()[1].index.targets == [("Patient", found.entries[0].id)]
    carried = msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Ahead)
    assert carried.drafts()[0].made == found.drafts()[0].made
    assert not carried.creates


@pytest.mark.parametrize(
    "entries",
    [
        [entry("GET", "Patient/p")],
        [entry("PUT", "Patient?identifier=1", patient())],
        [entry("DELETE", "Patient?identifier=1")],
        [entry("POST", "Observation", observation("Patient?identifier=urn:mrn|1"))],
        [entry("PUT", "Patient/p", patient(id="q"))],
        [entry("PUT", "Patient/p", patient(id="p", meta="none"))],
        [entry("POST", "Nothing", {"resourceType": "Nothing"})],
        [entry("POST", "Patient", patient(), URN), entry("POST", "Patient", patient(), URN)],
        [entry("POST", "Observation", observation(URN))],
        [entry("POST", "Patient", patient())] * 3,
        [7],
    ],
)
def test_the_node_itself_does_what_needs_more_than_the_bytes(entries: list[Any]) -> None:
    """Conditions, readings, patches and whatever is refused."""
    assert made(*entries, most=2) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"resourceType":"Patient"}', b'{"entry":7}', b'{"a":1,"a":1}'])
def test_what_is_no_transaction_is_not_drafted(content: bytes) -> None:
    """The node reads it again, and says why it is refused."""
    assert ahead(content, Limits(), 9) is None


def test_a_process_answers_every_word_in_order() -> None:
    """The first word sets the bounds; the answer to what cannot be drafted is None."""
    posted = [json.encode(bundle(entry("POST", "Patient", one))) for one in (patient(), patient(birthDate="rubbish"))]
    words = [msgspec.msgpack.encode(drafter.Hello(10_000, 2, True)), *posted, b"\0", b"x" * 20_000]
    source = BytesIO(b"".join(len(one).to_bytes(4, "big") + one for one in words))
    sink = BytesIO()
    try:
        drafter.serve(source, sink)
    finally:
        gc.enable()
        gc.unfreeze()
    said, answers = sink.getvalue(), []
    while said:
        size = int.from_bytes(said[:4], "big")
        answers.append(said[4 : 4 + size])
        said = said[4 + size :]
    assert answers[0] == b""
    found = [drafter.decode_answer(one) for one in answers[1:]]
    assert [one is not None for one in found] == [True, False, False, False]


@pytest.fixture
def processes(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[drafting.Drafting]:
    """A drafting process that runs."""
    monkeypatch.setattr(drafting, "_PAUSE", 0.0)
    found = drafting.Drafting(service.settings)
    try:
        _ready(service, found)
        yield found
    finally:
        found.stop()


def _ready(service: Service, processes: drafting.Drafting) -> None:
    content = json.encode(bundle(entry("PUT", "Basic/b", {"resourceType": "Basic", "id": "b"})))
    end = time.monotonic() + WAIT
    while transaction_ahead(service, ALL, processes, content).result(WAIT) is None:
        assert time.monotonic() < end
        time.sleep(0.02)


def _stored(service: Service, name: str) -> Stored:
    kind, _, id_ = name.partition("/")
    found = service.store.guarded.read(ALL.predicate, kind, id_)
    assert found is not None
    return found


def test_drafted_elsewhere_or_here_the_same_is_stored(service: Service, processes: drafting.Drafting) -> None:
    """Body, digest and keys of each resource are equal."""
    both = [
        [entry("PUT", f"Patient/{n}", patient(id=n, birthDate="1970-02-03")),
         entry("PUT", f"Observation/{n}", observation(f"Patient/{n}", id=n))]
        for n in ("x1", "x2")
    ]  # fmt: skip
    here = transaction(service, ALL, bundle(*both[0])).result(WAIT)
    there = transaction_ahead(service, ALL, processes, json.encode(bundle(*both[1]))).result(WAIT)
    assert isinstance(here, list)
    assert isinstance(there, list)
    for one, other in zip(here, there, strict=True):
        assert one is not None
        assert other is not None
        assert (one.status, one.type, one.version) == (other.status, other.type, other.version)
    for kind in ("Patient", "Observation"):
        one_row, other_row = _stored(service, f"{kind}/x1"), _stored(service, f"{kind}/x2")
        assert one_row.body.replace(b"x1", b"x2") == other_row.body
    again = transaction(service, ALL, bundle(*both[1])).result(WAIT)  # says the same, so it makes no version
    assert isinstance(again, list)
    assert [one.version for one in again if one is not None] == [1, 1]


def test_drafts_of_what_is_there_already_are_written_one_by_one(
    service: Service, processes: drafting.Drafting
) -> None:  # fmt: skip
    """New, changed, unchanged and deleted in one transaction, and a version that is not the current one."""
    first = [entry("PUT", f"Patient/{n}", patient(id=n)) for n in ("a", "b", "c")]
    assert isinstance(transaction(service, ALL, bundle(*first)).result(WAIT), list)
    mixed = bundle(
        entry("PUT", "Patient/a", patient(id="a")), entry("PUT", "Patient/b", patient(id="b", birthDate="1970-02-03")),
        entry("DELETE", "Patient/c"), entry("PUT", "Observation/o", observation("Patient/a", id="o")),
    )  # fmt: skip
    done = transaction_ahead(service, ALL, processes, json.encode(mixed)).result(WAIT)
    assert isinstance(done, list)
    assert [(one.status, one.version) for one in done if one is not None] == [(200, 1), (200, 2), (204, 2), (201, 1)]
    assert _stored(service, "Patient/b").version == 2
    assert _stored(service, "Observation/o").version == 1
    guarded = bundle(entry("PUT", "Patient/n", patient(id="n"), ifMatch='W/"4"'))
    refused = transaction_ahead(service, ALL, processes, json.encode(guarded)).result(WAIT)
    assert isinstance(refused, Written)
    assert refused.status == 412
    assert service.store.guarded.read(ALL.predicate, "Patient", "n") is None


def test_a_process_that_dies_leaves_the_work_to_the_node(service: Service, processes: drafting.Drafting) -> None:
    """What it was given is answered with None, and the next process takes over."""
    process = processes._processes[0]
    process._process.kill()
    process._process.wait()
    content = json.encode(bundle(entry("PUT", "Patient/y", patient(id="y"))))
    assert transaction_ahead(service, ALL, processes, content).result(WAIT) is None
    _ready(service, processes)
    assert isinstance(transaction_ahead(service, ALL, processes, content).result(WAIT), list)
    assert _stored(service, "Patient/y").version == 1
