"""Persons outward: Bundles of files, or a stored person, as C-CDA documents or HL7 v2 messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from unsilo.fhir import syntax
from unsilo.flow.convert.inputs import inputs
from unsilo.flow.fhir.everything import Reads, record
from unsilo.kernel import Issue, Json, Limits, clock
from unsilo.kernel import json as lossless
from unsilo.mapping.outward import Made, Record, gather, joined, to_ccda, to_hl7v2
from unsilo.policy import Predicate
from unsilo.storage import Stored

__all__ = ["TARGETS", "Outward", "Summary", "convert_outward", "outward", "person_outward"]

TARGETS = {"ccda": ".xml", "hl7v2": ".hl7"}
"""What persons can be written as, and the ending of the files."""
_PAGE = 1000
_LARGEST = 256 * 1024 * 1024


class Outward(msgspec.Struct):
    """What became of one input: the files written, how many resources they carry, and what they do not."""

    source: str
    files: list[str]
    persons: int
    carried: int
    issues: list[Issue]


class Summary(msgspec.Struct):
    """What a run did; `not_carried` counts by what it was, `failed` holds the inputs without a person."""

    inputs: int = 0
    persons: int = 0
    files: int = 0
    carried: int = 0
    not_carried: dict[str, int] = {}
    failed: list[tuple[str, str]] = []

    def add(self, done: Outward) -> None:
        """Count one input."""
        self.inputs += 1
        self.persons += done.persons
        self.files += len(done.files)
        self.carried += done.carried
        for issue in done.issues:
            if issue.severity in ("error", "fatal"):
                self.failed.append((done.source, issue.text))
            else:
                self.not_carried[issue.where.path] = self.not_carried.get(issue.where.path, 0) + 1


def outward(person: Record, to: str, at: int, organisation: str = "") -> Made:
    """Write one person as `ccda` or `hl7v2`; `organisation` is who keeps the record. ValueError for another target."""
    if to not in TARGETS:
        raise ValueError(f"there is no way to {to}; there are {', '.join(TARGETS)}")
    return to_ccda(person, at, organisation) if to == "ccda" else to_hl7v2(person, at, organisation)


def convert_outward(
    paths: Iterable[Path], out: Path, to: str, organisation: str = "", at: int = 0,
    told: Callable[[Outward], None] | None = None,
) -> Summary:  # fmt: skip
    """Write each person of Bundles in files and folders; a bad input does not stop the others.

    Below `out` the folders of the input are kept. OSError when `out` cannot be written.
    """
    summary = Summary()
    for file, name in inputs(paths):
        done = _file(file, name, out, to, organisation, at or clock.now())
        summary.add(done)
        if told is not None:
            told(done)
    return summary


def _file(file: Path, name: Path, out: Path, to: str, organisation: str, at: int) -> Outward:
    done = Outward(str(name), [], 0, 0, [])
    try:
        if file.stat().st_size > _LARGEST:
            done.issues.append(Issue("error", "too-long", f"longer than {_LARGEST} bytes", rule="outward.limit"))
            return done
        content = file.read_bytes()
    except OSError as fault:
        done.issues.append(Issue("error", "not-found", f"cannot be read: {fault.strerror}", rule="outward.read"))
        return done
    decoded = syntax.decode(content, Limits(message_bytes=_LARGEST))
    if decoded.value is None:
        done.issues += decoded.issues[:1]
        return done
    persons = gather(decoded.value)
    if not persons:
        done.issues.append(Issue("error", "required", "there is no Patient in it", rule="outward.patient"))
    for number, person in enumerate(persons, 1):
        try:
            made = outward(person, to, at, organisation)
        except Exception as fault:  # noqa: BLE001 - one person must not stop the others; the fault is told
            text = f"the program failed on this person ({type(fault).__name__})"
            done.issues.append(Issue("fatal", "exception", text, rule="outward.fault"))
            continue
        stem = name.with_suffix("") if name.suffix.lower() in (".json", ".xml") else name
        base = f"{stem}-{number}" if len(persons) > 1 else str(stem)
        done.files += _written(made, out, base, to)
        done.persons += 1
        done.carried += made.carried
        done.issues += made.issues
    return done


def _written(made: Made, out: Path, base: str, to: str) -> list[str]:
    """Write the documents or messages of one person; several are numbered."""
    files = []
    for number, content in enumerate(made.contents, 1):
        target = out / (f"{base}.{number:03d}{TARGETS[to]}" if len(made.contents) > 1 else base + TARGETS[to])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        files.append(str(target))
    return files


def person_outward(
    reads: Reads, predicate: Predicate, patient: str, out: Path, to: str, organisation: str = ""
) -> Outward | None:
    """Write the stored person whose Patient has this id, all linked source Patients as one; None when there is none.

    OSError when `out` cannot be written.
    """
    found = _stored(reads, predicate, patient)
    if not found:
        return None
    made = outward(joined(found), to, clock.now(), organisation)
    return Outward(f"Patient/{patient}", _written(made, out, patient, to), 1, made.carried, made.issues)


def _stored(reads: Reads, predicate: Predicate, patient: str) -> list[Json]:
    """The resources of a person, the asked Patient first."""
    row = reads.read(predicate, "Patient", patient)
    if row is None or row.state != 0:
        return []
    rows: dict[tuple[str, str], Stored] = {}
    page = ""
    while True:
        found = record(reads, predicate, patient, b"outward", kinds=None, since=0, count=_PAGE, page=page)
        if found is None:
            break
        rows |= {(one.type, one.id): one for one in (*found.rows, *found.around)}
        page = found.next
        if not page:
            break
    return [_body(one) for one in rows.values()]


def _body(row: Stored) -> Json:
    value = lossless.decode(row.body)
    assert isinstance(value, dict)  # noqa: S101 - the store holds resources
    return value
