"""Puts a source Patient with its person inside the transaction that stores it, so that two at once make one."""

from unsilo import identity
from unsilo.flow.process import Piece
from unsilo.kernel import Issue, Where
from unsilo.storage import AuditRow, Tx

__all__ = ["BY_PROGRAM", "place_patient"]

BY_PROGRAM = -1
"""Stands for the message of a link that was made for a resource which a program sent (0 would be a person's hand)."""


def place_patient(tx: Tx, piece: Piece, actor: str, at: int, mid: int) -> list[Issue]:
    """Remember the record, decide whose it is and link it; return what a data steward should look at as Issues.

    What contradicts is an error, so that the message is found by it; what is only alike is a warning.
    """
    record = identity.unpack(piece.record)
    known = tx.person_of(piece.id)
    candidates = tx.candidates(piece.keys)
    decision = identity.decide(record, candidates)
    tx.remember(piece.id, piece.record, piece.keys)
    # A known record moves only when the decision was made in sight of its own former state.
    seen = any(candidate.patient_id == piece.id for candidate in candidates)
    if known is None or (seen and decision.person is not None and decision.person != known):
        known = tx.link(piece.id, decision.person, decision.rule, decision.reason, actor, at, mid)
    for review in decision.review:
        first, second = sorted((piece.id, review.patient_id or piece.id))
        what = f"Patient/{first} Patient/{second} {review.rule}"
        tx.audit(AuditRow(actor, "review", known, what, "", review.reason, mid, at=at))
    return [
        Issue(
            "warning" if review.rule == "near" else "error", "conflict", review.reason, Where(f"Patient/{piece.id}"),
            hint=f"compare with Patient/{review.patient_id}", rule=f"identity.{review.rule}",
        )
        for review in decision.review
    ]  # fmt: skip
