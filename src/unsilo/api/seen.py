"""Every reading of a person's data by a program leaves audit rows, one for each person concerned."""

import asyncio
import logging
import re
from collections.abc import Sequence
from functools import partial

from starlette.requests import Request

from unsilo.api.access import actor
from unsilo.flow.service import Service
from unsilo.storage import AuditRow, NotDurableError, Stored, Tx

__all__ = ["patients_in", "record_reading"]

_log = logging.getLogger("unsilo.api")
_PATIENT = re.compile(rb'"reference":"Patient/([A-Za-z0-9\-.]{1,64})"')
_WAIT = 5.0


def patients_in(rows: Sequence[Stored]) -> set[str]:
    """Return the ids of all source Patients that stored resources are or refer to."""
    found = {row.id for row in rows if row.type == "Patient"}
    for row in rows:
        found |= {match.decode() for match in _PATIENT.findall(row.body)}
    return found


def _persons(service: Service, rows: Sequence[Stored]) -> list[int]:
    return sorted({person for id_ in patients_in(rows) if (person := service.store.person_of(id_)) is not None})


async def record_reading(service: Service, request: Request, action: str, what: str, rows: Sequence[Stored]) -> None:
    """Write the rows before the answer leaves. When the store cannot write (a full disk), reading goes on and the log
    says so: a clinician without the record is the greater harm."""
    if not rows:
        return
    persons = await asyncio.to_thread(_persons, service, rows)
    remote = request.client.host if request.client else ""
    reason = request.headers.get("x-purpose", "")[:200]
    trail = [
        AuditRow(actor(request), action, person, what[:1000], f"api {remote}", reason) for person in persons
    ]  # fmt: skip
    if not trail:
        return
    try:
        await asyncio.wait_for(asyncio.wrap_future(service.store.submit(partial(_write, trail), 2)), _WAIT)
    except (OSError, TimeoutError, NotDurableError) as fault:
        _log.error("audit rows could not be written", extra={"rows": len(trail), "fault": type(fault).__name__})


def _write(trail: list[AuditRow], tx: Tx) -> None:
    for row in trail:
        tx.audit(row)
