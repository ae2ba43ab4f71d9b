"""Who may use the machine interfaces: holders of a client token, and without one this machine only."""

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from unsilo.api.answers import problem
from unsilo.flow.service import Service

__all__ = ["SCOPES", "actor", "guard"]

SCOPES: dict[str, str] = {
    "read": "FHIR reads and searches, originals of messages",
    "ingest": "sending messages to feeds",
    "metrics": "figures of the node",
}
"""What a client token may be good for; `*` is everything."""

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""What a proxy adds (RFC 7239, RFC 9110 7.6.3): behind one on this machine, whoever asks comes from elsewhere."""

_WWW = {"WWW-Authenticate": 'Bearer realm="unsilo"'}


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def _from_a_page(request: Request) -> bool:
    """Tell whether a web page of another site makes this request through somebody's browser.

    Such a page can reach loopback too, under a name of its own that it lets resolve to it, so without a token the
    Host must be this machine's own name and no foreign origin may stand behind the request.
    """
    said, origin = request.headers.get("host", ""), request.headers.get("origin")
    try:
        own = _is_loopback(urlsplit(f"//{said}").hostname or "") and (origin is None or urlsplit(origin).netloc == said)
    except ValueError:
        return True
    return not own or request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


def actor(request: Request) -> str:
    """Return who asks, for the audit trail: `client:NAME` or `loopback`."""
    return getattr(request.state, "actor", "unknown")


def guard(service: Service, scope: str) -> Callable[[Request], Awaitable[Response | None]]:
    """Return the check of one scope: None lets the request through, else the refusal (RFC 6750 3)."""

    async def check(request: Request) -> Response | None:
        said = request.headers.get("authorization", "")
        if said:
            kind, _, secret = said.partition(" ")
            if kind.lower() != "bearer" or not secret.strip():
                return problem(401, "security", "only Bearer tokens are known here", "token", _WWW)
            token = await asyncio.to_thread(service.store.users.token, secret.strip())
            if token is None:
                refused = {"WWW-Authenticate": 'Bearer realm="unsilo", error="invalid_token"'}
                return problem(401, "security", "the token is unknown, expired or revoked", "token", refused)
            if scope not in token.scopes and "*" not in token.scopes:
                short = {"WWW-Authenticate": f'Bearer realm="unsilo", error="insufficient_scope", scope="{scope}"'}
                return problem(403, "forbidden", f"the token is not good for {scope}", "scope", short)
            request.state.actor = f"client:{token.name}"
            return None
        remote = request.client.host if request.client else ""
        proxied = any(name in request.headers for name in _FORWARDED)
        if _is_loopback(remote) and not proxied and not _from_a_page(request):
            request.state.actor = "loopback"
            return None
        if service.settings.open_network:
            request.state.actor = f"network:{remote}"
            return None
        return problem(401, "security", "a client token is needed from here", "token", _WWW)

    return check
