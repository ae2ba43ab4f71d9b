"""`unsilo validate` as a user runs it: order, places, exit status, profiles from packages, files that are none."""

import io
import json
import subprocess
import sys
import tarfile

import pytest

BASE = "http://hl7.org/fhir/StructureDefinition/"
PROFILE = "http://example.org/StructureDefinition/named"
GOOD = {"resourceType": "Patient", "name": [{"family": "Okafor"}]}


def _run(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, "-m", "unsilo", "validate", *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def _errors(outcome):
    return [i for i in outcome["issue"] if i["severity"] in ("error", "fatal")]


@pytest.fixture
def package(tmp_path):
    """A FHIR package with one profile that demands a birth date, given as a differential."""
    profile = {
        "resourceType": "StructureDefinition", "url": PROFILE, "name": "Named", "status": "active",
        "kind": "resource", "abstract": False, "type": "Patient", "baseDefinition": BASE + "Patient",
        "derivation": "constraint",
        "differential": {"element": [
            {"id": "Patient", "path": "Patient"},
            {"id": "Patient.birthDate", "path": "Patient.birthDate", "min": 1},
        ]},
    }  # fmt: skip
    about = {"name": "example.named", "version": "1.0.0", "fhirVersions": ["4.0.1"]}
    file = tmp_path / "named.tgz"
    with tarfile.open(file, "w:gz") as archive:
        for name, value in (("package.json", about), ("StructureDefinition-named.json", profile)):
            content = json.dumps(value).encode()
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file


def test_one_outcome_a_line_in_the_order_of_the_files(tmp_path):
    """JSON, XML, NDJSON and what is none of them; each error with its place; exit status 1."""
    (tmp_path / "good.json").write_text(json.dumps(GOOD))
    (tmp_path / "bad.json").write_text('{\n "resourceType": "Patient",\n "gender": "f"\n}')
    (tmp_path / "bad.xml").write_text('<Patient xmlns="http://hl7.org/fhir">\n <birthDate value="x"/></Patient>')
    (tmp_path / "torn.json").write_text('{"resourceType": "Patient", "name": [')
    (tmp_path / "many.ndjson").write_text(json.dumps(GOOD) + "\n" + '{"resourceType":"Patient","active":"yes"}\n')
    status, told, _ = _run("good.json", "bad.json", "bad.xml", "torn.json", "many.ndjson", cwd=tmp_path)
    assert status == 1
    assert [outcome["resourceType"] for outcome in told] == ["OperationOutcome"] * 5
    assert [[i.get("expression", [""])[0] for i in _errors(outcome)] for outcome in told[:3]] == [
        [], ["Patient.gender"], ["Patient.birthDate"],
    ]  # fmt: skip
    line = next(x["valueInteger"] for x in _errors(told[1])[0]["extension"] if x["url"].endswith("issue-line"))
    assert line == 3
    line = next(x["valueInteger"] for x in _errors(told[2])[0]["extension"] if x["url"].endswith("issue-line"))
    assert line == 2
    assert _errors(told[3])[0]["severity"] == "fatal"
    assert _errors(told[4])[0]["expression"] == ["Patient.active"]
    line = next(x["valueInteger"] for x in _errors(told[4])[0]["extension"] if x["url"].endswith("issue-line"))
    assert line == 2


def test_all_good_is_status_0_also_for_many_files_in_worker_processes(tmp_path):
    """A folder of many files: as many outcomes, in order of their names."""
    for n in range(40):
        (tmp_path / f"p{n:02}.json").write_text(json.dumps({**GOOD, "gender": "male" if n != 7 else "m"}))
    status, told, _ = _run(tmp_path, cwd=tmp_path)
    assert (status, len(told)) == (1, 40)
    assert [n for n, outcome in enumerate(told) if _errors(outcome)] == [7]
    (tmp_path / "p07.json").unlink()
    assert _run(tmp_path, cwd=tmp_path)[0] == 0


def test_a_profile_from_a_package(tmp_path, package):
    """A profile known only by its differential is found in the package, in this process and in workers."""
    (tmp_path / "p.json").write_text(json.dumps(GOOD))
    status, told, _ = _run("p.json", "--profile", PROFILE, "--package", package, cwd=tmp_path)
    assert status == 1
    assert "birthDate" in _errors(told[0])[0]["details"]["text"]
    (tmp_path / "p.json").write_text(json.dumps({**GOOD, "birthDate": "1980"}))
    assert _run("p.json", "--profile", PROFILE, "--package", package, cwd=tmp_path)[0] == 0
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(20):
        (folder / f"{n:02}.json").write_text(json.dumps(GOOD))
    status, told, _ = _run(folder, "--profile", PROFILE, "--package", package, "--workers", 2, cwd=tmp_path)
    assert (status, sum(bool(_errors(outcome)) for outcome in told)) == (1, 20)


def test_what_cannot_be_done_says_why(tmp_path):
    """A profile or a package that is not there, a file that does not exist."""
    (tmp_path / "p.json").write_text(json.dumps(GOOD))
    status, told, _ = _run("p.json", "--profile", "http://example.org/none", cwd=tmp_path)
    assert status == 1
    assert "http://example.org/none" in _errors(told[0])[0]["details"]["text"]
    (tmp_path / "no.tgz").write_bytes(b"not a package")
    status, _, said = _run("p.json", "--package", "no.tgz", cwd=tmp_path)
    assert status == 2
    assert "no.tgz" in said
    assert _run("missing.json", cwd=tmp_path)[0] == 2


def test_plausibility_of_files(tmp_path):
    """With --plausibility a Bundle is one person's record, an NDJSON file says the line; the exit status stays 0."""
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1980-01-01"}
    early = {
        "resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
        "effectiveDateTime": "1979-01-01", "subject": {"reference": "Patient/p"},
    }  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": f"http://x.example/{r['resourceType']}/{r['id']}", "resource": r} for r in (patient, early)
    ]}  # fmt: skip
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    (tmp_path / "l.ndjson").write_text(json.dumps(patient) + "\n" + json.dumps(early) + "\n")
    command = [sys.executable, "-m", "unsilo", "validate", "--plausibility", tmp_path / "b.json", tmp_path / "l.ndjson"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [
        [i for i in json.loads(line)["issue"] if "before the person's birth" in i["details"]["text"]]
        for line in done.stdout.splitlines()
    ]
    assert [each[0]["expression"] for each in found] == [
        ["Bundle.entry[1].resource.effectiveDateTime"], ["Observation.effectiveDateTime"],
    ]  # fmt: skip
    assert found[1][0]["extension"][0]["valueInteger"] == 2


def test_a_file_that_is_missing_has_its_line_among_the_others(tmp_path):
    """One wrong name of many does not keep the others from being checked; only wrong names are a wrong command."""
    (tmp_path / "good.json").write_text(json.dumps(GOOD))
    status, told, _ = _run("none.json", "good.json", cwd=tmp_path)
    assert status == 1
    assert [[issue["code"] for issue in _errors(outcome)] for outcome in told] == [["not-found"], []]
    assert _run("none.json", cwd=tmp_path)[0] == 2
