"""The folder of artefacts: a catalogue names the files in use; a new one is swapped in at once and seen by all."""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import msgspec

from unsilo.kernel import Issue, Json, clock, fresh_id
from unsilo.storage.terminology.artefact import Artefact
from unsilo.storage.terminology.build import Builder, Built
from unsilo.terminology.model import Edition
from unsilo.terminology.ports import CodeSystem, Maps

__all__ = ["Library", "Shelved"]

_LOOK = 0.5
"""Seconds between two looks at whether another process changed the catalogue."""


class Shelved(msgspec.Struct, omit_defaults=True):
    """One artefact in the catalogue."""

    file: str
    edition: Edition
    at: int = 0
    size: int = 0
    source: str = ""
    digest: str = ""
    """SHA-256 of what it was made of."""
    terms: int = 0
    pairs: int = 0
    maps: int = 0
    kinds: list[tuple[str, str, str]] = []
    """(kind, url, version) of resources that it keeps as they are."""


class _Catalogue(msgspec.Struct):
    artefacts: list[Shelved] = []


class Library:
    """The artefacts of one data folder. Thread-safe, and safe for several processes over one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._stamp: tuple[int, int] | None = None
        self._looked = 0.0
        self._open: dict[str, Artefact] = {}
        self._shelf: list[Shelved] = []
        self._systems: dict[tuple[str, str], str] = {}
        self._maps: list[Artefact] = []
        self.generation = 0
        """Grows whenever what is in use has changed: what was computed of it is then stale."""
        self.faults: list[Issue] = []
        self.refresh(now=True)

    @property
    def _index(self) -> Path:
        return self.folder / "catalogue.json"

    def refresh(self, *, now: bool = False) -> None:
        """Look whether the catalogue has changed, at most every half second unless `now`."""
        moment = monotonic()
        if not now and moment - self._looked < _LOOK:
            return
        with self._lock:
            self._looked = moment
            try:
                said = os.stat(self._index)
            except OSError:
                return
            stamp = (said.st_mtime_ns, said.st_ino)
            if stamp == self._stamp:
                return
            self._read(msgspec.json.decode(self._index.read_bytes(), type=_Catalogue).artefacts)
            self._stamp = stamp

    def _read(self, artefacts: list[Shelved]) -> None:
        self.faults = []
        opened: dict[str, Artefact] = {}
        systems: dict[tuple[str, str], str] = {}
        usable = []
        for each in sorted(artefacts, key=lambda one: one.at):
            path = self.folder / each.file
            try:
                if path.stat().st_size != each.size:
                    raise OSError("it is not as long as it was")
                opened[each.file] = self._open.get(each.file) or Artefact(path)
            except Exception as fault:  # noqa: BLE001 - one bad file must not take the others away
                text = f"{each.file} ({each.edition.url} {each.edition.version}) cannot be used: {fault}"
                self.faults.append(Issue("error", "exception", text, hint="import it again", rule="terminology.file"))
                continue
            usable.append(each)
            if each.edition.url:
                systems[each.edition.url, each.edition.version] = each.file
                systems[each.edition.url, ""] = each.file
        self._open, self._systems, self._shelf = opened, systems, usable
        self._maps = [opened[each.file] for each in usable if opened[each.file].groups()]
        self.generation += 1

    # What is in use (terminology.ports.Shelf).

    def system(self, url: str, version: str = "") -> CodeSystem | None:
        """Return a code system; without a version the one that was imported last."""
        self.refresh()
        name = self._systems.get((url, version))
        return self._open[name] if name is not None else None

    def shelved(self) -> list[Shelved]:
        """Return the catalogue, oldest first."""
        self.refresh()
        return list(self._shelf)

    def editions(self) -> list[Edition]:
        """Return every version, the one in use of each system first."""
        self.refresh()
        return [each.edition for each in reversed(self._shelf) if each.edition.url]

    def maps(self) -> Sequence[Maps]:
        """Return every artefact that has maps, newest first."""
        self.refresh()
        return self._maps[::-1]

    def artefact(self, file: str) -> Artefact:
        """Return an artefact by the name of its file. KeyError when it is not in use."""
        return self._open[file]

    def definition(self, kind: str, canonical: str) -> Json | None:
        """Return a resource by `url` or `url|version`."""
        self.refresh()
        url, _, version = canonical.partition("|")
        for each in reversed(self._shelf):
            if any(k == kind and u == url and version in ("", v) for k, u, v in each.kinds):
                return self._open[each.file].definition(kind, url, version)
        return None

    def definitions(self, kind: str) -> list[str]:
        """Return the canonicals (`url|version`) of a kind."""
        self.refresh()
        return [f"{u}|{v}" if v else u for each in reversed(self._shelf) for k, u, v in each.kinds if k == kind]

    # What changes it.

    def builder(self) -> Builder:
        """Begin an artefact in a file of the folder that nobody sees yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Builder(self.folder / f".{fresh_id()}.part")

    def shelve(self, builder: Builder, built: Built, *, source: str = "", digest: str = "") -> Shelved:
        """Put what was built into use: the file gets its name, then the catalogue is replaced in one act.

        A former artefact of the same system and version leaves the catalogue; its file stays while it is open here.
        """
        assert builder.path is not None  # noqa: S101 - a library's builder has one
        edition = built.edition
        slug = re.sub(r"[^A-Za-z0-9]+", "-", f"{edition.name or edition.url} {edition.version}").strip("-")[:80]
        name = f"{slug.lower() or 'artefact'}-{builder.path.name[1:].removesuffix('.part')[-8:]}.sqlite"
        final = self.folder / name
        builder.path.rename(final)
        opened = Artefact(final)
        entry = Shelved(
            name, edition, clock.now(), final.stat().st_size, source, digest, built.terms, built.pairs, built.maps,
            opened.definitions(),
        )  # fmt: skip
        self._change(lambda old: [*(e for e in old if not _same(e, entry)), entry])
        return entry

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other processes from building into the folder at the same time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".building").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refresh(now=True)
            yield

    def remove(self, url: str, version: str) -> bool:
        """Take a version out of use and remove its file; False when it is not here."""
        gone: list[Shelved] = []
        if not self._index.exists():
            return False

        def without(old: list[Shelved]) -> list[Shelved]:
            gone.extend(e for e in old if (e.edition.url, e.edition.version) == (url, version))
            return [e for e in old if e not in gone]

        self._change(without)
        for each in gone:
            (self.folder / each.file).unlink(missing_ok=True)
        return bool(gone)

    def _change(self, change: Callable[[list[Shelved]], list[Shelved]]) -> None:
        with self._lock, (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = msgspec.json.decode(self._index.read_bytes(), type=_Catalogue) if self._index.exists() else None
            new = _Catalogue(change(known.artefacts if known else []))
            for left in {e.file for e in known.artefacts} - {e.file for e in new.artefacts} if known else ():
                # Whoever has it open keeps reading it: on POSIX a file lives until it is closed.
                (self.folder / left).unlink(missing_ok=True)
            part = self.folder / ".catalogue.part"
            with part.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(new)))
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._index)
            self.refresh(now=True)


def _same(one: Shelved, other: Shelved) -> bool:
    """Tell whether two artefacts are of the same system and version; those without a system go by their source."""
    if one.edition.url or other.edition.url:
        return (one.edition.url, one.edition.version) == (other.edition.url, other.edition.version)
    return (one.edition.name, one.edition.version) == (other.edition.name, other.edition.version)
