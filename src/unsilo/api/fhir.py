"""FHIR R4 over HTTP, the reading part: read, vread, history, search, everything, originals (FHIR R4 http.html)."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from unsilo.api import answers, bodies
from unsilo.api.capability import capability_statement
from unsilo.api.everything import everything
from unsilo.api.query import Query, parse_query
from unsilo.api.seen import record_reading
from unsilo.fhir.outcome import operation_outcome
from unsilo.flow.service import Service
from unsilo.kernel import clock, json
from unsilo.spec.r4 import resource_types
from unsilo.storage import Stored

__all__ = ["Fhir"]

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_MOST_FORM = 1_000_000
_MEDIA = {"hl7v2": "x-application/hl7-v2+er7", "ccda": "application/xml", "fhir": "application/fhir+json"}

Interaction = Callable[[Request], Awaitable[Response]]


class Fhir:
    """The interactions over one node; every method gives a Response, errors are OperationOutcomes."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.store = service.store

    def base(self, request: Request) -> str:
        """Return the address of this FHIR server as the client sees it."""
        return (self.service.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")) + "/fhir"

    def find(self, path: str) -> tuple[str, dict[str, Interaction]]:
        """Return the pattern of a path below `/fhir/` and what may be done there by method; "" when nothing."""
        parts = path.strip("/").split("/")
        if parts == ["metadata"]:
            return "metadata", {"GET": self.metadata}
        kind = parts[0]
        if kind not in resource_types() or any(not part for part in parts):
            return "", {}
        match parts[1:]:
            case []:
                return "[type]", {"GET": partial(self.search, kind)}
            case ["_search"]:
                return "[type]/_search", {"POST": partial(self.search, kind)}
            case [id_]:
                return "[type]/[id]", {"GET": partial(self.read, kind, id_)}
            case [id_, "_history"]:
                return "[type]/[id]/_history", {"GET": partial(self.history, kind, id_)}
            case [id_, "_history", version]:
                return "[type]/[id]/_history/[vid]", {"GET": partial(self.vread, kind, id_, version)}
            case [id_, "$everything"] if kind == "Patient":
                return "Patient/[id]/$everything", {"GET": partial(self.everything, id_)}
        return "", {}

    async def metadata(self, request: Request) -> Response:
        """Say what this node does (FHIR R4 3.1.0.6)."""
        counts = await asyncio.to_thread(self.store.counts)
        statement = capability_statement(counts.resources, self.base(request), self.service.started_at)
        return answers.fhir(json.encode(statement))

    async def read(self, kind: str, id_: str, request: Request) -> Response:
        """Return the current version (FHIR R4 3.1.0.2); 410 when deleted, 304 when the client has it."""
        if kind == "Binary":
            return await self.original(id_, request)
        row = await asyncio.to_thread(self.store.read, kind, id_) if _ID.fullmatch(id_) else None
        return await self._one(row, f"{kind}/{id_}", request)

    async def vread(self, kind: str, id_: str, version: str, request: Request) -> Response:
        """Return one version (FHIR R4 3.1.0.3)."""
        row = None
        if _ID.fullmatch(id_) and version.isascii() and version.isdigit() and len(version) < 10:
            row = await asyncio.to_thread(self.store.read, kind, id_, int(version))
        return await self._one(row, f"{kind}/{id_}/_history/{version}", request)

    async def _one(self, row: Stored | None, what: str, request: Request) -> Response:
        if row is None or row.state == 2:
            return answers.problem(404, "not-found", f"there is no {what[:200]}", "none")
        await record_reading(self.service, request, "read", what, [row])
        headers = answers.version_headers(row)
        if row.state == 1:
            return answers.problem(410, "not-found", f"{what[:200]} was deleted", "gone", headers)
        if answers.unchanged(request, row):
            return Response(status_code=304, headers=headers)
        return answers.fhir(bodies.resource(row), 200, headers)

    async def original(self, id_: str, request: Request) -> Response:
        """Return the bytes of a message as they came, or as a Binary when the client asks for FHIR JSON."""
        message = await asyncio.to_thread(self.store.message, id_) if _ID.fullmatch(id_) else None
        if message is None:
            return answers.problem(404, "not-found", f"there is no Binary/{id_[:64]}", "none")
        if message.removed_on:
            text = f"the original was removed by retention on {clock.instant(message.removed_on)[:10]}"
            return answers.problem(410, "not-found", text, "removed")
        try:
            content = await asyncio.to_thread(self.store.content, id_)
        except ValueError:
            return answers.problem(500, "exception", "the stored bytes do not match their hash", "damaged")
        if content is None:
            return answers.problem(404, "not-found", f"there is no Binary/{id_}", "none")
        rows = await asyncio.to_thread(self.store.effects, message.mid)
        await record_reading(self.service, request, "read", f"Binary/{id_}", rows)
        headers = {
            "Content-Type": _MEDIA.get(message.format, "application/octet-stream"), "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment", "ETag": f'"{message.sha256}"',
            "Content-Security-Policy": "sandbox",
        }  # fmt: skip
        return Response(content, 200, headers)

    async def history(self, kind: str, id_: str, request: Request) -> Response:
        """Return all versions, the newest first (FHIR R4 3.1.0.10); a late one was never the current one."""
        rows = await asyncio.to_thread(self.store.history, kind, id_) if _ID.fullmatch(id_) else []
        rows = [row for row in rows if row.state != 2]
        if not rows:
            return answers.problem(404, "not-found", f"there is no {kind}/{id_[:64]}", "none")
        await record_reading(self.service, request, "history", f"{kind}/{id_}", rows[:1])
        base = self.base(request)
        entries = []
        for row in rows:
            method = "DELETE" if row.state == 1 else "POST" if row.version == 1 else "PUT"
            status = {"DELETE": "204", "POST": "201", "PUT": "200"}[method]
            about = {
                "request": {"method": method, "url": kind if method == "POST" else f"{kind}/{id_}"},
                "response": {"status": status, "etag": answers.etag(row), "lastModified": clock.instant(row.updated)},
            }
            entries.append(bodies.entry(row, base, b"," + json.encode(about)[1:-1]))
        links = [("self", f"{base}/{kind}/{id_}/_history")]
        return answers.fhir(bodies.bundle("history", entries, total=len(rows), links=links))

    async def search(self, kind: str, request: Request) -> Response:
        """Return what fits, newest first, page by page (FHIR R4 3.1.0.11); a Patient stands for its whole person."""
        try:
            pairs = await self._pairs(request)
        except ValueError as fault:
            return answers.problem(400, "structure", str(fault), "form")
        base = self.base(request)
        lenient = "handling=lenient" in request.headers.get("prefer", "").replace(" ", "")
        query, issues = parse_query(kind, pairs, base, lenient=lenient)
        if query is None:
            return answers.problems(issues, 400)
        after = int(query.after) if query.after.isascii() and query.after.isdigit() and len(query.after) < 19 else None
        if query.after and after is None:
            return answers.problem(400, "value", "this page is not known; start the search again", "page")
        total, rows = await asyncio.to_thread(self._found, kind, query, after)
        await record_reading(self.service, request, "search", f"{kind}?{urlencode(pairs)}", rows)
        return self._page(kind, query, pairs, total, rows, base)

    async def _pairs(self, request: Request) -> list[tuple[str, str]]:
        text = request.url.query
        if request.method == "POST":
            if "application/x-www-form-urlencoded" not in request.headers.get("content-type", ""):
                raise ValueError("a search by POST is application/x-www-form-urlencoded")
            held = bytearray()
            async for chunk in request.stream():
                held += chunk
                if len(held) > _MOST_FORM:
                    raise ValueError(f"the form is longer than {_MOST_FORM} bytes")
            form = held.decode("utf-8", "replace")
            text = f"{text}&{form}" if text else form
        try:
            return parse_qsl(text, keep_blank_values=True, max_num_fields=200, errors="strict")
        except UnicodeDecodeError:
            raise ValueError("a value is not UTF-8") from None

    def _found(self, kind: str, query: Query, after: int | None) -> tuple[int | None, list[Stored]]:
        total = self.store.count(kind, query.criteria) if query.total else None
        if query.only_count:
            return total, []
        return total, self.store.search(kind, query.criteria, query.count + 1, after)

    def _page(
        self, kind: str, query: Query, pairs: list[tuple[str, str]], total: int | None, rows: list[Stored], base: str
    ) -> Response:
        links = [("self", f"{base}/{kind}?{urlencode(pairs)}" if pairs else f"{base}/{kind}")]
        page = rows[: query.count]
        if len(rows) > len(page):
            more = [*((key, value) for key, value in pairs if key != "_after"), ("_after", str(page[-1].rid))]
            links.append(("next", f"{base}/{kind}?{urlencode(more)}"))
        entries = [bodies.entry(row, base) for row in page]
        if query.ignored:
            outcome = json.encode(operation_outcome(query.ignored))
            entries.append(b'{"resource":' + outcome + b',"search":{"mode":"outcome"}}')
        return answers.fhir(bodies.bundle("searchset", entries, total=total, links=links))

    async def everything(self, id_: str, request: Request) -> Response:
        """Return the person's whole record (FHIR R4 Patient-everything): Patients first, then facts by date."""
        return await everything(self.service, self.base(request), id_ if _ID.fullmatch(id_) else "", request)

    async def __call__(self, request: Request) -> Response:
        """Answer any request below `/fhir/`; the pattern is left in `request.state.pattern` for the figures."""
        pattern, ways = self.find(request.path_params.get("path", ""))
        request.state.pattern = f"/fhir/{pattern}" if pattern else "/fhir/*"
        if not ways:
            return answers.problem(404, "not-found", "nothing is served at this address", "address")
        way = ways.get("GET" if request.method == "HEAD" else request.method)
        if way is None:
            allowed = sorted({*ways, *(["HEAD"] if "GET" in ways else [])})
            text = f"{request.method} is not served at this address"
            return answers.problem(405, "not-supported", text, "method", {"Allow": ", ".join(allowed)})
        if not answers.accepts_json(request) and not request.state.pattern.endswith("[id]"):
            return answers.problem(406, "not-supported", "only application/fhir+json is served", "accept")
        return await way(request)
