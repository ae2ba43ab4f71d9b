"""From a locator to the bytes of the original: its own small scanner over well-formed XML."""

import re
from typing import Final

from unsilo.formats.ccda.document import Document
from unsilo.formats.ccda.names import SDTC, V3, XSI, label

__all__ = ["span"]

_MARKUP = re.compile(
    rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"
    rb"|</(?P<close>[^\s>]++)\s*>"
    rb"""|<(?P<open>[^\s/>!?]++)(?P<attributes>(?:[^"'>]++|"[^"]*+"|'[^']*+')*+)>""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(rb"""([^\s=/]+)\s*=\s*(?:"([^"]*+)"|'([^']*+)')""")
_START: Final = {"": V3, "xsi": XSI, "sdtc": SDTC, "cda": V3, "xml": "http://www.w3.org/XML/1998/namespace"}


def _scan(body: bytes, framed: bool) -> dict[str, tuple[int, int, int, int]]:
    """Return locator -> (start of start tag, its end, start of end tag, its end) of every element."""
    found: dict[str, tuple[int, int, int, int]] = {}
    scope = dict(_START) if framed else {"": ""}
    open_elements: list[tuple[str, int, int, dict[str, int], dict[str, str]]] = []
    names: list[bytes] = []
    top: dict[str, int] = {}
    for hit in _MARKUP.finditer(body):
        if hit["open"] is not None:
            outer = scope
            if b"xmlns" in hit["attributes"]:
                scope = {**scope, **_namespaces(hit["attributes"])}
            prefix, _, local = hit["open"].decode("utf-8", "replace").rpartition(":")
            namespace = scope.get(prefix, f"urn:undeclared:{prefix}" if prefix else "")
            name = label(f"{{{namespace}}}{local}" if namespace else local)
            counts = open_elements[-1][3] if open_elements else top
            number = counts[name] = counts.get(name, 0) + 1
            parent = open_elements[-1][0] if open_elements else ""
            path = f"{parent}/{name}[{number}]" if open_elements or number > 1 else f"/{name}"
            if hit["attributes"].endswith(b"/"):
                found[path] = (hit.start(), hit.end(), hit.end(), hit.end())
                scope = outer
            else:
                open_elements.append((path, hit.start(), hit.end(), {}, outer))
                names.append(hit["open"])
        elif hit["close"] is not None and open_elements:
            closed: bytes = hit["close"]
            if closed != names[-1] and closed in names:  # elements that were never closed end here
                while names[-1] != closed:
                    names.pop()
                    path, start, inner, _, scope = open_elements.pop()
                    found[path] = (start, inner, hit.start(), hit.start())
            names.pop()
            path, start, inner, _, scope = open_elements.pop()
            found[path] = (start, inner, hit.start(), hit.end())
    for path, start, inner, _, _ in open_elements:  # the document breaks off inside them
        found.setdefault(path, (start, inner, len(body), len(body)))
    return found


def _namespaces(attributes: bytes) -> dict[str, str]:
    declared: dict[str, str] = {}
    for name, double, single in _ATTRIBUTE.findall(attributes):
        if name == b"xmlns" or name.startswith(b"xmlns:"):
            declared[name[6:].decode("utf-8", "replace")] = (double or single).decode("utf-8", "replace")
    return declared


def _body(document: Document) -> bytes:
    """Return the bytes to scan: markup is ASCII in all accepted encodings but UTF-16, which is scanned as UTF-8."""
    body = document.raw[document.start :]
    return body.decode(document.codec).encode("utf-8", "replace") if document.codec.startswith("utf-16") else body


def span(document: Document, locator: str) -> tuple[int, int] | None:
    """Return the byte range in `document.raw` of a locator, or None when nothing stands there.

    `/a/b[2]` is the element with its tags, `/a/b[2]/text()` what stands between them, `/a/b[2]/@c` the attribute's
    value without quotation marks. The bytes are the original's: character references are not resolved.
    """
    body = _body(document)
    if document._index is None:
        document._index = _scan(body, document.assumed)
    path, _, last = locator.rpartition("/")
    if last.startswith("@"):
        place = document._index.get(path)
        found = _attribute(body, place, last[1:]) if place else None
    elif last == "text()":
        place = document._index.get(path)
        found = (place[1], place[2]) if place else None
    else:
        place = document._index.get(locator)
        found = (place[0], place[3]) if place else None
    if found is None:
        return None
    if document.codec.startswith("utf-16"):
        return _wide(document, body, found[0]), _wide(document, body, found[1])
    return document.start + found[0], document.start + found[1]


def _wide(document: Document, body: bytes, position: int) -> int:
    return document.start + len(body[:position].decode("utf-8", "replace").encode(document.codec))


def _attribute(body: bytes, place: tuple[int, int, int, int], name: str) -> tuple[int, int] | None:
    prefix, _, local = name.rpartition("}")[2].rpartition(":")
    foreign = bool(prefix) or name.startswith("{")
    for hit in _ATTRIBUTE.finditer(body, place[0] + 1, place[1]):
        written, _, bare = hit[1].decode("utf-8", "replace").rpartition(":")
        if bare == local and bool(written) == foreign and written != "xmlns":
            return hit.span(2) if hit[2] is not None else hit.span(3)
    return None
