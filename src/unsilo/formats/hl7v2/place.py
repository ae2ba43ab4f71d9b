"""Places in a message: byte ranges, paths as people write them, and a walk over every value."""

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterator

from unsilo.formats.hl7v2.charset import exact, single_byte, stateful
from unsilo.formats.hl7v2.delimiters import unescape
from unsilo.formats.hl7v2.lines import cut_lines
from unsilo.formats.hl7v2.message import HEADERS, Message, Segment

__all__ = ["Place", "covers", "path", "placed", "segment_spans", "serialise", "span", "valued"]

Place = tuple[int, int, int, int, int]
"""(segment, field, repetition, component, subcomponent): segment and repetition from 0, others from 1, 0 = whole."""

_LONG = 65_536
_LINE = re.compile(r"[^\r\n]+")
_BYTE_LINE = re.compile(rb"[^\r\n]+")


def segment_spans(message: Message) -> list[tuple[int, int]]:
    """Return begin and end of each segment as bytes of `message.raw`, without terminators."""
    spans = message.spans
    if spans is None:
        raw = message.raw
        begin = raw.index(b"MSH")
        body = raw[begin:] if begin else raw
        # Names, separators and line ends are single ASCII bytes, so the bytes can be cut; ISO 2022 has escapes between.
        if stateful(message.charset):
            cut = _lines(message, body)
        else:
            cut = cut_lines(body.decode("latin-1"), message.field_sep)
        spans = [(low + begin, high + begin) for low, high in cut]
        message.spans = spans
    return spans


def _lines(message: Message, body: bytes) -> list[tuple[int, int]]:
    """Cut the text, and find each segment's first and last line among the lines of the bytes: they are as many."""
    text = body.decode(message.charset)
    lines = [match.span() for match in _LINE.finditer(text)]
    places = [match.span() for match in _BYTE_LINE.finditer(body)]
    starts = [low for low, _ in lines]
    found = []
    for low, high in cut_lines(text, message.field_sep):
        first, last = bisect_right(starts, low) - 1, bisect_right(starts, high - 1) - 1
        # What is left out at either end (blanks, framing bytes) is as long in bytes as in characters.
        found.append((places[first][0] + low - lines[first][0], places[last][1] - (lines[last][1] - high)))
    return found


def span(message: Message, locator: Place) -> tuple[int, int] | None:
    """Return the byte range in `message.raw` of a place, None when the message has no such place.

    Field 0 is the whole segment, component 0 the whole repetition, subcomponent 0 the whole component, repetition -1
    the field with all its repetitions. A place that is there and empty gives an empty range. The range holds the
    escaped value in the message's character set; for ISO 2022 it begins with the escape sequence that it needs.
    """
    index, field, rep, comp, sub = locator
    if not 0 <= index < len(message.segments):
        return None
    segment = message.segments[index]
    begin, end = segment_spans(message)[index]
    if field == 0:
        return begin, end
    chars = _characters(segment, field, rep, comp, sub)
    if chars is None:
        return None
    low, high = _to_bytes(message.raw[begin:end], segment.raw, message.charset, chars)
    return begin + low, begin + high


def _characters(segment: Segment, field: int, rep: int, comp: int, sub: int) -> tuple[int, int] | None:
    marks = segment.delimiters
    fields = segment.fields
    if not 0 < field < len(fields) or comp < 0 or sub < 0 or rep < -1:
        return None
    header = segment.name in HEADERS
    if header and field < 3:
        if rep > 0 or comp > 1 or sub > 1:
            return None
        return (3, 4) if field == 1 else (4, 4 + len(fields[2]))
    low = sum(map(len, fields[:field])) + field - (2 if header else 0)
    text = fields[field]
    if rep < 0:
        return low, low + len(text)
    for mark, index in (
        (marks.repetition_sep, rep),
        (marks.component_sep, comp - 1),
        (marks.subcomponent_sep, sub - 1),
    ):
        if index < 0 and not (mark == marks.component_sep and sub):
            break
        parts = text.split(mark, max(index, 0) + 1)
        if max(index, 0) >= len(parts):
            return None
        low += sum(len(part) + 1 for part in parts[: max(index, 0)])
        text = parts[max(index, 0)]
    return low, low + len(text)


def _to_bytes(raw: bytes, text: str, codec: str, chars: tuple[int, int]) -> tuple[int, int]:
    low, high = chars
    if single_byte(codec) or len(raw) == len(text):
        return low, high
    if codec == "utf_8":
        first = len(text[:low].encode())
        return first, first + len(text[low:high].encode())
    positions = _positions(raw, codec, high)
    return positions[low], positions[high]


def _positions(raw: bytes, codec: str, most: int) -> list[int]:
    """Return, for each count of characters up to `most`, how many bytes give them."""
    decoder = codecs.getincrementaldecoder(codec)()
    positions = [0]
    for at, byte in enumerate(raw, 1):
        positions.extend([at] * len(decoder.decode(bytes((byte,)))))
        if len(positions) > most:
            break
    return positions


def _index(segment: Segment) -> int:
    return segment.index


def path(message: Message, locator: Place) -> str:
    """Return a place as people write it: `PID-3[2].4.1`, `OBX[3]-5`.

    The ordinal of the segment (from 1) stands when its name occurs more than once, that of the repetition when the
    field repeats, component and subcomponent when there is more than one.
    """
    index, field, rep, comp, sub = locator
    if not 0 <= index < len(message.segments):
        return ""
    segment = message.segments[index]
    same = message.all(segment.name)
    out = segment.name
    if len(same) > 1:
        out += f"[{bisect_right(same, index, key=_index)}]"
    if field == 0:
        return out
    out += f"-{field}"
    text = segment.field(field)
    marks = segment.delimiters
    if field < 3 and segment.name in HEADERS:
        return out
    parts = text.split(marks.repetition_sep)
    if rep >= 0 and (len(parts) > 1 or rep > 0):
        out += f"[{rep + 1}]"
    if comp == 0 and sub == 0:
        return out
    components = (parts[rep] if 0 <= rep < len(parts) else "").split(marks.component_sep)
    comp = comp or 1
    component = components[comp - 1] if comp <= len(components) else ""
    alone = marks.subcomponent_sep not in component and sub < 2
    if len(components) > 1 or comp > 1 or not alone:
        out += f".{comp}"
    return out if alone or sub == 0 else f"{out}.{sub}"


def valued(message: Message) -> Iterator[tuple[Place, str]]:
    """Yield every non-empty subcomponent, unescaped, with its place at full depth (component and subcomponent from 1).

    MSH-1, MSH-2 and the segment names are syntax and left out; `""` (delete) is a value.
    """
    marks = message.delimiters
    for segment in message.segments:
        for place, value, _ in _leaves(segment):
            yield place, unescape(value, marks)


def placed(message: Message) -> Iterator[tuple[Place, str, tuple[int, int]]]:
    """Yield what `valued` does, with the byte range of each value, in one pass over the message."""
    marks, codec = message.delimiters, message.charset
    for segment, (begin, end) in zip(message.segments, segment_spans(message), strict=True):
        text = segment.raw
        plain = single_byte(codec) or end - begin == len(text)
        positions = [] if plain or codec == "utf_8" else _positions(message.raw[begin:end], codec, len(text))
        at_char = at_byte = 0
        for place, value, low in _leaves(segment):
            if plain:
                span = (begin + low, begin + low + len(value))
            elif positions:
                span = (begin + positions[low], begin + positions[low + len(value)])
            else:
                at_byte += len(text[at_char:low].encode())
                at_char = low
                span = (begin + at_byte, begin + at_byte + len(value.encode()))
            yield place, unescape(value, marks), span


def _leaves(segment: Segment) -> Iterator[tuple[Place, str, int]]:
    """Yield every non-empty subcomponent as it stands, and where it begins in the segment's text."""
    marks = segment.delimiters
    index = segment.index
    header = segment.name in HEADERS
    low = -1
    for number, field in enumerate(segment.fields):
        if header and number == 1:
            continue
        low += 1
        if field and number > (2 if header else 0):
            at = low
            for rep, repetition in _parts(field, marks.repetition_sep):
                for comp, component in _parts(repetition, marks.component_sep):
                    for sub, value in _parts(component, marks.subcomponent_sep):
                        if value:
                            yield (index, number, rep, comp + 1, sub + 1), value, at
                        at += len(value) + 1
        low += len(field)


def _parts(text: str, mark: str) -> Iterator[tuple[int, str]]:
    """Yield the parts of `text` with their numbers, without a list of millions for a hostile one."""
    if len(text) < _LONG:
        yield from enumerate(text.split(mark) if mark in text else (text,))
        return
    index = low = 0
    while (high := text.find(mark, low)) >= 0:
        yield index, text[low:high]
        index, low = index + 1, high + 1
    yield index, text[low:]


def covers(cited: Place, leaf: Place) -> bool:
    """Tell whether a cited place is, or holds, a leaf that `valued` gave (citing PID-5 covers PID-5.1)."""
    return all(
        c == leaf_at or (c == 0 and depth > 2) or (c == -1 and depth == 2) or (c == 0 and depth == 1)
        for depth, (c, leaf_at) in enumerate(zip(cited, leaf, strict=True))
    )


def serialise(message: Message) -> bytes:
    """Return the message as bytes: each segment of the tree encoded, with what stands between them as received."""
    if not exact(message.charset):
        return message.raw
    pieces = []
    at = 0
    for segment, (begin, end) in zip(message.segments, segment_spans(message), strict=True):
        pieces.append(message.raw[at:begin])
        pieces.append(segment.raw.encode(message.charset))
        at = end
    pieces.append(message.raw[at:])
    return b"".join(pieces)
