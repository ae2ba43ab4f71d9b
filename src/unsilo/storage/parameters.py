"""Search parameters that were posted to this store: their numbers, their state, how far their keys are."""

from collections.abc import Sequence
from typing import Any

import msgspec

from unsilo.fhir.index import Custom, compile_parameter
from unsilo.kernel import json
from unsilo.spec.parameters import SearchParameter
from unsilo.spec.r4 import type_name
from unsilo.storage.connect import Readers
from unsilo.storage.statements import load

__all__ = ["ParameterReads", "ParameterRow", "compiled", "parameter_of"]

_SQL = load("parameter")


class ParameterRow(msgspec.Struct, frozen=True):
    """One posted parameter for one resource type (`type` is its number).

    `state` is `indexing` until the keys of all resources are there (`done` of `total` so far), then `active`.
    `definition` is the SearchParameter's JSON, `fhir_id` the id of that resource.
    """

    id: int
    type: int
    code: str
    url: str
    fhir_id: str
    definition: bytes
    state: str
    done: int = 0
    total: int = 0


def parameter_of(row: Any) -> ParameterRow:
    """Make a `ParameterRow` of a row of the statements."""
    return ParameterRow(*row)


def compiled(rows: Sequence[ParameterRow]) -> dict[str, list[Custom]]:
    """Return the posted parameters by resource type, ready to extract; one that no longer compiles is left out."""
    simple: dict[str, SearchParameter] = {}
    found: dict[str, list[Custom]] = {}
    for composite in (False, True):  # what a composite names comes first
        for row in rows:
            definition = json.decode(row.definition)
            if (definition.get("type") == "composite") == composite:
                kind = type_name(row.type)
                made = compile_parameter(definition, kind, row.id, simple)
                if made.value is not None:
                    found.setdefault(kind, []).append(made.value)
                    simple[row.url] = made.value.parameter
    return found


class ParameterReads:
    """The part of the store that concerns posted parameters."""

    _readers: Readers

    def parameters(self) -> list[ParameterRow]:
        """Return all posted parameters by number."""
        return [parameter_of(row) for row in self._readers.rows(_SQL["all"])]

    def rids_of_type(self, type_: int, after: int, limit: int) -> list[tuple[int, str]]:
        """Return (row number, id) of live resources of a type, in row order, behind a row number."""
        return [(row[0], row[1]) for row in self._readers.rows(_SQL["rids"], (type_, after, limit))]
