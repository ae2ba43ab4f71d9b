"""What the operating system refuses is said in one line, by the command as it is started."""

import subprocess
import sys
from pathlib import Path

import pytest

from unsilo.cli.output import spoken

PATIENT = '{"resourceType":"Patient","id":"a"}'


@pytest.mark.parametrize("asked", [["fhirpath", "Patient.id", "p.json"], ["validate", "p.json"], ["--help"]])
def test_a_full_disk_under_standard_output_is_said(asked: list[str], tmp_path: Path) -> None:
    """Status 3, one line, no traceback."""
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("there is no /dev/full")
    (tmp_path / "p.json").write_text(PATIENT, "utf-8")
    with full.open("wb") as out:
        command = [sys.executable, "-m", "unsilo", *asked]
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, cwd=tmp_path, text=True, timeout=60)
    assert done.returncode == 3
    assert done.stderr == "unsilo: standard output cannot be written: No space left on device\n"


def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path: Path) -> None:
    """A closed pipe ends the command without a word."""
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"expression": "1"}\n' * 30_000, "utf-8")
    command = [sys.executable, "-m", "unsilo", "fhirpath", "--batch", str(lines)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.readline() == '{"id":1,"result":[1]}\n'
        run.stdout.close()
        assert run.stderr.read() == ""
        assert run.wait(60) == 1


def test_stopped_before_it_began_is_no_traceback() -> None:
    """Ctrl-C while the program is loaded ends with the status of an interrupted command."""
    with pytest.raises(SystemExit) as ended, spoken():
        raise KeyboardInterrupt
    assert ended.value.code == 130
