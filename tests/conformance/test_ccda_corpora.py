"""Documents of ten vendors and HL7's examples: what they say is in FHIR, valid, sourced, nothing lost unseen."""

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conformance.ccda_facts import V3, facts, read, says
from tests.conformance.ccda_mutate import mutate
from unsilo.fhir.path import compile_path
from unsilo.fhir.references import walk
from unsilo.formats import ccda
from unsilo.kernel import seal
from unsilo.kernel.json import encode
from unsilo.mapping import Mapped, Site, load
from unsilo.validation.library import validator

pytestmark = pytest.mark.corpora
SITE = Site(feed="corpora", organisation="Corpora")
WHOLE = 0.98


def documents(folder: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of every XML file of a corpus."""
    root = os.environ.get("UNSILO_CORPORA")
    if not root:
        pytest.skip("UNSILO_CORPORA names no folder of test data")
    for path in sorted(Path(root, folder).rglob("*")):
        if path.suffix.lower() == ".xml":
            yield path.name, path.read_bytes()


def mapped(content: bytes) -> tuple[ccda.Document, Mapped] | None:
    """Map a document; None for what is refused."""
    parsed = ccda.parse(content)
    if parsed.value is None:
        assert parsed.issues
        return None
    return parsed.value, load("ccda", SITE).run(parsed.value, seal("corpora", "ccda", content, 1))


def resources(content: bytes) -> list[dict[str, Any]]:
    """Return the resources of a document as plain JSON."""
    made = mapped(content)
    return [json.loads(encode(entry.resource)) for entry in made[1].entries] if made else []


def recall(said: list[tuple[str, bytes]]) -> tuple[float, int, list[str]]:
    """Return the share of coded entries that FHIR says whole, how many there are, and the others."""
    count, missed = 0, []
    for name, content in said:
        found = resources(content)
        for fact in facts(content):
            count += 1
            if lacks := says(fact, found):
                missed.append(f"{name}: {lacks} of {sorted(fact.codes)} at {fact.place}")
    return 1 - len(missed) / max(count, 1), count, missed


def test_what_vendors_say() -> None:
    """At least .98 of the coded entries of real documents have a resource of a right type with code, date and value."""
    share, count, missed = recall(list(documents("ehr-ccda")))
    assert count > 1500
    assert share >= WHOLE, "\n".join(missed)


def test_what_the_examples_say() -> None:
    """The same of HL7's examples, whole documents and parts."""
    readable = [(name, content) for name, content in documents("c-cda-examples") if _is_xml(content)]
    share, count, missed = recall(readable)
    assert count > 490
    assert share >= WHOLE, "\n".join(missed)


def _is_xml(content: bytes) -> bool:
    try:
        read(content)
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("seed", [1, 2])
def test_outputs_move_with_the_sources(seed: int) -> None:
    """Of documents with other dates, codes, units, numbers and names as much is said."""
    said = [(name, content) for name, content in documents("ehr-ccda")][seed::4]
    before, _, _ = recall(said)
    moved = [(name, mutate(content, seed)) for name, content in said]
    after, count, missed = recall(moved)
    assert count > 300
    assert after >= before - 0.01, "\n".join(missed)
    for _, content in moved:
        family = next(read(content).iterfind(f"{V3}recordTarget/{V3}patientRole/{V3}patient/{V3}name/{V3}family"), None)
        if family is not None and family.text:
            patient = next(r for r in resources(content) if r["resourceType"] == "Patient")
            assert family.text in [name.get("family") for name in patient["name"]]


@pytest.mark.parametrize("folder", ["ehr-ccda", "c-cda-examples"])
def test_outputs_are_valid_and_closed(folder: str) -> None:
    """No error of the validator, no reference that leads nowhere, no id twice."""
    check = validator()
    faults: Counter[str] = Counter()
    for name, content in documents(folder):
        made = mapped(content)
        if made is None:
            continue
        here = {f"{e.resource['resourceType']}/{e.resource['id']}" for e in made[1].entries}
        assert len(here) == len(made[1].entries), name
        for entry in made[1].entries:
            faults.update(
                f"{name}: {entry.resource['resourceType']} {issue.where.path} {issue.text}"
                for issue in check.validate(entry.resource)
                if issue.severity in ("error", "fatal")
            )
            for path, reference in walk(entry.resource):
                if not reference.startswith(("Binary/", "http", "urn:", "#")) and reference not in here:
                    faults[f"{name}: {path} {reference}"] += 1
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("folder", ["ehr-ccda", "c-cda-examples"])
def test_consumed_and_listed_is_all(folder: str) -> None:
    """Every value of a document is cited by a lineage row or listed, and rows cite only what is there."""
    for name, content in documents(folder):
        made = mapped(content)
        if made is None:
            continue
        document, result = made
        values = dict(ccda.valued(document))
        listed = {place for place, _, _ in result.unconsumed}
        cited = {str(row.source) for entry in result.entries for row in entry.rows if row.source}
        whole = {place.removesuffix("/text()") for place in cited if "/@" not in place}
        assert listed <= set(values), name
        for place in values:
            if place not in listed:
                assert place in cited or _inside(place, whole), (name, place)
        assert not [place for place in listed if place in cited], name
        paths = {node.path for node in document.root.iter()}
        for place in cited:
            assert place.partition("/@")[0].removesuffix("/text()") in paths, (name, place)


def _inside(place: str, whole: set[str]) -> bool:
    while place:
        place = place.rpartition("/")[0]
        if place in whole:
            return True
    return False


def intents() -> list[tuple[str, str, str]]:
    """Return (file, resource type, expression); `!` before a type says that the example makes no such resource."""
    text = (Path(__file__).parent / "ccda_examples.csv").read_text("utf-8")
    return [(row["file"], row["resource"], row["expression"]) for row in csv.DictReader(text.splitlines())]


@pytest.mark.parametrize("start", range(8))
def test_the_intent_of_each_example(start: int) -> None:
    """What an example of HL7 is made to show stands in a resource."""
    root = os.environ.get("UNSILO_CORPORA")
    if not root:
        pytest.skip("UNSILO_CORPORA names no folder of test data")
    missed = []
    for name, kind, expression in intents()[start::8]:
        made = mapped(Path(root, "c-cda-examples", name).read_bytes())
        found = [entry.resource for entry in made[1].entries] if made else []
        typed = [r for r in found if r["resourceType"] == kind.lstrip("!")]
        if kind.startswith("!"):
            holds = not typed
        else:
            path = compile_path(expression)
            holds = any(path.truth(r) for r in typed)
        if not holds:
            missed.append(f"{name}: {kind} {expression}")
    assert not missed, "\n".join(missed)


def test_enough_examples_are_held() -> None:
    """The table speaks of at least 150 of HL7's examples, each once."""
    names = [name for name, _, _ in intents()]
    assert len(names) == len(set(names)) >= 150


@pytest.mark.parametrize("wanting", ["templates", "prefix"])
def test_other_ways_of_writing_say_as_much(wanting: str) -> None:
    """Without any templateId, or with a prefix before every name, as much is said."""
    missed, count = [], 0
    for name, content in list(documents("ehr-ccda"))[::3]:
        other = re.sub(rb"<templateId\b[^>]*/>", b"", content)
        if wanting == "prefix":
            other = ElementTree.tostring(read(content), encoding="utf-8")
        found = resources(other)
        said = facts(content)
        count += len(said)
        missed += [f"{name}: {lacks} {fact.codes} {fact.place}" for fact in said if (lacks := says(fact, found))]
    assert count > 400
    assert len(missed) <= (1 - WHOLE) * count, "\n".join(missed)
