"""The terminology browser: systems and versions, search while typing, one code with its tree, relations and maps."""

from __future__ import annotations

from itertools import zip_longest
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from unsilo.console.gate import Asked
from unsilo.console.render import page
from unsilo.terminology import Concept, Edition, Hit, Terminology, Translation, ids
from unsilo.terminology.ports import CodeSystem

__all__ = ["branch_page", "terminology_page"]

_HITS = 40
_CHILDREN = 200
_DEEP = 25
_USES = {
    "900000000000003001": "full name",
    "900000000000013009": "synonym",
    "900000000000550004": "definition",
}
"""SNOMED CT's kinds of descriptions, in words, also where their own concepts are not loaded."""


class Branch(NamedTuple):
    """One line of the tree: a code, its display, and how many are below it."""

    code: str
    display: str
    active: bool
    below: int


def href(system: str, code: str = "", version: str = "", **more: str) -> str:
    """Return the address of a code, or of a system."""
    said = {"system": system, "version": version, "code": code, **more}
    return "/terminology?" + urlencode({name: value for name, value in said.items() if value})


def _branches(system: CodeSystem, numbers: list[int]) -> list[Branch]:
    heads = system.heads(numbers)
    return [Branch(*head, system.below_page(number, 0, 0)[0]) for number, head in zip(numbers, heads, strict=True)]


def _path(system: CodeSystem, number: int) -> list[Branch]:
    """Return one way from the top to a concept: the first parent of each."""
    line = [number]
    while len(line) < _DEEP:
        above = system.parents(line[-1])
        if not above:
            break
        line.append(above[0])
    return _branches(system, line[::-1])


def _tops(system: CodeSystem) -> tuple[list[Branch], int]:
    """Return the concepts at the top that have something below them, or the first ones, and how many tops there are."""
    tops = system.roots()
    parents = tops & ~system.leaves()
    shown = parents or tops
    return _branches(system, ids.page(shown, 0, _CHILDREN)), shown.bit_count()


def _maps(terminology: Terminology, concept: Concept) -> list[tuple[str, Translation, str]]:
    """Return (way, translation, display) of every map that leads from or to a code."""
    found = [("leads to", each) for each in terminology.translate(concept.system, concept.code)]
    found += [("comes from", each) for each in terminology.translate(concept.system, concept.code, reverse=True)]
    return [(way, t, t.display or terminology.display(t.system, t.code)) for way, t in found if t.code][:_CHILDREN]


def _editions(terminology: Terminology) -> dict[str, list[Edition]]:
    found: dict[str, list[Edition]] = {}
    for each in terminology.systems():
        found.setdefault(each.url, []).append(each)
    return found


def _hits(terminology: Terminology, systems: list[str], query: str) -> list[Hit]:
    """Return what is found by the words, of each system in turn; a code that is typed whole comes first."""
    exact: list[Hit] = []
    found: list[list[Hit]] = []
    for url in systems:
        system = terminology.system(url)
        if system is None:
            continue
        own = system.head(query)
        exact += [Hit(url, query, own[1], own[1], own[2])] if own is not None else []
        found.append([hit for hit in terminology.search(query, url, _HITS, inactive=True) if hit.code != query])
    # Systems take turns, each with its best first, so that a large one does not hide the others.
    turns = [hit for row in zip_longest(*found) for hit in row if hit is not None]
    return [*exact, *turns][:_HITS]


def terminology_page(asked: Asked) -> Response:
    """Show the systems; with one, its top and what the search finds; with a code, all that is known of it."""
    query = asked.request.query_params
    terminology = asked.service.terminology
    editions = _editions(terminology)
    url, version, code, typed = (query.get(name, "").strip()[:500] for name in ("system", "version", "code", "q"))
    system = terminology.system(url, version) if url else None
    concept = system.concept(code) if system is not None and code else None
    number = system.find(code) if system is not None and code else 0
    children = list(system.children(number)[:_CHILDREN]) if system is not None and number else []
    tops, count = _tops(system) if system is not None and not code else ([], 0)
    versions = [e.version for e in editions.get(url, ())]
    names = {p.code: terminology.display(url, p.code) for p in system.edition.properties} if system is not None else {}
    return page(
        "terminology.html", asked.view, title="Terminology", editions=editions, url=url, version=version, code=code,
        typed=typed, system=system, concept=concept, href=href, missing=bool(url) and system is None,
        hits=_hits(terminology, [url] if url else list(editions), typed) if typed else [],
        path=_path(system, number) if system is not None and number else [],
        children=_branches(system, children) if system is not None else [],
        below=system.below_page(number, 0, 0)[0] if system is not None and number else 0,
        tops=tops, top_count=count, versions=versions, names=names, most=_CHILDREN,
        maps=_maps(terminology, concept) if concept is not None else [],
        relations={p.code for p in system.edition.properties if p.type == "code"} if system is not None else set(),
        uses=_USES, display=lambda value: terminology.display(url, value),
        faults=getattr(terminology.shelf, "faults", []),
    )  # fmt: skip


def branch_page(asked: Asked) -> Response:
    """Show what is directly below a code, for a tree that is opened step by step."""
    query = asked.request.query_params
    url, version, code = (query.get(name, "").strip()[:500] for name in ("system", "version", "code"))
    system = asked.service.terminology.system(url, version) if url else None
    number = system.find(code) if system is not None else 0
    numbers = list(system.children(number)[:_CHILDREN]) if system is not None and number else []
    rows = _branches(system, numbers) if system is not None else []
    return page("terminology_branch.html", asked.view, rows=rows, url=url, version=version, href=href, most=_CHILDREN)
