"""Match a whole file of person rows: standardise, block, weigh, and cluster what is certain."""

from unsilo.identity.batch.cluster import Matching, ReviewPair, match
from unsilo.identity.batch.frequency import Frequencies
from unsilo.identity.batch.person import Person
from unsilo.identity.batch.score import Part, Scorer, Verdict
from unsilo.identity.batch.standardise import COLUMNS, standardise

__all__ = [
    "COLUMNS", "Frequencies", "Matching", "Part", "Person", "ReviewPair", "Scorer", "Verdict", "match", "standardise",
]  # fmt: skip
