"""Stored JSON as FHIR answers: version and time are put into the bytes, which are otherwise not parsed."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from unsilo.flow.fhir.shown import resource_bytes
from unsilo.kernel import Json, clock, json
from unsilo.storage import Stored

__all__ = ["bundle", "entry"]


@lru_cache(maxsize=64)
def _start(base: str, kind: str) -> bytes:
    return f'{{"fullUrl":"{base}/{kind}/'.encode()


def entry(row: Stored, base: str, tail: bytes = b',"search":{"mode":"match"}', content: bytes | None = None) -> bytes:
    """Return one Bundle entry; `tail` is what follows the resource, `content` the resource as it is to be shown."""
    url = _start(base, row.type) + row.id.encode()
    if row.state == 1:
        return url + b'"' + tail + b"}"
    return b'%b","resource":%b%b}' % (url, resource_bytes(row) if content is None else content, tail)


def bundle(
    kind: str, entries: Iterable[bytes], *, total: int | None = None, links: Sequence[tuple[str, str]] = (),
    id_: str = "", at: int = 0,
) -> bytes:  # fmt: skip
    """Return a Bundle of ready entries; `links` are (relation, url)."""
    head: Json = {"resourceType": "Bundle"}
    if id_:
        head["id"] = id_
    if at:
        head["meta"] = {"lastUpdated": clock.instant(at)}
    head["type"] = kind
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    content = json.encode(head)
    joined = b",".join(entries)
    return content[:-1] + b',"entry":[' + joined + b"]}" if joined else content
