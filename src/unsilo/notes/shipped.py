"""The terms of what comes with the product, for who reads notes without a node's own terminologies."""

import re
from collections.abc import Callable, Iterator
from functools import cache

from unsilo.notes.dictionary import Dictionary, build
from unsilo.notes.tables import measures
from unsilo.terminology import shipped

__all__ = ["TAG", "names_of", "shipped_dictionary", "shipped_terms"]

TAG = re.compile(r"\(([a-z /]+)\)$")
"""The semantic tag at the end of a fully specified name (SNOMED CT Editorial Guide)."""
_BRAND = "bn"
_LOINC = "http://loinc.org"


@cache
def names_of() -> dict[str, str]:
    """Return the packed releases by the addresses of their code systems."""
    return {head.edition.url: name for name, head in shipped.heads().items() if head.edition.url}


def shipped_terms(system: str) -> Iterator[tuple[str, str, str]]:
    """Yield (code, term, semantic tag) of a packed code system; names of brands are tagged `brand`."""
    name = names_of().get(system)
    if name is None:
        return
    sink = _Terms()
    shipped.feed(name, sink)
    tags = {code: found.group(1) for code, term, _ in sink.terms if (found := TAG.search(term)) is not None}
    for code, display in sink.concepts:
        yield code, display, tags.get(code, "")
    for code, term, use in sink.terms:
        yield code, term, "brand" if use == _BRAND else tags.get(code, "")


class _Terms:
    """A `Sink` that keeps concepts and terms and lets everything else go."""

    def __init__(self) -> None:
        self.concepts: list[tuple[str, str]] = []
        self.terms: list[tuple[str, str, str]] = []

    def concept(self, code: str, display: str, *_rest: object) -> None:
        """Keep a concept."""
        self.concepts.append((code, display))

    def term(self, code: str, term: str, _language: str = "", use: str = "", *_rest: object) -> None:
        """Keep a term."""
        self.terms.append((code, term, use))

    def __getattr__(self, _name: str) -> Callable[..., None]:
        """Let a property, a parent or a map go."""
        return _nothing


def _nothing(*_row: object) -> None:
    return None


@cache
def shipped_dictionary() -> Dictionary:
    """Return the dictionary of all that comes with the product; built once a process, in about two seconds."""
    made = build(shipped_terms)
    shown: dict[str, dict[str, str]] = {}

    def display(system: str, code: str) -> str:
        if system not in shown:
            shown[system] = {}
            wanted = made.codes(system) | (set(measures()) if system == _LOINC else set())
            for code_, term, _ in shipped_terms(system):
                if code_ in wanted:
                    shown[system].setdefault(code_, term)
        return shown[system].get(code, "")

    made.display = display
    made.version = "shipped"
    return made
