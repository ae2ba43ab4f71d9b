"""Where resources carry text that somebody wrote: narrative, attachments, long values, annotations, by a table."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from unsilo.flow.read.reports import decode_attachment, prose
from unsilo.kernel import Json
from unsilo.notes import NO_SECTION, Plain, by_loinc, plain_of, plain_of_v2, plain_of_xhtml, section_named
from unsilo.notes.tables import Heading, rows

__all__ = ["Text", "may_carry", "text_types", "texts"]

_SHORTEST = 25
"""Characters of a value that is a text and no result."""
_MARKUP = frozenset(("text/html", "application/xhtml+xml"))
_RTF = frozenset(("text/rtf", "application/rtf"))


class Text(NamedTuple):
    """One text of a resource: its FHIR path, the text that places count in, its words, and its section if stated.

    Of RTF the places count in the words as they are shown, not in the markup.
    """

    path: str
    source: str
    plain: Plain
    heading: Heading


@cache
def _elements() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows("texts"):
        found.setdefault(row["type"], []).append((row["element"], row["form"]))
    return found


def text_types() -> list[str]:
    """Return the types of resources that may carry text."""
    return list(_elements())


@cache
def _marks() -> dict[str, tuple[bytes, ...]]:
    return {kind: tuple(f'"{name}"'.encode() for name, _ in elements) for kind, elements in _elements().items()}


def may_carry(kind: str, body: bytes) -> bool:
    """Tell, without reading it, whether a resource may carry text: one of the elements is named in it."""
    return any(mark in body for mark in _marks().get(kind, ()))


def texts(resource: Json) -> Iterator[Text]:
    """Yield the texts of a resource in a fixed order."""
    heading = _stated(resource.get("code"))
    for element, form in _elements().get(str(resource.get("resourceType")), ()):
        value = resource.get(element)
        if form == "narrative":
            yield from _narrative(value, element)
        elif form == "attachment":
            yield from _attachments(value, element)
        elif form == "text" and isinstance(value, str) and (len(value) >= _SHORTEST or element != "valueString"):
            yield _plain(element, value, heading)
        elif form in ("annotation", "payload") and isinstance(value, list):
            name = "text" if form == "annotation" else "contentString"
            for number, note in enumerate(value):
                if isinstance(note, dict) and isinstance(note.get(name), str):
                    yield _plain(f"{element}[{number}].{name}", note[name], NO_SECTION)


def _plain(path: str, text: str, heading: Heading) -> Text:
    return Text(path, text, plain_of_v2(text) if "\\." in text else plain_of(text), heading)


def _stated(concept: Any) -> Heading:
    """Return the section that a CodeableConcept names, by LOINC code or by its words."""
    if not isinstance(concept, dict):
        return NO_SECTION
    for coding in concept.get("coding") or ():
        if isinstance(coding, dict):
            found = by_loinc().get(str(coding.get("code"))) or section_named(str(coding.get("display") or ""))
            if found is not NO_SECTION:
                return found
    return section_named(str(concept.get("text") or ""))


def _narrative(value: Any, path: str) -> Iterator[Text]:
    """Yield the narrative of sections, also of those within (Composition.section.text.div)."""
    waiting = [(f"{path}[{n}]", section) for n, section in enumerate(value)] if isinstance(value, list) else []
    while waiting:
        place, section = waiting.pop(0)
        if not isinstance(section, dict):
            continue
        text = section.get("text")
        div = text.get("div") if isinstance(text, dict) else None
        if isinstance(div, str):
            heading = _stated(section.get("code"))
            if heading is NO_SECTION:
                heading = section_named(str(section.get("title") or ""))
            yield Text(f"{place}.text.div", div, plain_of_xhtml(div), heading)
        inner = section.get("section")
        waiting += [(f"{place}.section[{n}]", s) for n, s in enumerate(inner)] if isinstance(inner, list) else []


def _attachments(value: Any, element: str) -> Iterator[Text]:
    for number, item in enumerate(value if isinstance(value, list) else ()):
        attachment = item.get("attachment") if element == "content" and isinstance(item, dict) else item
        found = decode_attachment(attachment) if isinstance(attachment, dict) else None
        if found is None:
            continue
        content, mime = found
        if not mime.startswith("text/") and mime not in _MARKUP | _RTF:
            continue
        path = f"{element}[{number}]" + (".attachment.data" if element == "content" else ".data")
        try:
            text = content.decode("latin-1" if mime in _RTF else "utf-8")
        except UnicodeDecodeError:
            text = content.decode("cp1252", "replace")
        if mime in _MARKUP:
            yield Text(path, text, plain_of_xhtml(text), NO_SECTION)
        else:
            shown = prose(text)
            yield _plain(path, shown, NO_SECTION)
