"""The part of a transaction that ends a message's processing: its outcome, the audit row, the outbox row."""

from collections.abc import Sequence
from typing import Any

from unsilo.kernel import Issue, clock
from unsilo.storage.packing import clean, pack_issues, pack_unconsumed
from unsilo.storage.rows import AuditRow, Unconsumed
from unsilo.storage.tx_exchange import ExchangeTx
from unsilo.storage.work import Finish, cause_of, is_poison

__all__ = ["Tx"]


class Tx(ExchangeTx):
    """What a job may do; everything it does is committed together with it or not at all."""

    def finish(
        self, mid: int, state: str, issues: Sequence[Issue] = (), unconsumed: Sequence[Unconsumed] | bytes = (),
        digest: str = "", entries: int = 0, at: int = 0, holds: bool | None = None, feed: str = "",
        doubts: Sequence[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        """End a processing: the message goes to `state` (`done`, `dead`, `test`, ...) with what was said about it.

        `dead` by the rule `flow.poison` holds everything after it with the same order key. `unconsumed` may be packed
        already. `doubts` are (rule, what of which resource) of this processing, counted for `feed`.
        """
        when = at or clock.now()
        if doubts:
            number = self._names.feed(feed)
            self._job.rows["doubt"] += [(number, rule, mid, when, clean(what)) for rule, what in doubts]
        listed = list(issues)
        packed = unconsumed if isinstance(unconsumed, bytes) else pack_unconsumed(unconsumed)
        self._job.rows["outcome"].append((mid, when, digest, pack_issues(listed), packed))
        cause = clean(cause_of(listed))
        stops = is_poison(cause) if holds is None else holds
        self._job.finished.append(Finish(mid, state, when, entries, cause, 1, int(stops and state == "dead")))

    def requeue(self, mid: int) -> None:
        """Queue a message again (a dead letter after a fix); what its death held is queued behind it."""
        self._job.finished.append(Finish(mid, "queued", 0, 0, "", 0))

    def set_state(self, mid: int, state: str, at: int = 0) -> None:
        """Move a message without a processing, such as a dead letter that a person sets aside."""
        self._job.finished.append(Finish(mid, state, at or clock.now(), 0, "", 0))

    def audit(self, row: AuditRow) -> None:
        """Add a row to the audit trail; nothing can change or remove it."""
        self._job.rows["audit"].append((
            row.at or clock.now(), clean(row.actor), row.action, row.person, clean(row.what), clean(row.origin),
            clean(row.reason), row.mid, row.outcome, row.patients,
        ))  # fmt: skip

    def outbox(self, kind: str, payload: bytes, at: int = 0) -> None:
        """Add something to be sent on; it exists exactly if this job's other effects do."""
        self._job.rows["outbox"].append((kind, at or clock.now(), payload))

    def run(self, sql: str, values: Sequence[Any]) -> Any:
        """Run a statement of this room that writes at once; return the first row it gives, or None."""
        self._hold()
        return self._connection.execute(sql, values).fetchone()

    def row(self, sql: str, values: Sequence[Any]) -> Any:
        """Run a statement of this room that reads; return its first row or None."""
        return self._connection.execute(sql, values).fetchone()
