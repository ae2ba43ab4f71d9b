"""HTTP answers of the machine interfaces: resources with their version, and every error as an OperationOutcome."""

from collections.abc import Sequence
from email.utils import formatdate, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

from unsilo.fhir.outcome import operation_outcome
from unsilo.kernel import CATEGORIES, Issue, json, worst
from unsilo.storage import Stored

__all__ = ["FHIR_JSON", "accepts_json", "etag", "fhir", "problem", "problems", "unchanged", "version_headers"]

FHIR_JSON = "application/fhir+json; charset=utf-8"
_READABLE = ("*/*", "application/*", "application/json", "application/fhir+json", "text/json", "text/*")


def fhir(content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with FHIR JSON."""
    return Response(content, status, {"Cache-Control": "no-store", **(headers or {}), "Content-Type": FHIR_JSON})


def problems(issues: Sequence[Issue], status: int = 0, headers: dict[str, str] | None = None) -> Response:
    """Answer with an OperationOutcome; the status is that of the worst Issue unless given."""
    grave = worst(list(issues))
    return fhir(
        json.encode(operation_outcome(issues)), status or (CATEGORIES[grave.code].http if grave else 500), headers
    )


def problem(status: int, code: str, text: str, rule: str, headers: dict[str, str] | None = None) -> Response:
    """Answer with an OperationOutcome of one error."""
    issue = Issue("error", code, text, rule=f"api.{rule}")  # type: ignore[arg-type] # callers write codes of CATEGORIES
    return problems([issue], status, headers)


def accepts_json(request: Request) -> bool:
    """Tell whether the Accept header lets JSON through (RFC 9110 12.5.1); without one everything is welcome."""
    said = request.headers.get("accept", "")
    if not said.strip():
        return True
    for part in said.split(","):
        kind, *parameters = (item.strip().lower() for item in part.split(";"))
        refused = any(item.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for item in parameters)
        if kind in _READABLE and not refused:
            return True
    return False


def etag(row: Stored) -> str:
    """Return the weak entity tag of a version (FHIR R4 3.1.0.1.3)."""
    return f'W/"{row.version}"'


def version_headers(row: Stored) -> dict[str, str]:
    """Return ETag and Last-Modified of a version."""
    return {"ETag": etag(row), "Last-Modified": formatdate(row.updated // 1_000_000, usegmt=True)}


def unchanged(request: Request, row: Stored) -> bool:
    """Tell whether the client has this version already (FHIR R4 3.1.0.1.4, conditional read)."""
    known = request.headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or etag(row) in [item.strip() for item in known.split(",")]
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        moment = parsedate_to_datetime(since).timestamp()
    except (ValueError, TypeError, OverflowError):
        return False
    return row.updated // 1_000_000 <= moment
