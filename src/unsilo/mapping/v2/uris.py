"""URIs of assigning authorities: from universal ids, and names that are known within one organisation only."""

from __future__ import annotations

import re

from unsilo.mapping.model import Site

__all__ = ["OID", "local_uri", "universal_uri"]

OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+$")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")


def local_uri(site: Site, name: str) -> str:
    """The URI of a namespace that is known within a feed's organisation only, "" without an organisation."""
    return f"urn:unsilo:{_slug(site.organisation)}:{_slug(name)}" if site.organisation and name else ""


def universal_uri(universal: str, kind: str) -> str:
    """The URI of a universal id of a type (HL7 table 0301), "" for one that is not well formed or not known."""
    kind = kind.upper()
    if any(sign.isspace() for sign in universal.strip()):
        return ""
    if kind == "ISO" or (not kind and OID.match(universal) and universal.count(".") > 3):
        bare = universal.removeprefix("urn:oid:")
        return f"urn:oid:{bare}" if OID.match(bare) else ""
    if kind in ("UUID", "GUID") and _UUID.match(universal):
        return f"urn:uuid:{universal.lower()}"
    if universal.startswith(("http://", "https://", "urn:")):
        return universal
    return f"http://{universal.lower()}" if kind == "DNS" and universal else ""


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-").lower()
