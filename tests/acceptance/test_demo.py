"""The real `unsilo demo --once`, and that its numbers are those of `unsilo status --json` and of FHIR searches."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unsilo.client import Client
from unsilo.identity import unpack
from unsilo.storage import open_store

pytestmark = pytest.mark.slow
UNSILO = [sys.executable, "-m", "unsilo"]


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(*arguments: str, status: int = 0) -> str:
    """Run the command and return what it printed."""
    done = subprocess.run([*UNSILO, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """The folder of a demo that has run, and the numbers of its summary."""
    data = tmp_path_factory.mktemp("demo")
    text = run("demo", "--once", "--data", str(data), "--port", str(free_port()), "--mllp", str(free_port()))
    numbers = {name.strip(): int(n) for name, n in re.findall(r"^([a-z ]+):\s+(\d+)$", text, re.M)}
    return data, numbers


@pytest.fixture(scope="module")
def node(demo: tuple[Path, dict[str, int]]) -> Iterator[Client]:
    """A client of the same store served again."""
    port = free_port()
    settings = (demo[0] / "unsilo.toml").read_text("utf-8")
    other = demo[0] / "again.toml"
    other.write_text(re.sub(r"(?m)^port = .*$", lambda _: f"port = {free_port()}", settings), "utf-8")
    with subprocess.Popen(
        [*UNSILO, "serve", "--config", str(other), "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert "ready" in process.stdout.readline()
            with Client(f"http://127.0.0.1:{port}", "") as client:
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(15) == 0
            finally:
                process.kill()


def test_the_summary_names_what_happened(demo: tuple[Path, dict[str, int]]) -> None:
    """Every number is there, and the stories left their mark."""
    numbers = demo[1]
    assert set(numbers) == {"messages in", "persons", "resources", "merged duplicates", "conflicts", "dead letters"}
    assert all(numbers.values()), numbers
    assert numbers["dead letters"] == 1
    assert numbers["messages in"] > 150
    assert 30 <= numbers["persons"] <= 60


def test_the_summary_is_what_status_says(demo: tuple[Path, dict[str, int]]) -> None:
    """The same six numbers come from `unsilo status --json`."""
    data, numbers = demo
    status = json.loads(run("status", "--json", "--data", str(data)))
    assert numbers == {
        "messages in": status["messages_in"],
        "persons": status["persons"],
        "resources": sum(status["resources"].values()),
        "merged duplicates": status["merged"],
        "conflicts": status["conflicts"],
        "dead letters": status["dead_letters"],
    }
    assert status["messages"].get("queued", 0) == 0


def test_who_is_one_person_and_who_is_asked_about(demo: tuple[Path, dict[str, int]]) -> None:
    """Duplicates of the hospitals are one person, twins, father and son are two; what is doubtful waits, they do not.

    Two pairs wait: a woman who was perhaps registered twice, and a couple who say the same number.
    """
    with open_store(demo[0]) as store:
        person_of, name_of = {}, {}
        for _, patient_id, person, packed in store.match_records():
            record = unpack(packed)
            name_of[patient_id] = record.names[0].text.casefold() if record.names else ""
            person_of.update({number.value: person for number in record.identifiers})
        waiting = [(row.rule, name_of[row.left], name_of[row.right]) for row in store.reviews("open")]
    for one, other in (("n10001", "b20001"), ("n10005", "b20005"), ("n10007", "b20007"), ("n10004", "b20004")):
        assert person_of[one] == person_of[other], one
    for one, other in (("n10003", "n10004"), ("n10003", "b20004"), ("n10007", "n10008"), ("n10008", "b20007")):
        assert person_of[one] != person_of[other], one
    assert sorted(rule for rule, *_ in waiting) == ["R1-conflict", "R2-conflict"]
    assert [names for rule, *names in waiting if rule == "R2-conflict"] == [["sofía reyes", "sofía reyes"]]
    assert demo[1]["conflicts"] == len(waiting)


def test_a_second_run_changes_nothing(demo: tuple[Path, dict[str, int]]) -> None:
    """The same town again is resends: the numbers stay, and the store is sound."""
    data, numbers = demo
    text = run("demo", "--once", "--data", str(data), "--port", str(free_port()), "--mllp", str(free_port()))
    again = {name.strip(): int(n) for name, n in re.findall(r"^([a-z ]+):\s+(\d+)$", text, re.M)}
    assert again == numbers
    run("verify", "--data", str(data))


def test_fhir_searches_count_the_same(demo: tuple[Path, dict[str, int]], node: Client) -> None:
    """Each type's search total is the number that status shows; source Patients less merged ones are the persons."""
    data, numbers = demo
    status = json.loads(run("status", "--json", "--data", str(data)))
    counted = {kind: node.count(kind) for kind in status["resources"]}
    assert counted == status["resources"]
    assert sum(counted.values()) == numbers["resources"]
    assert counted["Patient"] - numbers["merged duplicates"] == numbers["persons"]


def test_the_stories_are_told(node: Client) -> None:
    """Names of three spellings are one person, a correction replaced its value, a late preliminary did not."""
    rosa = {p["id"] for p in node.search("Patient", family="delgado")}
    assert len(rosa) == 4
    everything = list(node.everything(min(rosa)))
    assert {r["id"] for r in everything if r["resourceType"] == "Patient"} == rosa
    potassium = next(
        o for o in node.search("Observation", code="http://loinc.org|2823-3", status="corrected")
    )  # fmt: skip
    assert str(potassium["valueQuantity"]["value"]) == "4.1"
    versions = [v["valueQuantity"]["value"] for v in node.history("Observation", potassium["id"])]
    assert [str(v) for v in versions] == ["4.1", "7.1"]
    culture = next(node.search("Observation", code="600-7"))
    assert culture["status"] == "final"
    assert "Escherichia coli" in json.dumps(culture, default=str)
    assert len(list(node.search("Patient", family="doe"))) == 2


def test_originals_are_kept_to_the_byte(node: Client) -> None:
    """From a resource over its Provenance to the bytes that were sent."""
    allergy = next(node.search("AllergyIntolerance", code="7980"))
    provenance = next(node.search("Provenance", target=f"AllergyIntolerance/{allergy['id']}"))
    envelope = provenance["entity"][0]["what"]["reference"].removeprefix("Binary/")
    assert b"Penicillin" in node.original(envelope)


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    """A port that somebody has is named, and the exit status is 3."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*UNSILO, "demo", "--once", "--data", str(tmp_path), "--port", port, "--mllp", str(free_port())],
            capture_output=True, text=True, timeout=60, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
    assert done.returncode == 3
    assert port in done.stderr
