"""FHIR data types as HL7 v2 data types (v2.5.1 chapter 2.A), escaped."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from unsilo.formats.hl7v2 import Delimiters
from unsilo.kernel import Json
from unsilo.mapping.outward.record import Record, codings, items, read
from unsilo.mapping.outward.sources import party
from unsilo.mapping.outward.systems import oid_of
from unsilo.mapping.outward.times import stamp
from unsilo.mapping.outward.values import number, say
from unsilo.mapping.tables import standard

__all__ = ["V2_TYPES", "kind_of", "trimmed", "value_of"]

_MARKS = Delimiters()
_HL7_TABLE = "http://terminology.hl7.org/CodeSystem/v2-"
_NAME_USE = {
    "usual": "L",
    "official": "L",
    "nickname": "N",
    "maiden": "M",
    "old": "L",
    "temp": "TEMP",
    "anonymous": "S",
}
_ADDRESS_USE = {"home": "H", "work": "B", "temp": "C", "old": "BA", "billing": "BI"}
_EQUIPMENT = {"phone": "PH", "fax": "FX", "pager": "BP", "email": "Internet", "url": "X.400", "sms": "CP"}
_TELECOM_USE = {"home": "PRN", "work": "WPN", "mobile": "PRN"}
_MOST_TEXT = 60_000


def escaped(text: Any) -> str:
    """A text as it may stand in a component."""
    return _MARKS.escape(text) if isinstance(text, str) else ""


def trimmed(parts: list[str], mark: str = "^") -> str:
    """Parts side by side without empty ones at the end."""
    while parts and not parts[-1]:
        parts.pop()
    return mark.join(parts)


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """URI to the coding system's name in HL7 table 0396."""
    known: dict[str, str] = {}
    for row in standard("v2").rows["systems"]:
        known.setdefault(row.uri, row.name)
    return known


def system_name(uri: Any) -> str:
    """The name of a coding system: of table 0396, `HL7nnnn`, the sender's own name, else the URI."""
    if not isinstance(uri, str):
        return ""
    if uri.startswith(_HL7_TABLE):
        return f"HL7{uri[len(_HL7_TABLE) :]}"
    if uri.startswith("urn:unsilo:"):
        return uri.rpartition(":")[2]
    return _names().get(uri, uri.removeprefix("urn:oid:"))


def _coding(coding: Json) -> list[str]:
    return [escaped(coding.get("code")), escaped(coding.get("display")), escaped(system_name(coding.get("system")))]


def _cwe(_record: Record, value: Any) -> str:
    """A concept: its first two codings and its text (CWE)."""
    if isinstance(value, str):
        return escaped(value)
    if not isinstance(value, dict):
        return ""
    held = codings(value, "coding") or ([value] if "code" in value else [])
    parts = [part for coding in held[:2] for part in _coding(coding)]
    parts += [""] * (6 - len(parts))
    text = value.get("text")
    if isinstance(text, str):
        if not held:
            parts[1] = escaped(text)
        elif text != held[0].get("display"):
            parts += ["", "", escaped(text)]
    return trimmed(parts)


def _hd(system: Any) -> list[str]:
    """Namespace, universal id and its type of an identifier's system."""
    if not isinstance(system, str) or not system:
        return ["", "", ""]
    if system.startswith("urn:unsilo:"):
        return [escaped(system.rpartition(":")[2]), "", ""]
    oid = oid_of(system)
    if oid.startswith("2.25.") and not system.startswith("urn:oid:"):
        return ["", escaped(system), "URI"]
    return ["", oid, "UUID" if "-" in oid else "ISO"]


def _cx(_record: Record, value: Any) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("value"), str):
        return ""
    kind = next((one.get("code") for one in codings(value, "type.coding")), "")
    return trimmed([escaped(value["value"]), "", "", trimmed(_hd(value.get("system")), "&"), escaped(kind)])


def _ei(_record: Record, value: Any) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("value"), str):
        return ""
    return trimmed([escaped(value["value"]), *_hd(value.get("system"))])


def _xpn(_record: Record, value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    given = [escaped(one) for one in items(value.get("given"))]
    family = escaped(value.get("family")) or ("" if given else escaped(value.get("text")))
    more = " ".join(given[1:])
    ends = [" ".join(escaped(one) for one in items(value.get(name))) for name in ("suffix", "prefix")]
    parts = [family, given[0] if given else "", more, *ends, "", _NAME_USE.get(value.get("use", ""), "")]
    return trimmed(parts) if family or given else ""


def _xad(_record: Record, value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    lines = [escaped(one) for one in items(value.get("line"))] or [escaped(value.get("text"))]
    places = [escaped(value.get(name)) for name in ("city", "state", "postalCode", "country")]
    use = _ADDRESS_USE.get(value.get("use", ""), "")
    return trimmed([lines[0], " ".join(lines[1:]), *places, use, "", escaped(value.get("district"))])


def _xtn(_record: Record, value: Any) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("value"), str):
        return ""
    kind, text = value.get("system", ""), escaped(value["value"])
    use = "NET" if kind == "email" else _TELECOM_USE.get(value.get("use", ""), "")
    equipment = "CP" if value.get("use") == "mobile" else _EQUIPMENT.get(kind, "")
    return trimmed(["", use, equipment, text] if kind == "email" else [text, use, equipment])


def _xcn(record: Record, value: Any) -> str:
    for kind, held in party(record, value):
        if kind in ("Organization", "Location"):
            continue
        number_: Json = next((one for one in read(held, "identifier") if isinstance(one.get("value"), str)), {})
        names = read(held, "name")
        name = {"family": names[0]} if names and isinstance(names[0], str) else names[0] if names else {}
        parts = (_xpn(record, name).split("^") + [""] * 6)[:6]
        code = next((one.get("code") for one in codings(number_, "type.coding")), "")
        authority = trimmed(_hd(number_.get("system")), "&")
        if not number_ and not any(parts):
            continue
        return trimmed([escaped(number_.get("value")), *parts, "", authority, "", "", "", escaped(code)])
    return ""


def _xon(record: Record, value: Any) -> str:
    for _, held in party(record, value):
        number_: Json = next((one for one in read(held, "identifier") if isinstance(one.get("value"), str)), {})
        name = held.get("name")
        parts = [
            escaped(name),
            "",
            "",
            "",
            "",
            trimmed(_hd(number_.get("system")), "&"),
            "",
            "",
            "",
            escaped(number_.get("value")),
        ]
        return trimmed(parts if number_ else parts[:1])
    return ""


def _producer(record: Record, value: Any) -> str:
    """Who did a test, as a coded name (OBX-15)."""
    for kind, held in party(record, value):
        if kind == "Organization":
            return trimmed(["", escaped(held.get("name"))])
    return ""


def _unit(_record: Record, value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    code, unit = value.get("code"), value.get("unit")
    if isinstance(code, str):
        return trimmed([escaped(code), escaped(unit), system_name(value.get("system"))])
    return escaped(unit)


def _range(_record: Record, value: Any) -> str:
    """A reference range as its text, else `low-high`, `>low` or `<high` (OBX-7)."""
    if not isinstance(value, dict):
        return ""
    if isinstance(value.get("text"), str):
        return escaped(value["text"])
    low, high = (number((value.get(side) or {}).get("value")) for side in ("low", "high"))
    return f"{low}-{high}" if low and high else f">{low}" if low else f"<{high}" if high else ""


def _time(_record: Record, value: Any) -> str:
    """A time stamp, of a choice its time or its start."""
    held = value[1] if isinstance(value, tuple) else value
    return stamp(held.get("start") if isinstance(held, dict) else held)


def kind_of(kind: str, value: Any) -> str:
    """The type of OBX-5 for a `value[x]` (HL7 table 0125)."""
    if kind == "Quantity":
        return "SN" if value.get("comparator") else "NM"
    kinds = {"CodeableConcept": "CWE", "Integer": "NM", "DateTime": "TS", "Range": "SN", "Ratio": "SN", "Time": "TM"}
    return kinds.get(kind, "ST" if len(say(value)) <= 200 else "FT")


def value_of(record: Record, kind: str, value: Any) -> str:
    """OBX-5 for a `value[x]`."""
    if kind == "Quantity":
        comparator, amount = value.get("comparator"), number(value.get("value"))
        return trimmed([escaped(comparator), amount]) if comparator and amount else amount
    if kind == "CodeableConcept":
        return _cwe(record, value)
    if kind == "DateTime":
        return stamp(value)
    if kind == "Range":
        low, high = (number((value.get(side) or {}).get("value")) for side in ("low", "high"))
        return trimmed(["", low, "-", high]) if low and high else trimmed([">=" if low else "<=", low or high])
    if kind == "Ratio":
        low, high = (number((value.get(side) or {}).get("value")) for side in ("numerator", "denominator"))
        return trimmed(["", low, ":", high])
    if kind == "Boolean":
        return "Y" if value else "N"
    return escaped(say(value)[:_MOST_TEXT])


def _text(_record: Record, value: Any) -> str:
    return escaped(say(value)[:_MOST_TEXT])


def _day(record: Record, value: Any) -> str:
    return _time(record, value)[:8]


V2_TYPES: dict[str, Callable[[Record, Any], str]] = {
    "CWE": _cwe, "CX": _cx, "EI": _ei, "XPN": _xpn, "XAD": _xad, "XTN": _xtn, "XCN": _xcn, "XON": _xon, "TS": _time,
    "time": _time, "DAY": _day, "ST": _text, "FT": _text, "NM": lambda _record, value: number(value), "words": _text,
    "unit": _unit, "range": _range, "producer": _producer,
}  # fmt: skip
"""What writes a field from a value."""
