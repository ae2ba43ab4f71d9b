"""A 33-segment ORU (28 OBX) and an ADT of 24 segments to FHIR with lineage, beside peers of PyPI.

The peers are `hl7v2-fhir-bridge` and `brightohir`; the ADT is made here, each message of another patient.

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
TARGET_ADT = 1000.0
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


def others(content: bytes, count: int = 4000) -> list[bytes]:
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


ADT = """
MSH|^~\\&|ADT|NORTH|HUB|HUB|20240115{time}||ADT^A01^ADT_A01|A{n}|P|2.5.1|||AL|NE||UNICODE UTF-8
EVN|A01|20240115{time}
PID|1||{n}^^^NORTH&1.2.3.4&ISO^MR~{n}9^^^SSA&2.16.840.1.113883.4.1&ISO^SS||Rivera{n}^Ana^M||19{year}0517|F||2106-3^White^\
HL70005|{n} Mill Lane^^Springfield^IL^62701^USA^H||^PRN^PH^^^217^555{n}|||M^Married^HL70002||AC{n}^^^NORTH^AN
PD1||||1234^Lang^Peter^^^Dr.^^^NPI&2.16.840.1.113883.4.6&ISO^L^^^NPI
NK1|1|Rivera^Luis|SPO^Spouse^HL70063|{n} Mill Lane^^Springfield^IL^62701|^PRN^PH^^^217^555{n}
NK1|2|Rivera^Eva|DAU^Daughter^HL70063
PV1|1|I|4E^12^1^NORTH|E|||1234^Lang^Peter^^^Dr.^^^NPI&2.16.840.1.113883.4.6&ISO^L^^^NPI|||MED||||1|||||V{n}^^^NORTH^VN|\
||||||||||||||||||||||||20240115{time}
PV2|||R07.9^Chest pain^I10C
OBX|1|NM|8302-2^Body height^LN||{height}|cm^cm^UCUM|||||F|||20240115{time}
OBX|2|NM|29463-7^Body weight^LN||{weight}|kg^kg^UCUM|||||F|||20240115{time}
AL1|1|DA|91936005^Penicillin^SCT|MO|Rash|20100101
AL1|2|FA|91935009^Peanut^SCT|SV|Swelling
AL1|3|EA|256277009^Grass pollen^SCT|MI
AL1|4|DA|387207008^Ibuprofen^SCT|MI
DG1|1||R07.9^Chest pain, unspecified^I10C||20240115{time}|A
DG1|2||I10^Essential hypertension^I10C||20200301|W
DG1|3||E11.9^Type 2 diabetes^I10C||20180601|W
PR1|1||93000^Electrocardiogram^C4||20240115{time}
GT1|1||Rivera^Luis||{n} Mill Lane^^Springfield^IL^62701|^PRN^PH^^^217^555{n}|||||SPO^Spouse^HL70063
IN1|1|PPO^Preferred^L|771^^^NAIC|Blue Plan|PO Box 1^^Chicago^IL^60601||||||||||Rivera^Luis|SPO^Spouse^HL70063
IN2|1||{n}
IN1|2|HMO^Supplement^L|772^^^NAIC|Green Plan
ACC|20240115{time}|F^Fall^L
ZPV|1|{n}
"""
"""An admission as a hospital's system sends it, in 24 segments."""


def admissions(count: int = 4000) -> list[bytes]:
    """Return admissions of other patients, numbers, times and values."""
    made = []
    for n in range(count):
        clock = f"{n % 24:02d}{n * 7 % 60:02d}00-0600"
        text = ADT.format(n=100_000 + n, time=clock, year=30 + n % 70, height=150 + n % 50, weight=f"{50 + n % 60}.5")
        made.append(text.strip().replace("\n", "\r").encode() + b"\r")
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
    for _ in range(WARM * 10):
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
    admitted = admissions()
    enter = ours(*admitted)
    for _ in range(WARM * 10):
        result = enter()
    rows = sum(len(entry.rows) for entry in result.entries)
    speed = rate(enter)
    print(f"ADT of {admitted[0].count(bytes([13]))} segments, {len(admitted[0])} bytes, another patient each:")
    print(f"unsilo: {speed:,.0f}/s, {len(result.entries)} resources, {rows} lineage rows")
    for name, make in (("hl7v2-fhir-bridge", bridge), ("brightohir", bright)):
        try:
            print(f"{name}: {rate(make(admitted[0])):,.0f}/s, {values(make(admitted[0])())} values, the same message")
        except Exception as error:  # noqa: BLE001 - a peer may be missing or refuse the message in any way
            print(f"{name}: gives nothing ({type(error).__name__})")
    print(f"target {TARGET_ADT:,.0f}/s: {'reached' if speed >= TARGET_ADT else 'not reached'}")
    return 0 if mine >= TARGET and speed >= TARGET_ADT else 1


if __name__ == "__main__":
    sys.exit(main())
