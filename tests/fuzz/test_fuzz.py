"""The fuzzer itself: it finds what is planted, says so once, saves it, and runs the same way twice."""

from pathlib import Path

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.driver import run, shrink
from tests.fuzz.targets import TARGETS


def planted(content: bytes) -> object:
    """Fail for an input that a few mutations reach."""
    if b"MSH" in content and b"\x00" in content:
        raise ValueError("planted")
    return len(content) % 7


def test_a_planted_fault_is_found_and_saved(tmp_path: Path):
    """A fault is told once, with an input that shows it again."""
    report = run("planted", planted, [b"MSH|"], [b"\x00", b"|"], seconds=5, folder=tmp_path, most=1)
    assert [crash.what.split(" at ")[0] for crash in report.crashes] == ["ValueError"]
    saved = Path(report.crashes[0].path).read_bytes()
    assert saved == report.crashes[0].content
    with pytest.raises(ValueError, match="planted"):
        planted(saved)


def test_an_input_is_shrunk():
    """What is left fails at the same place, and nothing can be left out of it."""
    assert sorted(shrink(planted, b"aaMSH|^~ bbb\x00cc")) == sorted(b"MSH\x00")


def test_the_same_seed_does_the_same():
    """Two runs with one seed find the same input, another seed another."""
    first, again = (run("p", planted, [b"MSH|"], [b"\x00"], seconds=5, seed=3, most=1) for _ in range(2))
    assert first.crashes == again.crashes


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_stands_a_short_run(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Each registered parser survives its seeds and a fraction of a second of mutations."""
    monkeypatch.chdir(tmp_path)
    status = main(["--target", name, "--seconds", "0.2", "--seed", "7"])
    assert status == 0, capsys.readouterr().out
