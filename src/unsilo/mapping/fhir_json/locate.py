"""From a JSON pointer to the bytes of the original, JSON or XML, and NDJSON cut into its lines."""

from __future__ import annotations

from functools import lru_cache

from unsilo.fhir.syntax import spans

__all__ = ["lines", "span"]


@lru_cache(maxsize=4)
def _all(content: bytes) -> dict[str, tuple[int, int]]:
    return spans(content)


def span(document: bytes, pointer: str) -> tuple[int, int] | None:
    """Return the bytes of the value at a JSON pointer (RFC 6901), a string's without its quotation marks.

    In XML they are the start tag of the element, which has the value.
    """
    return _all(document).get(pointer)


def lines(content: bytes) -> list[tuple[int, bytes]]:
    """Return (offset, bytes) of each line of NDJSON that is not blank; each is one resource or Bundle."""
    found: list[tuple[int, bytes]] = []
    start = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        line = content[start:end]
        if line.strip():
            found.append((start, line))
        start = end + 1
    return found
