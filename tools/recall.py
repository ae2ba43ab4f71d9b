"""Measure value recall of the HL7 v2 map against reference bundles, and check its report of unconsumed fields.

    UNSILO_CORPORA=... python -m tools.recall [--corpus ms-hl7v2] [--missing 40] [--file PART] [--json]

A fact is a pair (resource type, primitive value) of a reference Bundle whose value stands in the message: as a field,
repetition, component or subcomponent, the same after reading dates, decimals and letter case alike. It is recalled
when our Bundle holds the value in a resource of that type, or of a type that the maps name for the field it stands in.
The reader of the message here is a splitter of its own, so that it can contradict the product's parser.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from unsilo.formats import hl7v2
from unsilo.kernel import seal
from unsilo.mapping import Site, load
from unsilo.mapping.tables import standard

Leaf = tuple[int, int, int, int, int]
MAPPED = ("ADT", "ORU", "ORM", "OML", "VXU", "MDM", "SIU")
TARGETS = {"ms-hl7v2": 0.75, "reportstream-mapinv": 0.80}
_FHIR_TIME = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?$")
_V2_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)?(?:(\d\d)(\d\d)?(?:\d\d(?:\.\d+)?)?)?([+-]\d{4})?$")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?$")
_ESCAPED = re.compile(r"\\([FSTRE])\\")
_ADMINISTRATIVE = (".resourceType", ".reference", ".id", ".meta.lastUpdated")


@dataclass
class Score:
    """Facts, and those recalled, of one file or of many."""

    facts: int = 0
    recalled: int = 0
    by_other_type: int = 0
    leaves: int = 0
    unconsumed: int = 0
    unexplained: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        """Sum another score into this one."""
        self.facts += other.facts
        self.recalled += other.recalled
        self.by_other_type += other.by_other_type
        self.leaves += other.leaves
        self.unconsumed += other.unconsumed
        self.unexplained += other.unexplained

    @property
    def recall(self) -> float:
        """The share of the facts that were recalled."""
        return self.recalled / self.facts if self.facts else 1.0


def forms(value: object) -> frozenset[str]:
    """The comparable forms of a value: folded text; as a number; as local and as UTC time to the minute."""
    text = " ".join(str(value).split())
    found = {text.casefold()}
    if bare := re.sub(r"^urn:(?:oid|uuid):", "", text.casefold()):
        found.add(bare)
    if _NUMBER.match(text):
        found.add(f"number {Decimal(text).normalize()}")
    for pattern in (_FHIR_TIME, _V2_TIME):
        if match := pattern.match(text):
            found |= _times(*match.groups())
    return frozenset(found)


def _times(year: str, month: str, day: str | None, hour: str | None, minute: str | None, zone: str | None) -> set[str]:
    try:
        moment = datetime(int(year), int(month), int(day or 1), int(hour or 0), int(minute or 0))  # noqa: DTZ001
    except ValueError:
        return set()
    if not 1850 <= moment.year < 2100:
        return set()
    found = {f"local {year}{month}{day or ''}" + (f"{hour}{minute or '00'}" if hour else "")}
    if hour and zone:
        digits = "0000" if zone == "Z" else zone.replace(":", "")[1:]
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if zone[0] == "-" else 1)
        found.add(f"utc {moment - offset:%Y%m%d%H%M}")
    return found


def primitives(node: Any, path: str = "") -> Iterator[tuple[str, object]]:
    """Every primitive below a resource, with its dotted path without indices."""
    if isinstance(node, dict):
        for name, child in node.items():
            yield from primitives(child, f"{path}.{name}")
    elif isinstance(node, list):
        for child in node:
            yield from primitives(child, path)
    elif node is not None and not isinstance(node, bool):
        yield path, node


def pairs(resources: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[frozenset[str], str]]:
    """(type, value) -> (forms, path), without ids, references and the time of the conversion."""
    found: dict[tuple[str, str], tuple[frozenset[str], str]] = {}
    for resource in resources:
        kind = str(resource["resourceType"])
        for path, value in primitives(resource):
            if not path.endswith(_ADMINISTRATIVE):
                found.setdefault((kind, str(value)), (forms(value), kind + path))
    return found


def split(text: str) -> Iterator[tuple[str, Leaf, str]]:
    """(segment name, place, raw value) of every part that is not empty, at every level; `""` is a value."""
    lines = [line for line in re.split(r"[\r\n]+", text.lstrip("\ufeff\x0b")) if line.strip("\x0b\x1c ")]
    start = next((n for n, line in enumerate(lines) if line[:3] in ("MSH", "FHS", "BHS")), 0)
    bar = lines[start][3]
    marks = lines[start][4:].split(bar)[0].ljust(4, "\0")
    for number, line in enumerate(lines):
        fields = line.split(bar)
        name = fields[0]
        offset = 1 if name in ("MSH", "FHS", "BHS") else 0
        for at, content in enumerate(fields[1:], 1 + offset):
            if offset and at == 2:  # the delimiters themselves
                continue
            for repetition, whole in enumerate(content.split(marks[1])):
                for component, part in enumerate(whole.split(marks[0]), 1):
                    pieces = part.split(marks[3]) if marks[3] != "\0" else [part]
                    for sub, piece in enumerate(pieces, 1):
                        if piece:
                            yield name, (number, at, repetition, component, sub), piece
                    if len(pieces) > 1 and part.strip(marks[3]):
                        yield name, (number, at, repetition, component, 0), part
                if marks[0] in whole and whole.strip(marks[0] + marks[3]):
                    yield name, (number, at, repetition, 0, 0), whole


def standing(text: str) -> dict[str, set[str]]:
    """Every comparable form of what stands in the message -> the fields (`PID-5`) where it does."""
    letters = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}
    found: dict[str, set[str]] = {}
    for name, place, raw in split(text):
        plain = _ESCAPED.sub(lambda match: letters[match[1]], raw)
        for form in forms(plain):
            found.setdefault(form, set()).add(f"{name}-{place[1]}")
    return found


def covers(cited: set[tuple[int, ...]], leaf: Leaf) -> bool:
    """Whether a lineage source is the leaf or a part that holds it."""
    segment, at, repetition, component, _ = leaf
    candidates = [leaf, (segment, at, repetition, component, 0), (segment, at, repetition, 0, 0)]
    return any(candidate in cited for candidate in candidates)


def corpus(root: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """The pairs of message file and reference Bundle of a corpus, in order of name."""
    if name == "ms-hl7v2":
        expected = {file.name: file for file in (root / name).rglob("*-expected.json")}
        for file in sorted((root / name).rglob("*.hl7")):
            yield file, expected[f"{file.stem}-expected.json"]
        return
    for file in sorted((root / name).rglob("*.hl7")):
        yield file, file.with_suffix(".fhir")


def named_types(rows: list[Any]) -> dict[str, set[str]]:
    """`PV1-7` -> the resource types that the standard rows name for the field (the map's own, made or referred to)."""
    makes: dict[str, set[str]] = {}
    for row in rows:
        inside = row.map.partition("[")[2].rstrip("]").partition("-")[0]
        kinds = makes.setdefault(row.map, {inside})
        kinds |= set(re.findall(r"\(([A-Z]\w+)\)", row.target))
    # A data type that makes a resource names those inside it too (an XCN its assigning authority's Organization).
    for _ in range(3):
        for row in rows:
            if row.type in makes:
                makes[row.map] |= makes[row.type]
    found: dict[str, set[str]] = {}
    for row in rows:
        inside = row.map.partition("[")[2].rstrip("]").partition("-")[0]
        for place in re.findall(r"\b([A-Z][A-Z0-9]{2}-\d+)", row.source):
            kinds = found.setdefault(place, set())
            kinds |= {inside} | set(re.findall(r"\(([A-Z]\w+)\)", row.target)) | makes.get(row.type, set())
            if row.type == "py:location":
                kinds.add("Location")
    return found


class Reader:
    """Our conversion of one message, and what the recall needs to know of the tables."""

    def __init__(self) -> None:
        self.map = load("hl7v2", Site(feed="recall", organisation="recall"))
        self.types = named_types(standard("v2").rows["maps"])

    def score(self, message: Path, reference: Path, missing: Counter[str]) -> Score:
        """Convert a message and compare it with its reference."""
        content = message.read_bytes()
        parsed = hl7v2.parse(content)
        if parsed.value is None:
            raise SystemExit(f"{message}: not read as a message: {parsed.issues[:1]}")
        mapped = self.map.run(parsed.value, seal("recall", "hl7v2", content, 0))
        text = content.decode("utf-8", "replace")
        bundle = json.loads(reference.read_text(encoding="utf-8-sig"))
        found = Score()
        places = standing(text)
        ours: dict[str, set[str]] = {}
        for kind, _ in (own := pairs([entry.resource for entry in mapped.entries])):
            for form in own[kind, _][0]:
                ours.setdefault(form, set()).add(kind)
        for (kind, value), (keys, path) in pairs([entry["resource"] for entry in bundle["entry"]]).items():
            fields = {place for form in keys for place in places.get(form, ())}
            if not fields:
                continue
            found.facts += 1
            here = {ours_type for form in keys for ours_type in ours.get(form, ())}
            if kind in here:
                found.recalled += 1
            elif here & {named for place in fields for named in self.types.get(place, ())}:
                found.recalled += 1
                found.by_other_type += 1
            else:
                missing[f"{path} <- {' '.join(sorted(fields)[:4])} = {value[:24]}"] += 1
        self.unconsumed(text, mapped, found)
        return found

    def unconsumed(self, text: str, mapped: Any, found: Score) -> None:
        """Compare what the engine lists as not consumed with the leaves that no lineage row cites."""
        leaves = {place: raw for _, place, raw in split(text) if place[4]}
        cited = {row.source for entry in mapped.entries for row in entry.rows if isinstance(row.source, tuple)}
        rest = {place for place in leaves if not covers(cited, place)}
        listed = {tuple(place) for place, _, _ in mapped.unconsumed}
        found.leaves = len(leaves)
        found.unconsumed = len(listed)
        found.unexplained = [f"not listed {place}" for place in sorted(rest - listed)]
        found.unexplained += [f"listed though consumed or not there {place}" for place in sorted(listed - rest)]


def main(arguments: list[str]) -> int:
    """Print recall by file, family and corpus; exit 1 when a target is missed or an unconsumed report is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", choices=sorted(TARGETS))
    parser.add_argument("--file", default="", help="only files whose name has this in it")
    parser.add_argument("--missing", type=int, default=0, help="show so many kinds of missing facts")
    parser.add_argument("--brief", action="store_true", help="no line for each file")
    options = parser.parse_args(arguments)
    root = os.environ.get("UNSILO_CORPORA")
    if not root:
        print("recall: UNSILO_CORPORA is not set; nothing to measure")
        return 0
    reader = Reader()
    wrong = 0
    for name in options.corpus or sorted(TARGETS):
        families: dict[str, Score] = {}
        missing: Counter[str] = Counter()
        for message, reference in corpus(Path(root), name):
            if options.file not in message.name:
                continue
            family = next(
                raw
                for word, place, raw in split(message.read_text("utf-8", "replace"))
                if word == "MSH" and place[1] == 9
            )
            lost: Counter[str] = Counter()
            found = reader.score(message, reference, lost)
            families.setdefault(family[:3], Score()).add(found)
            if family[:3] in MAPPED:
                missing += lost
            if not options.brief:
                flag = f"  UNCONSUMED WRONG {found.unexplained[:3]}" if found.unexplained else ""
                print(f"{found.recall:6.3f} {found.recalled:5}/{found.facts:<5} {message.stem}{flag}")
        total = Score()
        for family, found in sorted(families.items()):
            mapped = family in MAPPED
            shown = f"{name} {family}{'' if mapped else ' (not mapped yet)'}"
            print(f"{shown}: {found.recall:.3f} ({found.recalled}/{found.facts})")
            if mapped:
                total.add(found)
        reached = total.recall >= TARGETS[name]
        wrong += (not reached) + bool(total.unexplained)
        print(
            f"{name} total of mapped families: {total.recall:.3f} ({total.recalled}/{total.facts}, "
            f"{total.by_other_type} in another type that the guide names), target {TARGETS[name]:.2f} "
            f"{'reached' if reached else 'MISSED'}; leaves {total.leaves}, not consumed {total.unconsumed} "
            f"({total.unconsumed / max(total.leaves, 1):.3f}), report {'WRONG' if total.unexplained else 'complete'}"
        )
        for text, count in missing.most_common(options.missing):
            print(f"  {count:4} {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
