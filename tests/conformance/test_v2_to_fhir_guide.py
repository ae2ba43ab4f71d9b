"""HL7's v2-to-FHIR guide (STU1, HL7/v2-to-fhir@8c9b414be172) against our tables: what we took over, and what not."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from unsilo.formats import hl7v2
from unsilo.kernel import seal
from unsilo.kernel.json import decode, encode
from unsilo.mapping import Site, load
from unsilo.mapping.tables import standard
from unsilo.validation.library import validator

pytestmark = pytest.mark.corpora
ROOT = Path(__file__).parent.parent.parent
CHOICES = ROOT / "tools/import_v2_to_fhir.csv"
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def corpora() -> Path:
    """The folder of third-party test data."""
    named = os.environ.get("UNSILO_CORPORA", "")
    if not named or not Path(named, "v2-to-fhir/mappings").is_dir():
        pytest.skip("UNSILO_CORPORA names no folder that holds v2-to-fhir")
    return Path(named)


def guide_rows(corpora: Path, folder: str) -> list[tuple[str, list[str]]]:
    """(name in the file's name, cells) of every row below the two header lines."""
    found = []
    for file in sorted((corpora / "v2-to-fhir/mappings" / folder).glob("*.csv")):
        name = re.search(r"_ (.+?) - \w", file.name)
        with file.open(encoding="utf-8-sig", newline="") as handle:
            body = list(csv.reader(handle))[2:]
        found += [(name[1] if name else file.stem, [cell.strip() for cell in row] + [""] * 20) for row in body]
    return found


def run_tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of our tools as a person would."""
    return subprocess.run(
        [sys.executable, "-m", f"tools.{name}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )


def test_the_generated_tables_are_what_the_importer_writes(corpora: Path, tmp_path: Path) -> None:
    """Reading the guide again gives the tables that are kept, to the byte."""
    done = run_tool("import_v2_to_fhir", str(corpora / "v2-to-fhir/mappings"), "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    kept = ROOT / "src/unsilo/mapping/tables/v2"
    fresh = list(tmp_path.rglob("*.csv"))
    assert len(fresh) == 4
    assert [str(file) for file in fresh if file.read_bytes() != (kept / file.relative_to(tmp_path)).read_bytes()] == []


def test_every_map_of_the_guide_is_generated_kept_by_hand_or_left_out_with_a_reason(corpora: Path) -> None:
    """No table of the guide is passed over in silence; those that we keep by hand are there."""
    with CHOICES.open(encoding="utf-8", newline="") as handle:
        choices = {row["map"]: row for row in csv.DictReader(handle)}
    ours = {row.map for row in standard("v2").rows["maps"]}
    named = {name for folder in ("segments", "datatypes") for name, cells in guide_rows(corpora, folder) if cells[9]}
    primitive = re.compile(r"\[(?:code|decimal|string|boolean|uri|dateTime|unsignedInt|positiveInt)\]|NM\[Quantity\]")
    silent = [
        name
        for name in sorted(named)
        if name not in ours and not primitive.search(name) and not choices.get(name, {}).get("why")
    ]
    assert silent == []
    assert [name for name, row in choices.items() if row["use"] == "own" and name not in ours] == []


def test_every_field_that_the_guide_maps_is_read_by_our_map_of_the_segment(corpora: Path) -> None:
    """A field with a target in the guide is a source in ours, for the same or another resource; the rest is listed."""
    read = set()
    for row in standard("v2").rows["maps"]:
        read |= set(re.findall(r"\b([A-Z][A-Z0-9]{2}-\d+)", row.source))
    for rule in standard("v2").rows["resources"]:
        read |= set(re.findall(r"\b([A-Z][A-Z0-9]{2}-\d+)", rule.value))
    mapped = {
        cells[1]
        for _, cells in guide_rows(corpora, "segments")
        if cells[9] and re.fullmatch(r"[A-Z][A-Z0-9]{2}-\d+", cells[1])
    }
    assert mapped - read <= NOT_READ
    assert len(mapped & read) / len(mapped) >= 0.94


# Computed ends from start and duration of appointment resources, and pharmacy fields of messages that come later.
NOT_READ = set(
    "AIS-5 AIL-7 AIL-9 AIG-9 AIG-11 AIP-7 AIP-9 AIP-12 AIS-7 AIS-11 AIS-12 DG1-22 DG1-19 IAM-15 IAM-17 IAM-27 "
    "PRT-23 RXE-19 TQ1-5 TQ1-12 ROL-7 ROL-8 NTE-9 PR1-25 PV2-40 PRT-2 IN3-21".split()
)


def test_every_resource_that_the_guide_makes_of_a_message_is_made(corpora: Path) -> None:
    """For each message of the guide: segment and resource type are in our message rows, or listed with a reason."""
    ours: set[tuple[str, str, str]] = set()
    made: dict[str, str] = {}
    for row in standard("v2").rows["messages"]:
        if row.make:
            made[row.as_.rstrip("!")] = row.make.rstrip("?")
    for row in standard("v2").rows["messages"]:
        ours.add((row.map, row.at.rpartition(".")[2], made[row.as_.rstrip("!")]))
    missing = set()
    for name, cells in guide_rows(corpora, "messages"):
        segment = re.search(r"\b([A-Z][A-Z0-9]{2})\b", cells[2])
        kind = re.match(r"([A-Z]\w+)", cells[9])
        if not (segment and kind and cells[10]):
            continue
        wanted = (segment[1], kind[1])
        if not any((word, *wanted) in ours for word in (name, "*", name[:4] + "*", "ADT_*")):
            missing.add(wanted)
    assert missing <= NOT_MADE


# (segment, resource) that we do not make: no message Bundle; EVN's operator is EVN's; a basic history is the versions;
# a RelatedPerson of a PRT is a CareTeam member; a PractitionerRole of a visit's PRT too; supply orders come later.
NOT_MADE = {
    tuple(pair.split("/"))
    for pair in (
        "MSH/Bundle MSH/Provenance MSH/Encounter SFT/Provenance PID/Provenance PV1/Basic PV1/Patient PRT/RelatedPerson "
        "PRT/Patient ROL/CareTeam DG1/Encounter DG1/EpisodeOfCare IN3/CareTeam SCH/ServiceRequest SCH/Provenance "
        "AIS/ServiceRequest ORC/Task OBR/SupplyRequest ODS/SupplyRequest TXA/Provenance PID/Appointment "
        "ORC/ServiceRequest DG1/ServiceRequest PRT/PractitionerRole PRT/Device PRT/Observation"
    ).split()
}


def test_value_recall_reaches_its_targets_and_the_unconsumed_report_is_complete(corpora: Path) -> None:
    """Recall of reference values, a reason for every miss, and the unconsumed report against a reader of its own."""
    del corpora
    done = run_tool("recall", "--brief")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("report complete") == 2
    assert done.stdout.count("'?': 0") == 2


def test_recall_moves_with_the_values_of_the_messages(corpora: Path) -> None:
    """Dates, names, codes and numbers moved by a seed, alike in message and reference: recall stays within .01."""
    del corpora
    for seed in ("1", "2"):
        done = run_tool("recall", "--brief", "--mutate", seed)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_resource_of_the_corpora_is_valid_and_refers_to_what_is_there(corpora: Path) -> None:
    """No error of our validator, and no reference that leads nowhere, over all messages at hand."""
    checker = validator()
    compiled = load("hl7v2", Site(feed="valid", organisation="valid"))
    wrong: list[str] = []
    for file in [*corpora.glob("ms-hl7v2/**/*.hl7"), *corpora.glob("reportstream-mapinv/**/*.hl7")]:
        content = file.read_bytes()
        message = hl7v2.parse(content).value
        assert message is not None, file
        entries = compiled.run(message, seal("valid", "hl7v2", content, 0)).entries
        names = {f"{entry.resource['resourceType']}/{entry.resource['id']}" for entry in entries}
        for entry in entries:
            text = encode(entry.resource)
            found = checker.validate(decode(text))
            wrong += [f"{file.name}: {i.where.path} {i.text}" for i in found if i.severity in ("error", "fatal")]
            targets = re.findall(r'"reference":"([A-Z]\w+/[^"]+)"', text.decode())
            wrong += [f"{file.name}: {to}" for to in targets if to not in names and not to.startswith("Binary/")]
    assert wrong == []


def test_every_row_is_hit_by_some_message_or_listed(corpora: Path) -> None:
    """Rows that no message at hand exercises are listed, and the list holds no row that one does."""
    listed = set((HERE / "v2_rows_without_message.txt").read_text(encoding="utf-8").split())
    rows = {row.id for row in standard("v2").rows["maps"]}
    compiled = load("hl7v2", Site(feed="rows", organisation="rows"))
    hit: set[str] = set()
    messages = [*(ROOT / "tests/golden/hl7v2").glob("*.hl7"), *corpora.glob("ms-hl7v2/**/*.hl7")]
    messages += [*corpora.glob("reportstream-mapinv/**/*.hl7"), *corpora.glob("v2-to-fhir/samples/messages/*.txt")]
    for file in messages:
        content = file.read_bytes()
        message = hl7v2.parse(content).value
        assert message is not None, file
        for entry in compiled.run(message, seal("rows", "hl7v2", content, 0)).entries:
            hit |= {part.partition("@")[0] for row in entry.rows for part in row.rule.split(">")}
    assert sorted(rows - hit - listed) == []
    assert sorted(listed & hit) == []
    assert sorted(listed - rows) == []
