"""Web pages of other sites (CORS, Fetch standard 3.2): those of the origins that the operator names may call."""

from unsilo.api.ask import Ask, Headers
from unsilo.config import Settings

__all__ = ["Origins"]

_EXPOSED = b"Content-Location, ETag, Last-Modified, Location, X-Request-Id"
_TAKEN = (
    b"Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, Prefer, X-Purpose, "
    b"X-Request-Id"
)


class Origins:
    """The origins that may call; `*` lets every page call that shows a token."""

    def __init__(self, settings: Settings) -> None:
        self._known = frozenset(origin.rstrip("/").encode() for origin in settings.http.cors)

    def headers(self, ask: Ask) -> Headers:
        """Return the headers that let a page read the answer; none for an origin that is not known."""
        origin = ask.headers.get(b"origin", b"")
        if origin not in self._known and b"*" not in self._known:
            return []
        said = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
        if ask.method != "OPTIONS":
            return [*said, (b"access-control-expose-headers", _EXPOSED)]
        methods = b"GET, HEAD, POST, PUT, PATCH, DELETE"
        return [
            *said, (b"access-control-allow-methods", methods), (b"access-control-allow-headers", _TAKEN),
            (b"access-control-max-age", b"600"),
        ]  # fmt: skip
