"""Says what is wrong with an address below `/fhir` at which nothing is served."""

import re
from difflib import get_close_matches
from functools import lru_cache

from unsilo.api.answers import failed
from unsilo.api.ask import Answer
from unsilo.spec.r4 import resource_types

__all__ = ["unserved"]

_NAME = re.compile(r"[A-Za-z]{1,40}")
_OPERATION = re.compile(r"\$[A-Za-z][A-Za-z\-]{0,40}")
"""What may have been meant as a type's name; nothing else of an address is repeated in an error."""


@lru_cache(maxsize=256)
def _near(name: str) -> tuple[str, ...]:
    """Return the names of types that are most like a name, whatever its capitals."""
    by_letters = {kind.lower(): kind for kind in resource_types()}
    return tuple(by_letters[found] for found in get_close_matches(name.lower(), by_letters, 3, 0.7))


def unserved(parts: list[str]) -> Answer:
    """Answer 404 with the place of the fault: a resource type or an operation that is none, else the address."""
    name = parts[0] if parts else ""
    if _OPERATION.fullmatch(parts[-1] if parts else "") and (name == parts[-1] or name in resource_types()):
        hint = "GET /fhir/metadata says which operations there are, and of what"
        return failed(404, "not-found", f"there is no operation {parts[-1]} here", "operation", hint=hint)
    if not _NAME.fullmatch(name) or name in resource_types():
        hint = "GET /fhir/metadata says what is served"
        return failed(404, "not-found", "nothing is served at this address", "address", hint=hint)
    near = _near(name)
    hint = f"did you mean {' or '.join(near)}?" if near else "GET /fhir/metadata says which types there are"
    return failed(404, "not-found", f"there is no resource type {name} in FHIR R4", "type", hint=hint)
