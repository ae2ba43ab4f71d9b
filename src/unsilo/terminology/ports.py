"""What the knowledge of terminology asks of its files: one code system version, maps, and the shelf that has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from unsilo.kernel import Json
from unsilo.terminology.model import Concept, Edition, MapGroup, Property, Translation

__all__ = ["CodeSystem", "MapSource", "Maps", "Shelf"]


class CodeSystem(Protocol):
    """One version of a code system. Concepts go by ids from 1 to `size`; sets of them are those of `ids`."""

    edition: Edition
    size: int

    def find(self, code: str) -> int:
        """Return the id of a code, 0 when there is none."""

    def head(self, code: str) -> tuple[int, str, bool] | None:
        """Return (id, display, active) of a code."""

    def heads(self, ids: Sequence[int]) -> list[tuple[str, str, bool]]:
        """Return (code, display, active) of ids, in the order given."""

    def concept(self, code: str) -> Concept | None:
        """Return all that is known of a concept."""

    def parents(self, number: int) -> Sequence[int]:
        """Return the ids directly above."""

    def children(self, number: int) -> Sequence[int]:
        """Return the ids directly below."""

    def above(self, number: int) -> Sequence[int]:
        """Return all ids above."""

    def below(self, number: int) -> int:
        """Return the set of all ids below."""

    def below_page(self, number: int, offset: int, count: int) -> tuple[int, list[int]]:
        """Return how many are below, and `count` of them from the `offset`-th on."""

    def is_below(self, code: str, ancestor: str) -> bool | None:
        """Tell whether a code is below another; None when one of them is not there."""

    def inactive(self) -> int:
        """Return the set of inactive concepts."""

    def roots(self) -> int:
        """Return the set of concepts that have nothing above them."""

    def leaves(self) -> int:
        """Return the set of concepts that have nothing below them."""

    def refset(self, code: str) -> int | None:
        """Return the set of a reference set's members; None when there is no such set."""

    def refsets(self) -> list[str]:
        """Return the codes of all reference sets."""

    def property(self, name: str) -> Property | None:
        """Return a property by its code."""

    def relations(self, name: str) -> Iterable[tuple[int, int, int]]:
        """Yield (source, target, group) of a property whose values are concepts."""

    def related(self, name: str, to: int, *, turned: bool = False) -> int:
        """Return the set of concepts whose property leads into the set `to`; `turned`: to which one of it leads."""

    def relations_to(self, name: str, targets: Sequence[int]) -> Iterable[tuple[int, int, int]]:
        """Yield (source, target, group) of those that lead to the targets."""

    def relations_of(self, source: int) -> list[tuple[str, int, int]]:
        """Return (property, target, group) of a concept."""

    def values(self, name: str) -> Iterable[tuple[int, str, int]]:
        """Yield (source, value, group) of a property with other values."""

    def having(self, name: str, values: Sequence[str]) -> int:
        """Return the set of concepts with one of the values, whichever kind the property is of."""

    def having_any(self, name: str) -> int:
        """Return the set of concepts that have the property."""

    def succeeded(self) -> Iterable[tuple[int, str, str]]:
        """Yield (id, relationship, code of the successor) of all that something replaces."""

    def displays(self) -> Iterator[tuple[int, str, str]]:
        """Yield (id, code, display) of every concept."""

    def terms(self, languages: Sequence[str] = (), uses: Sequence[str] = ()) -> Iterator[tuple[int, str]]:
        """Yield (id, term) of every further term of the languages and uses; none named means any."""

    def search(
        self, words: Sequence[str], limit: int, below: int = 0, *, inactive: bool = False
    ) -> list[tuple[int, str]]:
        """Return (id, term) of concepts with terms that have all words, the last also begun; short terms first.

        `below` is an id: only concepts below it, and it itself.
        """

    def matching(self, words: Sequence[str]) -> Iterator[int]:
        """Yield the ids of concepts with a term that has all words (each may be only begun), as terms are ranked."""

    def similar(self, words: Sequence[str], limit: int) -> list[tuple[int, str, float]]:
        """Return (id, term, score) of the terms that share the rarest words, best first."""


class Maps(Protocol):
    """Maps of one artefact."""

    def groups(self) -> Sequence[MapGroup]:
        """Return the maps."""

    def mapped(self, group: MapGroup, code: str) -> list[Translation]:
        """Return where a code leads."""

    def mapped_from(self, group: MapGroup, code: str) -> list[Translation]:
        """Return what leads to a code, as translations whose system and code are the source's."""


class MapSource(Protocol):
    """Maps that people govern: they are asked before those of artefacts."""

    def translate(self, system: str, code: str, target: str, reverse: bool) -> Iterable[Translation]:
        """Return where a code leads; `target` "" for any system."""

    def concept_map(self, url: str) -> Json | None:
        """Return a published map as a ConceptMap."""


class Shelf(Protocol):
    """The artefacts that are in use; `stored` finds resources of clients by type and canonical."""

    stored: Callable[[str, str], Json | None]
    from_store: int
    """How many answers came from what clients stored."""

    def is_ready(self, url: str) -> bool:
        """Tell whether a system can be asked without building it first."""

    def system(self, url: str, version: str = "") -> CodeSystem | None:
        """Return a code system; without a version the one in use."""

    def maps_ready(self, system: str) -> bool:
        """Tell whether the maps of a system can be asked without building them first."""

    def editions(self) -> list[Edition]:
        """Return every version that is here, the one in use of each system first."""

    def maps(self, system: str) -> Sequence[Maps]:
        """Return the artefacts that may have maps from or to a system."""

    def definition(self, kind: str, canonical: str) -> Json | None:
        """Return a ValueSet, ConceptMap or CodeSystem by `url` or `url|version`."""

    def definitions(self, kind: str) -> list[str]:
        """Return the canonicals (`url|version`) of a kind."""
