"""What MSH must say: type, control id, processing id and version, checked against HL7's tables."""

import re

import msgspec

from unsilo.formats.hl7v2.charset import decode
from unsilo.formats.hl7v2.delimit import read_delimiters
from unsilo.formats.hl7v2.delimiters import DEFAULT_DELIMITERS
from unsilo.formats.hl7v2.message import Segment
from unsilo.kernel import Issue, Where
from unsilo.kernel.issue import Code, Severity

__all__ = ["PROCESSING_IDS", "VERSIONS", "check_header", "peek"]

VERSIONS = frozenset(
    ("2.0", "2.0D", "2.1", "2.2", "2.3", "2.3.1", "2.3.2", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1",
     "2.8.2", "2.9", "2.9.1")
)  # fmt: skip
"""HL7 table 0104. 2.9 is taken as 2.8.2 with an Issue: its header is the same."""

_END = re.compile(rb"[\r\n\x1c]")
_NEWER = frozenset(("2.9", "2.9.1"))

PROCESSING_IDS = frozenset("DPTN")
"""HL7 table 0103: debugging, production, training; N is the value 2.8 gives for non-production."""

_MISSING: tuple[tuple[int, Severity, str, str], ...] = (
    (9, "error", "MSH-9 (message type) is empty", "msh.type"),
    (10, "warning", "MSH-10 (control id) is empty, so no acknowledgement can be matched", "msh.control-id"),
    (11, "information", "MSH-11 (processing id) is empty; production is assumed", "msh.processing-id"),
    (12, "warning", "MSH-12 (version) is empty", "msh.version"),
)


def check_header(header: Segment, issues: list[Issue]) -> None:
    """Add an Issue for each of MSH-9 to MSH-12 that is missing or not of its table (v2.8.2 section 2.14.9)."""
    fields = header.fields
    if len(fields) < 13 or not (fields[9] and fields[10] and fields[11] and fields[12]):
        for number, severity, text, rule in _MISSING:
            if not header.field(number):
                issues.append(_issue(severity, "required", number, text, rule))
        if len(fields) < 12:
            return
    processing = fields[11]
    if processing and processing not in PROCESSING_IDS and header.get(11, 0, 1) not in PROCESSING_IDS:
        text = "MSH-11 is not D, P or T"
        issues.append(_issue("error", "processing-id", 11, text, "msh.processing-id"))
    version = header.field(12)
    if version and version not in VERSIONS:
        version = header.get(12, 0, 1).strip()
        if version not in VERSIONS:
            text = f"MSH-12 says version {version[:20]!r}, which is not HL7 v2.1 to v2.8.2"
            issues.append(_issue("error", "version", 12, text, "msh.version"))
    if version in _NEWER:
        text = f"version {version} is read as 2.8.2"
        issues.append(_issue("information", "version", 12, text, "msh.version"))


def peek(content: bytes) -> Segment | None:
    """Return the first MSH found in any bytes, for answering what cannot be parsed; None when there is none.

    At most 64 kB are searched and 8 kB read. Delimiters that make no sense are taken for the usual ones.
    """
    start = content.find(b"MSH", 0, 65_536)
    if start < 0:
        return None
    end = _END.search(content, start, start + 8192)
    line = content[start : end.start() if end is not None else start + 8192]
    sep = line[3:4]
    head = line[4:].split(sep, 17) if sep else [b""]
    marks = read_delimiters(sep, head[0], "ascii").delimiters or DEFAULT_DELIMITERS
    declared = head[16].decode("ascii", "replace") if len(head) > 16 else ""
    decoded = decode(line, declared, marks.repetition_sep, None)
    return Segment("MSH", 0, decoded.text, msgspec.structs.replace(marks, charset=decoded.codec))


def _issue(severity: Severity, code: Code, number: int, text: str, rule: str) -> Issue:
    return Issue(severity, code, text, Where(f"MSH-{number}"), "", f"hl7v2.{rule}")
