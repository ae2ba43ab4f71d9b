"""Messages with more parts than real ones have: mapped as far as a second goes, the rest listed, nothing lost."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.unit.mapping.v2_bench import AT, MSH, bodies, only, parsed, sources
from unsilo.formats import hl7v2
from unsilo.kernel import seal
from unsilo.mapping import Mapped, Site, load
from unsilo.mapping.v2 import engine

HEAD = MSH % "ORU^R01^ORU_R01" + "\nPID|1||1^^^H^MR||Roe^Ann\nOBR|1|P1|F1|1^a^LN|||20240101\n"


def mapped(body: str, head: str = HEAD) -> tuple[hl7v2.Message, Mapped]:
    """A message and what it yields."""
    message, content = parsed(head + body)
    return message, load("hl7v2", Site(feed="lab")).run(message, seal("lab", "hl7v2", content, AT))


def rules(result: Mapped) -> set[str]:
    """The rules of a result's Issues."""
    return {issue.rule for issue in result.issues}


def test_a_text_of_very_many_lines_is_kept_whole_and_cites_its_field() -> None:
    """Twenty-five thousand repetitions of OBX-5 are lines of one text; the lineage cites the field as a whole."""
    lines = [f"line {n}" for n in range(25_000)]
    message, result = mapped(f"OBX|1|TX|1^a^LN||{'~'.join(lines)}||||||F")
    entry = only(result, "Observation")
    assert entry.resource["valueString"] == "\n".join(lines)
    (place,) = set(sources(entry, "valueString"))
    assert place == (3, 5, -1, 0, 0)
    found = hl7v2.span(message, place)
    assert found is not None
    assert message.raw[found[0] : found[1]].decode() == "~".join(lines)
    assert not any(path.startswith("OBX-5") for _, path, _ in result.unconsumed)


def test_of_very_many_repetitions_the_first_are_mapped_and_the_field_is_listed() -> None:
    """Thirty thousand identifiers: a thousand are the patient's, an Issue says so, the field is listed as sent."""
    many = "~".join(f"{n}^^^H^MR" for n in range(30_000))
    _, result = mapped("", HEAD.replace("1^^^H^MR", many))
    assert len(only(result, "Patient").resource["identifier"]) == 1000
    assert "mapping.v2.parts" in rules(result)
    assert [value for _, path, value in result.unconsumed if path == "PID-3"] == [many]


@pytest.mark.parametrize("mark", ["^", "&", "^~"])
def test_a_field_of_nothing_but_parts_is_left_out_and_listed(mark: str) -> None:
    """A value with half a million components is no value; the rest of the message is mapped."""
    field = ("a" + mark) * 600_000
    _, result = mapped(f"OBX|1|CWE|1^a^LN||{field}||||||F\nOBX|2|NM|2^b^LN||7||||||F")
    assert [o["valueQuantity"]["value"] for o in bodies(result, "Observation") if "valueQuantity" in o] == [7]
    assert "mapping.v2.parts" in rules(result)
    assert [path for _, path, value in result.unconsumed if value == field] == ["OBX[1]-5"]


def test_resources_of_one_message_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after the bound is listed as not consumed, with one Issue; what came before is as always."""
    monkeypatch.setattr(engine, "MOST_RESOURCES", 40)
    _, result = mapped("\n".join(f"OBX|{n}|NM|{n}^a^LN||{n}||||||F" for n in range(100)))
    assert 40 <= len(result.entries) < 50
    assert [issue.code for issue in result.issues if issue.rule == "mapping.v2.resources"] == ["too-costly"]
    assert "OBX[100]-5" in {path for _, path, _ in result.unconsumed}


def test_lines_of_a_text_are_put_together_once() -> None:
    """Each line of a report that comes segment by segment adds rows of its own, not those of all lines before it."""
    count = 3000
    _, result = mapped("\n".join(f"OBX|{n}|TX|1^a^LN||line {n}||||||F" for n in range(count)))
    entry = only(result, "Observation")
    assert entry.resource["valueString"].count("\n") == count - 1
    assert len(sources(entry, "valueString")) == count
    assert len(entry.rows) < 12 * count


BODIES = {
    "results": "''.join(f'OBX|{n}|NM|1^a^LN||{n}|g|||||F\\r' for n in range(60000))",
    "lines": "''.join(f'OBX|{n}|TX|1^a^LN||line {n}||||||F\\r' for n in range(60000))",
    "marks": "'OBX|1|FT|1^a^LN||' + '^~' * 5000000 + '||||||F\\r'",
    "breaks": "'OBX|1|FT|1^a^LN||' + 'x\\\\.br\\\\' * 1500000 + '||||||F\\r'",
}
PROGRAM = """
import resource
from unsilo.formats import hl7v2
from unsilo.kernel import seal
from unsilo.mapping import Site, load
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
content = ("MSH|^~\\\\&|A|B|||20240101||ORU^R01|1|P|2.5.1\\rPID|1||1^^^H^MR\\rOBR|1|p|f|1^a^LN\\r" + BODY).encode()
message = hl7v2.parse(content).value
result = load("hl7v2", Site(feed="x")).run(message, seal("x", "hl7v2", content, 1))
print(sum(e.resource["resourceType"] == "Observation" for e in result.entries))
"""


@pytest.mark.parametrize("name", BODIES)
def test_large_messages_end(name: str) -> None:
    """Megabytes of results, lines, delimiters or line breaks are mapped within generous bounds of a process."""
    text = PROGRAM.replace("BODY", BODIES[name])
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-500:]
    assert int(done.stdout) >= 1
