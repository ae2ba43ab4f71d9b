"""The dictionary of a node: what was imported comes before what comes with the product; it has a version."""

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from unsilo.flow.terminology.library import Shelves
from unsilo.notes import Dictionary, build
from unsilo.notes.shipped import TAG, names_of, shipped_terms
from unsilo.notes.tables import measures, vocabularies
from unsilo.terminology import ids, shipped
from unsilo.terminology.ports import CodeSystem

__all__ = ["dictionary_of", "version_of"]

_FORM = 1
"""Grows when the same tables and terminologies are read otherwise by the program itself."""
_NAMED = "900000000000003001"
"""Fully specified name (SNOMED CT), which ends with the semantic tag."""
_LOINC = "http://loinc.org"


@cache
def _own() -> str:
    """Return a hash over the tables of the room and what is shipped."""
    made = hashlib.sha256(str(_FORM).encode())
    for file in sorted(files("unsilo.notes").joinpath("tables").iterdir(), key=lambda each: each.name):
        made.update(file.read_bytes())
    for name in sorted(names_of().values()):
        made.update(shipped.digest(name).encode())
    return made.hexdigest()


def version_of(shelves: Shelves) -> str:
    """Return what changes whenever notes would be read otherwise: rules, tables, or a terminology."""
    systems = {vocabulary.system for vocabulary in vocabularies()} | {_LOINC}
    used = sorted(each.file for each in shelves.library.shelved() if each.edition.url in systems)
    return hashlib.sha256("\n".join([_own(), *used]).encode()).hexdigest()[:16]


def _terms(system: CodeSystem) -> Iterator[tuple[str, str, str]]:
    """Yield (code, term, semantic tag) of an imported code system, without what is inactive."""
    gone = ids.Flags(system.inactive())
    codes: dict[int, str] = {}
    tags: dict[int, str] = {}
    for number, term in system.terms(uses=(_NAMED,)):
        found = TAG.search(term)
        if found is not None:
            tags[number] = found.group(1)
    for number, code, display in system.displays():
        if not gone.has(number):
            codes[number] = code
            yield code, display, tags.get(number, "")
    for number, term in system.terms():
        if number in codes:
            yield codes[number], TAG.sub("", term).strip(), tags.get(number, "")


def dictionary_of(folder: Path) -> Dictionary:
    """Return the dictionary over the terminologies in a node's data folder."""
    shelves = Shelves(folder / "terminology")

    def source(system: str) -> Iterator[tuple[str, str, str]]:
        found = shelves.library.system(system)
        return _terms(found) if found is not None else shipped_terms(system)

    made = build(source)
    shown: dict[str, dict[str, str]] = {}

    def display(system: str, code: str) -> str:
        found = shelves.library.system(system)
        if found is not None:
            head = found.head(code)
            if head is not None:
                return head[1]
        if system not in shown:
            wanted = made.codes(system) | (set(measures()) if system == _LOINC else set())
            shown[system] = {}
            for code_, term, _ in shipped_terms(system):
                if code_ in wanted:
                    shown[system].setdefault(code_, term)
        return shown[system].get(code, "")

    made.display = display
    made.version = version_of(shelves)
    return made
