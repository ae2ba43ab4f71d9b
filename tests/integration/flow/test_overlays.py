"""A running node takes a published overlay without a restart, and a former version comes back."""

import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from flow_node import adt
from typer.testing import CliRunner

from unsilo.cli.main import app
from unsilo.config import Feed, Settings
from unsilo.flow.overlays.publish import Overlays
from unsilo.flow.replay import dry_run, run
from unsilo.flow.service import Service
from unsilo.kernel import json
from unsilo.storage import MessageRow

SITE = b"""add:
  - {id: site.zpi.2, map: "ZPI[Patient]", source: ZPI-2, target: maritalStatus.text}
  - {id: site.zpi, map: "ADT_*", at: ZPI, as: pt, use: "ZPI[Patient]"}
"""
GONE = b"drop: [pid.8]\n"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A node with one worker; the settings of its feed name an overlay file."""
    (tmp_path / "file.yaml").write_bytes(GONE)
    feed = Feed("adt", overlay=str(tmp_path / "file.yaml"))
    made = Service(Settings(data=tmp_path / "data", feeds={"adt": feed}, workers=1))
    made.start()
    yield made
    made.stop()


def _settled(service: Service) -> None:
    until = time.monotonic() + 120
    while not service.dispatcher.idle:
        assert time.monotonic() < until
        time.sleep(0.02)


def _again(service: Service, message: str) -> MessageRow:
    """Wait until a message was processed a second time."""
    until = time.monotonic() + 120
    while (row := service.store.message(message)) is None or row.attempts < 2 or row.state != "done":
        assert time.monotonic() < until
        time.sleep(0.02)
    return row


def _send(service: Service, number: int) -> tuple[str, set[str]]:
    """Send a message of a patient of its own; return its id and the elements of the patient it became."""
    content = adt(f"c{number}", str(number), rest="ZPI|1|gold\r")
    receipt = service.take(service.settings.feeds["adt"], content).result(30)[0]
    _settled(service)
    row = service.store.message(receipt.id)
    assert row is not None
    assert row.state == "done"
    patient = next(each for each in service.store.effects(row.mid) if each.type == "Patient")
    return receipt.id, set(json.decode(patient.body)) & {"gender", "maritalStatus"}


def test_it_is_used_from_the_next_message_on(service: Service) -> None:
    """File, published version, next version, back: each is what the next message is mapped with; the audit knows."""
    overlays = service.overlays
    first, made = _send(service, 1)
    assert made == set()
    assert overlays.text("adt") == (0, GONE)
    assert overlays.publish("adt", SITE, "ada", "their ZPI").value == 1
    assert _send(service, 2)[1] == {"gender", "maritalStatus"}
    assert overlays.publish("adt", b"", "ada", "nothing of our own", base=1).value == 2
    second, made = _send(service, 3)
    assert made == {"gender"}
    assert overlays.back_to("adt", 1, "bob", "we need it after all").value == 3
    assert _send(service, 4)[1] == {"gender", "maritalStatus"}
    assert overlays.back_to("adt", 0, "bob", "as the settings say").value == 4
    assert _send(service, 5)[1] == set()
    history = overlays.history("adt")
    assert [(each.version, each.actor, each.reason) for each in history[:2]] == [
        (4, "bob", "as the settings say"), (3, "bob", "we need it after all"),
    ]  # fmt: skip
    assert [each.version for each in overlays.named(history[1].sha256)] == [3, 1]
    said = [row.what for row in service.store.audit_rows(action="publish overlay")]
    assert len(said) == 4
    assert said[0].startswith("overlay of adt, version 4, ")
    ids = {row.control_id: row.id for row in service.store.search_messages()}
    assert overlays.used("adt", ids["c1"]) == (sha256(GONE).hexdigest(), history[0])
    assert overlays.used("adt", ids["c2"]) == (history[1].sha256, history[1])
    assert overlays.used("adt", ids["c3"]) == ("", None)
    # What is stored follows by replay, which a dry run shows before.
    assert overlays.publish("adt", SITE, "ada", "again").value == 5
    shown = dry_run(service, second)
    assert shown is not None
    assert any(each.path == "maritalStatus.text" for change in shown.changes for each in change.elements)
    run(service, [first, second], "ada", "overlay 5").join(60)
    for message in (first, second):
        row = _again(service, message)
        patient = next(each for each in service.store.effects(row.mid) if each.type == "Patient")
        now = service.store.read("Patient", patient.id)
        assert now is not None
        assert "maritalStatus" in json.decode(now.body)


def test_what_may_not_be_published(service: Service, tmp_path: Path) -> None:
    """Errors, no reason, the same again, an unknown feed or version, and a version that somebody else replaced."""
    overlays = service.overlays

    def refused(text: bytes, reason: str = "why", base: int | None = None, name: str = "adt") -> str:
        result = overlays.publish(name, text, "ada", reason, base)
        assert result.value is None
        return result.issues[0].text

    assert "no.such" in refused(b"drop: [no.such]")
    assert "cannot be read" in refused(b"drop: [")
    assert refused(SITE, "  ") == "say why it is published"
    assert "in use already" in refused(GONE)
    assert "no feed" in refused(SITE, name="nowhere")
    assert overlays.publish("adt", SITE, "ada", "why", base=0).value == 1
    assert "in the meantime" in refused(b"", base=0)
    assert overlays.back_to("adt", 9, "ada", "why").value is None
    assert service.store.overlay_top() == 1
    # Another process sees it too.
    assert Overlays(service.store, service.settings).text("adt") == (1, SITE)
    assert service.live("adt") != service.feed("adt")
    assert service.live("nowhere") is None


def test_the_commands_publish_and_go_back(service: Service, tmp_path: Path) -> None:
    """`unsilo map publish`, `history`, `back` and `diff` with versions, beside the running node."""
    (tmp_path / "unsilo.toml").write_text('[feeds.adt]\noverlay = "file.yaml"\n')
    (tmp_path / "site.yaml").write_bytes(SITE)
    own = ["--data", str(service.settings.data), "--config", str(tmp_path / "unsilo.toml")]

    def run_map(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["map", *words, *own])
        return done.exit_code, done.output

    assert run_map("publish", "adt", str(tmp_path / "site.yaml"), "--reason", "their ZPI")[0] == 0
    assert run_map("publish", "adt", str(tmp_path / "site.yaml"), "--reason", "their ZPI")[0] == 1
    assert run_map("publish", "nowhere", str(tmp_path / "site.yaml"), "--reason", "x")[0] == 2
    service.overlays.forget()
    assert _send(service, 1)[1] == {"gender", "maritalStatus"}
    assert run_map("back", "adt", "0", "--reason", "as it was")[0] == 0
    status, said = run_map("history", "adt")
    assert status == 0
    assert "their ZPI" in said
    assert run_map("history", "adt", "--version", "1")[1].encode() == SITE
    assert run_map("history", "adt", "--version", "9")[0] == 2
    assert "now read: PID-8 (1), ZPI-2 (1)" in run_map("diff", "published", "v1", "--on", "adt")[1]
    assert run_map("diff", "published", "v9", "--on", "adt")[0] == 2
