"""Who may see a page: session, permission, protection against other sites, and an audit row for every look."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import wraps
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from unsilo.console.render import View, page, view_of
from unsilo.flow import access
from unsilo.flow.service import Service
from unsilo.kernel import clock
from unsilo.storage import AuditRow, User

__all__ = ["COOKIE", "Asked", "Endpoint", "fault", "guarded", "origin_of", "refusal", "same_site"]

COOKIE = "unsilo_session"
_HOUR = 3_600_000_000
_MOST_FORM = 20 * 1024 * 1024

Endpoint = Callable[[Request], Awaitable[Response]]


class Asked(NamedTuple):
    """One request by a known user: what a page function gets."""

    request: Request
    service: Service
    user: User
    allowed: frozenset[str]
    view: View
    form: FormData
    trail: list["Future[None]"]

    def audit(self, action: str, *, person: int = 0, what: str = "", reason: str = "", mid: int = 0) -> None:
        """Write who did what; the answer leaves only after the row is durable."""
        row = AuditRow(
            self.user.name, action, person, what, origin_of(self.request), reason or "console", mid, "success",
            clock.now(),
        )  # fmt: skip
        self.trail.append(self.service.store.audit(row))

    def field(self, name: str) -> str:
        """Return a text field of the form, without outer white space; empty when it is not there."""
        value = self.form.get(name)
        return value.strip() if isinstance(value, str) else ""

    def may(self, permission: str) -> bool:
        """Tell whether the user's roles allow something."""
        return permission in self.allowed


def origin_of(request: Request) -> str:
    """Return the address a request came from."""
    return request.client.host if request.client is not None else ""


def same_site(request: Request) -> bool:
    """Tell whether a writing request comes from our own pages (Fetch Metadata; Origin where that is not sent)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def anonymous(request: Request) -> View:
    """Return the frame for somebody who is not signed in."""
    return view_of(request, None, frozenset())


def refusal(
    request: Request, status: int, title: str, words: str, hint: str = "", view: View | None = None
) -> Response:
    """Return a page that says why not."""
    return page("problem.html", view or anonymous(request), status=status, title=title, words=words, hint=hint)


_FAULTS = {
    404: ("No such page", "There is nothing at this address.", "Look whether it was typed or copied whole."),
    405: ("Not this way", "This address only takes what its form sends.", "Go to the page with the form."),
    500: (
        "A fault of the program", "Look whether what you did is there before you do it again.",
        "Tell who runs this node the time and the address: the log has the rest.",
    ),
}  # fmt: skip


def fault(request: Request, found: Exception) -> Response:
    """Answer what no page answers: a page for a browser, a line of text for a program."""
    status = found.status_code if isinstance(found, HTTPException) else 500
    headers = dict(found.headers or {}) if isinstance(found, HTTPException) else {}
    if status not in _FAULTS or "text/html" not in request.headers.get("accept", ""):
        text = found.detail if isinstance(found, HTTPException) else "Internal Server Error"
        return PlainTextResponse(text, status, headers)
    response = refusal(request, status, *_FAULTS[status])
    response.headers.update(headers)
    return response


def guarded(service: Service, permission: str, act: Callable[[Asked], Response], *, writes: bool = False) -> Endpoint:
    """Return the endpoint of a page: sign-in and `permission` ("" for any user) are asked before `act` runs.

    `act` runs in a thread, since it reads the store. Its audit rows are durable before the answer leaves; when they
    cannot be written, nothing is shown.
    """

    @wraps(act)
    async def endpoint(request: Request) -> Response:
        if writes and not same_site(request):
            return refusal(request, 403, "Not from here", "This form was sent from another site.")
        secret = request.cookies.get(COOKIE, "")
        found = await run_in_threadpool(service.store.users.session, secret) if secret else None
        if found is None:
            back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/sign-in?next={quote(back, safe='')}" if not writes else "/sign-in", 303)
        user, expires = found
        allowed = frozenset[str]().union(*(access.permissions().get(role, frozenset()) for role in user.roles))
        view = view_of(request, user, allowed)
        if permission and permission not in allowed:
            return refusal(request, 403, "Not allowed", *_not_included(user, permission), view)
        form = await request.form(max_part_size=_MOST_FORM) if writes else FormData()
        asked = Asked(request, service, user, allowed, view, form, [])
        response = await run_in_threadpool(_run, act, asked)
        for row in asked.trail:
            await asyncio.wrap_future(row)
        now = clock.now()
        lifetime = service.settings.session_hours * _HOUR
        if expires - now < lifetime // 2:
            await asyncio.wrap_future(service.store.users.extend_session(secret, now + lifetime))
        return response

    return endpoint


def _not_included(user: User, permission: str) -> tuple[str, str]:
    """Return what to tell a user who lacks a permission, and who has it."""
    roles = ", ".join(role for role, has in access.permissions().items() if permission in has)
    return (
        f"Your role ({', '.join(user.roles)}) does not include this page.",
        f"It is open to: {roles}. An administrator can give you the role.",
    )


def _run(act: Callable[[Asked], Response], asked: Asked) -> Response:
    """Make a page without cyclic collection: a long record is hundreds of thousands of young objects, all needed."""
    was = gc.isenabled()
    gc.disable()
    try:
        return act(asked)
    finally:
        if was:
            gc.enable()


def pick(request: Request, name: str, known: Any, default: str) -> str:
    """Return a query parameter when it is one of `known`, else the default."""
    value = request.query_params.get(name, default)
    return value if value in known else default


def whole(request: Request, name: str) -> int:
    """Return a whole number of the address; 0 when it is none."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
