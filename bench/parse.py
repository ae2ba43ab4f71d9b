"""Parsing a 33-segment ORU and reading its header and six fields of each OBX, beside `hl7lw` and `hl7` of PyPI.

CPU time of the process, median of several windows, all readers on the same bytes in the same run. Two readings are
measured: whole fields as text, and components and subcomponents as a mapping needs them. What each reader gives is
compared first, so that nobody is timed for reading less.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from time import process_time
from types import ModuleType

from unsilo.formats import hl7v2

WINDOWS = 7
WINDOW_SECONDS = 0.25
HEADER = (3, 4, 5, 6, 7, 9, 10, 11, 12, 15, 16, 18)
OBX = (2, 3, 5, 6, 7, 11)
TARGETS = {"hl7lw": 1.5, "hl7": 20.0}
SAMPLE = "LRI_2.0-NG_CBC_Typ_Message.hl7"

HEAD = """
MSH|^~\\&|LAB^2.16.840.1.113883.9^ISO|Lab||WARD|20240115140551-0500||ORU^R01^ORU_R01|B-1|T|2.5.1|||AL|NE||UNICODE UTF-8
PID|1||PATID1234^^^Hospital MPI&2.16.840.1.113883.19.3&ISO^MR||Jones^William^A^^^^L||19610615|M||2106-3^White^HL70005
ORC|RE|ORD666555^WARD|R-991133^Lab Filler|GORD874233^WARD||||||||57422^Radon^Nicholas^^^^^^NIST-AA-1^L^^^NPI
OBR|1|ORD666555^WARD|R-991133^Lab Filler|57021-8^CBC W Auto Differential^LN^4456544^CBC^99USI|||20240115103143-0500\
|||||||||57422^Radon^Nicholas^^^^^^NIST-AA-1^L^^^NPI||||||20240115140028-0500|||F
"""

Values = list[str]
Reader = Callable[[bytes], Values]


def sample() -> tuple[bytes, str]:
    """Return the message with carriage returns, and where it is from: the corpus, or made here in the same shape."""
    corpora = os.environ.get("UNSILO_CORPORA")
    found = sorted(Path(corpora).rglob(SAMPLE)) if corpora else []
    if found:
        content = found[0].read_bytes().removeprefix(b"\xef\xbb\xbf")
        return _returns(content), f"ms-hl7v2 {SAMPLE}"
    return made(), "made here (UNSILO_CORPORA is not set)"


def _returns(content: bytes) -> bytes:
    lines = [line for line in content.replace(b"\r", b"\n").split(b"\n") if line]
    return b"\r".join(lines) + b"\r"


def made() -> bytes:
    """Return a 33-segment ORU of about 10 kB: MSH, PID, ORC, OBR, 28 OBX, SPM."""
    lines = [*HEAD.strip().split("\n")]
    lines += [
        f"OBX|{n}|NM|{26452 + n}-{n % 10}^Analyte number {n} [#/volume] in Blood^LN^^^^^^Analyte {n} in Blood||"
        f"{n / 7:.2f}|10*6/uL^million per microliter^UCUM|{n / 10:.1f} to {n / 5:.1f}|N|||F|||20240115103143-0500|||||"
        "20240115123428-0500||||Century Hospital^^^^^NIST-AA-1^XX^^^987|2070 Test Park^^Los Angeles^CA^90067^^B|"
        "2343242^Knowsalot^Phil^^^Dr.^^^NIST-AA-1^L^^^DN"
        for n in range(1, 29)
    ]
    lines.append("SPM|1|S1^WARD&S1F^Lab||119297000^BLD^SCT^^^^^^Blood|||||||||||||20240115103143-0500")
    return "\r".join(lines).encode() + b"\r"


def ours_fields(content: bytes) -> Values:
    """Read whole fields with unsilo."""
    message = hl7v2.parse(content).value
    assert message is not None
    header = message.header
    out = [header.field(n) for n in HEADER]
    for obx in message.all("OBX"):
        fields = obx.fields
        if len(fields) > 11:
            out += fields[2], fields[3], fields[5], fields[6], fields[7], fields[11]
        else:
            out += [obx.field(n) for n in OBX]
    return out


def ours_components(content: bytes) -> Values:
    """Read components with unsilo, unescaped."""
    message = hl7v2.parse(content).value
    assert message is not None
    get = message.header.get
    out = [get(n, 0, 1, 1) for n in HEADER]
    for obx in message.all("OBX"):
        get = obx.get
        out += [get(n, 0, 1, 1) for n in OBX]
    return out


def hl7lw_readers(peer: ModuleType) -> tuple[Reader, Reader]:
    """Return the two readings with hl7lw."""
    parser = peer.Hl7Parser()
    field = import_module("hl7lw.parser").Hl7Field

    def fields(content: bytes) -> Values:
        message = parser.parse_message(content, encoding="utf-8")
        header = message.get_segment("MSH")
        out = [header[n] for n in HEADER]
        for obx in message.get_segments("OBX"):
            out += obx[2], obx[3], obx[5], obx[6], obx[7], obx[11]
        return out

    def components(content: bytes) -> Values:
        message = parser.parse_message(content, encoding="utf-8")
        header = message.get_segment("MSH")
        out = [str(field(parser, header[n])[1][1][1]) for n in HEADER]
        for obx in message.get_segments("OBX"):
            out += [str(field(parser, obx[n])[1][1][1]) for n in OBX]
        return out

    return fields, components


def hl7_readers(peer: ModuleType) -> tuple[Reader, Reader]:
    """Return the two readings with hl7 (python-hl7)."""

    def fields(content: bytes) -> Values:
        message = peer.parse(content, encoding="utf-8")
        header = message.segment("MSH")
        out = [str(header[n]) if n < len(header) else "" for n in HEADER]
        for obx in message.segments("OBX"):
            out += [str(obx[n]) for n in OBX]
        return out

    def components(content: bytes) -> Values:
        message = peer.parse(content, encoding="utf-8")
        out = [
            message.extract_field("MSH", 1, n, 1, 1, 1) or "" if n < len(message.segment("MSH")) else "" for n in HEADER
        ]
        for number, _ in enumerate(message.segments("OBX"), 1):
            out += [message.extract_field("OBX", number, n, 1, 1, 1) or "" for n in OBX]
        return out

    return fields, components


def rates(calls: dict[str, Callable[[bytes], object]], content: bytes) -> dict[str, float]:
    """Return calls a second of CPU time for each: the median of windows that are taken in turn."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for name in list(calls) * WINDOWS:
        call, count, start = calls[name], 0, process_time()
        while (spent := process_time() - start) < WINDOW_SECONDS:
            for _ in range(5):
                call(content)
            count += 5
        found[name].append(count / spent)
    return {name: median(each) for name, each in found.items()}


def main() -> int:
    """Print the table; the exit status is 1 when a peer that is there is not beaten by its factor."""
    content, origin = sample()
    message = hl7v2.parse(content).value
    assert message is not None
    print(f"{len(message.segments)} segments, {len(message.all('OBX'))} OBX, {len(content):,} bytes: {origin}")
    peers: dict[str, tuple[Reader, Reader]] = {}
    for name, make in (("hl7lw", hl7lw_readers), ("hl7", hl7_readers)):
        try:
            peers[name] = make(import_module(name))
        except ImportError:
            print(f"{name} is not installed, so it is not measured: `make bench` installs it")
    alone = rates({"parse alone": hl7v2.parse, "keys": lambda _: hl7v2.keys(message)}, content)
    print(f"unsilo   parse alone                {alone['parse alone']:10,.0f} messages/s of CPU")
    print(f"unsilo   business keys              {1e6 / alone['keys']:10.1f} us a message")
    missed = []
    for index, (what, ours) in enumerate(
        (("header and six fields", ours_fields), ("their components", ours_components))
    ):
        measured = rates({"unsilo": ours, **{name: pair[index] for name, pair in peers.items()}}, content)
        for name, speed in measured.items():
            line = f"{name:8} {what:26} {speed:10,.0f} messages/s of CPU"
            if name != "unsilo":
                ratio = measured["unsilo"] / speed
                asked = f" (asked {TARGETS[name]:g})" if index == 0 else ""
                same = peers[name][index](content) == ours(content)
                line += f"   unsilo is {ratio:.2f} times as fast{asked}" + ("" if same else ", but reads other values")
                if index == 0 and (ratio < TARGETS[name] or not same):
                    missed.append(name)
            print(line)
    if missed:
        print(f"not reached: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
