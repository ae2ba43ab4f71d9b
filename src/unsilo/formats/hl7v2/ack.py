"""Acknowledgements: writing them for any request, reading those of others (v2.8.2 section 2.9)."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from unsilo.formats.hl7v2.delimiters import NONE, Delimiters
from unsilo.formats.hl7v2.header import VERSIONS, peek
from unsilo.formats.hl7v2.keys import Keys
from unsilo.formats.hl7v2.message import Message, Segment
from unsilo.formats.hl7v2.parse import parse
from unsilo.kernel import CATEGORIES, Issue, Result, Where

__all__ = ["Ack", "AckCode", "AckError", "ack", "parse_ack", "wanted"]

AckCode = Literal["AA", "AE", "AR", "CA", "CE", "CR"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_ERRORS = 20
_LONGEST_ID = 1000
_PATH = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?(?:-(\d+)(?:\[(\d+)\])?(?:\.(\d+)(?:\.(\d+))?)?)?")
_BREAKS = re.compile(r"[\r\n\x0b\x1c\x00]")
_SEVERITY = {"fatal": "E", "error": "E", "warning": "W", "information": "I"}  # HL7 table 0516
# HL7 table 0357
_CONDITIONS = {
    "0": "Message accepted", "100": "Segment sequence error", "101": "Required field missing",
    "102": "Data type error", "103": "Table value not found", "104": "Value too long",
    "200": "Unsupported message type", "201": "Unsupported event code", "202": "Unsupported processing id",
    "203": "Unsupported version id", "204": "Unknown key identifier", "205": "Duplicate key identifier",
    "206": "Application record locked", "207": "Application internal error",
}  # fmt: skip


class AckError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One ERR of an answer: condition code (HL7 table 0357), text, severity (table 0516) and place as sent."""

    code: str = ""
    text: str = ""
    severity: str = ""
    location: str = ""


class Ack(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer: MSA-1 `code`, MSA-2 `control_id` of the message it answers, MSA-3 `text`, errors, its own id."""

    code: str
    control_id: str
    text: str = ""
    errors: list[AckError] = []
    own_id: str = ""


def wanted(asked: Keys, accepted: bool) -> tuple[bool, bool]:
    """Return whether an accept (CA, CE, CR) and an application acknowledgement (AA, AE, AR) are to be sent.

    Both MSH-15 and MSH-16 empty is original mode: one application acknowledgement, always. Otherwise HL7 table 0155:
    AL always, NE never, ER on error or reject only, SU on success only; an empty one of the two counts as NE.
    """
    if not asked.accept_ack and not asked.app_ack:
        return False, True
    due = {"AL": True, "ER": not accepted, "SU": accepted}
    return due.get(asked.accept_ack, False), due.get(asked.app_ack, False)


def ack(request: bytes | Message, code: AckCode, issues: Sequence[Issue] = (), *, at: int, control_id: str) -> bytes:
    """Return the acknowledgement of `request`, in its delimiters, version and character set; never raises.

    Sender and receiver change places, MSA-2 is MSH-10 as sent, MSH-7 is `at` (microseconds since 1970 UTC), MSH-10
    `control_id`. For a code other than AA and CA each error (without any: each warning) becomes an ERR segment, from
    version 2.5 with ERR-2, 3, 4, 5, 7 and 8, before that as ERR-1. Bytes without an MSH are answered with the usual
    delimiters and version 2.5.1.
    """
    header = request.header if isinstance(request, Message) else peek(request)
    if header is None:
        header = Segment("MSH", 0, "MSH|^~\\&")
    marks = header.delimiters
    version = header.get(12, 0, 1).strip()
    if version not in VERSIONS:
        version = "2.5.1"
    encoding = _encoding(marks)
    if header.field(2) == encoding + marks.truncation_char:
        encoding = header.field(2)
    told = [] if code in ("AA", "CA") else _told(issues)
    when = _EPOCH + timedelta(microseconds=max(at, 0))
    clean = marks.escape
    msh = [
        "MSH", encoding,
        header.field(5), header.field(6), header.field(3), header.field(4),
        when.strftime("%Y%m%d%H%M%S.%f")[:-3] + "+0000", "",
        _type(header, version), clean(control_id), header.field(11) or "P", clean(version),
        "", "", "", "", "", header.field(18),
    ]  # fmt: skip
    text = clean(told[0].text[:80]) if told else ""
    msa = ["MSA", code, header.field(10)[:_LONGEST_ID], text]
    segments = [msh, msa, *_errors(told, marks, version)]
    sep = marks.field_sep
    out = "".join(_BREAKS.sub(" ", sep.join(_short(fields))) + "\r" for fields in segments)
    return out.encode(marks.charset, "replace")


def _short(fields: list[str]) -> list[str]:
    """Drop empty fields at the end."""
    while len(fields) > 2 and not fields[-1]:
        fields.pop()
    return fields


def _encoding(marks: Delimiters) -> str:
    given = [marks.component_sep, marks.repetition_sep, marks.escape_char, marks.subcomponent_sep]
    while given and given[-1] == NONE:
        given.pop()
    return "".join(" " if mark == NONE else mark for mark in given)


def _type(header: Segment, version: str) -> str:
    marks = header.delimiters
    event = marks.escape(header.get(9, 0, 2)[:20])
    if not event or version in ("2.0", "2.0D", "2.1", "2.2") or marks.component_sep == NONE:
        return "ACK"
    parts = ["ACK", event] if version == "2.3" else ["ACK", event, "ACK"]
    return marks.component_sep.join(parts)


def _told(issues: Sequence[Issue]) -> list[Issue]:
    grave = [issue for issue in issues if issue.severity in ("fatal", "error")]
    return (grave or list(issues))[:_MOST_ERRORS]


def _errors(issues: list[Issue], marks: Delimiters, version: str) -> list[list[str]]:
    if not issues:
        return []
    comp = marks.component_sep if marks.component_sep != NONE else " "
    sub = marks.subcomponent_sep if marks.subcomponent_sep != NONE else " "
    if version < "2.5":
        repetition = marks.repetition_sep
        shown = issues if repetition != NONE else issues[:1]
        places = []
        for issue in shown:
            segment, sequence, field = [*_place(issue), "", "", ""][:3]
            places.append(comp.join((segment, sequence, field, sub.join(_condition(issue, marks)))))
        return [["ERR", repetition.join(places)]]
    fatal = "F" if version >= "2.7" else "E"
    return [
        [
            "ERR", "", comp.join(_place(issue)), comp.join(_condition(issue, marks)),
            fatal if issue.severity == "fatal" else _SEVERITY[issue.severity],
            marks.escape(issue.rule), "", marks.escape(issue.hint[:2048]), marks.escape(issue.text[:250]),
        ]
        for issue in issues
    ]  # fmt: skip


def _condition(issue: Issue, marks: Delimiters) -> list[str]:
    code = CATEGORIES[issue.code].hl7
    if code == "0" and issue.severity in ("fatal", "error"):
        code = "207"
    return [code, marks.escape(_CONDITIONS[code]), "HL70357"]


def _place(issue: Issue) -> list[str]:
    """Return segment, sequence, field, repetition, component, subcomponent (data type ERL, v2.8.2 section 2.A.28)."""
    match = _PATH.fullmatch(issue.where.path)
    if match is None:
        return [""]
    segment, sequence, field, rep, component, sub = match.groups()
    parts = [segment, sequence or "1", field or "", (rep or "1") if field else "", component or "", sub or ""]
    while parts and not parts[-1]:
        parts.pop()
    return parts


def parse_ack(content: bytes) -> Result[Ack]:
    """Read an acknowledgement: MSA and ERR of any version; no value when it has no MSH or no MSA. Never raises."""
    result = parse(content)
    if result.value is None:
        return Result(None, result.issues)
    msa = result.value.first("MSA")
    if msa is None:
        issue = Issue("error", "required", "the answer has no MSA segment", Where("MSA"), rule="hl7v2.ack.msa")
        return Result(None, [*result.issues, issue])
    errors: list[AckError] = []
    for err in result.value.all("ERR")[:_MOST_ERRORS]:
        errors += _read_error(err)
    text = msa.get(3)
    answer = Ack(msa.get(1).strip().upper(), msa.get(2), text, errors, result.value.header.get(10))
    issues = list(result.issues)
    if answer.code not in ("AA", "AE", "AR", "CA", "CE", "CR"):
        said = f"MSA-1 is {answer.code[:10]!r}, which is no acknowledgement code"
        issues.append(Issue("error", "code-invalid", said, Where("MSA-1"), rule="hl7v2.ack.code"))
    return Result(answer, issues)


def _read_error(err: Segment) -> list[AckError]:
    if err.field(3) or err.field(4) or err.field(2):
        place = [err.get(2, 0, comp) for comp in range(1, 7)]
        text = err.get(8) or err.get(3, 0, 9) or err.get(3, 0, 2)
        return [AckError(err.get(3, 0, 1), text, err.get(4), _written(place))]
    return [
        AckError(
            err.get(1, rep, 4, 1), err.get(1, rep, 4, 2), "",
            _written([err.get(1, rep, comp) for comp in (1, 2, 3)]),
        )
        for rep in range(min(err.count(1), _MOST_ERRORS))
    ]  # fmt: skip


def _written(place: list[str]) -> str:
    segment, sequence, field, rep, comp, sub = (place + [""] * 6)[:6]
    out = segment + (f"[{sequence}]" if sequence not in ("", "1") else "")
    out += f"-{field}" if field else ""
    out += f"[{rep}]" if rep not in ("", "1") else ""
    return out + (f".{comp}" if comp else "") + (f".{sub}" if sub else "")
