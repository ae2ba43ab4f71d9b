"""The terms of all loaded terminologies as one lean index: hashes of words, so that a million terms fit into little."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from unsilo.notes.tables import Vocabulary, names, rows, vocabularies, word_roles
from unsilo.notes.tokens import tokens

__all__ = ["LONGEST", "Dictionary", "Entry", "Source", "build", "key_of"]

LONGEST = 7
"""Words of a term, those that say nothing not counted."""
_ICD10, _UNII, _SNOMED = "http://hl7.org/fhir/sid/icd-10-cm", "http://fdasis.nlm.nih.gov", "http://snomed.info/sct"
_ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
_TAG = re.compile(r"\s*\(([a-z /]+)\)$")
_LEFT_OUT = re.compile(
    r"\b(other|encounter|nec|elsewhere|classified|sequela|specified|history|unspecified (site|side)|fetus|trimester)\b",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"\([^()]*\)|\[[^\[\]]*\]|,? ?\b(unspecified|nos|uncomplicated|without complications?|not otherwise specified)\b,?",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z][A-Za-z -]{3,40}")

Source = Callable[[str], Iterable[tuple[str, str, str]]]
"""Gives (code, term, semantic tag) of every term of a code system, nothing when the system is not loaded."""


class Entry(NamedTuple):
    """What a term stands for; `course` is `chronic`, `acute` or empty, `way` how it came into the dictionary."""

    kind: str
    system: str
    code: str
    course: str
    way: str


def key_of(words: list[str]) -> int:
    """Return the number that words in any order share."""
    return hash(" ".join(sorted(words)) if len(words) > 1 else words[0])


class Dictionary:
    """An index from words to entries; `longest` gives for each word the most words of a term that has it."""

    def __init__(self, keys: array[int], refs: array[int], entries: _Entries, longest: dict[str, int]) -> None:
        self._keys, self._refs, self._entries, self.longest = keys, refs, entries, longest
        self.display: Callable[[str, str], str] = lambda _system, _code: ""
        self.version = ""
        self.substances: dict[str, str] = {}

    def __len__(self) -> int:
        """Return the number of terms."""
        return len(self._keys)

    @property
    def size(self) -> int:
        """Return the bytes of the index, without the interpreter's own."""
        words = sum(len(word) + 90 for word in self.longest)
        return (
            self._keys.itemsize * len(self._keys) + self._refs.itemsize * len(self._refs) + words + self._entries.size
        )

    def codes(self, system: str) -> set[str]:
        """Return the codes of a system that are in the dictionary."""
        return self._entries.codes(system)

    def find(self, key: int) -> list[Entry]:
        """Return what stands under a key, the preferred entry first."""
        keys = self._keys
        at = bisect_left(keys, key)
        found = []
        while at < len(keys) and keys[at] == key:
            found.append(self._entries.get(self._refs[at]))
            at += 1
        return found

    def substance(self, name: str) -> str:
        """Return the UNII of a substance's name; empty when that system is not loaded."""
        return self.substances.get(name, "")

    def has(self, key: int) -> bool:
        """Tell whether anything stands under a key."""
        at = bisect_left(self._keys, key)
        return at < len(self._keys) and self._keys[at] == key


class _Entries:
    """Entries by number: shared parts once, codes in one list."""

    def __init__(self) -> None:
        self._shapes: list[tuple[str, str, str, str]] = []
        self._by_shape: dict[tuple[str, str, str, str], int] = {}
        self._shape = array("B")
        self._codes: list[str] = []

    @property
    def size(self) -> int:
        return sum(len(code) + 58 for code in self._codes) + len(self._shape)

    def add(self, entry: Entry) -> int:
        shape = (entry.kind, entry.system, entry.course, entry.way)
        number = self._by_shape.setdefault(shape, len(self._by_shape))
        if number == len(self._shapes):
            self._shapes.append(shape)
        self._shape.append(number)
        self._codes.append(entry.code)
        return len(self._codes) - 1

    def codes(self, system: str) -> set[str]:
        shapes = {number for shape, number in self._by_shape.items() if shape[1] == system}
        return {code for code, shape in zip(self._codes, self._shape, strict=True) if shape in shapes}

    def get(self, number: int) -> Entry:
        kind, system, course, way = self._shapes[self._shape[number]]
        return Entry(kind, system, self._codes[number], course, way)


def words_of(term: str) -> list[str]:
    """Return the words of a term as they are looked up; nothing when it is no phrase (several parts, too long)."""
    skip = word_roles().skip
    found = []
    for token in tokens(term):
        if token.form:
            if token.form not in skip:
                found.append(token.form)
        elif token.text not in "-'’.+":
            return []
    return found if len(found) <= LONGEST else []


def _substances(source: Source) -> dict[str, str]:
    found: dict[str, str] = {}
    for code, term, _ in source(_UNII):
        found.setdefault(term, code)
    return found


def _reviewed(codes: dict[str, str]) -> Iterator[tuple[str, Entry]]:
    """Yield (term, entry) of this room's tables."""
    for row in rows("not_concepts"):
        yield row["phrase"], Entry("none", "", "", "", "reviewed")
    for code, course, terms in names("problems"):
        for term in terms:
            yield term, Entry("problem", _ICD10, code, course, "reviewed")
    for code, _, terms in names("negated"):
        for term in terms:
            yield term, Entry("problem", _ICD10, code, "neg", "reviewed")
    for code, _, terms in names("procedures"):
        for term in terms:
            yield term, Entry("procedure", _SNOMED, code, "", "reviewed")
    for code, _, terms in names("absent"):
        for term in terms:
            yield term, Entry("absent", _ABSENT, code, "", "reviewed")
    for substances, _, terms in names("drugs"):
        found = [codes[name] for name in substances.split("+") if name in codes] if substances else [""]
        for term in [*terms, *([substances] if substances and "+" not in substances else [])]:
            for code in found:
                yield term, Entry("medication", _UNII if code else "", code, "", "reviewed")
    for code, _, terms in names("allergens"):
        for term in terms:
            yield term, Entry("allergen", _ICD10, code, "", "reviewed")


def _taken(vocabulary: Vocabulary, source: Source, left_out: frozenset[str]) -> Iterator[tuple[str, Entry]]:
    codes = re.compile(vocabulary.codes) if vocabulary.codes else None
    entry = Entry(vocabulary.kind, vocabulary.system, "", "", "vocabulary")
    drug = vocabulary.kind in ("medication", "brand")
    for code, term, tag in source(vocabulary.system):
        if codes is not None and codes.match(code) is None:
            continue
        if vocabulary.tags and tag not in vocabulary.tags:
            continue
        if drug:
            if (tag == "brand") is not (vocabulary.kind == "brand"):
                continue
            if _NAME.fullmatch(term) is None or term.casefold() in left_out:
                continue
            yield term, entry._replace(code=code)
            continue
        plain = _TAG.sub("", term)
        if _LEFT_OUT.search(plain) is None:
            cut = " ".join(_CUT.sub(" ", plain).split()).strip(" ,")
            if cut and "," not in cut and len(cut) > 3:
                yield cut, entry._replace(code=code)


def build(source: Source) -> Dictionary:
    """Return the dictionary of what a source has: this room's reviewed terms first, then the vocabularies in order."""
    left_out = frozenset(row["word"] for row in rows("not_substances"))
    entries = _Entries()
    pairs: list[tuple[int, int]] = []
    longest: dict[str, int] = {}

    def add(term: str, entry: Entry, most: int) -> None:
        words = words_of(term)
        if not words or len(words) > most or (len(words) == 1 and len(words[0]) < 2):
            return
        pairs.append((key_of(words), entries.add(entry)))
        for word in words:
            if longest.get(word, 0) < len(words):
                longest[word] = len(words)

    substances = _substances(source)
    for term, entry in _reviewed(substances):
        add(term, entry, LONGEST)
    for vocabulary in vocabularies():
        for term, entry in _taken(vocabulary, source, left_out):
            add(term, entry, vocabulary.words)
    kept = list(_settled(sorted(pairs), entries))
    made = Dictionary(array("q", (k for k, _ in kept)), array("I", (n for _, n in kept)), entries, longest)
    short = {row["code"] for row in rows("abbreviations") if row["kind"] == "medication"}
    made.substances = {term: code for term, code in substances.items() if term in short}
    return made


def _settled(pairs: list[tuple[int, int]], entries: _Entries) -> Iterator[tuple[int, int]]:
    """Yield what stays of entries under one key: all reviewed ones, and one of each further system, if it may speak.

    Of a classification's codes with one name the longest says the same as the shorter ones above it.
    """
    for key, group in groupby(pairs, lambda pair: pair[0]):
        numbers = [number for _, number in group]
        if len(numbers) == 1:
            yield key, numbers[0]
            continue
        found = [(number, entries.get(number)) for number in numbers]
        ruled = [(number, entry) for number, entry in found if entry.way == "reviewed"]
        kinds, systems = {entry.kind for _, entry in ruled}, {entry.system for _, entry in ruled}
        seen = set()
        for number, entry in ruled:
            if (entry.kind, entry.code) not in seen:
                seen.add((entry.kind, entry.code))
                yield key, number
        best: dict[str, tuple[int, Entry]] = {}
        for number, entry in found:
            if entry.way == "reviewed" or entry.system in systems or (kinds and entry.kind not in kinds):
                continue
            known = best.get(entry.system)
            if known is None or (entry.system == _ICD10 and len(entry.code) > len(known[1].code)):
                best[entry.system] = (number, entry)
        first = "" if not best else (next(iter(kinds)) if kinds else next(iter(best.values()))[1].kind)
        yield from ((key, number) for number, entry in best.values() if entry.kind == first)
