"""Who may see what: one predicate, which every reading statement carries."""

from unsilo.policy.admit import Facts, admits, mentions_labels
from unsilo.policy.mask import masked, touches
from unsilo.policy.predicate import (
    EVERYTHING,
    NOTHING,
    Allow,
    And,
    Compartment,
    Everything,
    Label,
    Not,
    Nothing,
    Or,
    Predicate,
    Source,
    Types,
    pushed,
)
from unsilo.policy.settings import predicate_of

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "Allow",
    "And",
    "Compartment",
    "Everything",
    "Facts",
    "Label",
    "Not",
    "Nothing",
    "Or",
    "Predicate",
    "Source",
    "Types",
    "admits",
    "masked",
    "mentions_labels",
    "predicate_of",
    "pushed",
    "touches",
]
