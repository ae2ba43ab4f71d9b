"""Standardise, compare, explain and link person records."""

from unsilo.identity.batch import ERROR, LEAST, Matching, ReviewPair, match
from unsilo.identity.decide import Candidate, Decision, Review, decide, settles, weigh
from unsilo.identity.frequency import Frequencies
from unsilo.identity.model import Model, default, pack_model, unpack_model
from unsilo.identity.person import Person
from unsilo.identity.record import Identifier, PersonName, Record, claims, keys, pack, record, unpack
from unsilo.identity.score import Part, Scorer, Shares, Verdict
from unsilo.identity.standardise import COLUMNS, standardise

__all__ = [
    "COLUMNS", "ERROR", "LEAST", "Candidate", "Decision", "Frequencies", "Identifier", "Matching", "Model", "Part",
    "Person", "PersonName", "Record", "Review", "ReviewPair", "Scorer", "Shares", "Verdict", "claims", "decide",
    "default", "keys", "match", "pack", "pack_model", "record", "settles", "standardise", "unpack", "unpack_model",
    "weigh",
]  # fmt: skip
