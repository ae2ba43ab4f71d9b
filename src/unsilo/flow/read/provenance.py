"""Where one fact came from: the sentence, the steps, and the original bytes with the exact places marked."""

from collections.abc import Callable, Iterable
from datetime import UTC, tzinfo
from itertools import pairwise

import msgspec

from unsilo.fhir.leaves import leaves
from unsilo.flow.read.words import When, say_when
from unsilo.kernel import Json, Lineage, Locator, Row

__all__ = [
    "SENT",
    "Excerpt",
    "Leaf",
    "Origin",
    "Run",
    "as_sent",
    "chief_paths",
    "excerpt",
    "hex_lines",
    "leaves_of",
    "sentence",
]

SENT = "as sent"
"""The rule of an element that stands as its sender wrote it."""

_TRANSPORT = {"mllp": "MLLP", "folder": "a watched folder", "http": "HTTP", "bench": "the test bench"}


class Leaf(msgspec.Struct):
    """One element of the resource: where it was read, by which rule, and its byte range when it has one."""

    path: str
    value: str
    rule: str
    place: str
    span: tuple[int, int] | None
    origin: int
    """Which origin (message) it was read from, counted from 0."""


class Origin(msgspec.Struct):
    """One message that gave elements to this version; `content` is None when retention removed the bytes."""

    envelope: str
    feed: str
    format: str
    received: int
    sha256: str
    content: bytes | None
    headers: dict[str, str]
    type: str
    control_id: str
    digest: str
    removed: int = 0


class Run(msgspec.Struct):
    """A piece of the original; `marks` numbers the elements read from it, empty for plain text between."""

    text: str
    marks: list[int]


class Excerpt(msgspec.Struct):
    """The original as lines of runs; `before` and `after` say how many bytes were left out on each side."""

    lines: list[list[Run]]
    before: int
    after: int


def leaves_of(
    lineage: Iterable[Lineage],
    values: Callable[[str], str],
    place: Callable[[int, Locator], tuple[str, tuple[int, int] | None]],
) -> list[Leaf]:
    """Return one Leaf a lineage row. `values` says the element's value by path, `place` resolves a locator.

    A locator that no longer resolves keeps its row, with no span: it is shown as it is, never guessed.
    """
    found = []
    for number, part in enumerate(lineage):
        for row in part.rows:
            path, rule, source = Row(*row)
            where, span = place(number, source) if source is not None else ("", None)
            found.append(Leaf(path, values(path), rule, where, span, number))
    return found


def as_sent(resource: Json) -> list[Leaf]:
    """Return the elements of a resource that came as FHIR and is stored as it was sent: there is no other original."""
    return [Leaf(path, _plain(value), SENT, "", None, -1) for path, value in leaves(resource)]


def _plain(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def sentence(title: str, origin: Origin, source: str, zone: tzinfo = UTC) -> str:
    """Say in one sentence where the fact came from."""
    kind = f"{origin.type} message" if origin.type else {"ccda": "document", "fhir": "FHIR content"}.get(
        origin.format, "message")  # fmt: skip
    number = f" {origin.control_id}" if origin.control_id else ""
    how = _TRANSPORT.get(origin.headers.get("transport", ""), origin.headers.get("transport", ""))
    port = origin.headers.get("port", "")
    way = f" by {how}" + (f" port {port}" if port else "") if how else ""
    moment = say_when(When(origin.received, "minute"), zone)
    return f"{title} came from {kind}{number}, {source}, received {moment}{way}."


def excerpt(content: bytes, codec: str, spans: list[tuple[int, int]], *, window: int = 6000) -> Excerpt:
    """Cut the original into runs with the spans marked; a long one keeps `window` bytes around the span named first.

    Bytes that are not text of `codec` show as U+FFFD; the download gives them exactly. CR, LF and CRLF end a line.
    """
    first = spans[0][0] if spans else 0
    start = max(0, first - window // 2) if len(content) > window else 0
    end = min(len(content), max(start + window, max((e for _, e in spans if e - first < window), default=0)))
    cuts = sorted({start, end, *(p for span in spans for p in span if start < p < end)})
    begins: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for number, (a, b) in enumerate(spans):
        if a < b and a < end and b > start:
            begins.setdefault(max(a, start), []).append(number)
            ends.setdefault(b, []).append(number)
    lines: list[list[Run]] = [[]]
    open_: set[int] = set()
    for low, high in pairwise(cuts):
        open_.update(begins.get(low, ()))
        open_.difference_update(ends.get(low, ()))
        marks = sorted(open_)
        text = content[low:high].decode(codec, "replace").replace("\r\n", "\n").replace("\r", "\n")
        for place, piece in enumerate(text.split("\n")):
            if place:
                lines.append([])
            if piece:
                lines[-1].append(Run(_visible(piece), marks))
    return Excerpt([line for line in lines if line], start, len(content) - end)


def _visible(text: str) -> str:
    """Show control characters as their pictures (U+2400 block), so that nothing in the original is unseen."""
    return "".join(chr(0x2400 + ord(c)) if c < " " and c != "\t" else "\u2421" if c == "\x7f" else c for c in text)


def hex_lines(content: bytes, span: tuple[int, int], *, rows: int = 16) -> list[tuple[str, str, str]]:
    """Return (offset, hexadecimal, text) rows of 16 bytes around a span, at most `rows` of them."""
    start = max(0, span[0] // 16 * 16 - 16)
    found = []
    for at in range(start, min(len(content), span[1] + 16, start + rows * 16), 16):
        chunk = content[at : at + 16]
        text = "".join(chr(b) if 32 <= b < 127 else "·" for b in chunk)
        found.append((f"{at:08x}", chunk.hex(" "), text))
    return found


_CHIEF: dict[str, tuple[str, ...]] = {
    "Observation": ("value", "component", "dataAbsentReason"),
    "AllergyIntolerance": ("code", "reaction", "criticality"),
    "Patient": ("name", "birthDate", "identifier"),
    "Immunization": ("vaccineCode", "occurrence"),
    "Encounter": ("type", "class", "period"),
    "DiagnosticReport": ("code", "conclusion", "presentedForm"),
    "DocumentReference": ("type", "content"),
    "Appointment": ("start", "appointmentType"),
}


def chief_paths(resource: Json) -> tuple[str, ...]:
    """Return the beginnings of the element paths that hold the fact itself, as against its surroundings."""
    return _CHIEF.get(str(resource.get("resourceType")), ("code", "medication", "dosage"))
