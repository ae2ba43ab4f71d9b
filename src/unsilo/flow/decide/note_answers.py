"""A clinician's answer to a fact read in a note: confirmed it becomes a resource, refused it stays refused."""

from unsilo.flow.fhir.checks import draft
from unsilo.flow.fhir.outcome import Caller, RefusedError, Written
from unsilo.flow.fhir.writing import Writing
from unsilo.flow.notes.resources import made_of, may_become, provenance
from unsilo.flow.process import Draft
from unsilo.flow.service import Service
from unsilo.kernel import Issue, Json, Result, clock, fresh_id
from unsilo.notes import Derived
from unsilo.policy import EVERYTHING, Predicate
from unsilo.storage import AuditRow, Tx
from unsilo.storage.notes import newest_answer, put_answer

__all__ = ["ANSWERS", "answer"]

_WAIT = 10.0
ANSWERS = {"confirm": "confirmed", "refuse": "refused", "undo": "open"}
"""What an answer makes of a fact."""


def _issue(code: str, text: str) -> Result[list[str]]:
    return Result(None, [Issue("error", code, text, rule="notes.answer")])  # type: ignore[arg-type]


def _find(service: Service, ref: str, id_: str) -> Derived | None:
    """Return a fact: as it was read last, else as it was when somebody answered."""
    row = service.store.note(ref)
    found = next((fact for fact in row.facts if fact.id == id_), None) if row is not None else None
    if found is None:
        said = service.store.note_answers(ref).get(id_)
        found = said.fact if said is not None else None
    return found


def answer(
    service: Service, document: Json, id_: str, action: str, actor: str, *, reason: str = "", origin: str = "",
    person: int = 0,
) -> Result[list[str]]:  # fmt: skip
    """Answer one fact of a document and return what that made (`Condition/x`, `Provenance/y`).

    `confirm` writes the resource and its Provenance, `refuse` nothing, `undo` deletes what a confirmation made. The
    answer, what it makes and the audit row are one transaction. A refused one is never asked again while the words
    stay the same.
    """
    ref = f"{document.get('resourceType')}/{document.get('id')}"
    fact = _find(service, ref, id_)
    if fact is None or action not in ANSWERS:
        return _issue("not-found", "nothing of that kind was read there")
    caller = Caller(actor, origin, Predicate(0, EVERYTHING), "console")
    at = clock.now()
    drafts: list[Draft] = []
    if action == "confirm" and may_become(fact):
        made = made_of(fact, document, at, actor)
        first, second = fresh_id(), fresh_id()
        about = provenance(fact, f"{made['resourceType']}/{first}", actor, at)
        for resource, name in ((made, first), (about, second)):
            piece = draft(str(resource["resourceType"]), resource, name)
            if isinstance(piece, Written):
                return Result(None, piece.issues)
            drafts.append(piece)

    def job(tx: Tx) -> list[str] | None:
        before = newest_answer(tx, ref, id_)
        state = before.answer if before is not None else "open"
        if (state == "open") == (action == "undo"):
            return None
        writing = Writing(tx, service, caller)
        for piece in drafts:
            writing.put(piece, None, 201)
        for name in before.made if action == "undo" and before is not None else ():
            kind, _, named = name.partition("/")
            now = tx.current(kind, named)
            if now is not None and now.state == 0:
                writing.drop(now)
        names = [f"{piece.type}/{piece.id}" for piece in drafts]
        put_answer(tx, fact, ANSWERS[action], actor, at, reason, tuple(names))
        if writing.changed:
            writing.end(f"note {action}", f"{fact.fact.text} in {ref}")
        else:
            what = f"{fact.fact.text} in {ref}"
            tx.audit(AuditRow(actor, f"note {action}", person, what, origin, reason or "console", 0, "success", at))
        return names

    try:
        done = service.store.submit(job).result(_WAIT)
    except RefusedError as refused:
        return Result(None, refused.answer.issues)
    service.parameters.settled()
    if done is None:
        return _issue("conflict", "somebody answered in the meantime")
    return Result(done)
