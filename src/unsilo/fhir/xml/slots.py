"""How each element of a type stands in XML: its place in the order, as attribute, value, markup or children."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

from unsilo.spec.model import types

__all__ = ["FHIR", "XHTML", "Form", "Slot", "attributes", "slots"]

FHIR: Final = "http://hl7.org/fhir"
XHTML: Final = "http://www.w3.org/1999/xhtml"


class Form(IntEnum):
    """What an element looks like in XML."""

    ATTRIBUTE = 0
    PRIMITIVE = 1
    """`<x value="..."/>`, with `id` and extensions of its own."""
    COMPLEX = 2
    RESOURCE = 3
    """An element around a whole resource: `contained`, `resource`."""
    MARKUP = 4
    """XHTML, in JSON one string."""


class Slot(msgspec.Struct, frozen=True):
    """One JSON name of a type: `order` of the element (a choice's names share it), `kind` its type or inner path."""

    name: str
    order: int
    form: Form
    many: bool
    kind: str


_slots: dict[str, dict[str, Slot]] = {}
_attributes: dict[str, tuple[str, ...]] = {}


def _slot(name: str, order: int, context: str) -> Slot:
    found = types.child(context, name)
    assert found is not None  # noqa: S101 - the names are the model's own
    element, kind = found
    if element.attribute:
        form = Form.ATTRIBUTE
    elif kind == "xhtml":
        form = Form.MARKUP
    elif kind == "Resource":
        form = Form.RESOURCE
    else:
        form = Form.PRIMITIVE if types.is_primitive(kind) else Form.COMPLEX
    return Slot(name, order, form, element.max != 1, kind)


def slots(context: str) -> dict[str, Slot]:
    """Map the JSON names below a type or backbone path to their slots; {} for an unknown context."""
    found = _slots.get(context)
    if found is None:
        order = {element.path: place for place, element in enumerate(types.elements(context))}
        fields = types.fields(context)
        found = {name: _slot(name, order[element.path], context) for name, element in fields.items()}
        if found:
            _slots[context] = found
            _attributes[context] = tuple(s.name for s in found.values() if s.form is Form.ATTRIBUTE)
    return found


def attributes(context: str) -> tuple[str, ...]:
    """Name the elements that XML writes as attributes of this type (`id`, an extension's `url`)."""
    return _attributes.get(context, ()) if slots(context) else ()
