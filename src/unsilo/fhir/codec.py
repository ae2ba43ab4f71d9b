"""FHIR JSON in and out: foreign bytes are read strictly, numbers keep every digit (FHIR R4 json.html, RFC 8259)."""

import json as stdlib_json
import re
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final

import msgspec

from unsilo.fhir import scan
from unsilo.kernel import Issue, Json, Limits, Result, Where
from unsilo.kernel import json as lossless
from unsilo.kernel.limits import DEFAULT

__all__ = ["decode", "encode", "read"]

_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"{}[]"))
_STEP: Final = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_DIGITS: Final = bytes(ord("0") if chr(sign).isdigit() and sign < 128 else sign for sign in range(256))
_LONG_NUMBER: Final = b"0" * (scan.LONGEST_NUMBER + 1)
_BOM = b"\xef\xbb\xbf"

_FAULTS: Final[dict[str, tuple[str, str, str]]] = {
    "malformed": ("structure", "This is not JSON.", "Send one JSON object (RFC 8259); NaN and Infinity are none."),
    "truncated": ("structure", "The JSON ends before it is complete.", "Send the whole document again."),
    "trailing": ("structure", "Something follows after the end of the JSON value.", "Send one JSON value."),
    "duplicate": ("duplicate", "An object has the same key twice.", "Send each element once; repeats go in an array."),
    "surrogate": ("charset", "A string has half of a surrogate pair.", "Send the character itself in UTF-8."),
    "number": ("too-long", "A number has more digits than any measurement.", "Send at most 18 significant digits."),
    "depth": ("too-costly", "Objects are nested too deep.", "Send a flatter document."),
    "object": ("structure", "The top of the document is not a JSON object.", "Send one resource or Bundle."),
    "encoding": ("charset", "The bytes are not UTF-8.", "Send the document in UTF-8, as FHIR requires."),
    "size": ("too-long", "The document is larger than the limit.", "Send smaller pieces or raise the feed's limit."),
    "empty": ("structure", "There is nothing in the document.", "Send one resource or Bundle."),
}


class _FoundError(Exception):
    """Stops the decoder at something that is refused; the scanner then says where it is."""


def _object(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _FoundError
    return found


def _integer(text: str) -> int:
    if len(text) > scan.LONGEST_NUMBER:
        raise _FoundError
    return int(text)


def _decimal(text: str) -> Decimal:
    if (len(text) > scan.LONGEST_NUMBER or "e" in text or "E" in text) and scan.huge(text.encode()):
        raise _FoundError
    return Decimal(text)


def _constant(_: str) -> Any:
    raise _FoundError


_decoder = stdlib_json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
)


def _skeleton(content: bytes) -> bytes:
    """Return the document without what stands between quotation marks."""
    if b"\\" in content:
        return _STRINGS.sub(b"", content)
    return b"".join(content.split(b'"')[::2])


def _is_deep(content: bytes, most: int) -> bool:
    """Tell whether brackets outside strings are nested deeper than `most`; hardly a document has so many of them."""
    if content.count(b"{") + content.count(b"[") <= most:
        return False
    brackets = _skeleton(content).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > most


def _number(text: str) -> Decimal:
    if len(text) > scan.LONGEST_NUMBER or "e" in text or "E" in text:
        raise _FoundError  # the strict decoder looks at it
    return Decimal(text)


_quick = msgspec.json.Decoder(float_hook=_number)


def _quickly(body: bytes) -> tuple[Any, bytes]:
    """Return the value of an ordinary document and its own words, None for one where the strict decoder has to look.

    This decoder is as strict but for two things: it takes the last of equal keys, and integers of any length. A key
    that it dropped is missed when the value is written again: there are fewer colons then, unless colons are escaped.
    """
    if b"\\" in body and b"\\u00" in body:
        return None, b""
    try:
        value = _quick.decode(body)
    except (_FoundError, ValueError, RecursionError):
        return None, b""
    written = lossless.encode(value)
    kept = body.startswith(written) or written.count(b":") == body.count(b":")  # after all of it only blanks may stand
    whole = kept and _LONG_NUMBER not in body.translate(_DIGITS)
    return (value, written) if whole else (None, b"")


def _refuse(kind: str, pointer: str = "", span: tuple[int, int] | None = None) -> Result[Json]:
    code, text, hint = _FAULTS[kind]
    issue = Issue("error", code, text, Where(pointer, span), hint, f"fhir.json.{kind}")  # type: ignore[arg-type]
    return Result(None, [issue])


def decode(content: bytes, limits: Limits = DEFAULT) -> Result[Json]:
    """Read one JSON object from foreign bytes; never raises. What is refused stands with `read`."""
    return read(content, limits)[0]


def read(content: bytes, limits: Limits = DEFAULT) -> tuple[Result[Json], bytes]:
    """Read one JSON object from foreign bytes; never raises. Beside it stands what `encode` makes of it, where that
    was needed to read it, else nothing.

    Refused, each with an Issue that holds the byte position and JSON pointer: anything RFC 8259 does not allow
    (NaN, Infinity, trailing data, control characters), duplicate keys, lone surrogates, numbers of more than 64
    characters or exponents beyond 999, nesting over `limits.json_depth`, sizes over `limits.message_bytes`, other
    encodings than UTF-8, and a top that is no object. A byte order mark is skipped with a warning.
    """
    issues: list[Issue] = []
    if len(content) > limits.message_bytes:
        return _refuse("size", span=(limits.message_bytes, len(content))), b""
    body = content
    if content.startswith(_BOM):
        body = content[3:]
        text = "The document starts with a byte order mark."
        issues.append(Issue("warning", "charset", text, Where("", (0, 3)), "Send it without one.", "fhir.json.bom"))
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as e:
        shift = len(content) - len(body)
        return _refuse("encoding", span=(e.start + shift, e.end + shift)), b""
    if not text.strip(" \t\r\n"):
        return _refuse("empty", span=(0, len(content))), b""
    if _is_deep(body, limits.json_depth):
        return _locate(content, limits, "depth"), b""
    value, written = _quickly(body)
    if value is None:
        try:
            value, end = _decoder.raw_decode(text, len(text) - len(text.lstrip(" \t\r\n")))
        except (_FoundError, ValueError, RecursionError):
            return _locate(content, limits, "malformed"), b""
        if text[end:].strip(" \t\r\n"):
            return _locate(content, limits, "trailing"), b""
        if _SURROGATE_ESCAPE.search(body):
            fault = scan.first_fault(content, limits.json_depth)
            if fault is not None:
                return _refuse(fault.kind, fault.pointer, (fault.start, fault.end)), b""
    if not isinstance(value, dict):
        return _refuse("object", span=(0, len(content))), b""
    return Result(value, issues), written


def _locate(content: bytes, limits: Limits, otherwise: str) -> Result[Json]:
    """Say where the fault is; the scanner reads again, which only refused documents pay for."""
    fault = scan.first_fault(content, limits.json_depth)
    if fault is None:
        return _refuse(otherwise, span=(0, len(content)))
    return _refuse(fault.kind, fault.pointer, (fault.start, fault.end))


def encode(resource: Json) -> bytes:
    """Write compact FHIR JSON; a Decimal keeps its digits (`1.00` stays `1.00`)."""
    return lossless.encode(resource)
