"""The MLLP port against real and unkind senders: what is acknowledged is in the journal, and nobody harms another."""

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest
from flow_node import Node, adt, settings, with_node

from unsilo.config import Feed, Listener, Route, Settings, Tls
from unsilo.config.trust import trusting
from unsilo.formats import hl7v2
from unsilo.sources.mllp.frames import wrap


def code(answer: bytes | None) -> tuple[str, str]:
    """Return MSA-1 and MSA-2."""
    assert answer is not None
    ack = hl7v2.parse_ack(answer).value
    assert ack is not None
    return ack.code, ack.control_id


def test_what_is_acknowledged_is_in_the_journal(tmp_path: Path) -> None:
    """AA comes with the right MSA-2, and the bytes can be read back by then."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        message = adt("C1")
        assert code(await client.send(message)) == ("AA", "C1")
        row = node.service.store.search_messages("C1")[0]
        assert node.service.store.content(row.id) == message
        assert (row.state, row.feed) == ("queued", "adt")

    with_node(settings(tmp_path), scenario)


def test_a_resend_is_acknowledged_from_the_record(tmp_path: Path) -> None:
    """The same bytes again get the same answer and no second row; the same control id with other bytes is flagged."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        for _ in range(3):
            assert code(await client.send(adt("C1"))) == ("AA", "C1")
        assert code(await client.send(adt("C1", name="Roe^Janet"))) == ("AA", "C1")
        rows = node.service.store.search_messages("C1")
        assert len(rows) == 2
        assert [row.reused_control_id for row in rows] == [True, False]

    with_node(settings(tmp_path), scenario)


def test_acknowledgements_keep_the_order_of_a_connection(tmp_path: Path) -> None:
    """Many messages in one write are answered one by one, in order, with garbage between them."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        stream = b"".join(wrap(adt(f"C{i}", str(i))) + (wrap(b"garbage") if i % 5 == 0 else b"") for i in range(150))
        client.write(stream)
        got = [code(await client.answer()) for _ in range(180)]
        assert [control for result, control in got if result == "AA"] == [f"C{i}" for i in range(150)]
        assert sum(result == "AR" for result, _ in got) == 30

    with_node(settings(tmp_path), scenario)


def test_every_cut_of_a_message_into_two_packets(tmp_path: Path) -> None:
    """Wherever the network cuts, one message is one message."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        for at in range(1, 60, 7):
            frame = wrap(adt(f"C{at}"))
            client.write(frame[:at])
            await asyncio.sleep(0.003)
            client.write(frame[at:])
            assert code(await client.answer()) == ("AA", f"C{at}")

    with_node(settings(tmp_path), scenario)


def test_garbage_is_refused_and_kept_and_the_connection_goes_on(tmp_path: Path) -> None:
    """AR for what is no message; its bytes are a dead letter; the next message is taken."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        for garbage in (b"hello", b"\x00\x01\x02", b"MSH|^~\\&|\r", b"MSH" + b"\r" * 1000):
            assert code(await client.send(garbage))[0] == "AR"
        assert code(await client.send(adt("OK"))) == ("AA", "OK")
        dead = node.service.store.search_messages(state="dead")
        assert {node.service.store.content(row.id) for row in dead} >= {b"hello", b"\x00\x01\x02"}
        assert all(row.issues for row in dead)

    with_node(settings(tmp_path), scenario)


def test_a_message_over_the_limit_closes_that_connection_only(tmp_path: Path) -> None:
    """Endless bytes end at the limit with AR; the neighbour is served before and after."""

    async def scenario(node: Node) -> None:
        good, bad = await node.connect(), await node.connect()
        assert code(await good.send(adt("A"))) == ("AA", "A")
        bad.write(b"\x0b" + adt("BIG") + b"Z" * 300_000)
        assert code(await bad.answer())[0] == "AR"
        assert await bad.answer() is None
        assert code(await good.send(adt("B"))) == ("AA", "B")
        assert node.service.store.search_messages(state="rejected")[0].issues[0].code == "too-long"

    with_node(settings(tmp_path, limit_bytes=100_000), scenario)


def test_a_large_message_and_what_follows_keep_their_order(tmp_path: Path) -> None:
    """A message that is read in a thread is still answered before the ones behind it."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        large = adt("L", rest="OBX|1|TX|a||" + "x" * 1_000_000 + "\r")
        client.write(wrap(large) + wrap(adt("S1")) + wrap(adt("S2")))
        assert [code(await client.answer())[1] for _ in range(3)] == ["L", "S1", "S2"]

    with_node(settings(tmp_path), scenario)


def test_a_byte_a_second_and_silence_are_cut_off(tmp_path: Path) -> None:
    """A message that takes too long closes its connection, and its part is kept."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        client.write(b"\x0bMSH|")
        for _ in range(4):
            await asyncio.sleep(0.7)
            client.write(b"x")
        assert await client.answer() is None
        await asyncio.sleep(0.1)
        assert node.service.store.search_messages(state="rejected")[0].issues[0].rule == "mllp.cut"

    with_node(settings(tmp_path, frame_seconds=1), scenario)


def test_a_missing_return_is_answered_after_a_pause(tmp_path: Path) -> None:
    """A sender that forgets 0x0D gets its acknowledgement, and the message an Issue."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        client.write(wrap(adt("C1"))[:-1])
        assert code(await client.answer()) == ("AA", "C1")
        assert "mllp.no-return" in [i.rule for i in node.service.store.search_messages("C1")[0].issues]

    with_node(settings(tmp_path), scenario)


def test_an_address_that_is_not_allowed_is_closed_at_once(tmp_path: Path) -> None:
    """The allow-list of a port is kept."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        assert await client.answer() is None

    with_node(settings(tmp_path, allow=["10.0.0.0/8"]), scenario)


def test_test_messages_are_taken_and_kept_apart(tmp_path: Path) -> None:
    """MSH-11 T is acknowledged and has the state test."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        assert code(await client.send(adt("T1", processing="T"))) == ("AA", "T1")
        assert node.service.store.search_messages("T1")[0].state == "test"

    with_node(settings(tmp_path), scenario)


def test_enhanced_mode_says_ca_and_keeps_silent_when_told(tmp_path: Path) -> None:
    """MSH-15 AL gives CA, NE nothing, ER nothing for a good message and CR for a bad one."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        assert code(await client.send(adt("E1", accept="AL", application="NE"))) == ("CA", "E1")
        client.write(wrap(adt("E2", accept="NE", application="NE")) + wrap(adt("E3", accept="ER")))
        assert await client.quiet()
        assert code(await client.send(adt("E4", accept="SU"))) == ("CA", "E4")
        assert len(node.service.store.search_messages(state="queued")) == 4

    with_node(settings(tmp_path), scenario)


def test_a_batch_gets_one_answer_and_a_child_a_message(tmp_path: Path) -> None:
    """FHS and BHS: the whole is kept, each message is queued on its own."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        head = b"FHS|^~\\&|A|B|||20260101||||F1\rBHS|^~\\&|A|B|||20260101||||B1\r"
        batch = head + adt("1") + adt("2") + b"BTS|2\rFTS|1\r"
        assert code(await client.send(batch))[0] == "AA"
        assert await client.quiet(0.1)
        whole = node.service.store.search_messages(state="batch")[0]
        assert len(node.service.store.search_messages(parent=whole.id)) == 2

    with_node(settings(tmp_path), scenario)


def test_a_shared_port_parts_feeds_and_keeps_what_no_route_takes(tmp_path: Path) -> None:
    """MSH routing chooses the feed; without one the message is refused and kept."""
    both = Settings(data=tmp_path / "data", feeds={"adt": Feed("adt"), "lab": Feed("lab")})
    port = Listener(0, routes=[Route("lab", type="ORU^*"), Route("adt", type="ADT^*")])

    async def scenario(node: Node) -> None:
        client = await node.connect()
        assert code(await client.send(adt("1"))) == ("AA", "1")
        assert code(await client.send(adt("2", kind="ORU^R01"))) == ("AA", "2")
        assert code(await client.send(adt("3", kind="SIU^S12")))[0] == "AR"
        store = node.service.store
        assert [store.search_messages(kind="control_id", value=c)[0].feed for c in "12"] == ["adt", "lab"]
        assert store.search_messages(state="rejected")[0].issues[0].rule == "mllp.route"

    with_node(both, scenario, listener=port)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority and a certificate that serves both sides."""
    folder = tmp_path_factory.mktemp("tls")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    commands = [
        f"req -x509 {key} -days 2 -subj /CN=ca -keyout ca.key -out ca.pem",
        f"req {key} -subj /CN=localhost -keyout one.key -out one.csr",
        "x509 -req -in one.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out one.pem",
    ]
    for command in commands:
        made = subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, check=False)
        if made.returncode:
            pytest.skip("openssl is needed to make certificates")
    return folder


def test_tls_with_client_certificates(tmp_path: Path, certificates: Path) -> None:
    """With client_ca a sender shows its certificate and its name is noted; without one it is not served."""
    tls = Tls(str(certificates / "one.pem"), str(certificates / "one.key"), "", str(certificates / "ca.pem"))
    with_certificate = trusting(ssl.create_default_context(cafile=str(certificates / "ca.pem")))
    with_certificate.check_hostname = False
    without = trusting(ssl.create_default_context(cafile=str(certificates / "ca.pem")))
    without.check_hostname = False
    with_certificate.load_cert_chain(certificates / "one.pem", certificates / "one.key")

    async def scenario(node: Node) -> None:
        client = await node.connect(ssl=with_certificate)
        assert code(await client.send(adt("S1"))) == ("AA", "S1")
        envelope = node.service.store.envelope(node.service.store.search_messages("S1")[0].id)
        assert envelope is not None
        assert envelope.headers["client"] == "localhost"
        try:
            stranger = await node.connect(ssl=without)
            assert await stranger.send(adt("S2")) is None
        except OSError:
            pass
        assert not node.service.store.search_messages("S2")

    with_node(settings(tmp_path, tls=tls), scenario)
