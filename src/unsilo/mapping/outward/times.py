"""FHIR times as HL7 writes them, in CDA (TS) and v2 (DTM) alike: `2024-01-15T10:30-05:00` to `202401151030-0500`."""

from __future__ import annotations

import re

__all__ = ["stamp"]

_TIME = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?)?)?")


def stamp(text: object) -> str:
    """Return a FHIR date, dateTime or instant as an HL7 time stamp with the same precision; "" for anything else.

    A fraction has four digits at most (v2.8.2 section 2.A.22), further ones are cut.
    """
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return ""
    *parts, fraction, zone = match.groups()
    made = "".join(part or "" for part in parts)
    if fraction:
        made += fraction[:5]
    if zone and len(made) > 8:
        made += "+0000" if zone == "Z" else zone.replace(":", "")
    return made
