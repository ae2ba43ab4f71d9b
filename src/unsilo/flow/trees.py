"""Source trees of every format seen alike: paths, values and byte ranges, for pages and reports."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from unsilo.fhir.leaves import leaves, pointer
from unsilo.fhir.syntax import spans
from unsilo.formats import ccda, hl7v2
from unsilo.kernel import Locator

__all__ = ["Node", "place_of", "tree_nodes"]

_MOST = 20_000


class Node(NamedTuple):
    """One valued leaf of a source."""

    path: str
    value: str
    span: tuple[int, int] | None


@lru_cache(maxsize=4)
def _pointers(content: bytes) -> dict[str, tuple[int, int]]:
    return spans(content)


def place_of(fmt: str, tree: Any, content: bytes, locator: Locator) -> tuple[str, tuple[int, int] | None]:
    """Return the format's path and the byte range of a locator; ("", None) for an element that a rule made."""
    if locator is None:
        return "", None
    if fmt == "hl7v2" and isinstance(locator, tuple) and len(locator) == 5:
        return hl7v2.path(tree, locator), hl7v2.span(tree, locator)
    if fmt == "ccda" and isinstance(locator, str):
        return locator, ccda.span(tree, locator)
    return str(locator), _pointers(content).get(str(locator))


def tree_nodes(fmt: str, tree: Any, content: bytes) -> list[Node]:
    """Return every valued leaf of a parsed source in order, at most 20,000."""
    found: Iterator[Node]
    if fmt == "hl7v2":
        found = (Node(hl7v2.path(tree, place), value, hl7v2.span(tree, place)) for place, value in hl7v2.valued(tree))
    elif fmt == "ccda":
        found = (Node(str(locator), value, ccda.span(tree, locator)) for locator, value in ccda.valued(tree))
    else:
        places = _pointers(content)
        found = (Node(pointer(path), str(value), places.get(pointer(path))) for path, value in leaves(tree) if path)
    return list(islice(found, _MOST))
