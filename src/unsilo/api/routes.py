"""The routes beside `/fhir`: health, metrics and replays; guarded and never without an answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from unsilo.api.access import guard
from unsilo.api.answers import problem
from unsilo.api.figures import Requests, exposition
from unsilo.api.replaying import Replays
from unsilo.flow.service import Service

__all__ = ["routes"]

_log = logging.getLogger("unsilo.api")
_TEXT = "text/plain; version=0.0.4; charset=utf-8"

Handler = Callable[[Request], Awaitable[Response]]


def _answering(handler: Handler, check: Callable[[Request], Awaitable[Response | None]] | None) -> Handler:
    async def endpoint(request: Request) -> Response:
        answer = await check(request) if check is not None else None
        if answer is not None:
            return answer
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:  # noqa: BLE001 - the client gets an OperationOutcome, the log the place
            _log.exception("a request failed")
            return problem(500, "exception", "the program failed on this request", "fault")

    return endpoint


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes over one node."""

    async def healthz(_request: Request) -> Response:
        """Say that the process answers; 200 as long as the event loop turns."""
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    async def readyz(_request: Request) -> Response:
        """Say whether messages can be taken: 200, or 503 with the reasons."""
        reasons = await asyncio.to_thread(service.not_ready)
        body = {"ready": not reasons, "reasons": reasons}
        return JSONResponse(body, 503 if reasons else 200, {"Cache-Control": "no-store"})

    async def metrics(request: Request) -> Response:
        """Give all figures to Prometheus."""
        requests = request.scope.get("unsilo.requests") or Requests()
        return Response(await asyncio.to_thread(exposition, service, requests), media_type=_TEXT)

    def route(path: str, handler: Handler, methods: list[str], scope: str = "") -> Route:
        check = guard(service, scope) if scope else None
        return Route(path, _answering(handler, check), methods=methods, include_in_schema=False)

    replays = Replays(service)
    return [
        route("/replays", replays.begin, ["POST"], "operate"),
        route("/replays/{id}", replays.show, ["GET"], "operate"),
        route("/replays/{id}", replays.stop, ["DELETE"], "operate"),
        route("/healthz", healthz, ["GET"]),
        route("/readyz", readyz, ["GET"]),
        route("/metrics", metrics, ["GET"], "metrics"),
    ]
