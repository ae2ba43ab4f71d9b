"""Reading the journal: messages, their bytes and outcomes, searches, dead letters, feed figures; thread-safe."""

from collections.abc import Callable
from typing import Any

import msgspec

from unsilo.kernel import Envelope, clock
from unsilo.storage.connect import Readers
from unsilo.storage.days import DayReader, day_of
from unsilo.storage.figures import MINUTE, quantiles
from unsilo.storage.keys import fold_key
from unsilo.storage.listing import is_dense, matches_query, messages_query
from unsilo.storage.packing import unpack_issues, unpack_keys, unpack_unconsumed
from unsilo.storage.rows import DeadGroup, FeedFigures, MessageRow, Outcome, QueueItem
from unsilo.storage.statements import load

__all__ = ["MessageReads"]

_SQL = load("message")
_HOUR = 60
_DAY = 86_400_000_000


def _message(row: Any) -> MessageRow:
    make: Callable[..., MessageRow] = MessageRow
    return make(
        *row[:7], row[7].hex(), *row[8:14], bool(row[14]), unpack_keys(row[15]), unpack_issues(row[16]), *row[17:]
    )


class MessageReads:
    """The reading half of the store that concerns what came in."""

    _days: DayReader
    _readers: Readers

    def message(self, id_: str | int) -> MessageRow | None:
        """Return a journal row by public id or by mid."""
        where = "m.mid = ?" if isinstance(id_, int) else "m.id = ?"
        row = self._readers.row(f"{_SQL['columns']} WHERE {where}", (id_,))
        return None if row is None else _message(row)

    def content(self, id_: str) -> bytes | None:
        """Return the bytes that came in; None when unknown or removed by retention.

        ValueError when they do not match the hash that was recorded.
        """
        found = self._found(id_)
        return None if found is None else found[0]

    def _found(self, id_: str) -> tuple[bytes, dict[str, str]] | None:
        row = self._readers.row(_SQL["place"], (id_,))
        return None if row is None or row[3] else self._days.read(row[0], row[1], row[2])

    def envelope(self, id_: str) -> Envelope | None:
        """Return what came in as it came in, transport headers too; None when its bytes are not there."""
        message = self.message(id_)
        found = None if message is None else self._found(id_)
        if message is None or found is None:
            return None
        content, headers = found
        return Envelope(
            id_, message.feed, message.format, message.received, message.sha256, content, headers, message.parent
        )

    def outcome(self, mid: int) -> Outcome | None:
        """Return what the last processing said, None before the first."""
        row = self._readers.row(_SQL["outcome"], (mid,))
        if row is None:
            return None
        mid, at, digest, issues, unconsumed = row
        return Outcome(mid, at, digest, unpack_issues(issues), unpack_unconsumed(unconsumed))

    def search_messages(
        self, text: str = "", *, kind: str = "", value: str = "", feed: str = "", state: str = "", cause: str = "",
        parent: str = "", since: int = 0, until: int = 0, limit: int = 50, before: int | None = None,
    ) -> list[MessageRow]:  # fmt: skip
        """Return journal rows, newest first, without their bytes.

        `text` is the beginning of any business key, of message id or hash; `kind` with `value` asks one kind
        (`control_id`, `type`, `accession`, ...). `before` is the last mid of the page before.
        """
        wanted = fold_key(value or text)
        if not kind and text:
            exact = self.message(text.strip())
            if exact is not None:
                return [exact] if before is None or exact.mid < before else []
        dense = bool(wanted) and is_dense(self._readers.row(*matches_query(wanted, kind))[0])
        sql, values = messages_query(
            _SQL["columns"], text=wanted, kind=kind, feed=feed, state=state, cause=cause, parent=parent, since=since,
            until=until, limit=limit, before=before, dense=dense,
        )  # fmt: skip
        return [_message(row) for row in self._readers.rows(sql, values)]

    def queued(self, after_mid: int = 0, limit: int = 1000) -> list[QueueItem]:
        """Return messages that wait to be processed, oldest first."""
        return [QueueItem(*row) for row in self._readers.rows(_SQL["queued"], (after_mid, limit))]

    def dead_letters(self) -> list[DeadGroup]:
        """Return the dead letters by what caused them, the most frequent first."""
        return self._groups("dead_groups")

    def causes(self) -> list[DeadGroup]:
        """Return all messages that met an error, dead or not, by what caused it."""
        return self._groups("issue_groups")

    def _groups(self, name: str) -> list[DeadGroup]:
        rows = self._readers.rows(_SQL[name])
        return [DeadGroup(cause, n, first, last, msgspec.json.decode(feeds)) for cause, n, first, last, feeds in rows]

    def feeds(self, at: int = 0) -> list[FeedFigures]:
        """Return the figures of every feed that ever received something, as of `at` (now when 0)."""
        now = at or clock.now()
        with self._readers.moment() as rows:
            lasts = rows(_SQL["feed_lasts"], ())
            totals = rows(_SQL["feed_totals"], ())
            of_today = rows(_SQL["feed_day"], (day_of(now),))
            minutes = rows(_SQL["feed_minutes"], (now // MINUTE - _HOUR,))
            latencies = rows(_SQL["feed_latencies"], (day_of(now - _DAY),))
            doubts = rows(_SQL["feed_doubts"], ())
        found = {name: FeedFigures(name, last or 0, 0, 0, 0, {}, 0, [], (0, 0, 0)) for name, last in lasts}
        for name, state, messages, size in totals:
            feed = found[name]
            if state == "resent":
                feed.resent += messages
                continue
            feed.messages += messages
            feed.bytes += size
            feed.states[state] = feed.states.get(state, 0) + messages
        for name, rule, count in doubts:
            found[name].doubts = {**found[name].doubts, rule: count}
        for name, messages in of_today:
            found[name].today = messages
        for name, *minute in minutes:
            found[name].last_hour.append((minute[0], minute[1], minute[2], minute[3]))
        histograms: dict[str, dict[int, int]] = {}
        for name, bucket, messages in latencies:
            histograms.setdefault(name, {})[bucket] = messages
        for name, histogram in histograms.items():
            half, most, nearly_all = quantiles(histogram, (0.5, 0.95, 0.99))
            found[name].latency = (half, most, nearly_all)
        for feed in found.values():
            feed.states = {state: n for state, n in feed.states.items() if n}
        return sorted(found.values(), key=lambda feed: feed.feed)
