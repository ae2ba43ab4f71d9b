"""What a reference points at: contained, in the same Bundle, or by the port (FHIR R4 references.html)."""

import re
from typing import Any, Final

from unsilo.fhir.path.context import State
from unsilo.kernel import Json
from unsilo.spec.model import types

__all__ = ["by_type", "resolved"]

_ID: Final = r"[A-Za-z0-9.-]{1,64}"
_LITERAL: Final = re.compile(rf"(?:(?:[a-z][a-z0-9+.-]*:)?//[^\s]*/)?([A-Z][A-Za-z]+)/({_ID})(?:/_history/{_ID})?")


def _among(found: Any, identifier: str) -> Json | None:
    if not isinstance(found, list):
        return None
    return next((each for each in found if isinstance(each, dict) and each.get("id") == identifier), None)


def _in_bundle(bundle: Json, reference: str) -> Json | None:
    entries = bundle.get("entry")
    found = _LITERAL.fullmatch(reference)
    relative = found is not None and "//" not in reference
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            continue
        if entry.get("fullUrl") == reference:
            return resource
        if relative and found and resource.get("resourceType") == found[1] and resource.get("id") == found[2]:
            return resource
    return None


def resolved(state: State, reference: str) -> Json | None:
    """Return the resource that a reference names; None when it is not found (then `resolve()` leaves it out)."""
    root = state.root[0]
    if isinstance(root, dict):
        if reference.startswith("#"):
            return root if reference == "#" else _among(root.get("contained"), reference[1:])
        if root.get("resourceType") == "Bundle":
            found = _in_bundle(root, reference)
            if found is not None:
                return found
    port = state.context.resolve
    return port(reference) if port else None


def by_type(reference: str) -> Json | None:
    """Return a resource of type and id only, as a literal reference says them; a port for `resolve() is Patient`.

    None for references that name no type (`urn:uuid:..`, canonicals of other servers).
    """
    found = _LITERAL.fullmatch(reference)
    if found is None or found[1] not in types.resources:
        return None
    return {"resourceType": found[1], "id": found[2]}
