"""OIDs and UUIDs of authorities and code systems as URIs."""

from __future__ import annotations

import re
from typing import Any, Final

from unsilo.formats.ccda import Node
from unsilo.kernel import Locator, Row
from unsilo.mapping.runtime import T

__all__ = ["NO_SYSTEM", "OID", "UUID", "code_system", "instance_system", "oid_system", "oid_uri"]

Element = Node
Rows = list[Row]
OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
NO_SYSTEM: Final = "urn:unsilo:no-system"
"""Stands where an identifier that is sent on has no system."""
UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def oid_system(run: Any, node: str, *_: Any) -> str | None:
    """The URI of a code system or assigning authority from its OID or UUID; the site's own authorities come first."""
    root = node.strip()
    return run.site.authorities.get(root) or run.uri_of(root) or oid_uri(run, root)


def _named(root: str, name: str) -> bool:
    """True when an OID was made of a URI (`mapping.outward`), which then stands as the name beside it."""
    return root.startswith("2.25.") and name.startswith(("http://", "https://", "urn:"))


def instance_system(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The URI of an id's authority: that of its root, or the URI beside a root that was made of it."""
    root, name = (node.get("root") or "").strip(), (node.get("assigningAuthorityName") or "").strip()
    if root and _named(root, name):
        uri: str | None = "" if name == NO_SYSTEM else name
        rows.append(T((path, rule, f"{at}/@assigningAuthorityName")))
    else:
        uri = oid_system(run, root) if root else ""
    if not uri:
        return None
    rows.append(T((path, rule, f"{at}/@root")))
    return uri


def code_system(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The URI of a code element's system from its OID, else from a system name that the tables know."""
    oid, name = (node.get("codeSystem") or "").strip(), (node.get("codeSystemName") or "").strip()
    uri = name
    if not _named(oid, name):
        known = (run.uri_of(oid) or oid_uri(run, oid)) if oid else run.program.tables.systems.get(name.upper())
        uri = str(known or "")
    if not uri:
        return None
    if oid:
        rows.append(T((path, rule, f"{at}/@codeSystem")))
    if name:
        rows.append(T((path, rule, f"{at}/@codeSystemName")))
    return uri


def oid_uri(_run: Any, node: str, *_: Any) -> str | None:
    """An OID or UUID as `urn:oid:` or `urn:uuid:`; other roots as they stand."""
    root = node.strip()
    if OID.fullmatch(root):
        return f"urn:oid:{root}"
    return f"urn:uuid:{root.lower()}" if UUID.fullmatch(root) else root or None
