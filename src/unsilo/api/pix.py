"""Patient/$ihe-pix: the other identifiers of whoever has one (IHE PIXm, ITI-83), with the errors of its tables."""

from urllib.parse import urlsplit

from unsilo.api import form
from unsilo.api.ask import ID, Answer, Ask, Refused
from unsilo.api.invoked import given
from unsilo.api.node import Node
from unsilo.api.reading import not_recorded
from unsilo.flow.ihe.pix import Asked, Crossed, cross, known_to
from unsilo.kernel import Issue, Json, Where, json
from unsilo.kernel.issue import Code

__all__ = ["pix"]

_MOST = 100
_REFUSALS: dict[str, tuple[int, Code, str]] = {
    "unknown": (404, "not-found", "sourceIdentifier Patient Identifier not found"),
    "domain": (400, "code-invalid", "sourceIdentifier Assigning Authority not found"),
    "target": (403, "code-invalid", "targetSystem not found"),
}
"""State -> HTTP status, issue code and the profile's own words (2:3.83.4.2.2.2 to 2:3.83.4.2.2.4)."""


def _wrong(text: str, name: str, code: Code = "value") -> Refused:
    return Refused([Issue("error", code, text, Where(name), rule="pix.parameters")], 400)


def _own(ask: Ask, node: Node) -> frozenset[str]:
    """Return the names of this server as the assigning authority of its ids."""
    public = node.settings.public_url.rstrip("/")
    return frozenset(name for base in (ask.base, public, f"{public}/fhir" if public else "") if base
                     for name in (base, f"{base}/"))  # fmt: skip


def _asked(ask: Ask, own: frozenset[str]) -> Asked:
    sources = [value for name, value in ask.pairs if name == "sourceIdentifier"]
    targets = [value for name, value in ask.pairs if name == "targetSystem"]
    if len(sources) != 1:
        raise _wrong("sourceIdentifier stands exactly once", "sourceIdentifier", "required" if not sources else "value")
    system, bar, value = sources[0].partition("|")
    if not bar or not system or not value:
        raise _wrong("sourceIdentifier is written SYSTEM|VALUE", "sourceIdentifier")
    if len(targets) > _MOST:
        raise _wrong(f"at most {_MOST} target systems", "targetSystem")
    for target in targets:
        if not urlsplit(target).scheme:
            raise _wrong("targetSystem is an absolute URI", "targetSystem")
    id_ = ""
    if system in own:
        id_ = value.removeprefix("Patient/")
        id_ = id_ if ID.fullmatch(id_) else "-"
    return Asked((system, value), id_, tuple(dict.fromkeys(targets)))


def _parameters(found: Crossed) -> Json:
    rows: list[Json] = [{"name": "targetIdentifier", "valueIdentifier": item} for item in found.identifiers]
    rows += [{"name": "targetId", "valueReference": {"reference": f"Patient/{id_}"}} for id_ in found.patients]
    said: Json = {"resourceType": "Parameters"}
    return {**said, "parameter": rows} if rows else said


async def pix(node: Node, ask: Ask) -> Answer:
    """Answer 200 with `targetIdentifier` and `targetId`, or 400, 403, 404 as the profile says."""
    await given(node, ask)
    form.known(ask, "sourceIdentifier", "targetSystem")
    own = _own(ask, node)
    asked = _asked(ask, own)
    predicate = node.predicate(ask)
    if predicate.elements.get("Patient"):
        text = "a part of Patient is not shown to you, so its identifiers cannot be crossed"
        return Answer(403, issues=[Issue("error", "forbidden", text, rule="pix.masked")])
    found = await node.apart(cross, known_to(node.service, predicate), asked, own)
    refusal = _REFUSALS.get(found.state)
    outcome = "success" if refusal is None else "not-found"
    if not await node.note(ask, "pix", "Patient/$ihe-pix", found.patients, outcome=outcome):
        return not_recorded()
    if refusal is not None:
        status, code, text = refusal
        # The profile wants its words as diagnostics, which is where a hint goes.
        return Answer(status, issues=[Issue("error", code, text, hint=text, rule=f"pix.{found.state}")])
    return Answer(200, json.encode(_parameters(found)))
