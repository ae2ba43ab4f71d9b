"""Maps compiled for the shapes of common segments make the same resources as the general maps."""

import os
from pathlib import Path

import pytest

from unsilo import mapping
from unsilo.formats import hl7v2
from unsilo.kernel import Json, seal
from unsilo.mapping.v2 import shapes

GOLDEN = Path(__file__).parents[2] / "golden" / "hl7v2"
SITE = mapping.Site(feed="shapes", organisation="Shapes")


def resources(compiled: mapping.CompiledMap, content: bytes) -> dict[tuple[str, str], Json]:
    """The resources of a message by type and id; the order in which a Provenance lists its targets is no content."""
    found = {}
    message = hl7v2.parse(content).value
    assert message is not None
    for entry in compiled.run(message, seal("shapes", "hl7v2", content, 0)).entries:
        body = {k: v for k, v in entry.resource.items() if (body_type(entry), k) != ("Provenance", "target")}
        found[entry.resource["resourceType"], entry.resource["id"]] = body
    return found


def body_type(entry: mapping.Entry) -> str:
    """The type of an entry's resource."""
    return str(entry.resource["resourceType"])


def compare(monkeypatch: pytest.MonkeyPatch, files: list[Path]) -> list[str]:
    """Names of the messages of which a worker that has seen everything makes something else than a fresh one."""
    contents = {file.name: file.read_bytes() for file in files}
    monkeypatch.setattr(shapes, "_OFTEN", 10**9)
    fresh = mapping.load("hl7v2", SITE)
    expected = {name: resources(fresh, content) for name, content in contents.items()}
    monkeypatch.setattr(shapes, "_OFTEN", 1)
    monkeypatch.setattr(shapes, "_MOST", 10**9)
    used = mapping.load("hl7v2", SITE)
    for content in contents.values():
        resources(used, content)
    return [name for name, content in contents.items() if resources(used, content) != expected[name]]


def test_a_used_map_makes_what_a_fresh_one_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden messages, every segment compiled for its shape: the same resources with the same ids."""
    assert compare(monkeypatch, sorted(GOLDEN.glob("*.hl7"))) == []


@pytest.mark.corpora
def test_a_used_map_makes_what_a_fresh_one_makes_of_real_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same over the messages of the corpora, where several repeating fields fill the same items."""
    corpora = os.environ.get("UNSILO_CORPORA")
    if not corpora:
        pytest.skip("UNSILO_CORPORA is not set: the messages of the corpora are not compared")
    files = [*Path(corpora).glob("ms-hl7v2/**/*.hl7"), *Path(corpora).glob("reportstream-mapinv/**/*.hl7")]
    assert compare(monkeypatch, sorted(files)) == []
