"""Whose record this is: what people decided, then the rules of numbers, then the scorer, and what to look at."""

from collections.abc import Collection
from itertools import product
from typing import Literal, NamedTuple

import msgspec

from unsilo.identity.person import Person
from unsilo.identity.record import Record
from unsilo.identity.rules import Comparison, parent_and_child
from unsilo.identity.score import Outcome, Scorer, Verdict, probability

__all__ = ["Candidate", "Confidence", "Decision", "Review", "decide", "settles", "weigh"]

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

    @classmethod
    def of(cls, person: int, record: Record, settled: object = True) -> "Candidate":
        """Return a person's record as a candidate under the id that the record itself has."""
        return cls(record.patient_id, person, record, bool(settled))


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


_SETTLED = 0.999
"""Probability of a link from which records that share few keys with the one that arrives are not looked at."""
_CLEARLY = 7.0
"""Bits by which one of two persons that both would be linked must fit better, so that a hundred times likelier."""
_STRENGTH = {"decided": 3, "R1": 2, "R2": 1, "scored": 1}


def _rule(found: Comparison) -> str:
    if found.same_identifier:
        return "R1"
    return "R2" if found.same_birth_date and found.same_sex and found.same_name else ""


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


class _Likeness(NamedTuple):
    """How the views of two records that agree best score: bits, their places, and what follows."""

    score: float
    one: Person
    other: Person
    outcome: Outcome


_UNLIKE = _Likeness(-900.0, Person(), Person(), "new")


def _scored(mine: Record, other: Record, found: Comparison, scorer: Scorer) -> _Likeness:
    """Score a pair of records that no rule links; it is said in words later, and only of those that matter."""
    best = _UNLIKE
    levels: list[tuple[str, str]] = []
    for one in mine.views:
        for view in other.views:
            score, agreed = scorer.score(one, view)
            if score > best.score:
                best, levels = _Likeness(score, one, view, "new"), agreed
    if best.score < scorer.review or parent_and_child(mine, other):
        return _UNLIKE
    outcome = scorer.outcome(best.score, scorer.cautions(levels, best.one, best.other))
    if outcome == "review" and ("given", "different") in levels and found.hard:
        return _UNLIKE  # twins, or of one household: other names, and numbers or places in one birth of their own
    return best._replace(outcome="review" if found.hard and outcome == "link" else outcome)


def _persons(
    mine: Record, others: list[Candidate], scorer: Scorer | None, must: Collection[str]
) -> tuple[dict[int, tuple[str, str]], list[Review], dict[int, float]]:
    """Return per person the strongest (rule, agreement) without conflict, what conflicts or is alike, and scores."""
    hits: dict[int, tuple[str, str]] = {}
    linked: dict[int, _Likeness] = {}
    refused: dict[int, Review] = {}
    near: list[Review] = []
    alike: dict[int, tuple[float, str, _Likeness, Comparison]] = {}
    for other in others:
        if other.patient_id in must:
            hits[other.person] = ("decided", "a person's decision")
            continue
        found = Comparison(mine, other.record)
        rule = _rule(found)
        likeness = _UNLIKE
        if scorer is not None and (not rule or found.conflicts):
            likeness = _scored(mine, other.record, found, scorer)
        if rule and found.conflicts and likeness.outcome != "link":
            text = f"there is {_agreement(found)}, but {'; '.join(found.conflicts)}"
            refused.setdefault(
                other.person, Review(other.person, other.patient_id, f"{rule}-conflict", _sentence(text))
            )
        elif rule and not found.conflicts:
            if _STRENGTH[rule] > _STRENGTH.get(hits.get(other.person, ("", ""))[0], 0):
                hits[other.person] = (rule, _agreement(found))
        elif likeness.outcome == "link":
            hits.setdefault(other.person, ("scored", ""))
            if likeness.score > linked.get(other.person, _UNLIKE).score:
                linked[other.person] = likeness
        elif likeness.outcome == "review":
            # A number or a generation that contradicts is in no sum of likeness: there is no percentage to show then.
            chance = 0.0 if found.hard else probability(likeness.score)
            seen = alike.get(other.person)
            if seen is None or (chance, other.patient_id) > seen[:2]:
                alike[other.person] = chance, other.patient_id, likeness, found
        elif scorer is None and found.same_birth_date and found.same_name:
            if found.conflicts:
                text = f"name and birth date are the same, but {'; '.join(found.conflicts)}"
            else:
                text = "name and birth date are the same, but the sex is not recorded on both sides"
            near.append(Review(other.person, other.patient_id, "near", _sentence(text)))
    # One record of a person that contradicts is enough to keep hands off the whole person.
    for person in refused:
        hits.pop(person, None)
    if scorer is not None:
        for person, likeness in linked.items():
            if hits.get(person, ("", ""))[0] == "scored":
                hits[person] = ("scored", f"what agrees: {_words(scorer, likeness)}")
        for person, (chance, patient_id, likeness, found) in alike.items():
            because = f"; but {'; '.join(found.hard)}" if found.hard else ""
            text = f"alike: {_words(scorer, likeness)}{because}"
            near.append(Review(person, patient_id, "alike", _sentence(text), round(chance, 4)))
    known = set(hits) | set(refused)
    scores = {person: round(probability(likeness.score), 4) for person, likeness in linked.items()}
    return hits, list(refused.values()) + [review for review in near if review.person not in known], scores


def _words(scorer: Scorer, likeness: _Likeness) -> str:
    """Say each field's part in a sum."""
    return scorer.explain(likeness.one, likeness.other).sentence.partition(": ")[2].rstrip(".")


def _stay(own: Candidate, mine: Record, review: list[Review], scorer: Scorer | None) -> Decision:
    conflicts = Comparison(mine, own.record).conflicts
    if conflicts and scorer is not None and _is_one(mine, own.record, scorer):
        conflicts = ()  # a slip was put right, or somebody moved or married
    if conflicts:
        text = f"this record number now carries somebody else's particulars: {'; '.join(conflicts)}"
        review = [Review(own.person, own.patient_id, "overlay", _sentence(text)), *review]
    return Decision(own.person, "same-record", "The record was already with this person.", "certain", review)


def _clearest(mine: Record, others: list[Candidate], persons: list[int], scorer: Scorer) -> list[int]:
    """Return the one person that fits clearly better than the others, or all of them."""
    bits = dict.fromkeys(persons, -900.0)
    for other in others:
        if other.person in bits:
            pairs = product(mine.views, other.record.views)
            bits[other.person] = max([bits[other.person], *(scorer.score(one, view)[0] for one, view in pairs)])
    first, second = sorted(persons, key=lambda person: -bits[person])[:2]
    return [first] if bits[first] - bits[second] >= _CLEARLY else persons


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
    with nothing in common) never links and is given for review. Two persons that fit alike are both left alone; one
    that fits a hundred times better is linked, and the other shown for review.
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
    if len(strongest) > 1 and best == _STRENGTH["scored"] and scorer is not None:
        strongest = _clearest(mine, others, strongest, scorer)
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


def settles(decision: Decision) -> bool:
    """Say whether a decision about a new record, in sight of those that share most with it, needs no further look.

    It does not where one person is found for certain and nothing is to be asked.
    """
    return (
        decision.person is not None
        and decision.rule != "same-record"
        and decision.score >= _SETTLED
        and not decision.review
    )
