"""Tells which release a path holds, and what has to be built of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from unsilo.kernel import Json
from unsilo.spec.packages.archive import Bounds, PackageError
from unsilo.spec.packages.archive import files as package_files
from unsilo.terminology.faults import fault
from unsilo.terminology.model import Edition, Sink
from unsilo.terminology.release import fhir, icd10, lists, loinc, rxnorm, snomed
from unsilo.terminology.release.files import Files, is_package

__all__ = ["Job", "Said", "jobs"]

_LARGEST_JSON = 1 << 30
_BOUNDS = Bounds(archive=1 << 30, unpacked=8 << 30, one=512 << 20)


class Said(msgspec.Struct, frozen=True):
    """What whoever imports says beside the path: needed for tables, else only where the release does not say it."""

    url: str = ""
    version: str = ""
    name: str = ""
    source: str = ""
    target: str = ""


class Job(msgspec.Struct, frozen=True):
    """One artefact to build: `feed` hands a release to a sink and says which edition it is."""

    kind: str
    feed: Callable[[Sink], Edition]


_RELEASES: tuple[tuple[str, str, Callable[[Files, Sink], Edition]], ...] = (
    ("SNOMED CT RF2", snomed.CONCEPT_FILE, snomed.load),
    ("LOINC", loinc.TABLE, loinc.load),
    ("RxNorm", rxnorm.CONCEPTS, rxnorm.load),
    ("ICD-10-CM", icd10.TABULAR, icd10.load_cm),
    ("ICD-10-CM", icd10.ORDER.replace("(cm|pcs)", "cm"), icd10.load_cm),
    ("ICD-10-CM", icd10.CODES.replace("(cm|pcs)", "cm"), icd10.load_cm),
    ("ICD-10-PCS", icd10.ORDER.replace("(cm|pcs)", "pcs"), icd10.load_pcs),
    ("ICD-10-PCS", icd10.CODES.replace("(cm|pcs)", "pcs"), icd10.load_pcs),
    ("UNII", lists.UNII_FILE, lists.load_unii),
    ("CVX", lists.CVX_FILE, lists.load_cvx),
)
"""Releases by the file that tells them; the first that is there counts."""


def jobs(files: Files, said: Said) -> list[Job]:
    """Return what is to be built of a release. TerminologyError when nobody knows what it is."""
    if is_package(files.path):
        return _of_package(files.path, said)
    for kind, pattern, load in _RELEASES:
        if files.find(pattern):
            return [Job(kind, _bound(load, files))]
    if len(files.names) == 1 and files.names[0].lower().endswith((".csv", ".tsv", ".txt")):
        if lists.is_map(files):
            return [
                Job("map", lambda sink: lists.load_map(files, sink, said.url, said.source, said.target, said.version))
            ]
        return [Job("table", lambda sink: lists.load_csv(files, sink, said.url, said.version, said.name))]
    found = [
        n for n in files.names if n.lower().endswith((".json", ".ndjson")) and not n.rpartition("/")[2].startswith(".")
    ]
    if found:
        return _of_resources(
            (each for name in found for each in fhir.resources(files.read(name, _LARGEST_JSON), name)),
            files.path.stem,
            "",
        )
    raise fault(
        "not-supported", f"{files.path.name}: nothing in it is known",
        "SNOMED CT RF2, LOINC, RxNorm RRF, ICD-10-CM or -PCS, CVX, UNII, FHIR resources or packages, CSV",
        "terminology.release",
    )  # fmt: skip


def _bound(load: Callable[[Files, Sink], Edition], files: Files) -> Callable[[Sink], Edition]:
    return lambda sink: load(files, sink)


def _of_package(path: Path, _said: Said) -> list[Job]:
    def read() -> Iterator[Json]:
        for name, content in package_files(path, _BOUNDS):
            if name.split("-")[0] in fhir.KINDS or name.endswith(".json"):
                yield from fhir.resources(content, name)

    try:
        return _of_resources(read(), path.name.removesuffix(".tgz").removesuffix(".tar.gz"), "")
    except PackageError as error:
        raise fault("structure", str(error), rule="terminology.package") from None


def _of_resources(found: Iterator[Json], name: str, version: str) -> list[Job]:
    large: list[Job] = []
    rest: list[Json] = []
    for each in found:
        if each.get("resourceType") not in fhir.KINDS:
            continue
        if each["resourceType"] == "CodeSystem" and _is_large(each):
            large.append(Job("FHIR CodeSystem", _system(each)))
        else:
            rest.append(each)
    if rest:
        large.append(Job("FHIR resources", lambda sink: fhir.load_collection(rest, sink, name, version)))
    if not large:
        raise fault("not-found", f"{name} has no CodeSystem, ValueSet or ConceptMap", rule="terminology.release")
    return large


def _system(said: Json) -> Callable[[Sink], Edition]:
    return lambda sink: fhir.load_code_system(said, sink)


def _is_large(said: Json) -> bool:
    if said.get("content") in ("not-present", "example", "supplement"):
        return False
    rows, count = list(said.get("concept") or ()), 0
    while rows and count < fhir.LARGE:
        row = rows.pop()
        count += 1
        if isinstance(row, dict):
            rows += row.get("concept") or ()
    return count >= fhir.LARGE
