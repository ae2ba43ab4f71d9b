"""Primitive values from text, remembered because messages repeat themselves: numbers, booleans, codes, identifiers."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from unsilo.mapping.rows import CodeRow

__all__ = ["Code", "Memo", "Vocabulary", "converters", "hl7_table_uri", "number"]

_MEMO = 8000
_DECIMAL = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})$")
_COMPARED = re.compile(r"\s*([<>]=?)\s*(\S+)\s*")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}$")
_COMMA = re.compile(r"([+-]?\d{1,40}),(\d{1,40})$")
_BOOLEANS = {
    "Y": True,
    "N": False,
    "YES": True,
    "NO": False,
    "TRUE": True,
    "FALSE": False,
    "1": True,
    "0": False,
    "T": True,
    "F": False,
}
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}$")


class Memo(dict[str, Any]):
    """A function of a text, remembered up to a bound."""

    def __init__(self, convert: Callable[[str], Any]) -> None:
        super().__init__()
        self.convert = convert

    def __missing__(self, text: str) -> Any:
        value = self.convert(text)
        if len(self) < _MEMO and len(text) < 200:
            self[text] = value
        return value


def number(text: str) -> int | Decimal | None:
    """Return a number with its digits as sent, None when it is none; `+`, bare points and commas get JSON's form."""
    text = text.strip()
    if not _DECIMAL.match(text):
        return _with_comma(text)
    if "." in text:
        try:
            return Decimal(text)
        except InvalidOperation:
            return None
    return int(text) if not text.lstrip("+-").startswith("00") or len(text) < 3 else Decimal(text.lstrip("+"))


def _with_comma(text: str) -> Decimal | None:
    """A number with a decimal comma (`4,1`); none where it may part thousands (`1,234`)."""
    found = _COMMA.match(text)
    if found is None or (len(found[2]) == 3 and _THOUSANDS.match(found[1])):
        return None
    return Decimal(f"{found[1]}.{found[2]}".lstrip("+"))


def _compared(text: str) -> tuple[str, int | Decimal] | tuple[None, None]:
    found = _COMPARED.fullmatch(text)
    value = number(found[2]) if found else None
    return (found[1], value) if found and value is not None else (None, None)


def _integer(low: int) -> Callable[[str], int | None]:
    def convert(text: str) -> int | None:
        text = text.strip()
        if not re.fullmatch(r"[+-]?\d{1,10}", text):
            return None
        value = int(text)
        return value if low <= value < 2**31 else None

    return convert


def _id(text: str) -> str | None:
    return text if re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", text) else None


def _oid(text: str) -> str | None:
    bare = text.strip().removeprefix("urn:oid:")
    return f"urn:oid:{bare}" if re.fullmatch(r"[0-2](\.(0|[1-9]\d*))+", bare) else None


def _uuid(text: str) -> str | None:
    bare = text.strip().removeprefix("urn:uuid:").lower()
    return f"urn:uuid:{bare}" if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bare) else None


def _base64(text: str) -> str | None:
    bare = "".join(text.split())
    return bare if bare and len(bare) % 4 == 0 and _BASE64.match(bare) else None


def converters() -> dict[str, Memo]:
    """The memos of the primitive types that do not depend on a feed."""
    return {
        "decimal": Memo(number),
        "compared": Memo(lambda text: _compared(text)[1]),
        "comparator": Memo(lambda text: _compared(text)[0]),
        "integer": Memo(_integer(-(2**31))),
        "positiveInt": Memo(_integer(1)),
        "unsignedInt": Memo(_integer(0)),
        "boolean": Memo(lambda text: _BOOLEANS.get(text.strip().upper())),
        "id": Memo(_id),
        "oid": Memo(_oid),
        "uuid": Memo(_uuid),
        "base64Binary": Memo(_base64),
    }


_NAME = 4
"""How long a word is at least that is taken for the name of a code."""


class Code(NamedTuple):
    """A target code; an empty `code` is knowingly not mapped."""

    code: str
    display: str
    system: str


class Vocabulary(dict[str, "Code | None"]):
    """A vocabulary's codes: exact, then without regard to case, then by name; None for a code it does not know.

    By name: a sender that writes `Female` where the table has `F` means the only target of that name; short ones, which
    may be codes of another table, are not looked up so. `codes` are those of the table itself, in small letters: what
    is not among them is not a code of the `source_system`.
    """

    def __init__(self, name: str, rows: list[CodeRow]) -> None:
        super().__init__()
        self.name = name
        self.source_system = next((row.source_system for row in rows if row.source_system), "")
        self.folded: dict[str, Code] = {}
        for row in rows:
            code = Code(row.target, row.display, row.system)
            if row.code not in self or (code.code and not getattr(self[row.code], "code", "")):
                self[row.code] = code
            self.folded.setdefault(row.code.casefold(), self[row.code] or code)
        self.codes = frozenset(row.code.casefold() for row in rows if row.source_system == self.source_system)
        self.names: dict[str, Code | None] = {}
        for code in self.folded.values():
            for name in {code.code.casefold(), code.display.casefold()}:
                if not code.code or len(name) < _NAME:
                    continue
                same = self.names.setdefault(name, code)
                if same is not None and (same.system, same.code) != (code.system, code.code):
                    self.names[name] = None

    def __missing__(self, code: str) -> Code | None:
        folded = code.strip().casefold()
        found = self.folded.get(folded) or self.names.get(folded)
        if found is not None and len(self) < _MEMO:
            self[code] = found
        return found

    def knows(self, code: str) -> bool:
        """True for a code that is translated."""
        found = self[code]
        return found is not None and bool(found.code)

    def system_of(self, code: str) -> str:
        """The system of the table that a code without one is of; "" for a code that the table does not have."""
        return self.source_system if code.strip().casefold() in self.codes else ""


_TABLE = re.compile(r"(?:HL7-?(0\d{3})|(0\d{3}))$")


def hl7_table_uri(name: str) -> str:
    """Return the code system of an HL7 table named as `HL70001`, `0001` or `HL7-0001`, "" for other names.

    A number above that of all tables is a name of the sender's own: that of its laboratory, for one.
    """
    match = _TABLE.match(name.upper())
    return f"http://terminology.hl7.org/CodeSystem/v2-{match[1] or match[2]}" if match else ""
