"""What commands ask of paths before they begin: where, what and what to do, exit status 2, nothing written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from unsilo.cli.paths import needs_files, needs_paths, needs_place


def _refused(asked: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        asked()
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_files_are_there_and_are_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder is said to be one; a file that was not named does not matter."""
    (tmp_path / "a").write_text("")
    needs_files(tmp_path / "a", None)
    assert "there is no file" in _refused(lambda: needs_files(tmp_path / "a", tmp_path / "b"), capsys)
    assert "is a folder, not a file" in _refused(lambda: needs_files(tmp_path), capsys)


def test_of_several_inputs_one_may_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the others are told each in its place; with none there is nothing to do."""
    missing = tmp_path / "b"
    needs_paths([tmp_path, missing], one=True)
    assert f"there is no file or folder {missing}" in _refused(lambda: needs_paths([tmp_path, missing]), capsys)
    assert "there is no" in _refused(lambda: needs_paths([missing], one=True), capsys)


def test_nothing_is_written_over_what_is_read_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also by another name of the same file."""
    read, out = tmp_path / "read.csv", tmp_path / "out.csv"
    read.write_text("")
    needs_place(out, None, beside=(read, None))
    (tmp_path / "link").symlink_to(read)
    assert "is a file that is read" in _refused(lambda: needs_place(tmp_path / "link", beside=(read,)), capsys)
    assert "would be written twice" in _refused(lambda: needs_place(out, tmp_path / "." / "out.csv"), capsys)
    assert "its folder must be there" in _refused(lambda: needs_place(tmp_path / "none" / "x"), capsys)
    assert "cannot be a file" in _refused(lambda: needs_place(tmp_path), capsys)
