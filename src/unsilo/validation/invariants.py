"""Invariants made ready: each FHIRPath rule compiled once; those that every element meets in a direct form."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from unsilo.fhir.path import PathError, compile_path
from unsilo.validation.node import Rule
from unsilo.validation.run import Run
from unsilo.validation.shape import Holds

__all__ = ["DIRECT", "prepare"]


_LINK = re.compile(r"""["'](#[A-Za-z0-9.\-]{1,64})["']""")


def _always(_value: Any, _type: str, _run: Run) -> bool:
    return True


def _extension(value: Any, _type: str, _run: Run) -> bool:
    if type(value) is not dict:
        return True
    has_value = any(key.startswith(("value", "_value")) for key in value)
    return has_value != bool(value.get("extension"))


def _reference(value: Any, _type: str, run: Run) -> bool:
    if type(value) is not dict:
        return True
    said = value.get("reference")
    return type(said) is not str or said[:1] != "#" or run.within(said[1:]) is not None


def _fragments(node: Any, found: set[str]) -> None:
    """Gather every text that begins with `#` below a node."""
    if type(node) is dict:
        for value in node.values():
            _fragments(value, found)
    elif type(node) is list:
        for value in node:
            _fragments(value, found)
    elif type(node) is str:
        if node[:1] == "#":
            found.add(node)
        elif node[:4] == "<div":  # a narrative refers by links and images
            found.update(_LINK.findall(node))


def _contained_used(value: Any, _type: str, _run: Run) -> bool:
    """Tell whether each contained resource is referred to, or refers to its container (dom-3)."""
    if not value.get("contained"):
        return True
    found: set[str] = set()
    _fragments(value, found)
    for each in value["contained"]:
        id_ = each.get("id") if type(each) is dict else None
        if type(id_) is str and f"#{id_}" not in found:
            own: set[str] = set()
            _fragments(each, own)
            if "#" not in own:
                return False
    return True


def _contained_plain(value: Any, _type: str, _run: Run) -> bool:
    """Nothing to ask where nothing is contained."""
    return type(value) is not dict or not value.get("contained")


DIRECT: dict[str, Holds] = {
    # Structure says the same, at every element: an object without content is refused before rules are asked.
    "hasValue() or (children().count() > id.count())": _always,
    "hasValue() or (children().count() > id.count()) or $this is Parameters": _always,
    "extension.exists() != value.exists()": _extension,
    "reference.startsWith('#').not() or "
    "(reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))": _reference,
    "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | "
    "%resource.descendants().as(uri) | %resource.descendants().as(url))) or descendants().where(reference = '#')"
    ".exists() or descendants().where(as(canonical) = '#').exists() or descendants().where(as(canonical) = '#')"
    ".exists()).not()).trace('unmatched', id).empty()": _contained_used,
    # `narrative.check` says more than htmlChecks() does.
    "htmlChecks()": _always,
}
"""Invariants in a direct form, by their exact expression; a test holds each against the FHIRPath engine."""

_SKIP: dict[str, Callable[[Any, str, Run], bool]] = {
    "contained.contained.empty()": _contained_plain,
    "contained.meta.versionId.empty() and contained.meta.lastUpdated.empty()": _contained_plain,
    "contained.meta.security.empty()": _contained_plain,
}
"""Rules that hold at once when this does; else FHIRPath decides."""


@cache
def _errata() -> dict[tuple[str, str], str]:
    """Return the corrected expressions of invariants that were published wrong, by key and what was published."""
    text = files("unsilo.validation").joinpath("errata.csv").read_text("utf-8")
    return {(row["key"], row["published"]): row["corrected"] for row in csv.DictReader(text.splitlines())}


@cache
def _compiled(key: str, expression: str) -> Holds | None:
    direct = DIRECT.get(expression)
    if direct is not None:
        return direct
    try:
        program = compile_path(_errata().get((key, expression), expression))
    except PathError:
        return None  # the definition is at fault; `Validator.faults` names it

    skip = _SKIP.get(expression) or (_contained_plain if key in ("dom-2", "dom-4", "dom-5") else None)

    def holds(value: Any, type_: str, run: Run) -> bool:
        if skip is not None and skip(value, type_, run):
            return True
        run.unanswered = False
        try:
            # Where nobody can say whether a code is in a value set, nobody can say that the rule is broken.
            return program.truth(value, run.context(), kind=type_) is True or run.unanswered
        except PathError:
            return True  # a rule that cannot be worked out says nothing against the resource

    return holds


@cache
def _prepared(rules: tuple[Rule, ...]) -> tuple[tuple[Rule, Holds], ...]:
    made = []
    for rule in rules:
        holds = _compiled(rule.key, rule.expression)
        if holds is not None and holds is not _always and rule.severity == "error":
            made.append((rule, holds))
    return tuple(made)


def prepare(rules: tuple[Rule, ...]) -> tuple[tuple[Rule, Holds], ...]:
    """Return the rules that have to be asked, each with its test."""
    return _prepared(rules)
