"""One input's bytes to one FHIR Bundle without a store: the steps of a feed, and what could not be understood."""

import re
from base64 import b64encode

import msgspec

from unsilo.config import FORMATS, Feed
from unsilo.fhir import bundle, codec, merge, syntax
from unsilo.flow.process import State, decode, map_to_fhir
from unsilo.formats import hl7v2
from unsilo.kernel import Envelope, Issue, Json, clock, seal

__all__ = ["Conversion", "convert_bytes", "detect"]

_MEDIA = {"hl7v2": "x-application/hl7-v2+er7", "ccda": "application/hl7-cda+xml"}
_PROLOGUE = 16_384
"""Bytes in which the document element of XML begins."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_ROOT = re.compile(rb"<[A-Za-z_][^<>]*>?")
_FHIR = re.compile(rb"""xmlns(?::[\w.-]+)?\s*=\s*["']http://hl7\.org/fhir["']""")


class Conversion(msgspec.Struct):
    """What one input became; `bundle` is its JSON, None when nothing of it could be understood."""

    source: str
    format: str
    bundle: bytes | None
    resources: int
    issues: list[Issue]
    unconsumed: int
    target: str = ""

    @property
    def fault(self) -> str:
        """Why the input counts as failed: nothing became of it, or not of all its lines; empty when it does not."""
        if self.bundle is None:
            grave = [issue.text for issue in self.issues if issue.severity in ("error", "fatal")]
            return grave[0] if grave else "nothing in it could be understood"
        lines = [issue for issue in self.issues if issue.rule == "convert.line"]
        if not lines:
            return ""
        many = (
            f"{len(lines)} lines give nothing, the first is " if len(lines) > 1 else "nothing could be understood of "
        )
        return many + lines[0].where.path

    @property
    def good(self) -> bool:
        """True when there is a Bundle and no Issue is an error."""
        return self.bundle is not None and not any(issue.severity in ("error", "fatal") for issue in self.issues)


def detect(content: bytes) -> str:
    """Return the format that the first bytes show: `hl7v2`, `ccda`, `fhir`, or an empty string."""
    if content[:2] in _UTF16:
        content = content[:_PROLOGUE].decode("utf-16", "ignore").encode()
    head = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n\x0b")
    if head[:3] in (b"MSH", b"FHS", b"BHS"):
        return "hl7v2"
    if head[:1] == b"<":
        return "fhir" if _is_fhir(content[:_PROLOGUE]) else "ccda"
    return "fhir" if head[:1] == b"{" else ""


def _is_fhir(begin: bytes) -> bool:
    """Tell whether the document element of XML is in FHIR's namespace (FHIR R4 xml.html)."""
    tag = _ROOT.search(_COMMENT.sub(b"", begin))
    return tag is not None and _FHIR.search(tag[0]) is not None


def convert_bytes(source: str, content: bytes, feed: Feed, at: int = 0) -> Conversion:
    """Convert one input; `feed.format` empty lets the content say what it is. Never raises on any content."""
    fmt = feed.format or detect(content)
    if not content.strip():
        issue = Issue("error", "incomplete", "the file is empty", rule="convert.empty")
        return Conversion(source, fmt, None, 0, [issue], 0)
    if fmt not in FORMATS:
        text = f"{fmt!r} is not a format that is built" if fmt else "neither HL7 v2, nor XML, nor JSON"
        return Conversion(source, fmt, None, 0, [Issue("error", "not-supported", text, rule="convert.format")], 0)
    feed = msgspec.structs.replace(feed, format=fmt)
    if len(content) > feed.limit_bytes:
        text = f"longer than {feed.limit_bytes} bytes"
        return Conversion(source, fmt, None, 0, [Issue("error", "too-long", text, rule="convert.limit")], 0)
    issues: list[Issue] = []
    resources: dict[tuple[str, str], Json] = {}
    unconsumed = 0
    for part in _parts(fmt, content, issues):
        envelope = seal(feed.name, fmt, part, at or clock.now())
        unconsumed += _map(envelope, feed, resources, issues)
    if not resources:
        return Conversion(source, fmt, None, 0, issues, unconsumed)
    found = bundle.collection(list(resources.values()))
    return Conversion(source, fmt, codec.encode(found), len(resources), issues, unconsumed)


def _parts(fmt: str, content: bytes, issues: list[Issue]) -> list[bytes]:
    if fmt != "hl7v2":
        return [content]
    split = hl7v2.split_batch(content)
    issues += split.issues
    return [child.content for child in split.value.children] if split.value is not None else []


def _map(envelope: Envelope, feed: Feed, resources: dict[tuple[str, str], Json], issues: list[Issue]) -> int:
    """Add the resources of one message, later versions over earlier ones; return how many fields nothing consumed."""
    decoded = decode(State(envelope, feed))
    issues += decoded.issues
    if decoded.value is None:
        return 0
    state = map_to_fhir(decoded.value)
    issues += state.issues
    mapped = state.value.mapped if state.value is not None else None
    if mapped is None:
        return 0
    if not mapped.entries:
        text = "Nothing in it became a resource; the Bundle holds it as it came."
        issues.append(Issue("warning", "incomplete", text, rule="convert.nothing"))
    for entry in mapped.entries:
        key = (entry.resource["resourceType"], entry.resource["id"])
        old = resources.get(key)
        resources[key] = entry.resource if old is None else merge.merge(old, entry.resource, entry.cleared).resource
    media = _MEDIA.get(envelope.format) or syntax.media_type(envelope.content)
    resources["Binary", envelope.id] = {
        "resourceType": "Binary", "id": envelope.id, "contentType": media,
        "data": b64encode(envelope.content).decode("ascii"),
    }  # fmt: skip
    return len(mapped.unconsumed)
