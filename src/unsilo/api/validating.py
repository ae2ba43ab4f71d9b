"""$validate of a type and of an instance; the answer is an OperationOutcome with status 200, whatever it says."""

import asyncio

from unsilo.api import form, take
from unsilo.api.answers import fail
from unsilo.api.ask import ID, Answer, Ask
from unsilo.api.node import Node
from unsilo.api.reading import not_recorded
from unsilo.api.trail import patients_in
from unsilo.fhir.outcome import operation_outcome
from unsilo.flow.fhir import read as single
from unsilo.flow.fhir.validate import outcome_of, wanted
from unsilo.kernel import json

__all__ = ["validate"]

_NAMES = ("mode", "profile")


async def validate(node: Node, ask: Ask) -> Answer:
    """Say what is wrong with the resource that is sent, or with the stored one (FHIR R4 resource-validate)."""
    form.known(ask, *_NAMES)
    bounds = node.settings.http
    body = await take.resource(ask, bounds.limit_bytes, bounds.body_seconds) if ask.method == "POST" else None
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
    return Answer(200, json.encode(operation_outcome(found)))
