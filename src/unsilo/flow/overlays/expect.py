"""What a test of a map says: FHIRPath that must be true, Issues that must be told, fields that may stay unread."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from unsilo.fhir.path import Context, PathError, compile_once
from unsilo.fhir.path.answering import answer, shown
from unsilo.fhir.path.lexer import Token, tokens
from unsilo.flow.overlays.fields import belongs, plain
from unsilo.flow.overlays.run import Run
from unsilo.kernel import Json, json
from unsilo.spec import r4

__all__ = ["Expectation", "held", "read_expectations"]

KINDS = ("expect", "issue", "read", "unread")
_KIND = re.compile(rf"({'|'.join(KINDS)})\s*:\s*")
_PLACE = re.compile(r" \(line \d+, column \d+\)")
_TYPED = frozenset(("is", "as", "ofType"))
_MOST = 3
"""Values that are shown where something else was expected."""


class Expectation(NamedTuple):
    """One line of a test: `kind` is one of KINDS."""

    line: int
    kind: str
    text: str


def read_expectations(text: str) -> list[Expectation]:
    """Read the lines of a test; `#` is a comment.

    `expect:` (which may be left out) takes FHIRPath, `issue:` the rule of an Issue, `read:` fields that are consumed
    wherever they are valued, `unread:` all fields that are valued and that nothing consumes (`none` for none), both
    parted by commas.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        kind = _KIND.match(said)
        found.append(Expectation(number, kind[1] if kind else "expect", said[kind.end() :] if kind else said))
    return found


def held(expectation: Expectation, bundle: Json, runs: Iterable[Run]) -> str:
    """Return "" when an expectation holds of what was made, else what was found instead."""
    if expectation.kind == "issue":
        rules = sorted({issue.rule for run in runs for issue in run.issues if issue.rule})
        return "" if expectation.text in rules else f"told were: {', '.join(rules) or 'none'}"
    if expectation.kind in ("read", "unread"):
        wanted = {part.strip() for part in expectation.text.split(",")} - {"", "none"}
        rest = {plain(path) for run in runs if run.mapped is not None for _, path, _ in run.mapped.unconsumed}
        if expectation.kind == "read":
            left = sorted(path for path in rest if any(belongs(path, each) for each in wanted))
            return f"nothing read {', '.join(left)}" if left else ""
        missing, more = sorted(wanted - rest), sorted(rest - wanted)
        parts = [f"also unread: {', '.join(more)}"] * bool(more) + [f"was read: {', '.join(missing)}"] * bool(missing)
        return "; ".join(parts)
    return _true(expectation.text, bundle)


def _true(expression: str, bundle: Json) -> str:
    try:
        said = tokens(expression)
        found = answer(_of_bundle(expression, said), bundle, Context())
    except PathError as fault:
        return f"the expression cannot be evaluated: {_PLACE.sub('', str(fault))}"
    if found == [True]:
        return ""
    left = _left(expression, said)
    try:
        values = compile_once(_of_bundle(left, tokens(left)))(bundle, Context()) if left else found
    except PathError:
        values = found
    texts = [json.encode(shown(value)).decode() for value in values[:_MOST]]
    more = f" and {len(values) - _MOST} more" if len(values) > _MOST else ""
    return f"found {', '.join(texts)}{more}" if texts else "found nothing"


def _of_bundle(expression: str, said: list[Token]) -> str:
    """Let a path that begins with a resource type begin with the resources of that type."""
    out, at = "", 0
    for number, token in enumerate(said):
        if token.kind != "name" or token.text not in r4.resource_types() or token.text == "Bundle":
            continue
        before = said[number - 1].text if number else ""
        called = said[number - 2].text if number > 1 and before == "(" else ""
        if before == "." or before in _TYPED or called in _TYPED:
            continue
        out += f"{expression[at : token.at]}%resource.entry.resource.ofType({token.text})"
        at = token.at + len(token.text)
    return out + expression[at:]


def _left(expression: str, said: list[Token]) -> str:
    """Return what stands left of the one comparison of an expression, "" when there is none or several."""
    depth, places = 0, []
    for token in said:
        depth += (token.text in "([") - (token.text in ")]") if token.kind == "sign" else 0
        if depth == 0 and token.kind == "sign" and token.text in ("=", "!=", "<", ">", "<=", ">=", "~", "!~"):
            places.append(token.at)
        if depth == 0 and token.kind == "name" and token.text in ("and", "or", "xor", "implies"):
            return ""
    return expression[: places[0]] if len(places) == 1 else ""
