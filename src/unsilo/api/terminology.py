"""Operations on CodeSystem, ValueSet and ConceptMap, by GET and POST, on the type and on a stored instance."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from unsilo.api import form, take
from unsilo.api.answers import fail
from unsilo.api.ask import ID, Answer, Ask
from unsilo.api.interaction import Interaction
from unsilo.api.node import Node
from unsilo.flow.fhir import read as single
from unsilo.flow.terminology import codes, sets
from unsilo.flow.terminology import translate as maps
from unsilo.flow.terminology.given import Given
from unsilo.kernel import Issue, Json, json
from unsilo.terminology import Terminology, TerminologyError

__all__ = ["ROWS"]

_DEFINITION = "http://hl7.org/fhir/OperationDefinition/"
Operation = Callable[[Terminology, Given], Json]
_COMMON = ("code", "system", "version", "coding", "date", "displayLanguage")
_CODED = (*_COMMON, "codeableConcept", "display", "abstract")
_NAMES: dict[tuple[str, str], tuple[str, ...]] = {
    ("CodeSystem", "$lookup"): (*_COMMON, "property"),
    ("CodeSystem", "$validate-code"): (*_CODED, "url", "codeSystem"),
    ("CodeSystem", "$subsumes"): ("codeA", "codeB", "system", "version", "codingA", "codingB"),
    ("CodeSystem", "$find-matches"): ("system", "version", "property", "exact", "compositional"),
    ("ValueSet", "$expand"): (
        "url", "valueSet", "valueSetVersion", "context", "contextDirection", "filter", "date", "offset", "count",
        "includeDesignations", "designation", "includeDefinition", "activeOnly", "excludeNested", "excludeNotForUI",
        "excludePostCoordinated", "displayLanguage", "exclude-system", "system-version", "check-system-version",
        "force-system-version",
    ),
    ("ValueSet", "$validate-code"): (*_CODED, "url", "context", "valueSet", "valueSetVersion", "systemVersion",
                                     "system-version", "force-system-version"),
    ("ConceptMap", "$translate"): (
        "url", "conceptMap", "conceptMapVersion", "code", "system", "version", "source", "coding", "codeableConcept",
        "target", "targetsystem", "targetSystem", "dependency", "reverse",
    ),
    ("", "$closure"): ("name", "concept", "version"),
}  # fmt: skip
"""Parameters that each operation takes (FHIR R4, the OperationDefinition of each)."""
_WORK: dict[tuple[str, str], Operation] = {
    ("CodeSystem", "$lookup"): codes.lookup,
    ("CodeSystem", "$validate-code"): codes.validate,
    ("CodeSystem", "$subsumes"): codes.subsumes,
    ("CodeSystem", "$find-matches"): codes.find_matches,
    ("ValueSet", "$expand"): sets.expand,
    ("ValueSet", "$validate-code"): sets.validate,
    ("ConceptMap", "$translate"): maps.translate,
}
_QUICK = frozenset(
    (
        ("CodeSystem", "$lookup"),
        ("CodeSystem", "$subsumes"),
        ("CodeSystem", "$validate-code"),
        ("ConceptMap", "$translate"),
    )
)
"""Operations that take microseconds once their systems are open."""


async def _given(node: Node, ask: Ask, names: tuple[str, ...]) -> Given:
    body: Json | None = None
    if ask.method == "POST" and (ask.given is not None or ask.headers.get(b"content-length", b"0") != b"0"):
        bounds = node.settings.http
        body = await take.resource(ask, bounds.limit_bytes, bounds.body_seconds)
    else:
        form.known(ask, *names)
    return Given.of(body, ask.pairs)


def _fault(error: TerminologyError) -> Answer:
    issue = error.issue
    return fail([Issue(issue.severity, issue.code, issue.text, issue.where, issue.hint, issue.rule)])


def _operation(kind: str, name: str) -> Callable[[Any, Ask], Awaitable[Answer]]:
    work, names = _WORK[kind, name], _NAMES[kind, name]

    async def run(node: Node, ask: Ask) -> Answer:
        terminology = node.service.terminology
        try:
            given = await _given(node, ask, names)
            if ask.id:
                given = _of_instance(node, ask, given)
            if _is_quick(terminology, given, ask.kind, name):
                return Answer(200, json.encode(work(terminology, given)))
            return Answer(200, json.encode(await node.apart(work, terminology, given)))
        except TerminologyError as error:
            return _fault(error)

    return run


def _is_quick(terminology: Terminology, given: Given, kind: str, name: str) -> bool:
    """Tell what may be answered on the event loop: its systems are open, and nothing long has to be worked out."""
    said = given.structure("coding") or given.structure("codingA") or {}
    system = (given.texts("system") or given.texts("url") or [str(said.get("system", ""))])[0].partition("|")[0]
    if (kind, name) in _QUICK:
        return terminology.shelf.is_ready(system)
    url = given.texts("url")[:1]
    if kind != "ValueSet" or not url or "displayLanguage" in given.names() or not terminology.is_quick(url[0]):
        return False
    if name == "$validate-code":
        return terminology.shelf.is_ready(system)
    return not given.names() & {"filter", "includeDesignations"} and given.number("count", 1_000, 1_000) <= 200


def _of_instance(node: Node, ask: Ask, given: Given) -> Given:
    """Add the stored resource that the operation is invoked on."""
    row = single.current(node.reads, node.predicate(ask), ask.kind, ask.id) if ID.fullmatch(ask.id) else None
    if row is None or row.state != 0:
        raise TerminologyError(
            Issue("error", "not-found", f"there is no {ask.kind}/{ask.id[:64]}", rule="http.unknown")
        )
    said = json.decode(row.body)
    if ask.kind == "CodeSystem":
        names = {"url": str(said.get("url", "")), "system": str(said.get("url", ""))}
        return given.adding([(k, v) for k, v in names.items() if k not in given.names()])
    return given.adding([({"ValueSet": "valueSet", "ConceptMap": "conceptMap"}[ask.kind], said)])


async def _closure(node: Node, ask: Ask) -> Answer:
    """Maintain a client's closure table."""
    try:
        given = await _given(node, ask, _NAMES["", "$closure"])
        folder = node.settings.data / "terminology" / "closures" / (ask.actor or "anyone").encode().hex()[:64]
        made = await asyncio.to_thread(maps.closure, node.service.terminology, given, folder)
    except TerminologyError as error:
        return _fault(error)
    return Answer(200, json.encode(made))


def _rows() -> tuple[Interaction, ...]:
    found = []
    for kind, name in _WORK:
        handler = _operation(kind, name)
        definition = f"{_DEFINITION}{kind}-{name[1:]}"
        for pattern in (f"{kind}/{name}", f"{kind}/[id]/{name}"):
            found += [Interaction(method, pattern, name, "read", handler, definition) for method in ("GET", "POST")]
    found.append(Interaction("POST", "$closure", "$closure", "write", _closure, f"{_DEFINITION}ConceptMap-closure"))
    return tuple(found)


ROWS = _rows()
"""The interactions of terminology."""
