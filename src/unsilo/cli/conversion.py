"""The command `convert`: files to FHIR R4 Bundles, and Bundles to documents and messages, without a store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unsilo.cli.node import ConfigOption, JsonOption, settings_of
from unsilo.cli.output import (
    FAILED,
    NOT_NOW,
    OK,
    WRONG,
    fail,
    issues,
    nothing_in,
    placed,
    progress,
    say,
    say_json,
    several,
)
from unsilo.cli.paths import needs_paths
from unsilo.kernel import Issue, Where

if TYPE_CHECKING:
    from unsilo.config import Feed
    from unsilo.flow.convert.bundle import Conversion
    from unsilo.flow.convert.files import Summary

__all__ = ["LATER", "convert"]

LATER = ("csv", "dicom", "x12", "omh")
"""Formats that `convert` will take one day; until then they are refused by name."""


def _feed(fmt: str, named: str, config: Path | None) -> "Feed":
    from unsilo.config import FORMATS, Feed

    if fmt in LATER:
        fail(WRONG, f"the format {fmt} is not built yet", f"built are: {', '.join(FORMATS)}")
    if fmt != "auto" and fmt not in FORMATS:
        fail(WRONG, f"there is no format {fmt}", f"auto, {', '.join(FORMATS)}")
    chosen = "" if fmt == "auto" else fmt
    if not named:
        if config is not None:
            settings_of(config, None)  # nothing is taken from it, yet one that is missing or wrong is told
        return Feed("convert", chosen)
    import msgspec

    feeds = settings_of(config, None).feeds
    feed = feeds.get(named)
    if feed is None:
        fail(WRONG, f"there is no feed {named} in the settings", f"there are {', '.join(sorted(feeds))}")
    return msgspec.structs.replace(feed, format=chosen or feed.format)


def _moment(text: str) -> int:
    """Return the microseconds of a time with a zone (RFC 3339), 0 for none."""
    if not text:
        return 0
    from datetime import UTC, datetime, timedelta

    try:
        since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):  # no time, or one without a zone
        since = timedelta(0)
    if since <= timedelta(0):
        fail(WRONG, f"{text} is no time with a zone", "for example 2026-11-21T08:00:00Z")
    return since // timedelta(microseconds=1)


def convert(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT", help="Files, folders and zip archives.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of what is made, made when missing.")],
    to: Annotated[
        str, typer.Option("--to", metavar="TARGET", help="fhir; or of Bundles: ccda (a CCD a person), hl7v2.")
    ] = "fhir",
    fmt: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="auto, hl7v2, ccda, fhir (csv, dicom, x12, omh later).")
    ] = "auto",
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Read inputs line by line: each line is a message.")] = False,
    failures: Annotated[
        Path | None,
        typer.Option("--failures", metavar="FILE", help="Written: each failed input with its Issues, one JSON a line."),
    ] = None,
    feed: Annotated[
        str, typer.Option("--feed", metavar="NAME", help="Use this feed's authorities, systems and overlay.")
    ] = "",
    config: ConfigOption = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for one a core.")] = 0,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="Time of receipt to record, so that outputs are reproducible.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Convert files to FHIR R4, one Bundle an input: DIR/<path below the input folder>.json.

    With --to, Bundles become C-CDA documents or HL7 v2 messages; what these cannot carry is named.
    A bad input does not stop the others. Exit status 1 when an input gave nothing.
    """
    if to != "fhir":
        _outward(inputs, out, to, fmt, as_json)
    from unsilo.flow.convert.bundle import Conversion
    from unsilo.flow.convert.files import convert_files

    source, moment = _feed(fmt, feed, config), _moment(at)
    _check(inputs, out)
    with progress(None, "convert", quiet=as_json) as shown, _kept(failures) as keep:

        def told(done: Conversion, total: int) -> None:
            if shown is not None:
                shown.update(shown.task_ids[0], advance=1, total=total)
            if not done.fault:
                return
            keep(done)
            if not as_json:
                issues([Issue("error", "incomplete", done.fault, Where(done.source))])

        try:
            summary = convert_files(inputs, out, source, lines=jsonl, workers=workers, told=told, at=moment)
        except OSError as fault:
            fail(NOT_NOW, f"{fault.filename or out} cannot be written: {fault.strerror or fault}")
    if not summary.files:
        nothing_in(inputs, [])
    say_json(summary) if as_json else say(_summed(summary))
    raise SystemExit(FAILED if summary.exit_status else OK)


def _summed(summary: "Summary") -> str:
    return (
        f"{summary.converted} of {several(summary.files, 'input')} converted: "
        f"{several(summary.resources, 'resource')}, {summary.unconsumed} fields listed as not mapped, "
        f"{len(summary.failed)} failed" + (f", {summary.with_errors} with errors" if summary.with_errors else "")
    )


def _check(inputs: list[Path], out: Path) -> None:
    """End when there is nothing to read or nowhere to write; one input that is missing is told among the others."""
    needs_paths(inputs, one=True)
    if out.exists() and not out.is_dir():
        fail(WRONG, f"{out} is not a folder")


@contextmanager
def _kept(target: Path | None) -> "Iterator[Callable[[Conversion], None]]":
    """Give what writes each failed input as a JSON line into a file, which is there even when none failed."""
    if target is None:
        yield lambda _done: None
        return
    import msgspec

    try:
        file = target.open("wb", buffering=0)
    except OSError as fault:
        fail(WRONG, f"{target} cannot be written: {fault.strerror or fault}")
    with file:

        def keep(done: "Conversion") -> None:
            line = {"input": done.source, "reason": done.fault, "output": done.target or None, "issues": done.issues}
            file.write(msgspec.json.encode(line) + b"\n")

        yield keep


def _outward(inputs: list[Path], out: Path, to: str, fmt: str, as_json: bool) -> None:
    """Write the persons of Bundles, and end."""
    from unsilo.flow.outward import TARGETS, Outward, convert_outward

    if to not in TARGETS:
        fail(WRONG, f"there is no target {to}", f"fhir, {', '.join(TARGETS)}")
    if fmt not in ("auto", "fhir"):
        fail(WRONG, f"only FHIR becomes {to}", "convert to FHIR first")
    _check(inputs, out)

    def told(done: Outward) -> None:
        if not as_json:
            issues(placed(done.source, done.issues))

    try:
        summary = convert_outward(inputs, out, to, told=told)
    except OSError as fault:
        fail(NOT_NOW, f"{out} cannot be written: {fault.strerror or fault}")
    if as_json:
        say_json(summary)
    else:
        say(
            f"{several(summary.persons, 'person')} of {several(summary.inputs, 'input')} "
            f"in {several(summary.files, 'file')}: "
            f"{several(summary.carried, 'resource')} carried, {len(summary.not_carried)} kinds of things not carried, "
            f"{len(summary.failed)} failed"
        )
    raise SystemExit(FAILED if summary.failed else 0)
