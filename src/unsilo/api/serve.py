"""The FHIR server as a plain ASGI program: finds the interaction, admits the client, sends the answer."""

import asyncio
import logging
import re
import time
import zlib
from itertools import count
from typing import Any
from urllib.parse import unquote_to_bytes

from unsilo.api import answers
from unsilo.api.access import Admission, Client, Doorkeeper, short_of
from unsilo.api.ask import Answer, Ask, Refused
from unsilo.api.figures import Requests
from unsilo.api.form import written
from unsilo.api.interaction import Interaction
from unsilo.api.interactions import INTERACTIONS
from unsilo.api.media import JSON, negotiate, takes_gzip
from unsilo.api.node import Node
from unsilo.api.origins import Origins
from unsilo.api.table import Table
from unsilo.api.take import GoneError
from unsilo.api.unserved import unserved
from unsilo.api.whole import WHOLE, Whole
from unsilo.fhir.outcome import operation_outcome
from unsilo.flow.service import Service
from unsilo.kernel import fresh_id, json
from unsilo.storage.faults import TooLongError

__all__ = ["Fhir"]

_log = logging.getLogger("unsilo.api")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9\-.]{1,64}")
_GZIP_FROM = 1400
"""Bytes from which compression pays: what is shorter fits into one packet anyway."""
_GZIP_INLINE = 65_536


class Fhir(Node):
    """The interactions over one node."""

    def __init__(self, service: Service, requests: Requests | None = None) -> None:
        super().__init__(service)
        self.requests = requests or Requests()
        self.door = Doorkeeper(service)
        self.origins = Origins(service.settings)
        self.rows = INTERACTIONS
        self.table = Table(INTERACTIONS)
        self.within = self._within
        self._public = service.settings.public_url.rstrip("/")
        self._prefix, self._number = fresh_id()[:20] + "-", count(1)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request below `/fhir`; it is counted by its pattern, which holds no id."""
        began = time.perf_counter()
        ask = Ask(scope, receive)
        status = 500
        try:
            try:
                answer = await self._answer(ask)
            except Exception as error:  # noqa: BLE001 - what it says goes to the client or into the log
                answer = self._refusal(ask, error)
            status = answer.status
            await self._send(ask, answer, send)
        except GoneError:
            status = 400  # the client went away; there is nobody to answer
        finally:
            self.requests.note(ask.pattern, ask.method, status, time.perf_counter() - began)

    def _refusal(self, ask: Ask, error: Exception) -> Answer:
        """Return what to answer where an interaction ended with an exception; GoneError where nobody is there."""
        match error:
            case Refused():
                headers = [(k.encode(), v.encode()) for k, v in (error.headers or {}).items()]
                return answers.fail(error.issues, error.status, headers)
            case GoneError():
                raise error
            case TooLongError():
                hint = "ask for less: a narrower search, fewer types, no total"
                return answers.failed(413, "too-costly", "this takes longer than is allowed", "seconds", hint=hint)
        _log.error("a request failed", extra={"route": ask.pattern}, exc_info=error)
        return answers.failed(500, "exception", "the program failed on this request", "fault")

    async def _answer(self, ask: Ask) -> Answer:
        ways = self._place(ask)
        said = ask.headers.get(b"x-request-id")
        if said is not None and _REQUEST_ID.fullmatch(said):
            ask.request_id = said.decode()
        else:
            ask.request_id = f"{self._prefix}{next(self._number):x}"
        if not ways:
            return unserved(ask.parts)
        row = ways.get("GET" if ask.method == "HEAD" else ask.method)
        if row is None:
            return self._other(ask, ways)
        asked = ask.control("_format") if ask.query else None
        ask.media = negotiate(ask.headers.get(b"accept", b""), asked)
        if ask.media is None:
            if not row.raw or asked is not None:
                return answers.fail([answers.NOT_ACCEPTABLE], 406)
            ask.media = JSON
        if row.scope or row.code == "batch":
            denied = await self._admit(ask, row)
            if denied is not None:
                return denied
        return await row.handler(self, ask)

    async def _within(self, outer: Ask, ask: Ask) -> Answer:
        """Answer the request that an entry of a Bundle stands for, for the client of that Bundle."""
        ask.actor, ask.scopes, ask.media, ask.request_id = outer.actor, outer.scopes, JSON, outer.request_id
        ways = self._place(ask)
        row = ways.get("GET" if ask.method == "HEAD" else ask.method)
        if not ways:
            return unserved(ask.parts)
        if row is None or row.code == "batch":  # no Bundle within a Bundle
            return self._other(ask, ways)
        if row.scope and not Client(ask.actor, ask.scopes).may(row.scope):
            return await self._deny(ask, row, short_of(row.scope))
        try:
            return await row.handler(self, ask)
        except Exception as error:  # noqa: BLE001 - what it says goes to the client or into the log
            return self._refusal(ask, error)

    def _place(self, ask: Ask) -> dict[str, Interaction]:
        scope = ask.scope
        ask.pattern = "/fhir/*"
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        try:
            if path.find(b"%") < 0:  # `in` would make an exception of its own before it looks
                parts = path.decode().split("/")[2:]
            else:
                parts = [unquote_to_bytes(part).decode() for part in path.split(b"/")[2:]]
        except UnicodeDecodeError:
            return {}
        if parts and not parts[-1]:
            parts.pop()
        ask.parts = parts
        ways = self.table.find(ask.parts)
        if ways:
            row = next(iter(ways.values()))
            ask.pattern = "/fhir/" + row.pattern if row.pattern else "/fhir"
            if row.pattern[:1] == "[" or row.pattern[:1].isupper():
                ask.kind = ask.parts[0]
                if len(ask.parts) > 1 and ask.parts[1][:1] not in ("_", "$"):
                    ask.id = ask.parts[1]
                    if len(ask.parts) > 3:
                        ask.version = ask.parts[3]
            if self._public:
                ask.base = self._public + "/fhir"
        return ways

    def _other(self, ask: Ask, ways: dict[str, Interaction]) -> Answer:
        allowed = ", ".join(sorted({*ways, "OPTIONS", *(["HEAD"] if "GET" in ways else [])}))
        headers = [(b"allow", allowed.encode())]
        if ask.method == "OPTIONS":
            return Answer(204, b"", headers)
        return answers.failed(
            405, "not-supported", f"{answers.quiet(ask.method)} is not served at this address", "method",
            hint=f"allowed: {allowed}", headers=headers,
        )  # fmt: skip

    async def _admit(self, ask: Ask, row: Interaction) -> Answer | None:
        admission = self.door.admit(ask.headers, ask.origin)
        client = admission.client
        if client is not None:
            ask.actor, ask.scopes = client.actor, client.scopes
            if not row.scope or client.may(row.scope):
                return None
            admission = short_of(row.scope)
        return await self._deny(ask, row, admission)

    async def _deny(self, ask: Ask, row: Interaction, admission: Admission) -> Answer:
        await self.trail.deny(ask.actor or "unknown", row.code, ask.kind or row.pattern, ask.origin)
        code = "security" if admission.status == 401 else "forbidden"
        headers = [(b"www-authenticate", admission.challenge.encode())]
        return answers.failed(admission.status, code, admission.text, admission.rule, headers=headers)  # type: ignore[arg-type]

    # What goes out.

    async def _send(self, ask: Ask, answer: Answer, send: Any) -> None:
        body, type_ = answer.body, answer.type
        if answer.issues is not None:
            ask.media = ask.media or JSON
            body, type_ = json.encode(operation_outcome(answer.issues)), b""
        if body and not type_:
            media = ask.media or JSON
            type_ = media.type
            if media.xml or ask.query:
                body = written(ask, body)
        headers = [*answer.headers, (b"cache-control", b"no-store"), (b"x-request-id", ask.request_id.encode())]
        if body:
            headers.append((b"content-type", type_))
            if len(body) >= _GZIP_FROM and takes_gzip(ask.headers.get(b"accept-encoding", b"")):
                body = await _zipped(body)
                headers.append((b"content-encoding", b"gzip"))
            headers.append((b"vary", b"Accept, Accept-Encoding"))
        if answer.status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(body)))
        if b"origin" in ask.headers:
            headers += self.origins.headers(ask)
        if ask.method == "HEAD":
            body = b""
        whole: Whole | None = ask.scope.get(WHOLE)
        if whole is not None:
            await whole.send(answer.status, headers, body)
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _compress(body: bytes) -> bytes:
    packer = zlib.compressobj(3, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


async def _zipped(body: bytes) -> bytes:
    return _compress(body) if len(body) < _GZIP_INLINE else await asyncio.to_thread(_compress, body)
