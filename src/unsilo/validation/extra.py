"""What the standard demands in words, beyond definitions and invariants: sizes of attachments, contained ids."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from unsilo.kernel import Json
from unsilo.validation.place import At
from unsilo.validation.run import Run

__all__ = ["BY_TYPE", "contained"]


def _attachment(node: Json, at: At, run: Run) -> None:
    """FHIR R4 Attachment.size: the number of bytes of the data, before base64."""
    data, size = node.get("data"), node.get("size")
    if type(data) is not str or type(size) is not int:
        return
    plain = "".join(data.split())
    actual = len(plain) * 3 // 4 - plain[-2:].count("=")
    if actual != size:
        run.error("value", at, "attachment.size", f"says that it has {size} bytes, its data has {actual}")


_SAMPLE = re.compile(r"-?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,4})?|[EUL]", re.ASCII)


def _sampled(node: Json, at: At, run: Run) -> None:
    """FHIR R4 SampledData.data: decimals, or E (error), L (below) and U (above) what can be detected."""
    data = node.get("data")
    if type(data) is not str:
        return
    place = next((n for n, said in enumerate(data.split(), 1) if _SAMPLE.fullmatch(said) is None), 0)
    if place:
        text = f"sample {place} is no decimal and none of E, L and U"
        run.error("value", at, "sampled-data", text, "separate samples by a space")


BY_TYPE: dict[str, Callable[[Json, At, Run], None]] = {"Attachment": _attachment, "SampledData": _sampled}
"""What is checked besides at each value of a type."""


def contained(resource: Json, at: At, run: Run) -> None:
    """Check that each contained resource has an id of its own, by which it is referred to (references.html)."""
    held = resource.get("contained")
    if type(held) is not list:
        return
    seen: set[Any] = set()
    for i, each in enumerate(held):
        if type(each) is not dict:
            continue
        here = At(at, "contained", "contained", i)
        id_ = each.get("id")
        if id_ is None:
            run.error("required", here, "contained.id", "a contained resource must have an id")
        elif type(id_) is str:
            if id_ in seen:
                text = f"the id {id_[:64]!r} stands twice among the contained resources"
                run.error("duplicate", here, "contained.id", text)
            seen.add(id_)
