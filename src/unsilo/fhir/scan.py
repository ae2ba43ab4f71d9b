"""Where things stand in JSON bytes: the span of every value, and the place of the first fault (RFC 8259)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["LONGEST_NUMBER", "Fault", "Token", "first_fault", "huge", "spans", "tokens"]

_TOKEN = re.compile(
    rb'[ \t\r\n]*+(?:(?P<string>"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrtu])*+")'
    rb"|(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)"
    rb"|(?P<word>true|false|null)|(?P<mark>[{}\[\],:]))"
)
_NO_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*+\\u(?![0-9a-fA-F]{4})")
_SURROGATE = re.compile(rb"\\\\|\\u(?:(?P<high>[dD][89abAB][0-9a-fA-F]{2})|(?P<low>[dD][c-fC-F][0-9a-fA-F]{2}))")
_LOW_NEXT = re.compile(rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_ESCAPE = re.compile(rb'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
_PLAIN = {b'"': '"', b"\\": "\\", b"/": "/", b"b": "\b", b"f": "\f", b"n": "\n", b"r": "\r", b"t": "\t"}
LONGEST_NUMBER = 64
LARGEST_EXPONENT = 999


class Token(NamedTuple):
    """One value: its JSON pointer, and its byte range; a string's range leaves out the quotation marks."""

    pointer: str
    start: int
    end: int
    kind: str


class Fault(NamedTuple):
    """What is wrong (`kind` as the codec's rules name it), where, and in which value."""

    kind: str
    pointer: str
    start: int
    end: int


class _Level:
    """One open object or array while scanning."""

    __slots__ = ("count", "keys", "opened", "pointer", "state")

    def __init__(self, pointer: str, is_object: bool, opened: int) -> None:
        self.pointer = pointer
        self.keys: set[str] | None = set() if is_object else None
        self.count = 0
        self.opened = opened
        self.state = "first"


def _unquote(raw: bytes) -> str:
    """Return the text of a string token without its marks; broken UTF-8 and lone surrogates stay visible."""
    if b"\\" not in raw:
        return raw.decode("utf-8", "replace")
    parts: list[str] = []
    last = 0
    for hit in _ESCAPE.finditer(raw):
        parts.append(raw[last : hit.start()].decode("utf-8", "replace"))
        parts.append(_PLAIN[hit[1]] if hit[1] else chr(int(hit[2], 16)))
        last = hit.end()
    parts.append(raw[last:].decode("utf-8", "replace"))
    return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _wrong_escape(content: bytes, start: int, end: int) -> bool:
    """Tell whether a string has `\\u` without the four digits that belong to it."""
    return content.find(b"\\u", start, end) >= 0 and _NO_ESCAPE.search(content, start, end) is not None


def _lone_surrogate(content: bytes, start: int, end: int) -> int | None:
    """Return where an escaped surrogate without its partner stands, or None."""
    position = start
    while hit := _SURROGATE.search(content, position, end):
        if hit["low"]:
            return hit.start()
        if hit["high"] and not _LOW_NEXT.match(content, hit.end(), end):
            return hit.start()
        position = hit.end() + (6 if hit["high"] else 0)
    return None


def huge(number: bytes) -> bool:
    """Tell whether a number's text is beyond what any decimal of FHIR needs (64 characters, exponent 999)."""
    mantissa, _, exponent = number.lower().partition(b"e")
    return len(mantissa) > LONGEST_NUMBER or (bool(exponent) and abs(int(exponent[:9])) > LARGEST_EXPONENT)


def _push(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def tokens(content: bytes, depth: int = 1_000_000) -> Iterator[Token | Fault]:
    """Yield every value in order of its end, then at most one `Fault`, after which nothing follows.

    The walk keeps its own stack, so nesting costs memory only; `depth` bounds it.
    """
    stack: list[_Level] = []
    position = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    pointer = ""
    done = False
    while True:
        hit = _TOKEN.match(content, position)
        if hit is None or (hit.lastgroup == "string" and _wrong_escape(content, *hit.span("string"))):
            rest = content[position : position + 4096].lstrip(b" \t\r\n")
            if done and not content[position:].strip(b" \t\r\n"):
                return
            start = position if not rest else content.index(rest[:1], position)
            yield Fault("trailing" if done else "malformed" if rest else "truncated", pointer, start, start + 1)
            return
        kind = str(hit.lastgroup)
        start, end = hit.span(kind)
        position = end
        if done:
            yield Fault("trailing", "", start, len(content))
            return
        level = stack[-1] if stack else None
        mark = hit[kind] if kind == "mark" else b""
        if mark in (b"}", b"]"):
            fits = level is not None and (level.keys is not None) == (mark == b"}")
            if level is None or not fits or level.state not in ("first", "after"):
                yield Fault("malformed", pointer, start, end)
                return
            stack.pop()
            yield Token(level.pointer, level.opened, end, "object" if mark == b"}" else "array")
        elif mark == b",":
            if level is None or level.state != "after":
                yield Fault("malformed", pointer, start, end)
                return
            level.state = "next"
            continue
        elif mark == b":":
            if level is None or level.state != "colon":
                yield Fault("malformed", pointer, start, end)
                return
            level.state = "value"
            continue
        else:
            if level is not None and level.keys is not None and level.state in ("first", "next"):
                if kind != "string":
                    yield Fault("malformed", level.pointer, start, end)
                    return
                key = _unquote(content[start + 1 : end - 1])
                pointer = level.pointer + _push(key)
                if key in level.keys:
                    yield Fault("duplicate", pointer, start, end)
                    return
                if (lone := _lone_surrogate(content, start, end)) is not None:
                    yield Fault("surrogate", level.pointer, lone, lone + 6)
                    return
                level.keys.add(key)
                level.state = "colon"
                continue
            if level is not None and level.keys is None:
                if level.state == "after":
                    yield Fault("malformed", level.pointer, start, end)
                    return
                pointer = f"{level.pointer}/{level.count}"
                level.count += 1
            elif level is not None and level.state != "value":
                yield Fault("malformed", level.pointer, start, end)
                return
            if mark:
                if len(stack) >= depth:
                    yield Fault("depth", pointer, start, end)
                    return
                stack.append(_Level(pointer, mark == b"{", start))
                continue
            if kind == "number" and huge(hit[kind]):
                yield Fault("number", pointer, start, end)
                return
            if kind == "string":
                if (lone := _lone_surrogate(content, start, end)) is not None:
                    yield Fault("surrogate", pointer, lone, lone + 6)
                    return
                yield Token(pointer, start + 1, end - 1, kind)
            else:
                yield Token(pointer, start, end, kind)
        if stack:
            stack[-1].state = "after"
            pointer = stack[-1].pointer
        else:
            done = True


def first_fault(content: bytes, depth: int) -> Fault | None:
    """Return the first thing that RFC 8259, or one of our bounds, refuses; None for acceptable JSON."""
    return next((t for t in tokens(content, depth) if isinstance(t, Fault)), None)


def spans(content: bytes) -> dict[str, tuple[int, int]]:
    """Return JSON pointer -> byte range for every value up to the first fault; a string's range has no marks."""
    return {t.pointer: (t.start, t.end) for t in tokens(content) if isinstance(t, Token)}
