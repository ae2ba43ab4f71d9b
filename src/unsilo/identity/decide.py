"""Whose record this is: what people decided, then the rules of numbers, then the scorer, and what to look at."""

from collections.abc import Collection
from typing import Literal

import msgspec

from unsilo.identity.record import Record
from unsilo.identity.rules import Comparison, compare, parent_and_child
from unsilo.identity.score import Scorer, Verdict

__all__ = ["Candidate", "Confidence", "Decision", "Review", "decide", "weigh"]

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
    """Something for a data steward: `person` may be the same one or was wrongly kept, for `reason`, found by `rule`.

    `score` is the probability that both are one person, 0 where a rule found it.
    """

    person: int
    patient_id: str
    rule: str
    reason: str
    score: float = 0.0


class Decision(msgspec.Struct, frozen=True):
    """`person` to link to (None: a new one), the rule's stable id, the reason as a sentence, and what to review.

    Rules: `same-record` (the source Patient is already known), `decided` (a person said so), `R1` (same identifier of
    the same authority), `R2` (same full name, birth date and sex), `scored` (the scorer's probability is at least its
    `link`), `none` (nobody alike). `score` is the probability of the link.
    """

    person: int | None
    rule: str
    reason: str
    confidence: Confidence
    review: list[Review] = []
    score: float = 1.0


_STRENGTH = {"decided": 3, "R1": 2, "R2": 1, "scored": 1}


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


def weigh(scorer: Scorer, one: Record, other: Record) -> Verdict | None:
    """Return the verdict on the views of two records that agree best, None when one of them says nothing."""
    pairs = [(a, b) for a in one.views for b in other.views]
    scores = [scorer.score(a, b)[0] for a, b in pairs]
    if not scores:
        return None
    at = max(range(len(pairs)), key=lambda n: (scores[n], -n))
    return scorer.explain(*pairs[at])


def _scored(mine: Record, other: Candidate, found: Comparison, scorer: Scorer) -> tuple[str, Verdict | None]:
    """Return `link`, `review` or `new` for a pair of records that no rule links."""
    best = max((scorer.score(a, b)[0] for a in mine.views for b in other.record.views), default=-900.0)
    if best < scorer.review:
        return "new", None
    verdict = weigh(scorer, mine, other.record)
    if verdict is None or parent_and_child(mine, other.record):
        return "new", None
    return "review" if found.hard and verdict.outcome == "link" else verdict.outcome, verdict


def _persons(
    mine: Record, others: list[Candidate], scorer: Scorer | None, must: Collection[str]
) -> tuple[dict[int, tuple[str, str]], list[Review], dict[int, float]]:
    """Return per person the strongest (rule, agreement) without conflict, what conflicts or is alike, and scores."""
    hits: dict[int, tuple[str, str]] = {}
    scores: dict[int, float] = {}
    refused: dict[int, Review] = {}
    near: list[Review] = []
    alike: dict[int, list[Review]] = {}
    for other in others:
        if other.patient_id in must:
            hits[other.person] = ("decided", "a person's decision")
            continue
        found = compare(mine, other.record)
        rule = _rule(found)
        outcome, verdict = "new", None
        if scorer is not None and (not rule or found.conflicts):
            outcome, verdict = _scored(mine, other, found, scorer)
        if rule and found.conflicts and outcome != "link":
            text = f"there is {_agreement(found)}, but {'; '.join(found.conflicts)}"
            refused.setdefault(
                other.person, Review(other.person, other.patient_id, f"{rule}-conflict", _sentence(text))
            )
        elif rule and not found.conflicts:
            if _STRENGTH[rule] > _STRENGTH.get(hits.get(other.person, ("", ""))[0], 0):
                hits[other.person] = (rule, _agreement(found))
        elif scorer is not None:
            if verdict is None:
                continue
            # A number or a generation that contradicts is in no sum of likeness: there is no percentage to show then.
            chance = 0.0 if found.hard else round(verdict.probability, 4)
            if outcome == "link":
                scores[other.person] = max(scores.get(other.person, 0.0), chance)
                hits.setdefault(other.person, ("scored", _likeness(verdict)))
            elif outcome == "review":
                because = f"; but {'; '.join(found.hard)}" if found.hard else ""
                text = f"alike: {verdict.sentence.partition(': ')[2].rstrip('.')}{because}"
                alike.setdefault(other.person, []).append(
                    Review(other.person, other.patient_id, "alike", _sentence(text), chance)
                )
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
    near += [max(found, key=lambda review: (review.score, review.patient_id)) for found in alike.values()]
    return hits, list(refused.values()) + [review for review in near if review.person not in known], scores


def _likeness(verdict: Verdict) -> str:
    return f"what agrees: {verdict.sentence.removeprefix('Linked: ').rstrip('.')}"


def _stay(own: Candidate, mine: Record, review: list[Review], scorer: Scorer | None) -> Decision:
    conflicts = compare(mine, own.record).conflicts
    if conflicts and scorer is not None and _is_one(mine, own.record, scorer):
        conflicts = ()  # a slip was put right, or somebody moved or married
    if conflicts:
        text = f"this record number now carries somebody else's particulars: {'; '.join(conflicts)}"
        review = [Review(own.person, own.patient_id, "overlay", _sentence(text)), *review]
    return Decision(own.person, "same-record", "The record was already with this person.", "certain", review)


def _is_one(mine: Record, before: Record, scorer: Scorer) -> bool:
    verdict = weigh(scorer, mine, before)
    return verdict is not None and verdict.outcome != "new"


def decide(
    mine: Record, candidates: list[Candidate], scorer: Scorer | None = None, *, must: Collection[str] = (),
    cannot: Collection[str] = (),
) -> Decision:  # fmt: skip
    """Decide whose record `mine` is; without a scorer by the rules of numbers and whole names alone.

    `must` and `cannot` are ids of source Patients that people said to be, or not to be, the same person; a person of
    whom one record is in `cannot` is never joined and never asked about again. The order of `candidates` does not
    matter; missing values neither link nor part.

    A conflict (other birth date, sex, generation, first name of a twin, number of the same authority, or names
    with nothing in common) never links and is given for review. Two persons that fit alike are both left alone.
    """
    own = _own(mine, candidates)
    barred = {c.person for c in candidates if c.patient_id in cannot and c is not own}
    if own is not None:
        barred.discard(own.person)
    ordered = sorted((c for c in candidates if c.person not in barred), key=lambda c: (c.person, c.patient_id))
    others = [c for c in ordered if c is not own and (own is None or c.person != own.person)]
    hits, review, scores = _persons(mine, others, scorer, must)
    if own is not None and (own.settled or not hits):
        also = [
            Review(person, own.patient_id, f"{rule}-elsewhere", _sentence(f"another person has {text}"))
            for person, (rule, text) in sorted(hits.items())
        ]
        return _stay(own, mine, also + review, scorer)
    best = max((_STRENGTH[rule] for rule, _ in hits.values()), default=0)
    strongest = sorted(person for person, (rule, _) in hits.items() if _STRENGTH[rule] == best)
    if len(strongest) == 1:
        person = strongest[0]
        rule, text = hits[person]
        elsewhere = [
            Review(p, mine.patient_id, f"{r}-elsewhere", _sentence(f"another person has {t}"))
            for p, (r, t) in sorted(hits.items())
            if p != person
        ]
        confidence: Confidence = "certain" if rule in ("R1", "decided") else "probable"
        return Decision(
            person, rule, _sentence(f"linked by {text}"), confidence, elsewhere + review, scores.get(person, 1.0)
        )
    if strongest:
        ambiguous = [
            Review(
                p, mine.patient_id, f"{hits[p][0]}-ambiguous", _sentence(f"one of several persons with {hits[p][1]}")
            )
            for p in strongest
        ]
        if own is not None:
            return _stay(own, mine, ambiguous + review, scorer)
        reason = "Several persons fit equally well, so the record stays alone until somebody decides."
        return Decision(None, "none", reason, "single", ambiguous + review)
    reason = "No other record has the same identifier, or the same name, birth date and sex."
    if review:
        reason = "A record that looks alike was not linked, because something contradicts or is missing."
    elif mine.unusable:
        reason = _sentence(f"nothing to compare with certainty: {'; '.join(mine.unusable)}")
    return Decision(None, "none", reason, "single", review)
