"""Whether statements of different systems are of one thing: reviewed rules and tables, each answer with its ground."""

from unsilo.terminology.same.gather import Gathered, Ground, gather
from unsilo.terminology.same.judge import Verdict, verdict
from unsilo.terminology.same.loaded import Loaded
from unsilo.terminology.same.meaning import Meaning
from unsilo.terminology.same.port import NOTHING, Knowledge
from unsilo.terminology.same.reader import DOMAINS, Reader

__all__ = [
    "DOMAINS",
    "NOTHING",
    "Gathered",
    "Ground",
    "Knowledge",
    "Loaded",
    "Meaning",
    "Reader",
    "Verdict",
    "gather",
    "verdict",
]
