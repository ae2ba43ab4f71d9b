"""A store that is not there, is none, is damaged or is newer is told in one line, by every command that opens one."""

import sqlite3
from pathlib import Path

import pytest

from unsilo.cli.main import app
from unsilo.cli.output import spoken
from unsilo.storage import open_store

OPENING = (
    ["status"], ["verify"], ["messages"], ["replay", "--state", "dead", "--dry-run"], ["export", "--out", "out"],
    ["export", "--out", "out", "--person", "a", "--to", "ccda"], ["user", "list"], ["user", "link", "ann"],
    ["user", "disable", "ann"], ["token", "list"], ["token", "revoke", "t"], ["maps", "list"], ["map", "coverage"],
    ["identity", "rebuild"], ["identity", "export", "--out", "edges.csv"],
)  # fmt: skip
"""Commands that look into a store, or change what is there; none of them has a reason to make one."""
MAKING = (["serve", "--port", "0"], ["import", "p.json"], ["user", "add", "ann", "--role", "admin"])
"""Commands that make a store where there is none."""


def _run(arguments: list[str], data: Path) -> int:
    """Run a command as the shell does, in this process, and return its exit status."""
    with pytest.raises(SystemExit) as ended, spoken():
        app([*arguments, "--data", str(data)])
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.json").write_text('{"resourceType":"Patient","id":"a"}', "utf-8")


@pytest.mark.parametrize("arguments", OPENING, ids=" ".join)
def test_a_slip_of_the_folder_makes_no_store(
    arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Status 3, a line that names the folder, and no folder."""
    assert _run(arguments, tmp_path / "none") == 3
    assert "there is no store in" in capfd.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("arguments", OPENING + MAKING, ids=" ".join)
def test_a_file_is_no_folder_of_a_store(
    arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Status 2, and the file stays what it is."""
    assert _run(arguments, tmp_path / "p.json") == 2
    assert "p.json is not a folder" in capfd.readouterr().err
    assert (tmp_path / "p.json").is_file()


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that a later version has brought forward."""
    data = tmp_path_factory.mktemp("newer")
    open_store(data).close()
    with sqlite3.connect(data / "unsilo.db") as file:
        file.execute("PRAGMA user_version = 9999")
    file.close()
    return data


@pytest.mark.parametrize("arguments", OPENING + MAKING, ids=" ".join)
def test_a_store_of_a_newer_version_stays_as_it_is(
    arguments: list[str], newer: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Status 3, both numbers, and what to do; no traceback."""
    assert _run(arguments, newer) == 3
    said = capfd.readouterr().err
    assert "has schema 9999" in said
    assert "install the newer unsilo" in said


@pytest.mark.parametrize("arguments", OPENING[:1] + MAKING, ids=" ".join)
def test_a_file_that_is_no_database(arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A damaged file is named with what to do; it is never written over."""
    content = b"not a database, by far\n" * 500
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "unsilo.db").write_bytes(content)
    assert _run(arguments, tmp_path / "s") == 3
    assert "unsilo.db is damaged (file is not a database)" in capfd.readouterr().err
    assert (tmp_path / "s" / "unsilo.db").read_bytes() == content


def test_verify_says_that_a_store_is_damaged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What looks for damage ends with 1 when it has found some, also where the store cannot be opened at all."""
    data = tmp_path / "s"
    open_store(data).close()
    content = (data / "unsilo.db").read_bytes()
    (data / "unsilo.db").write_bytes(content[: len(content) // 2])
    assert _run(["verify"], data) == 1
    told = capfd.readouterr()
    assert "unsilo.db cannot be read" in told.err
    assert "1 fault found" in told.out
