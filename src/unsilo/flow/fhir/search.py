"""A FHIR search from the pairs of its query to a page, of a type, of all types or of a compartment; its explanation."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from unsilo.flow.fhir.marks import mark, unmark
from unsilo.kernel import Issue, Where
from unsilo.policy import Predicate
from unsilo.search import Search, Vocabulary, hidden, parse, plan
from unsilo.storage import Stored
from unsilo.storage.plan import Page, Plan

__all__ = ["Asked", "Found", "Reads", "explain", "prepare", "search", "slow"]


class Reads(Protocol):
    """What is asked of the store."""

    def search(self, plan: Plan) -> Page:
        """Run a search."""


class Asked(msgspec.Struct):
    """A search that was understood; `plan.cheap`: it is met without waiting. `scope` is what its page links are for."""

    search: Search
    plan: Plan
    scope: str
    warnings: list[Issue]


class Found(msgspec.Struct):
    """A page: matches in order, what they include, the total if asked for, the mark of the next page or "".

    `used` are the pairs that took effect, in order, without the mark; `warnings` what was left out under `lenient`,
    and what the bounds cut.
    """

    rows: list[Stored]
    includes: list[Stored]
    total: int | None
    next: str
    used: list[tuple[str, str]]
    warnings: list[Issue]
    only_count: bool
    summary: str
    elements: tuple[str, ...]


def _scope(search: Search, compartment: tuple[str, str] | None) -> str:
    """Return what a mark is good for: the same parameters at the same address, however many a page."""
    asked = [pair for pair in search.used if pair[0] not in ("_count", "_summary", "_elements", "_total")]
    return repr((search.types, compartment, asked, search.kin))


def prepare(
    predicate: Predicate, resource_type: str | None, pairs: Sequence[tuple[str, str]], vocabulary: Vocabulary,
    key: bytes, *, base: str = "", lenient: bool = False, kin: bool = True, compartment: tuple[str, str] | None = None,
) -> tuple[Asked | None, list[Issue]]:  # fmt: skip
    """Understand a search: decoded pairs of the query for a type (None: all types), as `predicate`'s holder.

    `key` signs the marks of pages (`store.secret("page")`); `base`, `lenient`, `kin` and `compartment` are as of
    `unsilo.search.parse`. None and Issues with places when it is not understood.
    """
    found, issues = parse(
        resource_type, pairs, vocabulary, base=base, lenient=lenient, kin=kin, compartment=compartment
    )
    if found is None:
        return None, issues
    masked = hidden(found, predicate, vocabulary)
    if masked:
        return None, masked
    scope = _scope(found, compartment)
    made = plan(found, predicate, vocabulary)
    if found.page:
        after = unmark(key, scope, found.page)
        if after is None or len(after) != len(made.sort) + 1:
            hint = "start the search again without it"
            return None, [
                Issue("error", "value", "_page: this page is not known", Where("http._page"), hint, "search.page")
            ]
        made = msgspec.structs.replace(made, after=after)
    return Asked(found, made, scope, issues), []


def search(reads: Reads, asked: Asked, key: bytes) -> Found:
    """Run a search that was understood; TooLongError (`storage.faults`) when it takes too long, see `slow`."""
    page = reads.search(asked.plan)
    warnings = list(asked.warnings)
    if page.cut:
        text = f"more than {asked.plan.most} resources were to be included; the rest is left out"
        warnings.append(Issue("warning", "incomplete", text, Where("http._include"), rule="search.included"))
    said = asked.search
    return Found(
        page.rows, page.includes, page.total, mark(key, asked.scope, page.after) if page.after else "", said.used,
        warnings, said.only_count, said.summary, said.elements,
    )  # fmt: skip


def slow(asked: Asked) -> Issue:
    """Return what is said of a search that took too long."""
    text = f"the search took more than {asked.plan.seconds:g} seconds"
    hint = "add a parameter that fewer resources meet, such as a patient, an identifier or a date"
    return Issue("error", "too-costly", text, Where("http"), hint, "search.slow")


def explain(reads: Any, asked: Asked) -> dict[str, Any]:
    """Return for an operator what is run: clauses with the rows that were counted, statements, how the store runs them.

    Values are left out: an explanation names no patient.
    """
    return {"clauses": [_shape(node) for node in asked.plan.clauses], "statements": reads.explain(asked.plan)}


def _shape(node: Any) -> Any:
    name = type(node).__name__
    parts = getattr(node, "parts", None)
    if parts is not None:
        return {name: [_shape(part) for part in parts]}
    for inner in ("node", "part"):
        if hasattr(node, inner):
            return {name: _shape(getattr(node, inner)), "parameters": list(getattr(node, "sp", ()))}
    return {name: list(getattr(node, "sp", ()))}
