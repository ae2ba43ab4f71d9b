"""Lines that a worker reads itself are those that are read here, with the same numbers and faults."""

import os
import random

import pytest

from unsilo.flow.bulk import lines as reading
from unsilo.flow.bulk.lines import lines_of, pieces


def _all(found):
    """Return all lines and faults of pieces, and where the last one ends."""
    lines, issues, last = [], [], 0
    for piece in found:
        read = lines_of(piece.part, "x") if piece.part is not None else (piece.lines, piece.issues)
        assert piece.last > last
        assert all(last < line.number <= piece.last for line in read[0])
        last = piece.last
        lines += read[0]
        issues += read[1]
    return lines, issues, last


@pytest.mark.parametrize("seed", range(40))
def test_parts_hold_the_lines_that_are_read_here(tmp_path, monkeypatch, seed):
    """Empty lines, long ones, ones longer than a block or the limit, no end at the end, from any line on."""
    draw = random.Random(seed)
    monkeypatch.setattr(reading, "LONGEST_LINE", 300)
    monkeypatch.setattr(reading, "_EACH", 16)
    monkeypatch.setattr(reading, "_BYTES", 32)
    made = [draw.choice((b"", b"  ", b"a", b"b" * draw.randrange(400), b" " * 350)) for _ in range(draw.randrange(40))]
    file = tmp_path / "x.ndjson"
    file.write_bytes(b"\n".join(made) + draw.choice((b"", b"\n", b"\r\n")))
    for after in (0, 1, len(made) // 2, len(made) + 3):
        for most in (1, 3, 100):
            here = _all(pieces(file, after, "x", most))
            apart = _all(pieces(file, after, "x", most, unread=True))
            assert apart[:2] == here[:2]
            for piece in pieces(file, after, "x", most, unread=True):
                assert piece.last - piece.part.after <= most


def test_a_file_that_changes_meanwhile_is_a_fault(tmp_path):
    """Cut short, replaced or gone: its lines are not taken for others, and it is said."""
    file = tmp_path / "x.ndjson"
    content = b'{"resourceType":"Basic"}\n' * 100
    for change in ("cut", "replaced", "gone"):
        file.write_bytes(content)
        part = next(pieces(file, unread=True)).part
        if change == "cut":
            os.truncate(file, 100)
        elif change == "replaced":
            (tmp_path / "y").write_bytes(content)
            (tmp_path / "y").replace(file)
        else:
            file.unlink()
        lines, issues = lines_of(part, "x.ndjson")
        assert lines == []
        assert [(issue.code, issue.rule, issue.where.path) for issue in issues] == [
            ("not-found", "import.file", "x.ndjson")
        ]
        assert "cannot be read" in issues[0].text
