"""What the entries of a transaction ask for, read without a database (FHIR R4 3.1.0.11)."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from unsilo.flow.fhir.checks import is_id
from unsilo.flow.fhir.outcome import RefusedError, Written, refusal, refused
from unsilo.kernel import Issue, Json, Where, fresh_id, json
from unsilo.spec.r4 import resource_types

__all__ = ["Entry", "at", "read"]

Method = Literal["DELETE", "POST", "PUT", "PATCH", "GET", "HEAD"]

_PATCHES = ("application/json-patch+json",)


class Entry(msgspec.Struct, array_like=True):
    """One entry: `query` is its condition ("" none), `id` what is known of its identity before the database is asked.

    `patch` is (json or fhirpath, the patch).
    """

    place: int
    method: Method
    type: str
    id: str
    query: str
    full_url: str
    resource: Json
    if_match: str | None = None
    if_none_match: str | None = None
    patch: tuple[str, Any] | None = None


def at(place: int, answer: Written) -> Written:
    """Return a refusal with the place of its entry before every path."""
    here = f"Bundle.entry[{place}]"

    def moved(path: str) -> Where:
        kind = answer.type
        inside = f"resource{path.removeprefix(kind)}" if path.startswith(f"{kind}.") else path
        return Where(f"{here}.{inside}" if path else here)

    answer.issues = [msgspec.structs.replace(issue, where=moved(issue.where.path)) for issue in answer.issues]
    return answer


def _wrong(place: int, path: str, text: str, hint: str = "") -> RefusedError:
    issue = Issue("error", "value", text, Where(f"Bundle.entry[{place}]{path}"), hint, "fhir.transaction.entry")
    return RefusedError(refused("Bundle", 400, [issue]))


def _text(request: Json, name: str, place: int) -> str:
    said = request.get(name)
    if said is None:
        return ""
    if not isinstance(said, str):
        raise _wrong(place, f".request.{name}", f"{name} is not a text")
    return said


def _url(url: str, method: str, place: int) -> tuple[str, str, str]:
    """Return (type, id, query) of a request's address."""
    path, _, query = url.partition("?")
    if path.startswith(("http://", "https://")):
        path = "/".join(path.rsplit("/", 2)[-2:]) if method != "POST" else path.rsplit("/", 1)[-1]
    parts = path.strip("/").split("/")
    if parts[0] not in resource_types() or len(parts) > 2:
        raise _wrong(
            place, ".request.url", "the address is not one of this transaction", "such as Patient or Patient/1"
        )
    id_ = parts[1] if len(parts) == 2 else ""
    if method == "POST":
        if id_ or query:
            raise _wrong(place, ".request.url", "a creation goes to the type alone", f"send it to {parts[0]}")
    elif bool(id_) == bool(query):
        raise _wrong(place, ".request.url", f"{method} needs an id or a condition", f"{parts[0]}/id or {parts[0]}?...")
    if id_ and not is_id(id_):
        raise _wrong(place, ".request.url", "this is no FHIR id", "1 to 64 ASCII letters, digits, - and .")
    return parts[0], id_, query


def _patch(resource: Any, place: int) -> tuple[str, Any]:
    """Return the patch that an entry holds: a Binary with a JSON Patch, or Parameters (FHIR R4 3.1.0.6.1)."""
    if isinstance(resource, dict) and resource.get("resourceType") == "Parameters":
        return "fhirpath", resource
    if isinstance(resource, dict) and resource.get("resourceType") == "Binary":
        if resource.get("contentType") not in _PATCHES:
            raise _wrong(place, ".resource.contentType", "the patch is no JSON Patch", f"use {_PATCHES[0]}")
        try:
            return "json", json.decode(base64.b64decode(str(resource.get("data")), validate=True))
        except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
            raise _wrong(place, ".resource.data", "the data is no JSON in base64") from None
    raise _wrong(place, ".resource", "a PATCH needs a Binary with a JSON Patch, or Parameters")


def _entry(entry: Any, place: int) -> Entry | None:
    if not isinstance(entry, dict):
        raise _wrong(place, "", "an entry is an object")
    request = entry.get("request")
    if not isinstance(request, dict):
        raise _wrong(place, ".request", "the entry says no request")
    method, url = request.get("method"), request.get("url")
    if method in ("GET", "HEAD"):
        return None
    if method not in ("DELETE", "POST", "PUT", "PATCH"):
        raise _wrong(place, ".request.method", "the method is DELETE, POST, PUT, PATCH, GET or HEAD")
    if not isinstance(url, str) or not url:
        raise _wrong(place, ".request.url", "the request says no address")
    kind, id_, query = _url(url, method, place)
    full_url = entry.get("fullUrl")
    resource = entry.get("resource")
    made = Entry(
        place, method, kind, id_, query, full_url if isinstance(full_url, str) else "",
        resource if isinstance(resource, dict) else {}, _text(request, "ifMatch", place) or None,
        _text(request, "ifNoneMatch", place) or None,
    )  # fmt: skip
    if method in ("POST", "PUT"):
        if not isinstance(resource, dict):
            raise _wrong(place, ".resource", f"a {method} needs a resource")
        if resource.get("resourceType") != kind:
            raise _wrong(place, ".resource.resourceType", "the resource is not of the address's type")
    if method == "POST":
        made.query = _text(request, "ifNoneExist", place).removeprefix("?")
        made.id = fresh_id()
    elif method == "PATCH":
        made.patch = _patch(resource, place)
    elif method == "PUT" and id_ and resource is not None and resource.get("id") != id_:
        raise _wrong(place, ".resource.id", "the resource's id is not that of the address", f"send the id {id_}")
    return made


def read(bundle: Any) -> list[Entry | None]:
    """Read the entries in the Bundle's order, None for what only reads; RefusedError says what is wrong."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        text = "this is no Bundle of type transaction"
        raise RefusedError(refusal("Bundle", 400, "structure", text, where="Bundle.type", rule="bundle"))
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise RefusedError(
            refusal("Bundle", 400, "structure", "entry is no list", where="Bundle.entry", rule="bundle")
        )  # fmt: skip
    made = [_entry(entry, place) for place, entry in enumerate(entries)]
    _distinct([entry for entry in made if entry is not None])
    return made


def _distinct(entries: Sequence[Entry]) -> None:
    """Refuse two entries that would write the same resource, and two with one fullUrl."""
    urls: dict[str, int] = {}
    names: dict[tuple[str, str], int] = {}
    for entry in entries:
        if entry.full_url:
            first = urls.setdefault(entry.full_url, entry.place)
            if first != entry.place:
                raise _wrong(entry.place, ".fullUrl", f"entry {first} has the same fullUrl")
        if entry.id:
            first = names.setdefault((entry.type, entry.id), entry.place)
            if first != entry.place:
                raise _wrong(entry.place, ".request.url", f"entry {first} is about the same resource")
