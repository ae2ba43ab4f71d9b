"""Measure value recall of the HL7 v2 map against reference bundles, and check its report of unconsumed fields.

    UNSILO_CORPORA=... python -m tools.recall [--corpus ms-hl7v2] [--missing 40] [--file PART] [--mutate SEED]

A fact is a pair (resource type, primitive value) of a reference Bundle whose value stands in the message: as a field,
repetition, component or subcomponent, the same after reading dates, decimals and letter case alike. It is recalled
when our Bundle holds the value in an element made for it: in any resource but Basic and Binary, and in a note only when
it stands in an NTE or the reference has it in a note; or when it is a coding system's name or a code of an HL7 table
and the element that cites its place holds what it was translated to. The share of facts that we hold in a resource of
the same type is told beside it, and so is the share without the translated ones. With `--mutate` dates, numbers, names,
codes and units are moved by a seed, in the message and, alike, in the reference.
The reader of the message here is a splitter of its own, so that it can contradict the product's parser.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
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

Leaf = tuple[int, int, int, int, int]
TARGETS = {"ms-hl7v2": (0.97, 0.65), "reportstream-mapinv": (0.97, 0.65)}
"""The shares that must be recalled at all, and in a resource of the same type."""
REASONS = Path(__file__).with_name("recall_misses.csv")
"""Kinds of misses: path of the reference, field of the message, and the reason: `fabricated`, `wrong` or `ours`."""
_FHIR_TIME = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?$")
_V2_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)?(?:(\d\d)(\d\d)?(?:\d\d(?:\.\d+)?)?)?([+-]\d{4})?$")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?$")
_ESCAPED = re.compile(r"\\([FSTRE])\\")
_ADMINISTRATIVE = (".resourceType", ".reference", ".id", ".meta.lastUpdated")


@dataclass
class Score:
    """Facts, and those recalled, of one file or of many."""

    facts: int = 0
    held: int = 0
    translated: int = 0
    same_type: int = 0
    leaves: int = 0
    unconsumed: int = 0
    unexplained: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        """Sum another score into this one."""
        self.facts += other.facts
        self.held += other.held
        self.translated += other.translated
        self.same_type += other.same_type
        self.leaves += other.leaves
        self.unconsumed += other.unconsumed
        self.unexplained += other.unexplained

    @property
    def recalled(self) -> int:
        """The facts that are held as they are or as what they were translated to."""
        return self.held + self.translated

    @property
    def recall(self) -> float:
        """The share of the facts that were recalled."""
        return self.recalled / self.facts if self.facts else 1.0

    @property
    def same(self) -> float:
        """The share of the facts held in a resource of the same type."""
        return self.same_type / self.facts if self.facts else 1.0


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


_CODED = re.compile(r"(system|code|status|use|intent|class|gender|priority|type)\w*$|@")


class Reader:
    """Our conversion of one message."""

    def __init__(self) -> None:
        self.map = load("hl7v2", Site(feed="recall", organisation="recall"))

    def score(self, message: Path, reference: Path, missing: Counter[str], seed: int | None = None) -> Score:
        """Convert a message and compare it with its reference."""
        content = message.read_bytes()
        bundle = reference.read_text(encoding="utf-8-sig")
        if seed is not None:
            content, bundle = mutated(content, bundle, seed)
        parsed = hl7v2.parse(content)
        if parsed.value is None:
            raise SystemExit(f"{message}: not read as a message: {parsed.issues[:1]}")
        mapped = self.map.run(parsed.value, seal("recall", "hl7v2", content, 0))
        text = content.decode("utf-8", "replace")
        found = Score()
        places = standing(text)
        ours: dict[str, set[tuple[str, bool]]] = {}
        for entry in mapped.entries:
            kind = str(entry.resource["resourceType"])
            for path, value in primitives(entry.resource):
                if kind not in ("Basic", "Binary") and not path.endswith(_ADMINISTRATIVE):
                    for form in forms(value):
                        ours.setdefault(form, set()).add((kind, ".note." in path))
        translated = self.translations(text, mapped)
        for (kind, value), (keys, path) in pairs([entry["resource"] for entry in json.loads(bundle)["entry"]]).items():
            fields = {place for form in keys for place in places.get(form, ())}
            if not fields:
                continue
            found.facts += 1
            noted = ".note." in path or any(place.startswith("NTE") for place in fields)
            here = {ours_type for form in keys for ours_type, note in ours.get(form, ()) if noted or not note}
            if here:
                found.held += 1
                found.same_type += kind in here
            elif keys & translated:
                found.translated += 1
            else:
                missing[f"{path} <- {' '.join(sorted(fields)[:4])} = {value[:24]}"] += 1
        self.unconsumed(text, mapped, found)
        return found

    def translations(self, text: str, mapped: Any) -> set[str]:
        """The forms of what stands where a coded element cites it: `LN` for http://loinc.org, `M` for male."""
        cited = {
            row.source
            for entry in mapped.entries
            for row in entry.rows
            if isinstance(row.source, tuple) and (_CODED.search(row.path) or "@" in row.rule)
        }
        found: set[str] = set()
        for _, place, raw in split(text):
            if place[4] and covers(cited, place):
                found |= forms(raw)
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


_DATE = re.compile(
    r"(?<![\d.])((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|1\d|2[0-8])(?=\d{0,6}(?:\.\d+)?(?:[+-]\d{4})?(?![\d.]))"
)


def mutated(content: bytes, bundle: str, seed: int) -> tuple[bytes, str]:
    """Move dates by whole years, and spell words and numbers of six or more signs otherwise, alike in both texts.

    Only words that stand as whole values in message and reference are moved; MSH stays as it is but for its time.
    """
    draw = random.Random(seed)  # noqa: S311 - a test's seed
    text = content.decode("utf-8", "replace")
    years = draw.randint(1, 9)
    head, _, body = text.partition("\r" if "\r" in text else "\n")
    values = {raw for name, place, raw in split(text) if place[4] and name != "MSH"}
    quoted = set(re.findall(r'"((?:[^"\\]|\\.)+)"', bundle))
    swaps = {
        raw: "".join(_moved(sign, draw) for sign in raw)
        for raw in sorted(values & quoted)
        if re.fullmatch(r"[A-Za-z][a-z]{4,}|[A-Za-z]+[0-9]{3,}|[0-9]{5,7}|[A-Z]{6,}[0-9]+", raw)
    }
    for raw, other in swaps.items():
        body = re.sub(rf"(?<![\w.]){re.escape(raw)}(?![\w.])", other, body)
        bundle = bundle.replace(f'"{raw}"', f'"{other}"')
    body = _DATE.sub(lambda found: f"{int(found[1]) - years}{found[2]}{found[3]}", body)
    bundle = re.sub(
        r'"((?:19|20)\d\d)(-\d\d-(?:0[1-9]|1\d|2[0-8])[T"])',
        lambda found: f'"{int(found[1]) - years}{found[2]}',
        bundle,
    )
    return (head + ("\r" if "\r" in text else "\n") + body).encode(), bundle


def _moved(sign: str, draw: random.Random) -> str:
    """Another sign of the same kind."""
    for signs in ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "123456789"):
        if sign in signs:
            return draw.choice(signs)
    return sign


def reasons() -> list[tuple[re.Pattern[str], re.Pattern[str], str]]:
    """The kinds of misses that were looked at: pattern of the path, pattern of the field, reason."""
    with REASONS.open(encoding="utf-8", newline="") as handle:
        return [(re.compile(r["path"]), re.compile(r["field"]), r["reason"]) for r in csv.DictReader(handle)]


def reason_of(miss: str, known: list[tuple[re.Pattern[str], re.Pattern[str], str]]) -> str:
    """Why a fact is missed, `?` when nobody has said so."""
    path, _, rest = miss.partition(" <- ")
    fields = rest.partition(" = ")[0]
    return next((why for at, where, why in known if at.search(path) and where.search(fields)), "?")


def main(arguments: list[str]) -> int:
    """Print recall by file, family and corpus; exit 1 when a target is missed or an unconsumed report is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", choices=sorted(TARGETS))
    parser.add_argument("--file", default="", help="only files whose name has this in it")
    parser.add_argument("--missing", type=int, default=0, help="show so many kinds of missing facts")
    parser.add_argument("--mutate", type=int, default=None, help="move the values of the messages by this seed")
    parser.add_argument("--brief", action="store_true", help="no line for each file")
    options = parser.parse_args(arguments)
    root = os.environ.get("UNSILO_CORPORA")
    if not root:
        print("recall: UNSILO_CORPORA is not set; nothing to measure")
        return 0
    reader, known, wrong = Reader(), reasons(), 0
    for name in options.corpus or sorted(TARGETS):
        families: dict[str, Score] = {}
        missing: Counter[str] = Counter()
        for message, reference in corpus(Path(root), name):
            if options.file not in message.name:
                continue
            words = split(message.read_text("utf-8", "replace"))
            family = next(raw for word, place, raw in words if word == "MSH" and place[1] == 9)
            found = reader.score(message, reference, missing, options.mutate)
            families.setdefault(family[:3], Score()).add(found)
            if not options.brief:
                flag = f"  UNCONSUMED WRONG {found.unexplained[:3]}" if found.unexplained else ""
                print(f"{found.recall:6.3f} {found.same:6.3f} {found.recalled:5}/{found.facts:<5} {message.stem}{flag}")
        wrong += summary(name, families, missing, known, options.missing, options.mutate is None)
    return 1 if wrong else 0


def summary(
    name: str, families: dict[str, Score], missing: Counter[str], known: Any, most: int, seed_free: bool
) -> int:
    """Print the figures of a corpus; return how many of its targets are missed."""
    total = Score()
    for family, found in sorted(families.items()):
        print(f"{name} {family}: {found.recall:.3f}, in the same type {found.same:.3f} ({found.facts})")
        total.add(found)
    why = Counter(dict.fromkeys(("fabricated", "wrong", "ours", "?"), 0))
    for miss, count in missing.items():
        why[reason_of(miss, known)] += count
    recall, same = TARGETS[name]
    reached = total.recall >= recall and total.same >= same
    print(
        f"{name} total: recall {total.recall:.4f} ({total.recalled}/{total.facts}; "
        f"{total.held / max(total.facts, 1):.4f} without {total.translated} translated), "
        f"in the same type {total.same:.4f}, targets {recall} and {same} "
        f"{'reached' if reached else 'MISSED'}; misses {dict(why)}; leaves {total.leaves}, not consumed "
        f"{total.unconsumed} ({total.unconsumed / max(total.leaves, 1):.3f}), report "
        f"{'WRONG' if total.unexplained else 'complete'}"
    )
    for text, count in missing.most_common(most):
        print(f"  {count:4} {reason_of(text, known):10} {text}")
    return (not reached) + bool(total.unexplained) + (seed_free and why["?"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
