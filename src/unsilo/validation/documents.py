"""Whole files: bytes of JSON, XML or NDJSON in, Issues with byte ranges, lines and columns out."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from unsilo.fhir import codec, xml
from unsilo.fhir.outcome import operation_outcome
from unsilo.fhir.scan import spans
from unsilo.kernel import Issue, Json, Where
from unsilo.validation.place import At, pointer
from unsilo.validation.run import Options, Run
from unsilo.validation.validator import Validator

__all__ = ["check_bytes", "outcome", "pieces"]

_LINE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
_COLUMN = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col"


def _is_lines(name: str) -> bool:
    return name.lower().endswith((".ndjson", ".jsonl"))


def pieces(name: str, content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (start, bytes) of each resource of a file."""
    if not _is_lines(name):
        yield 0, content
        return
    start = 0
    for line in content.splitlines(keepends=True):
        if line.strip():
            yield start, line
        start += len(line)


def _shift(issue: Issue, start: int) -> Issue:
    span = issue.where.span
    if not start or span is None:
        return issue
    return msgspec.structs.replace(issue, where=Where(issue.where.path, (span[0] + start, span[1] + start)))


def check_bytes(name: str, content: bytes, val: Validator, options: Options) -> list[Issue]:
    """Return the Issues of one file; `where.span` is the byte range of the element in the file where it is known."""
    issues: list[Issue] = []
    for start, piece in pieces(name, content):
        issues += [_shift(each, start) for each in _check_piece(piece, val, options)]
    return issues


def _check_piece(content: bytes, val: Validator, options: Options) -> list[Issue]:
    is_xml = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
    read = xml.decode(content, keep=True) if is_xml else codec.decode(content)
    if read.value is None:
        return [
            each if each.severity == "fatal" else msgspec.structs.replace(each, severity="fatal")
            for each in read.issues
        ]
    run = Run(read.value, options)
    kind = str(read.value.get("resourceType") or "Resource")
    val.check_resource(read.value, At(None, kind, "", -1, kind), run, profiles=options.profiles)
    found = [*read.issues, *run.issues]
    return _located(found, run, xml.spans(content) if is_xml else spans(content)) if run.issues else found


def _located(issues: list[Issue], run: Run, known: dict[str, tuple[int, int]]) -> list[Issue]:
    told = []
    for issue in issues:
        at = run.places.get(issue.where.path)
        span = None
        if at is not None and issue.where.span is None:
            keys = [str(key) for key in pointer(at)]
            while span is None:
                place = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
                span = known.get(place)
                if not keys:
                    break
                keys.pop()
        told.append(msgspec.structs.replace(issue, where=Where(issue.where.path, span)) if span else issue)
    return told


def _position(content: bytes, at: int) -> tuple[int, int]:
    """Return (line, column) of a byte, both from 1; the column counts characters."""
    begin = content.rfind(b"\n", 0, at) + 1
    return content.count(b"\n", 0, at) + 1, len(content[begin:at].decode("utf-8", "replace")) + 1


def outcome(issues: list[Issue], content: bytes = b"") -> Json:
    """Return an OperationOutcome; line and column stand in the standard's extensions where they are known."""
    said = operation_outcome(issues)
    for issue, told in zip(issues, said["issue"], strict=False):
        if issue.where.span is not None and content:
            line, column = _position(content, issue.where.span[0])
            told["extension"] = [{"url": _LINE, "valueInteger": line}, {"url": _COLUMN, "valueInteger": column}]
    return said
