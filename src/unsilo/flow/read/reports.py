"""Reports and documents made readable: text, formatted text and RTF as words, everything else as a safe download."""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from unsilo.flow.read.describe import particulars, title, value_text
from unsilo.flow.read.fact import Fact, Mark, happened, mark_of
from unsilo.flow.read.flags import Flag, Range, flag_of, range_of
from unsilo.flow.read.narrative import Passage, passages
from unsilo.flow.read.results import is_text
from unsilo.flow.read.rtf import is_rtf, rtf_text
from unsilo.flow.read.words import When
from unsilo.kernel import Json

__all__ = ["Piece", "Report", "Row", "attachment_list", "attachments", "decode_attachment", "prose", "report"]

SAFE_INLINE = frozenset({"application/pdf", "image/png", "image/jpeg", "image/gif"})
"""Kinds a browser shows without running anything of the page's; all others are only downloaded."""
_MIME = {"pdf": "application/pdf", "rtf": "text/rtf", "txt": "text/plain", "text": "text/plain"}


class Row(msgspec.Struct):
    """One result line of a report."""

    fact: Fact
    title: str
    value: str
    flag: Flag | None
    range: Range
    mark: Mark | None
    prose: str


class Piece(msgspec.Struct):
    """One attachment: readable `text`, or its `mime` kind and `size` in bytes to open by link; `issue` when broken.

    `ref` and `number` say where it is: the resource that carries it, and its place among that one's attachments.
    `binary` is the id of the Binary that it refers to instead of carrying it.
    """

    ref: str
    number: int
    title: str
    mime: str
    size: int
    text: str
    inline: bool
    issue: str
    binary: str = ""


class Report(msgspec.Struct):
    """One report to read: head, results in the sender's order, words, attachments, sections of a document."""

    fact: Fact
    title: str
    when: When
    mark: Mark | None
    particulars: list[tuple[str, str]]
    rows: list[Row]
    prose: list[str]
    pieces: list[Piece]
    passages: list[Passage]


def attachment_list(resource: Json) -> list[Json]:
    """Return the Attachments of a resource in a fixed order, so that a number names one (R4 Attachment)."""
    found: list[Any] = list(resource.get("presentedForm") or ())
    found += [c.get("attachment") for c in resource.get("content") or () if isinstance(c, dict)]
    found += [m.get("link") for m in resource.get("media") or () if isinstance(m, dict)]
    # R4 has no Observation.valueAttachment; the R5 element comes as an extension (extension-Observation.value).
    found += [e.get("valueAttachment") for e in resource.get("extension") or () if isinstance(e, dict)]
    return [a for a in found if isinstance(a, dict)]


def decode_attachment(attachment: Json) -> tuple[bytes, str] | None:
    """Return the bytes and the plain media type of an Attachment that carries its data; None without or broken."""
    data = attachment.get("data")
    if not isinstance(data, str):
        return None
    try:
        content = b64decode(data, validate=False)
    except (binascii.Error, ValueError):
        return None
    stated = str(attachment.get("contentType") or "").split(";")[0].strip().lower()
    mime = _MIME.get(stated, stated)
    if content[:5] == b"%PDF-":
        mime = "application/pdf"
    elif content[:5] == b"{\\rtf":
        mime = "text/rtf"
    elif mime == "application/pdf":
        mime = "application/octet-stream"
    return content, mime or "application/octet-stream"


def attachments(resource: Json) -> list[Piece]:
    """Return all attachments, text decoded to words; nothing of them is ever shown as HTML."""
    pieces = []
    ref = f"{resource.get('resourceType')}/{resource.get('id')}"
    for place, attachment in enumerate(attachment_list(resource)):
        name = str(attachment.get("title") or "Attachment")
        found = decode_attachment(attachment)
        if found is None:
            stated = "The data of this attachment cannot be decoded." if attachment.get("data") else ""
            where = str(attachment.get("url") or "")
            issue = stated or (f"Only a reference was sent: {where}" if where else "Only a description was sent.")
            binary = where.removeprefix("Binary/") if where.startswith("Binary/") else ""
            mime = str(attachment.get("contentType") or "")
            pieces.append(Piece(ref, place, name, mime, 0, "", False, issue, binary))
            continue
        content, mime = found
        text = ""
        if mime in ("text/rtf", "application/rtf"):
            text = rtf_text(content.decode("latin-1"))
        elif mime.startswith("text/") and mime != "text/html":
            text = prose(_text_of(content))
        pieces.append(Piece(ref, place, name, mime, len(content), text, mime in SAFE_INLINE, ""))
    return pieces


def _text_of(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def prose(text: str) -> str:
    """Return text for reading: RTF reduced to words, one kind of line end, no control characters."""
    if is_rtf(text):
        text = rtf_text(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in text if c in "\n\t" or (c >= " " and c != "\x7f")).strip("\n")


def report(fact: Fact, others: Mapping[str, Fact]) -> Report:
    """Lay out a DiagnosticReport, DocumentReference or text Observation; `others` finds its results by reference."""
    resource = fact.resource
    rows: list[Row] = []
    words: list[str] = []
    pieces = attachments(resource)
    for reference in resource.get("result") or ():
        found = others.get(str(reference.get("reference")))
        if found is not None:
            held = attachments(found.resource)
            pieces += held
            if not held or value_text(found.resource):
                rows.append(_row(found))
    if isinstance(resource.get("valueString"), str):
        words.append(prose(resource["valueString"]))
    if resource.get("conclusion"):
        words.append(prose(str(resource["conclusion"])))
    sections: list[Passage] = []
    for each in (fact, *_twins(fact, others.values())):
        sections = sections or passages(each.resource)
        if each is not fact:
            pieces += attachments(each.resource)
    about = [pair for pair in particulars(resource) if pair[0] != "Conclusion"]
    return Report(fact, title(resource), happened(resource), mark_of(fact), about, rows, words, pieces, sections)


def _row(fact: Fact) -> Row:
    stated = range_of(fact.resource)
    text = is_text(fact.resource)
    return Row(
        fact,
        title(fact.resource),
        "" if text else value_text(fact.resource),
        flag_of(fact.resource, stated),
        stated,
        mark_of(fact),
        prose(str(fact.resource.get("valueString") or "")) if text else "",
    )


def lone_texts(facts: Iterable[Fact]) -> list[Fact]:
    """Return the text Observations that no report holds, so that none is unreadable."""
    facts = list(facts)
    held = {
        str(reference.get("reference"))
        for f in facts
        if f.type == "DiagnosticReport"
        for reference in f.resource.get("result") or ()
    }
    return [
        f
        for f in facts
        if f.type == "Observation" and not f.memo.get("measured") and is_text(f.resource) and f.ref not in held
    ]


def without_twins(facts: list[Fact]) -> list[Fact]:
    """Leave out one of a Composition and a DocumentReference that are the same document.

    They are the same by identifier, or by name and moment. The one that has the document's date stays.
    """
    documents = {(title(f.resource), f.when) for f in facts if f.type == "DocumentReference"}
    named = {key: f for f in facts if f.type == "DocumentReference" and (key := _name_of(f, "masterIdentifier"))}
    gone: set[str] = set()
    for fact in facts:
        if fact.type != "Composition":
            continue
        name = _name_of(fact, "identifier")
        twin = named.get(name) if name is not None else None
        if twin is not None:
            gone.add(fact.ref if "date" in twin.resource else twin.ref)
        elif (title(fact.resource), fact.when) in documents:
            gone.add(fact.ref)
    return [f for f in facts if f.ref not in gone]


def _twins(fact: Fact, others: Iterable[Fact]) -> list[Fact]:
    """Return the DocumentReference of a Composition's document, or the other way round: one says where it is, one what.

    As in `without_twins`, they are the same by identifier, or by name and moment.
    """
    kinds = {"Composition": "DocumentReference", "DocumentReference": "Composition"}
    wanted = kinds.get(fact.type, "")
    elements = {"Composition": "identifier", "DocumentReference": "masterIdentifier"}
    found = []
    for other in others:
        if other.type != wanted or other.source != fact.source:
            continue
        mine, its = _name_of(fact, elements[fact.type]), _name_of(other, elements[wanted])
        same = mine == its if mine and its else (title(fact.resource), fact.when) == (title(other.resource), other.when)
        if same:
            found.append(other)
    return found


def _name_of(fact: Fact, element: str) -> tuple[str, str, str] | None:
    """The source, system and value of a document's identifier; None without a value."""
    found = fact.resource.get(element)
    if not isinstance(found, dict) or not found.get("value"):
        return None
    return fact.source, str(found.get("system") or ""), str(found["value"])
