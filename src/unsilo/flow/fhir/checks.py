"""What is looked at before a resource may be stored: its type, its id, its own words about itself; no database."""

import re
from itertools import islice
from typing import Any

from unsilo.fhir.subset import SUBSETTED
from unsilo.flow.fhir.outcome import Caller, Written, refusal, refused
from unsilo.flow.judge import Judge
from unsilo.flow.process import Draft, draft_resource
from unsilo.kernel import Json, json
from unsilo.spec.r4 import resource_types

__all__ = ["ID", "changeable", "draft", "etag_version", "is_id", "judged", "own_words", "whole"]

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
"""FHIR R4 datatypes.html#id: ASCII letters and digits only, and no line end after it."""

_RANKS = {
    "registered": 0, "preliminary": 1, "partial": 1, "final": 2, "amended": 3, "corrected": 3, "appended": 3,
    "cancelled": 4, "entered-in-error": 4,
}  # fmt: skip
_OWN = frozenset(("versionId", "lastUpdated"))
_FRONT = ("resourceType", "id", "meta")
_RANKED = frozenset(("Observation", "DiagnosticReport"))
"""What a message with a later status of the same result must beat; see `flow.commit.beats`."""


def is_id(text: Any) -> bool:
    """Tell whether a value is a FHIR id."""
    return isinstance(text, str) and ID.match(text) is not None


def etag_version(header: str) -> int | None:
    """Return the version that an entity tag names (`W/"3"`, `"3"`, `3`); None when it names none of ours."""
    text = header.strip().removeprefix("W/").strip('"')
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def own_words(resource: Json, id_: str) -> Json:
    """Return the resource with type, id and meta in front, without the client's versionId and lastUpdated.

    One that is so already is returned itself.
    """
    meta = resource.get("meta")
    front = tuple(islice(resource, 3))
    if front[:2] == _FRONT[:2] and resource["id"] == id_:
        if "meta" not in resource:
            return resource
        if front == _FRONT and meta and type(meta) is dict and _OWN.isdisjoint(meta):
            return resource
    kept = {k: v for k, v in meta.items() if k not in _OWN} if isinstance(meta, dict) else meta
    made: Json = {"resourceType": resource["resourceType"], "id": id_}
    if kept:
        made["meta"] = kept
    made.update((key, value) for key, value in resource.items() if key not in ("resourceType", "id", "meta"))
    return made


def draft(kind: str, resource: Any, id_: str, words: bytes = b"") -> Draft | Written:
    """Make a resource ready for the store under an id, or say why it cannot be stored.

    `words` is what `codec.encode` makes of the resource, where somebody knows it (`codec.read`).
    """
    if not isinstance(resource, dict):
        return refusal(kind, 400, "structure", "a resource is one JSON object", rule="object")
    said = resource.get("resourceType")
    if not isinstance(said, str) or said not in resource_types():
        text = "resourceType is missing" if said is None else "resourceType names no resource type of R4"
        return refusal(kind, 400, "structure", text, where="resourceType", rule="type")
    if said != kind:
        text = f"a {said} was sent to {kind}"
        return refusal(kind, 400, "structure", text, where="resourceType", hint=f"send it to {said}", rule="type")
    meta = resource.get("meta")
    if meta is not None and not isinstance(meta, dict):
        return refusal(kind, 400, "structure", "meta is not an object", where=f"{kind}.meta", rule="meta")
    if not is_id(id_):
        hint = "use 1 to 64 ASCII letters, digits, - and ."
        return refusal(kind, 400, "value", "this is no FHIR id", where=f"{kind}.id", hint=hint, rule="id")
    whole = own_words(resource, id_)
    status = resource.get("status")
    rank = _RANKS.get(status, 0) if kind in _RANKED and isinstance(status, str) else 0
    return draft_resource(whole, rank, words if whole is resource else b"")


def whole(kind: str, resource: Any) -> Written | None:
    """Refuse to store a part of a resource, as a summary gives it, as if it were the whole (search.html#elements)."""
    meta = resource.get("meta") if isinstance(resource, dict) else None
    tags = meta.get("tag") if isinstance(meta, dict) else None
    for tag in tags if isinstance(tags, list) else []:
        if isinstance(tag, dict) and tag.get("code") == SUBSETTED["code"] and tag.get("system") == SUBSETTED["system"]:
            hint = "read the resource without _summary and _elements, and change that"
            text = "this is a part of a resource; the rest would be lost"
            return refusal(kind, 422, "business-rule", text, where=f"{kind}.meta.tag", hint=hint, rule="subset")
    return None


def changeable(caller: Caller, kind: str) -> Written | None:
    """Refuse that a caller changes resources of which elements are masked for it.

    A patch could ask what they hold, an update that changes nothing could confirm a guess, and one that was made of
    what the caller sees would delete them for everybody.
    """
    if not caller.predicate.elements.get(kind):
        return None
    text = "a part of this type is hidden from you, so it cannot be changed"
    return refusal(kind, 403, "forbidden", text, rule="masked")


def judged(judge: Judge, actor: str, said: Json, made: Draft | Written) -> Draft | Written:
    """Have a resource validated as the settings say for this client: refused, or what is wrong noted with it.

    `said` is what `made` was drafted of: where that has the form of its type, so has the draft, and need not be read.
    """
    way = judge.way(actor)
    if isinstance(made, Written) or way == "off" or (way == "form" and judge.fits(said)):
        return made
    issues, refuse = judge.judged(actor, json.decode(made.body))
    if refuse:
        return refused(made.type, 400 if way == "form" else 422, issues)
    made.issues = issues
    return made
