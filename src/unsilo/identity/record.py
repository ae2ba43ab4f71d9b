"""A FHIR Patient as a standardised person record, its bytes in the store, and the keys under which it is found."""

import re
from typing import Any

import msgspec

from unsilo.identity.block import STORED
from unsilo.identity.fold import fold
from unsilo.identity.person import Person
from unsilo.identity.standardise import standardise
from unsilo.identity.tables import GENERATIONS, identifier_type, is_placeholder_date, is_placeholder_name
from unsilo.kernel import Json, hash64

__all__ = ["Identifier", "PersonName", "Record", "claims", "keys", "pack", "record", "unpack"]

_SSN = "http://hl7.org/fhir/sid/us-ssn"
_ASCII_OTHER = {code: None for code in range(128) if not chr(code).isalnum()}
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_POSITIVE = (1 << 63) - 1
_VIEWED = 4  # names, telephones and addresses that are compared
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
    left out of the comparison and why. `views` are what the scorer compares: one row for each name, telephone and
    address that differs, the usual one first.
    """

    patient_id: str = ""
    identifiers: tuple[Identifier, ...] = ()
    names: tuple[PersonName, ...] = ()
    birth_date: str = ""
    sex: str = ""
    birth_order: int = 0
    unusable: tuple[str, ...] = ()
    views: tuple[Person, ...] = ()


_decoder = msgspec.msgpack.Decoder(Record)
_encoder = msgspec.msgpack.Encoder()


def pack(value: Record) -> bytes:
    """Encode a record for the store."""
    return _encoder.encode(value)


def unpack(content: bytes) -> Record:
    """Decode `pack`'s bytes; msgspec.DecodeError when they are something else."""
    return _decoder.decode(content)


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
    assigner = raw.get("assigner")
    if not system and isinstance(assigner, dict):  # an authority that is named in messages without an OID or URL
        system = _text(assigner.get("reference"))
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


def _rows(patient: Json) -> list[dict[str, str]]:
    """Return the rows of texts that a Patient's names, telecoms and addresses make."""
    names = []
    for raw in _objects(patient.get("name"))[:_VIEWED]:
        given = " ".join(_text(part) for part in _list(raw.get("given")))
        suffix = " ".join(_text(part) for part in _list(raw.get("suffix")))
        if given or _text(raw.get("family")):
            names.append({"given_name": given, "family_name": f"{_text(raw.get('family'))} {suffix}"})
    telecom = _objects(patient.get("telecom"))
    phones = [{"phone": _text(raw.get("value"))} for raw in telecom if raw.get("system") in ("phone", "sms")]
    emails = [{"email": _text(raw.get("value"))} for raw in telecom if raw.get("system") == "email"]
    places = [
        {
            "street": " ".join(_text(line) for line in _list(raw.get("line"))), "city": _text(raw.get("city")),
            "state": _text(raw.get("state")), "postal_code": _text(raw.get("postalCode")),
        }
        for raw in _objects(patient.get("address"))
    ]  # fmt: skip
    numbers = [
        {"ssn": _text(raw.get("value"))}
        for raw in _objects(patient.get("identifier"))
        if raw.get("system") == _SSN or _kind(raw) in ("SS", "SSN")
    ]
    usual = {"birth_date": _text(patient.get("birthDate"))[:10], "sex": _text(patient.get("gender"))}
    for several in (names, phones, emails, places, numbers):
        usual |= several[0] if several else {}
    more = [{**usual, **other} for several in (names, phones, places) for other in several[1:_VIEWED]]
    return [usual, *more]


def _views(patient: Json) -> tuple[Person, ...]:
    return tuple(dict.fromkeys(standardise(row) for row in _rows(patient)))[:_VIEWED]


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
        views=_views(patient),
    )


def keys(value: Record) -> list[int]:
    """Return the sorted 64-bit blocking keys: each identifier, and those of the passes that stores keep.

    A social security number is found by its pass, whoever it says has issued it.
    """
    found = {_narrow("identifier", i.system, i.value) for i in value.identifiers if i.system != _SSN}
    found |= {_wide("ssn", i.value.lstrip("0")) for i in value.identifiers if i.system == _SSN}
    found |= {_wide(name, key) for view in value.views for name, give in STORED for key in give(view)}
    return sorted(found)


def claims(value: Record) -> list[int]:
    """Return the numbers on which two records that arrive at once wait for each other: none of many strangers.

    They stand for identifiers, and for whole names with a birth date.
    """
    found = {_narrow("identifier", i.system, i.value) for i in value.identifiers}
    if len(value.birth_date) == 10:
        found |= {_narrow("name-birth", n.family, n.given[0], value.birth_date) for n in value.names}
    return sorted(found)


def _narrow(*parts: str) -> int:
    return hash64(*parts) & _POSITIVE


def _wide(name: str, key: str) -> int:
    """Return a key of a pass, below zero: no identifier has the same."""
    return -1 - (hash64(name, key) & _POSITIVE)
