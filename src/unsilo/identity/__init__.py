"""Standardise, compare, explain and link person records."""

from unsilo.identity.batch import LEAST, Matching, ReviewPair, match
from unsilo.identity.decide import Candidate, Decision, Review, decide
from unsilo.identity.frequency import Frequencies
from unsilo.identity.person import Person
from unsilo.identity.record import Identifier, PersonName, Record, keys, pack, record, unpack
from unsilo.identity.score import Part, Scorer, Verdict
from unsilo.identity.standardise import COLUMNS, standardise

__all__ = [
    "COLUMNS",
    "LEAST",
    "Candidate",
    "Decision",
    "Frequencies",
    "Identifier",
    "Matching",
    "Part",
    "Person",
    "PersonName",
    "Record",
    "Review",
    "ReviewPair",
    "Scorer",
    "Verdict",
    "decide",
    "keys",
    "match",
    "pack",
    "record",
    "standardise",
    "unpack",
]  # fmt: skip
