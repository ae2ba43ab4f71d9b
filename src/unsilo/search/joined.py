"""Clauses that one row of an index meets together, joined where the standard's elements make that the same question."""

from collections.abc import Sequence
from functools import lru_cache

from unsilo.fhir.index import layout
from unsilo.fhir.index.unions import kept_as
from unsilo.search.vocabulary import Vocabulary
from unsilo.spec.expression import alternatives
from unsilo.spec.model import types
from unsilo.spec.parameters import SearchParameter
from unsilo.storage import plan as p

__all__ = ["joined", "single"]


@lru_cache(maxsize=4096)
def single(kind: str, expression: str) -> bool:
    """Tell whether an expression leads to one value at most: a plain path whose elements do not repeat."""
    steps = expression.split(".")
    if len(steps) < 2 or steps[0] != kind or not all(step.isidentifier() for step in steps):
        return False
    context = kind
    for step in steps[1:]:
        found = types.child(context, step)
        if found is None or found[0].max != 1:
            return False
        if found[0].choice:
            return step == steps[-1]
        context = found[1]
    return True


def _number(params: dict[str, SearchParameter], node: p.Node) -> SearchParameter | None:
    sp: tuple[int, ...] = getattr(node, "sp", ())
    if len(sp) != 1:
        return None
    return next((one for one in params.values() if one.number == sp[0]), None)


def _dates(clauses: list[p.Node], params: dict[str, SearchParameter], kind: str) -> list[p.Node]:
    """Join conditions on a date that a resource has once: `date=ge2026-01&date=lt2026-02` is one range."""
    groups: dict[tuple[int, ...], list[p.Date]] = {}
    for node in clauses:
        if isinstance(node, p.Date) and (one := _number(params, node)) is not None and single(kind, one.expression):
            groups.setdefault(node.sp, []).append(node)
    wide = {sp: dates for sp, dates in groups.items() if len(dates) > 1}
    if not wide:
        return clauses
    rest = [node for node in clauses if not (isinstance(node, p.Date) and node.sp in wide)]
    return [*rest, *(p.Dates(tuple(dates)) for dates in wide.values())]


def _composites(clauses: list[p.Node], params: dict[str, SearchParameter], kind: str) -> list[p.Node]:
    """Join a code and a quantity that a resource has once each to the composite that holds both in one row."""
    codes = [n for n in clauses if isinstance(n, p.Token) and n.code is not None and _number(params, n) is not None]
    sizes = [n for n in clauses if isinstance(n, p.Quantity)]
    if len(sizes) != 1 or len(sizes[0].sp) != 1 or not codes:
        return clauses
    size = sizes[0]
    for code in codes:
        for one in params.values():
            parts = one.components
            if one.expression != kind or [part.number for part in parts] != [code.sp[0], size.sp[0]]:
                continue
            if [part.slot for part in layout(tuple(part.kind for part in parts))] != ["token", "quantity"]:
                continue
            if not all(_once(kind, part.expression) for part in parts):
                continue
            row = p.Composite(
                kept_as(one.number), token=(code.code, code.system), unit=size.unit, span=(size.how, size.lo, size.hi)
            )
            return [row, *(n for n in clauses if n is not code and n is not size)]
    return clauses


def _once(kind: str, expression: str) -> bool:
    path = expression.partition(".ofType(")[0]
    return single(kind, f"{kind}.{path}")


def joined(clauses: Sequence[p.Node], kind: str, vocabulary: Vocabulary) -> tuple[p.Node, ...]:
    """Return clauses that mean the same for resources of one type, fewer where one index row answers several."""
    found = list(dict.fromkeys(clauses))
    if len(found) < 2 and not (found and isinstance(found[0], p.Composite)):
        return tuple(found)
    shapes = [type(node) for node in found]
    if shapes.count(p.Date) > 1:
        found = _dates(found, vocabulary.parameters(kind), kind)
    if p.Quantity in shapes and p.Token in shapes:
        found = _composites(found, vocabulary.parameters(kind), kind)
    codes = [code for node in found if isinstance(node, p.Composite) for code in _implied(node, vocabulary, kind)]
    return tuple(dict.fromkeys([*found, *codes]))


def _implied(node: p.Composite, vocabulary: Vocabulary, kind: str) -> list[p.Implied]:
    """Return the code that a composite asks for as a clause of its own: where many rows meet it, its list is shorter.

    Each row of a composite is made of a value of each of its parameters.
    """
    if len(node.sp) != 1 or node.token is None or node.token[0] is None:
        return []
    params = vocabulary.parameters(kind)
    one = next((one for one in params.values() if one.number == node.sp[0]), None)
    slots = layout(tuple(part.kind for part in one.components)) if one is not None else ()
    for part, slot in zip(one.components if one is not None else (), slots, strict=False):
        if slot.slot == "token" and kept_as(part.number) == (part.number,):
            code = params.get(part.code)
            if code is not None and _covers(one, code, part.expression):  # type: ignore[arg-type] # there are slots
                return [p.Implied(p.Token((part.number,), *node.token))]
    return []


def _covers(composite: SearchParameter, code: SearchParameter, path: str) -> bool:
    """Tell whether a composite's code is always among the values of its own parameter."""
    return alternatives(code.expression) == [f"{one}.{path}" for one in alternatives(composite.expression)]
