"""What exports and imports have in common over HTTP: begun, asked for, told and removed (FHIR R4 async.html)."""

import asyncio
import time
from typing import Any

from unsilo.api import answers
from unsilo.api.ask import Answer, Ask
from unsilo.flow.bulk.queue import Queue
from unsilo.kernel import Json, json

__all__ = ["accepted", "cancelled", "found", "given", "missing", "told", "too_many", "wants_an_answer_now"]

_NDJSON = b"application/fhir+ndjson"
_SECOND = 1_000_000

AnyQueue = Queue[Any]


def wants_an_answer_now(ask: Ask, what: str) -> Answer | None:
    """Refuse a kick-off that does not say `Prefer: respond-async`; None when it does."""
    preferences = [part.strip() for part in ask.header(b"prefer").replace(";", ",").split(",")]
    if "respond-async" in preferences:
        return None
    text, hint = f"an {what} is answered later", "Prefer: respond-async"
    return answers.failed(400, "required", text, "prefer", hint=hint)


def accepted(ask: Ask, what: str, id_: str) -> Answer:
    """Answer that a job has begun, and where it can be asked for."""
    return Answer(202, b"", [(b"content-location", f"{ask.base}/${what}-status/{id_}".encode())])


def too_many(what: str) -> Answer:
    """Answer that no further job is taken."""
    text, hint = f"too many {what}s are kept or wait", "cancel those that are not needed"
    return answers.failed(429, "throttled", text, "busy", hint=hint, headers=[(b"retry-after", b"120")])


def missing(queue: AnyQueue) -> Answer:
    """Answer that there is no such job, or none of this client."""
    return answers.failed(404, "not-found", f"there is no such {queue.what}, or it is over", "none")


async def found(queue: AnyQueue, ask: Ask) -> Any:
    """Return the job that an address names, or one of its files; None when it is not this client's."""
    return await asyncio.to_thread(queue.get, ask.parts[1].partition(".")[0], ask.actor)


async def cancelled(queue: AnyQueue, ask: Ask) -> Answer:
    """Stop a job, or remove its files when it is done."""
    job = await asyncio.to_thread(queue.get, ask.parts[1], ask.actor)
    if job is None:
        return missing(queue)
    await asyncio.to_thread(queue.cancel, job.id)
    return Answer(202)


async def given(queue: AnyQueue, job: Any, name: str) -> Answer:
    """Give a file of a job."""
    try:
        content = await asyncio.to_thread(queue.jobs.path(job, name).read_bytes)
    except OSError:
        return missing(queue)
    return Answer(200, content, [], _NDJSON)


def told(queue: AnyQueue, job: Any, manifest: Json) -> Answer:
    """Give the manifest of a finished job, and say until when its files are here."""
    expires = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(queue.expires(job) // _SECOND))
    return Answer(200, json.encode(manifest), [(b"expires", expires.encode())], b"application/json")
