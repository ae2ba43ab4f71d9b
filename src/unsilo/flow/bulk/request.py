"""What a kick-off asks for (Bulk Data Access 2.0, export.html#query-parameters), by query string or Parameters."""

from __future__ import annotations

from typing import Literal

import msgspec

from unsilo.fhir.dates import range_of
from unsilo.kernel import Issue, Json, Where
from unsilo.kernel.issue import Code
from unsilo.spec.compartments import compartment
from unsilo.spec.r4 import resource_types

__all__ = ["FORMATS", "Request", "read", "types_of"]

FORMATS = frozenset(("application/fhir+ndjson", "application/ndjson", "ndjson"))
_KNOWN = ("_outputFormat", "_since", "_type", "_typeFilter", "_elements", "patient", "includeAssociatedData")
_MANY = ("_typeFilter", "patient", "_type", "_elements", "includeAssociatedData")
_LONGEST = 100


class Request(msgspec.Struct, frozen=True):
    """An export: of the whole system, of all patients, or of a Group; times in microseconds, empty means all."""

    level: Literal["system", "patient", "group"]
    group: str = ""
    types: tuple[str, ...] = ()
    since: int = 0
    filters: tuple[tuple[str, str], ...] = ()
    elements: tuple[tuple[str, str], ...] = ()
    """(type or "" for all, element)"""
    patients: tuple[str, ...] = ()


def types_of(level: str) -> tuple[str, ...]:
    """Return the types that an export without `_type` gives, in order."""
    if level == "system":
        return tuple(sorted(resource_types()))
    members = {kind for kind, codes in compartment("Patient").items() if codes}
    return ("Patient", *sorted(members - {"Patient"}))


class _Reader:
    def __init__(self, lenient: bool) -> None:
        self.lenient = lenient
        self.issues: list[Issue] = []
        self.warnings: list[Issue] = []

    def refuse(self, name: str, text: str, hint: str = "", *, mild: bool = True) -> None:
        """Note what cannot be done; under lenience what may be left out is only said."""
        code: Code = "not-supported" if mild else "value"
        found = Issue("error", code, f"{name[:64]}: {text}", Where(f"http.{name[:64]}"), hint, "bulk.request")
        if mild and self.lenient:
            self.warnings.append(msgspec.structs.replace(found, severity="warning"))
        else:
            self.issues.append(found)

    def types(self, values: list[str], level: str) -> tuple[str, ...]:
        """Read `_type`."""
        allowed = types_of(level)
        found: list[str] = []
        for name in values:
            if name not in resource_types():
                self.refuse("_type", f"{name[:40]!r} is no resource type of R4", mild=False)
            elif name not in allowed:
                self.refuse("_type", f"{name} is not part of such an export")
            elif name not in found:
                found.append(name)
        return tuple(found)

    def filters(self, values: list[str], types: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """Read `_typeFilter`: a search of one type each."""
        found: list[tuple[str, str]] = []
        for value in values:
            kind, mark, query = value.partition("?")
            if kind not in resource_types() or not mark or not query:
                self.refuse("_typeFilter", f"{value[:60]!r} is no search such as Observation?status=final", mild=False)
            elif types and kind not in types:
                self.refuse("_typeFilter", f"{kind} is not among the types of _type", mild=False)
            else:
                found.append((kind, query))
        return tuple(found)

    def elements(self, values: list[str]) -> tuple[tuple[str, str], ...]:
        """Read `_elements`: `Type.element`, or `element` for all types."""
        found: list[tuple[str, str]] = []
        for value in values:
            kind, dot, name = value.rpartition(".")
            if dot and kind not in resource_types():
                self.refuse("_elements", f"{value[:60]!r} begins with no resource type", mild=False)
            else:
                found.append((kind, name))
        return tuple(found)

    def patients(self, values: list[str], level: str) -> tuple[str, ...]:
        """Read `patient`: references to Patients, in exports of patients and groups."""
        if values and level == "system":
            self.refuse("patient", "belongs to exports of patients and groups", mild=False)
        found = []
        for value in values:
            kind, _, id_ = value.rpartition("/")
            if kind.rpartition("/")[2] not in ("", "Patient") or not id_:
                self.refuse("patient", f"{value[:60]!r} is no reference to a Patient", mild=False)
            else:
                found.append(id_)
        return tuple(dict.fromkeys(found))


def _posted(body: Json) -> list[tuple[str, str]]:
    """Return the parameters of a Parameters resource as pairs."""
    found: list[tuple[str, str]] = []
    rows = body.get("parameter")
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or not isinstance(name := row.get("name"), str):
            continue
        value = next((v for k, v in row.items() if k.startswith("value")), "")
        said = value.get("reference", "") if isinstance(value, dict) else value
        found.append((name, said if isinstance(said, str) else str(said)))
    return found


def read(
    level: Literal["system", "patient", "group"], pairs: list[tuple[str, str]], *, group: str = "",
    body: Json | None = None, lenient: bool = False,
) -> tuple[Request | None, list[Issue]]:  # fmt: skip
    """Understand a kick-off. None and Issues when it cannot be; under lenience the Issues are warnings."""
    reader = _Reader(lenient)
    said: dict[str, list[str]] = {}
    for name, value in [*pairs, *(_posted(body) if body is not None else [])]:
        if name not in _KNOWN:
            if name not in ("_format", "_pretty"):
                reader.refuse(name, "there is no such parameter of an export", ", ".join(_KNOWN))
            continue
        said.setdefault(name, []).append(value)
    lists = {
        name: [p for v in said.get(name, []) for p in ([v] if name == "_typeFilter" else v.split(",")) if p]
        for name in _MANY
    }
    for value in said.get("_outputFormat", []):
        if value.replace(" ", "+") not in FORMATS:
            reader.refuse("_outputFormat", "only application/fhir+ndjson is written")
    since = 0
    for value in said.get("_since", [])[-1:]:
        bounds = range_of(value.replace(" ", "+"))
        if bounds is None or "T" not in value:
            reader.refuse("_since", f"{value[:40]!r} is no instant", "such as 2026-01-31T08:00:00Z", mild=False)
        else:
            since = bounds[0]
    if lists["includeAssociatedData"]:
        reader.refuse("includeAssociatedData", "nothing associated is added; ask for its types with _type")
    types = reader.types(lists["_type"], level)
    asked = Request(
        level, group, types, since, reader.filters(lists["_typeFilter"], types), reader.elements(lists["_elements"]),
        reader.patients(lists["patient"], level),
    )  # fmt: skip
    if any(len(value) > _LONGEST * 100 for values in lists.values() for value in values):
        reader.refuse("_typeFilter", "is too long", mild=False)
    return (None, reader.issues) if reader.issues else (asked, reader.warnings)
