"""What was read in notes, in the words of a page."""

from collections.abc import Iterable
from typing import NamedTuple

from unsilo.console.gate import Asked
from unsilo.flow.notes.resources import may_become
from unsilo.flow.notes.shown import KINDS, Document, Shown, documents
from unsilo.flow.read.fact import Fact
from unsilo.notes import Said
from unsilo.notes.tables import units_shown

__all__ = ["Row", "by_kind", "row_of", "shown_notes"]

_SAID = {
    "neg": "denied", "poss": "doubtful", "hist": "past", "resolved": "resolved", "hyp": "conditional",
    "plan": "planned", "stopped": "stopped", "fam": "family", "other": "another person", "reaction": "reaction",
}  # fmt: skip
_WHEN = {"since": "since", "on": "", "ago": "ago", "for": "for", "age": "at age"}
_STATES = {"open": ("waits", "warn"), "confirmed": ("confirmed", "good"), "refused": ("refused", "idle")}


class Row(NamedTuple):
    """One fact as a page shows it."""

    shown: Shown
    title: str
    said: list[str]
    value: str
    when: str
    code: str
    display: str
    sureness: str
    rules: str
    state: str
    tone: str
    makes: bool


def _said(one: Said) -> str:
    if one.what == "hist" and one.rule.startswith("section."):
        return "in past history"
    words = _SAID.get(one.what, one.what)
    return f"{words}: {one.who}" if one.who else words


def row_of(shown: Shown) -> Row:
    """Return the words of one fact."""
    fact = shown.fact.fact
    said = [_said(one) for one in fact.said]
    value = " ".join(part for part in (fact.value, units_shown(fact.unit), fact.route, fact.frequency) if part)
    when = " ".join((_WHEN[fact.when[0]], fact.when[1])).strip() if fact.when is not None else ""
    coding = fact.coding[0] if fact.coding else ("", "", "")
    state, tone = _STATES[shown.state]
    return Row(
        shown, coding[2] if fact.kind == "measure" else fact.text, said, value, when, coding[1], coding[2],
        f"{round(100 * fact.confidence)} %" if fact.confidence else "",
        ", ".join([fact.way, *(one.rule for one in fact.said), *fact.rules]), state, tone, may_become(shown.fact),
    )  # fmt: skip


def by_kind(shown: Iterable[Shown]) -> list[tuple[str, list[Row]]]:
    """Return (title, rows) of each kind that there is, the order that of the text."""
    rows = [row_of(one) for one in shown]
    return [
        (title, found) for kind, title in KINDS if (found := [r for r in rows if r.shown.fact.fact.kind == kind])
    ]  # fmt: skip


def shown_notes(asked: Asked, facts: Iterable[Fact]) -> list[Document] | None:
    """Return what was read in a person's notes when the reader switched that on (`notes=1`), else None."""
    if asked.request.query_params.get("notes") != "1":
        return None
    return documents(asked.service.store, facts)
