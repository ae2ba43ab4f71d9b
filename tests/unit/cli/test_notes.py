"""The command `notes`: one line a fact, and a word about what is not there."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from unsilo.cli.main import app
from unsilo.kernel import json


def _run(*arguments: str, said: str = "") -> tuple[int, list[dict[str, object]], str]:
    result = CliRunner().invoke(app, ["notes", *arguments], input=said)
    lines = [json.decode(line.encode()) for line in result.stdout.splitlines() if line.startswith("{")]
    return result.exit_code, lines, result.output


def test_facts_are_printed_with_their_places(tmp_path: Path) -> None:
    """The last line says how much was read; HTML and RTF are read as words."""
    plain, marked, rich = tmp_path / "a.txt", tmp_path / "discharge summary.html", tmp_path / "c.rtf"
    plain.write_text("Denies fever.\nMetformin 500 mg BID.", "utf-8")
    marked.write_text("<p>Has <b>gout</b></p>", "utf-8")
    rich.write_text(r"{\rtf1\ansi No {\b asthma}.}", "utf-8")
    status, lines, _ = _run(str(plain), str(marked), str(rich))
    assert status == 0
    fever, metformin, end, gout, ended, asthma, _ = lines
    assert (fever["text"], fever["said"], fever["start"]) == ("fever", ["neg"], 7)
    assert (metformin["value"], metformin["unit"], metformin["frequency"]) == ("500", "mg", "BID")
    assert end == {"file": str(plain), "read": 35, "facts": 2, "kinds": []}
    assert marked.read_text("utf-8")[int(str(gout["start"])) : int(str(gout["end"]))] == "gout"
    assert ended["kinds"] == ["discharge"]
    assert (asthma["text"], asthma["said"]) == ("asthma", ["neg"])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>", "PDF"),
        (b"PK\x03\x04\x14\0\x06\0word/document.xml", "archive"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"Has gout.\0\0\0", "binary"),
        (bytes(range(1, 32)) * 20, "binary"),
    ],
)
def test_what_is_no_text_is_refused_and_the_rest_is_read(tmp_path: Path, content: bytes, what: str) -> None:
    """Where, what and what to do; no fact is read out of chance letters."""
    binary, plain = tmp_path / "scan.dat", tmp_path / "note.txt"
    binary.write_bytes(content)
    plain.write_text("Has gout.")
    status, lines, output = _run(str(binary), str(plain))
    assert status == 1
    assert {str(line["file"]) for line in lines} == {str(plain)}
    assert f"error: {binary}: this is " in output
    assert what in output
    assert "give the text of it" in output


def test_text_of_other_encodings_is_read(tmp_path: Path) -> None:
    """UTF-16 by its mark, Windows' own code page, a form feed between pages; an empty file is a text without words."""
    for name, content in {
        "16le": "Has gout.".encode("utf-16"), "16be": b"\xfe\xff" + "Has gout.".encode("utf-16-be"),
        "1252": "Müde. Has gout.".encode("cp1252"), "pages": b"Has gout.\f\x1b[0m",
    }.items():  # fmt: skip
        file = tmp_path / name
        file.write_bytes(content)
        assert _run(str(file))[:2][1][0]["text"] == "gout", name
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    assert _run(str(empty))[:2] == (0, [{"file": str(empty), "read": 0, "facts": 0, "kinds": []}])


def test_standard_input_is_read() -> None:
    """By the name `-`."""
    assert _run("-", said="Has gout.")[1][0]["text"] == "gout"


@pytest.mark.parametrize("arguments", [("nowhere.txt",), ("-", "--data", "nowhere")])
def test_what_is_not_there_is_said(arguments: tuple[str, ...]) -> None:
    """Before anything is read."""
    status, lines, output = _run(*arguments)
    assert status != 0
    assert lines == []
    assert "there is no" in output
