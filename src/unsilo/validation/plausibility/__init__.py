"""What cannot be true of a body or a life though it is correctly said: rules as tables, apart from conformance."""

from unsilo.validation.plausibility.changes import changes
from unsilo.validation.plausibility.check import ASKED, doubts, rules
from unsilo.validation.plausibility.person import Person, altered, person_of

__all__ = ["ASKED", "Person", "altered", "changes", "doubts", "person_of", "rules"]
