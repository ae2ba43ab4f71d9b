"""Lineage of HL7 v2: every leaf has a row, every place holds the value or its code, what nothing cites is listed."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from unsilo.fhir.leaves import leaves
from unsilo.formats import hl7v2
from unsilo.kernel import Locator, seal
from unsilo.mapping import Mapped, Site, load
from unsilo.mapping.tables import layered, standard

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "hl7v2").glob("*.hl7"))
PLAIN = re.compile(r"(^|\.)(id|reference|system|url|contentType)(\[\d+\])?$")
CODED = re.compile(r"@|base64|\.data$|\.end$|^mrg\.link$")
TABLES = layered(standard("v2"), b"", {}).value
FIXED = {row.id for rows in (TABLES.maps.values() if TABLES else ()) for row in rows if row.const}
FIXED |= {row.id for rows in (TABLES.resources.values() if TABLES else ()) for row in rows}


def corpus() -> Iterator[Path]:
    """The third-party messages."""
    root = Path(os.environ.get("UNSILO_CORPORA", ""))
    for folder in ("ms-hl7v2", "reportstream-mapinv", "v2-to-fhir/samples"):
        yield from sorted(p for p in (root / folder).rglob("*") if p.suffix in (".hl7", ".txt") and p.is_file())


def read(path: Path) -> tuple[hl7v2.Message, Mapped] | None:
    """Map a file of one message."""
    content = path.read_bytes()
    message = hl7v2.parse(content).value
    if message is None:
        return None
    return message, load("hl7v2", Site(feed="f", organisation="Test")).run(message, seal("f", "hl7v2", content, 1))


def squeeze(text: object) -> str:
    """Letters and digits only, in lower case."""
    return re.sub(r"[\W_]", "", str(text)).lower()


def holds(message: hl7v2.Message, place: Locator, value: object, rule: str, path: str) -> bool:
    """True when the bytes of a place hold a value, hold part of it (a join), or its coded source."""
    assert isinstance(place, tuple)
    assert len(place) == 5
    found = hl7v2.span(message, place)
    if found is None:
        return False
    text = hl7v2.unescape(message.raw[found[0] : found[1]].decode(message.charset, "replace"), message.delimiters)
    if CODED.search(rule) or CODED.search(path) or PLAIN.search(path) or isinstance(value, bool):
        return bool(text)
    mine, theirs = squeeze(value), squeeze(text)
    if "/" in text and hl7v2.to_fhir_date(text) == str(value)[:10]:
        return True  # a date that was spelt
    return bool(text) and (mine in theirs or theirs in mine or mine[:8] == theirs[:8])


def check(message: hl7v2.Message, result: Mapped, counts: Counter[str], wrong: list[str]) -> None:
    """Count leaves with and without a place; note what has no row or a place that does not hold it."""
    cited: set[Locator] = set()
    for entry in result.entries:
        kind = entry.resource["resourceType"]
        rows = defaultdict(list)
        for row in entry.rows:
            rows[row.path].append(row)
            cited.add(row.source)
        for path, value in leaves(entry.resource):
            if not rows[path]:
                wrong.append(f"{kind}.{path} has no row")
                continue
            places = [row for row in rows[path] if row.source is not None]
            missing = [row for row in places if not holds(message, row.source, value, row.rule, path)]
            wrong += [f"{kind}.{path} = {value!r} is not at {row.source} ({row.rule})" for row in missing]
            if PLAIN.search(path) or kind == "Provenance":
                continue
            fixed = all(row.rule.rpartition(">")[2] in FIXED for row in rows[path])
            counts["sourced" if places else "fixed" if fixed else "without a place"] += 1
    listed = {place for place, _, _ in result.unconsumed}
    for leaf, value in reader(message):
        consumed = any(hl7v2.covers(place, leaf) for place in candidates(leaf) if place in cited)
        if consumed == (leaf in listed):
            wrong.append(f"{leaf} {value!r} is {'cited and listed' if consumed else 'neither cited nor listed'}")
        listed.discard(leaf)
    wrong += [f"{place} is listed and not there" for place in listed]


def candidates(leaf: tuple[int, int, int, int, int]) -> list[tuple[int, int, int, int, int]]:
    """The places that would cover a leaf."""
    i, field, rep, comp, _ = leaf
    return [leaf, (i, field, rep, comp, 0), (i, field, rep, 0, 0), (i, field, -1, 0, 0), (i, 0, 0, 0, 0)]


def reader(message: hl7v2.Message) -> Iterator[tuple[tuple[int, int, int, int, int], str]]:
    """Every value of a message, by a splitter of the test's own."""
    marks = message.delimiters
    for index, segment in enumerate(message.segments):
        header = segment.name in ("MSH", "FHS", "BHS")
        for number, field in enumerate(segment.raw.split(marks.field_sep)):
            place = number + 1 if header else number
            if number == 0 or (header and place < 3):
                continue
            for rep, repetition in enumerate(field.split(marks.repetition_sep)):
                for comp, component in enumerate(repetition.split(marks.component_sep), 1):
                    for sub, value in enumerate(component.split(marks.subcomponent_sep), 1):
                        if value:
                            yield (index, place, rep, comp, sub), value


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_golden_messages(path: Path) -> None:
    """Each golden message: a row for every leaf, values at their places, an exact list of what nothing used."""
    read_one = read(path)
    assert read_one is not None
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    check(*read_one, counts, wrong)
    assert wrong == []


@pytest.mark.corpora
def test_corpora(capsys: pytest.CaptureFixture[str]) -> None:
    """The same for all third-party messages; nine of ten leaves come from a place in the message.

    Leaves are those that are no ids, references, systems or fixed values of the tables; with the fixed values counted
    it is eight of ten.
    """
    if not os.environ.get("UNSILO_CORPORA"):
        pytest.skip("UNSILO_CORPORA names no folder of test data")
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    messages = 0
    for path in corpus():
        one = read(path)
        if one is not None:
            messages += 1
            check(*one, counts, wrong)
    assert messages > 100
    assert wrong == []
    sourced, fixed, without = (counts[kind] for kind in ("sourced", "fixed", "without a place"))
    share, among_all = sourced / (sourced + without), sourced / sum(counts.values())
    with capsys.disabled():
        print(f"\nlineage: {messages} messages, {sourced} leaves with a place, {without} without, {fixed} fixed values")
        print(f"share of leaves with a place: {share:.3f}; with fixed values counted as without: {among_all:.3f}")
    assert sourced > 0
    assert share >= 0.90
    assert among_all >= 0.80
