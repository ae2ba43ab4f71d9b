"""A fact of a note as it is kept beside the record: where it was read, its words, and an id that stays."""

import hashlib

import msgspec

from unsilo.notes.model import Fact

__all__ = ["Derived", "derived"]

_AROUND = 160
"""Characters of its sentence that are kept with a fact."""


class Derived(msgspec.Struct, omit_defaults=True):
    """One fact read in the text at `path` of version `version` of the resource `ref` (`Type/id`).

    `id` stays as long as the same words mean the same at the same place, whatever the version. `before` and `after`
    are the words of the sentence around the fact.
    """

    id: str
    ref: str
    version: int
    path: str
    fact: Fact
    before: str = ""
    after: str = ""


def derived(ref: str, version: int, path: str, text: str, fact: Fact) -> Derived:
    """Return a fact with its id; `text` is what its places count in."""
    code = "|".join(fact.coding[0][:2]) if fact.coding else ""
    said = "\x1f".join((ref, path, str(fact.start), fact.kind, code, fact.text, fact.value, *fact.flags))
    start, end = fact.sentence
    return Derived(
        hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:24], ref, version, path, fact,
        text[max(start, fact.start - _AROUND) : fact.start], text[fact.end : min(end, fact.end + _AROUND)],
    )  # fmt: skip
