"""Terminology on a made-up system of SNOMED CT's size: building, in process, and over HTTP the tests of tx-benchmark.

    python -m bench terminology [--seconds 5] [--concepts 350000]

The published figures beside are those of tx-benchmark (github HealthSamurai/tx-benchmark, its author is a vendor),
round of 08-Apr-2026 on an Apple M3 with 8 cores, peak requests a second: another machine, so a guide only.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench import _snomed as made
from bench._http import get, load, one
from bench._node import NodeProcess
from unsilo.storage.terminology import Library
from unsilo.terminology import Edition, Terminology
from unsilo.terminology.model import MapGroup, MapRow

ICD = "http://hl7.org/fhir/sid/icd-10"
_PUBLISHED = {
    "LK01": "Termbox 6,280; fhirsmith 4,046; Hades 2,094; Ontoserver 687; Snowstorm 146",
    "VC01": "Termbox 6,763; fhirsmith 3,674; Ontoserver 1,015; Snowstorm 241",
    "VC03": "Termbox 5,913; fhirsmith 1,130; Ontoserver 1,002; Snowstorm 287",
    "SS01": "Termbox 6,587; fhirsmith 5,426; Snowstorm 411; Ontoserver 397",
    "EX01": "Termbox 183; Ontoserver 180; Snowstorm 14; fhirsmith 11; Hades 1",
    "EX03": "Termbox 273; Snowstorm 24; Ontoserver 8; fhirsmith 2",
    "EX08": "Termbox 1,098; Ontoserver 6; fhirsmith 3",
    "CM02": "fhirsmith 7,157; Ontoserver 1,420; Snowstorm 852",
}


def build(folder: Path, concepts: int) -> None:
    """Build the system and a map into a node's folder, and say what that took."""
    library = Library(folder)
    began, cpu = time.perf_counter(), time.process_time()
    builder = library.builder()
    made.feed(builder, concepts)
    builder.group(MapGroup(1, "http://example.org/map", "1", "made-up map", made.URL, ICD))
    for number in range(0, concepts, 3):
        builder.map(MapRow(1, made.code(number), f"{chr(65 + number % 26)}{number % 100:02}.{number % 10}", "wider"))
    built = builder.finish(Edition(made.URL, "http://snomed.info/sct/1/version/20260101", "made-up SNOMED"))
    entry = library.shelve(builder, built, source="bench")
    print(f"built {built.concepts:,} concepts, {built.terms:,} terms, {built.pairs:,} pairs of the closure in "
          f"{time.perf_counter() - began:.1f} s ({time.process_time() - cpu:.1f} s of CPU), {entry.size / 1e6:.0f} MB "
          f"(target: under 90 s)")  # fmt: skip


def times(name: str, target: float, work: Callable[..., object], given: Sequence[tuple[Any, ...]]) -> None:
    """Print the median and 99th percentile of calls in microseconds."""
    spent = []
    for arguments in given:
        began = time.perf_counter_ns()
        work(*arguments)
        spent.append((time.perf_counter_ns() - began) / 1000)
    spent.sort()
    middle, late = spent[len(spent) // 2], spent[len(spent) * 99 // 100]
    aim = f"target {target:g}" if target else ""
    print(
        f"  {name:44} p50 {middle:8.1f} us  p99 {late:8.1f} us  {aim}{'  MISSED' if target and middle > target else ''}"
    )


class World:
    """What is asked: drawn from the system with a fixed seed."""

    def __init__(self, terminology: Terminology, concepts: int) -> None:
        self.draw = random.Random(11)
        self.concepts = concepts
        self.warm: list[str] = []
        system = terminology.system(made.URL)
        assert system is not None
        self.system: Any = system
        rows = system.rows(
            "SELECT c.code FROM lower l JOIN concept c ON c.id = l.id WHERE l.many BETWEEN 2000 AND 20000"
        )  # type: ignore[attr-defined]
        self.tops = [row[0] for row in rows]
        terms = system.rows("SELECT term FROM term WHERE id % 97 = 0 LIMIT 6000")  # type: ignore[attr-defined]
        split = [words for row in terms if len(words := row[0].replace("(", "").replace(")", "").split()) >= 2]
        self.texts = [f"{words[0]} {words[1][:4]}" for words in split]

    def code(self) -> str:
        """Draw a code."""
        return made.code(self.draw.randrange(self.concepts))

    def top(self) -> str:
        """Draw a code with 2,000 to 20,000 below it."""
        return self.draw.choice(self.tops)

    def text(self) -> str:
        """Draw two words of a term, the second one only begun."""
        return self.draw.choice(self.texts)


def in_process(terminology: Terminology, world: World) -> None:
    """Measure the calls that other parts of the product make."""
    print("in process")
    codes = [(made.URL, world.code()) for _ in range(5_000)]
    times("display of a code", 20, terminology.display, codes)
    times("all that is known of a code", 0, terminology.lookup, codes)
    pairs = [(made.URL, made.code(world.draw.randrange(2_000)), world.code()) for _ in range(5_000)]
    times("how one code stands to another", 50, terminology.subsumes, pairs)
    maps = [(made.URL, made.code(world.draw.randrange(world.concepts // 3) * 3), ICD) for _ in range(5_000)]
    times("translate", 20, terminology.translate, maps)
    sets = [(f"http://snomed.info/sct?fhir_vs=isa/{world.top()}",) for _ in range(2_000)]
    times("first 100 of an is-a expansion", 500, lambda url: terminology.page(url, count=100), sets)
    times("100 of it from the 1,000th", 0, lambda url: terminology.page(url, count=100, offset=1000), sets)
    texts = [(world.text(), made.URL) for _ in range(3_000)]
    times("two-word text search, 20 hits", 1000, terminology.search, texts)
    times("one word begun (4 letters), 20 hits", 0, terminology.search, [(t[:4], u) for t, u in texts])
    within = [(text, made.URL, 20, world.top()) for text, _ in texts[:1_000]]
    times("two words below a concept, 20 hits", 0, terminology.search, within)
    times("50 most similar terms", 0, terminology.candidates, [(t, u) for t, u in texts[:500]])
    ecl = [(f"http://snomed.info/sct?fhir_vs=ecl/{quote(f'< {world.top()} : {made.FINDING_SITE} = << {world.top()}')}",)
           for _ in range(200)]  # fmt: skip
    times("ECL with a refinement, worked out anew", 0, lambda url: terminology.page(url, count=100), ecl)


def asks(world: World) -> dict[str, tuple[str, float, Callable[[], str]]]:
    """Return path makers of the eight tests with their targets."""
    system = quote(made.URL, safe="")

    def isa() -> str:
        return quote(f"{made.URL}?fhir_vs=isa/{world.top()}", safe="")

    def property_set() -> str:
        ecl = f"<< {world.top()} : {made.FINDING_SITE} = *"
        return quote(f"{made.URL}?fhir_vs=ecl/{ecl}", safe="")

    kept = [property_set() for _ in range(20)]
    for url in kept:  # worked out once, as a server that has been asked before has it
        world.warm.append(f"/fhir/ValueSet/$expand?url={url}&count=1")
    return {
        "LK01": ("$lookup", 4_000, lambda: f"/fhir/CodeSystem/$lookup?system={system}&code={world.code()}"),
        "VC01": ("$validate-code", 4_000,
                 lambda: f"/fhir/CodeSystem/$validate-code?url={system}&code={world.code()}"),
        "VC03": ("is-a membership", 0, lambda: f"/fhir/ValueSet/$validate-code?url={isa()}&system={system}"
                 f"&code={world.code()}"),
        "SS01": ("$subsumes", 4_000, lambda: f"/fhir/CodeSystem/$subsumes?system={system}&codeA={world.code()}"
                 f"&codeB={world.code()}"),
        "EX01": ("is-a expand, count and offset", 500, lambda: f"/fhir/ValueSet/$expand?url={isa()}&count=100"
                 f"&offset={world.draw.randrange(10) * 100}"),
        "EX03": ("text filter", 500, lambda: f"/fhir/ValueSet/$expand?url={system}%3Ffhir_vs&count=20"
                 f"&filter={quote(world.text())}"),
        "EX08": ("is-a, property and text", 0, lambda: f"/fhir/ValueSet/$expand?url={world.draw.choice(kept)}&count=20"
                 f"&filter={quote(world.text().split()[0])}"),
        "CM02": ("$translate", 0, lambda: f"/fhir/ConceptMap/$translate?system={system}&targetsystem="
                 f"{quote(ICD, safe='')}&code={made.code(world.draw.randrange(world.concepts // 3) * 3)}"),
    }  # fmt: skip


def processor(node: NodeProcess) -> float:
    """Return the seconds of processor time that a node has taken: what it takes when others use the machine too."""
    assert node.process is not None
    fields = Path(f"/proc/{node.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def over_http(folder: Path, world: World, seconds: float, connections: int) -> None:
    """Measure a node over HTTP; the load comes from this process, beside it on the same cores."""
    print(f"over HTTP, {connections} connections, {seconds:g} s each, the load on the same cores")
    node = NodeProcess(folder)
    node.start()
    try:
        tests = asks(world)
        for path in world.warm:
            assert one(node.http, get(path))[0] == 200, path
        for name, (what, target, make) in tests.items():
            status, body = one(node.http, get(make()))
            assert status == 200, (name, status, body[:300])
            paths = [get(make()) for _ in range(3_000)]

            def again(all_: list[bytes] = paths) -> Iterator[bytes]:
                while True:
                    yield from all_

            load(node.http, again(), connections=connections, seconds=min(1.0, seconds))
            cpu = processor(node)
            found = load(node.http, again(), connections=connections, seconds=seconds)
            spent = (processor(node) - cpu) / max(1, len(found.times)) * 1e6
            bad = {s: n for s, n in found.statuses.items() if s != 200}
            missed = "  MISSED" if target and found.rate < target else ""
            aim = f"target {target:,.0f}" if target else ""
            print(f"  {name} {what:28} {found.rate:7,.0f}/s  p50 {found.at(0.5):5.2f} p99 {found.at(0.99):6.2f} ms  "
                  f"{spent:5.0f} us of CPU each  {aim}{missed}{f'  others: {bad}' if bad else ''}")  # fmt: skip
            print(f"       published: {_PUBLISHED[name]}")
    finally:
        node.stop()


def main() -> None:
    """Build, then measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.terminology")
    parser.add_argument("--concepts", type=int, default=made.CONCEPTS)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=16)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        from unsilo.flow.terminology.library import open_terminology

        build(folder / "data" / "terminology", asked.concepts)
        terminology = open_terminology(folder / "data")
        world = World(terminology, asked.concepts)
        in_process(terminology, world)
        over_http(folder, world, asked.seconds, asked.connections)


if __name__ == "__main__":
    main()
