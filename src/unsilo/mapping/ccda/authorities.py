"""OIDs and UUIDs of authorities and code systems as URIs."""

from __future__ import annotations

import re
from typing import Any, Final

from unsilo.formats.ccda import Node
from unsilo.kernel import Locator, Row
from unsilo.mapping.runtime import T

__all__ = ["OID", "UUID", "code_system", "oid_system", "oid_uri"]

Element = Node
Rows = list[Row]
OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def oid_system(run: Any, node: str, *_: Any) -> str | None:
    """The URI of a code system or assigning authority from its OID or UUID; the site's own authorities come first."""
    root = node.strip()
    return run.site.authorities.get(root) or run.uri_of(root) or oid_uri(run, root)


def code_system(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The URI of a code element's system from its OID, else from a system name that the tables know."""
    oid, name = (node.get("codeSystem") or "").strip(), (node.get("codeSystemName") or "").strip()
    uri = (run.uri_of(oid) or oid_uri(run, oid)) if oid else run.program.tables.systems.get(name.upper())
    if not uri:
        return None
    if oid:
        rows.append(T((path, rule, f"{at}/@codeSystem")))
    if name:
        rows.append(T((path, rule, f"{at}/@codeSystemName")))
    return str(uri)


def oid_uri(_run: Any, node: str, *_: Any) -> str | None:
    """An OID or UUID as `urn:oid:` or `urn:uuid:`; other roots as they stand."""
    root = node.strip()
    if OID.fullmatch(root):
        return f"urn:oid:{root}"
    return f"urn:uuid:{root.lower()}" if UUID.fullmatch(root) else root or None
