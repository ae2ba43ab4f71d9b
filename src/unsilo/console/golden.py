"""Where the facts in a person's head are from: the golden record with what lost and why; which records wait."""

from typing import Any

from unsilo.flow.golden.survive import Chosen, Golden
from unsilo.flow.golden.table import CRITERIA
from unsilo.storage import Source, Store

__all__ = ["in_review", "rows_of"]

_WORDS = {
    **CRITERIA, "agreed": "all who state it agree", "only": "stated by one record only",
    "order": "nothing decides: the first record",
}  # fmt: skip
_SHOWN = 60


def _keepers(records: Any) -> list[str]:
    return list(dict.fromkeys(record.keeper or record.id for record in records))


def _row(one: Chosen) -> dict[str, Any]:
    return {
        "field": one.field.capitalize(), "value": one.words[:500], "from": _keepers(one.records), "rule": one.rule,
        "why": _WORDS[one.rule],
        "lost": [{"value": lost.words[:500], "from": _keepers(lost.records), "by": _WORDS[lost.by]}
                 for lost in one.lost],
    }  # fmt: skip


def rows_of(golden: Golden) -> list[dict[str, Any]]:
    """Return a line for each surviving value: its sources, the rule that decided, and what lost to it."""
    return [_row(one) for one in golden.chosen[:_SHOWN]]


def in_review(store: Store, records: list[Source]) -> dict[str, list[int]]:
    """Return record -> numbers of the open pairs of the review queue in which it stands."""
    found: dict[str, list[int]] = {}
    for record in records:
        if record.resource is not None:
            numbers = [row.n for row in store.reviews_of(record.resource.rid) if row.state == "open"]
            if numbers:
                found[record.patient_id] = numbers
    return found
