"""Signing in by password or one-time link, signing out, and the choice of appearance and direction."""

import time
from collections import deque
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from unsilo.console.gate import COOKIE, anonymous, origin_of, refusal, same_site
from unsilo.console.render import Notice, page
from unsilo.flow import access
from unsilo.flow.service import Service

__all__ = ["Attempts", "SignIn", "local"]

_WINDOW, _MOST = 300.0, 10


class Attempts:
    """Counts failed sign-ins by origin: after ten within five minutes that origin waits."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[float]] = {}

    def blocked(self, origin: str, now: float) -> bool:
        """Tell whether an origin has failed too often lately."""
        failed = self._failed.get(origin)
        while failed and failed[0] < now - _WINDOW:
            failed.popleft()
        return failed is not None and len(failed) >= _MOST

    def failed(self, origin: str, now: float) -> None:
        """Remember one failure."""
        if len(self._failed) > 10_000:
            self._failed.clear()
        self._failed.setdefault(origin, deque(maxlen=_MOST)).append(now)


def local(address: str) -> str:
    """Return an address of this site to go back to; the start for anything else (no open redirect)."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not address.startswith("/") or address.startswith(("//", "/\\")):
        return "/"
    return address


def _entered(request: Request, secret: str, to: str) -> Response:
    response = RedirectResponse(to, 303)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, secret, httponly=True, samesite="lax", secure=secure, path="/")
    response.headers["cache-control"] = "no-store"
    return response


class SignIn:
    """The endpoints that need no session."""

    def __init__(self, service: Service) -> None:
        self._service, self._attempts = service, Attempts()

    async def show(self, request: Request) -> Response:
        """Show the form."""
        to = local(request.query_params.get("next", "/"))
        return page("sign_in.html", anonymous(request), title="Sign in", link="", next=to, typed="")

    async def enter(self, request: Request) -> Response:
        """Take name and password."""
        if not same_site(request):
            return refusal(request, 403, "Not from here", "This form was sent from another site.")
        form = await request.form(max_files=0, max_fields=20)
        name, password, to = (str(form.get(field) or "") for field in ("name", "password", "next"))
        origin, now = origin_of(request), time.monotonic()
        if self._attempts.blocked(origin, now):
            return refusal(request, 429, "Too many attempts", "Wait five minutes and try again.")
        secret = await run_in_threadpool(access.sign_in, self._service, name.strip(), password[:1024], origin)
        if secret is None:
            self._attempts.failed(origin, now)
            notice = Notice("The name or the password is wrong.", "bad")
            return page(
                "sign_in.html", anonymous(request), status=401, notice=notice, title="Sign in", link="",
                next=local(to), typed=name,
            )  # fmt: skip
        return _entered(request, secret, local(to))

    async def show_link(self, request: Request) -> Response:
        """Show a button: only pressing it uses the link, so that a mail program's preview does not."""
        token = request.path_params["token"]
        return page("sign_in.html", anonymous(request), title="Sign in", link=token, next="/", typed="")

    async def enter_link(self, request: Request) -> Response:
        """Use a one-time link."""
        if not same_site(request):
            return refusal(request, 403, "Not from here", "This form was sent from another site.")
        token = str((await request.form(max_files=0, max_fields=20)).get("token") or "")
        secret = await run_in_threadpool(access.enter_link, self._service, token, origin_of(request))
        if secret is None:
            hint = "Ask for a new one: unsilo user link NAME."
            return refusal(request, 403, "This link is used up", "It was used before, or is too old.", hint)
        return _entered(request, secret, "/")

    async def leave(self, request: Request) -> Response:
        """Sign out."""
        secret = request.cookies.get(COOKIE, "")
        if secret and same_site(request):
            await run_in_threadpool(access.sign_out, self._service, secret)
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(COOKIE, path="/")
        return response

    async def display(self, request: Request) -> Response:
        """Keep appearance and direction in cookies."""
        form = await request.form(max_files=0, max_fields=20)
        response = RedirectResponse(local(str(form.get("back") or "/")), 303)
        if same_site(request):
            for name, known in (("theme", ("light", "dark")), ("dir", ("rtl",))):
                value = str(form.get(name) or "")
                response.set_cookie(name, value if value in known else "", samesite="lax", max_age=31_536_000)
        return response
