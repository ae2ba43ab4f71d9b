"""The first, deterministic matcher: whose record this is, by which rule, and what a person should look at."""

from typing import Literal

import msgspec

from unsilo.identity.record import Record
from unsilo.identity.rules import Comparison, compare

__all__ = ["Candidate", "Confidence", "Decision", "Review", "decide"]

Confidence = Literal["certain", "probable", "single"]


class Candidate(msgspec.Struct, frozen=True):
    """One stored record that shares a key: its source Patient's id (no `Patient/`), its person, its last record.

    `settled`: the link was made or undone by a person, or other records share it, so a later version of the
    same source Patient stays where it is. False lets a record that stood alone join once it says enough.
    """

    patient_id: str
    person: int
    record: Record
    settled: bool = True


class Review(msgspec.Struct, frozen=True):
    """Something for a data steward: `person` may be the same one or was wrongly kept, for `reason`, found by `rule`."""

    person: int
    patient_id: str
    rule: str
    reason: str


class Decision(msgspec.Struct, frozen=True):
    """`person` to link to (None: a new one), the rule's stable id, the reason as a sentence, and what to review.

    Rules: `same-record` (the source Patient is already known), `R1` (same identifier of the same authority),
    `R2` (same full name, birth date and sex), `none` (nobody alike).
    """

    person: int | None
    rule: str
    reason: str
    confidence: Confidence
    review: list[Review] = []


_STRENGTH = {"R1": 2, "R2": 1}


def _rule(found: Comparison) -> str:
    if found.same_identifier:
        return "R1"
    return "R2" if found.same_name and found.same_birth_date and found.same_sex else ""


def _agreement(found: Comparison) -> str:
    if found.same_identifier:
        return found.same_identifier
    return f"the same name ({found.same_name}), birth date ({found.same_birth_date}) and sex ({found.same_sex})"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _own(mine: Record, candidates: list[Candidate]) -> Candidate | None:
    return next((c for c in candidates if mine.patient_id and c.patient_id == mine.patient_id), None)


def _persons(mine: Record, others: list[Candidate]) -> tuple[dict[int, tuple[str, str]], list[Review]]:
    """Return per person the strongest (rule, agreement) without any conflict, and what conflicts or nearly agrees."""
    hits: dict[int, tuple[str, str]] = {}
    refused: dict[int, Review] = {}
    near: list[Review] = []
    for other in others:
        found = compare(mine, other.record)
        rule = _rule(found)
        if rule and found.conflicts:
            text = f"there is {_agreement(found)}, but {'; '.join(found.conflicts)}"
            refused.setdefault(
                other.person, Review(other.person, other.patient_id, f"{rule}-conflict", _sentence(text))
            )
        elif rule:
            if _STRENGTH[rule] > _STRENGTH.get(hits.get(other.person, ("", ""))[0], 0):
                hits[other.person] = (rule, _agreement(found))
        elif found.same_name and found.same_birth_date:
            if found.conflicts:
                text = f"name and birth date are the same, but {'; '.join(found.conflicts)}"
            else:
                text = "name and birth date are the same, but the sex is not recorded on both sides"
            near.append(Review(other.person, other.patient_id, "near", _sentence(text)))
    # One record of a person that contradicts is enough to keep hands off the whole person.
    for person in refused:
        hits.pop(person, None)
    known = set(hits) | set(refused)
    return hits, list(refused.values()) + [review for review in near if review.person not in known]


def _stay(own: Candidate, mine: Record, review: list[Review]) -> Decision:
    conflicts = compare(mine, own.record).conflicts
    if conflicts:
        text = f"this record number now carries somebody else's particulars: {'; '.join(conflicts)}"
        review = [Review(own.person, own.patient_id, "overlay", _sentence(text)), *review]
    return Decision(own.person, "same-record", "The record was already with this person.", "certain", review)


def decide(mine: Record, candidates: list[Candidate]) -> Decision:
    """Decide whose record `mine` is. The order of `candidates` does not matter; missing values neither link nor part.

    A conflict (other birth date, sex, generation, first name of a twin, number of the same authority, or names
    with nothing in common) never links and is given for review. Two persons that fit alike are both left alone.
    """
    ordered = sorted(candidates, key=lambda c: (c.person, c.patient_id))
    own = _own(mine, ordered)
    hits, review = _persons(mine, [c for c in ordered if c is not own and (own is None or c.person != own.person)])
    if own is not None and (own.settled or not hits):
        also = [
            Review(person, own.patient_id, f"{rule}-elsewhere", _sentence(f"another person has {text}"))
            for person, (rule, text) in sorted(hits.items())
        ]
        return _stay(own, mine, also + review)
    best = max((_STRENGTH[rule] for rule, _ in hits.values()), default=0)
    strongest = sorted(person for person, (rule, _) in hits.items() if _STRENGTH[rule] == best)
    if len(strongest) == 1:
        person = strongest[0]
        rule, text = hits[person]
        others = [
            Review(p, mine.patient_id, f"{r}-elsewhere", _sentence(f"another person has {t}"))
            for p, (r, t) in sorted(hits.items())
            if p != person
        ]
        confidence: Confidence = "certain" if rule == "R1" else "probable"
        return Decision(person, rule, _sentence(f"linked by {text}"), confidence, others + review)
    if strongest:
        ambiguous = [
            Review(
                p, mine.patient_id, f"{hits[p][0]}-ambiguous", _sentence(f"one of several persons with {hits[p][1]}")
            )
            for p in strongest
        ]
        if own is not None:
            return _stay(own, mine, ambiguous + review)
        reason = "Several persons fit equally well, so the record stays alone until somebody decides."
        return Decision(None, "none", reason, "single", ambiguous + review)
    reason = "No other record has the same identifier, or the same name, birth date and sex."
    if review:
        reason = "A record that looks alike was not linked, because something contradicts or is missing."
    elif mine.unusable:
        reason = _sentence(f"nothing to compare with certainty: {'; '.join(mine.unusable)}")
    return Decision(None, "none", reason, "single", review)
