"""Files of free text read for facts, one JSON object a fact, for the command line."""

from collections.abc import Iterator
from pathlib import Path

from unsilo.flow.notes.words import dictionary_of
from unsilo.flow.read.reports import prose
from unsilo.kernel import Issue, Json, Result, Where, json
from unsilo.notes import Dictionary, Plain, plain_of, plain_of_v2, plain_of_xhtml, read
from unsilo.notes.kinds import kinds_of
from unsilo.notes.shipped import shipped_dictionary

__all__ = ["dictionary_for", "facts_in", "note_of"]

_LARGEST = 64 * 1024 * 1024
_MARKED_UP = (".html", ".htm", ".xhtml")
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "PDF"), (b"PK\x03\x04", "an archive or office document"), (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"), (b"II*\0", "a picture"), (b"MM\0*", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an office document"), (b"\x1f\x8b", "compressed"), (b"SQLite format 3\0", "a database"),
)  # fmt: skip
"""How files begin that hold no plain text, and what they are."""
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\v\f\r\x1b") | {127}
_LOOKED_AT = 64 * 1024
_RULE = "notes.binary"


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


def _foreign(content: bytes) -> str:
    """Return what bytes are that are no text, empty when they are text: a text has next to no control characters."""
    if content[:2] in _UTF16:
        return ""
    for start, what in _OTHERS:
        if content.startswith(start):
            return what
    head = content[:_LOOKED_AT]
    return "binary" if b"\0" in head or 50 * sum(map(_CONTROLS.__contains__, head)) > len(head) else ""


def _decoded(content: bytes) -> str:
    if encoding := _UTF16.get(content[:2]):
        return content[2:].decode(encoding, "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def note_of(name: str, content: bytes) -> Result[Plain]:
    """Return the words of a file; the value is None when it holds no text."""
    if what := _foreign(content):
        hint = "give the text of it: plain, RTF or HTML"
        return Result(None, [Issue("error", "not-supported", f"this is {what}, not text", Where(name), hint, _RULE)])
    return Result(_plain(name, content[:_LARGEST]))


def facts_in(name: str, content: bytes, plain: Plain, dictionary: Dictionary) -> Iterator[bytes]:
    """Yield one line for each fact of a file, then one that says how much was read; places count characters."""
    note = read(plain, dictionary)
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
