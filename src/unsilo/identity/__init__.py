"""Standardise, compare, explain and link person records."""

from unsilo.identity.decide import Candidate, Decision, Review, decide
from unsilo.identity.record import Identifier, PersonName, Record, keys, pack, record, unpack

__all__ = [
    "Candidate", "Decision", "Identifier", "PersonName", "Record", "Review",
    "decide", "keys", "pack", "record", "unpack",
]  # fmt: skip
