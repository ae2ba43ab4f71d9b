"""One FHIR package: its definitions by canonical URL, snapshots made where they lack."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import RLock
from typing import Any, Final

import msgspec
import zstandard

from unsilo.kernel import Json, json
from unsilo.spec import definitions as core
from unsilo.spec.definitions.slim import KINDS, slim
from unsilo.spec.packages.archive import Bounds, PackageError, files
from unsilo.spec.packages.snapshot import snapshot

__all__ = ["Package", "read_package", "read_packages"]

_NAMES: Final = {
    "structures": "StructureDefinition",
    "value_sets": "ValueSet",
    "code_systems": "CodeSystem",
    "concept_maps": "ConceptMap",
    "operations": "OperationDefinition",
    "search_parameters": "SearchParameter",
    "compartments": "CompartmentDefinition",
}
_TYPE: Final = "http://hl7.org/fhir/StructureDefinition/"
_DEEPEST: Final = 30
_MISSHAPEN: Final = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What walking a definition raises whose lists are no lists: packages are foreign."""
_KEPT: Final = 256
Lookup = Callable[[str], Json | None]
_one_at_a_time: Final = RLock()
"""Held while snapshots are made: bases of one package may lie in another, and back."""


class _Head(msgspec.Struct, rename="camel"):
    """What is read of a file before anybody asks for it."""

    resource_type: str = ""
    url: str = ""
    version: str = ""


class _Manifest(msgspec.Struct, rename="camel"):
    """The package's `package.json`."""

    name: str
    version: str
    fhir_versions: list[str] = []
    dependencies: dict[str, str] = {}


_head = msgspec.json.Decoder(_Head)
_manifest = msgspec.json.Decoder(_Manifest)


class Package:
    """The definitions of one package, kept packed, parsed when asked for.

    `beside` answers StructureDefinitions of other packages, for bases that lie there.
    """

    def __init__(self, name: str, version: str, dependencies: dict[str, str] | None = None) -> None:
        self.name = name
        self.version = version
        self.dependencies = dependencies or {}
        self.faults: dict[str, str] = {}
        """Canonical -> why its snapshot cannot be made; such a structure is answered as not there."""
        self.beside: Lookup = lambda _: None
        self._raw: dict[str, dict[str, bytes]] = {kind: {} for kind in KINDS}
        self._latest: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        self._made: dict[str, bytes] = {}
        self._making: list[str] = []

    def add(self, kind: str, url: str, version: str, content: bytes) -> None:
        """Put a definition in; the later of two with the same url and version counts."""
        key = f"{url}|{version or self.version}"
        self._raw[kind][key] = zstandard.ZstdCompressor(level=3).compress(content)
        self._latest[kind][url] = max(key, self._latest[kind].get(url, key), key=_version_of)

    def urls(self, name: str) -> list[str]:
        """List the canonicals (`url|version`) of `structures`, `value_sets`, `code_systems` and so on."""
        return list(self._raw[_NAMES[name]])

    def _get(self, kind: str, canonical: str) -> tuple[str, Json] | None:
        key = canonical if "|" in canonical else self._latest[kind].get(canonical, "")
        packed = self._raw[kind].get(key)
        if packed is None:
            return None
        return key, json.decode(zstandard.ZstdDecompressor().decompress(packed))

    def _slim(self, kind: str, canonical: str) -> Json | None:
        found = self._get(kind, canonical)
        if found is None:
            return None
        try:
            return slim(found[1])
        except _MISSHAPEN:
            self.faults.setdefault(found[0], f"{found[0]}: it is not shaped as a {kind}")
            return None

    def structure(self, canonical: str) -> Json | None:
        """Return a StructureDefinition, slimmed, always with a snapshot: one that lacks is made of its base.

        The base is looked up in this package, beside it, then among R4's own. None when it is not there or its
        snapshot cannot be made: `faults` then says why.
        """
        found = self._get("StructureDefinition", canonical if ":" in canonical else _TYPE + canonical)
        if found is None:
            return None
        with _one_at_a_time:
            return self._structure(*found)

    def _structure(self, key: str, definition: Json) -> Json | None:
        if key in self._made:
            return self._decoded(self._made[key])
        if key in self.faults:
            return None
        try:
            made = self._whole(key, definition)
        except PackageError as error:
            self.faults.setdefault(key, str(error))
            return None
        except _MISSHAPEN:
            self.faults.setdefault(key, f"{key}: it is not shaped as a StructureDefinition")
            return None
        if len(self._made) >= _KEPT:
            self._made.clear()
        self._made[key] = zstandard.ZstdCompressor(level=1).compress(json.encode(made))
        return made

    def _decoded(self, packed: bytes) -> Json:
        found: Json = json.decode(zstandard.ZstdDecompressor().decompress(packed))
        return found

    def _whole(self, key: str, definition: Json) -> Json:
        elements = definition.get("snapshot", {}).get("element")
        if not elements:
            base_url = str(definition.get("baseDefinition", ""))
            if key in self._making or len(self._making) >= _DEEPEST:
                raise PackageError(f"{key}: it is based on itself, by way of {' and '.join(self._making[-3:])}")
            self._making.append(key)
            try:
                base = self._any(base_url)
                if base is None:
                    why = next((w for k, w in self.faults.items() if k.partition("|")[0] == base_url), "is not there")
                    raise PackageError(f"{key}: its base {base_url or '(none)'} {why}")
                elements = snapshot(definition, base, self._any)
            finally:
                self._making.pop()
        return slim(definition | {"snapshot": {"element": elements}})

    def _any(self, canonical: str) -> Json | None:
        """Return a StructureDefinition from here, beside or R4, without minding a version that is nowhere."""
        for wanted in dict.fromkeys((canonical, canonical.partition("|")[0])):
            if (found := self.structure(wanted) or self.beside(wanted) or core.structure(wanted)) is not None:
                return found
        return None

    def value_set(self, canonical: str) -> Json | None:
        """Return a ValueSet by `url` or `url|version`."""
        return self._slim("ValueSet", canonical)

    def code_system(self, canonical: str) -> Json | None:
        """Return a CodeSystem by `url` or `url|version`."""
        return self._slim("CodeSystem", canonical)

    def concept_map(self, canonical: str) -> Json | None:
        """Return a ConceptMap by `url` or `url|version`."""
        return self._slim("ConceptMap", canonical)

    def operation(self, canonical: str) -> Json | None:
        """Return an OperationDefinition by `url` or `url|version`."""
        return self._slim("OperationDefinition", canonical)

    def search_parameter(self, canonical: str) -> Json | None:
        """Return a SearchParameter by `url` or `url|version`."""
        return self._slim("SearchParameter", canonical)

    def problems(self) -> list[str]:
        """Make all snapshots that lack and say which cannot be made and why."""
        for canonical in self.urls("structures"):
            self.structure(canonical)
        return list(self.faults.values())


def _version_of(key: str) -> tuple[list[tuple[int, str]], bool, str]:
    """Return what versions are compared by: numbers as numbers, a release after its drafts."""
    version, dash, draft = key.rpartition("|")[2].partition("+")[0].partition("-")
    parts = [(int(part), "") if part.isdecimal() and len(part) < 10 else (-1, part) for part in version.split(".")]
    return parts, not dash, draft


def read_package(path: Path, bounds: Bounds | None = None) -> Package:
    """Read a FHIR package from a `.tgz` or a folder; nothing is unpacked to disk.

    PackageError says what is wrong and where: no gzipped tar, names that lead out of the archive, links, sizes beyond
    `bounds`, no or a wrong `package.json`, files that are no JSON, another FHIR release than R4.
    """
    manifest: _Manifest | None = None
    found: list[tuple[str, _Head, bytes]] = []
    for name, content in files(path, bounds or Bounds()):
        try:
            if name == "package.json":
                manifest = _manifest.decode(content)
                continue
            head = _head.decode(content)
            if head.resource_type in KINDS and head.url:
                json.decode(content)
                found.append((name, head, content))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise PackageError(f"{path.name}: {name}: {str(error)[:200]}") from None
    if manifest is None:
        raise PackageError(f"{path.name}: there is no package/package.json in it")
    if manifest.fhir_versions and not any(version.startswith("4.0") for version in manifest.fhir_versions):
        raise PackageError(f"{path.name}: it is for FHIR {', '.join(manifest.fhir_versions)[:60]}, not for R4 (4.0.1)")
    package = Package(manifest.name, manifest.version, manifest.dependencies)
    for _, head, content in found:
        package.add(head.resource_type, head.url, head.version, content)
    return package


def read_packages(path: Path, bounds: Bounds | None = None) -> list[Package]:
    """Read all packages of a folder (`*.tgz`, `*.tar.gz`, unpacked ones), or the one that `path` is.

    They stand side by side, two versions of one too: bases are looked up among all of them, the versions that a
    package depends on first. PackageError as `read_package` says it, also for two of the same name and version.
    """
    if not path.is_dir() or (path / "package.json").is_file() or (path / "package" / "package.json").is_file():
        return [read_package(path, bounds)]
    single = (p for p in sorted(path.iterdir()) if p.name.endswith((".tgz", ".tar.gz")) or _is_package(p))
    packages = [read_package(each, bounds) for each in single]
    names = [(package.name, package.version) for package in packages]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise PackageError(f"{path.name}: there are two packages {twice[0]}#{twice[1]}")
    for package in packages:
        others = [other for other in packages if other is not package]
        others.sort(key=lambda other: package.dependencies.get(other.name) != other.version)
        package.beside = _beside(others)
    return packages


def _is_package(path: Path) -> bool:
    return (path / "package.json").is_file() or (path / "package" / "package.json").is_file()


def _beside(others: Iterable[Package]) -> Lookup:
    packages: list[Any] = list(others)

    def look(canonical: str) -> Json | None:
        return next((found for each in packages if (found := each.structure(canonical)) is not None), None)

    return look
