"""$import and what belongs to it: kick-off, status, reports, cancelling (the proposals of bulk import, FHIR R4
async.html)."""

import asyncio
import time

from unsilo.api import answers, take
from unsilo.api.ask import Answer, Ask
from unsilo.api.node import Node
from unsilo.flow.bulk.importing import report_name
from unsilo.flow.bulk.places import shown
from unsilo.flow.bulk.wanted import ImportJob, read
from unsilo.kernel import clock, json

__all__ = ["cancel", "download", "kick_off", "status"]

_NDJSON = b"application/fhir+ndjson"
_SECOND = 1_000_000


def _missing() -> Answer:
    return answers.failed(404, "not-found", "there is no such import, or it is over", "none")


async def kick_off(node: Node, ask: Ask) -> Answer:
    """Begin an import of files by list or manifest."""
    preferences = [part.strip() for part in ask.header(b"prefer").replace(";", ",").split(",")]
    if "respond-async" not in preferences:
        text, hint = "an import is answered later", "Prefer: respond-async"
        return answers.failed(400, "required", text, "prefer", hint=hint)
    bounds = node.settings.http
    body = await take.resource(ask, bounds.limit_bytes, bounds.body_seconds)
    job, issues = read(body, ask.actor, f"{ask.base}/$import", node.settings.bulk)
    if job is None:
        return answers.fail(issues, 400)
    first = shown(job.manifest or job.inputs[0].url)
    if not await node.note(ask, "import", f"import begun: {len(job.inputs)} files, {first}", ()):
        return answers.failed(503, "exception", "the access could not be recorded", "audit")
    taken = await asyncio.to_thread(node.imports.take, job)
    if taken is None:
        text, hint = "too many imports are kept or wait", "cancel those that are not needed"
        return answers.failed(429, "throttled", text, "busy", hint=hint, headers=[(b"retry-after", b"120")])
    return Answer(202, b"", [(b"content-location", f"{ask.base}/$import-status/{taken.id}".encode())])


def _progress(job: ImportJob) -> bytes:
    read_, refused = sum(each.at.read for each in job.inputs), sum(each.at.refused for each in job.inputs)
    return f"{read_} resources, {job.place} of {len(job.inputs)} files, {refused} refused".encode()


async def status(node: Node, ask: Ask) -> Answer:
    """Say how far an import is: 202 with progress, or 200 with what became of each file."""
    job = await asyncio.to_thread(node.imports.get, ask.parts[1], ask.actor)
    if job is None:
        return _missing()
    if job.state == "running":
        return Answer(202, b"", [(b"x-progress", _progress(job)), (b"retry-after", b"1")])
    if job.state == "failed":
        text, hint = f"the import failed ({job.error})", "what is stored stays; ask again to go on"
        return answers.failed(500, "exception", text, "bulk", hint=hint)
    expires = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(node.imports.expires(job) // _SECOND))
    files = list(enumerate(job.inputs))
    manifest = {
        "transactionTime": clock.instant(job.finished), "request": job.url, "requiresAccessToken": True,
        "output": [
            {"type": each.type or "Resource", "inputUrl": each.url, "count": each.at.stored + each.at.same,
             "stored": each.at.stored, "unchanged": each.at.same, "refused": each.at.refused}
            for _, each in files
        ],
        "error": [
            {"type": "OperationOutcome", "inputUrl": each.url, "count": each.faults,
             "url": f"{ask.base}/$import-file/{report_name(job, n)}"}
            for n, each in files if each.faults
        ],
    }  # fmt: skip
    return Answer(200, json.encode(manifest), [(b"expires", expires.encode())], b"application/json")


async def cancel(node: Node, ask: Ask) -> Answer:
    """Stop an import, or remove its reports when it is done; what is stored stays."""
    job = await asyncio.to_thread(node.imports.get, ask.parts[1], ask.actor)
    if job is None:
        return _missing()
    await asyncio.to_thread(node.imports.cancel, job.id)
    return Answer(202)


async def download(node: Node, ask: Ask) -> Answer:
    """Give the report of one file: an OperationOutcome a line."""
    name = ask.parts[1]
    job = await asyncio.to_thread(node.imports.get, name.partition(".")[0], ask.actor)
    known = job is not None and any(f.faults and report_name(job, n) == name for n, f in enumerate(job.inputs))
    if job is None or not known:
        return _missing()
    try:
        content = await asyncio.to_thread(node.imports.jobs.path(job, name).read_bytes)
    except OSError:
        return _missing()
    return Answer(200, content, [], _NDJSON)
