"""What was read in a person's notes, for pages: with its document, and what somebody said of it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from unsilo.flow.notes.texts import texts
from unsilo.flow.read.describe import title
from unsilo.flow.read.fact import Fact
from unsilo.flow.read.words import When
from unsilo.kernel import Json
from unsilo.notes import Derived
from unsilo.notes.kinds import Kind, kinds_of
from unsilo.storage import Store
from unsilo.storage.notes import NoteAnswer

__all__ = ["Document", "Piece", "Shown", "documents", "kinds_of_report", "pieces"]

KINDS = (
    ("problem", "Problems"), ("allergy", "Allergies"), ("medication", "Medications"), ("procedure", "Procedures"),
    ("measure", "Measurements"), ("undecided", "Abbreviations left alone"),
)  # fmt: skip
_TEXTUAL = frozenset(("Composition", "DocumentReference", "DiagnosticReport"))


class Shown(NamedTuple):
    """One fact with the newest answer to it; `open` ones wait for somebody."""

    fact: Derived
    answer: NoteAnswer | None

    @property
    def state(self) -> str:
        """Return `open`, `confirmed` or `refused`."""
        return self.answer.answer if self.answer is not None else "open"


class Document(NamedTuple):
    """A resource with what was read in it; `late` when a newer version waits to be read."""

    source: Fact
    title: str
    when: When
    shown: list[Shown]
    late: bool


class Piece(NamedTuple):
    """A stretch of a text: plain words, or the words of facts."""

    words: str
    shown: list[Shown]


def documents(store: Store, facts: Iterable[Fact]) -> list[Document]:
    """Return the documents of a person in which something was read, the newest first.

    `facts` are those that the reader may see: what was read in others stays hidden with them.
    """
    found = []
    for source in facts:
        row = store.note(source.ref)
        if row is None or not row.facts:
            continue
        answers = store.note_answers(source.ref)
        shown = [Shown(fact, answers.get(fact.id)) for fact in row.facts]
        found.append(Document(source, title(source.resource), source.when, shown, row.version != source.version))
    return sorted(found, key=lambda document: (document.when.at, document.source.updated), reverse=True)


def pieces(resource: Json, shown: Sequence[Shown]) -> list[tuple[str, list[Piece]]]:
    """Return (path, pieces) of each text of a resource, the words of facts apart; places are those of the words."""
    by_path: dict[str, list[Shown]] = {}
    for one in shown:
        by_path.setdefault(one.fact.path, []).append(one)
    out = []
    for text in texts(resource):
        words, at = text.plain.text, 0
        parts: list[Piece] = []
        spans: dict[tuple[int, int], list[Shown]] = {}
        for one in by_path.get(text.path, ()):
            start = text.plain.words_at(one.fact.fact.start)
            spans.setdefault((start, text.plain.words_at(one.fact.fact.end - 1) + 1), []).append(one)
        for (start, end), facts in sorted(spans.items()):
            if start < at:
                if parts and parts[-1].shown:
                    parts[-1].shown.extend(facts)
                continue
            if start > at:
                parts.append(Piece(words[at:start], []))
            parts.append(Piece(words[start:end], facts))
            at = end
        parts.append(Piece(words[at:], []))
        if words.strip():
            out.append((text.path, parts))
    return out


def kinds_of_report(resource: Json) -> list[Kind]:
    """Return the kinds of a report or document, by its codes, its title and what is written first in it."""
    if resource.get("resourceType") not in _TEXTUAL:
        return []
    codes: list[str] = []
    for concept in (resource.get("type"), resource.get("code"), *(resource.get("category") or ())):
        coded = concept.get("coding") if isinstance(concept, dict) else None
        codes += [str(coding.get("code") or "") for coding in coded or ()]
    return kinds_of(codes, title(resource))
