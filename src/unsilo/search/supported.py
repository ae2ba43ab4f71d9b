"""What a search of a type can use, for the CapabilityStatement."""

from typing import NamedTuple

from unsilo.search.kinds import MODIFIERS
from unsilo.search.references import targets
from unsilo.search.vocabulary import Refusal, Vocabulary
from unsilo.spec.parameters import SearchParameter

__all__ = ["Supported", "supported"]


class Supported(NamedTuple):
    """One parameter: its code, kind, canonical address ("" for none) and modifiers."""

    code: str
    kind: str
    url: str
    modifiers: tuple[str, ...]
    targets: tuple[str, ...]


def _one(found: SearchParameter) -> Supported:
    modifiers = () if found.code in ("_filter", "_list") else MODIFIERS.get(found.kind, ())
    return Supported(found.code, found.kind, found.url, modifiers, targets(found))


def supported(vocabulary: Vocabulary, resource_type: str) -> list[Supported]:
    """Return the parameters that a search of a type understands, by code."""
    found = [
        _one(one)
        for code, one in sorted(vocabulary.parameters(resource_type).items())
        if not isinstance(vocabulary.reader((resource_type,), code), Refusal)
    ]
    return [*found, Supported("_list", "special", "", (), ())]
