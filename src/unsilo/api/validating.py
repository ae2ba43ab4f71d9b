"""$validate of a type and of an instance; the answer is an OperationOutcome with status 200, whatever it says."""

import asyncio

from unsilo.api import form, take
from unsilo.api.answers import fail
from unsilo.api.ask import ID, Answer, Ask
from unsilo.api.node import Node
from unsilo.api.reading import not_recorded
from unsilo.api.trail import patients_in
from unsilo.fhir.outcome import operation_outcome
from unsilo.flow.doubt import about
from unsilo.flow.fhir import read as single
from unsilo.flow.fhir.validate import doubtful, outcome_of, wanted
from unsilo.kernel import Json, clock, json
from unsilo.policy import masked
from unsilo.storage import Stored

__all__ = ["validate"]

_NAMES = ("mode", "profile", "plausibility")


def _patient(node: Node, ask: Ask, reference: str) -> Stored | None:
    """Return the Patient that a resource is about, when the client may see it."""
    kind, _, id_ = reference.partition("/")
    if kind != "Patient" or not ID.fullmatch(id_):
        return None
    row = single.current(node.reads, node.predicate(ask), kind, id_)
    return row if row is not None and row.state == 0 else None


def _seen(node: Node, ask: Ask, patient: Stored | None) -> Json | None:
    """Return of a Patient what the client may see: a doubt must not tell a birth that is masked."""
    hidden = node.predicate(ask).elements.get("Patient")
    if patient is None:
        return None
    return masked(json.decode(patient.body), hidden) if hidden else json.decode(patient.body)


def _empty(ask: Ask) -> bool:
    """Tell whether a request says that it has no body."""
    return ask.given is None and ask.header(b"content-length") in ("0", "") and not ask.header(b"transfer-encoding")


async def validate(node: Node, ask: Ask) -> Answer:
    """Say what is wrong with the resource that is sent, or with the stored one (FHIR R4 resource-validate)."""
    form.known(ask, *_NAMES)
    bounds = node.settings.http
    sent = ask.method == "POST" and not (ask.id and _empty(ask))  # without a body the stored one is meant
    body = await take.resource(ask, bounds.limit_bytes, bounds.body_seconds) if sent else None
    asked, issues = wanted(ask.kind, body, [pair for pair in ask.pairs if pair[0] in _NAMES])
    if issues:
        return fail(issues, 400)
    stored = None
    if ask.id and ID.fullmatch(ask.id):
        row = single.current(node.reads, node.predicate(ask), ask.kind, ask.id)
        live = (row,) if row is not None and row.state == 0 else ()
        if not await node.note(ask, "validate", f"{ask.kind}/{ask.id}", patients_in(live)):
            return not_recorded()
        stored = json.decode(live[0].body) if live else None
    found = await asyncio.to_thread(outcome_of, node.service.judge, ask.kind, ask.id, asked, stored)
    resource = asked.resource if asked.resource is not None else stored
    if asked.plausibility and resource is not None:
        patient = _patient(node, ask, about(resource))
        if patient is not None and not await node.note(ask, "validate", "birth and death", (patient.id,)):
            return not_recorded()
        found += doubtful(resource, _seen(node, ask, patient), clock.now())
    return Answer(200, json.encode(operation_outcome(found)))
