"""FHIR data types as CDA elements (HL7 V3 data types R1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from unsilo.kernel import Json
from unsilo.mapping.ccda.units import is_ucum
from unsilo.mapping.outward.element import Element
from unsilo.mapping.outward.record import items
from unsilo.mapping.outward.systems import instance_root, named, oid_of
from unsilo.mapping.outward.times import stamp

__all__ = ["TYPES", "coded", "name_of", "number", "quantity", "say", "typed"]

_UCUM = "http://unitsofmeasure.org"
_NAME_USE = {
    "usual": "L",
    "official": "C",
    "nickname": "P",
    "anonymous": "A",
    "maiden": "BR",
    "old": "NB",
    "temp": "TMP",
}
_ADDRESS_USE = {"home": "HP", "work": "WP", "temp": "TMP", "old": "BAD", "billing": "PST"}
_TELECOM_USE = {"home": "HP", "work": "WP", "mobile": "MC", "temp": "TMP", "old": "BAD"}
_SCHEME = {"phone": "tel:", "fax": "fax:", "email": "mailto:", "sms": "sms:", "pager": "tel:", "url": "", "other": ""}


def number(value: Any) -> str:
    """A FHIR number with its digits as they are, "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return ""
    return format(value, "f") if isinstance(value, Decimal) else repr(value)


def say(value: Any) -> str:
    """A value as a human reads it."""
    if isinstance(value, dict):
        return _said(value)
    if isinstance(value, list):
        return ", ".join(text for text in map(say, value) if text)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else number(value)


def _said(value: Json) -> str:
    if "text" in value and isinstance(value["text"], str):
        return value["text"]
    if "coding" in value:
        return next((text for text in map(say, items(value["coding"])) if text), "")
    if "display" in value:
        return str(value["display"])
    if "value" in value and ("unit" in value or "code" in value or "comparator" in value):
        unit = value.get("unit") or value.get("code") or ""
        return f"{value.get('comparator', '')}{number(value['value'])} {unit}".strip()
    if "start" in value or "end" in value:
        return f"{value.get('start', '')} - {value.get('end', '')}".strip(" -")
    if "low" in value or "high" in value:
        return f"{say(value.get('low', {}))} - {say(value.get('high', {}))}".strip(" -")
    if "numerator" in value:
        return f"{say(value['numerator'])} / {say(value.get('denominator', {}))}"
    if "family" in value or "given" in value:
        return name_of(value)
    return say(value.get("value", value.get("code", "")))


def name_of(name: Json) -> str:
    """A HumanName in one line."""
    if isinstance(name.get("text"), str):
        return str(name["text"])
    parts: list[Any] = [
        *items(name.get("prefix")),
        *items(name.get("given")),
        name.get("family"),
        *items(name.get("suffix")),
    ]
    return " ".join(part for part in parts if isinstance(part, str))


# -- codes ----------------------------------------------------------------------------------------------------------


def _code_attrs(coding: Json) -> dict[str, str]:
    system = coding.get("system")
    attrs = {"code": str(coding["code"])}
    if isinstance(system, str) and system:
        attrs["codeSystem"] = oid_of(system)
        if named(system):
            attrs["codeSystemName"] = system
    if isinstance(coding.get("version"), str):
        attrs["codeSystemVersion"] = coding["version"]
    if isinstance(coding.get("display"), str):
        attrs["displayName"] = coding["display"]
    return attrs


def coded(element: Element, value: Any, reference: str = "") -> bool:
    """Fill a CD from a CodeableConcept, Coding or code: the first coding, the others as translations.

    `reference` is the id of the place in the narrative where the text stands.
    """
    if isinstance(value, str):
        element.attrs["code"] = value
        return True
    if not isinstance(value, dict):
        return False
    held = items(value["coding"]) if "coding" in value else [value]
    codings = [one for one in held if isinstance(one, dict) and isinstance(one.get("code"), str)]
    text = value.get("text")
    if codings:
        element.attrs.update(_code_attrs(codings[0]))
    elif isinstance(text, str) or reference:
        element.attrs["nullFlavor"] = "UNK"
    else:
        return False
    if reference:
        element.add("originalText").add("reference", {"value": f"#{reference}"})
    elif isinstance(text, str):
        element.add("originalText", text=text)
    for coding in codings[1:]:
        element.add("translation", _code_attrs(coding))
    return True


# -- quantities ------------------------------------------------------------------------------------------


def _unit(value: Json) -> str:
    """The UCUM code of a Quantity, "" where its unit is none."""
    code, unit = value.get("code"), value.get("unit")
    if isinstance(code, str) and value.get("system") in (_UCUM, None) and code:
        return code if is_ucum(code) else ""
    return unit if isinstance(unit, str) and "code" not in value and is_ucum(unit) else ""


def quantity(element: Element, value: Any, reference: str = "") -> bool:
    """Fill a PQ; a unit that is not UCUM's stands in a translation with its word."""
    del reference
    if not isinstance(value, dict) or not number(value.get("value")):
        return False
    unit, said = _unit(value), value.get("unit") or value.get("code")
    if unit or not isinstance(said, str):
        element.attrs["value"] = number(value["value"])
        if unit and unit != "1":
            element.attrs["unit"] = unit
        return True
    element.attrs["nullFlavor"] = "OTH"
    attrs = {"value": number(value["value"])}
    if isinstance(value.get("code"), str) and isinstance(value.get("system"), str):
        attrs = {**_code_attrs(value), **attrs}
        attrs.pop("displayName", None)
    element.add("translation", attrs).add("originalText", text=said)
    return True


def _range(element: Element, value: Any, reference: str = "") -> bool:
    del reference
    done = False
    for side in ("low", "high"):
        held = value.get(side) if isinstance(value, dict) else None
        if isinstance(held, dict) and number(held.get("value")):
            done = _bound(element.add(side), held) or done
    return done


def _ratio(element: Element, value: Any, reference: str = "") -> bool:
    del reference
    if not isinstance(value, dict) or "numerator" not in value:
        return False
    for side in ("numerator", "denominator"):
        quantity(element.add(side), value.get(side) or {"value": 1})
    return True


_COMPARATORS = {"<": ("high", "false"), "<=": ("high", "true"), ">": ("low", "false"), ">=": ("low", "true")}


def _bound(element: Element, value: Json) -> bool:
    """A bound must have its number in itself, or `<` is lost; a unit that is not UCUM's stands as it was said."""
    quantity(element, value)
    if "value" not in element.attrs and element.kids:
        unit = "_".join(say(value.get("unit") or value.get("code")).split())
        element.attrs.pop("nullFlavor", None)
        element.attrs |= {"value": number(value["value"]), "unit": unit}
        element.kids.clear()
    return bool(element.attrs)


def typed(element: Element, kind: str, value: Any, reference: str = "") -> bool:
    """Fill an observation's `value` with its `xsi:type` from `value[x]`: `kind` is the type's name in FHIR."""
    if kind == "Quantity" and isinstance(value, dict) and value.get("comparator") in _COMPARATORS:
        side, inclusive = _COMPARATORS[value["comparator"]]
        element.attrs["xsi:type"] = "IVL_PQ"
        return _bound(element.add(side, {"inclusive": inclusive}), value)
    if kind == "Quantity" and isinstance(value, dict) and not number(value.get("value")):
        return False
    kinds = {"Quantity": "PQ", "CodeableConcept": "CD", "Range": "IVL_PQ", "Ratio": "RTO", "Period": "IVL_TS"}
    if kind in kinds:
        element.attrs["xsi:type"] = kinds[kind]
        return TYPES[kinds[kind]](element, value, reference)
    text = say(value)
    if not text:
        return False
    simple = {"Integer": "INT", "Boolean": "BL", "DateTime": "TS", "Decimal": "REAL"}
    if kind in simple:
        element.attrs["xsi:type"] = simple[kind]
        element.attrs["value"] = stamp(value) if kind == "DateTime" else str(value).lower()
        return True
    element.attrs["xsi:type"] = "ST"
    element.text = text
    return True


# -- times, identifiers, names, places ----------------------------------------------------------------------


def _time(element: Element, value: Any, reference: str = "") -> bool:
    del reference
    made = stamp(value)
    if made:
        element.attrs["value"] = made
    return bool(made)


def _interval(element: Element, value: Any, reference: str = "") -> bool:
    """A Period as low and high; a single time as `value`."""
    if not isinstance(value, dict):
        return _time(element, value, reference)
    low, high = stamp(value.get("start")), stamp(value.get("end"))
    if low or high:
        element.add("low", {"value": low} if low else {"nullFlavor": "UNK"})
    if high:
        element.add("high", {"value": high})
    return bool(low or high)


def _low(element: Element, value: Any, reference: str = "") -> bool:
    return _time(element, value.get("start") if isinstance(value, dict) else value, reference)


def _high(element: Element, value: Any, reference: str = "") -> bool:
    return _time(element, value.get("end") if isinstance(value, dict) else value, reference)


def _identifier(element: Element, value: Any, reference: str = "") -> bool:
    del reference
    found = instance_root(value) if isinstance(value, dict) else None
    if found is None:
        return False
    root, extension, authority = found
    element.attrs["root"] = root
    if extension:
        element.attrs["extension"] = extension
    if authority:
        element.attrs["assigningAuthorityName"] = authority
    return True


def _name(element: Element, value: Any, reference: str = "") -> bool:
    del reference
    if not isinstance(value, dict):
        return False
    if value.get("use") in _NAME_USE:
        element.attrs["use"] = _NAME_USE[value["use"]]
    for name in ("prefix", "given", "family", "suffix"):
        held = value.get(name)
        for text in held if isinstance(held, list) else [held]:
            if isinstance(text, str) and text:
                element.add(name, text=text)
    if not element.kids and isinstance(value.get("text"), str):
        element.text = value["text"]
    if element.kids and isinstance(value.get("period"), dict):
        _interval(element.add("validTime"), value["period"])
    return bool(element.kids or element.text)


def _address(element: Element, value: Any, reference: str = "") -> bool:
    del reference
    if not isinstance(value, dict):
        return False
    if value.get("use") in _ADDRESS_USE:
        element.attrs["use"] = _ADDRESS_USE[value["use"]]
    lines = [line for line in items(value.get("line")) if isinstance(line, str)]
    for line in lines:
        element.add("streetAddressLine", text=line)
    parts = (
        ("city", "city"),
        ("district", "county"),
        ("state", "state"),
        ("postalCode", "postalCode"),
        ("country", "country"),
    )
    for name, tag in parts:
        if isinstance(value.get(name), str):
            element.add(tag, text=value[name])
    if not element.kids and isinstance(value.get("text"), str):
        element.text = value["text"]
    return bool(element.kids or element.text)


def _telecom(element: Element, value: Any, reference: str = "") -> bool:
    del reference
    if not isinstance(value, dict) or not isinstance(value.get("value"), str):
        return False
    scheme, text = _SCHEME.get(value.get("system", ""), ""), value["value"].strip()
    element.attrs["value"] = text if not scheme or text.startswith(scheme) else scheme + text.replace(" ", "-")
    use = "PG" if value.get("system") == "pager" else _TELECOM_USE.get(value.get("use", ""), "")
    if use:
        element.attrs["use"] = use
    return True


def _words(element: Element, value: Any, reference: str = "") -> bool:
    del reference
    element.text = say(value)
    return bool(element.text)


def _narrative(element: Element, value: Any, reference: str = "") -> bool:
    del value
    element.add("reference", {"value": f"#{reference}"})
    return bool(reference)


TYPES = {
    "CD": coded, "PQ": quantity, "IVL_PQ": _range, "RTO": _ratio, "TS": _time, "IVL_TS": _interval, "LOW": _low,
    "HIGH": _high, "II": _identifier, "PN": _name, "AD": _address, "TEL": _telecom, "ST": _words, "REF": _narrative,
}  # fmt: skip
"""What fills an element from a value: `(element, value, id in the narrative)`; False where the value says nothing."""
