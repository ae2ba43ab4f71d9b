"""XHTML of narratives: carried over letter by letter where it can stand alone, made whole where it cannot."""

from __future__ import annotations

import re
from html.entities import html5
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from unsilo.fhir.xml.slots import XHTML

__all__ = ["alone", "embeddable"]

_ENTITY: Final = re.compile(r"&([A-Za-z][A-Za-z0-9]*;)")
_PLAIN: Final = frozenset(("lt;", "gt;", "amp;", "quot;", "apos;"))
_TAG: Final = re.compile(r"""<[^\s/>]+(?:[^>"']|"[^"]*"|'[^']*')*>""")
_DECLARED: Final = re.compile(r"""\sxmlns(?::([^\s=]+))?\s*=""")
_NOT_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _RefusedError(Exception):
    """A document type or declaration inside a narrative."""


def _refuse(*_: object) -> None:
    raise _RefusedError


def _root(text: str) -> str | None:
    """Return `namespace name` of a fragment's element, None when it is no well-formed element without DOCTYPE."""
    names: list[str] = []
    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = lambda name, _: names.append(name) if not names else None
    parser.StartDoctypeDeclHandler = _refuse
    parser.XmlDeclHandler = _refuse
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except (expat.ExpatError, _RefusedError):
        return None
    return names[0]


def _character(match: re.Match[str]) -> str:
    name = match[1]
    return match[0] if name in _PLAIN or name not in html5 else html5[name]


def embeddable(text: str) -> str:
    """Return a narrative's text as it can stand in an XML document of FHIR; whatever it is, the document stays whole.

    Well-formed XHTML goes as it is. HTML's named entities become characters, a `div` without namespace gets XHTML's,
    and what is no XML at all is written as the text of a `div`.
    """
    root = _root(text)
    if root is None and "&" in text:
        text = _ENTITY.sub(_character, text)
        root = _root(text)
    if root == f"{XHTML} div":
        return text
    if root == "div":
        start = text.index("<div") + 4
        return f'{text[:start]} xmlns="{XHTML}"{text[start:]}'
    plain = _NOT_XML.sub("\ufffd", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<div xmlns="{XHTML}">{plain}</div>'


def alone(text: str, scope: dict[str, str]) -> str:
    """Return a narrative cut out of a document with the namespace declarations that it took from around it.

    `scope` maps prefixes ("" the default) to the namespaces declared outside.
    """
    tag = _TAG.match(text)
    if tag is None:
        return text
    declared = {name or "" for name in _DECLARED.findall(tag[0])}
    wanted = [
        (prefix, uri)
        for prefix, uri in scope.items()
        if prefix not in declared and (f"{prefix}:" in text if prefix else uri == XHTML)
    ]
    if not wanted:
        return text
    name = re.match(r"<[^\s/>]+", text)
    end = name.end() if name else 0
    more = "".join(f" xmlns{':' if prefix else ''}{prefix}={quoteattr(uri)}" for prefix, uri in wanted)
    return f"{text[:end]}{more}{text[end:]}"
