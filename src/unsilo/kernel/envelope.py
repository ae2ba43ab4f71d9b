"""What came in, never changed: the bytes of one message or document with source, time and hash."""

from hashlib import sha256

import msgspec

from unsilo.kernel.ids import content_id

__all__ = ["Envelope", "seal"]


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """One received piece.

    `id` is derived from feed and content, so the same bytes on the same feed are the same envelope;
    `received_at` is microseconds since 1970 UTC; `sha256` is hexadecimal; `headers` holds what the transport
    said (remote address, file name, content type); `parent` is the id of the batch it was cut from, or of the
    message that this one is an edited copy of.
    """

    id: str
    feed: str
    format: str
    received_at: int
    sha256: str
    content: bytes
    headers: dict[str, str] = {}
    parent: str = ""


def seal(
    feed: str, fmt: str, content: bytes, received_at: int, headers: dict[str, str] | None = None, parent: str = ""
) -> Envelope:
    """Wrap received bytes; `fmt` is `hl7v2`, `ccda`, `fhir` or another format's name."""
    digest = sha256(content).hexdigest()
    return Envelope(
        content_id("envelope", feed, digest), feed, fmt, received_at, digest, content, headers or {}, parent
    )
