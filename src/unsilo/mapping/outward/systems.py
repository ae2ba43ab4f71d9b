"""Code systems and identifier systems as CDA names them: an OID, or one made of the URI where none is known."""

from __future__ import annotations

import re
from functools import lru_cache
from uuid import NAMESPACE_URL, uuid5

from unsilo.kernel import Json
from unsilo.mapping.ccda.authorities import NO_SYSTEM
from unsilo.mapping.tables import standard

__all__ = ["instance_root", "named", "oid_of", "uuid_of"]

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    """URI to OID, the first of the C-CDA tables' systems that has it."""
    known: dict[str, str] = {}
    for row in standard("ccda").rows["systems"]:
        if _OID.fullmatch(row.name):
            known.setdefault(row.uri, row.name)
    return known


@lru_cache(maxsize=4096)
def oid_of(uri: str) -> str:
    """The OID of a URI; `2.25.` and a number of 128 bits made of the URI (ITU-T X.667) where none is known."""
    known = _known().get(uri)
    if known:
        return known
    bare = uri.removeprefix("urn:oid:")
    if _OID.fullmatch(bare):
        return bare
    bare = uri.removeprefix("urn:uuid:")
    return bare.lower() if _UUID.fullmatch(bare) else f"2.25.{uuid5(NAMESPACE_URL, uri).int}"


def named(uri: str) -> bool:
    """True when the URI itself must be said, because its OID is of our making."""
    return uri not in _known() and oid_of(uri).startswith("2.25.") and not uri.startswith("urn:oid:2.25.")


def uuid_of(text: str) -> str:
    """The UUID that a text always gives (RFC 4122, version 5)."""
    return str(uuid5(NAMESPACE_URL, f"urn:unsilo:{text}"))


def instance_root(identifier: Json) -> tuple[str, str, str] | None:
    """`root`, `extension` and the authority's name of an Identifier; None where it has no value."""
    value, system = identifier.get("value"), identifier.get("system") or ""
    if not isinstance(value, str) or not value or not isinstance(system, str):
        return None
    assigner = identifier.get("assigner")
    who = assigner.get("display", "") if isinstance(assigner, dict) else ""
    if system == "urn:ietf:rfc:3986":
        bare = value.removeprefix("urn:uuid:").removeprefix("urn:oid:")
        if _OID.fullmatch(bare) or _UUID.fullmatch(bare):
            return bare, "", ""
    if not system:
        return oid_of(NO_SYSTEM), value, NO_SYSTEM
    return oid_of(system), value, system if named(system) else who
