"""Mutations of bytes that keep enough of the format to get past its first check."""

import re
from random import Random

__all__ = ["MOST", "mutate"]

MOST = 20_000
"""Mutated inputs stay this small: large ones have tests of their own."""


def mutate(data: bytes, pool: list[bytes], words: list[bytes], draw: Random) -> bytes:
    """Return `data` after one to six random changes; `pool` gives pieces to splice in, `words` the format's own."""
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        data = _STEPS[draw.randrange(len(_STEPS))](data, pool, words, draw)
    return data[:MOST]


def _cut(data: bytes, _: list[bytes], __: list[bytes], draw: Random) -> bytes:
    return data[: draw.randint(0, len(data))] if draw.random() < 0.7 else data[draw.randint(0, len(data)) :]


def _drop(data: bytes, _: list[bytes], __: list[bytes], draw: Random) -> bytes:
    at = draw.randint(0, len(data))
    return data[:at] + data[at + draw.choice((1, 1, 2, 5, 20)) :]


def _word(data: bytes, _: list[bytes], words: list[bytes], draw: Random) -> bytes:
    at = draw.randint(0, len(data))
    return data[:at] + draw.choice(words) + data[at + draw.choice((0, 0, 1, 4)) :]


def _byte(data: bytes, _: list[bytes], __: list[bytes], draw: Random) -> bytes:
    at = draw.randint(0, len(data))
    return data[:at] + bytes((draw.randrange(256),)) + data[at + 1 :]


def _repeat(data: bytes, _: list[bytes], __: list[bytes], draw: Random) -> bytes:
    low = draw.randint(0, len(data))
    piece = data[low : low + draw.choice((1, 3, 10, 40))]
    return data[:low] + piece * draw.choice((2, 3, 30)) + data[low:]


def _splice(data: bytes, pool: list[bytes], _: list[bytes], draw: Random) -> bytes:
    other = draw.choice(pool)
    low = draw.randint(0, len(other))
    at = draw.randint(0, len(data))
    return data[:at] + other[low : low + draw.choice((5, 30, 200))] + data[at:]


def _swap(data: bytes, _: list[bytes], words: list[bytes], draw: Random) -> bytes:
    return data.replace(draw.choice(words), draw.choice(words), draw.choice((1, -1)))


def _graft(data: bytes, pool: list[bytes], _: list[bytes], draw: Random) -> bytes:
    """Drop, double or replace one balanced piece (an XML element, a JSON object or list): it stays well formed."""
    own = _pieces(data)
    if not own:
        return data
    low, high = draw.choice(own)
    other = draw.choice(pool)
    theirs = _pieces(other)
    choice = draw.randrange(3)
    if choice == 0 or not theirs:
        return data[:low] + data[high:]
    if choice == 1:
        comma = b"," if data[low : low + 1] in (b"{", b"[") else b""
        return data[:high] + comma + data[low:]
    begin, end = draw.choice(theirs)
    return data[:low] + other[begin:end] + data[high:]


def _pieces(data: bytes) -> list[tuple[int, int]]:
    """Return begin and end of what looks balanced; wrong guesses only make worse inputs."""
    found: list[tuple[int, int]] = []
    stack: list[int] = []
    for match in _NESTED.finditer(data[:5000]):
        token = match[0]
        if token.startswith(b'"'):
            continue
        if token.endswith(b"/>"):
            found.append(match.span())
        elif token in (b"}", b"]") or token.startswith(b"</"):
            if stack:
                found.append((stack.pop(), match.end()))
        else:
            stack.append(match.start())
    return found


_NESTED = re.compile(rb'"[^"]{0,80}"(?=[:,}\]])|[{}\[\]]|</?[A-Za-z][^<>]*>')
_STEPS = (_cut, _drop, _word, _word, _byte, _repeat, _splice, _swap, _graft, _graft)
