"""XML elements as they are put together, and their text."""

from __future__ import annotations

import re

__all__ = ["Element", "write"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMESPACES = {
    "xmlns": "urn:hl7-org:v3",
    "xmlns:sdtc": "urn:hl7-org:sdtc",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
}


class Element:
    """One element: attributes in order, children, and text that stands before them."""

    __slots__ = ("attrs", "kids", "name", "text")

    def __init__(self, name: str, attrs: dict[str, str] | None = None, text: str = "") -> None:
        self.name, self.attrs, self.text = name, attrs or {}, text
        self.kids: list[Element] = []

    def add(self, name: str, attrs: dict[str, str] | None = None, text: str = "") -> Element:
        """Add a child and return it."""
        kid = Element(name, attrs, text)
        self.kids.append(kid)
        return kid

    def all(self, name: str) -> list[Element]:
        """The children of a name."""
        return [kid for kid in self.kids if kid.name == name]


def write(root: Element) -> bytes:
    """Return the document in UTF-8, one element a line; characters that XML 1.0 forbids become U+FFFD."""
    root.attrs = {**_NAMESPACES, **root.attrs}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    _lines(root, lines, "", False)
    return ("\n".join(lines) + "\n").encode("utf-8")


def _lines(element: Element, lines: list[str], pad: str, flat: bool) -> None:
    head = pad + "<" + element.name + "".join(f' {name}="{_attribute(value)}"' for name, value in element.attrs.items())
    if not element.kids:
        lines.append(f"{head}>{_text(element.text)}</{element.name}>" if element.text else f"{head}/>")
        return
    if flat or element.text:  # blanks between are part of what is read
        inner: list[str] = []
        for kid in element.kids:
            _lines(kid, inner, "", True)
        lines.append(f"{head}>{_text(element.text)}{''.join(inner)}</{element.name}>")
        return
    lines.append(head + ">")
    for kid in element.kids:
        _lines(kid, lines, pad + " ", False)
    lines.append(f"{pad}</{element.name}>")


def _text(text: str) -> str:
    text = _NOT_XML.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _attribute(text: str) -> str:
    return _text(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
