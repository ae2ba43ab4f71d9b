"""PIX update notifications (IHE ITI-10) to a real receiver: what is told, in which order, what becomes of failures."""

import contextlib
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from receiver import Receiver, accepting, refusing

from unsilo.config import Settings
from unsilo.config.exchange import Destination, OutTls
from unsilo.exchange.deliveries import Deliveries
from unsilo.flow.decide.link import link, unlink
from unsilo.flow.decide.merge import Named, merge, unmerge
from unsilo.flow.fhir import write
from unsilo.flow.fhir.outcome import Caller
from unsilo.flow.ihe.notify import renewed
from unsilo.flow.service import Service
from unsilo.formats import hl7v2
from unsilo.policy import Predicate

RED, BLUE = "urn:oid:2.999.13.1", "urn:oid:2.999.13.2"
KIM = Caller("client:kim", "test", Predicate())


def patient(id_: str, system: str, value: str, given: str = "Alice", born: str = "1958-01-30") -> dict[str, Any]:
    """A Patient with one number."""
    return {
        "resourceType": "Patient", "id": id_, "identifier": [{"system": system, "value": value}],
        "name": [{"family": "Mohr", "given": [given]}], "gender": "female", "birthDate": born,
        "address": [{"line": ["9 Canal Street"], "city": "Troy", "postalCode": "12180"}],
    }  # fmt: skip


def put(service: Service, *people: dict[str, Any]) -> None:
    """Store Patients."""
    for one in people:
        assert write.update(service, KIM, "Patient", one["id"], one).result(20).status < 300


def one(port: int, **more: Any) -> dict[str, Destination]:
    """Return settings of one quick destination."""
    plain = {"timeout_seconds": 5.0, "retry_seconds": 0.05, "longest_seconds": 0.2}
    return {"epr": Destination(port=port, **{**plain, **more})}


@contextlib.contextmanager
def node(folder: Path, destinations: dict[str, Destination], **more: Any) -> Iterator[Service]:
    """A node that delivers, without workers; deliveries begin before anything is stored."""
    service = Service(Settings(data=folder / "node", destinations=destinations, **more))
    deliveries = Deliveries(service)
    deliveries.start()
    for name in destinations:
        until(lambda: service.store.destination_seen(name) is not None)  # noqa: B023 - called at once
    try:
        yield service
    finally:
        deliveries.stop()
        service.store.close()


def until(true: Callable[[], bool], seconds: float = 40.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def ids(message: bytes) -> list[str]:
    """Return value and system of PID-3, after checking the rest of the message against the profile."""
    parsed = hl7v2.parse(message)
    assert parsed.ok
    assert parsed.value is not None
    assert [segment.name for segment in parsed.value.segments] == ["MSH", "EVN", "PID", "PV1"]
    head, pid, pv1 = parsed.value.header, parsed.value.first("PID"), parsed.value.first("PV1")
    assert pid is not None
    assert pv1 is not None
    assert [head.get(9, 0, n) for n in (1, 2, 3)] == ["ADT", "A31", "ADT_A05"]
    assert (pid.field(5), pv1.get(2)) == (" ", "N")
    assert all(pid.get(3, rep, 4, 3) == "ISO" for rep in range(pid.count(3)))
    return [f"{pid.get(3, rep, 1)} {pid.get(3, rep, 4, 2)}" for rep in range(pid.count(3))]


def test_the_profile_s_own_example(tmp_path: Path) -> None:
    """3.10.4.1.2: a new record, a second of another domain for the same person, and their parting: two messages."""
    with Receiver() as receiver, node(tmp_path, one(receiver.port)) as service:
        put(service, patient("a", RED, "R-1"))
        receiver.wait(1)
        put(service, patient("b", BLUE, "B-1"))
        assert [ids(each) for each in receiver.wait(2)] == [["R-1 2.999.13.1"], ["R-1 2.999.13.1", "B-1 2.999.13.2"]]
        put(service, {**patient("b", BLUE, "B-1"), "telecom": [{"system": "phone", "value": "1"}]})  # nothing new
        unlink(service, "b", "kim", "two persons")
        assert sorted(ids(each) for each in receiver.wait(4)[2:]) == [["B-1 2.999.13.2"], ["R-1 2.999.13.1"]]
        person = service.store.person_of("a")
        assert person is not None
        link(service, "b", person, "kim", "one person after all")
        assert ids(receiver.wait(5)[4]) == ["R-1 2.999.13.1", "B-1 2.999.13.2"]
        until(lambda: service.store.next_delivery("epr") is None)
        assert len(receiver.got) == 5


def test_merging_numbers_and_deleting(tmp_path: Path) -> None:
    """A merged number goes from the list and comes back; a deleted record too; nobody is told of an empty list."""
    with Receiver() as receiver, node(tmp_path, one(receiver.port)) as service:
        put(service, patient("a", RED, "R-1"), patient("b", RED, "R-2", "Zoltan", "1931-01-01"))
        receiver.wait(2)
        home = service.store.person_of("b") or 0
        until(lambda: bool(service.store.told("epr", home)))
        merge(service, KIM, Named("b"), Named("a")).result(20)
        until(lambda: not service.store.told("epr", home))
        unmerge(service, KIM, Named("b"), Named("a")).result(20)
        assert ids(receiver.wait(3)[2]) == ["R-2 2.999.13.1"]
        write.delete(service, KIM, "Patient", "b").result(20)
        put(service, patient("c", RED, "R-3", "Quentin", "1922-02-02"))
        assert ids(receiver.wait(4)[3]) == ["R-3 2.999.13.1"]


def test_only_wanted_domains_and_what_the_policy_allows(tmp_path: Path) -> None:
    """A destination hears of its domains only, and nothing of what its policy hides; others hear all."""
    with Receiver() as receiver, Receiver() as every:
        places = {**one(receiver.port, domains=[BLUE]), "all": Destination(port=every.port)}
        hidden = {"destination:all": {"allow": {"not": {"patients": ["secret"]}}}}
        with node(tmp_path, places, policies=hidden) as service:
            put(service, patient("a", RED, "R-1"))
            every.wait(1)
            put(service, patient("b", BLUE, "B-1"))
            put(service, patient("secret", RED, "R-9", "Zoltan", "1931-01-01"))
            put(service, patient("d", RED, "R-4", "Quentin", "1922-02-02"))
            assert ids(receiver.wait(1)[0]) == ["B-1 2.999.13.2"]
            told = [ids(each) for each in every.wait(3)]
            assert told[-1] == ["R-4 2.999.13.1"]
            assert "R-9 2.999.13.1" not in {number for each in told for number in each}
            assert len(receiver.got) == 1


def test_a_receiver_that_is_down_costs_nothing(tmp_path: Path) -> None:
    """Connections that are closed, silent answers and restarts: everything arrives, in order, and stays tracked."""

    def moody(content: bytes, number: int) -> bytes | None:
        return None if number % 3 else accepting(content, number)

    with Receiver(moody) as receiver:
        with node(tmp_path, one(receiver.port)) as service:
            for n in range(4):
                put(service, patient(f"p{n}", RED, f"R-{n}", f"Given{n}x", f"19{30 + n}-0{n + 1}-11"))
            receiver.wait(5)
        with node(tmp_path, one(receiver.port)) as service:  # a restart goes on where it was
            until(lambda: service.store.next_delivery("epr") is None)
            seen: list[str] = []
            for each in receiver.got:
                [number] = ids(each)
                if not seen or seen[-1] != number:
                    seen.append(number)
            assert seen == [f"R-{n} 2.999.13.1" for n in range(4)]
            assert service.store.delivery_counts()["epr", "sent"][0] == 4


def test_refusals_are_set_aside_and_sent_anew_as_they_are_now(tmp_path: Path) -> None:
    """After so many refusals the next goes on; what was set aside can be sent again, with today's numbers."""
    with Receiver() as receiver:
        receiver.how = lambda content, number: (refusing if b"R-bad" in content else accepting)(content, number)
        with node(tmp_path, one(receiver.port, attempts=3)) as service:
            store = service.store
            put(service, patient("bad", RED, "R-bad", "Zoltan", "1931-01-01"))
            put(service, patient("good", RED, "R-1"))
            until(lambda: ("epr", "sent") in store.delivery_counts())
            assert store.delivery_counts()["epr", "dead"][0] == 1
            [dead] = store.deliveries("epr", "dead")
            assert "not this one" in dead.said
            assert [b"R-bad" in each for each in receiver.wait(4)] == [True, True, True, False]
            receiver.how = accepting
            assert renewed(service, dead.n)
            assert ids(receiver.wait(5)[4]) == ["R-bad 2.999.13.1"]
            assert not renewed(service, dead.n)
            assert not renewed(service, 10**9)
            assert store.deliveries("epr", "dead") == []


def test_hostile_answers(tmp_path: Path) -> None:
    """Garbage, another's acknowledgement, half an answer: none counts as delivered, and the message is sent again."""
    answers = [
        b"garbage", hl7v2.ack(b"MSH|^~\\&|A|B|C|D|1||ADT^A31|OTHER|P|2.5\r", "AA", at=1, control_id="x"), b"",
        b"MSH|^~\\&|A|B|C|D|1||ACK|X|P|2.5\rMSA|ZZ|1\r", b"\x00" * 2000,
    ]  # fmt: skip

    def odd(content: bytes, number: int) -> bytes | None:
        return answers[number - 1] if number <= len(answers) else accepting(content, number)

    with Receiver(odd) as receiver, node(tmp_path, one(receiver.port, attempts=50)) as service:
        put(service, patient("a", RED, "R-1"))
        until(lambda: ("epr", "sent") in service.store.delivery_counts())
        assert {tuple(ids(each)) for each in receiver.got} == {("R-1 2.999.13.1",)}
        assert len(receiver.got) > len(answers)


def test_over_tls_with_a_checked_receiver(tmp_path: Path) -> None:
    """The receiver's certificate is checked against the given authority; another's is refused and nothing is sent."""
    files = {}
    for name in ("right", "wrong"):
        key, cert = tmp_path / f"{name}.key", tmp_path / f"{name}.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert),
             "-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True,
        )  # fmt: skip
        files[name] = (cert, key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files["right"])
    with Receiver(tls=context) as receiver:
        good = one(receiver.port, tls=OutTls(ca=str(files["right"][0])))
        bad = {"bad": Destination(port=receiver.port, retry_seconds=0.05, tls=OutTls(ca=str(files["wrong"][0])))}
        with node(tmp_path, {**good, **bad}) as service:
            put(service, patient("a", RED, "R-1"))
            until(lambda: ("epr", "sent") in service.store.delivery_counts())
            until(lambda: bool((held := service.store.next_delivery("bad")) and held.attempts))
            assert len(receiver.got) == 1


def test_two_nodes_of_one_store_send_once(tmp_path: Path) -> None:
    """Two couriers over one store: each notification is queued once and sent by one of them."""
    with Receiver() as receiver, node(tmp_path, one(receiver.port)) as service:
        second = Deliveries(service)
        second.start()
        try:
            for n in range(8):
                put(service, patient(f"p{n}", RED, f"R-{n}", f"Given{n}x", f"19{30 + n}-0{n + 1}-11"))
            until(lambda: service.store.delivery_counts().get(("epr", "sent"), (0, 0))[0] == 8)
        finally:
            second.stop()
        assert [ids(each) for each in receiver.got] == [[f"R-{n} 2.999.13.1"] for n in range(8)]
