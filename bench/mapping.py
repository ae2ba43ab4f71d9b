"""A 33-segment ORU (28 OBX) to FHIR with lineage, beside `hl7v2-fhir-bridge` and `brightohir` of PyPI.

CPU time of the process per message from bytes to resources, median of several windows, on the same bytes in the same
run. What each gives is said beside its speed: resources and values, because they differ widely. Ours includes ids,
references, the Provenance, a lineage row for every leaf and the list of what nothing consumed. What recurs in a feed is
remembered, so the same is measured with another patient, other order numbers, values and times in each message.
"""

import gc
import sys
from collections.abc import Callable
from importlib import import_module
from itertools import cycle
from statistics import median
from time import process_time
from typing import Any

from bench.parse import sample
from unsilo.fhir.leaves import leaves
from unsilo.formats import hl7v2
from unsilo.kernel import seal
from unsilo.mapping import Mapped, Site, load

WINDOWS = 7
WINDOW_SECONDS = 0.3
WARM = 60
TARGET = 1500.0
AT = 1_700_000_000_000_000


def ours(*contents: bytes) -> Callable[[], Mapped]:
    """Return one conversion with unsilo, parsing included; of several messages each call takes the next one."""
    compiled = load("hl7v2", Site(feed="bench"))
    turn = cycle([(content, seal("bench", "hl7v2", content, AT)) for content in contents])

    def convert() -> Mapped:
        content, envelope = next(turn)
        message = hl7v2.parse(content).value
        assert message is not None
        return compiled.run(message, envelope)

    return convert


def others(content: bytes, count: int = 400) -> list[bytes]:
    """Return messages like this one with other patients, order numbers, values and times."""
    made = []
    for number in range(count):
        lines = []
        for line in content.rstrip(b"\r").split(b"\r"):
            fields = line.split(b"|")
            if fields[0] == b"OBX" and fields[2] == b"NM":
                fields[5] = b"%d.%d" % (number % 97, number % 9)
            if fields[0] == b"OBX" and len(fields) > 14:
                fields[14] = b"201101%02d%02d3428-0800" % (1 + number % 28, number % 24)
            text = b"|".join(fields)
            for known in (b"PATID1234", b"ORD666555", b"R-991133", b"GORD874233", b"Jones", b"NIST-LRI-NG-002.00"):
                text = text.replace(known, known + b"%d" % number)
            lines.append(text)
        made.append(b"\r".join(lines) + b"\r")
    return made


def bridge(content: bytes) -> Callable[[], list[Any]]:
    """Return one conversion with hl7v2-fhir-bridge."""
    convert = import_module("v2fhir.convert").convert
    parse = import_module("v2fhir.hl7.parser").parse_bytes
    config = import_module("v2fhir.config").Config()
    return lambda: [entry["resource"] for entry in convert(parse(content), config).bundle["entry"]]


def bright(content: bytes) -> Callable[[], list[Any]]:
    """Return one conversion with brightohir."""
    convert = import_module("brightohir").v2_to_r5
    text = content.decode("utf-8", "replace")
    return lambda: convert(text)


def rate(convert: Callable[[], object]) -> float:
    """Return conversions a second of CPU time."""
    for _ in range(3):
        convert()
    begin = process_time()
    convert()
    once = max(process_time() - begin, 1e-6)
    batch = max(1, int(WINDOW_SECONDS / once))
    found = []
    for _ in range(WINDOWS):
        begin = process_time()
        for _ in range(batch):
            convert()
        found.append(batch / (process_time() - begin))
    return median(found)


def values(resources: object) -> int:
    """Count the primitive values of what a converter gave."""
    if hasattr(resources, "model_dump"):
        resources = resources.model_dump(exclude_none=True)
    if isinstance(resources, dict) and "entry" in resources:
        resources = [entry.get("resource", {}) for entry in resources["entry"]]
    return sum(1 for _ in leaves(resources))


def main() -> int:
    """Measure, print, and fail when the target is not met."""
    content, source = sample()
    convert = ours(content)
    for _ in range(WARM):  # segment shapes that come often are compiled for, as in a running node
        result = convert()
    rows = sum(len(entry.rows) for entry in result.entries)
    given = sum(values(entry.resource) for entry in result.entries)
    print(f"message: {source}, {len(content)} bytes; collection of cycles as in a worker: frozen, rare")
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    mine = rate(convert)
    print(f"unsilo: {mine:,.0f}/s, {len(result.entries)} resources, {given} values, {rows} lineage rows")
    print(f"  {1e6 / mine / given:.2f} microseconds a value")
    varied = ours(*others(content))
    for _ in range(WARM):
        varied()
    print(f"unsilo, another patient, order, values and times in each message: {rate(varied):,.0f}/s")
    for name, make in (("hl7v2-fhir-bridge", bridge), ("brightohir", bright)):
        try:
            other = make(content)
            made = other()
        except ImportError:
            print(f"{name}: not installed (the dependency group `bench` has it)")
            continue
        except Exception as error:  # noqa: BLE001 - a peer may refuse the message in any way
            print(f"{name}: refuses the message ({type(error).__name__}: {str(error)[:80]})")
            continue
        speed, count = rate(other), max(1, values(made))
        print(f"{name}: {speed:,.0f}/s, {count} values, {1e6 / speed / count:.2f} microseconds a value")
        print(f"  unsilo is {mine / speed:,.2f} times as fast by message, {mine * given / speed / count:,.1f} by value")
    print(f"target {TARGET:,.0f}/s: {'reached' if mine >= TARGET else 'not reached'}")
    return 0 if mine >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
