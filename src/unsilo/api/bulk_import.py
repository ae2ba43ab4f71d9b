"""$import and what belongs to it: kick-off, status, reports, cancelling (the proposals of bulk import, FHIR R4
async.html)."""

import asyncio

from unsilo.api import answers, lasting, take
from unsilo.api.ask import Answer, Ask
from unsilo.api.node import Node
from unsilo.flow.bulk.importing import report_name
from unsilo.flow.bulk.places import shown
from unsilo.flow.bulk.wanted import ImportJob, read
from unsilo.kernel import Json, clock

__all__ = ["cancel", "download", "kick_off", "status"]


async def kick_off(node: Node, ask: Ask) -> Answer:
    """Begin an import of files by list or manifest."""
    refused = lasting.wants_an_answer_now(ask, "import")
    if refused is not None:
        return refused
    bounds = node.settings.http
    body = await take.resource(ask, bounds.limit_bytes, bounds.body_seconds)
    job, issues = read(body, ask.actor, f"{ask.base}/$import", node.settings.bulk)
    if job is None:
        return answers.fail(issues, 400)
    first = shown(job.manifest or job.inputs[0].url)
    if not await node.note(ask, "import", f"import begun: {len(job.inputs)} files, {first}", ()):
        return answers.failed(503, "exception", "the access could not be recorded", "audit")
    taken = await asyncio.to_thread(node.imports.take, job)
    return lasting.too_many("import") if taken is None else lasting.accepted(ask, "import", taken.id)


def _progress(job: ImportJob) -> bytes:
    read_, refused = sum(each.at.read for each in job.inputs), sum(each.at.refused for each in job.inputs)
    return f"{read_} resources, {job.place} of {len(job.inputs)} files, {refused} refused".encode()


async def status(node: Node, ask: Ask) -> Answer:
    """Say how far an import is: 202 with progress, or 200 with what became of each file."""
    job = await asyncio.to_thread(node.imports.get, ask.parts[1], ask.actor)
    if job is None:
        return lasting.missing(node.imports)
    if job.state == "running":
        return Answer(202, b"", [(b"x-progress", _progress(job)), (b"retry-after", b"1")])
    if job.state == "failed":
        text, hint = f"the import failed ({job.error})", "what is stored stays; ask again to go on"
        return answers.failed(500, "exception", text, "bulk", hint=hint)
    files = list(enumerate(job.inputs))
    manifest: Json = {
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
    return lasting.told(node.imports, job, manifest)


async def cancel(node: Node, ask: Ask) -> Answer:
    """Stop an import, or remove its reports when it is done; what is stored stays."""
    return await lasting.cancelled(node.imports, ask)


async def download(node: Node, ask: Ask) -> Answer:
    """Give the report of one file: an OperationOutcome a line."""
    name = ask.parts[1]
    job: ImportJob | None = await lasting.found(node.imports, ask)
    if job is None or not any(f.faults and report_name(job, n) == name for n, f in enumerate(job.inputs)):
        return lasting.missing(node.imports)
    return await lasting.given(node.imports, job, name)
