"""The reference page names the rules that the code has, all of them and no other, and its example runs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/reference/hl7v2.md").read_text()
SOURCES = sorted((ROOT / "src/unsilo/formats/hl7v2").glob("*.py"))
# How each file's small builders of Issues begin the name of their rule.
PREFIXES = {"charset.py": "hl7v2.charset.", "delimit.py": "hl7v2.msh.", "header.py": "hl7v2.", "parse.py": "hl7v2."}
BUILDERS = re.compile(r"_(?:issue|fatal)\((?:[^()]|\([^()]*\))*\)|_MISSING[^=]*= \((?:.|\n)*?\n\)")


def rules() -> set[str]:
    """Return the rule of every Issue that the parser makes (those of batches and answers have pages of their own)."""
    found: set[str] = set()
    for source in SOURCES:
        text = source.read_text()
        found |= set(re.findall(r'"(hl7v2\.[a-z0-9.-]*[a-z0-9])"', text))
        prefix = PREFIXES.get(source.name)
        for call in BUILDERS.findall(text) if prefix else ():
            for word in re.findall(r'"([a-z0-9]+(?:[.-][a-z0-9]+)*)"', call):
                found.add(f"{prefix}{word}")
    return found


def test_every_rule_of_the_page_is_made_by_the_code():
    """A rule that the page explains exists."""
    named = set(re.findall(r"`(hl7v2\.[a-z0-9.-]+)`", PAGE))
    assert len(named) > 25
    assert named <= rules(), named - rules()


def test_every_written_rule_of_the_parser_is_on_the_page():
    """A rule that stands in the parser's code in full is explained."""
    written = {
        rule
        for source in SOURCES
        if source.name not in ("batch.py", "ack.py")
        for rule in re.findall(r'"(hl7v2\.[a-z0-9.-]*[a-z0-9])"', source.read_text())
    }
    missing = [rule for rule in written if f"`{rule}`" not in PAGE]
    assert not missing


def test_the_example_runs(capsys: pytest.CaptureFixture[str]):
    """The Python example prints what its comments say."""
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    exec(code[1], {})  # noqa: S102 - our own page
    assert capsys.readouterr().out.split("\n")[:-1] == re.findall(r"# (.*)", code[1])
