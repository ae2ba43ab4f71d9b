"""Answers of the machine interfaces: resources with their version, and every error as an OperationOutcome."""

from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import gmtime, strftime
from typing import get_args

from starlette.responses import Response

from unsilo.api.ask import Answer, Ask, Headers
from unsilo.fhir.outcome import operation_outcome
from unsilo.kernel import CATEGORIES, Issue, Where, json, worst
from unsilo.kernel.issue import Code
from unsilo.storage import Stored

__all__ = [
    "NOT_ACCEPTABLE",
    "etag",
    "fail",
    "failed",
    "http_date",
    "problem",
    "quiet",
    "refusal",
    "unchanged",
    "version_headers",
]

FHIR_JSON = "application/fhir+json; charset=utf-8"
NOT_ACCEPTABLE = Issue(
    "error", "not-supported", "only FHIR JSON and FHIR XML are served", Where(),
    "Accept: application/fhir+json or application/fhir+xml", "http.accept",
)  # fmt: skip
_CODES = frozenset(get_args(Code))
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def status_of(issues: Sequence[Issue]) -> int:
    """Return the HTTP status that the gravest issue asks for."""
    grave = worst(list(issues))
    return CATEGORIES[grave.code].http if grave is not None else 500


def quiet(text: str) -> str:
    """Return what was asked for as an error may repeat it: short, and without anything but plain signs."""
    return "".join(c if c.isprintable() else "?" for c in text[:80])


def fail(issues: Sequence[Issue], status: int = 0, headers: Headers | None = None) -> Answer:
    """Answer with an OperationOutcome, which is written in the client's form when it is sent."""
    return Answer(status or status_of(issues), b"", headers, issues=list(issues))


def failed(
    status: int, code: Code, text: str, rule: str, *, where: str = "", hint: str = "", headers: Headers | None = None
) -> Answer:
    """Answer with an OperationOutcome of one error."""
    return fail([Issue("error", code, text, Where(where), hint, f"http.{rule}")], status, headers)


def problem(status: int, code: str, text: str, rule: str, headers: dict[str, str] | None = None) -> Response:
    """Answer an address that is not below `/fhir` with an OperationOutcome of one error."""
    issue = Issue("error", code if code in _CODES else "exception", text, rule=f"api.{rule}")  # type: ignore[arg-type] # checked
    said = {"Cache-Control": "no-store", **(headers or {}), "Content-Type": FHIR_JSON}
    return Response(json.encode(operation_outcome([issue])), status, said)


def refusal(text: str, rule: str, status: int = 400, code: Code = "value", where: str = "", hint: str = "") -> Answer:
    """Answer a request that is wrong in one place."""
    return failed(status, code, text, rule, where=where, hint=hint)


@lru_cache(maxsize=4096)
def http_date(second: int) -> bytes:
    """Return seconds since 1970 as RFC 9110 5.6.7 writes a time."""
    at = gmtime(second)
    return f"{_DAYS[at.tm_wday]}, {at.tm_mday:02d} {_MONTHS[at.tm_mon - 1]} {strftime('%Y %H:%M:%S', at)} GMT".encode()


def etag(row: Stored) -> bytes:
    """Return the weak entity tag of a version (FHIR R4 3.1.0.1.3)."""
    return b'W/"%d"' % row.version


def version_headers(row: Stored) -> Headers:
    """Return ETag and Last-Modified of a version."""
    return [(b"etag", etag(row)), (b"last-modified", http_date(row.updated // 1_000_000))]


def unchanged(ask: Ask, row: Stored) -> bool:
    """Tell whether the client has this version already (FHIR R4 3.1.0.1.4, conditional read)."""
    known = ask.headers.get(b"if-none-match")
    if known is not None:
        tags = [item.strip().removeprefix(b"W/") for item in known.split(b",")]
        return known.strip() == b"*" or b'"%d"' % row.version in tags
    since = ask.headers.get(b"if-modified-since")
    if since is None:
        return False
    try:
        moment = parsedate_to_datetime(since.decode("latin-1")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return False
    return row.updated // 1_000_000 <= moment
