"""The page on search parameters names each that is not indexed, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from unsilo.fhir.index import NOT_INDEXED, indexed
from unsilo.fhir.index.paths import branches, inner, presence
from unsilo.fhir.index.trie import conversions, grow
from unsilo.spec.definitions import search_parameter, urls
from unsilo.spec.model import types
from unsilo.spec.parameters import SearchParameter, parameters

PAGE = Path(__file__).parents[2] / "docs/reference/search-parameters.md"
KINDS = sorted(types.resources)


@pytest.fixture(scope="module")
def page() -> str:
    """The page's text."""
    return PAGE.read_text("utf-8")


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading."""
    part = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def pairs(page: str, heading: str) -> set[tuple[str, str]]:
    """Return the (type, code) pairs that a table names."""
    found = set()
    for code, where, *_ in rows(page, heading):
        named = KINDS if where.startswith("all") else where.split(", ")
        code = code.strip("`")
        found |= {(kind, code) for kind in named if not where.startswith("all") or code in parameters(kind)}
    return found


def test_what_has_no_keys_is_named(page: str) -> None:
    """Parameters without an expression, and those whose expression leads to nothing, have a reason on the page."""
    without = {(kind, code) for kind in KINDS for code, one in parameters(kind).items() if not one.expression}
    without |= {(one.type, one.code) for kind in KINDS for one in grow(indexed(kind), kind)[1]}
    itself = {(kind, code) for kind in KINDS for code in NOT_INDEXED}
    assert pairs(page, "Not indexed") | pairs(page, "Answered without an index") == without | itself
    assert pairs(page, "Not indexed") & pairs(page, "Answered without an index") == set()
    assert itself <= pairs(page, "Answered without an index")


def lacking(one: SearchParameter) -> set[str]:
    """Return the datatypes at the ends of an expression that have no keys of the parameter's kind."""
    if one.kind == "composite" or ".extension(" in one.expression or presence(one.expression, one.type):
        return set()
    ends = {end.type for branch in branches(one.expression, one.type) or () for end in inner(branch)}
    return {end for end in ends if (one.kind, end) not in {*conversions(), ("reference", "Reference")}}


def test_datatypes_without_keys_are_named(page: str) -> None:
    """A choice of which some types say nothing of the kind is on the page with those types."""
    named = {
        (row[1], row[0].strip("`")): set(row[2].split(", ")) for row in rows(page, "Indexed but for some datatypes")
    }
    left = pairs(page, "Not indexed")
    found = {}
    for kind in KINDS:
        for one in indexed(kind):
            if (kind, one.code) not in left and (kinds := lacking(one)):
                found[kind, one.code] = kinds
    assert named == found


def test_the_figures_are_those_of_the_definitions(page: str) -> None:
    """The counts in the first sentence."""
    published = [search_parameter(canonical) for canonical in urls("search_parameters")]
    assert f"{len(published):,}" in page
    assert f"{sum('expression' in one for one in published if one):,}" in page
