"""Bytes to `Message`: find MSH and its delimiters, decode once, cut into segments, and say what is odd."""

import re

import msgspec

from unsilo.formats.hl7v2.charset import decode
from unsilo.formats.hl7v2.delimit import read_delimiters
from unsilo.formats.hl7v2.header import check_header
from unsilo.formats.hl7v2.lines import SECOND, cut
from unsilo.formats.hl7v2.message import Message, Segment
from unsilo.kernel import Issue, Limits, Result, Where
from unsilo.kernel.issue import Code
from unsilo.kernel.limits import DEFAULT

__all__ = ["find_header", "find_start", "parse"]

SEGMENT_FIELDS = 20_000
"""More fields than this in one segment is no message (the standard's longest segment has fewer than 100)."""

HEADER_BYTES = 65_536
"""A longer MSH is no header."""

_BOM = b"\xef\xbb\xbf"
_LEADING = b"\x0b\x1c \t\r\n\x00"
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"M\x00S\x00", b"\x00M\x00S")
_BATCH = (b"FHS", b"BHS", b"FTS", b"BTS")
_LINE = re.compile(rb"[^\r\n]+")


def parse(content: bytes, *, charset: str | None = None, limits: Limits = DEFAULT) -> Result[Message]:
    """Read one message of HL7 v2.1 to v2.8.2. Never raises: what cannot be read at all is a `fatal` Issue and no value.

    `charset` is a feed's override of MSH-18, by its name in HL7 table 0211 or a usual variant.
    """
    start = 0 if content[:3] == b"MSH" else find_header(content)
    if start < 0 or len(content) > limits.message_bytes:
        return Result(None, [_refusal(content, limits)])
    return_at = content.find(b"\r", start)
    feed_at = content.find(b"\n", start, return_at if return_at >= 0 else len(content))
    end = feed_at if feed_at >= 0 else return_at if return_at >= 0 else len(content)
    if end - start > HEADER_BYTES:
        return Result(None, [_fatal("too-long", f"MSH is longer than {HEADER_BYTES} bytes", "", "msh.too-long")])
    sep = content[start + 3 : start + 4] if end > start + 3 else b"\r"
    head = content[start + 4 : end].split(sep, 17)
    if len(content) > min(limits.segments, limits.fields, SEGMENT_FIELDS):
        costly = _too_costly(content, sep, limits)
        if costly:
            return Result(None, [costly])
    marks, notes = read_delimiters(sep, head[0], "ascii")
    issues = list(notes)
    if marks is None:
        return Result(None, issues)
    declared = head[16].decode("ascii", "replace") if len(head) > 16 else ""
    if start:
        issues.append(_stray(start))
        if not declared and content.startswith(_BOM, start - 3):
            declared = "UNICODE UTF-8"
    decoded = decode(content[start:] if start else content, declared, marks.repetition_sep, charset)
    codec = decoded.codec
    if decoded.issues:
        issues += [_moved(issue, start) for issue in decoded.issues]
    if codec != "ascii":
        marks = read_delimiters(sep, head[0], codec).delimiters or marks
    lines = cut(decoded.text, marks.field_sep, issues)
    segments = [Segment(line[:3], index, line, marks) for index, line in enumerate(lines)]
    message = Message(
        content, codec, segments, marks,
        marks.field_sep, marks.component_sep, marks.repetition_sep, marks.escape_char, marks.subcomponent_sep,
    )  # fmt: skip
    check_header(segments[0], issues)
    if issues and any(issue.severity == "fatal" for issue in issues):
        return Result(None, issues)
    return Result(message, issues)


def find_start(content: bytes) -> int:
    """Return where content begins after blanks, a byte order mark and framing bytes."""
    start = len(content) - len(content.lstrip(_LEADING))
    if content.startswith(_BOM, start):
        rest = content[start + 3 :]
        start = len(content) - len(rest.lstrip(_LEADING))
    return start


def find_header(content: bytes) -> int:
    """Return where MSH begins after what `find_start` passes over, -1 when something else stands there."""
    start = find_start(content)
    return start if content.startswith(b"MSH", start) else -1


def _refusal(content: bytes, limits: Limits) -> Issue:
    size = len(content)
    if size > limits.message_bytes:
        text = f"the message has {size} bytes, more than the limit of {limits.message_bytes}"
        return _fatal("too-long", text, "raise the feed's limit if this is a real message", "too-long")
    if not content.strip(_LEADING):
        return _fatal("structure", "the message is empty", "", "empty")
    first = content.lstrip(_LEADING.replace(b"\x00", b""))
    if first.startswith(_UTF16):
        hint = "send UTF-8 (MSH-18 UNICODE UTF-8) or an 8-bit character set"
        return _fatal("charset", "the message is UTF-16, which cannot be framed", hint, "utf16")
    if content[find_start(content) :].startswith(_BATCH):
        return _fatal("structure", "this is a batch, not one message", "read it as a batch file", "batch")
    return _fatal("required", "the first segment is not MSH", "the bytes are kept; ask the sender", "msh.missing")


def _too_costly(content: bytes, sep: bytes, limits: Limits) -> Issue | None:
    ends = content.count(b"\r")
    if b"\n" in content:
        ends += content.count(b"\n") - content.count(b"\r\n")
    if ends > limits.segments:
        return _fatal("too-costly", f"more than {limits.segments} segments", "", "too-many-segments")
    if b"\rMSH" + sep in content or b"\nMSH" + sep in content[1:]:
        return SECOND
    fields = content.count(sep)
    if fields > limits.fields:
        return _fatal("too-costly", f"more than {limits.fields} fields", "", "too-many-fields")
    if fields > SEGMENT_FIELDS and any(
        content.count(sep, line.start(), line.end()) > SEGMENT_FIELDS for line in _LINE.finditer(content)
    ):
        return _fatal("too-costly", f"a segment has more than {SEGMENT_FIELDS} fields", "", "too-many-fields")
    return None


def _fatal(code: Code, text: str, hint: str, rule: str) -> Issue:
    return Issue("fatal", code, text, Where("MSH"), hint, f"hl7v2.{rule}")


def _stray(start: int) -> Issue:
    text = f"{start} bytes before MSH were passed over"
    return Issue("information", "structure", text, Where("", (0, start)), "", "hl7v2.frame.stray")


def _moved(issue: Issue, start: int) -> Issue:
    span = issue.where.span
    if start == 0 or span is None:
        return issue
    return msgspec.structs.replace(issue, where=Where(issue.where.path, (span[0] + start, span[1] + start)))
