"""Search keys by number from the small table of `fhir.extract`, until every parameter is extracted."""

from unsilo.fhir import extract
from unsilo.fhir.index import IndexRows
from unsilo.fhir.index.keys import string_key, token_hash
from unsilo.kernel import Json, hash64
from unsilo.spec.parameters import parameters

__all__ = ["VERSION", "index"]

VERSION = "interim"


def index(resource: Json) -> IndexRows:
    """Return the keys of one resource; see `fhir.extract.index`."""
    old = extract.index(resource)
    known = parameters(str(resource.get("resourceType")))

    def sp(code: str) -> int:
        found = known.get(code)
        return 0 if found is None else found.number

    return IndexRows(
        tok=[(sp(p), token_hash(c), s) for p, s, c in old.tokens],
        str=[(sp(p), *string_key(v)) for p, v in old.strings],
        dat=[(sp(p), lo, hi) for p, lo, hi in old.dates],
        ref=[(sp(p), t) for p, t in old.references],
        pat=[(p, d, hash64(c) if c else 0, hash64(k) if k else 0) for p, d, c, k in old.patient],
    )
