"""What an operation on terminology is asked: the values of its parameters, whichever way they came."""

from __future__ import annotations

from typing import Any

import msgspec

from unsilo.kernel import Json
from unsilo.terminology.faults import fault

__all__ = ["Coding", "Given"]


class Coding(msgspec.Struct, frozen=True):
    """A code of a system; empty where it is not said."""

    system: str = ""
    code: str = ""
    display: str = ""
    version: str = ""


def coding(value: Any, where: str) -> Coding:
    """Return a Coding as FHIR writes it. TerminologyError when it is none."""
    if not isinstance(value, dict) or not all(isinstance(v, str) for k, v in value.items() if k in _PARTS):
        raise fault("structure", f"{where} is no Coding", rule="terminology.parameter")
    return Coding(*(value.get(name, "") for name in _PARTS))


_PARTS = ("system", "code", "display", "version")


class Given:
    """Parameters by name: simple values as text, others as they are."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self._values: dict[str, list[Any]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    @classmethod
    def of(cls, body: Json | None, pairs: list[tuple[str, str]]) -> Given:
        """Read a Parameters resource and the parameters of the address (FHIR R4 operations.html#executing)."""
        found: list[tuple[str, Any]] = [pair for pair in pairs if not pair[0].startswith("_")]
        if body is None:
            return cls(found)
        if body.get("resourceType") != "Parameters":
            raise fault("structure", "an operation takes a Parameters resource", rule="terminology.parameter")
        rows = body.get("parameter") or []
        if not isinstance(rows, list):
            raise fault("structure", "parameter is a list", rule="terminology.parameter")
        return cls(found + [_row(row, n) for n, row in enumerate(rows)])

    def adding(self, pairs: list[tuple[str, Any]]) -> Given:
        """Return the parameters with further ones, which replace those of the same name."""
        found = Given(pairs)
        found._values = {**self._values, **found._values}
        return found

    def names(self) -> set[str]:
        """Return the names of what was given."""
        return set(self._values)

    def text(self, name: str, default: str = "") -> str:
        """Return a simple value that stands once."""
        found = self._values.get(name)
        if not found:
            return default
        if len(found) > 1:
            raise fault("value", f"{name} stands more than once", rule="terminology.parameter")
        if not isinstance(found[0], str):
            raise fault("structure", f"{name} is a simple value", rule="terminology.parameter")
        return found[0]

    def texts(self, name: str) -> list[str]:
        """Return every value of a parameter that may stand more often."""
        return [value for value in self._values.get(name, []) if isinstance(value, str)]

    def number(self, name: str, default: int, most: int) -> int:
        """Return a whole number that is not negative, cut to `most`."""
        said = self.text(name)
        if not said:
            return default
        if not said.isascii() or not said.isdigit() or len(said) > 9:
            raise fault("value", f"{name} is a whole number, not negative", rule="terminology.parameter")
        return min(int(said), most)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean."""
        said = self.text(name)
        if said not in ("", "true", "false"):
            raise fault("value", f"{name} is true or false", rule="terminology.parameter")
        return said == "true" if said else default

    def structure(self, name: str) -> Json | None:
        """Return a value that is an object."""
        found = self._values.get(name)
        if not found:
            return None
        if not isinstance(found[0], dict):
            raise fault("structure", f"{name} is an object", rule="terminology.parameter")
        return found[0]

    def structures(self, name: str) -> list[Json]:
        """Return every value that is an object."""
        return [value for value in self._values.get(name, []) if isinstance(value, dict)]

    def codings(self, code: str = "code", system: str = "system") -> list[Coding]:
        """Return what is asked about: `code` with its system, a `coding`, or those of a `codeableConcept`."""
        if code in self._values:
            return [Coding(self.text(system), self.text(code), self.text("display"), self.text("systemVersion"))]
        one = self.structure("coding")
        if one is not None:
            return [coding(one, "coding")]
        many = self.structure("codeableConcept")
        rows = many.get("coding") if many is not None else None
        return [coding(row, "codeableConcept.coding") for row in rows] if isinstance(rows, list) else []


def _row(row: Any, n: int) -> tuple[str, Any]:
    where = f"Parameters.parameter[{n}]"
    name = row.get("name") if isinstance(row, dict) else None
    if not isinstance(name, str):
        raise fault("structure", f"{where}: a parameter has a name", rule="terminology.parameter")
    if "resource" in row:
        return name, row["resource"]
    if "part" in row:
        return name, {"part": row["part"]}
    values = [value for key, value in row.items() if key.startswith("value")]
    if len(values) != 1 or isinstance(values[0], list) or values[0] is None:
        raise fault("structure", f"{where}: a parameter has one value", rule="terminology.parameter")
    value = values[0]
    if isinstance(value, dict):
        return name, value
    return name, str(value).lower() if isinstance(value, bool) else str(value)
