"""Puts a source Patient with its person inside the transaction that stores it, so that two at once make one."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import msgspec

from unsilo import identity
from unsilo.flow.process import Draft, Piece
from unsilo.kernel import Issue, Where
from unsilo.storage import AuditRow, Tx

__all__ = ["BY_PROGRAM", "decide_new", "place_patient", "place_patients", "warm"]

_NOTHING = msgspec.Raw(msgspec.msgpack.encode(None))
BY_PROGRAM = -1
"""Stands for the message of a link that was made for a resource which a program sent (0 would be a person's hand)."""


@lru_cache(8)
def _scorer(version: str, at: int, body: bytes) -> identity.Scorer:  # noqa: ARG001 - a version of a time is one model
    return (identity.unpack_model(body) if body else identity.default()).scorer()


def warm() -> None:
    """Read the tables of names, so that the first Patient need not wait for them in the writer's transaction."""
    _scorer("", 0, b"")


_known: dict[tuple[str, int], bytes] = {}


def _model(tx: Tx) -> tuple[str, identity.Scorer]:
    """Return version and scorer of the model that decides in this store."""
    active = tx.model()
    if active is None:
        return identity.default().version, _scorer("", 0, b"")
    if active not in _known:
        _known[active] = tx.model_body(active[0])
    return active[0], _scorer(*active, _known[active])


def _other(tx: Tx, patient_id: str, review: identity.Review) -> str:
    """Return the source Patient to be looked at beside this one: itself, when it may have become somebody else."""
    if review.rule == "overlay" or review.patient_id != patient_id:
        return review.patient_id
    return next((each for each in tx.patients_of(review.person) if each != patient_id), patient_id)


def _barred(tx: Tx, said: dict[str, str]) -> set[str]:
    """Return all source Patients of the persons that this one is not: the one it was said of may share no key today."""
    persons = {tx.person_of(other) for other, kind in said.items() if kind == "apart"}
    return {each for person in persons if person is not None for each in tx.patients_of(person)}


def decide_new(tx: Tx, record: identity.Record, keys: list[int], scorer: identity.Scorer) -> identity.Decision:
    """Decide whose a record is that nobody has placed yet.

    Those that share several keys with it are looked at first, and the others only where that does not settle it: among
    millions most records that are met share one key by chance.
    """
    return _decided(record, *tx.met(keys), tx.further, scorer)


def _decided(
    record: identity.Record, near: list[identity.Candidate], others: list[int],
    further: Callable[[list[int]], list[identity.Candidate]], scorer: identity.Scorer,
) -> identity.Decision:  # fmt: skip
    decision = identity.decide(record, near, scorer)
    if not others or identity.settles(decision):
        return decision
    return identity.decide(record, near + further(others), scorer)


def place_patient(tx: Tx, piece: Piece, actor: str, at: int, mid: int) -> list[Issue]:
    """Remember the record, decide whose it is and link it; return what a data steward should look at as Issues.

    What contradicts is an error, so that the message is found by it; what is only alike is a warning.
    """
    record = identity.unpack(piece.record)
    known = tx.person_of(piece.id)
    version, scorer = _model(tx)
    tx.lock(*identity.claims(record))
    seen = False
    if known is None:
        decision = decide_new(tx, record, piece.keys, scorer)
    else:
        candidates = tx.candidates(piece.keys, piece.id)
        said = tx.decided(piece.id)
        must = {other for other, kind in said.items() if kind == "same"}
        decision = identity.decide(record, candidates, scorer, must=must, cannot=_barred(tx, said))
        # A known record moves only when the decision was made in sight of its own former state.
        seen = any(candidate.patient_id == piece.id for candidate in candidates)
    tx.remember(piece.id, piece.record, piece.keys)
    if known is None or (seen and decision.person is not None and decision.person != known):
        known = _link(tx, piece.id, decision, version, actor, at, mid)
    return _reviews(tx, piece.id, known, decision, version, actor, at, mid)


def place_patients(tx: Tx, pieces: Sequence[tuple[str, bytes, list[int]]], actor: str, at: int, mid: int) -> None:
    """Do what `place_patient` does one after the other with (id, record, keys) of Patients that are new.

    Most records of a population meet nobody: their rows are written together.
    """
    group = tx.newcomers([(id_, keys) for id_, _, keys in pieces])
    if group is None:
        for id_, packed, keys in pieces:
            place_patient(tx, Draft("Patient", id_, b"", b"", _NOTHING, b"", 0, 0, [], packed, keys), actor, at, mid)
        return
    version, scorer = _model(tx)
    for id_, packed, keys in pieces:
        near, others = tx.met_among(group, keys)
        decision = _decided(identity.unpack(packed), near, others, partial(tx.further_among, group), scorer)
        if decision.person is None and all(review.patient_id not in ("", id_) for review in decision.review):
            why = decision.rule, decision.reason, actor, at, mid, decision.score
            person = tx.place_alone(group, id_, packed, keys, *why)
        else:  # it joins somebody, or it is asked who belongs to a person
            tx.write_newcomers(group)
            tx.remember(id_, packed, keys)
            person = _link(tx, id_, decision, version, actor, at, mid)
            tx.enter(group, id_, keys)
        if decision.review:
            _reviews(tx, id_, person, decision, version, actor, at, mid)
    tx.write_newcomers(group)


def _link(tx: Tx, id_: str, decision: identity.Decision, version: str, actor: str, at: int, mid: int) -> int:
    rule = f"scored by {version}" if decision.rule == "scored" else decision.rule
    return tx.link(id_, decision.person, rule, decision.reason, actor, at, mid, decision.score)


def _reviews(
    tx: Tx, id_: str, person: int, decision: identity.Decision, version: str, actor: str, at: int, mid: int
) -> list[Issue]:  # fmt: skip
    """Ask people what a decision leaves to them; return it as Issues."""
    for review in decision.review:
        first, second = sorted((id_, review.patient_id or id_))
        what = f"Patient/{first} Patient/{second} {review.rule}"
        tx.audit(AuditRow(actor, "review", person, what, "", review.reason, mid, at=at))
        tx.ask(id_, _other(tx, id_, review), review.rule, review.reason, review.score, version, mid, at)
    return [
        Issue(
            "warning" if review.rule in ("near", "alike") else "error", "conflict", review.reason,
            Where(f"Patient/{id_}"), hint=f"compare with Patient/{review.patient_id}",
            rule=f"identity.{review.rule}",
        )
        for review in decision.review
    ]  # fmt: skip
