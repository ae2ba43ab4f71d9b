"""Take a Bundle, or a single resource, apart: what it holds, where, and what is asked for (FHIR R4 bundle.html)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from unsilo.kernel import Json

__all__ = ["Part", "parts"]

_DEEPEST = 5


class Part(NamedTuple):
    """One entry: `pointer` is the JSON pointer of the resource, `url` its fullUrl, `method` what the request asks."""

    pointer: str
    entry: str
    url: str
    method: str
    request: str
    resource: Any


def parts(document: Json, pointer: str = "", depth: int = 0) -> Iterator[Part]:
    """Yield the resources of a Bundle in order, those of Bundles within it too; a single resource is one part."""
    if document.get("resourceType") != "Bundle":
        yield Part(pointer, "", "", "", "", document)
        return
    rows = document.get("entry")
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        entry = f"{pointer}/entry/{index}"
        if not isinstance(row, dict):
            yield Part(entry, entry, "", "", "", row)
            continue
        request = row.get("request")
        request = request if isinstance(request, dict) else {}
        method, asked, url = request.get("method"), request.get("url"), row.get("fullUrl")
        resource = row.get("resource")
        if isinstance(resource, dict) and resource.get("resourceType") == "Bundle" and depth < _DEEPEST:
            yield from parts(resource, f"{entry}/resource", depth + 1)
        elif resource is not None or method == "DELETE":
            yield Part(
                f"{entry}/resource", entry, url if isinstance(url, str) else "",
                method if isinstance(method, str) else "", asked if isinstance(asked, str) else "", resource,
            )  # fmt: skip
