"""The command `validate`: files against FHIR R4 and profiles, one OperationOutcome a line."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from unsilo.cli.output import FAILED, OK, WRONG, fail, nothing_in, progress
from unsilo.cli.paths import needs_paths

__all__ = ["validate"]


def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="JSON, XML or NDJSON files.")],
    profile: Annotated[
        list[str] | None, typer.Option("--profile", metavar="URL", help="A profile that each resource must meet.")
    ] = None,
    package: Annotated[
        list[Path] | None, typer.Option("--package", metavar="TGZ", help="A FHIR package with further definitions.")
    ] = None,
    plausibility: Annotated[
        bool, typer.Option("--plausibility", help="Tell as warnings what can hardly be true.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for one a core.")] = 0,
) -> None:
    """Check resources against FHIR R4: one OperationOutcome a line, in the order of the files.

    Exit status 1 when a file has an error.
    """
    from unsilo.flow.validate import check_files
    from unsilo.kernel import clock
    from unsilo.spec.packages import PackageError, read_package

    packages = []
    for each in package or []:
        needs_paths([each])
        try:
            packages.append(read_package(each))
        except PackageError as fault:
            fail(WRONG, str(fault), "--package names a FHIR package (.tgz)")
    listed: list[Path] = []
    needs_paths(files, one=True)
    for file in files:  # one that is missing has its line among the others
        listed += [f for f in sorted(file.rglob("*")) if f.is_file()] if file.is_dir() else [file]
    nothing_in(files, listed)
    failed = 0
    with progress(len(listed), "validate") as shown:
        now = clock.now() if plausibility else 0
        for done in check_files(listed, profile or (), packages, workers=workers, paths=package or (), now=now):
            sys.stdout.write(done.outcome.decode() + "\n")
            failed += not done.good
            if shown is not None:
                shown.advance(shown.task_ids[0])
    sys.stdout.flush()
    raise SystemExit(FAILED if failed else OK)
