"""Search keys of a resource: the tables `search_parameters.csv` and `patient_index.csv` compiled to Python functions.

The generated function of a type visits only the elements that its rows name (FHIR R4 search.html).
"""

import csv
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from unsilo.fhir.dates import ALWAYS, NEVER, bounds
from unsilo.fhir.fold import fold
from unsilo.kernel import Json

__all__ = ["IndexRows", "index", "parameters"]


class IndexRows(msgspec.Struct, array_like=True):
    """What storage puts into its narrow index tables for one resource version."""

    tokens: list[tuple[str, str, str]]
    """(parameter, system or "", code)"""
    strings: list[tuple[str, str]]
    """(parameter, text folded as `fold` does)"""
    dates: list[tuple[str, int, int]]
    """(parameter, from, to): microseconds since 1970 UTC, half open"""
    references: list[tuple[str, str]]
    """(parameter, "Type/id")"""
    patient: list[tuple[str, int, str, str]]
    """("Patient/id", date in microseconds or 0, "system|code" of the first coding, category code)"""


Rows = list[Any]
Indexer = Callable[[Json], IndexRows]

_EMIT: Final[dict[str, str]] = {
    "identifier": "_identifier(tokens, {param!r}, v)",
    "concept": "_concept(tokens, {param!r}, v)",
    "coding": "_coding(tokens, {param!r}, v)",
    "code": "_code(tokens, {param!r}, v)",
    "contact": "_contact(tokens, {param!r}, v)",
    "phone": "_contact(tokens, {param!r}, v, 'phone')",
    "email": "_contact(tokens, {param!r}, v, 'email')",
    "string": "_string(strings, {param!r}, v)",
    "name": "_parts(strings, {param!r}, v, _NAME)",
    "address": "_parts(strings, {param!r}, v, _ADDRESS)",
    "date": "_date(dates, {param!r}, v)",
    "reference": "_reference(references, {param!r}, v)",
}
_NAME: Final = ("family", "given", "prefix", "suffix", "text")
_ADDRESS: Final = ("line", "city", "district", "state", "postalCode", "country", "text")


def _system(node: Json) -> str:
    system = node.get("system")
    return system if type(system) is str else ""


def _identifier(rows: Rows, param: str, v: Any) -> None:
    if type(v) is dict and type(value := v.get("value")) is str:
        rows.append((param, _system(v), value))


def _concept(rows: Rows, param: str, v: Any) -> None:
    if type(v) is dict and type(codings := v.get("coding")) is list:
        for coding in codings:
            if type(coding) is dict and type(code := coding.get("code")) is str:
                rows.append((param, _system(coding), code))


def _coding(rows: Rows, param: str, v: Any) -> None:
    if type(v) is dict and type(code := v.get("code")) is str:
        rows.append((param, _system(v), code))


def _code(rows: Rows, param: str, v: Any) -> None:
    if type(v) is str:
        rows.append((param, "", v))
    elif type(v) is bool:
        rows.append((param, "", "true" if v else "false"))


def _contact(rows: Rows, param: str, v: Any, system: str = "") -> None:
    if type(v) is dict and type(value := v.get("value")) is str and system in ("", v.get("system")):
        rows.append((param, _system(v), value))


def _string(rows: Rows, param: str, v: Any) -> None:
    if type(v) is str and (folded := fold(v)):
        rows.append((param, folded))


def _parts(rows: Rows, param: str, v: Any, names: tuple[str, ...]) -> None:
    if type(v) is dict:
        for name in names:
            part = v.get(name)
            for text in part if type(part) is list else (part,):
                _string(rows, param, text)


def _date(rows: Rows, param: str, v: Any) -> None:
    if (found := bounds(v)) is not None:
        rows.append((param, *found))


def _reference(rows: Rows, param: str, v: Any) -> None:
    if type(v) is dict and type(target := v.get("reference")) is str:
        if param == "patient" and not target.startswith("Patient/"):
            return
        rows.append((param, target))


def _first_date(v: Any) -> int:
    """Return the start of a time element in microseconds; the end when only that is known; 0 for none."""
    found = bounds(v)
    if found is None:
        return 0
    return found[0] if found[0] != NEVER else found[1] if found[1] != ALWAYS else 0


def _first_code(v: Any) -> str:
    """Return "system|code" of the first coding of a concept, coding or code; else "|text"; "" for none."""
    node = v[0] if type(v) is list and v else v
    if type(node) is dict:
        codings = node.get("coding")
        if type(codings) is list:
            for coding in codings:
                if type(coding) is dict and type(code := coding.get("code")) is str:
                    return f"{_system(coding)}|{code}"
        if type(code := node.get("code")) is str:
            return f"{_system(node)}|{code}"
        if type(text := node.get("text")) is str:
            return f"|{text}"
    return f"|{node}" if type(node) is str and node else ""


def _category(v: Any) -> str:
    return _first_code(v).rpartition("|")[2]


@cache
def _rows(name: str) -> list[dict[str, str]]:
    text = files("unsilo.fhir").joinpath(name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def parameters(resource_type: str) -> dict[str, str]:
    """Return the search parameters of a type that are indexed: name -> token, string, date or reference."""
    shape = {"string": "string", "name": "string", "address": "string", "date": "date", "reference": "reference"}
    return {
        r["param"]: shape.get(r["kind"], "token")
        for r in _rows("search_parameters.csv")
        if r["type"] in ("*", resource_type)
    }


def _visit(lines: list[str], steps: list[str], emit: str, pad: str, depth: int) -> None:
    """Add the statements that walk `steps` from variable v<depth> and run `emit` on each value found."""
    if not steps:
        lines.append(f"{pad}{emit.replace('(tokens', '(t').replace('(strings', '(s').replace('(dates', '(d')}")
        return
    lines.append(f"{pad}v = v{depth}.get({steps[0]!r}) if type(v{depth}) is dict else None")
    lines.append(f"{pad}if v is not None:")
    lines.append(f"{pad}    for v{depth + 1} in v if type(v) is list else (v,):")
    if len(steps) == 1:
        lines.append(f"{pad}        v = v{depth + 1}")
    _visit(lines, steps[1:], emit, pad + "        ", depth + 1)


def _source(resource_type: str) -> str:
    """Write the Python source of one type's indexing function."""
    lines = ["def index(v0):", "    t, s, d, references, patient = [], [], [], [], []"]
    for row in _rows("search_parameters.csv"):
        if row["type"] in ("*", resource_type):
            for path in row["path"].split("|"):
                _visit(lines, path.strip().split("."), _EMIT[row["kind"]].format(param=row["param"]), "    ", 0)
    for row in _rows("patient_index.csv"):
        if row["type"] != resource_type:
            continue
        dates = " or ".join(f"_first_date({_get(p)})" for p in row["date"].split("|") if p) or "0"
        codes = " or ".join(f"_first_code({_get(p)})" for p in row["code"].split("|") if p) or "''"
        kind = f"_category({_get(row['category'])})" if row["category"] else "''"
        lines.append(f"    when, code, category = {dates}, {codes}, {kind}")
        for path in row["patient"].split("|"):
            emit = "_patient(patient, v, when, code, category)"
            _visit(lines, path.split("."), emit, "    ", 0)
    lines.append("    return IndexRows(t, s, d, references, patient)")
    return "\n".join(lines)


def _get(path: str) -> str:
    head, dot, tail = path.partition(".")
    inner = f"v0.get({head!r})"
    return f"_inner({inner}, {tail!r})" if dot else inner


def _inner(v: Any, name: str) -> Any:
    node = v[0] if type(v) is list and v else v
    return node.get(name) if type(node) is dict else None


def _patient(rows: Rows, v: Any, when: int, code: str, category: str) -> None:
    if type(v) is dict and type(target := v.get("reference")) is str and target.startswith("Patient/"):
        row = (target, when, code, category)
        if row not in rows:
            rows.append(row)


@cache
def _indexer(resource_type: str) -> Indexer:
    space: dict[str, Any] = dict(globals())
    exec(compile(_source(resource_type), f"<index of {resource_type}>", "exec"), space)  # noqa: S102 # our own table
    made: Indexer = space["index"]
    return made


def index(resource: Json) -> IndexRows:
    """Return the search keys of one resource (FHIR R4 JSON as a dict); wrong shapes give no keys, never an error."""
    return _indexer(str(resource.get("resourceType")))(resource)
