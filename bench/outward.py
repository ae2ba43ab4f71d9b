"""FHIR to C-CDA and to HL7 v2 and back: which coded facts return with date and value, over 200 persons.

python -m bench.outward                 # persons of UNSILO_CORPORA (synthea-r4, us-core-examples), others derived
python -m bench.outward --persons 50 --seed 7

Where the corpora have fewer persons, further ones are derived by a seed: a part of a person's resources, dates moved
and numbers changed; and made-up people of bench.population. Each document is checked against the rules of its
templates (cardinality and fixed values).
"""

import argparse
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.population import people
from tests.conformance.outward_facts import kept
from unsilo.formats import ccda, hl7v2
from unsilo.kernel import json, seal
from unsilo.mapping import Site, load
from unsilo.mapping.outward import Record, faults, gather, to_ccda, to_hl7v2

AT = 1_763_700_000_000_000
MESSAGES = frozenset(("AllergyIntolerance", "Condition", "Immunization", "Observation"))
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?=$|T)")
_KEPT = ("Patient", "Practitioner", "Organization", "Location", "Medication", "PractitionerRole")


def corpus_bundles() -> Iterator[dict[str, Any]]:
    """Yield what there is in UNSILO_CORPORA."""
    root = os.environ.get("UNSILO_CORPORA", "")
    if not root:
        return
    for path in sorted(Path(root, "synthea-r4").rglob("*.json")):
        yield json.decode(path.read_bytes())
    examples = sorted(Path(root, "us-core-examples").rglob("*.json"))
    yield {"resourceType": "Bundle", "entry": [{"resource": json.decode(path.read_bytes())} for path in examples]}


def changed(value: Any, days: timedelta, draw: random.Random) -> Any:
    """Return a resource with its dates moved and its decimal numbers changed."""
    if isinstance(value, dict):
        return {key: changed(item, days, draw) for key, item in value.items()}
    if isinstance(value, list):
        return [changed(item, days, draw) for item in value]
    if isinstance(value, str):
        return _DATE.sub(lambda m: (date(int(m[1]), int(m[2]), int(m[3])) + days).isoformat(), value)
    if isinstance(value, Decimal) and value:
        return (value * draw.randint(80, 120) / 100).quantize(Decimal("0.01"))
    return value


def derived(bundles: list[dict[str, Any]], seed: int) -> Iterator[dict[str, Any]]:
    """Yield persons derived from others, without end."""
    draw = random.Random(seed)
    while bundles:
        base = draw.choice(bundles)
        days = timedelta(days=draw.randint(-3000, 300))
        part = draw.uniform(0.3, 0.9)
        entries = [
            {**entry, "resource": changed(entry["resource"], days, draw)}
            for entry in base["entry"]
            if entry["resource"]["resourceType"] in _KEPT or draw.random() < part
        ]
        yield {"resourceType": "Bundle", "entry": entries}


def records(wanted: int, seed: int) -> Iterator[tuple[str, Record]]:
    """Yield persons with where they come from: those of the corpora first, then half derived, half made up."""
    count = 0
    bundles = list(corpus_bundles())
    for bundle in bundles:
        for record in gather(bundle):
            if count < wanted:
                count += 1
                yield "corpora", record
    more, made_up = derived(bundles[:-1], seed), people(max(1, wanted), seed)
    while count < wanted:
        turn = count % 2 and bool(bundles[:-1])
        resources: Any = None if turn else {"entry": [{"resource": one} for one in next(made_up)]}
        for record in gather({"resourceType": "Bundle", **(resources or next(more))})[:1]:
            count += 1
            yield "derived" if turn else "made up", record


def back(content: bytes, fmt: str) -> list[dict[str, Any]]:
    """Return the resources that a document or message becomes."""
    parsed: Any = ccda.parse(content) if fmt == "ccda" else hl7v2.parse(content)
    mapped = load(fmt, Site(feed="back")).run(parsed.value, seal("back", fmt, content, AT))
    return [entry.resource for entry in mapped.entries]


def main() -> int:
    """Print shares by source and format, what did not return by type, and broken rules; 1 when below .99."""
    parser = argparse.ArgumentParser(prog="python -m bench.outward")
    parser.add_argument("--persons", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    good: Counter[tuple[str, str]] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    kinds: Counter[tuple[str, str]] = Counter()
    persons: Counter[str] = Counter()
    broken = documents = 0
    began = time.process_time()
    for source, record in records(asked.persons, asked.seed):
        persons[source] += 1
        for fmt, write in (("ccda", to_ccda), ("hl7v2", to_hl7v2)):
            made = write(record, AT)
            if fmt == "ccda":
                documents += 1
                tree = ccda.parse(made.contents[0]).value
                broken += len(faults(tree)) if tree is not None else 1
            before = [one for one in record.resources if fmt == "ccda" or one["resourceType"] in MESSAGES]
            found, missing = kept(before, [one for content in made.contents for one in back(content, fmt)])
            good[fmt, source] += len(found)
            lost[fmt, source] += len(missing)
            kinds.update((fmt, fact.kind) for fact in missing)
    print(f"{sum(persons.values())} persons ({', '.join(f'{n} {name}' for name, n in persons.items())})")
    worst = 1.0
    for fmt in ("ccda", "hl7v2"):
        all_good = sum(n for key, n in good.items() if key[0] == fmt)
        total = all_good + sum(n for key, n in lost.items() if key[0] == fmt)
        worst = min(worst, all_good / max(total, 1))
        parts = ", ".join(
            f"{name} {good[fmt, name] / max(1, good[fmt, name] + lost[fmt, name]):.4f}" for name in persons
        )
        print(f"{fmt}: {all_good / max(total, 1):.4f} of {total} coded facts return ({parts})")
    for (fmt, kind), n in kinds.most_common(12):
        print(f"  not returned, {fmt}: {n} {kind}")
    print(f"{broken} broken rules in {documents} documents; {time.process_time() - began:.0f} s of CPU")
    return int(worst < 0.99 or broken > 0)


if __name__ == "__main__":
    sys.exit(main())
