"""Search keys of FHIR resources by R4's SearchParameters, one compiled function for each resource type."""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files

from unsilo.fhir.index.compiled import NOT_INDEXED, extractor, indexed
from unsilo.fhir.index.composites import Part, layout
from unsilo.fhir.index.custom import Custom, compile_parameter
from unsilo.fhir.index.keys import LONGEST, token_hash, token_key
from unsilo.fhir.index.patients import patient_date
from unsilo.fhir.index.rows import IDENTIFIER, IndexRows
from unsilo.fhir.index.unions import kept_as
from unsilo.kernel import Json
from unsilo.spec.model import types

__all__ = [
    "IDENTIFIER", "LONGEST", "NOT_INDEXED", "Custom", "IndexRows", "Part", "compile_parameter", "index",
    "indexed", "kept_as", "layout", "patient_date", "token_hash", "token_key", "version",
]  # fmt: skip

_REVISION = 6
"""Raised whenever the code gives other keys for some resource."""


def index(resource: Json, extra: Mapping[str, Sequence[Custom]] | None = None) -> IndexRows:
    """Return the search keys of one resource (FHIR R4 JSON as a dict); wrong shapes give no keys, never an error.

    `extra` are a store's own parameters by resource type. A key may occur more than once in its list. Parameters that
    are others taken together have no keys of their own (`kept_as`).
    """
    rows = IndexRows()
    kind = resource.get("resourceType")
    # What is no type of R4 never reaches the compiler nor its cache.
    if type(kind) is not str or kind not in types.resources:
        return rows
    extractor(kind)(resource, rows)
    if extra:
        for one in extra.get(kind, ()):
            one.extract(resource, rows)
    return rows


@cache
def version() -> str:
    """Return a text that changes whenever `index` may give other keys: its revision and a digest of its tables."""
    digest = sha256(str(_REVISION).encode())
    for package, name in (
        ("unsilo.spec.definitions", "data/server.zst"),
        (__package__, "conversions.csv"),
        (__package__, "patient_index.csv"),
    ):
        digest.update(files(package).joinpath(name).read_bytes())
    return f"{_REVISION}-{digest.hexdigest()[:16]}"
