"""The terms of what comes with the product, for who reads notes without a node's own terminologies."""

import re
from collections.abc import Iterator
from functools import cache

from unsilo.notes.dictionary import Dictionary, build
from unsilo.terminology import shipped

__all__ = ["TAG", "names_of", "shipped_dictionary", "shipped_terms"]

TAG = re.compile(r"\(([a-z /]+)\)$")
"""The semantic tag at the end of a fully specified name (SNOMED CT Editorial Guide)."""
_BRAND = "bn"


@cache
def names_of() -> dict[str, str]:
    """Return the packed releases by the addresses of their code systems."""
    return {head.edition.url: name for name, head in shipped.heads().items() if head.edition.url}


def shipped_terms(system: str) -> Iterator[tuple[str, str, str]]:
    """Yield (code, term, semantic tag) of a packed code system; names of brands are left to the reviewed table."""
    name = names_of().get(system)
    if name is None:
        return
    recorder = shipped.Recorder()
    shipped.feed(name, recorder)
    tags: dict[str, str] = {}
    for kind, code, *rest in recorder.rows:
        if kind == "t" and (found := TAG.search(rest[0])) is not None:
            tags[code] = found.group(1)
    for kind, code, *rest in recorder.rows:
        if kind == "c" or (kind == "t" and rest[2:3] != [_BRAND]):
            yield code, rest[0], tags.get(code, "")


@cache
def shipped_dictionary() -> Dictionary:
    """Return the dictionary of all that comes with the product; built once a process, in about two seconds."""
    made = build(shipped_terms)
    shown: dict[str, dict[str, str]] = {}

    def display(system: str, code: str) -> str:
        if system not in shown:
            shown[system] = {}
            for code_, term, _ in shipped_terms(system):
                shown[system].setdefault(code_, term)
        return shown[system].get(code, "")

    made.display = display
    made.version = "shipped"
    return made
