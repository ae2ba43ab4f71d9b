"""What was read in notes, and what clinicians said of it; kept apart from resources, so that no search returns it."""

from typing import Any, NamedTuple

import msgspec

from unsilo.notes import Derived
from unsilo.storage.connect import Readers
from unsilo.storage.packing import clean
from unsilo.storage.statements import load
from unsilo.storage.tx_work import Tx

__all__ = [
    "NoteAnswer",
    "NoteProgress",
    "NoteReads",
    "NoteRow",
    "forget_note",
    "keep_progress",
    "newest_answer",
    "put_answer",
    "put_note",
]

_SQL = load("notes")
_encode = msgspec.json.Encoder().encode
_facts = msgspec.json.Decoder(list[Derived]).decode
_fact = msgspec.json.Decoder(Derived).decode


class NoteRow(NamedTuple):
    """What was read in one resource: its version then, the dictionary's version, when (µs), and the facts."""

    ref: str
    version: int
    dictionary: str
    at: int
    facts: list[Derived]


class NoteAnswer(NamedTuple):
    """One answer: `confirmed`, `refused` or `open`; `made` names the resources that a confirmation made."""

    n: int
    id: str
    ref: str
    answer: str
    actor: str
    at: int
    reason: str
    made: tuple[str, ...]
    fact: Derived


class NoteProgress(msgspec.Struct):
    """How far the notes are read: with which dictionary, and by resource type up to which change (µs)."""

    dictionary: str = ""
    since: dict[str, int] = {}


_progress = msgspec.json.Decoder(NoteProgress).decode


def _answer(row: Any) -> NoteAnswer:
    n, id_, ref, answer, actor, at, reason, made, fact = row
    return NoteAnswer(n, id_, ref, answer, actor, at, reason, tuple(made.split()), _fact(bytes(fact)))


class NoteReads:
    """The part of the store that concerns notes."""

    _readers: Readers

    def note(self, ref: str) -> NoteRow | None:
        """Return what was read in a resource (`Type/id`); None when it was not read."""
        row = self._readers.row(_SQL["read"], (ref,))
        return None if row is None else NoteRow(row[0], row[1], row[2], row[3], _facts(bytes(row[4])))

    def notes_read(self) -> int:
        """Return how many resources were read."""
        return int(self._readers.row(_SQL["count"])[0])

    def note_answers(self, ref: str) -> dict[str, NoteAnswer]:
        """Return the newest answer to each fact of a resource, by the fact's id."""
        return {row[1]: _answer(row) for row in self._readers.rows(_SQL["answers"], (ref,))}

    def note_history(self, ref: str) -> list[NoteAnswer]:
        """Return every answer to facts of a resource, the oldest first."""
        return [_answer(row) for row in self._readers.rows(_SQL["answers"], (ref,))]

    def note_progress(self) -> NoteProgress:
        """Return how far the notes are read."""
        row = self._readers.row(_SQL["progress"])
        return NoteProgress() if row is None else _progress(bytes(row[0]))

    def top_transaction(self) -> int:
        """Return the number of the last transaction that wrote resources."""
        return int(self._readers.row(_SQL["top"])[0])


def newest_answer(tx: Tx, ref: str, id_: str) -> NoteAnswer | None:
    """Return the newest answer to a fact as this transaction sees it."""
    row = tx.row(_SQL["newest"], (ref, id_))
    return None if row is None else _answer(row)


def put_note(tx: Tx, row: NoteRow) -> None:
    """Keep what was read in a resource, in place of what was read before."""
    tx.run(_SQL["put"], (row.ref, row.version, row.dictionary, row.at, _encode(row.facts)))


def forget_note(tx: Tx, ref: str) -> None:
    """Forget what was read in a resource; answers stay."""
    tx.run(_SQL["drop"], (ref,))


def put_answer(
    tx: Tx, fact: Derived, answer: str, actor: str, at: int, reason: str, made: tuple[str, ...] = ()
) -> None:  # fmt: skip
    """Keep an answer; none is ever changed."""
    tx.run(
        _SQL["answer"], (fact.id, fact.ref, answer, clean(actor), at, clean(reason), " ".join(made), _encode(fact))
    )  # fmt: skip


def keep_progress(tx: Tx, progress: NoteProgress) -> None:
    """Keep how far the notes are read."""
    tx.run(_SQL["keep_progress"], (_encode(progress),))
