"""Patient/[id]/$golden: the one record that stands for all of a person's source Patients, computed for the answer."""

from unsilo.api import answers, form
from unsilo.api.ask import ID, Answer, Ask
from unsilo.api.invoked import given
from unsilo.api.node import Node
from unsilo.api.reading import not_recorded
from unsilo.flow.fhir import read as single
from unsilo.flow.golden.person import golden_patient
from unsilo.kernel import json

__all__ = ["golden"]


async def golden(node: Node, ask: Ask) -> Answer:
    """Return it as a Patient, named by the person's id, each element with the Patients that state it and the rule."""
    await given(node, ask)
    form.known(ask)
    predicate = node.predicate(ask)
    row = single.current(node.reads, predicate, "Patient", ask.id)
    found = None
    if row is not None and row.state == 0:
        found = await node.apart(golden_patient, node.store, node.long_reads, predicate, node.settings, ask.id)
    if found is None:
        if ID.fullmatch(ask.id) and not await node.note(ask, "golden", f"Patient/{ask.id}", (), outcome="not-found"):
            return not_recorded()
        return answers.failed(404, "not-found", "there is no such Patient", "none")
    record, patient = found
    shown = tuple(one.id for one in record.records)
    if not await node.note(ask, "golden", f"Patient/{ask.id}/$golden", shown):
        return not_recorded()
    smaller = form.cut(ask)
    body = json.encode(patient)
    return Answer(200, smaller(body) if smaller else body)
