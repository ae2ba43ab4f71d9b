"""Bundles: put resources together and take them apart (FHIR R4 bundle.html)."""

from collections.abc import Iterable, Iterator
from typing import Any

from unsilo.kernel import Json

__all__ = ["NOWHERE", "collection", "entries", "searchset"]

NOWHERE = "http://unsilo.invalid/fhir"
"""The base of full URLs of bundles that no server gave out (RFC 2606 reserves `.invalid`)."""


def collection(resources: Iterable[Json], *, base: str = "") -> Json:
    """Return a `collection` Bundle; full URLs are `base/Type/id`, so that relative references resolve inside it."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": _full_url(r, base), "resource": r} for r in resources],
    }


def searchset(
    resources: Iterable[Json], *, total: int | None = None, base: str = "", links: Iterable[tuple[str, str]] = ()
) -> Json:
    """Return a `searchset` Bundle with `(relation, url)` links; every entry is a match (FHIR R4 http.html#search)."""
    result: Json = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        result["total"] = total
    if found := [{"relation": relation, "url": url} for relation, url in links]:
        result["link"] = found
    rows = [{"fullUrl": _full_url(r, base), "resource": r, "search": {"mode": "match"}} for r in resources]
    if rows:
        result["entry"] = rows
    return result


def _full_url(resource: Json, base: str) -> str:
    return f"{(base or NOWHERE).rstrip('/')}/{resource['resourceType']}/{resource.get('id', '')}"


def entries(bundle: Json) -> Iterator[tuple[int, str, Any]]:
    """Yield (index, fullUrl or "", resource as found) of each entry that has a resource."""
    rows = bundle.get("entry")
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(row, dict) and row.get("resource") is not None:
            url = row.get("fullUrl")
            yield index, url if isinstance(url, str) else "", row["resource"]
