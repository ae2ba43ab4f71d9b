"""What a kick-off of `$import` asks for: files by list or manifest, as the proposals of bulk import write it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from unsilo.config.settings import Bulk
from unsilo.flow.bulk.imports import Progress
from unsilo.flow.bulk.job import Task
from unsilo.flow.bulk.places import refusal
from unsilo.kernel import Issue, Json, Where
from unsilo.spec.r4 import resource_types

__all__ = ["ImportJob", "Input", "listed", "read"]

_FORMATS = ("application/fhir+ndjson", "application/ndjson", "ndjson", "application/fhir+json")
_MODES = ("upsert", "create")
_CHECKS = ("off", "warn", "reject")
_STORAGES = ("https", "http", "file")
_MOST = 10_000
"""Files of one import."""
_MOST_TOLD = 20


class Input(msgspec.Struct):
    """One file: of which type it is (any when empty), where it is, and what became of it.

    `faults` counts the lines of its report, of which `size` bytes are certain.
    """

    url: str
    type: str = ""
    at: Progress = msgspec.field(default_factory=Progress)
    faults: int = 0
    size: int = 0


class ImportJob(Task, kw_only=True):
    """An import and how far it is: `place` is the number of the file that is read, `manifest` what is still to list."""

    mode: Literal["upsert", "create"] = "upsert"
    check: Literal["off", "warn", "reject"] = "off"
    manifest: str = ""
    inputs: list[Input] = msgspec.field(default_factory=list)
    place: int = 0


def _wrong(where: str, text: str, hint: str = "") -> Issue:
    return Issue("error", "value", f"{where[:80]}: {text}", Where(where[:80]), hint, "bulk.import")


def _parts(row: Json) -> dict[str, Any]:
    """Return the parts of a parameter by name, or of a plain JSON object its fields."""
    if "part" not in row:
        return row
    parts = row["part"] if isinstance(row["part"], list) else []
    return {
        part["name"]: next((v for k, v in part.items() if k.startswith("value")), "")
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("name"), str)
    }


def _fields(body: Json) -> list[tuple[str, Any]]:
    """Return (name, value) of a Parameters or of the proposal's own JSON form."""
    if body.get("resourceType") == "Parameters":
        rows = body.get("parameter")
        return [
            (row["name"], _parts(row) if "part" in row else next((v for k, v in row.items() if k[:5] == "value"), ""))
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, dict) and isinstance(row.get("name"), str)
        ]
    found: list[tuple[str, Any]] = []
    for name, value in body.items():
        found += [(name, each) for each in value] if name == "input" and isinstance(value, list) else [(name, value)]
    return found


def _input(where: str, said: Any, bulk: Bulk, issues: list[Issue]) -> list[Input]:
    """Read one file of a list."""
    parts = said if isinstance(said, dict) else {}
    url, kind = parts.get("url"), parts.get("type", "")
    if not isinstance(url, str) or not url:
        issues.append(_wrong(where, "a file is named by its url"))
        return []
    if kind == "" or kind == "Bundle":
        kind = ""
    elif not isinstance(kind, str) or kind not in resource_types():
        issues.append(_wrong(where, f"{str(kind)[:40]!r} is no resource type of R4"))
    why = refusal(url, bulk)
    if why:
        issues.append(_wrong(where, why, "bulk.import_folders and bulk.import_hosts say from where"))
    return [Input(url, str(kind))]


def listed(manifest: Json, bulk: Bulk) -> tuple[list[Input], str, list[Issue]]:
    """Return the files of a manifest of Bulk Data Access, the address of its next page (if any), and what is wrong."""
    issues: list[Issue] = []
    rows = manifest.get("output")
    found = [
        each for n, row in enumerate(rows if isinstance(rows, list) else [])
        for each in _input(f"output[{n}]", row, bulk, issues)
    ]  # fmt: skip
    if not isinstance(rows, list):
        issues.append(_wrong("output", "a manifest lists its files in output"))
    links = manifest.get("link")
    following = [
        link["url"] for link in (links if isinstance(links, list) else [])
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str)
    ]  # fmt: skip
    return found, following[0] if following else "", issues


def read(body: Json, actor: str, url: str, bulk: Bulk) -> tuple[ImportJob | None, list[Issue]]:
    """Understand a kick-off: Parameters, or the JSON of the proposal. None and Issues when it cannot be done."""
    job = ImportJob(actor=actor, url=url, inputs=[])
    issues: list[Issue] = []
    choices: dict[str, tuple[str, ...]] = {"inputFormat": _FORMATS, "mode": _MODES, "check": _CHECKS}
    number = 0
    for name, value in _fields(body):
        if name == "input":
            job.inputs += _input(f"input[{number}]", value, bulk, issues)
            number += 1
        elif name in choices:
            if value not in choices[name]:
                issues.append(_wrong(name, f"{str(value)[:60]!r} is not known", ", ".join(choices[name])))
            elif name != "inputFormat":
                setattr(job, name, value)
        elif name == "manifest":
            job.manifest = value if isinstance(value, str) else ""
            why = refusal(job.manifest, bulk)
            issues += [_wrong(name, why, "bulk.import_folders and bulk.import_hosts say from where")] if why else []
        elif name == "storageDetail":
            kind = value.get("type") if isinstance(value, dict) else None
            if kind not in _STORAGES:
                issues.append(_wrong(name, f"{str(kind)[:40]!r} is not read from", ", ".join(_STORAGES)))
        elif name != "inputSource":
            issues.append(_wrong(name, "there is no such parameter of an import"))
    if not job.inputs and not job.manifest and not issues:
        issues.append(_wrong("input", "an import names its files: input with type and url, or a manifest"))
    if len(job.inputs) > _MOST:
        issues.append(_wrong("input", f"more than {_MOST} files"))
    return (None, issues[:_MOST_TOLD]) if issues else (job, [])
