"""From message to record: updates, late messages, corrections, merges and resends act once and as the standard says."""

from pathlib import Path

from flow_node import Node, adt, replace, settings, with_node

from tests.unit.storage.keyed import ids_found, rows_found
from unsilo.kernel import json

ORU = (
    "MSH|^~\\&|LAB|LAB|R|RF|{at}||ORU^R01|{control}|P|2.5\rPID|1||{patient}^^^KH^MR||Roe^Jane||19800517|F\r"
    "OBR|1|P1^HIS|F1^LAB|2345-7^Glucose^LN|||20260101080000|||||||||||||||{at}|||{status}\r"
    "OBX|1|NM|2345-7^Glucose^LN||{value}|mg/dL^^UCUM|70-99|N|||{status}|||20260101080000\r"
)


def oru(control: str, value: str, status: str, at: str, patient: str = "123") -> bytes:
    """Make a laboratory result."""
    return ORU.format(control=control, value=value, status=status, at=at, patient=patient).encode()


async def feed(node: Node, *messages: bytes) -> None:
    """Send messages one after the other and wait until all are processed."""
    client = await node.connect()
    for message in messages:
        answer = await client.send(message)
        assert answer is not None
        assert b"|AA|" in answer, answer
        await node.settled()


def only(node: Node, kind: str) -> object:
    """Return the one live resource of a type."""
    found = rows_found(node.service.store, kind)
    assert len(found) == 1, found
    return found[0]


def patients(node: Node) -> dict[str, dict]:
    """Return live Patients by the value of their first identifier."""
    found = [json.decode(row.body) for row in rows_found(node.service.store, "Patient")]
    return {each["identifier"][0]["value"]: each for each in found if each.get("identifier")}


def test_an_update_makes_a_version_and_the_same_again_makes_none(tmp_path: Path) -> None:
    """A08 with a new name is version 2; the same content in another message changes nothing."""

    async def scenario(node: Node) -> None:
        await feed(node, adt("1", at="20260101"), adt("2", at="20260102", name="Roe^Janet"))
        first = only(node, "Patient")
        assert first.version == 2
        await feed(node, adt("3", at="20260103", name="Roe^Janet"))
        assert only(node, "Patient").version == 2
        history = node.service.store.history("Patient", first.id)
        assert len(history) == 2

    with_node(settings(tmp_path), scenario, workers=True)


def test_an_older_update_becomes_history_with_an_issue(tmp_path: Path) -> None:
    """An A08 whose EVN-2 is older than what is current does not win."""

    async def scenario(node: Node) -> None:
        await feed(node, adt("1", at="20260102", name="Roe^New"), adt("2", at="20260101", name="Roe^Old"))
        assert patients(node)["123"]["name"][0]["given"] == ["New"]
        row = node.service.store.search_messages(kind="control_id", value="2")[0]
        outcome = node.service.store.outcome(row.mid)
        assert any(issue.code == "stale" for issue in outcome.issues)
        late = [v for v in node.service.store.history("Patient", only(node, "Patient").id) if v.late]
        assert b"Old" in late[0].body

    with_node(settings(tmp_path), scenario, workers=True)


def test_the_same_content_later_counts_as_said_later(tmp_path: Path) -> None:
    """Said on the 1st and again on the 3rd, what comes late from the 2nd does not win."""

    async def scenario(node: Node) -> None:
        await feed(node, adt("1", at="20260101"), adt("2", at="20260103"), adt("3", at="20260102", name="Roe^Old"))
        assert patients(node)["123"]["name"][0]["given"] == ["Jane"]
        assert only(node, "Patient").version == 1

    with_node(settings(tmp_path), scenario, workers=True)


def test_a_preliminary_result_after_a_final_one_does_not_win(tmp_path: Path) -> None:
    """Status goes before time: P after F is history, C after F wins and the former version stays."""

    async def scenario(node: Node) -> None:
        await feed(node, oru("1", "95", "F", "20260101090000"), oru("2", "60", "P", "20260101100000"))
        current = only(node, "Observation")
        assert json.decode(current.body)["status"] == "final"
        await feed(node, oru("3", "105", "C", "20260101110000"))
        corrected = json.decode(only(node, "Observation").body)
        assert (corrected["status"], str(corrected["valueQuantity"]["value"])) == ("corrected", "105")
        bodies = [version.body for version in node.service.store.history("Observation", current.id)]
        assert any(b'"value":95' in body for body in bodies)

    with_node(settings(tmp_path), scenario, workers=True)


def test_a_merge_makes_one_person_and_later_messages_find_it(tmp_path: Path) -> None:
    """A40: the retired number is inactive and replaced; what comes with it later belongs to the surviving person."""

    async def scenario(node: Node) -> None:
        store = node.service.store
        await feed(
            node, adt("1", "111", at="20260101"), adt("2", "222", at="20260101", name="Smith^Bob"),
            adt("3", "111", kind="ADT^A40", at="20260102", rest="MRG|222^^^KH^MR\r"),
        )  # fmt: skip
        found = patients(node)
        assert found["222"]["active"] is False
        assert found["222"]["link"][0]["type"] == "replaced-by"
        survivor, retired = found["111"]["id"], found["222"]["id"]
        assert store.person_of(survivor) == store.person_of(retired)
        await feed(node, oru("4", "95", "F", "20260103", patient="222"))
        after = patients(node)["222"]
        assert after["active"] is False
        assert store.person_of(after["id"]) == store.person_of(survivor)
        assert store.counts().persons == 1

    with_node(settings(tmp_path), scenario, workers=True)


def test_contradicting_merges_leave_both_as_they_are_and_ask(tmp_path: Path) -> None:
    """A40 of A into B after B into A: the first stands, one number stays in use, the pair waits for a person."""

    async def scenario(node: Node) -> None:
        store = node.service.store
        await feed(
            node, adt("1", "111", at="20260101"), adt("2", "222", at="20260101", name="Smith^Bob"),
            adt("3", "111", kind="ADT^A40", at="20260102", rest="MRG|222^^^KH^MR\r"),
            adt("4", "222", kind="ADT^A40", at="20260103", name="Smith^Bob", rest="MRG|111^^^KH^MR\r"),
        )  # fmt: skip
        found = patients(node)
        assert [found[number].get("active") for number in ("111", "222")] == [None, False]
        assert "link" not in found["111"]
        [row] = store.reviews()
        assert row.rule == "merge-circle"
        last = store.search_messages(feed="adt", limit=1)[0]
        outcome = store.outcome(last.mid)
        assert outcome is not None
        assert "commit.merge-circle" in [issue.rule for issue in outcome.issues]

    with_node(settings(tmp_path), scenario, workers=True)


def test_a_resend_and_two_feeds_at_once_make_one_person(tmp_path: Path) -> None:
    """Many messages of one new patient over several connections make one Patient and one person."""

    async def scenario(node: Node) -> None:
        clients = [await node.connect() for _ in range(6)]
        for n, client in enumerate(clients):
            for i in range(5):
                client.write(b"\x0b" + adt(f"{n}-{i}", at=f"2026010{i + 1}") + b"\x1c\r")
        for client in clients:
            for _ in range(5):
                assert await client.answer() is not None
        await node.settled()
        counts = node.service.store.counts()
        assert (counts.persons, counts.resources["Patient"], counts.messages["done"]) == (1, 1, 30)

    with_node(replace(settings(tmp_path, order_by="none"), workers=2), scenario, workers=True)


def test_what_a_snapshot_no_longer_holds_is_noted_not_resolved(tmp_path: Path) -> None:
    """With AL1 as snapshot an allergy that vanished stays as it is and is known as no longer sent."""
    both = "AL1|1|DA|70618^Penicillin^RXNORM|SV|Rash\rAL1|2|FA|P^Peanut^L|MO|Hives\r"
    one = "AL1|1|DA|70618^Penicillin^RXNORM|SV|Rash\r"

    async def scenario(node: Node) -> None:
        await feed(node, adt("1", at="20260101", rest=both), adt("2", at="20260102", rest=one))
        store = node.service.store
        assert len(ids_found(store, "AllergyIntolerance")) == 2
        members = store.list_state(only(node, "Patient").id)
        assert len(members) == 2
        assert sum(member.gone > 0 for member in members) == 1

    with_node(settings(tmp_path, lists={"AL1": "snapshot"}), scenario, workers=True)


def test_a_batch_is_answered_when_all_of_it_was_processed(tmp_path: Path) -> None:
    """With ack = processed one answer comes for a batch, and everything is in the record by then."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        batch = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + adt("1", "1") + adt("2", "2") + b"BTS|2\rFTS|1\r"
        answer = await client.send(batch)
        assert answer is not None
        assert b"MSA|AA" in answer
        assert node.service.store.counts().resources["Patient"] == 2

    with_node(settings(tmp_path, ack="processed"), scenario, workers=True)


def test_test_and_dead_messages_leave_no_record(tmp_path: Path) -> None:
    """MSH-11 T reaches no resource, person or index; garbage neither."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        await client.send(adt("1", processing="T"))
        await client.send(b"garbage")
        await node.settled()
        counts = node.service.store.counts()
        assert counts.resources == {}
        assert counts.persons == 0

    with_node(settings(tmp_path), scenario, workers=True)


def test_acknowledge_after_processing(tmp_path: Path) -> None:
    """With ack = processed, AA says that the record is written; what cannot be mapped is AE and kept."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        answer = await client.send(adt("1"))
        assert answer is not None
        assert b"|AA|1" in answer
        assert only(node, "Patient").version == 1
        nothing = b"MSH|^~\\&|A|B|C|D|20260101||ZZZ^Z99|2|P|2.5\rZZ1|1\r"
        answer = await client.send(nothing)
        assert answer is not None
        assert b"|AE|2" in answer
        assert await client.send(adt("1")) is not None

    with_node(settings(tmp_path, ack="processed"), scenario, workers=True)


def test_enhanced_mode_sends_both_acknowledgements(tmp_path: Path) -> None:
    """MSH-15 AL and MSH-16 AL: CA when it is durable, AA when it is in the record."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        first = await client.send(adt("1", accept="AL", application="AL"))
        second = await client.answer()
        assert first is not None
        assert second is not None
        assert b"|CA|1" in first
        assert b"|AA|1" in second

    with_node(settings(tmp_path), scenario, workers=True)


def test_what_a_node_left_queued_is_processed_by_the_next(tmp_path: Path) -> None:
    """Messages that were durable before the end are taken up at the next start."""
    config = settings(tmp_path)

    async def receive_only(node: Node) -> None:
        client = await node.connect()
        for i in range(20):
            await client.send(adt(str(i), str(i)))

    async def process(node: Node) -> None:
        await node.settled()
        assert node.service.store.counts().messages == {"done": 20}

    with_node(config, receive_only)
    with_node(config, process, workers=True)


def test_every_write_of_a_persons_data_leaves_an_audit_row(tmp_path: Path) -> None:
    """A message that changed a person's record is in that person's audit trail, with its feed."""

    async def scenario(node: Node) -> None:
        await feed(node, adt("1"))
        store = node.service.store
        person = store.person_of(only(node, "Patient").id)
        rows = store.audit_rows(person=person)
        assert [(row.actor, row.action) for row in rows] == [("feed:adt", "write")]
        assert store.outbox()[0].kind == "changed"
        assert len(ids_found(store, "Patient?identifier=123")) == 1

    with_node(settings(tmp_path), scenario, workers=True)
