"""Files of free text read for facts, one JSON object a fact, for the command line."""

from collections.abc import Iterator
from pathlib import Path

from unsilo.flow.notes.words import dictionary_of
from unsilo.flow.read.reports import prose
from unsilo.kernel import Json, json
from unsilo.notes import Dictionary, Plain, plain_of, plain_of_v2, plain_of_xhtml, read
from unsilo.notes.kinds import kinds_of
from unsilo.notes.shipped import shipped_dictionary

__all__ = ["dictionary_for", "facts_in"]

_LARGEST = 64 * 1024 * 1024
_MARKED_UP = (".html", ".htm", ".xhtml")


def dictionary_for(data: Path | None) -> Dictionary:
    """Return the dictionary of a node's data folder, or of what comes with the product."""
    return dictionary_of(data) if data is not None else shipped_dictionary()


def _plain(name: str, content: bytes) -> Plain:
    text = content.decode("latin-1") if content[:5] == b"{\\rtf" else _decoded(content)
    if name.lower().endswith(_MARKED_UP):
        return plain_of_xhtml(text)
    if content[:5] == b"{\\rtf":
        return plain_of(prose(text))
    return plain_of_v2(text) if "\\." in text else plain_of(text)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def facts_in(name: str, content: bytes, dictionary: Dictionary) -> Iterator[bytes]:
    """Yield one line for each fact of a file, then one that says how much was read; places count characters."""
    note = read(_plain(name, content[:_LARGEST]), dictionary)
    for fact in note.facts:
        line: Json = {"file": name, "start": fact.start, "end": fact.end, "text": fact.text, "kind": fact.kind}
        line["coding"] = [dict(zip(("system", "code", "display"), coding, strict=True)) for coding in fact.coding]
        line["said"] = fact.flags
        for part in ("value", "unit", "route", "frequency", "section"):
            if value := getattr(fact, part):
                line[part] = value
        if fact.when is not None:
            line["when"] = list(fact.when)
        line["rules"] = [fact.way, *(said.rule for said in fact.said), *fact.rules]
        line["confidence"] = fact.confidence
        yield json.encode(line)
    head: Json = {
        "file": name,
        "read": note.read,
        "facts": len(note.facts),
        "kinds": [k.tag for k in kinds_of([], name)],
    }
    if note.cut or len(content) > _LARGEST:
        head["cut"] = True
    yield json.encode(head)
