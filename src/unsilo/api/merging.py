"""Patient/$merge and Patient/$unmerge over HTTP, with the parameters of FHIR R5 (patient-operation-merge.html)."""

from typing import Any

from unsilo.api import form, take, writing
from unsilo.api.ask import ID, Answer, Ask, Refused
from unsilo.api.node import Node
from unsilo.fhir.outcome import operation_outcome
from unsilo.flow.decide.merge import Merged, Named
from unsilo.flow.decide.merge import merge as run_merge
from unsilo.flow.decide.merge import unmerge as run_unmerge
from unsilo.kernel import Issue, Json, Where, json
from unsilo.policy import masked

__all__ = ["merge", "unmerge"]

_ONE = {
    "source-patient": "valueReference", "target-patient": "valueReference", "result-patient": "resource",
    "preview": "valueBoolean",
}  # fmt: skip
_MANY = {"source-patient-identifier": "valueIdentifier", "target-patient-identifier": "valueIdentifier"}
_MOST = 50


def _wrong(text: str, where: str) -> Refused:
    return Refused([Issue("error", "value", text, Where(where), rule="merge.parameters")], 400)


def _read(said: Json, one: dict[str, str]) -> tuple[dict[str, Any], dict[str, list[Json]]]:
    """Return the parameters that stand once and those that repeat; Refused for what is not known or stands twice."""
    rows = said.get("parameter")
    if said.get("resourceType") != "Parameters" or not isinstance(rows, list):
        raise _wrong("a Parameters resource is expected", "Parameters")
    single: dict[str, Any] = {}
    many: dict[str, list[Json]] = {name: [] for name in _MANY}
    for n, row in enumerate(rows):
        where = f"Parameters.parameter[{n}]"
        name = row.get("name") if isinstance(row, dict) else None
        if not isinstance(name, str) or (name not in one and name not in many):
            raise _wrong(f"known: {', '.join((*one, *_MANY))}", f"{where}.name")
        value = row.get(one.get(name) or _MANY[name])
        if value is None:
            raise _wrong(f"{name} is given as {one.get(name) or _MANY[name]}", where)
        if name in many:
            if not isinstance(value, dict) or not isinstance(value.get("value"), str):
                raise _wrong("an identifier has a value", f"{where}.valueIdentifier")
            many[name].append(value)
        elif name in single:
            raise _wrong("the parameter stands twice", where)
        else:
            single[name] = value
    return single, many


def _reference(ask: Ask, value: Any, where: str) -> tuple[str, list[Json]]:
    """Return the id of a Patient here that a Reference names, and the identifier that it may hold."""
    if not isinstance(value, dict):
        raise _wrong("a Reference is expected", where)
    own = [value["identifier"]] if isinstance(value.get("identifier"), dict) else []
    said = value.get("reference")
    if said is None and own:
        return "", own
    local = str(said).removeprefix(f"{ask.base}/").partition("/_history/")[0]
    kind, _, id_ = local.partition("/")
    if kind != "Patient" or not ID.fullmatch(id_):
        raise _wrong("a reference to a Patient of this server is expected", f"{where}.reference")
    return id_, own


def _named(ask: Ask, side: str, single: dict[str, Any], many: dict[str, list[Json]]) -> Named:
    name = f"{side}-patient"
    id_, own = _reference(ask, single[name], name) if name in single else ("", [])
    listed = [*own, *many[f"{name}-identifier"]]
    if not id_ and not listed:
        issue = Issue("error", "required", f"{name} or {name}-identifier is needed", Where(name), rule="merge.required")
        raise Refused([issue], 400)
    if len(listed) > _MOST:
        raise _wrong(f"at most {_MOST} identifiers", name)
    pairs = []
    for item in listed:
        system, value = item.get("system", ""), item.get("value")
        if not isinstance(system, str) or not isinstance(value, str):
            raise _wrong("an identifier has system and value as texts", f"{name}-identifier")
        pairs.append((system, value))
    return Named(id_, tuple(pairs))


async def _asked(node: Node, ask: Ask, one: dict[str, str]) -> tuple[Json, Named, Named, dict[str, Any]]:
    form.known(ask)
    writing.busy(node)
    bounds = node.settings.http
    said = await take.resource(ask, bounds.limit_bytes, bounds.body_seconds)
    single, many = _read(said, one)
    if not isinstance(single.get("preview", False), bool):
        raise _wrong("preview is true or false", "preview")
    return said, _named(ask, "source", single, many), _named(ask, "target", single, many), single


def _answer(node: Node, ask: Ask, said: Json, done: Merged) -> Answer:
    if done.status >= 400:
        return Answer(done.status, issues=done.issues)
    rows: list[Json] = [
        {"name": "input", "resource": said},
        {"name": "outcome", "resource": operation_outcome(done.issues)},
    ]
    if done.target is not None:
        hidden = node.predicate(ask).elements.get("Patient", frozenset())
        rows.append({"name": "result", "resource": masked(done.target, hidden)})
    return Answer(200, json.encode({"resourceType": "Parameters", "parameter": rows}))


async def merge(node: Node, ask: Ask) -> Answer:
    """Merge the source Patient into the target Patient, or say what that would do (`preview`)."""
    said, source, target, single = await _asked(node, ask, _ONE)
    client, result, preview = node.client(ask), single.get("result-patient"), single.get("preview", False)
    if result is not None and not isinstance(result, dict):
        raise _wrong("result-patient is a Patient resource", "result-patient")
    done = await writing.awaited(
        node, lambda: run_merge(node.service, client, source, target, result=result, preview=preview), 0
    )
    return _answer(node, ask, said, done)


async def unmerge(node: Node, ask: Ask) -> Answer:
    """Undo a merge that this operation made, or say that it can be undone (`preview`)."""
    one = {name: kind for name, kind in _ONE.items() if name != "result-patient"}
    said, source, target, single = await _asked(node, ask, one)
    client, preview = node.client(ask), single.get("preview", False)
    done = await writing.awaited(
        node, lambda: run_unmerge(node.service, client, source, target, preview=preview), 0
    )  # fmt: skip
    return _answer(node, ask, said, done)
