"""A predicate as an operator writes it in the settings file, read into the algebra."""

from collections.abc import Mapping
from typing import Any

from unsilo.policy.predicate import (
    EVERYTHING,
    NOTHING,
    Allow,
    And,
    Compartment,
    Label,
    Not,
    Or,
    Predicate,
    Source,
    Types,
)  # fmt: skip

__all__ = ["predicate_of"]


def _texts(value: Any, place: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{place} is a list of texts")
    return frozenset(value)


def _allow(value: Any, place: str) -> Allow:
    if value == "everything":
        return EVERYTHING
    if value == "nothing":
        return NOTHING
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ValueError(f"{place} is `everything`, `nothing` or a table with one key")
    ((word, inner),) = value.items()
    here = f"{place}.{word}"
    if word in ("and", "or"):
        if not isinstance(inner, list):
            raise ValueError(f"{here} is a list")
        parts = tuple(_allow(item, f"{here}[{n}]") for n, item in enumerate(inner))
        return And(parts) if word == "and" else Or(parts)
    match word:
        case "not":
            return Not(_allow(inner, here))
        case "types":
            return Types(_texts(inner, here))
        case "patients":
            return Compartment(_texts(inner, here))
        case "feeds":
            return Source(_texts(inner, here))
        case "label":
            system, bar, code = str(inner).rpartition("|")
            if not bar or not code:
                raise ValueError(f"{here} is written system|code")
            return Label(system, code)
    raise ValueError(f"{place} does not know {word!r}; it knows and, or, not, types, patients, feeds, label")


def predicate_of(data: Mapping[str, Any]) -> Predicate:
    """Read `{tenant, allow, elements}`; ValueError says which key is wrong.

    `allow` is `"everything"`, `"nothing"`, `{and = [...]}`, `{or = [...]}`, `{not = ...}`, `{types = [...]}`,
    `{patients = [ids]}`, `{feeds = [...]}` or `{label = "system|code"}`; `elements` lists masked elements by type.
    """
    unknown = set(data) - {"tenant", "allow", "elements"}
    if unknown:
        raise ValueError(f"a policy has tenant, allow and elements, not {sorted(unknown)[0]!r}")
    tenant = data.get("tenant", 0)
    if type(tenant) is not int or tenant < 0:
        raise ValueError("tenant is a whole number")
    elements = data.get("elements", {})
    if not isinstance(elements, Mapping):
        raise ValueError("elements is a table of lists by resource type")
    masked = {str(kind): _texts(names, f"elements.{kind}") for kind, names in elements.items()}
    return Predicate(tenant, _allow(data.get("allow", "everything"), "allow"), masked)
