"""One resource version against a predicate, without a database: for versions of the past, and for what is sent on."""

import msgspec

from unsilo.policy.predicate import (
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
)  # fmt: skip

__all__ = ["Facts", "admits", "mentions_labels"]


class Facts(msgspec.Struct, frozen=True):
    """What is known of one version.

    `labels` are (system, code folded) of meta.security; `patients` ids and `persons` numbers of whose compartment it
    is in (a Patient is in its own); `deleted`: it has no content, so labels and compartment are not known.
    """

    tenant: int
    type: str
    labels: frozenset[tuple[str, str]] = frozenset()
    patients: frozenset[str] = frozenset()
    persons: frozenset[int] = frozenset()
    feed: str = ""
    deleted: bool = False


def _holds(allow: Allow, facts: Facts) -> bool:
    match allow:
        case Everything():
            return True
        case Nothing():
            return False
        case And(parts):
            return all(_holds(part, facts) for part in parts)
        case Or(parts):
            return any(_holds(part, facts) for part in parts)
        case Not(part):
            return not (facts.deleted and isinstance(part, Label | Compartment)) and not _holds(part, facts)
        case Types(names):
            return facts.type in names
        case Source(feeds):
            return facts.feed in feeds
        case Label(system, code):
            return not facts.deleted and (system, code.casefold()) in facts.labels
        case Compartment(patients, persons):
            return bool(patients & facts.patients or persons & facts.persons)


def admits(predicate: Predicate, facts: Facts) -> bool:
    """Tell whether the predicate shows a version."""
    return facts.tenant == predicate.tenant and _holds(pushed(predicate.allow), facts)


def mentions_labels(allow: Allow) -> bool:
    """Tell whether labels matter: then each version of the past is looked at for itself."""
    match allow:
        case And(parts) | Or(parts):
            return any(mentions_labels(part) for part in parts)
        case Not(part):
            return mentions_labels(part)
    return isinstance(allow, Label)
