"""$meta, $meta-add and $meta-delete: the labels, tags and profiles of a resource (FHIR R4 resource-operations.html)."""

from typing import Any

from unsilo.api import answers, form, take, writing
from unsilo.api.ask import ID, Answer, Ask, Refused
from unsilo.api.node import Node
from unsilo.api.reading import one
from unsilo.flow.fhir import read as single
from unsilo.flow.fhir import write
from unsilo.kernel import Issue, Json, Where, json

__all__ = ["add", "meta", "remove"]

_KEPT = ("profile", "security", "tag")
_TRIES = 5


def _parameters(said: Any) -> bytes:
    return json.encode({"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": said}]})


async def meta(node: Node, ask: Ask) -> Answer:
    """Return the meta of a resource or of one of its versions."""
    if ask.version:
        row = single.version(node.reads, node.predicate(ask), ask.kind, ask.id, ask.version)
    else:
        row = single.current(node.reads, node.predicate(ask), ask.kind, ask.id)
    answer = await one(node, ask, row, "meta")
    if answer.status == 200:
        answer.body = _parameters(json.decode(answer.body).get("meta", {}))
    return answer


def _given(said: Json) -> Json:
    """Return `meta` of a Parameters resource."""
    parameters = said.get("parameter")
    for n, row in enumerate(parameters if isinstance(parameters, list) else []):
        if isinstance(row, dict) and row.get("name") == "meta" and isinstance(row.get("valueMeta"), dict):
            value: Json = row["valueMeta"]
            for name in _KEPT:
                if not isinstance(value.get(name, []), list):
                    where = Where(f"Parameters.parameter[{n}].valueMeta.{name}")
                    raise Refused([Issue("error", "structure", f"{name} is a list", where, rule="http.meta")], 400)
            return value
    text, hint = "a Parameters resource with the parameter meta is expected", "valueMeta with profile, security, tag"
    raise Refused([Issue("error", "required", text, Where("Parameters.parameter"), hint, "http.meta")], 400)


def _key(name: str, value: Any) -> str:
    if name == "profile" or not isinstance(value, dict):
        return str(value)
    return f"{value.get('system', '')}|{value.get('code', '')}"


def _added(old: Json, given: Json) -> Json:
    new = dict(old)
    for name in _KEPT:
        if given.get(name):
            held = list(old.get(name) or [])
            keys = {_key(name, item) for item in held}
            new[name] = [*held, *(item for item in given[name] if _key(name, item) not in keys)]
    return new


def _removed(old: Json, given: Json) -> Json:
    new = dict(old)
    for name in _KEPT:
        gone = {_key(name, item) for item in given.get(name) or []}
        kept = [item for item in old.get(name) or [] if _key(name, item) not in gone]
        if kept:
            new[name] = kept
        else:
            new.pop(name, None)
    return new


async def add(node: Node, ask: Ask) -> Answer:
    """Add labels, tags and profiles; what is there already stays once."""
    return await _change(node, ask, adding=True)


async def remove(node: Node, ask: Ask) -> Answer:
    """Take labels, tags and profiles away."""
    return await _change(node, ask, adding=False)


async def _change(node: Node, ask: Ask, *, adding: bool) -> Answer:
    form.known(ask)
    bounds = node.settings.http
    given = _given(await take.resource(ask, bounds.limit_bytes, bounds.body_seconds))
    client = node.client(ask)
    for _ in range(_TRIES):
        row = single.current(node.reads, client.predicate, ask.kind, ask.id)
        if row is None or row.state != 0:
            what = f"{ask.kind}/{ask.id}" if ID.fullmatch(ask.id) else f"{ask.kind} with this id"
            return answers.failed(404 if row is None else 410, "not-found", f"there is no {what}", "none")
        resource = json.decode(row.body)
        old = resource.get("meta")
        resource["meta"] = (_added if adding else _removed)(old if isinstance(old, dict) else {}, given)
        if not resource["meta"]:
            del resource["meta"]
        match = f'W/"{row.version}"'
        done = await writing.awaited(
            node,
            lambda: write.update(node.service, client, ask.kind, ask.id, resource, if_match=match),  # noqa: B023 - awaited
            len(row.body),
        )
        if done.status != 412:  # somebody else changed it meanwhile: look again
            answer = writing.answer(node, ask, done)
            if answer.status < 300 and answer.body:
                answer.body = _parameters(json.decode(answer.body).get("meta", {}))
            return answer
    return answers.failed(409, "conflict", "the resource changes too often", "busy", hint="try again")
