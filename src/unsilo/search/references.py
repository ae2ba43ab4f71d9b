"""Reference values: id, Type/id, an address here or elsewhere, a canonical (FHIR R4 search.html#reference)."""

import re

from unsilo.fhir.index.keys import LONGEST
from unsilo.search.ask import Ask
from unsilo.search.text import plain
from unsilo.spec import r4
from unsilo.storage import plan as p

__all__ = ["reference"]

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,20}:")
_PATIENT = "Patient"


def reference(
    name: str, text: str, ask: Ask, sp: tuple[int, ...], targets: tuple[str, ...], kind: str
) -> p.Node | None:  # fmt: skip
    """Read one reference; `kind` is the type that the modifier names, `targets` those that the parameter allows."""
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
        ask.refuse(name, f"{said[:64]!r} is not a reference", "such as Patient/123")
        return None
    if not _ID.fullmatch(id_):
        ask.refuse(name, f"{said[:64]!r} is not an id", "letters, digits, - and ., at most 64")
        return None
    if kind and named and named != kind:
        ask.refuse(name, f"{said[:64]!r} is not a reference to a {kind}")
        return None
    types = (named or kind,) if named or kind else targets
    numbers = tuple(r4.type_number(one) for one in types if one in r4.resource_types())
    if not numbers:
        ask.refuse(name, "say the type", f"such as Patient/{id_}")
        return None
    return p.Reference(sp, numbers, (id_,), ask.kin and _PATIENT in types)
