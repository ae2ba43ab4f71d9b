"""Which Python codec reads a message: HL7 table 0211 by MSH-18, a feed's own choice, and a recorded fallback."""

import codecs
import re
from functools import lru_cache
from typing import NamedTuple

from unsilo.kernel import Issue, Where

__all__ = ["Decoded", "codec_of", "decode", "decode_escape_hex", "decode_iso2022", "exact", "single_byte", "stateful"]

_JAPANESE = "iso2022_jp_ext"

# HL7 table 0211 (v2.8.2 section 2.C.2.130). CNS 11643 and ISO IR63 have no codec in Python.
TABLE_0211: dict[str, str] = {
    "ASCII": "ascii",
    **{f"8859/{part}": f"iso8859_{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    "BIG-5": "big5",
    "GB 18030-2000": "gb18030",
    "ISO IR6": "ascii",
    "ISO IR14": _JAPANESE,
    "ISO IR87": _JAPANESE,
    "ISO IR159": _JAPANESE,
    "JAS2020": _JAPANESE,
    "JIS X 0202": _JAPANESE,
    "KS X 1001": "euc_kr",
    "UNICODE UTF-8": "utf_8",
}
# Sixteen and thirty-two bit forms cannot stand between MLLP's bytes (v2.8.2 section 2.15.9.18).
_UNFRAMED = {"UNICODE", "UNICODE UTF-16", "UNICODE UTF-32", "UTF-16", "UTF-32", "UTF16", "UTF32", "UCS-2"}
# What senders write instead of the table's names, after upper-casing and dropping everything but letters and digits.
_VARIANTS: dict[str, str] = {
    **{re.sub(r"[^A-Z0-9]", "", name): codec for name, codec in TABLE_0211.items()},
    **{re.sub(r"[^A-Z0-9]", "", codec.upper()): codec for codec in (*TABLE_0211.values(), "cp932", "euc_jp")},
    **{f"ISO8859{part}": f"iso8859_{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    **{f"{prefix}{page}": f"cp{page}" for prefix in ("CP", "WINDOWS", "WIN", "") for page in range(1250, 1259)},
    "UTF8": "utf_8", "UNICODEUTF8UNICODE": "utf_8", "USASCII": "ascii", "ANSI": "cp1252",
    "LATIN1": "iso8859_1", "LATIN2": "iso8859_2", "LATIN9": "iso8859_15", "ISOIR100": "iso8859_1",
    "ISOIR192": "utf_8", "GB18030": "gb18030", "GBK": "gb18030", "GB2312": "gb18030", "BIG5": "big5",
    "EUCKR": "euc_kr", "KSC5601": "euc_kr", "SHIFTJIS": "cp932", "SJIS": "cp932", "EUCJP": "euc_jp",
    "ISO2022JP": _JAPANESE, "CP437": "cp437", "IBM437": "cp437", "CP850": "cp850", "IBM850": "cp850",
    "TIS620": "tis_620", "KOI8R": "koi8_r",
}  # fmt: skip
_DOUBLE = {"big5", "gb18030", "euc_kr", "euc_jp", "cp932", _JAPANESE}


class Decoded(NamedTuple):
    """The text of a message, the Python codec that gave it, and what was odd on the way."""

    text: str
    codec: str
    issues: list[Issue]


def codec_of(name: str) -> str | None:
    """Return the codec for a name of HL7 table 0211 or one of its usual misspellings, None when it is not known."""
    return _codec_of(name.strip().upper()) if len(name) <= 60 else None


@lru_cache(maxsize=256)
def _codec_of(name: str) -> str | None:
    if name in _UNFRAMED:
        return None
    return TABLE_0211.get(name) or _VARIANTS.get(re.sub(r"[^A-Z0-9]", "", name))


def single_byte(codec: str) -> bool:
    """Tell whether each character of `codec` is exactly one byte."""
    return codec != "utf_8" and codec not in _DOUBLE


def stateful(codec: str) -> bool:
    """Tell whether escape sequences between the characters of `codec` say how to read what follows (ISO 2022)."""
    return codec == _JAPANESE


def exact(codec: str) -> bool:
    """Tell whether encoding what was decoded always gives back the same bytes."""
    return codec not in _DOUBLE


def decode(content: bytes, declared: str, repetition_sep: str, override: str | None) -> Decoded:
    """Decode a message by `override` (a feed's setting), else by `declared` (MSH-18 as sent), else as ASCII or UTF-8.

    Every byte sequence gives a text that encodes back to the same bytes (see `exact`). When the chosen codec cannot
    read the content, UTF-8 is taken where it can, else Windows-1252, or ISO 8859-1 for the few bytes that it lacks,
    with an Issue that says where the first unreadable byte is.
    """
    issues: list[Issue] = []
    codec = None
    if override:
        codec = codec_of(override)
        if codec is None:
            issues.append(_issue("override", f"the feed's character set {override!r} is not known", "correct the feed"))
    if codec is None and declared:
        codec, problem = _declared(declared, repetition_sep)
        if problem:
            issues.append(_issue("unknown", problem, "set the feed's charset", "MSH-18"))
    if content.isascii() and (codec is None or codec not in _DOUBLE):
        return Decoded(content.decode("ascii"), codec or "ascii", issues)
    if codec is None or codec == "ascii":
        return _undeclared(content, issues, "ASCII" if codec else "")
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        if _is_utf8(content):
            text_issue = f"byte {error.start} cannot be read as {codec}, as told; the bytes are UTF-8"
            issues.append(_issue("undeclared", text_issue, "set MSH-18 or the feed's charset"))
            return Decoded(content.decode("utf_8"), "utf_8", issues)
        issues.append(_unreadable(error.start, codec))
        return _fallback(content, issues)
    if codec == _JAPANESE and "\x1b" in text:
        text_issue = "an escape sequence of ISO 2022 is broken or not known; what follows it may be wrong"
        issues.append(_issue("escape", text_issue, "the original shows what was sent"))
    if single_byte(codec) and _is_utf8(content):
        text_issue = f"the message is read as {codec}, as told, but its bytes look like UTF-8"
        issues.append(_issue("suspect", text_issue, "if names look wrong, set the feed's charset to UNICODE UTF-8"))
    return Decoded(text, codec, issues)


def _declared(declared: str, repetition_sep: str) -> tuple[str | None, str]:
    """Return the codec of MSH-18 and a complaint.

    Later repetitions name sets that ISO 2022 escapes switch to, so any Japanese one decides (`~ISO IR87`).
    """
    names = [name.strip() for name in declared.split(repetition_sep, 10)]
    found = [codec_of(name) for name in names]
    if _JAPANESE in found:
        return _JAPANESE, ""
    if found[0]:
        return found[0], ""
    if not names[0]:
        return next((codec for codec in found if codec), None), ""
    if names[0].upper() in _UNFRAMED:
        if "utf_8" in found:  # seen in practice: `UNICODE~UTF-8`
            return "utf_8", ""
        return None, f"MSH-18 says {names[0]}, which cannot be framed and is not what the bytes are"
    return None, f"MSH-18 names the character set {names[0][:40]!r}, which is not known"


def _undeclared(content: bytes, issues: list[Issue], said: str) -> Decoded:
    why = f"MSH-18 says {said}" if said else "no known character set is named"
    if _is_utf8(content):
        issues.append(_issue("undeclared", f"{why}, and the bytes are UTF-8", "set MSH-18 or the feed's charset"))
        return Decoded(content.decode("utf_8"), "utf_8", issues)
    first = next(i for i, byte in enumerate(content) if byte > 127)
    text = f"{why}, and the bytes are neither ASCII nor UTF-8"
    where = Where("", (first, first + 1))
    issues.append(Issue("warning", "charset", text, where, "set MSH-18 or the feed's charset", "hl7v2.charset.guess"))
    return _fallback(content, issues)


def _unreadable(at: int, codec: str) -> Issue:
    text = f"byte {at} cannot be read as {codec}; the message is read as Windows-1252 or ISO 8859-1 instead"
    hint = "letters beyond ASCII may be wrong: set the feed's charset"
    return Issue("warning", "charset", text, Where("", (at, at + 1)), hint, "hl7v2.charset.fallback")


def _fallback(content: bytes, issues: list[Issue]) -> Decoded:
    try:
        return Decoded(content.decode("cp1252"), "cp1252", issues)
    except UnicodeDecodeError:
        return Decoded(content.decode("iso8859_1"), "iso8859_1", issues)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf_8")
    except UnicodeDecodeError:
        return False
    return True


def _issue(rule: str, text: str, hint: str, path: str = "") -> Issue:
    return Issue("warning", "charset", text, Where(path), hint, f"hl7v2.charset.{rule}")


def decode_escape_hex(content: bytes, codec: str) -> str:
    """Read the bytes of `\\Xdd..\\` in the message's character set, else as UTF-8, else as ISO 8859-1."""
    for attempt in (codec, "utf_8"):
        try:
            return codecs.decode(content, attempt)
        except UnicodeDecodeError:
            continue
    return content.decode("iso8859_1")


def decode_iso2022(text: str) -> str:
    """Read text that holds ISO 2022 escape sequences; what cannot be read loses only the escape characters."""
    try:
        return text.encode("latin-1").decode("iso2022_jp_2")
    except (UnicodeDecodeError, UnicodeEncodeError):
        pass
    try:
        return text.encode("latin-1").decode(_JAPANESE)
    except (UnicodeDecodeError, UnicodeEncodeError):
        return re.sub(r"\x1b[\x20-\x2f]*[\x30-\x7e]", "", text)
