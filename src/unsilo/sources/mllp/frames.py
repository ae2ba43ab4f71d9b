"""Cuts MLLP frames out of a stream of bytes, tolerant of what real senders do wrong (MLLP Release 1, section 2)."""

from typing import Literal, NamedTuple

from unsilo.kernel.issue import Issue

__all__ = ["CLEAN", "END", "START", "Frame", "Framer", "wrap"]

START = 0x0B
END = 0x1C
RETURN = 0x0D
_NOISE = b"\r\n\x00 "
_HEADS = (b"MSH", b"FHS", b"BHS")
_KEPT = 65536
"""How much of something too long is kept."""

Kind = Literal["message", "cut", "unframed", "too-long"]


class Frame(NamedTuple):
    """One cut: `message` is whole; the other kinds say what was wrong: they are kept, never acknowledged positively."""

    kind: Kind
    content: bytes
    issues: tuple[Issue, ...]


CLEAN: tuple[Issue, ...] = ()


def wrap(content: bytes) -> bytes:
    """Return `content` as one MLLP frame."""
    return b"\x0b" + content + b"\x1c\r"


def _issue(severity: str, code: str, text: str, rule: str, hint: str = "") -> Issue:
    return Issue(severity, code, text, hint=hint, rule=rule)  # type: ignore[arg-type]


_JUNK = _issue("warning", "structure", "bytes before the start block (0x0B) were left out", "mllp.junk")
_NO_RETURN = _issue("warning", "structure", "the end block (0x1C) was not followed by 0x0D", "mllp.no-return")
_CUT = _issue("error", "incomplete", "the message stops before its end block (0x1C 0x0D)", "mllp.cut", "send it again")
_UNFRAMED = _issue(
    "error", "structure", "no start block (0x0B): this is not an MLLP frame", "mllp.unframed", "frame each message"
)


class Framer:
    """Keeps what has arrived of one connection; memory is bounded by `limit` and one packet."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.broken = False
        self._held = bytearray()
        self._scanned = 0
        self._inside = False
        self._junk = False

    @property
    def held(self) -> int:
        """Bytes that are kept of an unfinished frame."""
        return len(self._held)

    @property
    def open(self) -> bool:
        """True while a frame has begun and not ended, or while bytes wait that belong to none."""
        return bool(self._held) or self._inside

    @property
    def waits_for_return(self) -> bool:
        """True when all but the last byte (0x0D) of a frame is here; see `flush`."""
        return self._inside and self._held[-1:] == b"\x1c"

    def feed(self, data: bytes) -> list[Frame]:
        """Take the bytes of one packet and return the frames that are complete now, in order.

        After a frame of kind `too-long` (or too much that is unframed) `broken` is set: close the connection.
        """
        self._held += data
        frames: list[Frame] = []
        while self._held and not self.broken:
            frame = self._message() if self._inside else self._begin()
            if frame is None:
                if not self._inside or not self._again:
                    break
                continue
            frames.append(frame)
        return frames

    _again = False

    def _begin(self) -> Frame | None:
        """Look for a start block; noise between frames (line ends, NULs, spaces) is nothing to speak of."""
        self._again = False
        held = self._held
        at = held.find(START)
        if at < 0:
            if not held.strip(_NOISE):
                held.clear()
            elif len(held) > min(self.limit, _KEPT):
                self.broken = True
                return self._leave(bytes(held[:_KEPT]), "unframed", _UNFRAMED)
            return None
        self._junk = bool(held[:at].strip(_NOISE))
        del held[: at + 1]
        self._inside, self._scanned, self._again = True, 0, True
        return None

    def _message(self) -> Frame | None:
        """Look for the end block; 0x1C alone ends a frame only when a new frame follows it."""
        self._again = False
        held = self._held
        while True:
            at = held.find(END, self._scanned)
            again = self._restart(at if at >= 0 else len(held))
            if again is not None:
                return again
            size = at if at >= 0 else len(held)
            if size > self.limit:
                self.broken = True
                text = f"the message is longer than {self.limit} bytes; its first {min(size, _KEPT)} are kept"
                hint = "raise limit_bytes of the feed"
                return self._leave(
                    bytes(held[:_KEPT]), "too-long", _issue("error", "too-long", text, "mllp.limit", hint)
                )
            if at < 0:
                self._scanned = max(0, len(held) - 3)
                return None
            if at + 1 == len(held):
                self._scanned = at
                return None
            if held[at + 1] in (RETURN, START):
                return self._cut(at, missing=held[at + 1] == START)
            self._scanned = at + 1

    def _restart(self, before: int) -> Frame | None:
        """A start block that is followed by a header segment inside a frame: the sender began again."""
        held, at = self._held, self._scanned
        while (at := held.find(START, at, before)) >= 0:
            if bytes(held[at + 1 : at + 4]) in _HEADS:
                content = bytes(held[:at])
                del held[: at + 1]
                self._scanned = 0
                return Frame("cut", content, (_CUT,))
            at += 1
        return None

    def _cut(self, at: int, *, missing: bool) -> Frame:
        issues = ((_JUNK,) if self._junk else ()) + ((_NO_RETURN,) if missing else ())
        content = bytes(self._held[:at])
        del self._held[: at + (1 if missing else 2)]
        self._inside, self._scanned, self._junk = False, 0, False
        return Frame("message", content, issues)

    def flush(self) -> Frame | None:
        """End the frame whose 0x0D does not come (call after a pause when `waits_for_return`)."""
        if not self.waits_for_return:
            return None
        return self._cut(len(self._held) - 1, missing=True)

    def close(self) -> Frame | None:
        """The connection is gone: return what was left of an unfinished or unframed piece, to be kept."""
        if self.waits_for_return:
            return self.flush()
        if self.broken or not self._held.strip(_NOISE):
            return None
        kind, issue = ("cut", _CUT) if self._inside else ("unframed", _UNFRAMED)
        return self._leave(bytes(self._held), kind, issue)  # type: ignore[arg-type]

    def _leave(self, content: bytes, kind: Kind, issue: Issue) -> Frame:
        self._held.clear()
        self._inside, self._scanned = False, 0
        return Frame(kind, content, (issue,))
