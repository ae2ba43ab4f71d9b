"""Who chooses among candidates never writes a code, never overrules a person, and may fail without harm."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from unsilo.terminology.suggest import Item, Suggestion, choose

ITEM = Item("K", "Kalium", "", "", "Laboratory")
FOUND = [
    Suggestion(1, "2-2", "Glucose", 0.6, "auto", "shares words"),
    Suggestion(2, "1-1", "Potassium", 0.3, "review", "similar"),
]


class Double:
    """Answers what it was told to; remembers what it was asked."""

    name = "double"

    def __init__(self, answer: object) -> None:
        self.answer, self.asked = answer, []  # type: ignore[var-annotated]

    def choose(self, item: Item, candidates: Sequence[tuple[str, str]]) -> str:
        """Return the answer, or raise it."""
        self.asked.append((item, list(candidates)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]


def test_the_chosen_candidate_comes_first_for_review() -> None:
    """Its chance stays; nothing is automatic any more."""
    double = Double("1-1")
    done = choose(double, ITEM, FOUND)
    assert double.asked == [(ITEM, [("2-2", "Glucose"), ("1-1", "Potassium")])]
    assert done.value is not None
    assert [(row.rank, row.code, row.score, row.decision) for row in done.value] == [
        (1, "1-1", 0.3, "review"), (2, "2-2", 0.6, "review")]  # fmt: skip
    assert done.value[0].reason == "chosen by double among 2 candidates; similar"
    assert done.issues == []


@pytest.mark.parametrize("answer", ["9-9", "1-1 ", "Potassium", "1-1; DROP TABLE", "x" * 10_000, 7, ["1-1"],
                                    RuntimeError("no answer"), TimeoutError()])  # fmt: skip
def test_an_answer_that_is_no_candidate_is_refused(answer: object) -> None:
    """The order stays, and the refusal is told in bounds."""
    done = choose(Double(answer), ITEM, FOUND)
    assert done.value == FOUND
    assert [issue.rule for issue in done.issues] == ["suggest.chooser"]
    assert len(done.issues[0].text) < 400


def test_none_fits_changes_nothing() -> None:
    """An empty answer leaves everything to the calibration."""
    assert choose(Double(""), ITEM, FOUND).value == FOUND


@pytest.mark.parametrize(
    "found",
    [[], FOUND[:1], [Suggestion(1, "", "", 0.0, "abstain", "nothing")],
     [Suggestion(1, "1-1", "Potassium", 1.0, "auto", "decided before by a person"), FOUND[0]]],
)  # fmt: skip
def test_nothing_is_asked_where_there_is_no_choice(found: list[Suggestion]) -> None:
    """One candidate, none, or a person's decision."""
    double = Double("2-2")
    assert choose(double, ITEM, found).value == found
    assert double.asked == []


def test_without_a_chooser_nothing_changes() -> None:
    """Off by default."""
    assert choose(None, ITEM, FOUND).value == FOUND
