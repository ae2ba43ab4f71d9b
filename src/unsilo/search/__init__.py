"""A FHIR search and the policy predicate become one plan, which `storage` renders and runs."""

from unsilo.search.ask import Bounds, NoTerminology, Terminology
from unsilo.search.parse import PAGE, Search, parse
from unsilo.search.plan import hidden, plan
from unsilo.search.supported import Supported, supported
from unsilo.search.vocabulary import Vocabulary

__all__ = [
    "PAGE", "Bounds", "NoTerminology", "Search", "Supported", "Terminology", "Vocabulary", "hidden", "parse", "plan",
    "supported",
]  # fmt: skip
