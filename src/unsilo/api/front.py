"""The node's web application: `/fhir` is answered by the FHIR server itself, all else by the routes of starlette."""

from typing import Any

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from unsilo.api.figures import Requests
from unsilo.api.serve import Fhir
from unsilo.flow.service import Service

__all__ = ["Front"]


class Front(Starlette):
    """starlette with the FHIR server before its routes, so that a read passes no layer that it does not need."""

    def __init__(self, service: Service, requests: Requests, **settings: Any) -> None:
        super().__init__(**settings)
        self.fhir = Fhir(service, requests)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith("/fhir") and path[5:6] in ("", "/"):
                await self.fhir(scope, receive, send)
                return
        await super().__call__(scope, receive, send)
