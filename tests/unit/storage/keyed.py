"""Search keys by the names of parameters, as a person would write them."""

from collections.abc import Iterable
from typing import Any

from unsilo.fhir.index import IndexRows
from unsilo.fhir.index.keys import string_key, token_hash
from unsilo.kernel import hash64
from unsilo.policy import Predicate
from unsilo.search import Vocabulary, parse, plan
from unsilo.spec.parameters import parameter
from unsilo.storage import Store, Stored

NONE = IndexRows()
VOCABULARY = Vocabulary()


def rows(
    tokens: Iterable[tuple[str, str, str]] = (), strings: Iterable[tuple[str, str]] = (),
    dates: Iterable[tuple[str, int, int]] = (), references: Iterable[tuple[str, str]] = (),
    patient: Iterable[tuple[str, int, str, str]] = (), kind: str = "Observation",
) -> IndexRows:  # fmt: skip
    """Keys of a `kind`: tokens are (parameter, system, code), facts are (patient, date, code, category)."""

    def sp(code: str) -> int:
        found = parameter(kind, code)
        assert found is not None, f"{kind} has no parameter {code}"
        return found.number

    return IndexRows(
        tok=[(sp(p), token_hash(c), s) for p, s, c in tokens],
        str=[(sp(p), *string_key(v)) for p, v in strings],
        dat=[(sp(p), lo, hi) for p, lo, hi in dates],
        ref=[(sp(p), t) for p, t in references],
        pat=[(p, d, hash64(c) if c else 0, hash64(k) if k else 0) for p, d, c, k in patient],
    )


def person(family: str, given: str = "Ann", birth: str = "", mrn: str = "1") -> dict[str, Any]:
    """A Patient."""
    born = {"birthDate": birth} if birth else {}
    name = {"family": family, "given": [given]}
    return {"resourceType": "Patient", "name": [name], "identifier": [{"system": "urn:mrn", "value": mrn}], **born}


def rows_found(store: Store, query: str, *, kin: bool = True) -> list[Stored]:
    """Return what a search such as `Observation?code=x` finds, the newest first, for who may see everything."""
    kind, _, rest = query.partition("?")
    pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in rest.split("&") if pair)]
    search, issues = parse(kind, pairs, VOCABULARY, kin=kin)
    assert search is not None, issues
    return store.search(plan(search, Predicate(), VOCABULARY)).rows


def ids_found(store: Store, query: str, *, kin: bool = True) -> list[str]:
    """Return the ids of what a search finds."""
    return [row.id for row in rows_found(store, query, kin=kin)]
