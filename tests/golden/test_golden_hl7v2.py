"""Whole HL7 v2 messages and the FHIR that they become, with the source of every element.

Beside each `*.hl7` stand `*.fhir.json` (the resources, issues, acts and what nothing consumed) and `*.lineage.txt`
(one line an element: resource, path, rule, place). After a wanted change: `pytest tests/golden --update-golden`, then
read the diff.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from unsilo.formats import hl7v2
from unsilo.kernel import Json, seal
from unsilo.kernel.json import decode, encode
from unsilo.mapping import Mapped, Site, load
from unsilo.spec import r4

FOLDER = Path(__file__).parent / "hl7v2"
MESSAGES = sorted(FOLDER.glob("*.hl7"))
SITE = Site(feed="golden", organisation="stmarys", zone="Europe/Berlin")
RECEIVED = 1_772_000_000_000_000  # 2026-02-25


def convert(file: Path) -> tuple[hl7v2.Message, Mapped]:
    """A message and what it yields."""
    content = file.read_bytes()
    message = hl7v2.parse(content).value
    assert message is not None
    return message, load("hl7v2", SITE).run(message, seal("golden", "hl7v2", content, RECEIVED))


def shown(mapped: Mapped) -> str:
    """The outcome as text, one resource after the other, without the digest of the map that changes with every row."""
    resources = [_without_digest(entry.resource) for entry in mapped.entries]
    issues = [f"{i.severity} {i.code} {i.rule}: {i.text} {i.where.path}".strip() for i in mapped.issues]
    rest = [f"{path} = {value}" for _, path, value in mapped.unconsumed]
    outcome = {
        "resources": resources,
        "clock and rank": [f"{e.resource['resourceType']} {e.clock} {e.rank}" for e in mapped.entries],
        "cleared": [f"{e.resource['resourceType']}: {', '.join(e.cleared)}" for e in mapped.entries if e.cleared],
        "actions": [f"{a.kind} {a.retired} -> {a.survivor}" for a in mapped.actions],
        "issues": issues,
        "not consumed": rest,
    }
    text = msgspec.json.Encoder(order="sorted", decimal_format="number").encode(outcome).decode()
    return msgspec.json.format(text, indent=1) + "\n"


def _without_digest(resource: Json) -> Json:
    if resource["resourceType"] == "Provenance" and "extension" in resource:
        kept = [item for item in resource["extension"] if item["url"] != "urn:unsilo:map-digest"]
        return {**resource, "extension": kept}
    return resource


def lineage(message: hl7v2.Message, mapped: Mapped) -> str:
    """One line for each element: where it is, which row made it, where its value stands."""
    lines = []
    for entry in mapped.entries:
        kind = entry.resource["resourceType"]
        for row in sorted(entry.rows, key=lambda row: (row.path, row.rule, str(row.source))):
            place = hl7v2.path(message, row.source) if isinstance(row.source, tuple) else "-"
            lines.append(f"{kind}/{entry.resource['id'][:6]} {row.path} <- {row.rule} {place}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("file", MESSAGES, ids=lambda file: file.stem)
def test_a_message_becomes_the_fhir_that_was_reviewed(file: Path, update_golden: bool) -> None:
    """Resources, issues, acts, unconsumed fields and lineage are those kept beside the message."""
    message, mapped = convert(file)
    texts = {file.with_suffix(".fhir.json"): shown(mapped), file.with_suffix(".lineage.txt"): lineage(message, mapped)}
    for kept, text in texts.items():
        if update_golden:
            kept.write_text(text, encoding="utf-8")
        assert kept.read_text(encoding="utf-8") == text, f"{kept.name}: see `pytest tests/golden --update-golden`"


@pytest.mark.parametrize("file", MESSAGES, ids=lambda file: file.stem)
def test_the_golden_resources_are_valid_in_structure(file: Path) -> None:
    """Every element exists in R4, stands once or in a list as R4 has it, and every required element is there."""
    wrong = [
        text for entry in convert(file)[1].entries for text in faults(entry.resource, entry.resource["resourceType"])
    ]
    assert wrong == []


def faults(node: Json, context: str) -> list[str]:
    """What is wrong with a resource or element: unknown names, wrong cardinality, missing required elements."""
    found = []
    for key, value in node.items():
        name = key.removeprefix("_")
        if key == "resourceType":
            continue
        element = r4.child(context, name)
        if element is None:
            found.append(f"{context} has no {name}")
            continue
        if element.many != isinstance(value, list):
            found.append(f"{context}.{name}: {'a list' if element.many else 'one value'} is wanted")
            continue
        inner = element.context if not key.startswith("_") else "Element"
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                found += faults(item, inner)
    absent = isinstance(node.get("extension"), list)
    for name in r4.required(context):
        stem = name.removesuffix("[x]")
        if not absent and not any(
            key.removeprefix("_") == stem or (name != stem and key.startswith(stem)) for key in node
        ):
            found.append(f"{context}.{name} is required")
    values = [key for key in node if key.startswith("value") and r4.child(context, key) is not None and len(key) > 5]
    if context in ("Observation", "Observation.component", "Extension") and len(values) > 1:
        found.append(f"{context} has {values}")
    return found


@pytest.mark.parametrize("file", MESSAGES, ids=lambda file: file.stem)
def test_every_reference_leads_to_a_resource_of_the_message(file: Path) -> None:
    """References close; ids are unique; the same bytes give the same ids."""
    mapped = convert(file)[1]
    names = [f"{entry.resource['resourceType']}/{entry.resource['id']}" for entry in mapped.entries]
    assert len(names) == len(set(names))
    text = encode([entry.resource for entry in mapped.entries])
    targets = {ref for ref in references(decode(text)) if not ref.startswith("Binary/")}
    assert targets <= set(names)
    assert [entry.resource["id"] for entry in convert(file)[1].entries] == [
        entry.resource["id"] for entry in mapped.entries
    ]


def references(node: object) -> list[str]:
    """Every literal reference below a node."""
    if isinstance(node, dict):
        own = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return own + [ref for child in node.values() for ref in references(child)]
    return [ref for child in node for ref in references(child)] if isinstance(node, list) else []
