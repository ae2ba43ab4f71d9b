"""`unsilo maps ...` on a store: the queue, decisions with their replay, files, and automatic acceptance."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unsilo.cli.main import app
from unsilo.flow.service import Service

Run = Callable[..., Any]
SETTINGS = """
workers = 1
[feeds.lab]
format = "hl7v2"
transport = "http"
systems = { L = "urn:lab" }
"""
ORU = (
    "MSH|^~\\&|LAB|NORTH|U|U|20260102||ORU^R01^ORU_R01|{n}|P|2.5.1\rPID|1||{n}^^^NORTH^MR||Roe^Ann||19700101|F\r"
    "OBR|1|P1|F{n}|BMP^Basic^L|||20260102080000||||||||||||||||||F\r"
    "OBX|1|NM|KAL^Potassium, serum^L||4.1|mmol/L|3.5-5.1||||F|||20260102080000\r"
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return what runs `unsilo maps` on a store with two results, giving exit status and JSON or text."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "unsilo.toml").write_text(SETTINGS)

    def invoke(*words: str, status: int = 0) -> Any:
        done = CliRunner().invoke(app, ["maps", *words, "--data", str(data)])
        assert done.exit_code == status, (words, done.output)
        return json.loads(done.stdout) if "--json" in words else done.output

    from unsilo.cli.node import settings_of

    service = Service(settings_of(None, data))
    for n in "12":
        service.take(service.settings.feeds["lab"], ORU.format(n=n).encode(), {}).result(20)
    service.start()
    try:
        until = time.monotonic() + 300
        while not service.dispatcher.idle or service.store.counts().messages.get("queued", 0):
            assert time.monotonic() < until, service.not_ready()
            time.sleep(0.05)
        assert service.store.counts().messages == {"done": 2}
    finally:
        service.stop()
    return invoke


def test_a_decision_by_commands_alone(run: Run, tmp_path: Path) -> None:
    """Queue, propose, preview, approve, publish, history, files, undo; the queue empties and fills again."""
    [one] = [row for row in run("queue", "--json") if row["element"] == "Observation.code"]
    assert (one["code"], one["facts"], one["feeds"]) == ("KAL", 2, {"lab": 2})
    [entry] = run("propose", "KAL", "2823-3", "--system", "urn:lab", "--unit", "mmol/L", "--reason", "x", "--json")
    assert entry["target_display"] == "Potassium [Moles/volume] in Serum or Plasma"
    assert "2 facts (lab 2), 2 messages" in run("preview", entry["id"])
    run("publish", entry["id"], status=1)
    run("approve", entry["id"])
    run("publish", entry["id"], "--reason", "looked at")
    assert [row for row in run("queue", "--json") if row["code"] == "KAL"] == []
    for form, word in (("csv", "2823-3"), ("usagi", "APPROVED"), ("fhir", "ConceptMap")):
        assert word in run("export", "--format", form)
    file = tmp_path / "maps.csv"
    run("export", "--out", str(file))
    assert "1 decisions proposed" in run("import", str(file))
    assert [row["state"] for row in run("list", "--json")] == ["published"]
    run("undo", entry["id"], "--reason", "wrong")
    assert [row["code"] for row in run("queue", "--json") if row["element"] == "Observation.code"] == ["KAL"]
    assert [row["action"] for row in run("history", entry["id"], "--json")] == ["propose", "approve", "publish", "undo"]
    run("history", "nothing", status=2)
    run("export", "--format", "xml", status=2)
    file.write_text("code,target_code\nKAL,\n")
    assert "row 2" in run("import", str(file), status=2)


def test_nothing_is_accepted_without_a_person_unless_it_is_set_and_certain(run: Run, tmp_path: Path) -> None:
    """Off by default; on, what is certain is published as automatic and what a person undid is left alone."""
    assert "are off" in run("accept", status=2)
    settings = tmp_path / "data" / "unsilo.toml"
    settings.write_text(SETTINGS + "[maps]\nautomatic = true\nautomatic_from = 0.98\nsample_every = 1\n")
    done = run("accept", "--no-replay", "--json")
    assert [(e["code"], e["target_code"], e["origin"], e["state"]) for e in done["entries"]] == [
        ("KAL", "2823-3", "automatic", "published")
    ]
    assert done["entries"][0]["score"] >= 0.98
    run("undo", done["entries"][0]["id"], "--no-replay")
    assert run("accept", "--no-replay", "--json")["entries"] == []
