"""Maps compiled for the shapes of common segments make of a message exactly what the general maps make, lineage too."""

import os
from pathlib import Path

import pytest

from unsilo import mapping
from unsilo.formats import hl7v2
from unsilo.kernel import seal
from unsilo.mapping.v2 import shapes

GOLDEN = Path(__file__).parents[2] / "golden" / "hl7v2"
SITE = mapping.Site(feed="shapes", organisation="Shapes")


def outcome(compiled: mapping.CompiledMap, content: bytes) -> object:
    """All that a message gives: resources in their order, lineage, clocks, what nothing consumed, Issues, acts."""
    message = hl7v2.parse(content).value
    assert message is not None
    found = compiled.run(message, seal("shapes", "hl7v2", content, 0))
    entries = [
        (e.resource, sorted((row.path, row.rule, repr(row.source)) for row in e.rows), e.clock, e.rank, e.cleared)
        for e in found.entries
    ]
    return entries, found.unconsumed, found.issues, found.actions


def compare(monkeypatch: pytest.MonkeyPatch, files: list[Path]) -> list[str]:
    """Names of the messages of which a worker that has seen everything makes something else than a fresh one."""
    contents = {file.name: file.read_bytes() for file in files}
    monkeypatch.setattr(shapes, "_OFTEN", 10**9)
    fresh = mapping.load("hl7v2", SITE)
    expected = {name: outcome(fresh, content) for name, content in contents.items()}
    monkeypatch.setattr(shapes, "_OFTEN", 1)
    monkeypatch.setattr(shapes, "_MOST", 10**9)
    used = mapping.load("hl7v2", SITE)
    for content in contents.values():
        outcome(used, content)
    return [name for name, content in contents.items() if outcome(used, content) != expected[name]]


def test_a_used_map_makes_what_a_fresh_one_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden messages, every segment compiled for its shape: the same in every part."""
    assert compare(monkeypatch, sorted(GOLDEN.glob("*.hl7"))) == []


@pytest.mark.corpora
def test_a_used_map_makes_what_a_fresh_one_makes_of_real_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same over the messages of the corpora, where several repeating fields fill the same items."""
    corpora = os.environ.get("UNSILO_CORPORA")
    if not corpora:
        pytest.skip("UNSILO_CORPORA is not set: the messages of the corpora are not compared")
    files = [*Path(corpora).glob("ms-hl7v2/**/*.hl7"), *Path(corpora).glob("reportstream-mapinv/**/*.hl7")]
    assert compare(monkeypatch, sorted(files)) == []
