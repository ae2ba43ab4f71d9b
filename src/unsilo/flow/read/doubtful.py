"""Marks the facts of a person that can hardly be true, against all that is known of the person now.

It is worked out when somebody looks, so that a corrected birth date or a linked record counts at once, whatever came
first; what was doubtful in a message when it came is kept with the message (`flow.doubt`).
"""

from collections.abc import Sequence

from unsilo.flow.read.fact import Fact
from unsilo.kernel import Issue
from unsilo.validation.plausibility import Person, changes, doubts, person_of

__all__ = ["mark_doubts"]

_HOUR = 3_600_000_000


def _of(fact: Fact, person: Person, now: int, key: tuple[Person, int]) -> tuple[Issue, ...]:
    """Return the doubts about one fact; they are worked out again when `key`, the person and the hour, is another."""
    known = fact.memo.get("doubts")
    if known is None or known[0] != key:
        known = fact.memo["doubts"] = (key, tuple(doubts(fact.resource, person, now)))
    return known[1]


def mark_doubts(patients: Sequence[Fact], facts: Sequence[Fact], now: int) -> list[Fact]:
    """Set `doubts` of every fact of one person; return those that have any. `now` is microseconds since 1970."""
    person = person_of(patient.resource for patient in patients)
    key = (person, now // _HOUR)
    for fact in (*patients, *facts):
        fact.doubts = _of(fact, person, now, key)
    results = [fact for fact in facts if fact.type == "Observation"]
    for number, issues in changes([fact.resource for fact in results], person).items():
        results[number].doubts += tuple(issues)
    return [fact for fact in (*patients, *facts) if fact.doubts]
