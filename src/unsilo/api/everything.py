"""The whole record of a person as one Bundle (FHIR R4 Patient/$everything), over all its source Patients."""

import asyncio
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from unsilo.api import answers, bodies
from unsilo.api.seen import record_reading
from unsilo.fhir.dates import range_of
from unsilo.flow.service import Service
from unsilo.kernel import Issue, Where
from unsilo.spec.r4 import resource_types
from unsilo.storage import Stored

__all__ = ["everything"]

_MOST = 1000


def _collect(service: Service, id_: str, kinds: list[str] | None, since: int) -> list[Stored]:
    store = service.store
    person = store.person_of(id_)
    if person is None:
        row = store.read("Patient", id_)
        patients = [row] if row is not None and row.state == 0 else []
        facts = []
    else:
        patients = [s.resource for s in store.sources(person) if s.resource is not None and s.resource.state == 0]
        facts = store.facts(person, kinds)
    if kinds is not None and "Patient" not in kinds:
        patients = []
    patients.sort(key=lambda row: (row.id != id_, row.id))
    listed = {(row.type, row.id) for row in patients}
    rows = [*patients, *(row for row in facts if (row.type, row.id) not in listed)]
    return [row for row in rows if row.updated >= since]


async def everything(service: Service, base: str, id_: str, request: Request) -> Response:
    """Answer; `_type`, `_since`, `_count` are known, `_offset` is the server's own mark in next links."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True, errors="replace")
    kinds: list[str] | None = None
    since, count, offset = 0, _MOST, 0
    issues = []
    for key, value in pairs:
        bounds = range_of(value.replace(" ", "+")) if key == "_since" else None
        if key == "_type" and set(value.split(",")) <= resource_types():
            kinds = value.split(",")
        elif key == "_since" and bounds is not None:
            since = bounds[0]
        elif key == "_count" and value.isascii() and value.isdigit() and int(value[:9]) > 0:
            count = min(int(value[:9]), _MOST)
        elif key == "_offset" and value.isascii() and value.isdigit():
            offset = int(value[:9])
        elif key != "_format":
            text = f"{key[:64]}: not supported, or not with this value"
            issues.append(Issue("error", "value", text, Where(f"http.{key[:64]}"), rule="search.value"))
    if issues:
        return answers.problems(issues, 400)
    known = await asyncio.to_thread(service.store.read, "Patient", id_) if id_ else None
    if known is None:
        return answers.problem(404, "not-found", "there is no such Patient", "none")
    rows = await asyncio.to_thread(_collect, service, id_, kinds, since)
    await record_reading(service, request, "everything", f"Patient/{id_}/$everything", [known])
    page = rows[offset : offset + count]
    address = f"{base}/Patient/{id_}/$everything"
    links = [("self", f"{address}?{urlencode(pairs)}" if pairs else address)]
    if offset + count < len(rows):
        more = [(key, value) for key, value in pairs if key != "_offset"]
        links.append(("next", f"{address}?{urlencode([*more, ('_offset', str(offset + count))])}"))
    entries = [bodies.entry(row, base) for row in page]
    return answers.fhir(bodies.bundle("searchset", entries, total=len(rows), links=links))
