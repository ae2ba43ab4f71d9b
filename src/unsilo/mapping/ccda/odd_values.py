"""Values that are not what their data type promises: numbers with signs or commas, times of day, words for ranges."""

from __future__ import annotations

import re
from typing import Any, Final

from unsilo.formats.ccda import Node
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.units import is_ucum
from unsilo.mapping.ccda.walk import clean_text, path_of
from unsilo.mapping.values import number

__all__ = ["odd_number", "odd_quantity", "time_of_day", "value_words"]

Rows = list[Row]
_COMPARED: Final = re.compile(r"([<>]=?)\s*(\S+)")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+")
_TIME: Final = re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d)?(?:[.+-].*)?")


def _plain(text: str) -> str:
    """A number without commas between thousands, where these can mean one thing only: `1,234` stays as it is."""
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text


def odd_number(run: Any, node: str, at: Locator, path: str, rule: str, rows: Rows, target: Json) -> None:
    """A number with commas where a quantity may have no comparator (FHIR R4 SimpleQuantity); others are said."""
    value = number(_plain(node))
    if value is None:
        run.misfit("decimal", rule, at)
        return
    target["value"] = value
    rows.append(Row(f"{path}.value" if path else "value", rule, at))


def odd_quantity(_run: Any, node: Node, _at: Locator, _path: str, rule: str, rows: Rows, target: Json) -> None:
    """An observation's value that is no plain number.

    With `<` or `>` before it or with commas it is a Quantity, else (`3+`, `1:64`, `trace`) words with their unit.
    """
    said = node if node.get("value") else path_of("translation[@value]").first(node)
    if said is None:
        return
    text, unit = (said.get("value") or "").strip(), (said.get("unit") or said.get("code") or "").strip()
    found = _COMPARED.fullmatch(text)
    value = number(_plain(found[2] if found else text))
    if value is None:
        words = text if unit in ("", "1") else f"{text} {unit}"
        target["valueString"] = words
        rows += [Row("valueString", rule, f"{said.path}/@{a}") for a in ("value", "unit", "code") if said.get(a)]
        return
    made: Json = {"value": value}
    rows.append(Row("valueQuantity.value", rule, f"{said.path}/@value"))
    if found:
        made["comparator"] = found[1]
        rows.append(Row("valueQuantity.comparator", rule, f"{said.path}/@value"))
    if unit:
        place = f"{said.path}/@{'unit' if said.get('unit') else 'code'}"
        made["unit"] = unit
        rows.append(Row("valueQuantity.unit", rule, place))
        if is_ucum(unit):
            made["system"], made["code"] = "http://unitsofmeasure.org", unit
            rows += [Row("valueQuantity.system", rule, place), Row("valueQuantity.code", rule, place)]
    target["valueQuantity"] = made


def value_words(_run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """What a reference range says that is no interval: a code's words, a number with its unit."""
    text = path_of("originalText").first(node)
    if text is not None and (words := clean_text(text)):
        rows.append(Row(path, rule, f"{text.path}/text()"))
        return words
    found = []
    for name in ("value", "unit", "code"):
        if said := (node.get(name) or "").strip():
            found.append(said)
            rows.append(Row(path, rule, f"{node.path}/@{name}"))
    return " ".join(found) or None


def time_of_day(run: Any, node: str, at: Locator, _path: str, rule: str, *_: Any) -> str | None:
    """A time without a date (`0930`) as FHIR time."""
    found = _TIME.fullmatch(node)
    if found is None:
        run.misfit("time", rule, at)
        return None
    return f"{found[1]}:{found[2]}:{found[3] or '00'}"
