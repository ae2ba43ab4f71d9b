"""HL7 v2 queries on an MLLP port against the cases of IHE ITI TF-2: PIX (3.9), PDQ (3.21); hostile ones too."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from flow_node import Client, Node, adt, settings, with_node

from unsilo.config import Feed
from unsilo.config.exchange import Ihe
from unsilo.flow import receive
from unsilo.flow.fhir import write
from unsilo.flow.fhir.outcome import Caller
from unsilo.formats import hl7v2
from unsilo.policy import Predicate
from unsilo.sources.mllp.frames import wrap

OIDS = {"RED": "2.999.13.1", "BLUE": "2.999.13.2", "GREEN": "2.999.13.3"}
AUTHORITIES = {name: f"urn:oid:{oid}" for name, oid in OIDS.items()}
MAIDEN = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
KIM = Caller("client:kim", "test", Predicate())


def alice(id_: str, colour: str, value: str, **more: Any) -> dict[str, Any]:
    """One record of Alice Mohr."""
    return {
        "resourceType": "Patient", "id": id_, "identifier": [{"system": AUTHORITIES[colour], "value": value}],
        "name": [{"family": "Mohr", "given": ["Alice"]}], "gender": "female", "birthDate": "1958-01-30",
        "address": [{"line": ["9 Canal Street"], "city": "Troy", "state": "NY", "postalCode": "12180"}],
        "telecom": [{"system": "phone", "value": "555-0142"}], **more,
    }  # fmt: skip


ACCOUNT = {
    "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "AN"}]},
    "system": "urn:id:accounts", "value": "ACC-77",
}  # fmt: skip
PEOPLE: list[dict[str, Any]] = [
    alice("alice-red", "RED", "R-994"),
    alice("alice-blue", "BLUE", "B-994", extension=[{"url": MAIDEN, "valueString": "Keane"}]),
    alice("alice-green", "GREEN", "G-994"),
    {"resourceType": "Patient", "id": "chip", "gender": "male", "birthDate": "1999-12-01",
     "identifier": [{"system": AUTHORITIES["RED"], "value": "C-1"}, ACCOUNT],
     "name": [{"family": "Müller & Söhne", "given": ["Chip^"]}]},
    *({"resourceType": "Patient", "id": f"many-{n}", "birthDate": f"19{40 + n}-01-0{n + 1}",
       "identifier": [{"system": AUTHORITIES["GREEN"], "value": f"M-{n}"}],
       "name": [{"family": "Manifold", "given": [f"Given{n}"]}]} for n in range(7)),
]  # fmt: skip


def put(node: Node, *people: dict[str, Any]) -> None:
    """Store Patients."""
    for one in people or PEOPLE:
        assert write.update(node.service, KIM, "Patient", one["id"], one).result(20).status < 300


def query(event: str, qpd: str, *more: str, control: str = "Q1", marks: str = "^~\\&", charset: str = "") -> bytes:
    """Make a query message."""
    head = f"MSH|{marks}|ASKER|CLINIC|unsilo|HUB|20260102030405||QBP{marks[0]}{event}{marks[0]}QBP_Q21|{control}|P|2.5"
    head += f"||||||{charset}" if charset else ""
    return ("\r".join([head, f"QPD|{qpd}", *more]) + "\r").encode("utf-8")


def pix(value: str, *wanted: str, **more: Any) -> bytes:
    """Ask for the other numbers of whoever has one."""
    return query("Q23", f"IHE PIX Query|tag-1|{value}|{'~'.join(wanted)}", "RCP|I", **more)


def pdq(criteria: str, wanted: str = "", rcp: str = "RCP|I", *more: str, **named: Any) -> bytes:
    """Ask who meets criteria."""
    return query("Q22", f"IHE PDQ Query|tag-2|{criteria}|||||{wanted}", rcp, *more, **named)


def read(answer: bytes | None) -> hl7v2.Message:
    """Parse an answer."""
    assert answer is not None
    parsed = hl7v2.parse(answer)
    assert parsed.value is not None, parsed.issues
    return parsed.value


def said(message: hl7v2.Message) -> tuple[str, str, list[tuple[str, str]]]:
    """Return MSA-1, QAK-2, and of each ERR its place and code."""
    msa, qak = message.first("MSA"), message.first("QAK")
    assert msa is not None
    faults = [(err.field(2), err.get(3, 0, 1)) for err in message.all("ERR")]
    return msa.get(1), qak.get(2) if qak is not None else "", faults


def numbers(message: hl7v2.Message) -> list[list[str]]:
    """Return PID-3 of each PID, as written."""
    return [pid.repetitions(3) for pid in message.all("PID")]


def node_settings(folder: Path, **more: Any) -> Any:
    """Return settings of a node that answers both."""
    base = settings(folder, authorities=AUTHORITIES, queries=["pix", "pdq"])
    return msgspec.structs.replace(base, **more)


def ask(folder: Path, *messages: bytes, **more: Any) -> list[hl7v2.Message]:
    """Send queries on one connection of a new node and return the answers."""
    answers: list[hl7v2.Message] = []

    async def scenario(node: Node) -> None:
        await asyncio.to_thread(put, node)
        client = await node.connect()
        answers.extend([read(await client.send(message)) for message in messages])

    with_node(node_settings(folder, **more), scenario)
    return answers


def hd(colour: str) -> str:
    """Return the whole assigning authority."""
    return f"{colour}&{OIDS[colour]}&ISO"


def test_pix_cases(tmp_path: Path) -> None:
    """3.9.4.2.2.6 cases 1 to 6, with the header, the echo and the empty names of the profile."""
    all_, blue, none, nobody, domain, target, by_oid = ask(
        tmp_path, pix("R-994^^^RED"), pix("R-994^^^RED", "^^^BLUE"), pix("C-1^^^RED", "^^^BLUE"), pix("X^^^RED"),
        pix("R-994^^^MAUVE"), pix("R-994^^^RED", "^^^BLUE", "^^^MAUVE", "^^^&2.999.99&ISO"),
        pix("R-994^^^&2.999.13.1&ISO", "^^^&2.999.13.3&ISO"),
    )  # fmt: skip
    assert said(all_) == ("AA", "OK", [])
    assert numbers(all_) == [[f"B-994^^^{hd('BLUE')}", f"G-994^^^{hd('GREEN')}"]]
    head = all_.header
    assert [head.get(9, 0, n) for n in (1, 2, 3)] == ["RSP", "K23", "RSP_K23"]
    assert [head.get(n) for n in (3, 4, 5, 6, 12)] == ["unsilo", "HUB", "ASKER", "CLINIC", "2.5"]
    pid, qak, qpd = all_.first("PID"), all_.first("QAK"), all_.first("QPD")
    assert pid is not None
    assert qak is not None
    assert qpd is not None
    assert pid.field(5) == "~^^^^^^S"
    assert (qak.get(1), qpd.raw) == ("tag-1", "QPD|IHE PIX Query|tag-1|R-994^^^RED")
    assert (said(blue), numbers(blue)) == (("AA", "OK", []), [[f"B-994^^^{hd('BLUE')}"]])
    assert (said(none), numbers(none)) == (("AA", "NF", []), [])
    assert said(nobody) == ("AE", "AE", [("QPD^1^3^1^1", "204")])
    assert said(domain) == ("AE", "AE", [("QPD^1^3^1^4", "204")])
    assert said(target) == ("AE", "AE", [("QPD^1^4^2", "204"), ("QPD^1^4^3", "204")])
    assert numbers(by_oid) == [[f"G-994^^^{hd('GREEN')}"]]


def test_pdq_cases(tmp_path: Path) -> None:
    """3.21.4.2.2.8: one PID a person with all numbers, those of wanted domains only, nobody, unknown domains."""
    whole, green, other, nobody, wrong = ask(
        tmp_path, pdq("@PID.5.1.1^MOHR~@PID.8^F"), pdq("@PID.5.1.1^MOHR", "^^^GREEN"),
        pdq("@PID.5.1.1^Manifold", "^^^BLUE"), pdq("@PID.5.1.1^Zzyzx"), pdq("@PID.5.1.1^MOHR", "^^^MAUVE~^^^RED"),
    )  # fmt: skip
    assert said(whole) == ("AA", "OK", [])
    assert numbers(whole) == [[f"R-994^^^{hd('RED')}", f"B-994^^^{hd('BLUE')}", f"G-994^^^{hd('GREEN')}"]]
    pid = whole.first("PID")
    assert pid is not None
    assert [pid.get(n, 0, 1) for n in (1, 5, 7, 8, 6)] == ["1", "Mohr", "19580130", "F", "Keane"]
    assert pid.get(11, 0, 3) == "Troy"
    head = whole.header
    assert [head.get(9, 0, n) for n in (1, 2, 3)] == ["RSP", "K22", "RSP_K21"]
    assert (said(green), numbers(green)) == (("AA", "OK", []), [[f"G-994^^^{hd('GREEN')}"]])
    assert (said(other), numbers(other)) == (("AA", "NF", []), [])
    assert said(nobody) == ("AA", "NF", [])
    assert said(wrong) == ("AE", "AE", [("QPD^1^8^1", "204")])


CRITERIA: tuple[tuple[str, int], ...] = (
    ("@PID.3.1^R-994~@PID.3.4^RED", 1), ("@PID.3.1^R-994~@PID.3.4.2^2.999.13.1~@PID.3.4.3^ISO", 1),
    ("@PID.3.1^R-994~@PID.3.4^BLUE", 0), ("@PID.3.1^R-994", 1), ("@PID.5.1.1^moh*~@PID.5.2^ali", 1),
    ("@PID.5.1.1^*ohr*", 1), ("@PID.7^19580130", 1), ("@PID.7.1^1958", 1), ("@PID.7^19990101", 0),
    ("@PID.11.3^Troy~@PID.11.4^NY~@PID.11.5^12180", 1), ("@PID.11.1.1^9 Canal", 1), ("@PID.13.1^555-0142", 1),
    ("@PID.6.1.1^Keane", 1), ("@PID.18.1^ACC-77", 1), ("@PID.8^M", 1), ("pid.5.1.1^Manifold", 7),
    ("@PID.5.1.1^M\\T\\S", 0), ("@PID.5.1.1^Müller \\T\\ S", 1),
)  # fmt: skip


def test_pdq_parameters(tmp_path: Path) -> None:
    """Table 3.21-3 and 3.21-4: every field that must be supported, alone and together."""
    answers = ask(tmp_path, *(pdq(asked, charset="UNICODE UTF-8") for asked, _ in CRITERIA))
    got = [(said(answer), len(numbers(answer))) for answer in answers]
    assert got == [(("AA", "OK" if found else "NF", []), found) for _, found in CRITERIA]


def test_values_with_delimiters_and_accents_come_back_whole(tmp_path: Path) -> None:
    """Names are escaped; an asker in ASCII gets UTF-8 and is told so; PID-18 carries the account."""
    plain, own = ask(tmp_path, pdq("@PID.3.1^C-1~@PID.3.4^RED"), pdq("@PID*3$1%C-1!@PID.3.1%C-1~@PID.3.4%RED",
                                                                     marks="%~\\$", rcp="RCP|I"))  # fmt: skip
    pid = plain.first("PID")
    assert pid is not None
    assert (pid.get(5, 0, 1, 1), pid.get(5, 0, 2)) == ("Müller & Söhne", "Chip^")
    assert plain.header.get(18) == "UNICODE UTF-8"
    assert pid.get(18, 0, 1) == "ACC-77"
    assert said(own)[0] == "AE"
    assert own.header.field(2) == "^~\\&"


def test_answers_in_parts(tmp_path: Path) -> None:
    """RCP-2 and DSC: every person once over the parts; a pointer is good once, for its query only, until cancelled."""

    async def scenario(node: Node) -> None:
        await asyncio.to_thread(put, node)
        client = await node.connect()
        criteria = "@PID.5.1.1^Manifold"

        async def part(pointer: str = "", control: str = "Q1", asked: str = criteria) -> hl7v2.Message:
            more = [f"DSC|{pointer}|I"] if pointer else []
            return read(await client.send(pdq(asked, "", "RCP|I|3^RD", *more, control=control)))

        def pointer_of(message: hl7v2.Message) -> str:
            dsc = message.first("DSC")
            return dsc.get(1) if dsc is not None else ""

        seen: list[str] = []
        pointer, sizes = "", []
        for turn in range(3):
            answer = await part(pointer, f"Q{turn}")
            assert said(answer) == ("AA", "OK", [])
            sizes.append(len(numbers(answer)))
            seen += [pid.get(3) for pid in answer.all("PID")]
            used, pointer = pointer, pointer_of(answer)
        assert (sizes, pointer, len(set(seen))) == ([3, 3, 1], "", 7)
        assert said(await part(used)) == ("AE", "AE", [("DSC^1^1", "204")])
        assert said(await part("made-up")) == ("AE", "AE", [("DSC^1^1", "204")])
        open_one = pointer_of(await part(control="Q8"))
        assert said(await part(open_one, asked="@PID.5.1.1^Mohr"))[0] == "AE"
        cancel = "MSH|^~\\&|ASKER|CLINIC|unsilo|HUB|20260102||QCN^J01^QCN_J01|Q9|P|2.5\rQID|tag-2|IHE PDQ Query\r"
        ended = read(await client.send(cancel.encode()))
        assert (said(ended)[0], ended.header.get(9, 0, 1)) == ("AA", "ACK")
        assert said(await part(open_one))[0] == "AE"

    with_node(node_settings(tmp_path), scenario)


WRONG: tuple[tuple[bytes, str], ...] = (
    (pix(""), "QPD^1^3^1^1"), (pix("^^^RED"), "QPD^1^3^1^1"), (pix("R-994"), "QPD^1^3^1^4"),
    (query("Q23", "IHE PIX Query|t|R-994^^^RED", "RCP|D"), "RCP^1^1"),
    (pdq(""), "QPD^1^3"), (pdq("@PID.99^x"), "QPD^1^3^1^1"), (pdq("@OBX.5^x~@PID.8^F"), "QPD^1^3^1^1"),
    (pdq("@PID.7^yesterday"), "QPD^1^3^1^2"), (pdq("@PID.8^purple"), "QPD^1^3^1^2"),
    (pdq("@PID.8^F", rcp="RCP|I|0^RD"), "RCP^1^2^1"), (pdq("@PID.8^F", rcp="RCP|I|many"), "RCP^1^2^1"),
    (pdq("@PID.8^F", rcp="RCP|I|5^LI"), "RCP^1^2^1"), (pdq("~".join(["@PID.8^F"] * 80)), "QPD^1^3"),
    (query("Q99", "x|y|z"), "MSH^1^9^1"),
)  # fmt: skip


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    """Each wrong question is an application error that says where; nothing is left out in silence."""
    answers = ask(tmp_path, *(message for message, _ in WRONG))
    assert {said(answer)[0] for answer in answers} <= {"AE", "AR"}
    assert [said(answer)[2][0][0] for answer in answers] == [place for _, place in WRONG]


def test_hostile_queries(tmp_path: Path) -> None:
    """No QPD, endless names, NULs, injected segments, thousands of domains: an answer each, and the port lives."""

    async def scenario(node: Node) -> None:
        await asyncio.to_thread(put, node)
        client = await node.connect()
        nasty = [
            b"MSH|^~\\&|A|B|C|D|20260102||QBP^Q22^QBP_Q21|H1|P|2.5\r",
            b"MSH|^~\\&|A|B|C|D|20260102||QCN^J01|H2|P|2.5\r",
            pdq("@PID.5.1.1^" + "A" * 200_000, control="H3"),
            pdq("@PID.5.1.1^\\X00\\\\X0D\\PID|1||X", control="H4"),
            pdq("@PID.5.1.1^Mohr", "~".join(f"^^^D{n}" for n in range(5000)), control="H5"),
            pix("R-994\\X0D\\PID^^^RED", control="H6"),
            pix("%^^^RED", control="H7"), pix("R-994,C-1^^^RED", control="H8"), pix("R-994|C-1^^^RED", control="H9"),
            pdq("@PID.5.1.1^(select 1)--", control="H10"), pdq("@PID.5.1.1^*", control="H11"),
        ]  # fmt: skip
        for message in nasty:
            answer = read(await client.send(message))
            assert said(answer)[0] in ("AA", "AE", "AR"), message[:80]
            assert all(line[:3] in (b"MSH", b"MSA", b"ERR", b"QAK", b"QPD", b"PID", b"DSC")
                       for line in answer.raw.split(b"\r") if line)  # fmt: skip
        assert said(read(await client.send(pix("R-994^^^RED"))))[0] == "AA"

    with_node(node_settings(tmp_path), scenario)


def test_a_port_answers_only_what_its_feed_allows(tmp_path: Path) -> None:
    """Without the setting a query is refused and kept; other messages go their way beside queries."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        refused = read(await client.send(pix("R-994^^^RED")))
        assert said(refused) == ("AR", "", [("MSH^1^9^1", "200")])
        assert read(await client.send(adt("C1"))).first("MSA") is not None

    with_node(settings(tmp_path / "none"), scenario)

    async def only_pix(node: Node) -> None:
        client = await node.connect()
        assert said(read(await client.send(pdq("@PID.8^F"))))[0] == "AR"
        assert said(read(await client.send(pix("R-994^^^RED"))))[0] == "AE"

    with_node(settings(tmp_path / "pix", queries=["pix"], authorities=AUTHORITIES), only_pix)


def test_who_may_send_may_not_ask() -> None:
    """A query by HTTP, from a folder or inside a batch is kept, refused and never answered or processed."""
    feed = Feed("adt", queries=["pix", "pdq"], authorities=AUTHORITIES)
    message = pix("R-994^^^RED")
    for transport in ("http", "folder", ""):
        reading = receive.read(feed, message, headers={"transport": transport})
        assert (reading.query, reading.whole.state, reading.whole.ack) == (False, "rejected", "AR")
    batch = receive.read(feed, message + adt("B1"), headers={"transport": "mllp"})
    assert [part.state for part in batch.incoming[1:]] == ["rejected", "queued"]
    assert receive.read(feed, message, headers={"transport": "mllp"}).query


def test_queries_are_recorded_kept_and_under_the_policy(tmp_path: Path) -> None:
    """The bytes are in the journal, each answer leaves audit rows with its persons, and a policy hides records."""
    hidden = {"feed:adt": {"allow": {"not": {"patients": ["alice-blue", "many-0"]}}}}

    async def scenario(node: Node) -> None:
        await asyncio.to_thread(put, node)
        client = await node.connect()
        answer = read(await client.send(pix("R-994^^^RED")))
        assert numbers(answer) == [[f"G-994^^^{hd('GREEN')}"]]
        assert said(read(await client.send(pix("B-994^^^BLUE"))))[2] == [("QPD^1^3^1^1", "204")]
        assert len(numbers(read(await client.send(pdq("@PID.5.1.1^Manifold"))))) == 6
        store = node.service.store
        rows = store.audit_rows(actor="feed:adt", limit=100)
        assert {row.action for row in rows} == {"pix", "pdq"}
        assert store.person_of("alice-red") in {row.person for row in rows}
        assert {row.state for row in store.search_messages(feed="adt")} == {"done"}
        again = read(await client.send(pix("R-994^^^RED")))  # the same bytes are answered anew
        assert numbers(again) == numbers(answer)

    with_node(node_settings(tmp_path, policies=hidden), scenario)


def test_too_many_are_refused_and_answers_keep_their_order(tmp_path: Path) -> None:
    """A question that fits more persons than allowed is told to say more; queries sent at once are answered in turn."""

    async def scenario(node: Node) -> None:
        await asyncio.to_thread(put, node)
        client: Client = await node.connect()
        assert said(read(await client.send(pdq("@PID.5.1.1^Manifold"))))[2] == [("QPD^1^3", "207")]
        client.write(b"".join(wrap(pix("R-994^^^RED", control=f"C{n}")) for n in range(30)))
        got = [read(await client.answer()).first("MSA") for _ in range(30)]
        assert [msa.get(2) for msa in got if msa is not None] == [f"C{n}" for n in range(30)]

    with_node(node_settings(tmp_path, ihe=Ihe(answer_persons=5)), scenario)
