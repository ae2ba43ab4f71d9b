"""Finds the interaction of an address: rows by the shape of their pattern."""

from unsilo.api.interaction import Interaction
from unsilo.spec.r4 import resource_types

__all__ = ["Table", "shape_of"]

Shape = tuple[str, ...]
_TYPES = resource_types()


def shape_of(parts: list[str]) -> tuple[Shape, Shape]:
    """Return the shape of an address with and without its type's name, by which rows are found."""
    shape: list[str] = []
    for n, part in enumerate(parts):
        if part[:1] in ("_", "$"):
            shape.append(part)
        elif n == 0:
            shape.append("[type]" if part in _TYPES else part)
        elif shape[-1] == "_history":
            shape.append("[vid]")
        elif n == 1:
            shape.append("[id]")
        else:
            shape.append("[within]" if part in _TYPES or part == "*" else part)
    named = (parts[0], *shape[1:]) if shape and shape[0] == "[type]" else ()
    return tuple(shape), named


class Table:
    """Rows by shape; an operation of one type (`Patient/[id]/$everything`) goes before the general row."""

    def __init__(self, rows: tuple[Interaction, ...]) -> None:
        self.rows = rows
        self._ways: dict[Shape, dict[str, Interaction]] = {}
        for row in rows:
            self._ways.setdefault(tuple(row.pattern.split("/")) if row.pattern else (), {})[row.method] = row
        general = self._ways.get(("[type]", "[id]"), {})
        self._reads = {kind: {**general, **self._ways.get((kind, "[id]"), {})} for kind in _TYPES}

    def find(self, parts: list[str]) -> dict[str, Interaction]:
        """Return what may be done at an address by method; nothing when nothing is served there."""
        if "" in parts:
            return {}
        if len(parts) == 2 and parts[0] in self._reads and parts[1][0] not in "_$":
            return self._reads[parts[0]]
        shape, named = shape_of(parts)
        own = self._ways.get(named) if named else None
        general = self._ways.get(shape)
        if own and general:
            return {**general, **own}
        return own or general or {}

    def about(self, code: str) -> list[Interaction]:
        """Return the rows of one interaction."""
        return [row for row in self.rows if row.code == code]
