"""A clinician says that a record does not belong to a person: it goes to the queue, with who says so and why."""

from unsilo.flow.service import Service
from unsilo.kernel import Issue, Result, clock
from unsilo.storage import AuditRow, Tx

__all__ = ["DISPUTE", "dispute"]

DISPUTE = "dispute"
"""The rule under which such a pair stands in the queue."""
_WAIT = 10.0
_LONGEST = 500


def dispute(service: Service, patient_id: str, actor: str, reason: str, origin: str = "") -> Result[int]:
    """Ask the stewards to look at a record; nothing is linked or parted. Returns the person; a reason is needed.

    The record stands in the queue beside another of the same person, beside itself when it is alone. A pair that was
    decided before waits again, for somebody has new doubts.
    """
    words = " ".join(reason.split())[:_LONGEST]
    if len(words) < 3:
        return Result(None, [Issue("error", "required", "say why it does not belong here", rule="dispute.reason")])

    def job(tx: Tx) -> int | None:
        now = tx.current("Patient", patient_id)
        person = tx.person_of(patient_id)
        if now is None or now.state != 0 or person is None:
            return None
        at = clock.now()
        others = [id_ for id_ in tx.patients_of(person) if id_ != patient_id]
        other = others[0] if others else patient_id
        tx.ask(patient_id, other, DISPUTE, f"Disputed by {actor}: {words}", 0.0, "", 0, at)
        tx.answer(patient_id, other, "open", "", 0)
        tx.audit(AuditRow(actor, "dispute", person, f"Patient/{patient_id}", origin, words, at=at))
        return person

    found = service.store.submit(job, 1).result(_WAIT)
    if found is None:
        return Result(None, [Issue("error", "not-found", f"there is no Patient/{patient_id}", rule="dispute.patient")])
    return Result(found, [])
