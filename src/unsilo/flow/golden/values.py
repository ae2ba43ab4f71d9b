"""Values of a Patient's elements: when two say the same, how much one says, and its words for a page."""

from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any

from unsilo.flow.read.banner import SEX, best_name
from unsilo.flow.read.words import address, codeable, fold, human_name, say_when, when
from unsilo.kernel import Json, json

__all__ = ["SAME", "amount", "found", "words"]

_UNKNOWN = frozenset(("", "unknown", "unk", "asku", "nask", "ni"))


def found(patient: Json, element: str) -> Iterator[tuple[str, Any]]:
    """Yield (JSON name, value) of an element: each item of a list, the form that a choice has.

    A name is the best one of the record; what says that it is not known says nothing.
    """
    if element == "name":
        names = [item for item in _items(patient, "name") if human_name(item)]
        best = best_name(patient)
        yield from (("name", item) for item in names if human_name(item) == best)
        return
    if element.endswith("[x]"):
        stem = element[:-3]
        for name in sorted(patient):
            value = patient[name]
            if name.startswith(stem) and name[len(stem) : len(stem) + 1].isupper() and value not in (None, "", {}, []):
                yield name, value
        return
    value = patient.get(element)
    for item in value if isinstance(value, list) else [value]:
        if item is None or item in ("", {}, []) or (isinstance(item, str) and fold(item) in _UNKNOWN):
            continue
        if element == "identifier" and not (isinstance(item, dict) and item.get("value")):
            continue
        yield element, item


def _items(patient: Json, name: str) -> list[Json]:
    value = patient.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _plain(value: Any) -> str:
    return json.encode(_sorted(value)).decode()


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _text(value: Any, name: str) -> str:
    return str(value.get(name) or "") if isinstance(value, dict) else ""


def _concept(value: Any) -> str:
    codings = _items(value, "coding") if isinstance(value, dict) else []
    keys = sorted(f"{_text(c, 'system')}|{_text(c, 'code')}" for c in codings if c.get("code"))
    return keys[0] if keys else fold(codeable(value))


SAME: dict[str, Callable[[Any], str]] = {
    "name": lambda value: fold(human_name(value)),
    "date": str,
    "code": lambda value: fold(str(value)),
    "death": _plain,
    "address": lambda value: fold(address(value)),
    "telecom": lambda value: f"{_text(value, 'system')}|{fold(_text(value, 'value')).replace(' ', '')}",
    "identifier": lambda value: f"{_text(value, 'system')}|{_text(value, 'value')}",
    "language": lambda value: _concept(value.get("language")) if isinstance(value, dict) else "",
    "concept": _concept,
    "json": _plain,
}
"""What two values that are one have in common; an empty text is no value."""


def amount(value: Any) -> int:
    """Return how much a value says: longer dates, more parts of a name, a day of death rather than a yes."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, dict):
        return sum(amount(item) for key, item in value.items() if key != "text")
    if isinstance(value, list):
        return sum(amount(item) for item in value)
    return len(str(value))


def words(element: str, value: Any) -> str:
    """Return a value as a page says it."""
    said = _WORDS.get(element.removesuffix("[x]"), _anything)(value)
    return said or _anything(value)


def _anything(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        said = codeable(value)
        return said or ", ".join(text for key in sorted(value) if key != "url" and (text := _anything(value[key])))
    return ", ".join(_anything(item) for item in value) if isinstance(value, list) else str(value)


def _date(value: Any) -> str:
    return say_when(when(value), UTC) if isinstance(value, str) else _anything(value)


_WORDS: dict[str, Callable[[Any], str]] = {
    "name": human_name,
    "birthDate": _date,
    "gender": lambda value: SEX.get(str(value), str(value)),
    "deceased": _date,
    "address": lambda value: address(value) if isinstance(value, dict) else "",
    "telecom": lambda value: _text(value, "value"),
    "identifier": lambda value: _text(value, "value"),
    "communication": lambda value: codeable(value.get("language")) if isinstance(value, dict) else "",
    "extension": lambda value: _extension(value),
}


def _extension(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    said = {key: item for key, item in value.items() if key.startswith("value")}
    inner = [_extension(item) for item in _items(value, "extension")]
    parts = [_anything(item) for item in said.values()] + inner
    name = _text(value, "url").rstrip("/").rpartition("/")[2]
    return f"{name}: {', '.join(part for part in parts if part)}" if name else ", ".join(parts)
