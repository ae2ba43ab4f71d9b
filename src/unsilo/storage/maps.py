"""Decisions about local codes and their history, and how often each code stands in the store."""

from typing import Any, NamedTuple

import msgspec

from unsilo.fhir.index import token_hash
from unsilo.spec import r4
from unsilo.spec.parameters import parameter
from unsilo.storage.connect import Readers
from unsilo.storage.packing import clean
from unsilo.storage.statements import load
from unsilo.storage.tx_work import Tx
from unsilo.terminology.maps import Entry, Event

__all__ = ["CodeCount", "MapReads", "put_entry", "read_entry"]

_SQL = load("maps")
_decode = msgspec.json.Decoder(Entry).decode


class CodeCount(NamedTuple):
    """How many live resources carry a code in a parameter; `key` is the code's hash, `system` its address."""

    parameter: int
    key: int
    system_number: int
    system: str
    facts: int


def _event(row: Any) -> Event:
    return Event(row[0], row[1], row[2], row[3], row[4], _decode(bytes(row[5])))


class MapReads:
    """The part of the store that concerns governed maps."""

    _readers: Readers

    def map_version(self) -> int:
        """Return the number of the last event, 0 before the first."""
        return int(self._readers.row(_SQL["top"])[0])

    def map_entries(self) -> list[Entry]:
        """Return every entry as it is now."""
        return [_decode(bytes(row[0])) for row in self._readers.rows(_SQL["entries"])]

    def map_entry(self, id_: str) -> Entry | None:
        """Return one entry."""
        row = self._readers.row(_SQL["entry"], (id_,))
        return None if row is None else _decode(bytes(row[0]))

    def map_events(self, id_: str) -> list[Event]:
        """Return the moves of an entry, the oldest first."""
        return [_event(row) for row in self._readers.rows(_SQL["events"], (id_,))]

    def newest_map_events(self, limit: int = 100) -> list[Event]:
        """Return the last moves of all entries, the newest first."""
        return [_event(row) for row in self._readers.rows(_SQL["newest"], (limit,))]

    def code_counts(self, type_: str, code: str) -> list[CodeCount]:
        """Return how often each code stands in a token parameter of a resource type."""
        known = parameter(type_, code)
        if known is None:
            return []
        systems = {row[0]: row[1] for row in self._readers.rows(_SQL["systems"])}
        return [
            CodeCount(known.number, row[1], row[0], str(systems.get(row[0], "")), row[2])
            for row in self._readers.rows(_SQL["codes"], (known.number,))
        ]

    def code_count(self, type_: str, parameter_code: str, system: str, code: str) -> CodeCount | None:
        """Return how often one code stands in a token parameter; None when it stands nowhere."""
        known = parameter(type_, parameter_code)
        row = self._readers.row(_SQL["system"], (system,)) if system else (0,)
        if known is None or row is None:
            return None
        asked = (known.number, token_hash(code), row[0])
        facts = int(self._readers.row(_SQL["one"], asked)[0])
        return CodeCount(known.number, asked[1], row[0], system, facts) if facts else None

    def newest_ids(self, type_: str, limit: int) -> list[str]:
        """Return the ids of the newest live resources of a type."""
        return [row[0] for row in self._readers.rows(_SQL["newest_of_type"], (r4.type_number(type_), limit))]

    def code_feeds(self, counted: CodeCount) -> dict[str, int]:
        """Return how many resources with the code each feed brought."""
        asked = (counted.parameter, counted.key, counted.system_number)
        return dict(self._readers.rows(_SQL["by_feed"], asked))

    def code_examples(self, counted: CodeCount, limit: int) -> list[str]:
        """Return the ids of the newest resources with the code."""
        asked = (counted.parameter, counted.key, counted.system_number, limit)
        return [row[0] for row in self._readers.rows(_SQL["examples"], asked)]

    def code_messages(self, counted: CodeCount) -> list[tuple[str, str]]:
        """Return (message, feed) of the messages that brought resources with the code, the oldest first."""
        asked = (counted.parameter, counted.key, counted.system_number)
        return [(row[1], row[2]) for row in self._readers.rows(_SQL["messages"], asked)]


def put_entry(tx: Tx, entry: Entry, action: str, actor: str, at: int, reason: str) -> None:
    """Write an entry as it is now, and the move that made it so."""
    body = msgspec.json.encode(entry)
    tx.run(_SQL["put"], (entry.id, entry.state, entry.feed, entry.system, entry.code, body))
    tx.run(_SQL["event"], (entry.id, action, clean(actor), at, clean(reason), body))


def read_entry(tx: Tx, id_: str) -> Entry | None:
    """Return an entry as this transaction sees it."""
    row = tx.row(_SQL["entry"], (id_,))
    return None if row is None else _decode(bytes(row[0]))
