"""JSON to FHIR XML: elements in the order of the standard, numbers with their digits (FHIR R4 xml.html)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from unsilo.fhir.xml.narrative import embeddable
from unsilo.fhir.xml.slots import FHIR, Form, Slot, attributes, slots
from unsilo.kernel import Json

__all__ = ["encode"]

_SPECIAL: Final = re.compile("[^ !#-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*\Z")
_ESCAPES: Final = {
    "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;",
}  # fmt: skip
_MOST_SHAPES: Final = 20_000
_Step = tuple[str, Slot | None]
_shapes: dict[tuple[str, tuple[str, ...]], list[_Step]] = {}
"""(context, names of an object) -> what to write in which order: objects of a feed look alike."""


def encode(resource: Json, *, pretty: bool = False) -> bytes:
    """Write a resource as FHIR XML in UTF-8; a Decimal keeps its digits. ValueError without a `resourceType`.

    What R4 does not define is written after the rest, shaped as it is in JSON, so that nothing gets lost on the way
    out; `decode` refuses it. Left out are only names that XML cannot have. Characters that XML 1.0 cannot have are
    written as U+FFFD. `pretty` puts each element on a line of its own, two blanks deeper than its parent.
    """
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not _NAME.match(kind):
        raise ValueError("a resource has a resourceType")
    out = ['<?xml version="1.0" encoding="UTF-8"?>']
    _object(kind, resource, kind, out, "\n" if pretty else "", f' xmlns="{FHIR}"')
    if pretty:
        out.append("\n")
    return "".join(out).encode("utf-8", "replace")


def _escaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], "\ufffd")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return _SPECIAL.sub(_escaped, value)
    if value is True or value is False:
        return "true" if value else "false"
    return str(value)


def _order(context: str, shape: tuple[str, ...]) -> list[_Step]:
    known = slots(context)
    steps: dict[str, Slot | None] = {}
    for key in shape:
        name = key.removeprefix("_")
        slot = known.get(name)
        if slot is not None and slot.form is not Form.ATTRIBUTE:
            steps[name] = slot
        elif slot is None and key != "resourceType" and _NAME.match(name):
            steps[name] = None
    last = len(known)
    return sorted(steps.items(), key=lambda step: step[1].order if step[1] else last)


def _steps(context: str, node: Json) -> list[_Step]:
    key = (context, tuple(node))
    found = _shapes.get(key)
    if found is None:
        found = _order(context, key[1])
        if all(slot for _, slot in found):  # foreign names are not remembered
            if len(_shapes) >= _MOST_SHAPES:
                _shapes.clear()
            _shapes[key] = found
    return found


def _object(tag: str, node: Json, context: str, out: list[str], pad: str, start: str = "") -> None:
    said = ((name, node.get(name)) for name in attributes(context))
    marks = "".join(f' {name}="{_text(v)}"' for name, v in said if v is not None and not isinstance(v, dict | list))
    steps = _steps(context, node)
    if not steps:
        out.append(f"{pad}<{tag}{start}{marks}/>")
        return
    out.append(f"{pad}<{tag}{start}{marks}>")
    below = f"{pad}  " if pad else ""
    for name, slot in steps:
        value, companion = node.get(name), node.get(f"_{name}")
        if slot is not None and slot.form is Form.PRIMITIVE:
            _primitive(name, value, companion, out, below)
        elif isinstance(value, list):
            for item in value:
                _item(name, slot, item, companion, out, below)
        else:
            _item(name, slot, value, companion, out, below)
    out.append(f"{pad}</{tag}>")


def _item(name: str, slot: Slot | None, value: Any, companion: Any, out: list[str], pad: str) -> None:
    """Write one element that is no primitive."""
    form = slot.form if slot is not None else None
    if slot is not None and form is Form.COMPLEX and isinstance(value, dict):
        _object(name, value, slot.kind, out, pad)
    elif form is Form.RESOURCE and isinstance(value, dict):
        _inner(name, value, out, pad)
    elif form is Form.MARKUP and isinstance(value, str):
        out.append(f"{pad}{embeddable(value)}")
    else:
        _other(name, value, companion, out, pad)


def _inner(name: str, resource: Json, out: list[str], pad: str) -> None:
    """Write a resource within a resource."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not _NAME.match(kind):
        _object(name, resource, "", out, pad)
        return
    out.append(f"{pad}<{name}>")
    _object(kind, resource, kind, out, f"{pad}  " if pad else "")
    out.append(f"{pad}</{name}>")


def _primitive(name: str, value: Any, companion: Any, out: list[str], pad: str) -> None:
    if companion is None and isinstance(value, str):
        out.append(f'{pad}<{name} value="{_SPECIAL.sub(_escaped, value)}"/>')
        return
    if not isinstance(value, list) and not isinstance(companion, list):
        _one(name, value, companion, out, pad)
        return
    values = value if isinstance(value, list) else [value]
    companions = companion if isinstance(companion, list) else [companion]
    for place in range(max(len(values), len(companions))):
        one = values[place] if place < len(values) else None
        with_it = companions[place] if place < len(companions) else None
        _one(name, one, with_it, out, pad)


def _one(name: str, value: Any, companion: Any, out: list[str], pad: str) -> None:
    if isinstance(value, dict | list):
        _other(name, value, companion, out, pad)
        return
    said = "" if value is None else f' value="{_text(value)}"'
    if isinstance(companion, dict):
        _object(name, companion, "Element", out, pad, said)
    elif said:
        out.append(f"{pad}<{name}{said}/>")


def _other(name: str, value: Any, companion: Any, out: list[str], pad: str) -> None:
    """Write what R4 does not have by its shape."""
    if isinstance(value, dict):
        if isinstance(value.get("resourceType"), str):
            _inner(name, value, out, pad)
        else:
            _object(name, value, "", out, pad)
    elif isinstance(value, list):
        for item in value:
            _other(name, item, None, out, pad)
    elif value is not None or companion is not None:
        _primitive(name, value if isinstance(value, str | int | Decimal | bool) else None, companion, out, pad)
