"""A FHIR Patient as a standardised person record, its bytes in the store, and the keys under which it is found."""

import re
from functools import lru_cache
from typing import Any
from unicodedata import category, normalize

import msgspec

from unsilo.identity.tables import GENERATIONS, identifier_type, is_placeholder_date, is_placeholder_name
from unsilo.kernel import Json, hash64

__all__ = ["Identifier", "PersonName", "Record", "fold", "keys", "pack", "record", "unpack"]

_SSN = "http://hl7.org/fhir/sid/us-ssn"
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})
_ASCII_OTHER = {code: None for code in range(128) if not chr(code).isalnum()}
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_MOST = 50  # names and identifiers looked at; a record with more is not a person's


class Identifier(msgspec.Struct, frozen=True, array_like=True):
    """One identifier that names a person; `kind` is the HL7 table 0203 code or empty."""

    system: str
    value: str
    kind: str = ""


class PersonName(msgspec.Struct, frozen=True, array_like=True):
    """One usable name, folded (no case, accents, punctuation); `text` is how it was written."""

    family: str
    given: tuple[str, ...]
    generation: str
    text: str


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is compared. Everything may be missing; a placeholder counts as missing.

    `birth_date` is an ISO date as precise as sent (`1980`, `1980-05`, `1980-05-17`); `sex` is `male`, `female`,
    `other` or empty; `birth_order` is the place in a multiple birth, 0 unknown; `unusable` says in words what was
    left out of the comparison and why.
    """

    patient_id: str = ""
    identifiers: tuple[Identifier, ...] = ()
    names: tuple[PersonName, ...] = ()
    birth_date: str = ""
    sex: str = ""
    birth_order: int = 0
    unusable: tuple[str, ...] = ()


_decoder = msgspec.msgpack.Decoder(Record)
_encoder = msgspec.msgpack.Encoder()


def pack(value: Record) -> bytes:
    """Encode a record for the store."""
    return _encoder.encode(value)


def unpack(content: bytes) -> Record:
    """Decode `pack`'s bytes; msgspec.DecodeError when they are something else."""
    return _decoder.decode(content)


@lru_cache(8192)
def fold(text: str) -> str:
    """Return letters and digits only, without case and Latin accents: `O'Brien-Šimić` gives `obriensimic`."""
    if text.isascii():
        return text.lower().translate(_ASCII_OTHER)
    plain = normalize("NFKD", text.casefold().translate(_LETTERS))
    # Accents of Latin, Greek and Cyrillic go (U+0300 to U+036F); vowel signs of other scripts are letters there.
    kept = (c for c in plain if not "\u0300" <= c <= "\u036f" and category(c)[0] in "LNM")
    return normalize("NFC", "".join(kept)).translate(_LETTERS)


def _list(value: Any) -> list[Any]:
    return value[:_MOST] if isinstance(value, list) else []


def _objects(value: Any) -> list[Json]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _kind(identifier: Json) -> str:
    kind = identifier.get("type")
    codings = _objects(kind.get("coding")) if isinstance(kind, dict) else []
    return next((code for coding in codings if (code := _text(coding.get("code")))), "")


def _bare(value: str) -> str:
    if value.isascii():
        return value.lower().translate(_ASCII_OTHER)
    return "".join(c for c in value.casefold() if c.isalnum())


def _identifier(raw: Json, unusable: list[str]) -> Identifier | None:
    system, value = _text(raw.get("system")), _text(raw.get("value"))
    kind = _kind(raw) or ("SS" if system == _SSN else "")
    if not system or not value or not identifier_type(kind).identifies or raw.get("use") == "old":
        return None
    folded = _bare(value)
    digits = folded.lstrip("0")
    why = ""
    if not folded:
        why = "has no letter or digit"
    elif system == _SSN or kind in ("SS", "SSN"):
        why = _ssn_fault(folded)
    elif len(folded) > 2 and len(set(folded)) == 1:
        why = "repeats one character"
    elif not digits or folded in ("unknown", "none", "test", "na", "null"):
        why = "is a placeholder"
    if why:
        unusable.append(f"the {identifier_type(kind).name} {value} {why}")
        return None
    return Identifier(system, folded, kind)


def _ssn_fault(folded: str) -> str:
    """Say why nine digits cannot be a social security number as the authority issues them, or return nothing."""
    if len(folded) != 9 or not (folded.isascii() and folded.isdigit()):
        return "does not have nine digits"
    if folded[:3] in ("000", "666") or folded[0] == "9" or folded[3:5] == "00" or folded[5:] == "0000":
        return "is outside what is issued"
    if len(set(folded)) == 1 or folded in ("123456789", "987654321", "078051120", "219099999"):
        return "is a placeholder"
    return ""


def _name(raw: Json, unusable: list[str]) -> PersonName | None:
    words = _text(raw.get("family")).split()
    generation = ""
    if len(words) > 1 and fold(words[-1]) in GENERATIONS:
        generation = GENERATIONS[fold(words.pop())]
    for suffix in _list(raw.get("suffix")):
        generation = GENERATIONS.get(fold(_text(suffix)), generation)
    given = tuple(part for item in _list(raw.get("given")) for word in _text(item).split() if (part := fold(word)))
    family = fold("".join(words))
    text = " ".join(
        [*(_text(part) for part in _list(raw.get("given"))), *words, *([generation] if generation else [])]
    ) or _text(raw.get("text"))
    if not family or not given:
        return None
    if is_placeholder_name(family, given):
        unusable.append(f"the name {text} is a placeholder")
        return None
    return PersonName(family, given, generation, text)


def _birth_date(raw: Any, unusable: list[str]) -> str:
    match = _DATE.fullmatch(_text(raw)[:10])
    if match is None:
        return ""
    if is_placeholder_date(match[0]):
        unusable.append(f"the birth date {match[0]} is a placeholder")
        return ""
    return match[0]


def record(patient: Json) -> Record:
    """Standardise a FHIR Patient (R4 8.1); never raises, whatever shape the elements have."""
    unusable: list[str] = []
    identifiers = {i for raw in _objects(patient.get("identifier")) if (i := _identifier(raw, unusable)) is not None}
    names = {n for raw in _objects(patient.get("name")) if (n := _name(raw, unusable)) is not None}
    birth = patient.get("multipleBirthInteger")
    sex = _text(patient.get("gender"))
    return Record(
        patient_id=_text(patient.get("id")),
        identifiers=tuple(sorted(identifiers, key=lambda i: (i.system, i.value, i.kind))),
        names=tuple(sorted(names, key=lambda n: (n.family, n.given, n.generation, n.text))),
        birth_date=_birth_date(patient.get("birthDate"), unusable),
        sex=sex if sex in ("male", "female", "other") else "",
        birth_order=birth if isinstance(birth, int) and not isinstance(birth, bool) and 0 < birth < 20 else 0,
        unusable=tuple(sorted(unusable)),
    )


def keys(value: Record) -> list[int]:
    """Return the sorted 64-bit blocking keys: each identifier, and each family with first given name and birth date."""
    found = {hash64("identifier", i.system, i.value) for i in value.identifiers}
    if len(value.birth_date) == 10:
        found |= {hash64("name-birth", n.family, n.given[0], value.birth_date) for n in value.names}
    return sorted(found)
