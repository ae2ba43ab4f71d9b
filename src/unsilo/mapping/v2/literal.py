"""A body as the source text of a Python literal, with parameters where values and references differ."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from unsilo.mapping.model import Draft

__all__ = ["maker_of", "value_at"]


def maker_of(
    body: Any, filled: dict[str, str], holes: int, known: dict[int, int], stood: dict[str, int] | None = None
) -> tuple[Callable[..., Any], tuple[int, ...]] | None:
    """A function that makes a body from holes and references, and which known resources those are to.

    `filled` has Python over the holes `h0`... for the paths that are filled by them. Of the lists in `stood` only the
    items behind so many are made.
    """
    literal = _Literal(filled, stood or {})
    source = literal.write(body, "")
    if source is None or any(id(draft) not in known for draft in literal.referred):
        return None
    names = [f"h{n}" for n in range(holes)] + [f"r{n}" for n in range(len(literal.referred))]
    make = eval(f"lambda {', '.join(names)}: {source}", literal.constants)  # noqa: S307 - a literal of our own making
    return make, tuple(known[id(draft)] for draft in literal.referred)


def value_at(body: Any, path: str) -> Any:
    """The value at a path, None where there is none."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            body = body[int(index)] if index else body[name]
        except (KeyError, IndexError, TypeError):
            return None
    return body


class _Literal:
    """Python for a body: parameters are holes `h0`... and references to drafts `r0`..., numbers are constants."""

    def __init__(self, filled: dict[str, str], stood: dict[str, int]) -> None:
        self.filled, self.stood = filled, stood
        self.constants: dict[str, Any] = {}
        self.referred: list[Draft] = []

    def write(self, value: Any, path: str) -> str | None:
        """The literal of a value at a path, None for what has none."""
        if path in self.filled:
            return self.filled[path]
        if isinstance(value, dict):
            if isinstance(value.get("reference"), Draft):
                self.referred.append(value["reference"])
                return f"r{len(self.referred) - 1}" if len(value) == 1 else None
            inner = [(key, self.write(item, f"{path}.{key}" if path else key)) for key, item in value.items()]
            return (
                None if any(part is None for _, part in inner) else f"{{{', '.join(f'{k!r}: {p}' for k, p in inner)}}}"
            )
        if isinstance(value, list):
            start = self.stood.get(path, 0)
            parts = [self.write(item, f"{path}[{n}]") for n, item in enumerate(value[start:], start)]
            return None if None in parts else f"[{', '.join(str(part) for part in parts)}]"
        if value is None or isinstance(value, str | bool | int):
            return repr(value)
        self.constants[f"n{len(self.constants)}"] = value
        return f"n{len(self.constants) - 1}"
