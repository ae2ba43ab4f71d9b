"""$export and what belongs to it: kick-off, status, files, cancelling (Bulk Data Access 2.0, FHIR R4 async.html)."""

import asyncio

from unsilo.api import answers, lasting, take
from unsilo.api.ask import Answer, Ask
from unsilo.api.node import Node
from unsilo.flow.bulk.export import issues_of_filters, members_of
from unsilo.flow.bulk.job import File, Job
from unsilo.flow.bulk.request import Request, read, types_of
from unsilo.kernel import Json, clock

__all__ = ["cancel", "download", "group", "patient", "status", "system"]


async def system(node: Node, ask: Ask) -> Answer:
    """Begin an export of everything."""
    return await _kick_off(node, ask, "system")


async def patient(node: Node, ask: Ask) -> Answer:
    """Begin an export of all patients."""
    return await _kick_off(node, ask, "patient")


async def group(node: Node, ask: Ask) -> Answer:
    """Begin an export of the patients of a Group."""
    view = node.store.view(shared=True)
    members = await asyncio.to_thread(members_of, view, node.predicate(ask), ask.id)
    if members is None:
        return answers.failed(404, "not-found", f"there is no Group/{ask.id[:64]}", "none")
    return await _kick_off(node, ask, "group")


async def _kick_off(node: Node, ask: Ask, level: str) -> Answer:
    refused = lasting.wants_an_answer_now(ask, "export")
    if refused is not None:
        return refused
    bounds = node.settings.http
    body = None
    if ask.method == "POST":
        body = await take.resource(ask, bounds.limit_bytes, bounds.body_seconds)
        if body.get("resourceType") != "Parameters":
            return answers.refusal("a POST carries a Parameters resource", "bulk")
    request, issues = read(level, ask.pairs, group=ask.id, body=body, lenient=ask.lenient)  # type: ignore[arg-type]
    if request is not None:
        issues = issues_of_filters(request, node.predicate(ask), node.service.parameters.vocabulary) or []
    if request is None or issues:
        return answers.fail(issues, 400)
    if not await node.note(ask, "export", f"{level} export begun", ()):
        return answers.failed(503, "exception", "the access could not be recorded", "audit")
    url = f"{ask.base}/{'/'.join(ask.parts)}" + (f"?{ask.query.decode('latin-1')}" if ask.query else "")
    job = await asyncio.to_thread(node.exports.ask, ask.actor, url, request)
    return lasting.too_many("export") if job is None else lasting.accepted(ask, "export", job.id)


def _progress(request: Request, job: Job) -> str:
    types = request.types or types_of(request.level)
    return f"{job.written} resources, {job.place[0]} of {len(types)} types"


async def status(node: Node, ask: Ask) -> Answer:
    """Say how far an export is: 202 with progress, or 200 with the list of its files."""
    job = await asyncio.to_thread(node.exports.get, ask.parts[1], ask.actor)
    if job is None:
        return lasting.missing(node.exports)
    if job.state == "running":
        progress = _progress(job.request, job).encode()
        return Answer(202, b"", [(b"x-progress", progress), (b"retry-after", b"1")])
    if job.state == "failed":
        return answers.failed(500, "exception", f"the export failed ({job.error})", "bulk")

    def listed(file: File) -> dict[str, object]:
        kind = "Bundle" if file.kind == "deleted" else file.type
        return {"type": kind, "url": f"{ask.base}/$export-file/{file.name}", "count": file.count}

    manifest: Json = {
        "transactionTime": clock.instant(job.time), "request": job.url, "requiresAccessToken": True,
        "output": [listed(file) for file in job.files if file.kind == "output"],
        "deleted": [listed(file) for file in job.files if file.kind == "deleted"], "error": [],
    }  # fmt: skip
    return lasting.told(node.exports, job, manifest)


async def cancel(node: Node, ask: Ask) -> Answer:
    """Stop an export, or remove its files when it is done."""
    return await lasting.cancelled(node.exports, ask)


async def download(node: Node, ask: Ask) -> Answer:
    """Give one file of a finished export."""
    name = ask.parts[1]
    job: Job | None = await lasting.found(node.exports, ask)
    file = next((f for f in job.files if f.name == name), None) if job is not None and job.state == "done" else None
    if job is None or file is None:
        return lasting.missing(node.exports)
    if not await node.note(ask, "export", f"file {file.type} of export {job.id}", ()):
        return answers.failed(503, "exception", "the access could not be recorded", "audit")
    return await lasting.given(node.exports, job, name)
