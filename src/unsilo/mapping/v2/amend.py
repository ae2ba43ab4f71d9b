"""What senders write beside the standard and what can be read in one way only: the message as the maps see it."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from unsilo.formats.hl7v2 import DELETE, Message, Segment, to_fhir_date, to_fhir_time
from unsilo.formats.hl7v2.message import HEADERS
from unsilo.mapping.v2.unread import LARGE, Field, Unread, instead

__all__ = ["Amended", "amended", "list_as_sent"]

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?|[+-]?\.\d+", re.ASCII)
_CODED = frozenset({"", "CE", "CWE", "CNE", "IS", "ID"})
_MOMENTS = frozenset({"DT", "DTM", "TS", "TM"})
_LOOKED = _CODED | _MOMENTS
_TYPES = frozenset(
    "AD AUI CCD CCP CD CE CF CK CN CNE CNN CP CQ CSU CWE CX DDI DIN DLD DLN DLT DR DT DTM DTN ED EI EIP ELD ERL FC FN"
    " FT GTS HD ICD ID IS JCC LA1 LA2 MA MF MO MOC MOP MSG NA NDL NM NR OCD OG OSD OSP PIP PL PLN PN PPN PRL PT PTA"
    " QIP QSC RCD RFR RI RMC RP RPT SAD SCV SI SN SNM SPD SPS SRT ST TM TN TQ TS TX UVC VH VID VR WVI WVS XAD XCN XON"
    " XPN XTN".split()
)
"""The data types of v2.1 to v2.8.2 (tables 0125 and 0440)."""
_BELIEVED = _TYPES - _LOOKED


class Amended(NamedTuple):
    """A field that the maps see otherwise: `text` as it was sent."""

    segment: int
    field: int
    text: str


def amended(message: Message) -> tuple[Message, list[Amended]]:
    """Return the message as the maps may see it, and what was read otherwise: mostly the message itself and nothing.

    A field of blanks is empty. OBX-2 (v2.8.2 section 7.4.2.2) is in capitals; where it is missing or says that a
    number with a unit is a code, the value is a number (NM); where it is missing beside a code with its coding system
    (`A^Group A^L`), it is a code (CWE). What is no data type counts as missing. A date or time that is none is a text.
    """
    found: list[Amended] = []
    segments: list[Segment] | None = None
    blank = f"{message.field_sep} "
    large = len(message.raw) > LARGE
    for at, segment in enumerate(message.segments):
        name = segment.name
        if name == "OBX":
            # Of a large message the pieces of all segments would take many times what was sent.
            fields = segment.cut or (segment.raw.split(message.field_sep, 7) if large else segment.fields)
            kind = fields[2] if len(fields) > 2 else ""
            other = kind if kind in _BELIEVED else _kind(message, fields, kind)
        else:
            kind = other = ""
        if other == kind and (blank not in segment.raw or name in HEADERS):
            continue
        seen, before = list(segment.fields), len(found)
        if other != kind:
            found.append(Amended(segment.index, 2, kind))
            seen[2] = other
        for number, text in enumerate(seen):
            if text and not text.strip(" "):
                found.append(Amended(segment.index, number, text))
                seen[number] = ""
        if len(found) == before:
            continue
        segments = segments or list(message.segments)
        # What its raw text says keeps the segment from being taken for one of a shape that came before.
        segments[at] = Segment(name, segment.index, segment.raw + DELETE, segment.delimiters, seen)
    if segments is None:
        return message, found
    return msgspec.structs.replace(message, segments=segments, by_name=None), found


def _kind(message: Message, fields: list[str], kind: str) -> str:
    """The data type of OBX-5; what OBX-2 says where that is a type or nothing tells otherwise."""
    plain = kind.strip(" ").upper()
    if len(fields) < 6 or not (plain.isalnum() or not plain):
        return kind
    if plain in _MOMENTS:
        when = fields[5].split(message.component_sep, 1)[0]
        fits = to_fhir_time(when) if plain == "TM" else to_fhir_date(when)
        return plain if fits or not when.strip() or message.repetition_sep in when or when == DELETE else "ST"
    if plain in _TYPES and plain not in _CODED:
        return plain
    if plain not in _TYPES:
        plain = ""
    value = fields[5].strip()
    unit = len(fields) > 6 and fields[6].strip() not in ("", DELETE)
    if unit and _NUMBER.fullmatch(value):
        return "NM"
    if not plain and message.repetition_sep not in value:
        parts = value.split(message.component_sep)
        if len(parts) in (3, 6) and all(parts[:3]):
            return "CWE"
    return plain or kind


def list_as_sent(rest: list[Field] | Unread, fields: list[Amended], labels: list[str]) -> list[Field] | Unread:
    """Return the list of what nothing consumed with fields that were read otherwise as they were sent."""
    known = {(one.segment, one.field): one.text for one in fields}
    rows: list[Field] = [((i, n, 0, 1, 1), f"{labels[i]}-{n}", text) for (i, n), text in known.items() if text]
    return instead(rest, set(known), rows)
