"""A running node keeps what its feeds send, opens an alarm when that changes, and a person takes note of it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_node import adt
from typer.testing import CliRunner

from unsilo.cli.main import app
from unsilo.config import Feed, Settings
from unsilo.flow.replay import run
from unsilo.flow.service import Service
from unsilo.flow.shapes.book import Shapes
from unsilo.flow.shapes.profile import LEARNT
from unsilo.flow.shapes.watch import Delta
from unsilo.flow.status import status


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A node with one worker and one feed."""
    made = Service(Settings(data=tmp_path / "data", feeds={"adt": Feed("adt")}, workers=1))
    made.start()
    yield made
    made.stop()


def _until(condition: object) -> None:
    until = time.monotonic() + 120
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.02)


def _send(service: Service, number: int, rest: str = "") -> str:
    feed = service.settings.feeds["adt"]
    receipt = service.take(feed, adt(f"c{number}", str(number), rest=rest)).result(30)[0]
    _until(lambda: service.dispatcher.idle)
    return receipt.id


def _learnt(service: Service) -> None:
    """Let the profile be that of an old feed."""
    _, profile = service.shapes.profile("adt")
    counts = {key: (LEARNT * 2, line.parent) for key, line in profile.items()}
    service.shapes.take(Delta("adt", counts, {}))
    _until(lambda: service.shapes.profile("adt")[1]["message"].count >= LEARNT * 2)


def test_a_new_segment_is_an_alarm_that_a_person_ends(service: Service) -> None:
    """Profile, alarm with its message, status, and who took note of it; a replay counts nothing."""
    first = _send(service, 1)
    _until(lambda: "field PID-8" in service.shapes.profile("adt")[1])
    _learnt(service)
    before = service.shapes.profile("adt")[1]["message"].count
    run(service, [first], "ada", "again").join(60)
    _until(lambda: (row := service.store.message(first)) is not None and row.attempts == 2)
    message = _send(service, 2, "ZPI|1|gold\r")
    _until(lambda: service.shapes.alarms("adt"))
    assert service.shapes.profile("adt")[1]["message"].count == before + 1
    [alarm] = service.shapes.alarms("adt")
    assert (alarm.kind, alarm.what, alarm.message) == ("new", "segment ADT^A08 ZPI", message)
    assert {feed.name: feed.alarms for feed in status(service.store, service.settings).feeds} == {"adt": 1}
    done = service.shapes.acknowledge(alarm.n, "ada", "their new interface")
    assert done.value is not None
    assert service.store.shape_alarm_counts() == {}
    closed = service.store.shape_alarm(alarm.n)
    assert closed is not None
    assert (closed.actor, closed.reason) == ("ada", "their new interface")
    assert service.shapes.acknowledge(alarm.n, "bob", "me too").value is None
    assert service.shapes.acknowledge(99, "bob", "what").value is None
    assert [row.actor for row in service.store.audit_rows(action="acknowledge alarm")] == ["ada"]


def test_the_commands(service: Service) -> None:
    """`unsilo map shape`, `map alarms` and `map acknowledge`, beside the running node."""
    _send(service, 1)
    _until(lambda: "field PID-8" in service.shapes.profile("adt")[1])
    _learnt(service)
    _send(service, 2, "ZPI|1|gold\r")
    _until(lambda: service.shapes.alarms("adt"))
    settings = service.settings.data / "unsilo.toml"
    settings.write_text("[feeds.adt]\n")

    def run_map(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["map", *words, "--data", str(service.settings.data)])
        return done.exit_code, done.output

    assert "code PID-8 F" in run_map("shape", "adt")[1]
    assert '"share": 1.0' in run_map("shape", "adt", "--json")[1]
    assert run_map("shape", "nowhere")[0] == 2
    said = run_map("alarms")[1]
    assert "new: segment ADT^A08 ZPI" in said
    number = str(service.shapes.alarms("adt")[0].n)
    assert run_map("acknowledge", number, "--reason", "expected")[0] == 0
    assert run_map("acknowledge", number, "--reason", "expected")[0] == 1
    assert "segment" not in run_map("alarms")[1]
    assert '"reason": "expected"' in run_map("alarms", "--all", "--json")[1]


def test_words_that_wait_go_together(service: Service) -> None:
    """Many words of workers are few jobs of the store, and none is lost."""
    shapes = Shapes(service.store)
    for _ in range(90):
        shapes.take(Delta("other", {"message": (2, "")}, {}))
    _until(lambda: shapes.profile("other")[1].get("message") and shapes.profile("other")[1]["message"].count == 180)
