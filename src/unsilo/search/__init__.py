"""A FHIR search and the policy predicate become one plan, which `storage` renders and runs."""

from unsilo.search.ask import Bounds, Terminology
from unsilo.search.parse import PAGE, Search, parse
from unsilo.search.plan import hidden, plan
from unsilo.search.supported import Supported, supported
from unsilo.search.terminology import Published
from unsilo.search.vocabulary import Vocabulary

__all__ = [
    "PAGE", "Bounds", "Published", "Search", "Supported", "Terminology", "Vocabulary", "hidden", "parse", "plan",
    "supported",
]  # fmt: skip
