"""read, vread and history over HTTP."""

from urllib.parse import urlencode

from unsilo.api import answers, bodies, form
from unsilo.api.ask import ID, Answer, Ask
from unsilo.api.node import Node
from unsilo.api.trail import patients_in
from unsilo.flow.fhir import history as versions
from unsilo.flow.fhir import read as single
from unsilo.kernel import json
from unsilo.storage import Stored

__all__ = ["history", "not_recorded", "one", "read", "vread"]


def not_recorded() -> Answer:
    """Answer when the audit row could not be written: what cannot be recorded is not shown."""
    text = "the access could not be recorded, so nothing is shown"
    return answers.failed(503, "exception", text, "audit", hint="try again", headers=[(b"retry-after", b"2")])


async def read(node: Node, ask: Ask) -> Answer:
    """Return the current version (FHIR R4 3.1.0.2); 410 when deleted, 304 when the client has it."""
    return await one(node, ask, single.current(node.reads, node.predicate(ask), ask.kind, ask.id), "read")


async def vread(node: Node, ask: Ask) -> Answer:
    """Return one version (FHIR R4 3.1.0.3)."""
    row = single.version(node.reads, node.predicate(ask), ask.kind, ask.id, ask.version)
    return await one(node, ask, row, "vread")


async def one(node: Node, ask: Ask, row: Stored | None, action: str) -> Answer:
    """Answer with one version, or why there is none, once that is recorded."""
    form.known(ask)
    what = f"{ask.kind}/{ask.id[:64]}" if not ask.version else f"{ask.kind}/{ask.id[:64]}/_history/{ask.version[:16]}"
    if row is None or row.state == 2:
        if not ID.fullmatch(ask.id):
            what = f"{ask.kind} with this id"
        elif not await node.note(ask, action, what, (), outcome="not-found"):
            return not_recorded()
        return answers.failed(404, "not-found", f"there is no {what}", "none")
    if not await node.note(ask, action, what, patients_in((row,))):
        return not_recorded()
    headers = answers.version_headers(row)
    if row.state == 1:
        return answers.failed(410, "deleted", f"{what} was deleted", "gone", headers=headers)
    if answers.unchanged(ask, row):
        return Answer(304, b"", headers)
    return Answer(200, node.shown(ask)(row), headers, at=row.updated)


async def history(node: Node, ask: Ask) -> Answer:
    """Return versions, the newest first (FHIR R4 3.1.0.10), of a resource, a type or the whole server."""
    scope = "/".join(ask.parts)
    if ask.id and not ID.fullmatch(ask.id):
        return answers.failed(404, "not-found", f"there is no {ask.kind} with this id", "none")
    said, issues = versions.asked(ask.pairs, node.page_key, scope, lenient=ask.lenient)
    if issues:
        return answers.fail(issues, 400)
    page = await node.apart(
        versions.page, node.long_reads, node.predicate(ask), ask.kind or None, ask.id or None, said, node.page_key,
        scope,
    )  # fmt: skip
    if ask.id and not page.total and not said.since and said.at is None:
        if not await node.note(ask, "history", scope, (), outcome="not-found"):
            return not_recorded()
        return answers.failed(404, "not-found", f"there is no {ask.kind}/{ask.id}", "none")
    if not await node.note(ask, "history", scope, patients_in(page.rows)):
        return not_recorded()
    shown = node.shown(ask)
    entries = [
        bodies.entry(
            row, ask.base, b"," + json.encode(versions.about(row))[1:-1], shown(row) if row.state == 0 else b""
        )
        for row in page.rows
    ]
    pairs = [(key, value) for key, value in ask.pairs if key != "_page"]
    links = [("self", _link(ask, scope, ask.pairs))]
    if page.next:
        links.append(("next", _link(ask, scope, [*pairs, ("_page", page.next)])))
    return Answer(200, bodies.bundle("history", entries, total=page.total, links=links))


def _link(ask: Ask, scope: str, pairs: list[tuple[str, str]]) -> str:
    return f"{ask.base}/{scope}?{urlencode(pairs)}" if pairs else f"{ask.base}/{scope}"
