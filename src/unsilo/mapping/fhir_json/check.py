"""Is a foreign resource shaped as FHIR R4 says: element names, repetition, the form of primitives (R4 json.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple

from unsilo.spec import r4

__all__ = ["Finding", "findings"]

_DATE: Final = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_TIME: Final = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_ZONE: Final = r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"
_FORMS: Final[dict[str, re.Pattern[str]]] = {
    "date": re.compile(_DATE),
    "dateTime": re.compile(rf"{_DATE}|\d{{4}}-\d\d-\d\dT{_TIME}{_ZONE}"),
    "instant": re.compile(rf"\d{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T{_TIME}{_ZONE}"),
    "time": re.compile(_TIME),
    "code": re.compile(r"[^\s]+( [^\s]+)*"),
    "id": re.compile(r"[A-Za-z0-9\-.]{1,64}"),
    "oid": re.compile(r"urn:oid:[0-2](\.(0|[1-9]\d*))+"),
    "uuid": re.compile(r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "uri": re.compile(r"\S+"),
    "url": re.compile(r"\S+"),
    "canonical": re.compile(r"\S+"),
}
"""Type -> what its text looks like (FHIR R4 datatypes.html#primitive, without the base64 pattern, which is costly)."""
_TEXTS: Final = frozenset(("string", "markdown", "base64Binary", "xhtml", *_FORMS))
_NUMBERS: Final = frozenset(("decimal", "integer", "positiveInt", "unsignedInt"))
_MOMENTS: Final = frozenset(("date", "dateTime", "instant", "time"))
"""Types whose readers cannot do with another form: a value that does not fit is left out and listed."""
_LONG: Final = 1 << 16


class Finding(NamedTuple):
    """One thing that is not as R4 has it; `fatal` makes the resource unfit to be kept, `drop` only this element."""

    path: str
    text: str
    fatal: bool
    rule: str
    drop: bool = False


def findings(resource: dict[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with the shape of a resource of a type that the packed definitions know."""
    kind = resource["resourceType"]
    if kind in r4.resource_types():
        yield from _object(resource, kind, "")


@cache
def _required(context: str) -> tuple[str, ...]:
    return tuple(r4.required(context))


def _object(node: dict[str, Any], context: str, path: str) -> Iterator[Finding]:
    for name, value in node.items():
        here = f"{path}.{name}" if path else name
        if name == "resourceType" and not path:
            continue
        if name == "fhir_comments":
            continue
        element = r4.child(context, name.removeprefix("_"))
        if element is None:
            yield Finding(here, f"{context} has no element {name[:60]!r} in R4", False, "fhir.element", True)
            continue
        if name.startswith("_"):
            if not isinstance(value, list if element.many else dict):
                yield Finding(here, f"{here} is no extension of a primitive", True, "fhir.shape")
            continue
        if element.many != isinstance(value, list):
            wanted = "an array" if element.many else "one value"
            yield Finding(here, f"{here} must be {wanted}", True, "fhir.shape")
            continue
        if isinstance(value, list):
            if not value:
                yield Finding(here, f"{here} is an empty array", False, "fhir.empty", True)
            for index, item in enumerate(value):
                yield from _value(item, element, f"{here}[{index}]", node.get(f"_{name}"))
        else:
            yield from _value(value, element, here, None)
    if path == "" or "." in context:
        for name in _required(context):
            if name.endswith("[x]"):
                there = any(k.removeprefix("_").startswith(name[:-3]) for k in node)
            else:
                there = name in node or f"_{name}" in node
            if not there:
                here = f"{path}.{name}" if path else name
                yield Finding(here, f"{here} is required and was not sent", False, "fhir.required")


def _value(value: Any, element: r4.Element, path: str, companions: Any) -> Iterator[Finding]:
    kind = element.types[0] if element.types else ""
    if value is None:
        if companions is None:
            yield Finding(path, f"{path} is null", True, "fhir.shape")
    elif kind[:1].islower() or kind.startswith("http"):
        yield from _primitive(value, kind, path)
    elif not isinstance(value, dict):
        yield Finding(path, f"{path} must be an object", True, "fhir.shape")
    elif kind == "Resource":
        if not isinstance(value.get("resourceType"), str):
            yield Finding(path, f"{path} has no resourceType", True, "fhir.type")
    elif not value:
        yield Finding(path, f"{path} is empty", False, "fhir.empty", True)
    elif element.context:
        yield from _object(value, element.context, path)


def _primitive(value: Any, kind: str, path: str) -> Iterator[Finding]:
    if kind == "boolean":
        fits = isinstance(value, bool)
    elif kind in _NUMBERS:
        fits = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if fits and kind != "decimal":
            fits = (
                isinstance(value, int)
                and (-(2**31) if kind == "integer" else int(kind == "positiveInt")) <= value < 2**31
            )
    elif kind in _TEXTS:
        fits = isinstance(value, str)
        form = _FORMS.get(kind)
        if fits and form is not None and (len(value) > _LONG or not form.fullmatch(value)):
            yield Finding(path, f"{path} does not look like a {kind}", False, "fhir.value", kind in _MOMENTS)
            return
        if fits and not value.strip():
            yield Finding(path, f"{path} is empty text", False, "fhir.empty", True)
            return
    else:
        fits = not isinstance(value, dict | list)
    if not fits:
        yield Finding(path, f"{path} must be a {kind}", True, "fhir.shape")
