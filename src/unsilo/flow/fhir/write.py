"""create, update, patch and delete, with their conditional forms (FHIR R4 3.1.0.4 to 3.1.0.8).

Everything that needs no database (checks, keys, the condition's plan) happens in the caller's thread; the decision and
the rows in one job of the store's writer, so that a condition cannot become untrue between the look and the write.
A resource that the caller's predicate hides is for update, patch and delete as one that is not there; only to create
one under its id is refused with 409, because two resources cannot have one id.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from unsilo.fhir.patch import fhirpath_patch, json_patch
from unsilo.flow.fhir.checks import changeable, draft, is_id, judged, whole
from unsilo.flow.fhir.condition import condition
from unsilo.flow.fhir.outcome import Caller, RefusedError, Written, refusal, refused, written
from unsilo.flow.fhir.writing import Writing
from unsilo.flow.judge import Judge
from unsilo.flow.process import Draft, Piece
from unsilo.flow.service import Service
from unsilo.kernel import Issue, Json, fresh_id, json
from unsilo.storage import AuditRow, Stored, Tx
from unsilo.storage.plan import Plan

__all__ = [
    "Caller", "Written", "create", "delete", "delete_conditional", "patch", "patch_conditional", "patched", "traced",
    "update", "update_conditional",
]  # fmt: skip

_MOST_DELETED = 1000
T = TypeVar("T")


def done(answer: Written) -> Future[Written]:
    """Return a future that is over already."""
    future: Future[Written] = Future()
    future.set_result(answer)
    return future


def run(service: Service, caller: Caller, action: str, what: str, act: Callable[[Writing], Written]) -> Future[Written]:
    """Run one write in the store's writer; a refusal is an answer, and leaves an audit row too."""
    future: Future[Written] = Future()

    def job(tx: Tx) -> Written:
        writing = Writing(tx, service, caller)
        answer = act(writing)
        writing.end(action, f"{answer.type}/{answer.id}" if answer.id else what)
        return answer

    def settle(group: Future[Written]) -> None:
        error = group.exception()
        service.parameters.settled()
        if error is None:
            future.set_result(group.result())
        elif isinstance(error, RefusedError):
            deny(service, caller, action, what, error.answer, future)
        else:
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    service.store.submit(job).add_done_callback(settle)
    return future


def deny(
    service: Service, caller: Caller, action: str, what: str, answer: Written, future: Future[Any]
) -> None:  # fmt: skip
    """Record a refused write, then give the answer."""
    said = f"refused {answer.status}"
    traced(
        service, AuditRow(caller.actor, action, 0, what[:1000], caller.origin, caller.reason, 0, said), answer, future
    )


def traced(service: Service, row: AuditRow, answer: T, future: Future[T]) -> None:
    """Give an answer once its audit row is kept; nobody is answered without a trace."""

    def settle(kept: Future[None]) -> None:
        error = kept.exception()
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)

    service.store.submit(lambda tx: tx.audit(row), 1).add_done_callback(settle)


def denied(service: Service, caller: Caller, action: str, what: str, answer: Written) -> Future[Written]:
    """Refuse before the writer's turn, with an audit row."""
    future: Future[Written] = Future()
    future.set_running_or_notify_cancel()
    deny(service, caller, action, what, answer, future)
    return future


def create(
    service: Service, caller: Caller, kind: str, resource: Any, *, if_none_exist: str = ""
) -> Future[Written]:  # fmt: skip
    """Create with an id of the server's (3.1.0.8); under a condition only if nothing meets it (else 200)."""
    piece = whole(kind, resource) or judged(service.judge, caller.actor, resource, draft(kind, resource, fresh_id()))
    if isinstance(piece, Written):
        return done(piece)
    plan = condition(kind, if_none_exist, caller, service.parameters.vocabulary) if if_none_exist else None
    if isinstance(plan, Written):
        return done(plan)
    return run(service, caller, "create", kind, lambda writing: created(writing, piece, plan))


def created(writing: Writing, piece: Piece, plan: Plan | None) -> Written:
    """Create in this transaction, unless something meets the condition."""
    if plan is not None:
        met = writing.one(plan, piece.type)
        if met is not None:
            return written(200, met)
    writing.tx.expect_none([(piece.type, piece.id)])  # the id was made a moment ago
    return writing.put(piece, None, 201)


def update(
    service: Service, caller: Caller, kind: str, id_: str, resource: Any, *, if_match: str | None = None,
    if_none_match: str | None = None,
) -> Future[Written]:  # fmt: skip
    """Replace the current version, or create under the client's id where the setting allows it (3.1.0.7)."""
    masked = changeable(caller, kind)
    if masked is not None:
        return denied(service, caller, "update", f"{kind}/{id_}", masked)
    said = resource.get("id") if isinstance(resource, dict) else None
    if isinstance(resource, dict) and said != id_:
        text = "the resource has no id" if said is None else "the resource's id is not that of the address"
        return done(refusal(kind, 400, "value", text, where=f"{kind}.id", hint=f"send the id {id_[:64]}", rule="id"))
    piece = whole(kind, resource) or judged(service.judge, caller.actor, resource, draft(kind, resource, id_))
    if isinstance(piece, Written):
        return done(piece)
    return run(
        service, caller, "update", f"{kind}/{id_}",
        lambda writing: updated(writing, piece, if_match=if_match, if_none_match=if_none_match),
    )  # fmt: skip


def updated(
    writing: Writing, piece: Piece, *, if_match: str | None = None, if_none_match: str | None = None
) -> Written:  # fmt: skip
    """Replace or create in this transaction."""
    kind = piece.type
    now, seen = writing.current(kind, piece.id)
    there = now if seen else None
    writing.guard(there, kind, if_match)
    writing.unless(there, kind, if_none_match)
    if there is not None and there.state == 0:
        return writing.put(piece, there, 200)
    if not writing.settings.update_create and there is None:
        text, hint = "this server gives the ids", f"create it by POST {kind}"
        raise RefusedError(refusal(kind, 405, "not-supported", text, hint=hint, rule="update-create", id_=piece.id))
    if now is not None and not seen:
        raise RefusedError(refusal(kind, 409, "conflict", "this id cannot be used", rule="taken", id_=piece.id))
    return writing.put(piece, now, 201)


def update_conditional(
    service: Service, caller: Caller, kind: str, query: str, resource: Any, *, if_match: str | None = None,
    if_none_match: str | None = None,
) -> Future[Written]:  # fmt: skip
    """Replace the one resource that meets the condition, or create it (3.1.0.7.2)."""
    masked = changeable(caller, kind)
    if masked is not None:
        return denied(service, caller, "update", kind, masked)
    plan = condition(kind, query, caller, service.parameters.vocabulary)
    if isinstance(plan, Written):
        return done(plan)
    id_ = resource["id"] if _has_id(resource) else fresh_id()
    checked = whole(kind, resource) or judged(service.judge, caller.actor, resource, draft(kind, resource, id_))
    if isinstance(checked, Written):
        return done(checked)
    piece = checked
    return run(
        service, caller, "update", kind,
        lambda writing: updated_conditional(
            writing, piece, plan, resource, if_match=if_match, if_none_match=if_none_match
        ),
    )  # fmt: skip


def _has_id(resource: Any) -> bool:
    return isinstance(resource, dict) and resource.get("id") is not None


def updated_conditional(
    writing: Writing, piece: Draft, plan: Plan, resource: Json, *, if_match: str | None = None,
    if_none_match: str | None = None,
) -> Written:  # fmt: skip
    """Replace or create in this transaction what the condition finds."""
    kind, met = piece.type, writing.one(plan, piece.type)
    if met is None:
        writing.guard(None, kind, if_match)
        if not _has_id(resource):
            return writing.put(piece, None, 201)
        now, seen = writing.current(kind, piece.id)
        if now is not None and not (seen and now.state == 1):
            text = "the condition meets nothing, and the resource's id is in use"
            raise RefusedError(refusal(kind, 409, "conflict", text, rule="taken", id_=piece.id))
        return updated(writing, piece)
    if _has_id(resource) and resource["id"] != met.id:
        text = "the resource's id is not that of the one that meets the condition"
        raise RefusedError(refusal(kind, 400, "value", text, where=f"{kind}.id", rule="id"))
    writing.guard(met, kind, if_match)
    writing.unless(met, kind, if_none_match)
    if piece.id != met.id:
        again = draft(kind, resource, met.id)
        if isinstance(again, Written):
            raise RefusedError(again)
        again.issues = piece.issues  # of the same content but for the id
        piece = again
    return writing.put(piece, met, 200)


def patched(judge: Judge, actor: str, kind: str, now: Stored, how: str, body: Any) -> Piece:
    """Apply a patch to a version (`how`: json or fhirpath); RefusedError with its Issues when it cannot be applied."""
    result = (json_patch if how == "json" else fhirpath_patch)(json.decode(now.body), body)
    if result.value is None:
        raise RefusedError(refused(kind, 422, result.issues, now.id))
    said = result.value
    if said.get("resourceType") != kind or said.get("id") != now.id:
        text = "a patch must not change type or id"
        raise RefusedError(refusal(kind, 422, "business-rule", text, rule="patch", id_=now.id))
    piece = judged(judge, actor, said, draft(kind, said, now.id))
    if isinstance(piece, Written):
        raise RefusedError(piece)
    return piece


def patch(
    service: Service, caller: Caller, kind: str, id_: str, how: str, body: Any, *, if_match: str | None = None,
    if_none_match: str | None = None,
) -> Future[Written]:  # fmt: skip
    """Change the current version (3.1.0.6): JSON Patch (`json`) or FHIRPath Patch (`fhirpath`, a Parameters)."""
    masked = changeable(caller, kind)
    if masked is not None:
        return denied(service, caller, "patch", f"{kind}/{id_}", masked)
    if not is_id(id_):
        return done(refusal(kind, 404, "not-found", f"there is no such {kind}", rule="none"))

    def act(writing: Writing) -> Written:
        now = writing.named(kind, id_)
        writing.guard(now, kind, if_match)
        writing.unless(now, kind, if_none_match)
        writing.changeable(kind)  # before the patch tells what it met
        return writing.put(ready(now), now, 200)

    ready = _ahead(service, caller, kind, id_, how, body)
    return run(service, caller, "patch", f"{kind}/{id_}", act)


def _ahead(
    service: Service, caller: Caller, kind: str, id_: str, how: str, body: Any
) -> Callable[[Stored], Piece]:  # fmt: skip
    """Patch what is current before the writer's turn; there only when it has changed meanwhile."""
    seen = service.store.guarded.read(caller.predicate, kind, id_)
    made: Piece | RefusedError | None = None
    if seen is not None and seen.state == 0:
        try:
            made = patched(service.judge, caller.actor, kind, seen, how, body)
        except RefusedError as error:
            made = error

    def ready(now: Stored) -> Piece:
        if seen is None or made is None or (seen.rid, seen.version) != (now.rid, now.version):
            return patched(service.judge, caller.actor, kind, now, how, body)
        if isinstance(made, RefusedError):
            raise made
        return made

    return ready


def patch_conditional(
    service: Service, caller: Caller, kind: str, query: str, how: str, body: Any, *, if_match: str | None = None,
    if_none_match: str | None = None,
) -> Future[Written]:  # fmt: skip
    """Change the one resource that meets the condition (3.1.0.6.2)."""
    masked = changeable(caller, kind)
    if masked is not None:
        return denied(service, caller, "patch", kind, masked)
    plan = condition(kind, query, caller, service.parameters.vocabulary)
    if isinstance(plan, Written):
        return done(plan)
    return run(
        service, caller, "patch", kind,
        lambda writing: patched_conditional(writing, kind, plan, how, body, if_match, if_none_match),
    )  # fmt: skip


def patched_conditional(
    writing: Writing, kind: str, plan: Plan, how: str, body: Any, if_match: str | None = None,
    if_none_match: str | None = None,
) -> Written:  # fmt: skip
    """Change in this transaction what the condition finds."""
    met = writing.one(plan, kind)
    if met is None:
        raise RefusedError(refusal(kind, 404, "not-found", "nothing meets the condition", rule="none"))
    writing.guard(met, kind, if_match)
    writing.unless(met, kind, if_none_match)
    writing.changeable(kind)
    return writing.put(patched(writing.judge, writing.caller.actor, kind, met, how, body), met, 200)


def delete(
    service: Service, caller: Caller, kind: str, id_: str, *, if_match: str | None = None
) -> Future[Written]:  # fmt: skip
    """Delete the current version (3.1.0.7): 204, a second time too, and also for what has never been there."""
    if not is_id(id_):
        return done(refusal(kind, 404, "not-found", f"there is no such {kind}", rule="none"))
    return run(service, caller, "delete", f"{kind}/{id_}", lambda writing: deleted(writing, kind, id_, if_match))


def deleted(writing: Writing, kind: str, id_: str, if_match: str | None = None) -> Written:
    """Delete in this transaction."""
    now, seen = writing.current(kind, id_)
    if now is not None and seen and now.state == 1:
        return written(204, now)
    there = now if seen else None
    writing.guard(there, kind, if_match)
    return writing.drop(there) if there is not None else _nothing(kind)


def delete_conditional(
    service: Service, caller: Caller, kind: str, query: str, *, if_match: str | None = None
) -> Future[Written]:  # fmt: skip
    """Delete what meets the condition: one, or as many as there are, as the setting says (3.1.0.7.1)."""
    way = service.settings.fhir.conditional_delete
    if way == "off":
        return done(undeletable(kind))
    most = 2 if way == "single" else _MOST_DELETED + 1
    plan = condition(kind, query, caller, service.parameters.vocabulary, most=most)
    if isinstance(plan, Written):
        return done(plan)
    return run(service, caller, "delete", kind, lambda writing: deleted_conditional(writing, kind, plan, way, if_match))


def undeletable(kind: str) -> Written:
    """Refuse to delete by a condition where the setting says so."""
    return refusal(
        kind, 405, "not-supported", "deleting by a condition is switched off here", rule="conditional-delete"
    )  # fmt: skip


def deleted_conditional(
    writing: Writing, kind: str, plan: Plan, way: str, if_match: str | None = None
) -> Written:  # fmt: skip
    """Delete in this transaction what the condition finds."""
    if way == "single":
        met = writing.one(plan, kind)
        writing.guard(met, kind, if_match)
        return writing.drop(met) if met is not None else _nothing(kind)
    rows = writing.tx.search(plan).rows
    if len(rows) > _MOST_DELETED:
        text = f"more than {_MOST_DELETED} resources meet the condition"
        raise RefusedError(refusal(kind, 413, "too-costly", text, hint="delete them in parts", rule="many"))
    if not rows:
        writing.guard(None, kind, if_match)
        return _nothing(kind)
    answer = Written(204, kind)
    for row in rows:
        now = writing.tx.current(kind, row.id)
        if now is not None and now.state == 0:
            writing.guard(now, kind, if_match)
            answer = writing.drop(now)
    return answer if len(rows) == 1 else Written(204, kind)


def _nothing(kind: str) -> Written:
    """Answer as when it had been deleted before; who wants an OperationOutcome is told."""
    text = f"there is no such {kind}, so nothing was deleted"
    return Written(204, kind, issues=[Issue("information", "not-found", text, rule="fhir.write.none")])
