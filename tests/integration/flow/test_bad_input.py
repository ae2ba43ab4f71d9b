"""What senders do wrong, over a real port: an answer with the reason, the bytes kept, the neighbour unharmed."""

import asyncio
from pathlib import Path

import pytest
from flow_node import Node, adt, settings, with_node

from unsilo.formats import hl7v2
from unsilo.sources.mllp.frames import wrap

HEAD = b"MSH|^~\\&|APP|FAC|R|RF|20260102030405||ADT^A08|B1|P|2.5\r"
PID = b"PID|1||123^^^KH^MR||Roe^Jane||19800517|F\r"
UNKNOWN_SET = HEAD[:-1] + b"||||||KLINGON\r" + PID.replace(b"Roe", b"R\xf6")

BAD = {
    "nothing": (b"", "AR", "hl7v2.empty"),
    "no MSH": (PID, "AR", "hl7v2.msh.missing"),
    "MSH alone": (b"MSH", "AR", "hl7v2.msh.field-separator"),
    "the field separator is the end of a segment": (b"MSH\r^~\\&\rAPP\r", "AR", "hl7v2.msh.field-separator"),
    "an empty MSH-2 and no type": (b"MSH||||APP|FAC\r" + PID, "AR", "hl7v2.msh.type"),
    "no type": (HEAD.replace(b"ADT^A08", b"") + PID, "AR", "hl7v2.msh.type"),
    "no control id": (HEAD.replace(b"|B1|", b"||") + PID, "AA", "hl7v2.msh.control-id"),
    "a version that is none": (HEAD.replace(b"2.5", b"9.9") + PID, "AR", "hl7v2.msh.version"),
    "no version": (HEAD.replace(b"|2.5", b"") + PID, "AA", "hl7v2.msh.version"),
    "a processing id that is none": (HEAD.replace(b"|P|", b"|X|") + PID, "AR", "hl7v2.msh.processing-id"),
    "an unknown character set": (UNKNOWN_SET, "AA", "hl7v2.charset.unknown"),
    "a NUL in a name": (HEAD + PID.replace(b"Roe", b"R\x00e"), "AA", "hl7v2.control-characters"),
    "NULs in place of a segment": (HEAD + b"\x00" * 1000 + PID, "AR", "hl7v2.control-characters"),
    "wishes that are none": (HEAD[:-1] + b"|||sometimes|perhaps\r" + PID, "AA", "receive.wish"),
    "a million fields": (HEAD + b"OBX" + b"|x" * 1_000_000, "AR", "hl7v2.too-many-fields"),
    "escapes without end": (HEAD + PID + b"NTE|1||" + b"\\" * 500_000 + b"\r", "AA", ""),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_answered_kept_and_explained_and_the_neighbour_goes_on(name: str, tmp_path: Path) -> None:
    """The answer has the code; the journal the same bytes with the rule and its place; ERR stands in a refusal."""
    content, code, rule = BAD[name]

    async def scenario(node: Node) -> None:
        client, neighbour = await node.connect(), await node.connect()
        answer = await client.send(content)
        assert answer is not None
        said = hl7v2.parse_ack(answer).value
        assert said is not None
        assert said.code == code
        assert (b"\rERR|" in answer) == (code == "AR")
        row = node.service.store.search_messages(limit=1)[0]
        assert node.service.store.content(row.id) == content
        assert row.state == ("queued" if code == "AA" else "dead")
        assert not rule or [issue for issue in row.issues if issue.rule == rule and issue.where.path]
        for connection, control in ((neighbour, "N1"), (client, "N2")):
            good = await connection.send(adt(control))
            assert good is not None
            assert f"MSA|AA|{control}".encode() in good

    with_node(settings(tmp_path), scenario)


def test_a_message_cut_at_any_byte_is_kept_and_never_acknowledged_as_good(tmp_path: Path) -> None:
    """The connection goes in the middle: what came is kept as evidence, and the whole message is taken afterwards."""
    whole = adt("CUT", name="R\xf6e^Jane")
    places = range(1, len(whole), 7)

    async def scenario(node: Node) -> None:
        for place in places:
            client = await node.connect()
            client.write(b"\x0b" + whole[:place])
            client.writer.write_eof()
            assert await client.answer() is None
        good = await (await node.connect()).send(whole)
        assert good is not None
        assert b"MSA|AA|CUT" in good
        store = node.service.store
        for _ in range(1500):
            cuts = {store.content(row.id) for row in store.search_messages(state="rejected", limit=200)}
            if len(cuts) == len(places):
                break
            await asyncio.sleep(0.02)
        assert cuts == {whole[:place] for place in places}

    with_node(settings(tmp_path), scenario)


def test_two_messages_in_one_packet_and_half_of_a_third(tmp_path: Path) -> None:
    """Both are answered, and the third when its other half is there."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        third = wrap(adt("P3"))
        client.write(wrap(adt("P1")) + wrap(adt("P2")) + third[:40])
        for control in ("P1", "P2"):
            answer = await client.answer()
            assert answer is not None
            assert f"MSA|AA|{control}".encode() in answer
        client.write(third[40:])
        answer = await client.answer()
        assert answer is not None
        assert b"MSA|AA|P3" in answer

    with_node(settings(tmp_path), scenario)
