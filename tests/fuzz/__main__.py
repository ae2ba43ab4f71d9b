"""`python -m tests.fuzz [--seconds N] [--target NAME] [--seed N] [[--shrink] FILE ...]`; a FILE is tried again."""

import argparse
import sys
from pathlib import Path

from tests.fuzz.driver import run, shrink
from tests.fuzz.targets import BY_NAME, TARGETS

FOLDER = Path("build/fuzz")


def main(arguments: list[str] | None = None) -> int:
    """Fuzz the named targets or all; the exit status is 1 when one crashed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each target (2)")
    parser.add_argument("--seed", type=int, default=1, help="where the random choices start (1)")
    parser.add_argument("--target", action="append", choices=sorted(BY_NAME), help="only this one; may be repeated")
    parser.add_argument("--shrink", action="store_true", help="print the smallest part of each FILE that still fails")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="saved inputs to try instead")
    given = parser.parse_args(arguments)
    failed = False
    for name in given.target or TARGETS:
        target = BY_NAME[name]
        try:
            call = target.make()
        except ModuleNotFoundError as missing:
            print(f"{name:22} is not there: {missing}", flush=True)
            continue
        if given.files:
            for file in given.files:
                if given.shrink:
                    print(f"{name}  {file}: {shrink(call, file.read_bytes())!r}", flush=True)
                    continue
                print(f"{name}  {file}: {call(file.read_bytes())}")
            continue
        report = run(name, call, target.seeds, target.words, seconds=given.seconds, seed=given.seed, folder=FOLDER)
        found = f"{len(report.crashes)} crashes" if report.crashes else "no crash"
        print(f"{name:22} {report.executions:9,} inputs  {report.behaviours:5} behaviours  {found}", flush=True)
        for crash in report.crashes:
            failed = True
            print(f"    {crash.what}\n    {crash.path}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
