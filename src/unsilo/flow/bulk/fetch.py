"""Brings a file of another host into a folder of this node: bounded in size and time, every redirect looked at anew."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from unsilo.config.settings import Bulk
from unsilo.config.trust import trusting
from unsilo.flow.bulk.places import address_of, refusal

__all__ = ["fetch"]

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_MOST_REDIRECTS = 5
_PATIENCE = 60.0
"""Seconds without a byte."""
_LONGEST = 12 * 3600.0
"""Seconds that one file may take in all, however steadily it drips."""
_PIECE = 1024 * 1024
_ACCEPT = "application/fhir+ndjson, application/ndjson, application/fhir+json;q=0.9, application/json;q=0.8"
_BUNDLES = ("application/fhir+json", "application/json")
_PACKED = b"\x1f\x8b"


class _Plain(http.client.HTTPConnection):
    """A connection to an address that was looked at, under the host's own name."""

    address = ""

    def connect(self) -> None:
        """Connect to the address, not to what the name means by now."""
        self.sock = socket.create_connection((self.address, self.port), self.timeout)


class _Secure(_Plain):
    """The same with TLS; the certificate must be for the host's name."""

    def connect(self) -> None:
        """Connect and prove the host."""
        super().connect()
        context = trusting(ssl.create_default_context())
        self.sock: Any = context.wrap_socket(self.sock, server_hostname=self.host)


def _open(url: str, address: str) -> tuple[_Plain, http.client.HTTPResponse]:
    parts = urlsplit(url)
    kind, port = (_Secure, 443) if parts.scheme == "https" else (_Plain, 80)
    connection = kind(parts.hostname or "", parts.port or port, timeout=_PATIENCE)
    connection.address = address
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", target, headers={"Accept": _ACCEPT, "Accept-Encoding": "gzip, identity"})
        return connection, connection.getresponse()
    except BaseException:
        connection.close()
        raise


def _answer(url: str, bulk: Bulk) -> tuple[tuple[_Plain, http.client.HTTPResponse] | None, str, str]:
    """Return (connection and answer, where it came from, why there is none)."""
    for _ in range(_MOST_REDIRECTS + 1):
        why = refusal(url, bulk) or ("a redirect leads to a file" if urlsplit(url).scheme == "file" else "")
        address, unsafe = ("", why) if why else address_of(url, bulk)
        if unsafe:
            return None, url, unsafe
        connection, answer = _open(url, address)
        if answer.status == 200:
            return (connection, answer), url, ""
        place = answer.getheader("location") or ""
        connection.close()
        if answer.status not in _REDIRECTS or not place:
            return None, url, f"the host answered {answer.status}"
        url = urljoin(url, place)
    return None, url, f"more than {_MOST_REDIRECTS} redirects"


def _kind(url: str, answer: http.client.HTTPResponse, head: bytes) -> str:
    """Return the ending that says how a file is read: a Bundle or lines, packed or not."""
    media = (answer.getheader("content-type") or "").partition(";")[0].strip().lower()
    name = urlsplit(url).path.lower().removesuffix(".gz")
    lines = name.endswith((".ndjson", ".jsonl")) or (media not in _BUNDLES and not name.endswith(".json"))
    return (".ndjson" if lines else ".json") + (".gz" if head.startswith(_PACKED) else "")


def fetch(url: str, place: Path, bulk: Bulk, stopped: Callable[[], bool]) -> tuple[Path | None, str]:
    """Write what a URL gives beside `place` with an ending that says what it is; (None, why) when it cannot be had.

    A file that is there already was whole: it is written under another name first. Nothing is left of what failed.
    """
    for known in sorted(place.parent.glob(f"{place.name}.*json*")):
        if not known.name.endswith(".part"):
            return known, ""
    part = place.with_name(place.name + ".part")
    try:
        found, last, why = _answer(url, bulk)
        if found is None:
            return None, why
        connection, answer = found
        try:
            head, why = _write(answer, part, bulk.import_bytes, stopped)
        finally:
            connection.close()
        if why:
            return None, why
        whole = place.with_name(place.name + _kind(last, answer, head))
        part.replace(whole)
    except (OSError, http.client.HTTPException, ValueError) as fault:
        return None, f"the file cannot be had ({type(fault).__name__})"
    finally:
        part.unlink(missing_ok=True)
    return whole, ""


def _write(answer: http.client.HTTPResponse, part: Path, most: int, stopped: Callable[[], bool]) -> tuple[bytes, str]:
    """Write the body; return its first bytes, and why it is not whole."""
    until, size, head = time.monotonic() + _LONGEST, 0, b""
    said = answer.getheader("content-length") or ""
    if said.isdecimal() and int(said) > most:
        return head, f"the file is larger than {most} bytes"
    with part.open("wb") as file:
        while piece := answer.read1(_PIECE):
            head = head or piece[:4]
            size += len(piece)
            if size > most:
                return head, f"the file is larger than {most} bytes"
            if time.monotonic() > until:
                return head, "the file did not come in time"
            if stopped():
                return head, "stopped"
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if said.isdecimal() and size != int(said):
        return head, "the file was cut short on its way"
    return head, ""
