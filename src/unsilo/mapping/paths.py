"""Target paths: `participant[atnd].individual`, `name[].given[]`, `location[now].location(Location).status`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Step", "parse_target"]

_STEP = re.compile(
    r"(?P<name>_?[A-Za-z][A-Za-z0-9]*)(?P<many>\[(?P<label>[A-Za-z0-9_\-]*)\])?(?:\((?P<type>[A-Z][A-Za-z]+)\))?$"
)


class Step(NamedTuple):
    """One step: `label` None means a single element, "" a new item of a list, else the item of that label.

    `type` is the resource type that is made and referred to here, "" for none.
    """

    name: str
    label: str | None
    type: str = ""


@lru_cache(maxsize=16384)
def parse_target(text: str) -> tuple[Step, ...]:
    """Parse a target path; `$this` is the empty path. ValueError says what is wrong with it."""
    if text in ("$this", ""):
        return ()
    steps = []
    for part in text.split("."):
        match = _STEP.match(part)
        if not match:
            raise ValueError(f"{text!r} is no target path (at {part!r})")
        steps.append(Step(match["name"], match["label"] if match["many"] else None, match["type"] or ""))
    return tuple(steps)
