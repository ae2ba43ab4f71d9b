"""A body as the source text of a Python literal, with parameters where values and references differ."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from unsilo.kernel import Json
from unsilo.mapping.model import Draft

__all__ = ["Make", "maker_of", "value_at"]

Make = Callable[..., tuple[Any, list[Json]]]
"""Makes a body of resources and holes; returns it with its references, which get their texts later."""


def maker_of(
    body: Any, filled: dict[str, str], holes: int, known: dict[int, int], stood: dict[str, int] | None = None
) -> Make | None:
    """A function that makes a body from the resources that are known, by the number in `known`, and from holes.

    `filled` has Python over the holes `h0`... for the paths that are filled by them. Of the lists in `stood` only the
    items behind so many are made.
    """
    literal = _Literal(filled, known, stood or {})
    source = literal.write(body, "")
    if source is None:
        return None
    names = "".join(f", h{n}" for n in range(holes))
    refs = ", ".join(f"r{n}" for n in range(literal.referred))
    made: Make = eval(f"lambda f{names}: ({source}, [{refs}])", literal.constants)  # noqa: S307 - a literal of our own making
    return made


def value_at(body: Any, path: str) -> Any:
    """The value at a path, None where there is none."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            body = body[int(index)] if index else body[name]
        except (KeyError, IndexError, TypeError):
            return None
    return body


class _Literal:
    """Python for a body of holes `h0`... and resources `f`; its references are `r0`..., its numbers constants."""

    def __init__(self, filled: dict[str, str], known: dict[int, int], stood: dict[str, int]) -> None:
        self.filled, self.known, self.stood = filled, known, stood
        self.constants: dict[str, Any] = {}
        self.referred = 0

    def write(self, value: Any, path: str) -> str | None:
        """The literal of a value at a path, None for what has none."""
        if path in self.filled:
            return self.filled[path]
        if isinstance(value, dict):
            if isinstance(value.get("reference"), Draft):
                number = self.known.get(id(value["reference"]))
                if number is None or len(value) != 1:
                    return None
                self.referred += 1
                return f"(r{self.referred - 1} := {{'reference': f[{number}]}})"
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
