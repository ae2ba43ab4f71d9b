"""The audit trail of the machine interfaces: what is read is recorded, durably, before the answer leaves."""

import asyncio
import logging
import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from unsilo.flow.service import Service
from unsilo.kernel import clock
from unsilo.storage import Stored

__all__ = ["Trail", "patients_in"]

_log = logging.getLogger("unsilo.api")
_PATIENT = re.compile(rb'"reference":"Patient/([A-Za-z0-9\-.]{1,64})')
_REFERS = b'"reference":"Patient/'
_DENIED = 10
"""Refusals a second that have a row of their own."""
_WAIT = 5.0
"""Seconds that an answer waits for its audit rows."""


Entry = tuple[int, str, str, str, list[str], str, str, str]
"""What is kept until it is written: time, actor, action, what, ids of Patients, origin, reason, outcome."""


def patients_in(rows: Sequence[Stored]) -> set[str]:
    """Return the ids of all source Patients that stored resources are or refer to."""
    found = set()
    for row in rows:
        if row.type == "Patient":
            found.add(row.id)
        # Most Patients refer to none, which a plain search says in a tenth of the expression's time.
        if row.body.find(_REFERS) >= 0:
            found.update([match.decode() for match in _PATIENT.findall(row.body)])
    return found


class Trail:
    """Gathers the rows of requests that are answered at the same time, so that they share one commit.

    While one group is being written the next one gathers; a lonely request waits for its own commit only.
    """

    def __init__(self, service: Service) -> None:
        self._store = service.store
        self._rows: list[Entry] = []
        self._durable: asyncio.Future[bool] | None = None
        self._writing = False
        self._second = self._denied = 0

    def note(
        self, actor: str, action: str, what: str, patients: Iterable[str], *, origin: str = "", reason: str = "",
        outcome: str = "success",
    ) -> "asyncio.Future[bool]":  # fmt: skip
        """Add a row for each person concerned (one without a person when there is none); the future is shared by the
        group and says whether its rows are durable."""
        loop = asyncio.get_running_loop()
        if self._durable is None:
            self._durable = loop.create_future()
            if not self._writing:
                self._writing = True
                loop.call_soon(self._write, loop)
        who = sorted(patients) if patients else []
        self._rows.append((clock.now(), actor, action, what[:1000], who, origin, reason[:200], outcome))
        return self._durable

    async def deny(self, actor: str, action: str, what: str, origin: str) -> None:
        """Record a refusal; a flood of them leaves ten rows a second and one that says how many more there were."""
        second = int(time.monotonic())
        if second != self._second:
            if self._denied > _DENIED:
                self.note("unknown", "denied", f"{self._denied - _DENIED} more", (), outcome="denied")
            self._second, self._denied = second, 0
        self._denied += 1
        if self._denied <= _DENIED:
            await self.note(actor, action, what, (), origin=f"api {origin}", outcome="denied")

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        rows, self._rows = self._rows, []
        durable, self._durable = self._durable, None
        if durable is None:
            self._writing = False
            return
        late = loop.call_later(_WAIT, self._end, durable, False, len(rows), "TimeoutError")

        def written(done: "Future[None]") -> None:
            fault = None if done.cancelled() else done.exception()
            loop.call_soon_threadsafe(self._written, loop, durable, late, len(rows), fault)

        try:
            self._store.audit_many(rows).add_done_callback(written)
        except RuntimeError as closed:
            self._written(loop, durable, late, len(rows), closed)

    def _written(
        self, loop: asyncio.AbstractEventLoop, durable: "asyncio.Future[bool]", late: asyncio.TimerHandle, rows: int,
        fault: BaseException | None,
    ) -> None:  # fmt: skip
        late.cancel()
        self._end(durable, fault is None, rows, type(fault).__name__)
        self._writing = self._durable is not None
        if self._writing:
            self._write(loop)

    @staticmethod
    def _end(durable: "asyncio.Future[bool]", good: bool, rows: int, fault: str) -> None:
        if durable.done():
            return
        if not good:
            _log.error("audit rows could not be written", extra={"rows": rows, "fault": fault})
        durable.set_result(good)
