"""Terminology as the rest of the product asks it: look up, search, subsume, translate, expand, all in process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from time import monotonic

from unsilo.kernel import Issue, Json
from unsilo.terminology import ids
from unsilo.terminology.compose import Contents, Find, compose
from unsilo.terminology.expansion import Page, expand, is_hierarchy
from unsilo.terminology.faults import TerminologyError, fault
from unsilo.terminology.grammars import GRAMMARS
from unsilo.terminology.implicit import implicit
from unsilo.terminology.model import Concept, Edition, Hit, Member, Subsumption, Translation
from unsilo.terminology.ports import CodeSystem, MapSource, Shelf
from unsilo.terminology.translate import translate
from unsilo.terminology.words import words

__all__ = ["Terminology"]

_KEPT = 200
_STORED_FOR = 1.0
"""Seconds that a value set is kept which draws on what clients stored."""
_MOST = 200_000


class Terminology:
    """Operations over a `Shelf`. Nothing here raises on codes that are not known; what is worked out is kept until
    the shelf changes. Thread-safe."""

    def __init__(self, shelf: Shelf, generation: Callable[[], object] = lambda: 0) -> None:
        self.shelf = shelf
        self.sources: list[MapSource] = []
        """Maps that people govern, asked before those of artefacts."""
        self._generation = generation
        self._made_of: object = None
        self._contents: OrderedDict[tuple[str, tuple[tuple[str, str], ...]], tuple[float, Contents]] = OrderedDict()
        self._lock = threading.Lock()

    def state(self) -> object:
        """Return what changes whenever something is imported."""
        return self._generation()

    def maps_ready(self, system: str) -> bool:
        """Tell whether maps from or to a system can be asked without building them first."""
        return self.shelf.maps_ready(system)

    # Code systems.

    def systems(self) -> list[Edition]:
        """Return every version of every code system that is here; of each system the one in use comes first."""
        return self.shelf.editions()

    def system(self, url: str, version: str = "") -> CodeSystem | None:
        """Return a code system; `url|version` names a version too."""
        plain, _, said = url.partition("|")
        return self.shelf.system(plain, version or said)

    def has(self, url: str) -> bool:
        """Tell whether a code system is here."""
        return self.system(url) is not None

    def lookup(self, system: str, code: str, version: str = "") -> Concept | None:
        """Return all that is known of a concept; None for an unknown one."""
        found = self.system(system, version)
        return found.concept(code) if found is not None else None

    def display(self, system: str, code: str) -> str:
        """Return the display of a code, "" for an unknown one."""
        found = self.system(system)
        head = found.head(code) if found is not None else None
        return head[1] if head is not None else ""

    def known(self, system: str, code: str, version: str = "") -> bool | None:
        """Tell whether a code is one of its system; None when that cannot be known."""
        found = self.system(system, version)
        if found is None:
            return GRAMMARS[system](code) if system in GRAMMARS else None
        return True if found.find(code) else None if found.edition.content != "complete" else False

    def synonyms(self, system: str, code: str) -> list[str]:
        """Return every term of a concept, the display first."""
        concept = self.lookup(system, code)
        if concept is None:
            return []
        return list(dict.fromkeys([concept.display, *(d.term for d in concept.designations)]))

    def search(
        self, text: str, system: str, limit: int = 20, within: str | None = None, *, inactive: bool = False
    ) -> list[Hit]:
        """Return concepts with a term that has all words of a text, the shortest terms first; each word may be begun
        only. `within` is a code: it and what is below it count."""
        found = self.system(system)
        asked = words(text)
        if found is None or not asked:
            return []
        below = found.find(within) if within else 0
        if within and not below:
            return []
        rows = found.search(asked, limit, below, inactive=inactive)
        heads = found.heads([number for number, _ in rows])
        return [Hit(found.edition.url, code, display, term, active)
                for (code, display, active), (_, term) in zip(heads, rows, strict=True)]  # fmt: skip

    def candidates(self, text: str, system: str, limit: int = 50) -> list[Hit]:
        """Return concepts whose terms share the rarest words with a text, best first, with scores."""
        found = self.system(system)
        if found is None:
            return []
        rows = found.similar(words(text), limit)
        heads = found.heads([number for number, _, _ in rows])
        return [Hit(found.edition.url, code, display, term, active, score)
                for (code, display, active), (_, term, score) in zip(heads, rows, strict=True)]  # fmt: skip

    # Hierarchy.

    def subsumes(self, system: str, a: str, b: str, version: str = "") -> Subsumption:
        """Return how `a` stands to `b` (FHIR R4 CodeSystem $subsumes); "" when it is not known."""
        found = self.system(system, version)
        if found is None:
            return ""
        under = found.is_below(b, a)
        if under:
            return "subsumes"
        if under is None:
            return ""
        if found.find(a) == found.find(b):
            return "equivalent"
        return "subsumed-by" if found.is_below(a, b) else "not-subsumed"

    def _walk(self, system: str, code: str, step: Callable[[CodeSystem, int], Iterable[int]]) -> list[str]:
        found = self.system(system)
        number = found.find(code) if found is not None else 0
        if found is None or not number:
            return []
        return [head[0] for head in found.heads(list(step(found, number)))]

    def below(self, system: str, code: str) -> list[str]:
        """Return every code below one."""
        return self._walk(system, code, lambda s, n: ids.iterate(s.below(n)))

    def above(self, system: str, code: str) -> list[str]:
        """Return every code above one."""
        return self._walk(system, code, lambda s, n: s.above(n))

    def parents(self, system: str, code: str) -> list[str]:
        """Return the codes directly above one."""
        return self._walk(system, code, lambda s, n: s.parents(n))

    def children(self, system: str, code: str) -> list[str]:
        """Return the codes directly below one."""
        return self._walk(system, code, lambda s, n: s.children(n))

    # Value sets.

    def value_set(self, canonical: str) -> Json | None:
        """Return the ValueSet of an address: loaded, defined by the address, or all codes of a system."""
        found = implicit(canonical) or self.shelf.definition("ValueSet", canonical)
        if found is None:
            system = self.system(canonical)
            if system is not None:  # some name a code system where a value set of all its codes is meant
                found = {"resourceType": "ValueSet", "url": canonical,
                         "compose": {"include": [{"system": system.edition.url}]}}  # fmt: skip
        return found

    def contents(self, value_set: str | Json, versions: dict[str, str] | None = None) -> Contents:
        """Return what a value set holds, by address or as a ValueSet. TerminologyError when it cannot be said."""
        find = Find(self.system, self.value_set, versions)
        if not isinstance(value_set, str):
            return compose(value_set, find)
        key = (value_set, tuple(sorted((versions or {}).items())))
        stamp = self._generation()
        with self._lock:
            if stamp != self._made_of:
                self._contents.clear()
                self._made_of = stamp
            known = self._contents.get(key)
            if known is not None and monotonic() < known[0]:
                self._contents.move_to_end(key)
                return known[1]
        before = self.shelf.from_store
        said = self.value_set(value_set)
        if said is None:
            raise fault("not-found", f"the value set {value_set[:200]} is not here", "load it", "terminology.value-set")
        made = compose(said, find)
        # What a client stored may change at any time; what was imported changes only with the generation.
        until = monotonic() + _STORED_FOR if self.shelf.from_store != before else float("inf")
        with self._lock:
            self._contents[key] = (until, made)
            if len(self._contents) > _KEPT:
                self._contents.popitem(last=False)
        return made

    def page(
        self, value_set: str | Json, *, text: str = "", offset: int = 0, count: int = 1000, active: bool = False,
        versions: dict[str, str] | None = None,
    ) -> Page:  # fmt: skip
        """Return a page of an expansion. TerminologyError when it cannot be said, or a part of it is not here."""
        said = self.value_set(value_set) if isinstance(value_set, str) else value_set
        line = is_hierarchy(said) if not text and not active and not versions else None
        if line is not None:
            found = self._below(*line, offset, count)
            if found is not None:
                return found
        contents = self.contents(value_set, versions)
        lacking = [url for url in contents.missing if not any(key[0] == url for key in contents.bits)]
        if lacking:
            raise fault("not-found", f"the code system {lacking[0][:200]} is not here", "unsilo terminology import",
                        "terminology.system")  # fmt: skip
        if contents.formed and not contents.size():
            raise fault(
                "too-costly", "its codes cannot be listed: they are told by their form", rule="terminology.formed"
            )
        return expand(contents, text=text, offset=offset, count=count, active=active)

    def _below(self, url: str, version: str, op: str, code: str, offset: int, count: int) -> Page | None:
        """Return a page of one concept's descendants without making their set."""
        system = self.system(url, version)
        number = system.find(code) if system is not None else 0
        if system is None or not number:
            return None
        itself = op == "is-a"
        first = [number] if itself and not offset and count else []
        total, numbers = system.below_page(number, max(0, offset - itself), count - len(first))
        key = (system.edition.url, system.edition.version)
        members = [Member(*key, c, d, a) for c, d, a in system.heads([*first, *numbers])]
        return Page(members, total + itself, offset)

    def is_quick(self, value_set: str) -> bool:
        """Tell whether a value set is worked out already, or is one concept's descendants: both take microseconds."""
        if is_hierarchy(implicit(value_set)) is not None:
            return True
        with self._lock:
            known = self._contents.get((value_set, ()))
        return known is not None and self._made_of == self._generation() and monotonic() < known[0]

    def holds(
        self, value_set: str | Json, system: str, code: str, version: str = "", versions: dict[str, str] | None = None
    ) -> tuple[bool | None, Contents | None]:
        """Tell whether a code belongs to a value set (None: it cannot be known), with what the set holds where that
        was worked out. TerminologyError when it cannot be said."""
        line = is_hierarchy(self.value_set(value_set) if isinstance(value_set, str) else value_set)
        if line is not None and not versions and system == line[0]:
            own = self.system(line[0], line[1] or version)
            under = own.is_below(code, line[3]) if own is not None and own.find(line[3]) else None
            if under is not None and own is not None:
                return under or (line[2] == "is-a" and own.find(code) == own.find(line[3])), None
        contents = self.contents(value_set, versions)
        return contents.has(system, code, version), contents

    def member(self, value_set: str | Json, system: str, code: str, version: str = "") -> bool | None:
        """Tell whether a code belongs to a value set (any system for ""); None when that cannot be known."""
        try:
            return self.contents(value_set).has(system, code, version)
        except TerminologyError:
            return None

    def expand(self, value_set: str) -> list[tuple[str, str]] | Issue:
        """Return the (system, code) pairs of a value set, or why it cannot be expanded (`search.Terminology`)."""
        try:
            page = self.page(value_set, count=_MOST + 1)
        except TerminologyError as error:
            return error.issue
        if len(page.members) > _MOST:
            return Issue("error", "too-costly", "the value set has too many codes", rule="terminology.many")
        return [(each.system, each.code) for each in page.members]

    def related(self, system: str, code: str, *, below: bool) -> list[tuple[str, str]] | Issue:
        """Return a code and those below or above it (`search.Terminology`), or why that is not known."""
        found = self.system(system)
        if found is None:
            return Issue("error", "not-supported", "the code system is not loaded", hint="unsilo terminology import",
                         rule="terminology.system")  # fmt: skip
        codes = self.below(system, code) if below else self.above(system, code)
        return [(system, each) for each in (code, *codes)]

    # Maps.

    def translate(
        self, system: str, code: str, target: str = "", map_url: str = "", *, reverse: bool = False
    ) -> list[Translation]:
        """Return where maps lead from a code (or, `reverse`, what leads to it), governed maps first."""
        return translate(self.shelf, self.sources, system, code, target, map_url, reverse=reverse)
