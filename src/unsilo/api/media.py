"""What the client reads and writes: content negotiation between JSON and XML (FHIR R4 http.html#mime-type)."""

import re
from functools import lru_cache

import msgspec

__all__ = ["JSON", "Media", "negotiate", "takes_gzip", "written_in"]


class Media(msgspec.Struct, frozen=True):
    """How a body is written: the header's value, and which of the two forms."""

    type: bytes
    xml: bool = False


JSON = Media(b"application/fhir+json; charset=utf-8")
_XML = Media(b"application/fhir+xml; charset=utf-8", True)

_KNOWN: dict[str, Media] = {
    "*/*": JSON, "application/*": JSON, "json": JSON, "application/fhir+json": JSON,
    "application/json+fhir": JSON, "application/json": Media(b"application/json; charset=utf-8"),
    "text/json": Media(b"text/json; charset=utf-8"), "text/*": Media(b"text/json; charset=utf-8"),
    "xml": _XML, "application/fhir+xml": _XML, "application/xml+fhir": _XML,
    "application/xml": Media(b"application/xml; charset=utf-8", True),
    "text/xml": Media(b"text/xml; charset=utf-8", True),
}  # fmt: skip
"""Generic types are answered as they were asked for, in the form of this standard (FHIR R4 2.21.0.6)."""

_QUALITY = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def _one(said: str) -> tuple[float, Media | None]:
    kind, *parameters = (part.strip().lower() for part in said.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = (item.strip() for item in parameter.partition("="))
        if name == "q":
            quality = float(value) if _QUALITY.fullmatch(value) else 0.0
        elif (name == "fhirversion" and value.strip('"') not in ("4.0", "4.0.1")) or (
            name == "charset" and value.strip('"') not in ("utf-8", "utf8")
        ):
            return 0.0, None
    return quality, _KNOWN.get(kind)


@lru_cache(maxsize=512)
def negotiate(accept: bytes, said: str | None) -> Media | None:
    """Return what to write for an Accept header and `_format`, which goes before it; None when neither is served.

    Quality values as RFC 9110 12.5.1; without a header everything is welcome, which is JSON.
    """
    if said is not None:
        # A plus sign that was not percent-encoded came as a space.
        return _one(said.replace(" ", "+").replace(";+", ";"))[1]
    if not accept.strip():
        return JSON
    best: tuple[float, Media | None] = (0.0, None)
    for part in accept[:4096].decode("latin-1").split(","):
        quality, media = _one(part)
        if media is not None and quality > best[0]:
            best = (quality, media)
    return best[1]


@lru_cache(maxsize=512)
def takes_gzip(accept_encoding: bytes) -> bool:
    """Tell whether an Accept-Encoding header welcomes gzip by its name (RFC 9110 12.5.3)."""
    for part in accept_encoding[:4096].decode("latin-1").lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() in ("gzip", "x-gzip"):
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", quality)
    return False


@lru_cache(maxsize=512)
def written_in(content_type: bytes) -> Media | None:
    """Return the form of a body by its Content-Type; None when it is neither FHIR JSON nor FHIR XML."""
    kind = content_type.partition(b";")[0].strip()
    if b"*" in kind or b"/" not in kind:
        return None
    return _one(content_type.decode("latin-1"))[1]
