"""Parsing and reducing UCUM expressions, each a distinct one and none cached, beside `ucumvert` of PyPI.

Both read the same expressions in the same run: UCUM's own examples, and products and quotients made of them so that
none comes twice; that they give the same values is shown in `tests/conformance/test_ucum.py`. The time to import and
read the essence file is measured in fresh processes.
"""

import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module, resources
from random import Random
from statistics import median
from time import perf_counter, process_time

from unsilo.units import canonical, convert
from unsilo.units.unit import parse_uncached

ROUNDS = 5
ASKED = 30.0
START_MS = 30.0
MINE = "from unsilo.units import canonical; assert canonical('mg/dL')"
THEIRS = "from ucumvert import PintUcumRegistry; PintUcumRegistry().from_ucum('mg/dL')"
KERNEL = "import unsilo.kernel.result, unsilo.kernel.issue"


def expressions() -> tuple[list[str], list[str]]:
    """Return the examples that both read, and 600 distinct expressions made of two or three of them."""
    text = (resources.files("ucumvert") / "vendor/ucum_examples.tsv").read_text("utf-8")
    codes = [line.split("\t")[1] for line in text.splitlines()[1:]]
    plain = [c for c in codes if (unit := canonical(c)) is not None and unit.special is None]
    random, made = Random(11), set[str]()
    while len(made) < 600:
        first, second, third = random.sample(plain, 3)
        made.add(random.choice([f"({first})/({second})", f"({first}).({second})", f"({first})/({second})/({third})"]))
    return [c for c in codes if canonical(c) is not None], sorted(made)


def spent(call: Callable[[str], object], codes: list[str]) -> float:
    """Return microseconds of CPU an expression: the median of rounds over all."""
    found = []
    for _ in range(ROUNDS):
        start = process_time()
        for code in codes:
            call(code)
        found.append((process_time() - start) / len(codes) * 1e6)
    return median(found)


def started(program: str, before: str = "") -> float:
    """Return milliseconds of a program in a fresh interpreter that has done what comes `before`: the median of five."""
    timed = f"{before}\nimport time; t = time.perf_counter()\n{program}\nprint((time.perf_counter() - t) * 1000)"
    return median(float(subprocess.check_output([sys.executable, "-c", timed])) for _ in range(5))


def main() -> int:
    """Print the table; the exit status is 1 when ucumvert is there and is not beaten by the factor asked."""
    try:
        peer = import_module("ucumvert")
    except ImportError:
        print("ucumvert is not installed, so nothing is measured: `make setup` installs it")
        return 0
    examples, made = expressions()
    parser = peer.get_ucum_parser()
    registry = peer.PintUcumRegistry()
    missed = False
    for what, codes in (("UCUM's examples", examples), ("distinct expressions of them", made)):
        ours = spent(parse_uncached, codes)
        theirs = spent(lambda code: peer.parse_ucum(code, parser), codes)
        print(f"{what}: {len(codes)}")
        print(f"  unsilo    parse and reduce    {ours:9.1f} us")
        print(f"  ucumvert  parse               {theirs:9.1f} us   unsilo is {theirs / ours:.0f} times as fast")
        missed |= theirs / ours < ASKED
    few = [code for code in made if known(code, registry)][:100]
    ours, theirs = spent(parse_uncached, few), spent(registry.from_ucum, few)
    print(f"to a unit with its factor: {len(few)} of the distinct ones")
    print(f"  unsilo                        {ours:9.1f} us")
    print(f"  ucumvert                      {theirs:9.1f} us   unsilo is {theirs / ours:.0f} times as fast")
    missed |= theirs / ours < ASKED
    canonical("mg/dL")
    start = perf_counter()
    for _ in range(100_000):
        canonical("mg/dL")
    print(f"unsilo a unit seen before      {(perf_counter() - start) * 10:9.2f} us")
    start = perf_counter()
    for _ in range(10_000):
        convert(Decimal("5.4"), "mmol/L", "umol/mL")
    print(f"unsilo conversion, exact       {(perf_counter() - start) * 100:9.2f} us")
    print(f"unsilo start after the kernel  {started(MINE, KERNEL):9.1f} ms (asked {START_MS:g})")
    print(f"unsilo start with the kernel   {started(MINE):9.1f} ms")
    print(f"ucumvert start                 {started(THEIRS):9.1f} ms")
    if missed:
        print(f"not reached: {ASKED:g} times", file=sys.stderr)
    return 1 if missed else 0


def known(code: str, registry: object) -> bool:
    """Return whether the peer makes a unit of the code, and so can be timed with it."""
    try:
        registry.from_ucum(code)  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - what it cannot read is not timed
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
