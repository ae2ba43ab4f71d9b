"""The commands `import` and `export`: whole populations into a store and out of it."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unsilo.cli.node import ConfigOption, DataOption, JsonOption, is_free, needs_store, node, settings_of, trace, who
from unsilo.cli.output import FAILED, NOT_NOW, OK, WRONG, fail, issues, nothing_in, progress, say, say_json, several
from unsilo.cli.paths import needs_paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from rich.progress import Progress as Bar

    from unsilo.config import Settings
    from unsilo.flow.bulk.imports import Progress
    from unsilo.flow.bulk.request import Request
    from unsilo.kernel import Issue

__all__ = ["export", "import_"]

_SHOWN = 20
"""Faults that are shown on standard error; the report holds all of them."""


def _state_file(data: Path, paths: list[Path], mode: str, check: str) -> Path:
    """Return where the import of these files by these settings keeps how far it is."""
    from hashlib import sha256

    said = "\n".join([mode, check, *(str(path.resolve()) for path in paths)])
    return data / "bulk" / f"import-{sha256(said.encode()).hexdigest()[:24]}.json"


def _telling(
    state: Path, log: "BinaryIO | None", bar: "Bar | None", *, quiet: bool
) -> "Callable[[Progress, list[Issue]], None]":
    """Return what keeps how far an import is, and tells it: to the report, on standard error, to who watches."""
    import msgspec

    shown = 0

    def told(now: "Progress", found: "list[Issue]") -> None:
        nonlocal shown
        fresh = state.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(now))
        fresh.replace(state)
        if log is not None:
            log.writelines(msgspec.json.encode(issue) + b"\n" for issue in found)
        if shown < _SHOWN and not quiet:
            issues(found[: _SHOWN - shown])
            shown += len(found)
        if bar is not None:
            bar.update(bar.task_ids[0], completed=now.done, description=f"import {now.read}")

    return told


_TURN_SECONDS = 0.0002
"""How long a thread may keep the interpreter while another waits. Whoever writes to the store gives it up with each
statement, hundreds of times for a thousand resources, and must not wait five milliseconds to have it back."""


def _for_many() -> None:
    """Set the process up for millions of resources that pass by.

    What the program is made of is no cyclic garbage, so that is looked for seldom; threads take short turns.
    """
    import gc

    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    sys.setswitchinterval(_TURN_SECONDS)


def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="NDJSON files (also .gz), Bundles, folders.")],
    mode: Annotated[str, typer.Option("--mode", help="upsert, or create: what is there already stays.")] = "upsert",
    check: Annotated[str, typer.Option("--check", help="Structure and bindings: off, warn or reject.")] = "off",
    report: Annotated[Path | None, typer.Option("--report", help="File for every fault, one JSON a line.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for one less than the cores.")] = 0,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import FHIR resources: searchable with each commit; run again after a stop it goes on where it was.

    Exit status 1 when a line was refused.
    """
    import msgspec

    from unsilo.flow.bulk.imports import Progress, import_files
    from unsilo.flow.bulk.lines import files_in
    from unsilo.flow.fhir.outcome import Caller
    from unsilo.policy import Predicate

    if mode not in ("upsert", "create"):
        fail(WRONG, f"there is no mode {mode}", "upsert or create")
    if check not in ("off", "warn", "reject"):
        fail(WRONG, f"there is no check {check}", "off, warn or reject")
    needs_paths(paths)
    settings = settings_of(config, data)
    state = _state_file(settings.data, paths, mode, check)
    state.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    at = msgspec.json.decode(state.read_bytes(), type=Progress) if state.exists() else Progress()
    if at.done or at.line:
        say(f"going on after {several(at.read, 'resource')} of a former run") if not as_json else None
    found_files = list(files_in(paths))
    nothing_in(paths, found_files)
    total = len(found_files)
    with (
        node(settings) as service,
        progress(total, "import", quiet=as_json) as bar,
        report.open("ab") if report is not None else nullcontext() as log,
    ):
        try:
            _for_many()
            caller = Caller(who(), "command line", Predicate(), "import")
            at = import_files(
                service, caller, paths, mode=mode, check=check, workers=workers, progress=at,  # type: ignore[arg-type]
                told=_telling(state, log, bar, quiet=as_json), alone=is_free(settings.data),
            )  # fmt: skip
        except OSError as fault:
            fail(NOT_NOW, f"the import stopped: {fault}", "run it again to go on")
    state.unlink(missing_ok=True)
    if as_json:
        say_json(at)
    else:
        say(f"{several(at.read, 'resource')} read: {at.stored} stored, {at.same} there already, {at.refused} refused")
    raise SystemExit(FAILED if at.refused else OK)


def _request(types: list[str], since: str) -> "Request":
    from unsilo.flow.bulk.request import read

    pairs = [("_type", name) for name in types] + ([("_since", since)] if since else [])
    request, wrong = read("system", pairs)
    if request is None:
        fail(WRONG, wrong[0].text, wrong[0].hint)
    return request


def export(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the NDJSON files, made when missing.")],
    types: Annotated[list[str] | None, typer.Option("--type", help="Only this resource type; several times.")] = None,
    since: Annotated[str, typer.Option("--since", help="Only what changed since this instant.")] = "",
    person: Annotated[
        str, typer.Option("--person", metavar="ID", help="Only the person whose Patient has this id; see --to.")
    ] = "",
    to: Annotated[
        str, typer.Option("--to", metavar="TARGET", help="ndjson; or of one person: ccda (a CCD), hl7v2.")
    ] = "ndjson",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export all resources as NDJSON, one file or more a type; what was deleted since as transaction Bundles.

    With --person and --to, one person's record as a C-CDA document or as HL7 v2 messages.
    """
    if person or to != "ndjson":
        _person(out, person, to, needs_store(settings_of(config, data)), as_json)
    import shutil
    import threading

    from unsilo.flow.bulk.beside import Make, hands
    from unsilo.flow.bulk.export import export as write
    from unsilo.flow.bulk.export import lines_of
    from unsilo.flow.bulk.job import Job, Jobs
    from unsilo.flow.persons.spread import processors
    from unsilo.policy import Predicate
    from unsilo.storage import open_store

    settings = needs_store(settings_of(config, data))
    request = _request(types or [], since)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        fail(WRONG, f"{out} is not an empty folder")
    out.mkdir(parents=True, exist_ok=True)
    jobs, counts = Jobs(out / ".export", Job), dict[str, int]()

    def prepare() -> Make:
        return lines_of(open_store(settings.data, database=settings.database).view(), Predicate())

    _for_many()
    with hands(min(processors(), 4) - 1, prepare) as beside, node(settings) as service:
        trace(service.store, "export", f"to {out}")
        job = jobs.start(Job(actor=who(), url="", request=request))
        try:
            view, words = service.store.view(), service.parameters.vocabulary
            write(jobs, job, view, Predicate(), words, threading.Event(), beside)
            for file in job.files:
                jobs.path(job, file.name).replace(out / file.name.partition(".")[2])
                counts[file.name.partition(".")[2]] = file.count
        except OSError as fault:
            fail(NOT_NOW, f"{out} cannot be written: {fault.strerror or fault}")
        finally:
            shutil.rmtree(jobs.folder, ignore_errors=True)
    if as_json:
        say_json({"resources": job.written, "files": counts})
    else:
        say(f"{several(job.written, 'resource')} in {several(len(counts), 'file')}")
    sys.stdout.flush()


def _person(out: Path, person: str, to: str, settings: "Settings", as_json: bool) -> None:
    """Write one person's record, and end."""
    from unsilo.flow.outward import TARGETS, person_outward
    from unsilo.policy import Predicate

    if to not in TARGETS:
        fail(WRONG, f"--person needs --to {' or '.join(TARGETS)}")
    if not person:
        fail(WRONG, f"--to {to} needs --person ID")
    if out.exists() and not out.is_dir():
        fail(WRONG, f"{out} is not a folder")
    with node(settings) as service:
        trace(service.store, "export", f"Patient/{person} as {to}")
        try:
            done = person_outward(service.store.view(), Predicate(), person, out, to)
        except OSError as fault:
            fail(NOT_NOW, f"{out} cannot be written: {fault.strerror or fault}")
    if done is None:
        fail(FAILED, f"there is no Patient/{person}")
    if as_json:
        say_json(done)
    else:
        issues(done.issues)
        say(f"{several(done.carried, 'resource')} in {', '.join(done.files)}")
    raise SystemExit(OK)
