"""`unsilo match`: the files it writes, and what it says of a file that is wrong."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

HEADER = "record_id,given_name,family_name,birth_date,sex,ssn,phone,city\n"
JOHN = "1,John,Smith,1980-05-17,M,219-09-1234,212-555-0187,Albany\n"
JON = "2,Jon,Smith,1980-05-17,M,219-09-1234,,Albany\n"
MARY = "3,Mary,Jones,1971-02-03,F,,,Troy\n"


def run(folder: Path, content: bytes, *more: str) -> subprocess.CompletedProcess[str]:
    """Write the content to a file and match it."""
    source = folder / "in.csv"
    source.write_bytes(content)
    command = [sys.executable, "-m", "unsilo", "match", str(source), "--out", str(folder / "links.csv"), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def read(path: Path) -> list[list[str]]:
    """Return the rows of a CSV file."""
    return list(csv.reader(path.read_text("utf-8").splitlines()))


def test_links_and_review(tmp_path: Path) -> None:
    """Rows of one person share an id, a twin is left for review, other columns and a missing one do not matter."""
    peter = "4,Peter,Smith,1980-05-17,M,,212-555-0187,Albany\n"
    content = (HEADER + JOHN + MARY + peter + JON).replace("\n", ",ignored\n").replace("ignored", "note", 1)
    done = run(tmp_path, content.encode(), "--review", str(tmp_path / "review.csv"))
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "links.csv") == [["record_id", "person_id"], ["1", "1"], ["3", "3"], ["4", "4"], ["2", "1"]]
    header, *pairs = read(tmp_path / "review.csv")
    assert header == ["left", "right", "probability"]
    assert [pair[1] for pair in pairs] == ["4"]
    assert all(0 <= float(pair[2]) <= 1 for pair in pairs)
    assert "4 rows are 3 persons" in done.stdout


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "row 1: the file is empty"), (b"\xef\xbb\xbf", "row 1: the file is empty"),
        (b"\0\0\0", "row 1: the file is empty"),
        (HEADER.encode(), "row 2: the file has a header and no rows"),
        (b"a,b\n1,2\n", "row 1, column record_id: the header has no column record_id"),
        (b"number,surname\n1,2\n", "the header has no column record_id"),
        (b"record_id,shoe\n1,2\n", "no column of a person"),
        (b"record_id,sex,SEX\n1,m,f\n", "row 1, column sex: the column stands twice"),
        ((HEADER + JOHN + JOHN).encode(), "row 3, column record_id: the record id stands in row 2 too"),
        ((HEADER + JOHN + ",a,b\n").encode(), "row 3, column record_id: the record id is empty"),
        ((HEADER + '"=HYPERLINK(1)",a,b\n').encode(), "row 2, column record_id: the record id begins like a formula"),
        ((HEADER + "1\0,a,b\n").encode(), "row 2, column record_id: the record id has a control character"),
        ((HEADER + '1,"a,b\n2,c,d\n').encode(), "look for a quote that is not closed"),
        ((HEADER + JOHN.strip() + ",too,many\n").encode(), "row 2, column 9: the row has 10 cells"),
        ((HEADER + f"1,{'x' * 200_000},b\n").encode(), "row 2: the row cannot be read: field larger"),
    ],
)  # fmt: skip
def test_a_wrong_file(content: bytes, told: str, tmp_path: Path) -> None:
    """Status 2, the row and column on standard error, nothing written, no trace."""
    done = run(tmp_path, content)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "links.csv").exists()


def test_other_headings(tmp_path: Path) -> None:
    """Usual other headings are read for what they mean, and said; so is what is not read at all."""
    header = "ID;First Name;Surname;Date-of-Birth;Forename;Blood Group\n"
    rows = "1;John;Smith;1980-05-17;x;A\n2;John;Smith;1980-05-17;y;0\n3;Mary;Jones;1971-02-03;z;B\n"
    done = run(tmp_path, (header + rows).encode())
    assert done.returncode == 0, done.stderr
    assert "Surname is read as family_name" in done.stderr
    assert "not read: Forename, Blood Group" in done.stderr
    assert read(tmp_path / "links.csv")[1:] == [["1", "1"], ["2", "1"], ["3", "3"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    """UTF-8 with or without a mark, and UTF-16 with one, are read silently; what is read as Latin-1 is told."""
    rows = HEADER + JOHN.replace("Smith", "Müller") + JON.replace("Smith", "MULLER")
    done = run(tmp_path, rows.encode(encoding))
    assert done.returncode == 0, done.stderr
    assert [row[1] for row in read(tmp_path / "links.csv")[1:]] == ["1", "1"]
    assert ("Latin-1" in done.stderr) == (encoding == "latin-1")


def test_odd_cells(tmp_path: Path) -> None:
    """Semicolons, quotes, line ends in cells, emoji, NULs, formulas, long names and short rows do no harm."""
    rows = HEADER + f'1,"Jo""hn","{"y" * 10_000}",=1+1,😀\n\n2,"two\nlines",a\0b\n3\n' + JOHN.replace("1,", "4,", 1)
    done = run(tmp_path, rows.replace(",", ";").encode())
    assert done.returncode == 0, done.stderr
    assert [row[0] for row in read(tmp_path / "links.csv")[1:]] == ["1", "2", "3", "4"]


def test_wrong_command_lines(tmp_path: Path) -> None:
    """Probabilities that do not fit, no such file, and a target that is the source end with status 2."""
    content = (HEADER + JOHN).encode()
    assert run(tmp_path, content, "--link-at", "0.1").returncode == 2
    assert run(tmp_path, content, "--review", str(tmp_path / "in.csv")).returncode == 2
    assert run(tmp_path, content, "--review", str(tmp_path / "links.csv")).returncode == 2
    assert run(tmp_path, content, "--review", str(tmp_path / "no" / "r.csv")).returncode == 2
    assert (tmp_path / "in.csv").read_bytes() == content
