"""CSV files are written whole or not at all, and only plain files are replaced."""

import os
import threading
from pathlib import Path

import pytest

from unsilo.flow.csv_file import write_csv


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """When the rows end in a fault the former file is still there, and nothing beside it."""
    target = tmp_path / "x.csv"
    write_csv(target, ("a", "b"), [("1", "x,y")])

    def ending() -> object:
        yield ("2", "z")
        raise ValueError("the third row")

    with pytest.raises(ValueError, match="third"):
        write_csv(target, ("a", "b"), ending())  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]
    assert target.read_text("utf-8") == 'a,b\n1,"x,y"\n'


def test_a_pipe_and_a_link_are_written_to(tmp_path: Path) -> None:
    """Replacing them would take a device of the machine away, or leave the reader waiting."""
    pipe, link, behind = tmp_path / "pipe", tmp_path / "link", tmp_path / "file"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text("utf-8")))
    reader.start()
    write_csv(pipe, ("a",), [("1",)])
    reader.join(30)
    assert read == ["a\n1\n"]
    assert pipe.is_fifo()
    behind.write_text("", "utf-8")
    link.symlink_to(behind)
    write_csv(link, ("a",), [("2",)])
    assert link.is_symlink()
    assert behind.read_text("utf-8") == "a\n2\n"
