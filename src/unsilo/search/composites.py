"""Composite values: parts between dollar signs that one element has to meet together (FHIR R4)."""

from collections.abc import Callable
from typing import Any

import msgspec

from unsilo.fhir.index import layout
from unsilo.fhir.index.keys import string_key, target
from unsilo.fhir.index.unions import kept_as
from unsilo.kernel import clock
from unsilo.search.ask import Ask
from unsilo.search.numbers import as_float, measure, moment
from unsilo.search.quantities import amount
from unsilo.search.text import pieces, plain
from unsilo.search.tokens import coded
from unsilo.spec.parameters import SearchParameter
from unsilo.storage import plan as p

__all__ = ["composite"]


def _fields(slot: str, name: str, text: str, ask: Ask) -> dict[str, Any] | None:
    """Return what one part asks of the row; None with an Issue."""
    if slot in ("token", "token2"):
        found = coded(name, text, ask)
        return None if found is None else {slot: found}
    if slot == "quantity":
        size = amount(name, text, ask)
        return None if size is None else {"unit": size.unit, "span": (size.how, size.lo, size.hi)}
    if slot == "date":
        when = moment(plain(text), clock.now())
        if when is None:
            ask.refuse(name, "is not a FHIR date", "such as ge2026-01-31")
            return None
        return {"span": (f"d{when.how}", float(when.lo), float(when.hi))}
    if slot in ("number", "from", "to"):
        value = measure(plain(text))
        if value is None:
            ask.refuse(name, "is not a number", "such as gt0.8")
            return None
        field = {"number": "span", "from": "low", "to": "high"}[slot]
        return {field: (value.how, as_float(value.lo), as_float(value.hi))}
    if slot == "reference":
        return {"text": target(plain(text)), "exact": True}
    folded, _ = string_key(plain(text))
    if not folded:
        ask.refuse(name, "a text is missing")
        return None
    return {"text": folded}


def composite(definition: SearchParameter) -> Callable[[str, str, Ask], p.Node | None] | None:
    """Return the reader of one value; None for a combination of kinds that is not indexed."""
    parts = layout(tuple(component.kind for component in definition.components))
    if not parts:
        return None
    empty = p.Composite(kept_as(definition.number))
    shown = "$".join(component.code for component in definition.components)

    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        said = pieces(text, "$")
        if len(said) != len(parts) or not all(said):
            ask.refuse(name, f"is written {shown}", "with a dollar sign between the parts")
            return None
        fields: dict[str, Any] = {}
        for part, one in zip(parts, said, strict=True):
            found = _fields(part.slot, name, one, ask)
            if found is None:
                return None
            fields |= found
        return msgspec.structs.replace(empty, **fields)

    return read
