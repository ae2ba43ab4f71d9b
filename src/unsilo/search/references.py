"""Reference values: id, Type/id, an address here or elsewhere, a canonical (FHIR R4 search.html#reference)."""

import re
from functools import lru_cache

from unsilo.fhir.index.keys import LONGEST
from unsilo.search.ask import Ask
from unsilo.search.text import plain
from unsilo.spec import r4
from unsilo.spec.expression import alternatives
from unsilo.spec.parameters import SearchParameter
from unsilo.storage import plan as p

__all__ = ["reference", "targets"]

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,20}:")
_RESOLVES = re.compile(r"resolve\(\)\s+is\s+(\w+)")
_PATIENT = "Patient"


@lru_cache(maxsize=1024)
def _resolved(expression: str) -> tuple[str, ...]:
    """Return the types that every alternative asks for by `resolve() is T`; () when one asks for none."""
    found = [_RESOLVES.findall(part) for part in alternatives(expression)]
    return tuple(dict.fromkeys(kind for part in found for kind in part)) if all(found) else ()


def targets(found: SearchParameter) -> tuple[str, ...]:
    """Return the types that a reference parameter may lead to: as its expression narrows what its definition lists."""
    asked = _resolved(found.expression)
    return asked if asked and (not found.targets or set(asked) <= set(found.targets)) else found.targets


def reference(
    name: str, text: str, ask: Ask, sp: tuple[int, ...], allowed: tuple[str, ...], kind: str
) -> p.Node | None:  # fmt: skip
    """Read one reference; `kind` is the type that the modifier names, `allowed` those that the parameter leads to."""
    said = plain(text)
    if ask.base and said.startswith(f"{ask.base}/"):
        said = said[len(ask.base) + 1 :]
    if _SCHEME.match(said):
        if len(said) > LONGEST:
            ask.refuse(name, f"an address has at most {LONGEST} characters")
            return None
        return p.Uri(sp, "is", (said,))
    if "/_history/" in said:
        ask.refuse(name, "references are found without their version", "leave /_history/... away")
        return None
    named, slash, id_ = said.rpartition("/")
    if slash and (named not in r4.resource_types() or not _ID.fullmatch(id_)):
        ask.refuse(name, "is not a reference", "such as Patient/123")
        return None
    if not _ID.fullmatch(id_):
        ask.refuse(name, "is not an id", "letters, digits, - and ., at most 64")
        return None
    if kind and named and named != kind:
        ask.refuse(name, f"is not a reference to a {kind}")
        return None
    types = (named or kind,) if named or kind else allowed
    numbers = tuple(r4.type_number(one) for one in types if one in r4.resource_types())
    if not numbers:
        ask.refuse(name, "say the type", f"such as Patient/{id_}")
        return None
    return p.Reference(sp, numbers, (id_,), ask.kin and _PATIENT in types)
