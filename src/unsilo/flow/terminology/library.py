"""The terminologies of a node: imported artefacts, those that come with the product, and R4's own definitions."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from unsilo.kernel import Issue, Json
from unsilo.spec import definitions
from unsilo.storage.terminology import Artefact, Builder, Library
from unsilo.terminology import Edition, Terminology, TerminologyError, shipped
from unsilo.terminology.ports import CodeSystem, Maps
from unsilo.terminology.release.fhir import load_code_system

__all__ = ["Shelves", "Stored", "open_terminology"]

_CORE: dict[str, Callable[[str], Json | None]] = {
    "ValueSet": definitions.value_set, "ConceptMap": definitions.concept_map, "CodeSystem": definitions.code_system,
}  # fmt: skip
_PACKS = {"ValueSet": "value_sets", "ConceptMap": "concept_maps", "CodeSystem": "code_systems"}
_IN_MEMORY = 400
_ABSENT = frozenset(("not-present", "supplement", "example"))

Stored = Callable[[str, str], Json | None]
"""Finds a resource that a client stored, by type and canonical; None when there is none."""


class Shelves:
    """A `Shelf`: what was imported comes first, then what comes with the product, then R4's definitions.

    What comes with the product is built when it is first asked for, into the data folder; small code systems that are
    kept as resources are built in memory. Thread-safe.
    """

    def __init__(self, folder: Path, stored: Stored | None = None) -> None:
        self.library = Library(folder)
        self.own = Library(folder / "shipped")
        self.stored: Stored = stored or (lambda _kind, _canonical: None)
        self.from_store = 0
        self._lock = threading.RLock()
        self._memory: OrderedDict[str, tuple[object, CodeSystem | None]] = OrderedDict()
        self._heads = shipped.heads()
        self._names = {head.edition.url: name for name, head in self._heads.items() if head.edition.url}

    def generation(self) -> tuple[int, int]:
        """Return what changes whenever something is imported."""
        self.library.refresh()
        return self.library.generation, self.own.generation

    @property
    def faults(self) -> list[Issue]:
        """What of the catalogue cannot be used."""
        return self.library.faults  # what comes with the product is built again

    # Systems.

    def system(self, url: str, version: str = "") -> CodeSystem | None:
        """Return a code system; without a version the one that was imported last."""
        found = self.library.system(url, version)
        if found is not None:
            return found
        name = self._names.get(url)
        if name is not None and version in ("", self._heads[name].edition.version):
            return self._shipped(name)
        return self._small(url, version)

    def is_ready(self, url: str) -> bool:
        """Tell whether a system can be asked without building it first, which takes seconds for a large one."""
        name = self._names.get(url)
        return name is None or self.library.system(url) is not None or self._built(name) is not None

    def maps_ready(self, system: str) -> bool:
        """Tell whether the maps of a system can be asked without building them first."""
        own = (name for name, head in self._heads.items() if any(system in ends for ends in head.maps))
        return all(self._built(name) is not None for name in own)

    def _built(self, name: str) -> Artefact | None:
        for each in self.own.shelved():
            if each.source == name and each.digest == shipped.digest(name):
                return self.own.artefact(each.file)
        return None

    def _shipped(self, name: str) -> Artefact:
        found = self._built(name)
        if found is not None:
            return found
        with self._lock, self.own.exclusive():
            found = self._built(name)
            if found is None:
                builder = self.own.builder()
                built = builder.finish(shipped.feed(name, builder))
                entry = self.own.shelve(builder, built, source=name, digest=shipped.digest(name))
                found = self.own.artefact(entry.file)
        return found

    def prepare(self) -> list[str]:
        """Build all that comes with the product and is not yet built; return the names."""
        return [name for name in self._heads if self._built(name) is None and self._shipped(name)]

    def _small(self, url: str, version: str) -> CodeSystem | None:
        key = f"{url}|{version}" if version else url
        stored = self.stored("CodeSystem", key)
        self.from_store += stored is not None
        stamp: object = (stored or {}).get("meta", {}).get("versionId") if stored else self.library.generation
        with self._lock:
            known = self._memory.get(key)
            if known is not None and known[0] == stamp:
                self._memory.move_to_end(key)
                return known[1]
        said = stored or self.library.definition("CodeSystem", key) or definitions.code_system(key)
        made: CodeSystem | None = None
        if said is not None and said.get("content") not in _ABSENT:
            builder = Builder(None)
            with contextlib.suppress(TerminologyError):
                built = builder.finish(load_code_system(said, builder))
                if not any(issue.severity == "error" for issue in built.issues):
                    made = Artefact(None, builder.connection)
        with self._lock:
            self._memory[key] = (stamp, made)
            if len(self._memory) > _IN_MEMORY:
                self._memory.popitem(last=False)
        return made

    def editions(self) -> list[Edition]:
        """Return every large version that is here: imported ones first."""
        found = self.library.editions()
        return [*found, *(head.edition for head in self._heads.values() if head.edition.url)]

    # Maps and definitions.

    def maps(self, system: str) -> Sequence[Maps]:
        """Return every artefact that has maps from or to a system."""
        own = [self._shipped(n) for n, head in self._heads.items() if any(system in ends for ends in head.maps)]
        return [*self.library.maps(), *own]

    def definition(self, kind: str, canonical: str) -> Json | None:
        """Return a ValueSet, ConceptMap or CodeSystem: stored by a client, imported, or R4's own."""
        found = self.stored(kind, canonical)
        if found is not None:
            self.from_store += 1
            return found
        return self.library.definition(kind, canonical) or _CORE[kind](canonical)

    def definitions(self, kind: str) -> list[str]:
        """Return the canonicals of a kind, imported ones first."""
        return list(dict.fromkeys([*self.library.definitions(kind), *definitions.urls(_PACKS[kind])]))


def open_terminology(data: Path, stored: Stored | None = None) -> Terminology:
    """Return the terminology over the artefacts in a node's data folder."""
    shelves = Shelves(data / "terminology", stored)
    return Terminology(shelves, shelves.generation)
