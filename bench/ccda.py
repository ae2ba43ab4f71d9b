"""C-CDA documents of 46 and 151 kB to FHIR with lineage, beside `ccda-to-fhir` of PyPI and `@medplum/ccda` of npm.

CPU time of one process a document from bytes to resources, median of several windows, on the same bytes in the same
run. Ours includes ids, references, Provenance, a lineage row for every leaf and the list of what nothing consumed. The
documents are made of parts of our own, as large as HL7's samples that others are measured with. The peers are run by
`UNSILO_BENCH_CCDA_PYTHON` (a Python that has `ccda-to-fhir`) and in `UNSILO_BENCH_NODE` (a folder whose node_modules
have `@medplum/ccda` and `@medplum/core`); one that is not there is said.
"""

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from statistics import median
from time import process_time

from unsilo.fhir.leaves import leaves
from unsilo.formats import ccda
from unsilo.kernel import seal
from unsilo.mapping import Mapped, Site, load

WINDOWS = 7
WINDOW_SECONDS = 0.4
AT = 1_700_000_000_000_000
TARGETS = {46_000: 400.0, 151_000: 120.0}
_GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "ccda" / "ccd.xml"

_PYTHON = """
import json, logging, sys, warnings
from statistics import median
from time import process_time
logging.disable(logging.CRITICAL); warnings.simplefilter("ignore")
from ccda_to_fhir import convert_document
text = open(sys.argv[1], encoding="utf-8").read()
made = convert_document(text)
bundle = made["bundle"] if isinstance(made, dict) else made.bundle
if hasattr(bundle, "model_dump_json"): bundle = json.loads(bundle.model_dump_json(exclude_none=True))
def leaves(node):
    if isinstance(node, dict): return sum(map(leaves, node.values()))
    return sum(map(leaves, node)) if isinstance(node, list) else 1
found = []
for _ in range(5):
    begin, count = process_time(), 0
    while process_time() - begin < 0.5:
        convert_document(text); count += 1
    found.append(count / (process_time() - begin))
resources = [entry["resource"] for entry in bundle["entry"]]
print(json.dumps({"rate": median(found), "resources": len(resources), "values": leaves(resources)}))
"""
_NODE = """
const fs = require('fs');
const { convertXmlToCcda, convertCcdaToFhir } = require('@medplum/ccda');
const text = fs.readFileSync(process.argv[2], 'utf8');
const leaves = n => n && typeof n === 'object' ? Object.values(n).reduce((a, b) => a + leaves(b), 0) : 1;
const bundle = convertCcdaToFhir(convertXmlToCcda(text));
const found = [];
for (let i = 0; i < 5; i++) {
  let count = 0; const begin = process.cpuUsage();
  const spent = () => { const u = process.cpuUsage(begin); return (u.user + u.system) / 1e6; };
  while (spent() < 0.5) { convertCcdaToFhir(convertXmlToCcda(text)); count++; }
  found.push(count / spent());
}
found.sort((a, b) => a - b);
const r = bundle.entry.map(e => e.resource);
console.log(JSON.stringify({ rate: found[2], resources: r.length, values: leaves(r) }));
"""


def sample(size: int) -> bytes:
    """Return a document of about a size: the golden document with its entries repeated under other ids."""
    text = _GOLDEN.read_text("utf-8")
    for number in range(1, 40):
        entries = re.findall(r"<entry\b.*?</entry>", text, flags=re.DOTALL)
        room = size - len(text.encode())
        if room < min(map(len, entries)):
            break
        for entry in entries:
            if len(entry) < room:
                more = entry.replace('extension="', f'extension="{number}-')
                text, room = text.replace(entry, entry + more, 1), room - len(more)
    return text.encode()


def corpus() -> list[bytes]:
    """Return HL7's two sample CCDs where the corpora are at hand; the peers refuse documents less usual than these."""
    found = Path(os.environ.get("UNSILO_CORPORA", "."), "c-cda-examples", "Documents", "CCD")
    return [path.read_bytes() for path in (found / "CCD 2" / "CCD.xml", found / "CCD 1" / "CCD.XML") if path.exists()]


_ID = re.compile(rb'(\bextension=")([^"]+)"')
_VALUE = re.compile(rb'(\bvalue=")(\d{8}(?:\d{4,6})?(?:[+-]\d{4})?|\d{1,4}(?:\.\d+)?)"')
_NAME = re.compile(rb"<(given|family)>([^<]*)<")


def others(content: bytes, count: int) -> list[bytes]:
    """Return documents like this one with other ids of everything, names, days and values."""

    def valued(hit: re.Match[bytes]) -> bytes:
        text = hit[2]
        if len(text) >= 8:
            return hit[1] + text[:6] + b"%02d" % (1 + (number + int(text[6:8])) % 28) + text[8:] + b'"'
        return hit[1] + text[:-1] + b"%d" % ((number + int(text[-1:])) % 10) + b'"'

    made = []
    for number in range(100, 100 + count):
        text = _ID.sub(lambda hit: hit[1] + hit[2] + b'%d"' % number, content)  # noqa: B023 - called at once
        text = _NAME.sub(lambda hit: b"<" + hit[1] + b">" + hit[2] + b"%d<" % number, text)  # noqa: B023 - the same
        made.append(_VALUE.sub(valued, text))
    return made


def ours(*contents: bytes) -> Callable[[], Mapped]:
    """Return one conversion with unsilo, parsing included; of several documents each call takes the next one."""
    compiled = load("ccda", Site(feed="bench"))
    turn = cycle([(content, seal("bench", "ccda", content, AT)) for content in contents])

    def convert() -> Mapped:
        content, envelope = next(turn)
        document = ccda.parse(content).value
        assert document is not None
        return compiled.run(document, envelope)

    return convert


def rate(convert: Callable[[], object]) -> float:
    """Return conversions a second of CPU time."""
    for _ in range(5):
        convert()
    found = []
    for _ in range(WINDOWS):
        begin, count = process_time(), 0
        while process_time() - begin < WINDOW_SECONDS:
            convert()
            count += 1
        found.append(count / (process_time() - begin))
    return median(found)


def peer(name: str, command: list[str], program: str, suffix: str, content: bytes, folder: str = "") -> None:
    """Run a peer in a process of its own on the same bytes, and say what it gave."""
    with tempfile.TemporaryDirectory() as scratch:
        document, script = Path(scratch, "document.xml"), Path(folder or scratch, f"bench-ccda{suffix}")
        document.write_bytes(content)
        script.write_text(program, "utf-8")
        done = subprocess.run(
            [*command, str(script), str(document)], capture_output=True, text=True, timeout=300, check=False
        )
        if folder:
            script.unlink()
    if done.returncode:
        print(f"  {name}: refuses the document ({(done.stderr.strip().splitlines() or ['?'])[-1][:100]})")
        return
    said = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"  {name}: {said['rate']:,.0f}/s, {said['resources']} resources, {said['values']:,} values")


def main() -> int:
    """Measure, print, and fail when a target is not met."""
    missed = 0
    python, node = os.environ.get("UNSILO_BENCH_CCDA_PYTHON", ""), os.environ.get("UNSILO_BENCH_NODE", "")
    given = [Path(name).read_bytes() for name in os.environ.get("UNSILO_BENCH_CCDA", "").split(os.pathsep) if name]
    contents = given or corpus() or [sample(size) for size in TARGETS]
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # collection of cycles as in a worker: frozen, rare
    for content in contents:
        target = TARGETS[46_000] if len(content) < 80_000 else TARGETS[151_000]
        convert = ours(content)
        made = convert()
        rows = sum(len(entry.rows) for entry in made.entries)
        values = sum(1 for entry in made.entries for _ in leaves(entry.resource))
        speed = rate(convert)
        print(
            f"{len(content) / 1000:,.0f} kB: unsilo {speed:,.0f}/s, {len(made.entries)} resources, {values:,} values, "
            f"{rows:,} lineage rows; target {target:,.0f}/s: {'reached' if speed >= target else 'not reached'}"
        )
        missed += speed < target
        print(f"  other ids, names, days and values in each document: {rate(ours(*others(content, 200))):,.0f}/s")
        if python:
            peer("ccda-to-fhir", [python], _PYTHON, ".py", content)
        else:
            print("  ccda-to-fhir: not measured (UNSILO_BENCH_CCDA_PYTHON names no Python that has it)")
        if node and shutil.which("node"):
            peer("@medplum/ccda", ["node"], _NODE, ".js", content, node)
        else:
            print("  @medplum/ccda: not measured (UNSILO_BENCH_NODE names no folder that has it)")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
