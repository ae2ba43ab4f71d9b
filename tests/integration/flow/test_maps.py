"""Decisions about local codes from the queue to the record and back, through the real node."""

from pathlib import Path

from flow_node import Node, replace, settings, with_node

from unsilo.config import Maps
from unsilo.flow.decide import map_effect
from unsilo.flow.maps.queue import find_unmapped, queue, suggestions
from unsilo.kernel import Json, json
from unsilo.storage import CodeCount
from unsilo.terminology.maps import ELEMENTS, Entry

LOINC = "http://loinc.org"
ORU = (
    "MSH|^~\\&|LAB|NORTH|U|U|20260102||ORU^R01^ORU_R01|{control}|P|2.5.1\r"
    "PID|1||{patient}^^^NORTH^MR||Roe^Ann||19700101|F\r"
    "OBR|1|P1|F1{control}|BMP^Basic^L|||20260102080000||||||||||||||||||F\r"
    "OBX|1|NM|GLUC^Glucose^L||5.5|mmol/L|3.9-5.5||||F|||20260102080000\r"
)


def oru(control: str, patient: str = "1") -> bytes:
    """Return a result with the laboratory's own code."""
    return ORU.format(control=control, patient=patient).encode()


def observation(node: Node) -> Json:
    """Return the newest Observation with the code."""
    found = next(one for one in queue_of(node))
    ids = node.service.store.code_examples(found, 1)
    stored = node.service.store.read("Observation", ids[0])
    assert stored is not None
    body: Json = json.decode(stored.body)
    return body


def queue_of(node: Node) -> list[CodeCount]:
    """Return how often the code stands in the store."""
    return [each for each in node.service.store.code_counts("Observation", "code") if each.system != LOINC]


def codings(node: Node) -> list[tuple[str, str]]:
    """Return system and code of the Observation's codings."""
    return [(c.get("system", ""), c["code"]) for c in observation(node)["code"]["coding"]]


def test_a_decision_reaches_what_is_stored_and_what_comes_and_goes_again(tmp_path: Path) -> None:
    """Published and replayed, the standard coding stands beside the local one; undone, the former state is back."""

    async def scenario(node: Node) -> None:
        service = node.service
        client = await node.connect()
        await client.send(oru("a"))
        await node.settled()
        before = observation(node)
        [one] = [each for each in queue(service.store) if each.element == "Observation.code"]
        assert (one.code, one.facts, one.units, len(one.feeds)) == ("GLUC", 1, ["mmol/L"], 1)
        found = suggestions(service.terminology, ELEMENTS["Observation"], one.item(), {})
        assert found[0].code == "14749-6"
        entry = Entry(
            "", one.element, one.system, one.code, LOINC, found[0].code, found[0].display, one.label, unit="mmol/L"
        )
        [entry] = service.maps.propose([entry], "ann", "from the queue").value or []
        assert map_effect.effect(service, entry).facts == 1
        assert service.maps.act([entry.id], "approve", "ben").value
        assert service.maps.act([entry.id], "publish", "ben").value
        run = map_effect.replay_after(service, [entry], "ben", "published")
        assert run is not None
        run.join(30)
        await node.settled()
        after = observation(node)
        assert [c["code"] for c in after["code"]["coding"]] == ["GLUC", "14749-6"]
        assert after["code"]["coding"][0] == before["code"]["coding"][0]
        assert after["valueQuantity"] == before["valueQuantity"]
        rows = [row for part in service.store.lineage("Observation", after["id"]) for row in part.rows]
        told = {row.path: row for row in rows if row.rule.startswith(f"map:{entry.id}@3")}
        assert set(told) == {f"code.coding[1].{name}" for name in ("system", "code", "display")}
        assert all(row.source for row in told.values())
        assert [each for each in queue(service.store) if each.code == "GLUC"] == []
        [led] = service.terminology.translate(one.system, "GLUC", LOINC)
        assert (led.code, led.equivalence, led.comment) == ("14749-6", "equivalent", "unit mmol/L")
        assert [each.code for each in service.terminology.translate(LOINC, "14749-6", one.system, reverse=True)] == [
            "GLUC"
        ]
        source = service.terminology.sources[-1]
        made = source.concept_map(led.map_url)
        assert made is not None
        assert made["group"][0]["element"][0]["target"][0]["code"] == "14749-6"
        assert source.concept_map("urn:other") is None
        await client.send(oru("b", "2"))
        await node.settled()
        assert codings(node)[1] == (LOINC, "14749-6")
        assert service.maps.undo(entry.id, "ben", "it was wrong").value
        run = map_effect.replay_after(service, [entry], "ben", "undone")
        assert run is not None
        run.join(30)
        await node.settled()
        counted = find_unmapped(service.store, "Observation.code", one.system, "GLUC")
        assert counted is not None
        assert counted.facts == 2
        assert codings(node) == [(one.system, "GLUC")]
        stored = service.store.read("Observation", before["id"])
        assert stored is not None
        assert json.decode(stored.body) == before
        assert [event.action for event in service.maps.history(entry.id)] == ["propose", "approve", "publish", "undo"]

    with_node(settings(tmp_path), scenario, workers=True)


def test_a_second_person_approves_where_that_is_set_and_one_scope_has_one_code(tmp_path: Path) -> None:
    """The author may not approve; what is published later replaces what was, and undoing brings that back."""

    async def scenario(node: Node) -> None:
        maps = node.service.maps
        first = Entry("", "Observation.code", "urn:x", "GLU", LOINC, "2345-7", "Glucose")
        other = Entry("", "Observation.code", "urn:x", "GLU", LOINC, "2339-0", "Glucose in blood")
        [one], [two] = maps.propose([first], "ann").value or [], maps.propose([other], "ann").value or []
        refused = maps.act([one.id], "approve", "ann")
        assert refused.value is None
        assert refused.issues[0].rule == "maps.second"
        for each in (one, two):
            assert maps.act([each.id], "approve", "ben").value
        assert maps.act([two.id], "publish", "ann").value
        assert maps.act([one.id], "publish", "ann").value
        states = {entry.id: entry.state for entry in maps.entries()}
        assert states == {one.id: "published", two.id: "deprecated"}
        assert [rule.target_code for rule in maps.current().rules["urn:x|GLU"]] == ["2345-7"]
        assert maps.undo(one.id, "ben").value
        assert {entry.id: entry.state for entry in maps.entries()} == {one.id: "approved", two.id: "published"}
        assert maps.act([one.id], "refuse", "ben").value
        assert maps.act([one.id], "publish", "ben").value is None
        assert maps.act(["nothing"], "approve", "ben").value is None
        again = maps.propose([first], "cat").value
        assert again is not None
        assert (again[0].state, again[0].author) == ("proposed", "cat")

    with_node(replace(settings(tmp_path), maps=Maps(second_person=True)), scenario)
