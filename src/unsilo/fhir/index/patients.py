"""When something happened to a patient, what it was and of which category: the columns of `IndexRows.pat`."""

from functools import cache, lru_cache
from typing import Any, Final

from unsilo.fhir.dates import ALWAYS, NEVER, bounds
from unsilo.fhir.index.keys import clean, token_key
from unsilo.fhir.index.trie import table
from unsilo.kernel import hash64
from unsilo.spec.compartments import compartment
from unsilo.spec.parameters import parameters

__all__ = ["category", "expression", "first_code", "first_date", "members", "patient_date", "step"]


@cache
def _rows() -> dict[str, dict[str, str]]:
    return {row["type"]: row for row in table("patient_index.csv")}


def members(resource_type: str) -> frozenset[int]:
    """Return the numbers of the parameters by which a resource belongs to a patient (R4 compartment Patient).

    What the table `patient_index.csv` names beyond it is added: a Device's patient.
    """
    also = _rows().get(resource_type, {}).get("also", "")
    codes = [*compartment("Patient").get(resource_type, ()), *([also] if also else [])]
    known = parameters(resource_type)
    return frozenset(known[code].number for code in codes if code in known)


def _get(path: str) -> str:
    first, *rest = path.split(".")
    found = f"v0.get({first!r})"
    for name in rest:
        found = f"step({found}, {name!r})"
    return found


def patient_date(resource_type: str) -> int:
    """Return the number of the date parameter whose earliest `from` is the date of a type's rows; 0 for none.

    Types without such a parameter have the date of an element that the table names.
    """
    found = parameters(resource_type).get(_rows().get(resource_type, {}).get("date_parameter", ""))
    return 0 if found is None else found.number


def expression(resource_type: str) -> str:
    """Return the Python expression of (date, code, category) of a resource `v0` whose keys are in `dat`."""
    row, number = _rows().get(resource_type, {}), patient_date(resource_type)
    if number:
        dates = f"min([one[1] for one in dat if one[0] == {number}], default=0)"
    else:
        dates = " or ".join(f"first_date({_get(p)})" for p in row.get("date", "").split("|") if p) or "0"
    codes = " or ".join(f"first_code({_get(p)})" for p in row.get("code", "").split("|") if p) or "0"
    kind = f"category({_get(row['category'])})" if row.get("category") else "0"
    return f"({dates}, {codes}, {kind})"


def step(v: Any, name: str) -> Any:
    """Return an element of an object, or of the first one of an array."""
    node = v[0] if type(v) is list and v else v
    return node.get(name) if type(node) is dict else None


def first_date(v: Any) -> int:
    """Return the start of a time element in microseconds; the end when only that is known; 0 for none."""
    if v is None:
        return 0
    node = v[0] if type(v) is list and v else v
    found = bounds(node)
    if found is None:
        return 0
    low, high = found
    return low if low != NEVER else high if high != ALWAYS else 0


_SHORT: Final = 256


@lru_cache(maxsize=16_384)
def _hashed(system: str, code: str) -> int:
    return hash64(f"{clean(system)}|{token_key(code)}")


@lru_cache(maxsize=4096)
def _bare(code: str) -> int:
    return hash64(token_key(code))


def _said(v: Any) -> tuple[str, str] | None:
    """Return (system, code) of the first coding of a concept or coding; ("", text) of one that has only a text."""
    node = v[0] if type(v) is list and v else v
    if type(node) is dict:
        codings = node.get("coding")
        for coding in codings if type(codings) is list else (node,):
            if type(coding) is dict and type(code := coding.get("code")) is str and code:
                system = coding.get("system")
                return (system if type(system) is str else ""), code
        text = node.get("text")
        return ("", text) if type(text) is str and text else None
    return ("", node) if type(node) is str and node else None


def first_code(v: Any) -> int:
    """Return the hash of "system|code" of the first coding of a concept, coding or code; 0 for none."""
    found = None if v is None else _said(v)
    if found is None:
        return 0
    return _hashed(*found) if len(found[1]) <= _SHORT else hash64(f"{clean(found[0])}|{token_key(found[1])}")


def category(v: Any) -> int:
    """Return the hash of the first coding's code alone; 0 for none."""
    found = None if v is None else _said(v)
    if found is None:
        return 0
    return _bare(found[1]) if len(found[1]) <= _SHORT else hash64(token_key(found[1]))
