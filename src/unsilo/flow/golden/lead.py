"""The head of a person's page says first what survives in the golden record, and after it what else is stated."""

import msgspec

from unsilo.flow.golden.survive import Chosen, Golden
from unsilo.flow.read.banner import Banner, Stated
from unsilo.flow.read.words import age, when

__all__ = ["lead"]


def _first(stated: Stated, one: Chosen | None) -> Stated:
    """Put the value that survives before the others; nothing that a source states is left out."""
    if one is None or not one.words or one.words == stated.words:
        return stated
    sources = next((found for words, found in stated.others if words == one.words), "")
    if not sources:  # the head says it in other words: a shortened name stands for the whole
        return stated
    losing = ", ".join(dict.fromkeys(record.keeper for lost in one.lost for record in lost.records
                                     if lost.words == stated.words and record.keeper))  # fmt: skip
    others = [(stated.words, losing), *(pair for pair in stated.others if pair[0] != one.words)]
    return Stated(one.words, others)


def lead(head: Banner, golden: Golden, now: int) -> Banner:
    """Return the head with the golden record's name, birth date and sex in front; `now` is microseconds since 1970."""
    born = _first(head.born, golden.of("birthDate"))
    made = msgspec.structs.replace(
        head, name=_first(head.name, golden.of("name")), born=born, sex=_first(head.sex, golden.of("gender"))
    )  # fmt: skip
    chosen = golden.of("birthDate")
    if born is not head.born and chosen is not None and not head.deceased:
        made.age = age(when(chosen.value), now)
    return made
