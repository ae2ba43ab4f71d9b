"""One Python function for each resource type, made when a resource of the type is first seen."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from unsilo.fhir.index import patients, values
from unsilo.fhir.index.generate import source
from unsilo.fhir.index.rows import IndexRows
from unsilo.fhir.index.trie import grow
from unsilo.fhir.index.unions import unions
from unsilo.kernel import Json
from unsilo.spec.model import types
from unsilo.spec.parameters import SearchParameter, parameters

__all__ = ["NOT_INDEXED", "Extractor", "compiled", "extractor", "indexed"]

Extractor = Callable[[Json, IndexRows], None]

NOT_INDEXED = frozenset(("_id", "_lastUpdated"))
"""Parameters that the store answers from the resource's own row."""


def indexed(resource_type: str) -> list[SearchParameter]:
    """Return the parameters of a type that have keys, their own or those of their parts (`kept_as`)."""
    return [p for p in parameters(resource_type).values() if p.expression and p.code not in NOT_INDEXED]


def compiled(wanted: Iterable[SearchParameter], resource_type: str, members: frozenset[int]) -> Extractor:
    """Compile parameters of one type to one function that adds their keys to rows."""
    root, _left = grow(wanted, resource_type)
    text = source(root, members, patients.expression(resource_type))
    space: dict[str, Any] = vars(values) | vars(patients)
    exec(compile(text, "<search keys>", "exec"), space)  # noqa: S102 - names and numbers go in as literals
    made: Extractor = space["index"]
    return made


@cache
def extractor(resource_type: str) -> Extractor:
    """Return the function of one of R4's types, which the caller has looked up; ValueError for any other."""
    if resource_type not in types.resources:
        raise ValueError(resource_type)
    wanted = [one for one in indexed(resource_type) if one.number not in unions(resource_type)]
    return compiled(wanted, resource_type, patients.members(resource_type))
