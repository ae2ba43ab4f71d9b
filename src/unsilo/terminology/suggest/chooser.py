"""A language model may choose among candidates and never writes a code: the port, and the guard around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unsilo.kernel.issue import Issue
from unsilo.kernel.result import Result
from unsilo.terminology.suggest.engine import Suggestion
from unsilo.terminology.suggest.item import Item

__all__ = ["Chooser", "choose"]

_LONGEST = 200


class Chooser(Protocol):
    """Something that reads an item and candidates, such as a language model. None comes with the product."""

    name: str

    def choose(self, item: Item, candidates: Sequence[tuple[str, str]]) -> str:
        """Return the code of the candidate (code, display) that fits, "" when none does."""


def choose(chooser: Chooser | None, item: Item, found: Sequence[Suggestion]) -> Result[list[Suggestion]]:
    """Return the suggestions with the chosen one first; always a value, with an Issue where the answer was refused.

    Only a code among the candidates counts: anything else is refused and the order stays. Chances stay as calibrated,
    and what was chosen is for a person to review, never put into use by itself. Without a chooser nothing changes.
    """
    rows = list(found)
    candidates = [(row.code, row.display) for row in rows if row.code]
    if chooser is None or len(candidates) < 2 or rows[0].score == 1.0:
        return Result(rows, [])  # nothing to choose, or a person has decided already
    try:
        answer = chooser.choose(item, candidates)
    except Exception as fault:  # noqa: BLE001 - whatever fails out there, suggestions go on without it
        return Result(rows, [_refused(chooser, f"it failed: {str(fault)[:_LONGEST]}")])
    if not answer:
        return Result(rows, [])
    chosen = next((row for row in rows if row.code == answer), None)
    if chosen is None:
        return Result(rows, [_refused(chooser, f"{str(answer)[:_LONGEST]!r} is not among the candidates")])
    reason = f"chosen by {chooser.name} among {len(candidates)} candidates; {chosen.reason}"
    first = chosen._replace(decision="review", reason=reason)
    others = [row._replace(decision="review") for row in rows if row.code != answer]
    return Result([row._replace(rank=rank) for rank, row in enumerate([first, *others], 1)], [])


def _refused(chooser: Chooser, why: str) -> Issue:
    text = f"The answer of {chooser.name} was refused: {why}."
    return Issue("warning", "business-rule", text, hint="The order of the candidates stays.", rule="suggest.chooser")
