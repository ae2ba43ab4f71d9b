"""Batch files (FHS, BHS, BTS, FTS) and runs of messages: one file, many children, each with its byte range."""

import re
from typing import NamedTuple

import msgspec

from unsilo.formats.hl7v2.header import peek
from unsilo.formats.hl7v2.parse import find_start
from unsilo.kernel import Issue, Limits, Result, Where
from unsilo.kernel.limits import DEFAULT

__all__ = ["Batch", "Child", "is_batch", "split_batch"]

_START = re.compile(rb"(?:(?<=[\r\n\x0b])|\A)(?:MSH|FHS|BHS|BTS|FTS)(?=[^0-9A-Za-z\r\n]|[\r\n]|\Z)")
_FRAMING = b"\x0b\x1c\x1a\x00"
_WRAPPERS = (b"FHS", b"BHS", b"BTS", b"FTS")


class Child(NamedTuple):
    """One message of a batch: its byte range in the whole, and its bytes."""

    span: tuple[int, int]
    content: bytes


class Batch(msgspec.Struct):
    """A file of messages: its children in order; `wrapped` when FHS or BHS stand around them; the ids they give."""

    children: list[Child]
    wrapped: bool = False
    file_id: str = ""
    batch_ids: list[str] = []


def is_batch(content: bytes) -> bool:
    """Tell cheaply whether content may be more than one message, so that `split_batch` should look at it."""
    start = find_start(content)
    if content[start : start + 3] in _WRAPPERS:
        return True
    return any(content.find(end + b"MSH", start + 1) >= 0 for end in (b"\r", b"\n", b"\x0b"))


def split_batch(content: bytes, *, limits: Limits = DEFAULT) -> Result[Batch]:
    """Cut content into messages (v2.8.2 section 2.10.3). Never raises.

    A single message is one child that is the whole content. A count in BTS-1 or FTS-1 that is not what is there, a
    batch without end, and content without any message are Issues; the children are given all the same.
    """
    starts = [(match.start(), match[0]) for match in _START.finditer(content, find_start(content))]
    messages = sum(1 for _, name in starts if name == b"MSH")
    wrapped = any(name in _WRAPPERS[:2] for _, name in starts)
    if messages > limits.segments:
        text = f"the file has more than {limits.segments} messages"
        return Result(None, [Issue("fatal", "too-costly", text, rule="hl7v2.batch.too-many")])
    if messages <= 1 and not wrapped and not any(name in _WRAPPERS for _, name in starts):
        return Result(Batch([Child((0, len(content)), content)]))
    batch = Batch([], wrapped)
    issues: list[Issue] = []
    if messages == 0:
        text = "the batch holds no message"
        issues.append(Issue("warning", "incomplete", text, Where(starts[0][1].decode()), rule="hl7v2.batch.empty"))
    in_batch = batches = 0
    ended = {b"FHS": True, b"BHS": True}
    bounds = [at for at, _ in starts[1:]] + [len(content)]
    for (begin, name), end in zip(starts, bounds, strict=True):
        piece = content[begin:end]
        if name == b"MSH":
            kept = piece.rstrip(_FRAMING + b"\r\n \t")
            size = len(kept) + (1 if piece[len(kept) : len(kept) + 1] in (b"\r", b"\n") else 0)
            batch.children.append(Child((begin, begin + size), piece[:size]))
            in_batch += 1
        elif name in (b"FHS", b"BHS"):
            ended[name] = False
            identifier = _field(piece, 11)
            if name == b"FHS":
                batch.file_id = identifier
            else:
                batch.batch_ids.append(identifier)
                in_batch = 0
        else:
            ended[b"BHS" if name == b"BTS" else b"FHS"] = True
            have = in_batch if name == b"BTS" else batches
            batches += name == b"BTS"
            issues += _count(piece, name, have, begin)
    issues += [
        Issue(
            "warning", "incomplete", f"{name.decode()} has no end: the file may be cut", Where(name.decode()),
            "compare with the sender's count", "hl7v2.batch.open",
        )
        for name, done in ended.items()
        if not done
    ]  # fmt: skip
    if starts[0][0] > find_start(content):
        where = Where("", (0, starts[0][0]))
        text = "bytes before the first message are no segment of HL7"
        issues.append(Issue("error", "structure", text, where, rule="hl7v2.batch.leading"))
    return Result(batch, issues)


def _field(piece: bytes, number: int) -> str:
    """Return field `number` of FHS or BHS, whose field 1 is the separator itself."""
    header = peek(b"MSH" + piece[3:8192])
    return header.get(number) if header else ""


def _count(piece: bytes, name: bytes, have: int, begin: int) -> list[Issue]:
    line = re.split(rb"[\r\n]", piece[:200], maxsplit=1)[0]
    said = re.match(rb"\s*(\d{1,9})(?!\d)", line[4:])
    if said is None or int(said[1]) == have:
        return []
    what = "messages" if name == b"BTS" else "batches"
    return [
        Issue(
            "warning", "incomplete", f"{name.decode()}-1 says {int(said[1])} {what}, but there are {have}",
            Where(f"{name.decode()}-1", (begin, begin + len(line))), "compare with the sender", "hl7v2.batch.count",
        )
    ]  # fmt: skip
