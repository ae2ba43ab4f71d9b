"""The imports of a node: file after file, each brought here first when it is elsewhere, going on after a restart."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from unsilo.fhir import codec
from unsilo.fhir.outcome import operation_outcome
from unsilo.flow.bulk.fetch import fetch
from unsilo.flow.bulk.imports import Makers, Progress, import_files
from unsilo.flow.bulk.job import Jobs
from unsilo.flow.bulk.lines import files_in
from unsilo.flow.bulk.places import local, refusal, shown
from unsilo.flow.bulk.queue import Queue
from unsilo.flow.bulk.wanted import ImportJob, Input, listed
from unsilo.flow.fhir.outcome import Caller
from unsilo.flow.service import Service
from unsilo.kernel import Issue, Where, json
from unsilo.policy import Predicate

__all__ = ["Imports", "report_name"]

_CERTAIN_EVERY = 1.0
"""Seconds after which it is kept how far an import is; what was done since is done again, and changes nothing."""
_MOST_PAGES = 1000
"""Pages of a manifest."""
_MOST_FILES = 10_000
_MOST_REPORTED = 1_000_000
"""Faults of one file that its report holds."""
_MANIFEST = 16 * 1024 * 1024
_FILE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-file"
_LINE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"


def report_name(job: ImportJob, number: int) -> str:
    """Return the name of the report of a file."""
    return f"{job.id}.{number + 1}.ndjson"


def _reported(issue: Issue) -> bytes:
    """Return one line of a report: an OperationOutcome with file, line and the place in the resource."""
    place, _, path = issue.where.path.partition(" ")
    name, _, line = place.rpartition(":")
    if not line.isdecimal():  # the colon is one of a URL
        name, line = place, ""
    said = operation_outcome([msgspec.structs.replace(issue, where=Where(path))])
    extensions = [{"url": _FILE, "valueString": name}]
    if line:
        extensions.append({"url": _LINE, "valueInteger": int(line)})  # type: ignore[dict-item]
    said["issue"][0] = {"extension": extensions, **said["issue"][0]}
    return json.encode(said) + b"\n"


class _Report:
    """The report of one file; what was written after the last certain moment is written again."""

    def __init__(self, path: Path, about: Input) -> None:
        self.about = about
        self._path = path
        if path.exists():
            with path.open("ab") as file:
                file.truncate(about.size)

    def add(self, issues: list[Issue]) -> None:
        """Append faults and make them certain."""
        lines = [_reported(issue) for issue in issues[: max(0, _MOST_REPORTED - self.about.faults)]]
        if lines:
            with self._path.open("ab") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            self.about.faults += len(lines)
            self.about.size += sum(map(len, lines))


class Imports(Queue[ImportJob]):
    """Starts, resumes, tells and removes imports."""

    what = "import"

    def __init__(self, service: Service, jobs: Jobs[ImportJob], hours: int) -> None:
        super().__init__(service.store, jobs, hours)
        self._service, self._bulk = service, service.settings.bulk
        self._predicate: Callable[[str], Predicate] | None = None

    def start(self, predicate: Callable[[str], Predicate]) -> None:
        """Begin. `predicate` gives what the holder of a job may see, and so change."""
        self._predicate = predicate
        self.resume()

    def work(self, job: ImportJob, stop: threading.Event) -> str:
        """Import what is left of a job."""
        if self._predicate is None:
            raise RuntimeError("imports were not started")
        caller = Caller(job.actor, "api import", self._predicate(job.actor), "import")
        if not self._list(job, stop):
            return ""
        with Makers(self._service.judge) as makers:
            while job.place < len(job.inputs):
                if not self._one(job, caller, makers, stop):
                    return ""
        stored = sum(each.at.stored for each in job.inputs)
        refused = sum(each.at.refused for each in job.inputs)
        return f"{stored} resources stored, {refused} refused by import {job.id}"

    # Which files

    def _list(self, job: ImportJob, stop: threading.Event) -> bool:
        """Read the manifest and the folders, once; False when stopped."""
        if job.place:
            return True
        url, seen = job.manifest, set[str]()
        found: list[Input] = [] if url else job.inputs
        while url:
            if url in seen or len(seen) >= _MOST_PAGES:
                found.append(self._failed(job, len(job.inputs) + len(found), url, "this manifest leads back to itself"))
                break
            seen.add(url)
            page, why = self._page(job, url, stop)
            if stop.is_set():
                return False
            inputs, following, issues = listed(page, self._bulk) if page is not None else ([], "", [])
            why = why or (issues[0].text if issues else "") or (refusal(following, self._bulk) if following else "")
            found += [] if issues else inputs
            if why:
                found.append(self._failed(job, len(job.inputs) + len(found), url, why))
                break
            url = following
        inputs = [*job.inputs, *found] if job.manifest else self._spread(found)
        if len(inputs) > _MOST_FILES:  # what is left out is told, never passed over in silence
            text = f"more than {_MOST_FILES} files: {len(inputs) - _MOST_FILES} are not read"
            first = inputs[_MOST_FILES].url
            inputs = [*inputs[:_MOST_FILES], self._failed(job, _MOST_FILES, first, text)]
        job.inputs = inputs
        job.manifest = ""
        self.jobs.keep(job)
        return True

    def _spread(self, inputs: list[Input]) -> list[Input]:
        """Put the files of a folder in its place."""
        spread: list[Input] = []
        for each in inputs:
            path = local(each.url, self._bulk) if each.url.startswith("file:") else None
            inside = [Input(file.as_uri(), each.type) for file in files_in([path])] if path and path.is_dir() else []
            spread += inside or [each]
        return spread

    def _page(self, job: ImportJob, url: str, stop: threading.Event) -> tuple[dict[str, object] | None, str]:
        place = self.jobs.path(job, "manifest")
        path, why = self._here(url, place, stop)
        if path is None:
            return None, why
        try:
            with path.open("rb") as file:
                content = file.read(_MANIFEST + 1)
        except OSError as fault:
            return None, f"the manifest cannot be read ({fault.strerror or fault})"
        finally:
            self._remove(place)
        read = codec.decode(content) if len(content) <= _MANIFEST else None
        return (read.value, "") if read is not None and read.value is not None else (None, "this is no manifest")

    def _failed(self, job: ImportJob, number: int, url: str, why: str) -> Input:
        """Return a file that is over before it began, with its report."""
        about = Input(url)
        self._tell(_Report(self.jobs.path(job, report_name(job, number)), about), url, why)
        about.at.done = 1
        return about

    # One file

    def _here(self, url: str, place: Path, stop: threading.Event) -> tuple[Path | None, str]:
        """Return a file of this node for a URL, or why there is none."""
        why = refusal(url, self._bulk)
        if why:
            return None, why
        if urlsplit(url).scheme == "file":
            return local(url, self._bulk), ""
        return fetch(url, place, self._bulk, stop.is_set)

    @staticmethod
    def _remove(place: Path) -> None:
        for each in place.parent.glob(f"{place.name}.*"):
            each.unlink(missing_ok=True)

    @staticmethod
    def _tell(report: _Report, url: str, why: str) -> None:
        report.add([Issue("error", "not-found", why, Where(shown(url)), rule="import.file")])
        report.about.at.refused += 1

    def _one(self, job: ImportJob, caller: Caller, makers: Makers, stop: threading.Event) -> bool:
        """Import the file at hand from where it is; False when stopped."""
        about = job.inputs[job.place]
        if not about.at.done:
            place = self.jobs.path(job, f"input-{job.place + 1}")
            report = _Report(self.jobs.path(job, report_name(job, job.place)), about)
            path, why = self._here(about.url, place, stop)
            if stop.is_set():
                return False
            if path is None:
                self._tell(report, about.url, why)
            elif not self._read(job, caller, makers, path, report, stop):
                return False
            about.at.done = 1
            self._remove(place)
        job.place += 1
        self.jobs.keep(job)
        return True

    def _read(
        self, job: ImportJob, caller: Caller, makers: Makers, path: Path, report: _Report, stop: threading.Event
    ) -> bool:  # fmt: skip
        about, name = report.about, shown(job.inputs[job.place].url).rpartition("/")[2] or "input"
        certain = time.monotonic()
        held: list[Issue] = []

        def keep(now: Progress) -> None:
            report.add(held)
            held.clear()
            about.at = msgspec.structs.replace(now, done=0)
            self.jobs.keep(job)

        def told(now: Progress, issues: list[Issue]) -> None:
            nonlocal certain
            held.extend(issues)
            if time.monotonic() - certain > _CERTAIN_EVERY or len(held) > 1000 or now.done:
                keep(now)
                certain = time.monotonic()

        way = self._service.judge.way(job.actor)
        reached = import_files(
            self._service, caller, [path], mode=job.mode, check=job.check, only=about.type,
            way="off" if way == "form" else way, names=[name], makers=makers,
            progress=msgspec.structs.replace(about.at), told=told, stopped=stop.is_set,
        )  # fmt: skip
        if not stop.is_set():
            return True
        if job.state == "running":
            keep(reached)
        return False
