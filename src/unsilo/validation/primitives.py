"""The formats of FHIR's primitive types (FHIR R4 datatypes.html), each checked in linear time."""

import re
from calendar import monthrange
from collections.abc import Callable
from decimal import Decimal
from typing import Any

__all__ = ["PRIMITIVES", "is_primitive"]

# None of these patterns can backtrack: each has one way to match any text.
_DATE = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?)?", re.ASCII)
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,18})?"
_ZONE = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))"
_TIME = re.compile(_CLOCK, re.ASCII)
_MOMENT = re.compile(rf"T{_CLOCK}({_ZONE})?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_OID = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+", re.ASCII)
_UUID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", re.ASCII)
_BASE64 = re.compile(r"[0-9A-Za-z+/]*={0,2}", re.ASCII)
_BLANK = re.compile(r"[ \t\r\n\f\v\u00a0\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_LONGEST = 1024 * 1024
_INT = 2_147_483_647

Check = Callable[[Any], str]
"""Returns what is wrong with a value, "" when nothing is."""


def _calendar(text: str) -> str:
    found = _DATE.fullmatch(text)
    if found is None:
        return "is not a date (YYYY, YYYY-MM or YYYY-MM-DD)"
    year, month, day = found.groups()
    if year == "0000":
        return "is not a date: there is no year 0000"
    if day and int(day) > monthrange(int(year), int(month))[1]:
        return "is not a date: that month has no such day"
    return ""


def _text(value: Any) -> str:
    if type(value) is not str:
        return "must be a string"
    if not value:
        return "must not be empty"
    return ""


def _date(value: Any) -> str:
    return _text(value) or _calendar(value)


def _date_time(value: Any) -> str:
    if wrong := _text(value):
        return wrong
    day, mark, _ = value.partition("T")
    if wrong := _calendar(day):
        return wrong.replace("a date", "a date-time")
    if not mark:
        return ""
    found = _MOMENT.fullmatch(value, len(day))
    if found is None:
        return "is not a date-time (YYYY-MM-DDThh:mm:ss+zz:zz)"
    if len(day) != 10:
        return "has a time but no full date"
    return "" if found[1] else "has a time, so it must have a time zone"


def _instant(value: Any) -> str:
    if wrong := _date_time(value):
        return wrong
    return "" if "T" in value else "must be an instant, with time and time zone"


def _time(value: Any) -> str:
    return _text(value) or ("" if _TIME.fullmatch(value) else "is not a time (hh:mm:ss)")


def _boolean(value: Any) -> str:
    return "" if type(value) is bool else "must be true or false"


def _integer(least: int) -> Check:
    words = {0: "must be a whole number from 0 up", 1: "must be a whole number from 1 up"}.get(
        least, "must be a whole number"
    )

    def check(value: Any) -> str:
        if type(value) is not int:
            return words
        return "" if least <= value <= _INT else f"{words}, at most {_INT}" if value > _INT else words

    return check


def _decimal(value: Any) -> str:
    return "" if type(value) in (int, Decimal, float) else "must be a number"


def _string(value: Any) -> str:
    if wrong := _text(value):
        return wrong
    if len(value) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if _CONTROL.search(value):
        return "holds a control character"
    return "" if not value.isspace() else "must have content other than white space"


def _code(value: Any) -> str:
    if wrong := _text(value):
        return wrong
    if value != value.strip() or "  " in value or "\t" in value or "\r" in value or "\n" in value:
        return "is not a code: no white space at the ends, single spaces within"
    return ""


def _id(value: Any) -> str:
    if wrong := _text(value):
        return wrong
    if len(value) > 64:
        return f"is not an id: {len(value)} characters, 64 at most"
    return "" if _ID.fullmatch(value) else "is not an id: only letters, digits, - and . are allowed"


def _uri(value: Any) -> str:
    return _text(value) or ("must not hold white space" if _BLANK.search(value) else "")


def _oid(value: Any) -> str:
    return _text(value) or ("" if _OID.fullmatch(value) else "is not an OID (urn:oid:1.2.3)")


def _uuid(value: Any) -> str:
    return _text(value) or ("" if _UUID.fullmatch(value) else "is not a UUID (urn:uuid:…)")


def _base64(value: Any) -> str:
    if wrong := _text(value):
        return wrong
    plain = "".join(value.split()) if _BLANK.search(value) else value
    return "" if len(plain) % 4 == 0 and _BASE64.fullmatch(plain) else "is not base64"


def _xhtml(value: Any) -> str:
    return _text(value)


PRIMITIVES: dict[str, Check] = {
    "boolean": _boolean, "integer": _integer(-_INT - 1), "unsignedInt": _integer(0), "positiveInt": _integer(1),
    "decimal": _decimal, "string": _string, "markdown": _string, "code": _code, "id": _id, "uri": _uri, "url": _uri,
    "canonical": _uri, "oid": _oid, "uuid": _uuid, "base64Binary": _base64, "instant": _instant, "date": _date,
    "dateTime": _date_time, "time": _time, "xhtml": _xhtml,
}  # fmt: skip
"""What each primitive type demands of its JSON value."""


def is_primitive(code: str) -> bool:
    """Tell whether a type is primitive."""
    return code in PRIMITIVES
