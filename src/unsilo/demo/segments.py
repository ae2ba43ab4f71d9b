"""Writes HL7 v2 messages the way each of the demo's places does."""

from datetime import datetime, timedelta, timezone
from typing import NamedTuple
from unicodedata import normalize

from unsilo.demo.cast import Person

__all__ = [
    "CITY_LAB",
    "NORTH",
    "PLACES",
    "ST_BRIGID",
    "Place",
    "address",
    "escape",
    "message",
    "name",
    "pid",
    "pv1",
    "stamp",
    "writable",
]


class Place(NamedTuple):
    """One sender: how it names itself, its people and its codes, and how it writes characters and times."""

    key: str
    title: str
    application: str
    facility: str
    authority: str
    version: str
    msh18: str
    codec: str
    offset: int | None
    """Minutes east of UTC that it writes behind times; None: writes none (UTC)."""


NORTH = Place("north", "North General", "NGHIS", "NORTH", "NGH", "2.5.1", "UNICODE UTF-8", "utf-8", None)
ST_BRIGID = Place("brigid", "St. Brigid", "BRIGCARE", "STBRIGID", "SBH", "2.4", "8859/1", "iso8859-1", None)
CITY_LAB = Place("lab", "City Lab", "CITYLIS", "CITYLAB", "CLAB", "2.5.1", "UNICODE UTF-8", "utf-8", 60)
PLACES = {place.key: place for place in (NORTH, ST_BRIGID, CITY_LAB)}


def escape(text: str) -> str:
    """Write the delimiters and line ends of free text as HL7 v2 escapes (chapter 2.7)."""
    for plain, code in (
        ("\\", "\\E\\"),
        ("|", "\\F\\"),
        ("^", "\\S\\"),
        ("&", "\\T\\"),
        ("~", "\\R\\"),
        ("\n", "\\.br\\"),
    ):
        text = text.replace(plain, code)
    return text


def stamp(place: Place, at: datetime) -> str:
    """Write a time as this place does."""
    if place.offset is None:
        return at.strftime("%Y%m%d%H%M%S")
    return at.astimezone(timezone(timedelta(minutes=place.offset))).strftime("%Y%m%d%H%M%S%z")


def writable(text: str, codec: str) -> str:
    """Write letters that the character set lacks without their accents, as a clerk would (Šarić gives Saric)."""
    return "".join(
        c if c.encode(codec, "ignore") else normalize("NFKD", c).encode(codec, "ignore").decode(codec) for c in text
    )


def name(place: Place, who: Person) -> str:
    """Write the XPN as this place does: North in capitals, St. Brigid in Latin-1, the lab in short."""
    if place.key == "north":
        return f"{who.family.upper()}^{who.given.upper()}^{who.middle.upper()}^{who.suffix}^^^L"
    if place.key == "lab":
        return f"{who.family.replace(' ', '-')}^{who.given}"
    return writable(f"{who.family}^{who.given}^{who.middle[:1]}^{who.suffix}^^^L", place.codec)


def address(who: Person) -> str:
    """Write the XAD."""
    return f"{who.street}^^{who.city}^ME^{who.zip}^USA^H"


def pid(place: Place, who: Person, *, number: str = "", with_ssn: bool = True, **replaced: str) -> str:
    """Write the PID segment; `replaced` holds raw fields by number, such as `f5="..."`."""
    ids = f"{number or who.numbers[place.key]}^^^{place.authority}^MR"
    if who.ssn and with_ssn and place.key != "lab":
        ids += f"~{who.ssn.replace('-', '')}^^^SSA^SS"
    fields = [""] * 31
    fields[0], fields[1], fields[3], fields[5] = "PID", "1", ids, name(place, who)
    fields[7], fields[8] = who.born.strftime("%Y%m%d"), who.sex
    if place.key != "lab":
        fields[11], fields[13] = address(who), f"{who.phone}^PRN^PH"
        fields[24], fields[25] = "Y" if who.birth_order else "", who.birth_order
    for key, value in replaced.items():
        fields[int(key[1:])] = value
    return "|".join(fields).rstrip("|")


def pv1(place: Place, visit: str, patient_class: str = "O", unit: str = "", doctor: str = "", **replaced: str) -> str:
    """Write the PV1 segment with its visit number."""
    fields = [""] * 52
    fields[0], fields[1], fields[2] = "PV1", "1", patient_class
    fields[3], fields[7] = f"{unit}^^^{place.facility}" if unit else "", doctor
    fields[19] = f"{visit}^^^{place.authority}^VN"
    for key, value in replaced.items():
        fields[int(key[1:])] = value
    return "|".join(fields).rstrip("|")


def message(place: Place, kind: str, control: str, at: datetime, *segments: str, processing: str = "P") -> bytes:
    """Write a whole message: MSH with `kind` such as `ADT^A08^ADT_A01`, then the segments, encoded."""
    head = (
        f"MSH|^~\\&|{place.application}|{place.facility}|UNSILO|HUB|{stamp(place, at)}||{kind}|{control}|{processing}"
        f"|{place.version}||||||{place.msh18}"
    )
    return writable("".join(segment + "\r" for segment in (head, *segments)), place.codec).encode(place.codec)
