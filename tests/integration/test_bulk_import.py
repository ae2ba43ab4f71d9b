"""Imports: NDJSON, packed files, Bundles; faults by file and line; going on after a kill; round trips agree."""

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unsilo.config import Settings
from unsilo.flow.bulk.imports import Progress, import_files
from unsilo.flow.bulk.lines import pieces
from unsilo.flow.fhir.outcome import Caller
from unsilo.flow.service import Service
from unsilo.policy import Predicate

CALLER = Caller("test", "test", Predicate())


def _observation(n, **more):
    return {
        "resourceType": "Observation", "id": f"o{n}", "status": "final", "code": {"text": f"x{n}"},
        "subject": {"reference": f"Patient/p{n % 50}"}, "valueQuantity": {"value": n, "unit": "mg"}, **more,
    }  # fmt: skip


def _lines(*resources):
    return b"".join(json.dumps(each).encode() + b"\n" for each in resources)


@pytest.fixture
def service(tmp_path):
    """A node without workers."""
    made = Service(Settings(data=tmp_path / "node"))
    yield made
    made.stop()


def _run(service, *paths, **options):
    found = []
    done = import_files(service, CALLER, list(paths), told=lambda _now, issues: found.extend(issues), **options)
    return done, found


def test_files_of_every_kind(service, tmp_path):
    """NDJSON, packed NDJSON, a Bundle and a single resource, by folder; what is said again makes no version."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(_lines(_observation(1), _observation(2)))
    (folder / "b.ndjson.gz").write_bytes(gzip.compress(_lines(_observation(3))))
    entries = [{"resource": _observation(4)}, {"resource": {"resourceType": "Patient", "id": "p1"}}]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    (folder / "c.json").write_text(json.dumps(bundle))
    (folder / "d.json").write_text(json.dumps(_observation(5)))
    done, found = _run(service, folder)
    assert (done.read, done.stored, done.same, done.refused, found) == (6, 6, 0, 0, [])
    assert service.store.person_of("p1") is not None
    done, _ = _run(service, folder)
    assert (done.stored, done.same) == (0, 6)
    assert service.store.view().read(Predicate(), "Observation", "o1").version == 1


def test_a_bundle_keeps_its_references_together(service, tmp_path):
    """Entries that are named by `urn:uuid:` only get an id of it, and what refers to them leads to them."""
    first, second = "0b5c7a1e-6e0f-4bd2-8d3a-2f6a1c9b7e55", "9d0f4c52-6a51-4f0e-9a4b-0d5a3b1f2c66"
    patient = {"resourceType": "Patient"}
    seen = {**_observation(1), "subject": {"reference": f"urn:uuid:{first}"}}
    del seen["id"]
    entries = [
        {"fullUrl": f"urn:uuid:{second}", "resource": seen},
        {"fullUrl": f"urn:uuid:{first}", "resource": patient},
    ]
    file = tmp_path / "a b.json"
    file.write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
    for stored in (2, 0):
        done, found = _run(service, file)
        assert (done.stored, found) == (stored, [])
    row = service.store.view().read(Predicate(), "Observation", second)
    assert json.loads(row.body)["subject"] == {"reference": f"Patient/{first}"}


def test_faults_name_file_and_line_and_hurt_nobody_else(service, tmp_path):
    """Torn lines, wrong types, wrong ids: each told with its line; all others are stored."""
    file = tmp_path / "x.ndjson"
    torn = b'{"resourceType":"Patient",\n{"resourceType":"Hospital","id":"a"}\n{"resourceType":"Patient","id":"a b"}\n'
    file.write_bytes(_lines(_observation(1)) + torn + b"[]\n\n" + _lines(_observation(2))[:-1])
    done, found = _run(service, file)
    assert (done.stored, done.refused) == (2, 4)
    assert sorted({i.where.path.partition(" ")[0] for i in found}) == [f"x.ndjson:{n}" for n in (2, 3, 4, 5)]


def test_damaged_and_overlong_input(service, tmp_path, monkeypatch):
    """A truncated gzip keeps what was good; a line beyond the limit is refused and the next one read."""
    monkeypatch.setattr("unsilo.flow.bulk.lines.LONGEST_LINE", 1000)
    file = tmp_path / "long.ndjson"
    file.write_bytes(_lines(_observation(1), _observation(2, note=[{"text": "n" * 5000}]), _observation(3)))
    done, found = _run(service, file)
    assert (done.stored, [i.code for i in found]) == (2, ["too-long"])
    packed = tmp_path / "cut.ndjson.gz"
    packed.write_bytes(gzip.compress(_lines(*(_observation(n) for n in range(10, 3000))))[:-2000])
    done, found = _run(service, packed)
    assert done.stored > 100
    assert "damaged" in found[-1].text
    done, found = _run(service, tmp_path / "missing.ndjson")
    assert (done.stored, found[0].code) == (0, "not-found")


@pytest.mark.parametrize(
    ("name", "begins", "said"),
    [
        ("x.zip", b"PK\x03\x04", "zip archive: unpack it"),
        ("x.ndjson", b"PK\x03\x04", "zip archive: unpack it"),
        ("x.ndjson.zst", b"\x28\xb5\x2f\xfd", "Zstandard archive"),
        ("x.json", b"<Patient xmlns='http://hl7.org/fhir'/>", "XML"),
        ("x.ndjson", b"\x1f\x8b\x08\x00", "end with .gz"),
    ],
)
def test_what_is_no_json_is_told_once(service, tmp_path, name, begins, said):
    """An archive or XML: one fault that says what to do, not one for each of its lines; other files are read."""
    (tmp_path / name).write_bytes(begins + b"\n\x00{}\n" * 50)
    (tmp_path / "y.ndjson").write_bytes(_lines(_observation(1)))
    done, found = _run(service, tmp_path / name, tmp_path / "y.ndjson")
    assert (done.stored, done.refused, len(found)) == (1, 1, 1)
    assert said in found[0].text


def test_create_leaves_what_is_there(service, tmp_path):
    """In mode create a resource that is there already is told and stays; without an id it gets one from its content."""
    file = tmp_path / "x.ndjson"
    file.write_bytes(_lines(_observation(1)))
    _run(service, file)
    nameless = {"resourceType": "Basic", "code": {"text": "x"}}
    file.write_bytes(_lines(_observation(1, status="amended"), nameless))
    done, found = _run(service, file, mode="create")
    assert (done.stored, [i.code for i in found]) == (1, ["duplicate"])
    done, _ = _run(service, file, mode="create")
    assert done.stored == 0
    assert b"final" in service.store.view().read(Predicate(), "Observation", "o1").body


def test_checks(service, tmp_path):
    """Structure and bindings: warned of or refused."""
    file = tmp_path / "x.ndjson"
    file.write_bytes(_lines(_observation(1, colour="blue"), _observation(2)))
    done, found = _run(service, file, check="reject")
    assert (done.stored, done.refused) == (1, 1)
    assert "Observation" in found[0].where.path
    done, found = _run(service, file, check="warn")
    assert (done.stored, done.refused, [i.severity for i in found]) == (1, 0, ["warning"])


def test_pieces_are_bounded_and_go_on_in_the_middle(tmp_path):
    """A long file comes in pieces; from a line on only what follows comes."""
    file = tmp_path / "x.ndjson"
    file.write_bytes(_lines(*(_observation(n) for n in range(1200))))
    found = list(pieces(file))
    assert [len(piece.lines) for piece in found] == [500, 500, 200]
    assert [line.number for piece in pieces(file, 1000) for line in piece.lines] == list(range(1001, 1201))


def test_a_stop_in_the_middle_goes_on(service, tmp_path):
    """With the progress of the first run, the second one reads only the rest."""
    file = tmp_path / "x.ndjson"
    file.write_bytes(_lines(*(_observation(n) for n in range(1200))))
    at = import_files(service, CALLER, [file], stopped=lambda: True)
    assert (at.line, at.stored) == (500, 500)
    done, _ = _run(service, file, progress=Progress(at.done, at.line, at.read, at.stored))
    assert (done.read, done.stored, done.same) == (1200, 1200, 0)


def _command(*arguments):
    return [sys.executable, "-m", "unsilo", *map(str, arguments)]


@pytest.mark.slow
def test_workers_end_with_an_import_that_is_killed(tmp_path):
    """SIGKILL of the import alone: its worker processes are gone a moment later, nothing waits for ever."""
    file = tmp_path / "x.ndjson"
    file.write_bytes(_lines(*(_observation(n, note=[{"text": "n" * 700}]) for n in range(6000))))
    first = subprocess.Popen(_command("import", file, "--data", tmp_path / "node"), stdout=subprocess.DEVNULL)

    def workers():
        found = set()
        for place in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it ended while this looked
                if place.read_text().rpartition(") ")[2].split()[1] == str(first.pid):
                    found.add(int(place.parent.name))
        return found

    held = set()
    for _ in range(1200):
        held = workers()
        if len(held) > 1 or first.poll() is not None:  # the tracker of resources and a worker
            break
        time.sleep(0.02)
    assert len(held) > 1
    first.kill()
    first.wait()
    for _ in range(600):
        alive = [pid for pid in held if os.path.exists(f"/proc/{pid}")]
        if not alive:
            break
        time.sleep(0.05)
    assert alive == []


@pytest.mark.slow
def test_what_a_load_has_committed_is_told_while_more_is_read(service, tmp_path, monkeypatch):
    """However many pieces may be under way: what a kill then loses is what was not committed."""
    for name, value in (("_MANY", 1), ("_LOADED", 100), ("_MOST_LOADED", 100), ("_LOADED_LINES", 20)):
        monkeypatch.setattr(f"unsilo.flow.bulk.imports.{name}", value)
    file = tmp_path / "a.ndjson"
    file.write_bytes(_lines(*(_observation(n) for n in range(1600))))
    heard, before_the_end = [], []

    def stopped():
        time.sleep(0.02)
        before_the_end[:] = heard
        return False

    done = import_files(
        service,
        CALLER,
        [file],
        alone=True,
        workers=1,
        stopped=stopped,
        told=lambda now, _issues: heard.append(now.read),
    )
    assert done.stored == 1600
    assert heard == sorted(heard)
    assert len(before_the_end) > 10


def test_killed_in_the_middle_the_store_is_as_without_and_exports_agree(tmp_path):
    """SIGKILL during an import, run again: the same resources; export, import elsewhere, export: the same files."""
    file = tmp_path / "x.ndjson"
    patients = [{"resourceType": "Patient", "id": f"p{n}", "birthDate": f"19{n + 10}-01-01"} for n in range(50)]
    # Enough for worker processes, so that the kill meets them too.
    file.write_bytes(_lines(*patients, *(_observation(n, note=[{"text": "n" * 700}]) for n in range(6000))))
    node = tmp_path / "node"
    first = subprocess.Popen(
        _command("import", file, "--data", node),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    states = node / "bulk"
    for _ in range(600):
        if any(states.glob("import-*.json")):
            break
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert any(states.glob("import-*.json"))
    again = subprocess.run(_command("import", file, "--data", node, "--json"), capture_output=True, check=True)
    done = json.loads(again.stdout)
    assert (done["read"], done["refused"]) == (6050, 0)
    subprocess.run(_command("export", "--out", tmp_path / "out", "--data", node), check=True, capture_output=True)
    other = tmp_path / "other"
    subprocess.run(_command("import", tmp_path / "out", "--data", other), check=True, capture_output=True)
    subprocess.run(_command("export", "--out", tmp_path / "out2", "--data", other), check=True, capture_output=True)

    def content(folder):
        found = {}
        for each in sorted(folder.glob("*.ndjson")):
            for line in each.read_bytes().splitlines():
                resource = json.loads(line)
                resource.pop("meta")
                assert (resource["resourceType"], resource["id"]) not in found
                found[resource["resourceType"], resource["id"]] = resource
        return found

    first_out = content(tmp_path / "out")
    assert len(first_out) == 6050
    assert content(tmp_path / "out2") == first_out
