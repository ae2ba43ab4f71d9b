"""Imports a release: builds its artefacts beside those in use, swaps them in at once, and says what that changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from unsilo.flow.terminology.library import Shelves
from unsilo.kernel import Issue
from unsilo.storage.terminology import Library, Shelved
from unsilo.storage.terminology.compare import Changes, Touched, changes, touched
from unsilo.terminology import TerminologyError
from unsilo.terminology.maps import Entry
from unsilo.terminology.release import Files, Job, Said, jobs

__all__ = ["Imported", "Said", "governed", "import_release"]

_CHUNK = 1 << 20
_SHOWN = 20


class Imported(msgspec.Struct):
    """One artefact that is now in use, and what is different from the version before it."""

    kind: str
    entry: Shelved
    former: str = ""
    """The version that was in use before; "" when there was none."""
    changes: Changes | None = None
    maps: list[Touched] = []
    """Maps with rows that lead from or to codes that are gone."""


def import_release(
    shelves: Shelves, path: Path, said: Said | None = None, told: Callable[[str], None] = lambda _text: None
) -> tuple[list[Imported], list[Issue]]:
    """Import what a path holds. Issues of errors mean that nothing of that artefact is in use; the former stays.

    `told` hears of what is being done.
    """
    said = said or Said()
    try:
        files = Files(path)
    except TerminologyError as error:
        return [], [error.issue]
    found: list[Imported] = []
    issues: list[Issue] = []
    try:
        digest = _digest(path)
        for job in jobs(files, said):
            told(job.kind)
            one, more = _build(shelves.library, job, said, path.name, digest)
            issues += more
            if one is not None:
                found.append(one)
    except TerminologyError as error:
        issues.append(error.issue)
    finally:
        issues += files.notes.finish()
        files.close()
    return found, issues


def governed(entries: Sequence[Entry], system: str, gone: Sequence[str]) -> list[Touched]:
    """Return what of the maps that people govern leads to codes that are gone: one row for all that are in use."""
    codes = set(gone)
    hit = [e for e in entries if e.state == "published" and e.target_system == system and e.target_code in codes]
    if not hit:
        return []
    return [Touched("", "", "governed maps", len(hit), list(dict.fromkeys(e.target_code for e in hit))[:_SHOWN])]


def _digest(path: Path) -> str:
    if path.is_dir():
        return ""
    sum_ = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sum_.update(chunk)
    return sum_.hexdigest()


def _build(library: Library, job: Job, said: Said, source: str, digest: str) -> tuple[Imported | None, list[Issue]]:
    builder = library.builder()
    try:
        edition = job.feed(builder)
        if said.version and edition.url:
            edition = msgspec.structs.replace(edition, version=said.version)
        built = builder.finish(edition)
    except TerminologyError as error:
        builder.abandon()
        return None, [*builder.issues, error.issue]
    except BaseException:
        builder.abandon()
        raise
    empty = not built.concepts and not built.maps and edition.url
    if empty:
        text = f"{source}: no concept was found"
        built.issues.append(Issue("error", "required", text, rule="terminology.empty"))
    if any(issue.severity in ("error", "fatal") for issue in built.issues):
        builder.abandon()
        return None, built.issues
    former = (
        next((e for e in reversed(library.shelved()) if e.edition.url == edition.url), None) if edition.url else None
    )
    compared = None
    if former is not None and builder.path is not None:
        compared = changes(library.folder / former.file, builder.path)
    entry = library.shelve(builder, built, source=source, digest=digest)
    maps: list[Touched] = []
    if compared is not None:
        with_maps = [library.artefact(each.file) for each in library.shelved() if each.maps]
        maps = touched(with_maps, edition.url, compared.gone)
    return Imported(job.kind, entry, former.edition.version if former else "", compared, maps), built.issues
