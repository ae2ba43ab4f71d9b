"""Resources in words: names, concepts, quantities and dates as a clinician reads them, nothing rounded or left out.

Dates are DD-MMM-YYYY and times 24 h with their zone; a number and its unit are one piece (joined by a no-break space);
what is absent says so.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

__all__ = [
    "NOT_RECORDED", "address", "age", "concept", "date", "human_name", "identifier", "interpretation", "period",
    "quantity", "reference_range", "telecom", "unit", "value",
]  # fmt: skip

NOT_RECORDED: Final = "Not recorded"
NBSP: Final = "\u00a0"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ABSENT_URL = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_ABSENT: Final[dict[str, str]] = {
    "unknown": "Unknown",
    "asked-unknown": "Asked, not known",
    "temp-unknown": "Not known yet",
    "not-asked": "Not asked",
    "asked-declined": "Asked, declined to answer",
    "masked": "Withheld",
    "not-applicable": "Not applicable",
    "unsupported": "Not recordable at the source",
    "as-text": "Only in the text",
    "error": "Error at the source",
    "not-a-number": "Not a number",
    "negative-infinity": "Below every number",
    "positive-infinity": "Above every number",
    "not-performed": "Not performed",
    "not-permitted": "Not permitted",
}
"""Code system data-absent-reason (FHIR R4) in plain words."""
_WORDS = re.compile(r"(^|[/.])\{([^{}]+)\}(?=[/.]|$)")
_NAME_ORDER = ("official", "usual", "", "temp", "nickname", "anonymous", "maiden", "old")
_FLAGS: Final[dict[str, str]] = {
    "HH": "HH critically high", "LL": "LL critically low", "H": "H high", "L": "L low", "N": "Normal",
    "A": "A abnormal", "AA": "AA critically abnormal", "HU": "HH critically high", "LU": "LL critically low",
    "HX": "Above the scale", "LX": "Below the scale", "S": "S susceptible", "R": "R resistant", "I": "I intermediate",
    "POS": "Positive", "NEG": "Negative", "DET": "Detected", "ND": "Not detected",  # codespell:ignore nd
    "U": "U significant change up", "D": "D significant change down", "B": "B better", "W": "W worse",
}  # fmt: skip
"""Code system v3-ObservationInterpretation, with shape and words (never colour alone)."""


def _day(when: datetime) -> str:
    return f"{when.day:02d}-{_MONTHS[when.month - 1]}-{when.year:04d}"


def date(text: Any, zone: tzinfo | None = None) -> str:
    """Say a FHIR date, dateTime or instant: `07-Feb-2015`, `Feb-2015`, `2015`, `07-Feb-2015 13:28 (UTC+01:00)`.

    Precision stays as sent, and seconds appear when sent and not zero. A time is shown in its own zone, or in `zone`
    when that is given. Text that is no date is shown as it is.
    """
    if not isinstance(text, str) or not text:
        return NOT_RECORDED
    try:
        if len(text) == 4:
            return f"{int(text):04d}"
        if len(text) == 7:
            return f"{_MONTHS[int(text[5:]) - 1]}-{int(text[:4]):04d}" if text[5:] != "00" else text
        if len(text) == 10:
            return _day(datetime.fromisoformat(text))
        when = datetime.fromisoformat(text)
    except (ValueError, IndexError):
        return text
    if zone is not None and when.tzinfo is not None:
        when = when.astimezone(zone)
    seconds = f":{when.second:02d}" if when.second else ""
    return f"{_day(when)} {when.hour:02d}:{when.minute:02d}{seconds} ({_zone(when)})"


def _zone(when: datetime) -> str:
    offset = when.utcoffset()
    if offset is None:
        return "zone not recorded"
    if when.tzinfo is UTC or not offset:
        return "UTC"
    minutes = int(offset.total_seconds() // 60)
    return f"UTC{'+' if minutes >= 0 else '-'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def period(node: Any, zone: tzinfo | None = None) -> str:
    """Say a Period: `from - to`; an end that is not recorded is not taken as "now"."""
    if not isinstance(node, dict) or not (node.get("start") or node.get("end")):
        return absent(node) if isinstance(node, dict) else NOT_RECORDED
    start, end = node.get("start"), node.get("end")
    if start and end:
        return date(start, zone) if start == end else f"{date(start, zone)} to {date(end, zone)}"
    return f"from {date(start, zone)}" if start else f"until {date(end, zone)}"


def age(birth_date: Any, today: Any) -> str:
    """Say an age on a day (both FHIR dates) in years, months (under 2 years) or days (under 2 months)."""
    try:
        born, now = datetime.fromisoformat(str(birth_date)[:10]), datetime.fromisoformat(str(today)[:10])
    except ValueError:
        return ""
    days = (now - born).days
    months = (now.year - born.year) * 12 + now.month - born.month - (now.day < born.day)
    if days < 0:
        return ""
    return f"{months // 12} y" if months >= 24 else f"{months} months" if months >= 2 else f"{days} days"


def absent(node: Any) -> str:
    """Say why an element has no value (extension data-absent-reason), or that it was not recorded."""
    for extension in node.get("extension", ()) if isinstance(node, dict) else ():
        if isinstance(extension, dict) and extension.get("url") == _ABSENT_URL:
            code = extension.get("valueCode")
            return _ABSENT.get(str(code), str(code))
    return NOT_RECORDED


def human_name(names: Any) -> str:
    """Say a HumanName, or the best of a list of them, as `FAMILY, Given Middle (Prefix)`."""
    found = [n for n in (names if isinstance(names, list) else [names]) if isinstance(n, dict)]
    found.sort(key=lambda n: _NAME_ORDER.index(u) if (u := n.get("use") or "") in _NAME_ORDER else 9)
    for name in found:
        family = str(name.get("family") or "").upper()
        given = " ".join(str(g) for g in name.get("given") or () if g)
        said = ", ".join(p for p in (family, given) if p)
        prefix = " ".join(str(p) for p in name.get("prefix") or () if p)
        suffix = " ".join(str(p) for p in name.get("suffix") or () if p)
        if said:
            return said + (f" {suffix}" if suffix else "") + (f" ({prefix})" if prefix else "")
        if name.get("text"):
            return str(name["text"])
    return absent(found[0]) if found else NOT_RECORDED


def concept(node: Any) -> str:
    """Say a CodeableConcept or Coding: its text, else the display chosen by a user, else any display, else the code."""
    if isinstance(node, list):
        return "; ".join(concept(n) for n in node) or NOT_RECORDED
    if not isinstance(node, dict):
        return NOT_RECORDED
    if node.get("text"):
        return str(node["text"])
    codings = [c for c in node.get("coding") or ([node] if "code" in node or "display" in node else ()) if c]
    codings.sort(key=lambda c: not c.get("userSelected", False))
    for coding in codings:
        if coding.get("display"):
            return str(coding["display"])
    for coding in codings:
        if coding.get("code"):
            system = str(coding.get("system") or "").rpartition("/")[2]
            return f"{coding['code']}" + (f" ({system})" if system else "")
    return absent(node)


def number(amount: Any) -> str:
    """Say a number with exactly the digits reported; a leading zero is added where the source left it out."""
    if isinstance(amount, Decimal):
        return format(amount, "f") if -30 < amount.adjusted() < 30 else str(amount)
    return str(amount)


def unit(text: Any) -> str:
    """Say a unit: an annotation of UCUM that stands for a unit is words, so `{beats}/min` is said without braces.

    What is annotated itself (`mg{creat}`) stays as it is, and the unit of a bare number is not said.
    """
    if not isinstance(text, str) or text in ("1", "{unitless}"):
        return ""
    if "{" not in text:
        return text
    return _WORDS.sub(lambda found: found[1] + found[2].replace("_", NBSP), text)


def quantity(node: Any) -> str:
    """Say a Quantity as `comparator number unit`, held together by no-break spaces; a number without unit says that."""
    if not isinstance(node, dict):
        return NOT_RECORDED
    if node.get("value") is None:
        return absent(node)
    comparator = f"{node['comparator']}{NBSP}" if node.get("comparator") else ""
    shown = unit(node.get("unit") or node.get("code"))
    text = f"{comparator}{number(node['value'])}"
    return f"{text}{'' if shown == '%' else NBSP}{shown}" if shown else text


def reference_range(ranges: Any) -> str:
    """Say the reference ranges as stated by their laboratory; never merged."""
    said = []
    for item in ranges if isinstance(ranges, list) else [ranges]:
        if not isinstance(item, dict):
            continue
        low, high = item.get("low"), item.get("high")
        if isinstance(low, dict) and isinstance(high, dict):
            text = f"{quantity(low)} to {quantity(high)}"
        elif isinstance(low, dict):
            text = f"at least {quantity(low)}"
        elif isinstance(high, dict):
            text = f"at most {quantity(high)}"
        else:
            text = str(item.get("text") or "")
        if text and (meaning := item.get("type")) and concept(meaning) not in (NOT_RECORDED, "Normal Range"):
            text += f" ({concept(meaning)})"
        if text:
            said.append(text)
    return "; ".join(said) or NOT_RECORDED


def interpretation(node: Any) -> str:
    """Say a result's flag in letters and words; "" when the laboratory gave none."""
    said = []
    for item in node if isinstance(node, list) else [node]:
        for coding in item.get("coding") or () if isinstance(item, dict) else ():
            code = str(coding.get("code") or "")
            said.append(_FLAGS.get(code) or str(coding.get("display") or code))
            break
        else:
            if isinstance(item, dict) and item.get("text"):
                said.append(str(item["text"]))
    return "; ".join(said)


def value(resource: Any, stem: str = "value", zone: tzinfo | None = None) -> str:
    """Say a choice element (`value[x]`, `onset[x]`, `medication[x]`) of a resource or component in words."""
    if not isinstance(resource, dict):
        return NOT_RECORDED
    for key, node in resource.items():
        kind = key[len(stem) :]
        if not key.startswith(stem) or not kind[:1].isupper():
            continue
        if kind in ("Quantity", "Age", "Duration", "SimpleQuantity", "Count", "Distance", "Money"):
            return quantity(node)
        if kind in ("CodeableConcept", "Coding"):
            return concept(node)
        if kind in ("DateTime", "Date", "Instant"):
            return date(node, zone)
        if kind == "Period":
            return period(node, zone)
        if kind == "Range":
            return reference_range([node])
        if kind == "Ratio" and isinstance(node, dict):
            return f"{quantity(node.get('numerator'))} : {quantity(node.get('denominator'))}"
        if kind == "Boolean":
            return "Yes" if node is True else "No" if node is False else NOT_RECORDED
        if kind == "Reference" and isinstance(node, dict):
            return str(node.get("display") or NOT_RECORDED)
        if isinstance(node, str | int | Decimal):
            return number(node)
    reason = resource.get("dataAbsentReason") if stem == "value" else None
    if isinstance(reason, dict):
        codes = [str(c.get("code")) for c in reason.get("coding") or () if isinstance(c, dict)]
        return next((_ABSENT[c] for c in codes if c in _ABSENT), None) or concept(reason)
    return NOT_RECORDED


def address(node: Any) -> str:
    """Say an Address on one line, its parts as sent."""
    if isinstance(node, list):
        node = node[0] if node else None
    if not isinstance(node, dict):
        return NOT_RECORDED
    parts: Sequence[Any] = [*(node.get("line") or ()), node.get("city"), node.get("district"), node.get("state")]
    said = ", ".join(str(p) for p in [*parts, node.get("postalCode"), node.get("country")] if p)
    return said or str(node.get("text") or absent(node))


def telecom(node: Any) -> str:
    """Say a ContactPoint with its kind and use: `+1 555 0100 (phone, home)`."""
    if not isinstance(node, dict) or not node.get("value"):
        return NOT_RECORDED
    notes = ", ".join(str(node[k]) for k in ("system", "use") if node.get(k))
    return f"{node['value']} ({notes})" if notes else str(node["value"])


def identifier(node: Any) -> str:
    """Say an Identifier with its kind where it is known: `MR 12345`."""
    if not isinstance(node, dict) or not node.get("value"):
        return NOT_RECORDED
    codings = (node.get("type") or {}).get("coding") or [{}]
    kind = (node.get("type") or {}).get("text") or codings[0].get("code") or ""
    return f"{kind} {node['value']}".strip()
