"""The dispatcher under messages that kill, hang or break their worker: they park themselves and their key, no more."""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_node import Node, adt, replace, settings, with_node

from tests.unit.storage.keyed import rows_found
from unsilo.flow import replay
from unsilo.flow.service import Service
from unsilo.flow.work import crew, pool
from unsilo.flow.work.pressure import MANY, SPAN
from unsilo.kernel import json
from unsilo.sources.mllp.frames import wrap


@pytest.fixture
def unkind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start workers that obey DIE, HANG and FAIL."""
    monkeypatch.setattr(pool, "COMMAND", [sys.executable, str(Path(__file__).with_name("unkind_worker.py"))])


def states(node: Node) -> dict[str, str]:
    """Return the state of every message by control id."""
    return {row.control_id: row.state for row in node.service.store.search_messages(limit=200)}


@pytest.mark.usefixtures("unkind")
@pytest.mark.parametrize("word", ["DIE", "FAIL", "HANG"])
def test_a_poison_message_parks_itself_and_its_key_only(tmp_path: Path, word: str) -> None:
    """What kills its worker twice is a dead letter; the same patient's next is held, all others are done."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        await client.send(adt("before", "1"))
        await node.settled()
        for n in range(10):
            client.write(b"\x0b" + adt(f"other{n}", f"x{n}") + b"\x1c\r")
        client.write(b"\x0b" + adt("poison", "1", name=f"{word}^X") + b"\x1c\r")
        client.write(b"\x0b" + adt("behind", "1") + b"\x1c\r")
        for n in range(10, 20):
            client.write(b"\x0b" + adt(f"other{n}", f"x{n}") + b"\x1c\r")
        for _ in range(22):
            answer = await client.answer()
            assert answer is not None
            assert b"|AA|" in answer
        await node.settled(30)
        found = states(node)
        assert found["poison"] == "dead"
        assert found["behind"] == "held"
        assert {state for name, state in found.items() if name.startswith(("other", "before"))} == {"done"}
        later = await client.send(adt("later", "1"))
        assert later is not None
        await node.settled()
        assert states(node)["later"] == "held"
        poison = node.service.store.search_messages("poison")[0]
        assert poison.cause.startswith("flow.poison")

    with_node(replace(settings(tmp_path), message_seconds=3), scenario, workers=True)


@pytest.mark.usefixtures("unkind")
def test_release_lets_what_was_held_go_on_in_order(tmp_path: Path) -> None:
    """Set aside, the poison message stays in the journal; those behind it are processed in their order."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        await client.send(adt("poison", "1", name="FAIL^X", at="20260101"))
        for n in range(5):
            await client.send(adt(f"b{n}", "1", name=f"Roe^N{n}", at=f"2026010{n + 2}"))
        await node.settled()
        assert list(states(node).values()).count("held") == 5
        poison = node.service.store.search_messages("poison")[0]
        assert await asyncio.to_thread(replay.release, node.service, poison.id, "eng", "known fault")
        await asyncio.sleep(0.1)
        await node.settled()
        found = states(node)
        assert found.pop("poison") == "aside"
        assert set(found.values()) == {"done"}
        patient = rows_found(node.service.store, "Patient")[0]
        assert patient.version == 5

    with_node(settings(tmp_path), scenario, workers=True)


@pytest.mark.parametrize(("in_flight", "workers", "fault"), [(1024, 2, "DIE"), (2, 1, "FAIL")])
def test_what_is_mapped_before_its_turn_is_stored_in_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_flight: int, workers: int, fault: str
) -> None:
    """Messages of one patient are mapped ahead; before a poison one they are stored in order, behind it held."""
    monkeypatch.setattr(pool, "COMMAND", [sys.executable, str(Path(__file__).with_name("unkind_worker.py"))])
    config = replace(settings(tmp_path), in_flight=in_flight, workers=workers)

    async def queued(node: Node) -> None:
        client = await node.connect()
        for n in range(12):
            name = f"{fault}^X" if n == 6 else f"Roe^N{n}"
            await client.send(adt(f"a{n:02d}", "1", name=name, at=f"202601{n + 1:02d}"))
        await client.send(adt("other", "2"))

    async def processed(node: Node) -> None:
        await node.settled(60)
        found = states(node)
        assert found.pop("other") == "done"
        assert [found[f"a{n:02d}"] for n in range(12)] == ["done"] * 6 + ["dead"] + ["held"] * 5
        versions = {row.version for row in rows_found(node.service.store, "Patient")}
        assert versions == {6, 1}
        assert node.service.dispatcher.waiting == 0

    with_node(config, queued)
    with_node(config, processed, workers=True)


async def until(told: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is true."""
    for _ in range(int(seconds * 50)):
        if told():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError


def test_workers_come_with_a_backlog_keep_each_patients_order_and_go_when_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second worker starts where much waits; one is killed; every patient has its versions in their order."""
    monkeypatch.setattr(pool, "COMMAND", [sys.executable, str(Path(__file__).with_name("unkind_worker.py"))])
    config = replace(settings(tmp_path), workers=2)
    patients, each = 4, 30

    async def queued(node: Node) -> None:
        client = await node.connect()
        for n in range(each):
            for patient in range(patients):
                client.write(wrap(adt(f"{patient}-{n}", f"p{patient}", name=f"SLOW^N{n}", at=f"20260101{n:06d}")))
        for _ in range(patients * each):
            assert b"|AA|" in (await client.answer() or b"")

    async def processed(node: Node) -> None:
        dispatcher = node.service.dispatcher
        await until(lambda: len(dispatcher._workers) == 2)
        late = dispatcher._workers[-1]
        await until(lambda: len(late.jobs) > 1 or dispatcher.idle)
        late.process.kill()
        await until(lambda: dispatcher.restarts == 1)
        await node.settled(120)
        assert set(states(node).values()) == {"done"}
        store = node.service.store
        rows = rows_found(store, "Patient")
        assert len(rows) == patients
        for row in rows:
            told = [json.decode(version.body)["name"][0]["given"] for version in store.history("Patient", row.id)]
            assert told == [[f"N{n}"] for n in reversed(range(each))]
        monkeypatch.setattr(crew, "_REST", 0.0)
        await until(lambda: len(dispatcher._workers) == 1)
        client = await node.connect()
        await client.send(adt("last", "p0"))
        await node.settled()
        assert states(node)["last"] == "done"
        assert dispatcher.restarts == 1

    with_node(config, queued)
    with_node(config, processed, workers=True)


class Hand:
    """A worker that does nothing."""

    def __init__(self, *_: object, behind: bool) -> None:
        self.behind, self.ready, self.jobs = behind, True, deque(range(crew.AHEAD))


def test_the_last_cores_worker_stands_back_while_much_is_received(tmp_path: Path) -> None:
    """One worker less than the cores works beside a node that receives; the last comes, and works, when it does not."""
    config = replace(settings(tmp_path), workers=0)
    service = Service(config)
    dispatcher, many = service.dispatcher, config.worker_count
    try:
        dispatcher._new_worker = lambda behind: Hand(behind=behind)  # type: ignore[method-assign, assignment, return-value]
        dispatcher._todo.extend(range(100))
        for _ in range(MANY * 2):
            dispatcher._pressure.came(1000.0)
        for _ in range(many + 2):
            dispatcher._staff(1000.0 + SPAN)
        assert [worker.behind for worker in dispatcher._workers] == [False] * config.helper_count
        for _ in range(many + 2):
            dispatcher._staff(1000.0 + 3 * SPAN)
        assert len(dispatcher._at_work(1000.0 + 3 * SPAN)) == many
        assert [worker.behind for worker in dispatcher._workers] == [n >= config.helper_count for n in range(many)]
        for _ in range(MANY * 2):
            dispatcher._pressure.came(1000.0 + 3 * SPAN)
        assert len(dispatcher._at_work(1000.0 + 4 * SPAN)) == config.helper_count
        dispatcher._workers.clear()
    finally:
        service.stop()


def test_a_node_with_the_fix_replays_the_poison_and_all_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held keys survive a restart; a replay by a named person runs the message again, then what waited."""
    config = settings(tmp_path)
    fixed = pool.COMMAND
    monkeypatch.setattr(pool, "COMMAND", [sys.executable, str(Path(__file__).with_name("unkind_worker.py"))])

    async def broken(node: Node) -> None:
        client = await node.connect()
        await client.send(adt("poison", "1", name="FAIL^X", at="20260101"))
        await client.send(adt("behind", "1", at="20260102"))
        await node.settled()

    async def mended(node: Node) -> None:
        client = await node.connect()
        await client.send(adt("later", "1", at="20260103"))
        await node.settled()
        assert states(node) == {"poison": "dead", "behind": "held", "later": "held"}
        poison = node.service.store.search_messages("poison")[0]
        dry = await asyncio.to_thread(replay.dry_run, node.service, poison.id)
        assert dry is not None
        assert not dry.failed
        assert any(change.resource.startswith("Patient/") and change.kind == "new" for change in dry.changes)
        run = replay.run(node.service, [poison.id], "eng", "mended")
        await asyncio.to_thread(run.join, 10)
        await asyncio.sleep(0.1)
        await node.settled()
        assert set(states(node).values()) == {"done"}
        audited = node.service.store.audit_rows(actor="eng")
        assert audited[0].action == "replay"

    with_node(config, broken, workers=True)
    monkeypatch.setattr(pool, "COMMAND", fixed)
    with_node(config, mended, workers=True)


def test_a_map_that_cannot_be_compiled_stops_its_feed_only(tmp_path: Path) -> None:
    """Messages of that feed stay queued, are no dead letters, and the status says why."""
    config = settings(tmp_path)
    feeds = {**config.feeds, "bad": replace(config.feeds["adt"], name="bad", overlay=str(tmp_path / "gone.toml"))}

    async def scenario(node: Node) -> None:
        bad = node.service.settings.feeds["bad"]
        await asyncio.wrap_future(node.service.take(bad, adt("stuck", "9")))
        client = await node.connect()
        await client.send(adt("good", "1"))
        await node.settled()
        assert states(node) == {"stuck": "queued", "good": "done"}
        assert "bad" in node.service.dispatcher.broken

    with_node(replace(config, feeds=feeds), scenario, workers=True)


def test_an_edited_copy_replaces_a_dead_letter_and_both_are_kept(tmp_path: Path) -> None:
    """The edited message names its original; the original is set aside unchanged."""

    async def scenario(node: Node) -> None:
        client = await node.connect()
        wrong = adt("1", processing="X")
        await client.send(wrong)
        original = node.service.store.search_messages(state="dead")[0]
        receipt, issue = await asyncio.to_thread(
            replay.resubmit, node.service, original.id, adt("1"), "eng", "processing id"
        )
        assert issue is None
        assert receipt is not None
        await node.settled()
        copy = node.service.store.message(receipt.id)
        assert copy is not None
        assert (copy.state, copy.parent) == ("done", original.id)
        assert node.service.store.content(original.id) == wrong
        assert node.service.store.message(original.id).state == "aside"
        again, said = await asyncio.to_thread(replay.resubmit, node.service, original.id, wrong, "eng", "same")
        assert again is None
        assert said is not None

    with_node(settings(tmp_path), scenario, workers=True)
