"""One request below `/fhir` as the interactions see it, and the answer that they give: no framework in between."""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from unsilo.kernel import Issue, Json, Where

__all__ = ["ID", "MOST_PARAMETERS", "Answer", "Ask", "Headers", "Refused"]

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
"""The logical id of a resource (FHIR R4 datatypes.html#id); use `fullmatch`, for `$` lets a newline pass."""

MOST_PARAMETERS = 200
_HOST = re.compile(r"[A-Za-z0-9.\-_]{1,255}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?")

Headers = list[tuple[bytes, bytes]]


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """A request ends here with these issues; the status is that of the worst unless given."""

    def __init__(self, issues: list[Issue], status: int = 0, headers: dict[str, str] | None = None) -> None:
        super().__init__("refused")
        self.issues, self.status, self.headers = issues, status, headers


class Answer:
    """Status, headers and the whole body; `type` is empty for FHIR in the client's form, `at` when a version was made
    (microseconds since 1970)."""

    __slots__ = ("at", "body", "headers", "issues", "status", "type")

    def __init__(
        self, status: int, body: bytes = b"", headers: Headers | None = None, type_: bytes = b"",
        issues: list[Issue] | None = None, at: int = 0,
    ) -> None:  # fmt: skip
        self.status, self.body, self.headers, self.type, self.issues = status, body, headers or [], type_, issues
        self.at = at


class Ask:
    """A request: `parts` are the decoded pieces of its path below the base; headers have lower-case names.

    `given` is the resource of an entry of a Bundle, which is no body that must be read; `held` is a body that was read.
    """

    __slots__ = (
        "_base",
        "_pairs",
        "_prefer",
        "actor",
        "given",
        "headers",
        "held",
        "id",
        "kind",
        "media",
        "method",
        "origin",
        "parts",
        "pattern",
        "query",
        "receive",
        "request_id",
        "scope",
        "scopes",
        "version",
    )  # fmt: skip

    def __init__(self, scope: Any, receive: Any) -> None:
        self.scope, self.receive = scope, receive
        self.method: str = scope["method"]
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers[name] = headers[name] + b", " + value if name in headers else value
        self.headers = headers
        self.query: bytes = scope["query_string"]
        self.parts: list[str] = []
        self.kind = self.id = self.version = ""
        self.pattern = self.actor = self.request_id = ""
        self.scopes: frozenset[str] = frozenset()
        client = scope.get("client")
        self.origin: str = client[0] if client else ""
        self.media: Any = None
        self.given: Json | None = None
        self.held: bytes | None = None
        self._pairs: list[tuple[str, str]] | None = None
        self._base = ""
        self._prefer: dict[str, str] | None = None

    def header(self, name: bytes) -> str:
        """Return a header's value as text, "" when it is not there (RFC 9110 5.5: bytes beyond ASCII are opaque)."""
        value = self.headers.get(name)
        return value.decode("latin-1") if value is not None else ""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of the address in their order; Refused when they are too many or not UTF-8."""
        if self._pairs is None:
            self._pairs = parse_pairs(self.query.decode("latin-1")) if self.query else []
        return self._pairs

    def add(self, pairs: list[tuple[str, str]]) -> None:
        """Add the parameters of a form to those of the address."""
        self._pairs = [*self.pairs, *pairs]
        # The answer looks at a parameter only when its name is there.
        self.query = b"&".join([self.query, *(name.encode() for name, _ in pairs)])

    @property
    def whole_person(self) -> bool:
        """False when the client wants a Patient to stand for itself alone (`Prefer: linked-patients=off`)."""
        return self.prefer.get("linked-patients", "").lower() != "off"

    def control(self, name: str) -> str | None:
        """Return a parameter that may stand once; Refused when it is repeated."""
        found = [value for key, value in self.pairs if key == name] if self.query else []
        if len(found) > 1:
            raise Refused(
                [Issue("error", "value", f"{name} stands more than once", Where(name), rule="http.once")], 400
            )
        return found[0] if found else None

    @property
    def base(self) -> str:
        """The address of this FHIR server as the client sees it, without a slash at the end."""
        if not self._base:
            host = self.header(b"host")
            if not _HOST.fullmatch(host):
                server = self.scope.get("server") or ("localhost", None)
                host = f"{server[0]}:{server[1]}" if server[1] else str(server[0])
            self._base = f"{self.scope.get('scheme', 'http')}://{host}/fhir"
        return self._base

    @base.setter
    def base(self, value: str) -> None:
        self._base = value

    @property
    def prefer(self) -> dict[str, str]:
        """The preferences of the client (RFC 7240): `return`, `handling`."""
        if self._prefer is None:
            self._prefer = dict(_preferences(self.header(b"prefer")))
        return self._prefer

    @prefer.setter
    def prefer(self, value: dict[str, str]) -> None:
        self._prefer = value

    @property
    def lenient(self) -> bool:
        """True when unknown parameters are to be left out, with a warning (`Prefer: handling=lenient`)."""
        return self.prefer.get("handling", "").lower() == "lenient"


@lru_cache(maxsize=256)
def _preferences(said: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in re.split(r"[,;]", said):
        name, _, value = part.partition("=")
        if name.strip():
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """Read a query string or form; Refused when it holds too many parameters or is not UTF-8."""
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except UnicodeDecodeError:
        issue = Issue("error", "charset", "a parameter is not UTF-8", hint="percent-encode UTF-8", rule="http.utf8")
        raise Refused([issue], 400) from None
    except ValueError:
        issue = Issue("error", "too-costly", f"more than {MOST_PARAMETERS} parameters", rule="http.parameters")
        raise Refused([issue], 400) from None
