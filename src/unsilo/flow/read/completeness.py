"""What the page rests on: which sources speak, when each last spoke, what failed, and why a section is empty."""

from collections.abc import Iterable, Mapping

import msgspec

from unsilo.flow.read.fact import Fact, Source
from unsilo.flow.read.sections import NOT_ASKED, Section
from unsilo.flow.read.words import code_keys

__all__ = ["Empty", "Presence", "empty_reason", "presence"]


class Presence(msgspec.Struct):
    """One source's part in the record: how many facts, and µs of its newest change (0 never)."""

    source: Source
    facts: int
    last: int
    new: int


class Empty(msgspec.Struct):
    """Why a section has no rows: `state` is `none recorded` or `not asked`, with a sentence."""

    state: str
    words: str


def presence(facts: Iterable[Fact], sources: Mapping[str, Source]) -> list[Presence]:
    """Return one row a source, the one heard last first; a source without any fact stays in the list."""
    count: dict[str, list[int]] = {key: [0, 0, 0] for key in sources}
    for fact in facts:
        row = count.setdefault(fact.source, [0, 0, 0])
        row[0] += 1
        row[1] = max(row[1], fact.updated)
        row[2] += fact.new
    known = {key: sources.get(key) or Source(key, key, key[:2].upper()) for key in count}
    rows = [Presence(known[key], *row) for key, row in count.items()]
    return sorted(rows, key=lambda p: (-p.last, p.source.name))


def empty_reason(section: Section, facts: list[Fact], sources: int) -> Empty:
    """Say why nothing is listed. A source's own `not asked` is quoted; silence is called silence, never `none`."""
    for fact in facts:
        for key in code_keys(fact.resource.get("code")):
            if key in NOT_ASKED:
                return Empty("Not asked", NOT_ASKED[key])
    who = "the one source" if sources == 1 else f"any of the {sources} sources"
    if not sources:
        return Empty("None recorded", "No source record is linked to this person.")
    return Empty("None recorded", f"No {section.what} were sent by {who}. This does not mean that there are none.")
