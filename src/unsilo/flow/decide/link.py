"""Linking and unlinking records of persons by hand: at once, with a name and a reason, and always undoable."""

from unsilo.flow.service import Service
from unsilo.kernel import Issue, clock
from unsilo.storage import AuditRow, Tx

__all__ = ["link", "unlink"]

_WAIT = 10.0


def _moved(patient_id: str, former: int, person: int) -> str:
    return f"Patient/{patient_id} from person {former} to {person}"


def _refuse(text: str) -> Issue:
    return Issue("error", "not-found", text, rule="link")


def link(
    service: Service, patient_id: str, person: int, actor: str, reason: str, origin: str = ""
) -> tuple[int | None, Issue | None]:
    """Put a source Patient with a person; return that person, or why not. A reason is needed."""
    if not reason.strip():
        return None, Issue("error", "required", "say why these are the same person", rule="link.reason")

    def job(tx: Tx) -> int | None:
        at = clock.now()
        former = tx.person_of(patient_id)
        if former is None:
            return None
        for other in tx.patients_of(person):
            tx.decide(patient_id, other, "same", reason, actor, at)
        found = tx.link(patient_id, person, "manual", reason, actor, at)
        for each in {former, found}:
            tx.audit(
                AuditRow(
                    actor, "link", each, f"Patient/{patient_id} from person {former} to {found}", origin, reason, at=at
                )
            )
        return found

    try:
        found = service.store.submit(job, 1).result(_WAIT)
    except ValueError as fault:
        return None, _refuse(str(fault))
    return (found, None) if found is not None else (None, _refuse(f"there is no Patient/{patient_id}"))


def unlink(
    service: Service, patient_id: str, actor: str, reason: str, origin: str = ""
) -> tuple[int | None, Issue | None]:
    """Take a source Patient out of its person and give it one of its own; return that, or why not."""
    if not reason.strip():
        return None, Issue("error", "required", "say why this is another person", rule="link.reason")

    def job(tx: Tx) -> int | None:
        at = clock.now()
        former = tx.person_of(patient_id)
        if former is None:
            return None
        found = tx.unlink(patient_id, "manual", reason, actor, at)
        for other in tx.patients_of(former):
            tx.decide(patient_id, other, "apart", reason, actor, at)
        for each in (former, found):
            tx.audit(
                AuditRow(
                    actor,
                    "unlink",
                    each,
                    f"Patient/{patient_id} from person {former} to {found}",
                    origin,
                    reason,
                    at=at,
                )
            )
        return found

    found = service.store.submit(job, 1).result(_WAIT)
    return (found, None) if found is not None else (None, _refuse(f"there is no Patient/{patient_id}"))
