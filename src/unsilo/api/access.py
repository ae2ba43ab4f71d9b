"""Who may use the machine interfaces: holders of a client token, and without one this machine only."""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from unsilo.api.answers import problem
from unsilo.flow.access import SCOPES
from unsilo.flow.service import Service

__all__ = ["Admission", "Client", "Doorkeeper", "guard"]

_FORWARDED = frozenset((b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"))
"""What a proxy adds (RFC 7239, RFC 9110 7.6.3): behind one on this machine, whoever asks comes from elsewhere."""

_REMEMBERED = 1.0
"""Seconds that a checked token is good without a look-up: so long may a revocation by another process take."""

_ALL = frozenset(SCOPES)


class Client(NamedTuple):
    """Who asks, for the audit trail: `client:NAME`, `loopback` or `network:ADDRESS`, and what is open to them."""

    actor: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Tell whether a scope is open."""
        return scope in self.scopes or "*" in self.scopes


class Admission(NamedTuple):
    """A client, or why there is none: status, text, rule, `WWW-Authenticate` (RFC 6750 3)."""

    client: Client | None
    status: int = 0
    text: str = ""
    rule: str = ""
    challenge: str = ""


@lru_cache(maxsize=1024)
def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


@lru_cache(maxsize=1024)
def _from_a_page(host: bytes, from_origin: bytes | None, site: bytes) -> bool:
    """Tell whether a web page of another site makes this request through somebody's browser.

    Such a page can reach loopback too, under a name of its own that it lets resolve to it, so without a token the
    Host must be this machine's own name and no foreign origin may stand behind the request.
    """
    said = host.decode("latin-1")
    origin = from_origin.decode("latin-1") if from_origin is not None else None
    try:
        own = _is_loopback(urlsplit(f"//{said}").hostname or "") and (origin is None or urlsplit(origin).netloc == said)
    except ValueError:
        return True
    return not own or site not in (b"none", b"same-origin")


class Doorkeeper:
    """Decides about clients; what it decided about a token is remembered for a second at most."""

    def __init__(self, service: Service) -> None:
        self._users = service.store.users
        self._open = service.settings.open_network
        self._known: dict[bytes, tuple[float, Admission]] = {}
        self._generation = -1

    def admit(self, headers: Mapping[bytes, bytes], remote: str) -> Admission:
        """Return who asks; blocks for one look-up in the store at most."""
        said = headers.get(b"authorization", b"")
        return self._by_token(said) if said else self._by_place(headers, remote)

    def _by_token(self, said: bytes) -> Admission:
        kind, _, secret = said.partition(b" ")
        secret = secret.strip()
        if kind.lower() != b"bearer" or not secret:
            return Admission(None, 401, "only Bearer tokens are known here", "token", 'Bearer realm="unsilo"')
        key, now = sha256(secret).digest(), time.monotonic()
        generation = self._users.generation
        if generation != self._generation:
            self._known.clear()
            self._generation = generation
        found = self._known.get(key)
        if found is not None and found[0] > now:
            return found[1]
        token = self._users.token(secret.decode("latin-1"))
        if token is None:
            challenge = 'Bearer realm="unsilo", error="invalid_token"'
            return Admission(None, 401, "the token is unknown, expired or revoked", "token", challenge)
        admission = Admission(Client(f"client:{token.name}", frozenset(token.scopes)))
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[key] = (now + _REMEMBERED, admission)
        return admission

    def _by_place(self, headers: Mapping[bytes, bytes], remote: str) -> Admission:
        if _is_loopback(remote) and _FORWARDED.isdisjoint(headers):
            page = _from_a_page(
                headers.get(b"host", b""), headers.get(b"origin"), headers.get(b"sec-fetch-site", b"none")
            )  # fmt: skip
            if not page:
                return _LOOPBACK
        if self._open:
            return Admission(Client(f"network:{remote}", _ALL))
        return Admission(None, 401, "a client token is needed from here", "token", 'Bearer realm="unsilo"')


_LOOPBACK = Admission(Client("loopback", _ALL))


def short_of(scope: str) -> Admission:
    """Return the refusal of a client whose scopes do not hold what is needed (RFC 6750 3.1)."""
    challenge = f'Bearer realm="unsilo", error="insufficient_scope", scope="{scope}"'
    return Admission(None, 403, f"the token is not good for {scope}", "scope", challenge)


def guard(service: Service, scope: str) -> Callable[[Request], Awaitable[Response | None]]:
    """Return the check of one scope for what is not FHIR: None lets the request through, else the refusal."""
    door = Doorkeeper(service)

    async def check(request: Request) -> Response | None:
        headers = dict(request.scope["headers"])
        admission = door.admit(headers, request.client.host if request.client else "")
        if admission.client is not None and not admission.client.may(scope):
            admission = short_of(scope)
        if admission.client is None:
            code = "security" if admission.status == 401 else "forbidden"
            challenge = {"WWW-Authenticate": admission.challenge}
            return problem(admission.status, code, admission.text, admission.rule, challenge)
        request.state.actor = admission.client.actor
        return None

    return check
