"""Who of the stored persons a Patient may be, by the scorer that decides; nothing is stored."""

import msgspec

from unsilo import identity
from unsilo.flow.persons.explain import model_of
from unsilo.kernel import Json
from unsilo.storage import Store

__all__ = ["Likely", "likely"]

_PROBABLE = 0.9


class Likely(msgspec.Struct, frozen=True):
    """A source Patient that may be the one asked for.

    `score` is a probability; `grade` a code of http://terminology.hl7.org/CodeSystem/match-grade; `reason` a sentence
    that names each field's part.
    """

    patient_id: str
    person: int
    score: float
    grade: str
    reason: str


def likely(store: Store, patient: Json) -> list[Likely]:
    """Return one source Patient of each person that a Patient resource may be, the likeliest first (R4 patient-match).

    `certain` is what would be linked without asking; what two persons fit is certain for neither.
    """
    record = identity.record({**patient, "id": ""})
    candidates = store.match_candidates(identity.keys(record))
    model = model_of(store)
    scorer = model.scorer()
    decision = identity.decide(record, candidates, scorer)
    best: dict[int, Likely] = {}
    for candidate in candidates:
        verdict = identity.weigh(scorer, record, candidate.record)
        sure = decision.person == candidate.person
        if verdict is None or (verdict.score < scorer.review and not sure):
            continue
        chance = max(verdict.probability, 0.9999) if sure and decision.rule == "R1" else verdict.probability
        grade = "certain" if sure else "probable" if chance >= _PROBABLE else "possible"
        reason = decision.reason if sure and decision.rule == "R1" else verdict.sentence
        found = Likely(candidate.patient_id, candidate.person, round(chance, 4), grade, reason)
        known = best.get(candidate.person)
        if known is None or (found.score, known.patient_id) > (known.score, found.patient_id):
            best[candidate.person] = found
    return sorted(best.values(), key=lambda each: (each.grade != "certain", -each.score, each.patient_id))
