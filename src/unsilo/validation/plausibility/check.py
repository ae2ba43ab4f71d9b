"""Everything that can be asked of one resource, and the names of all rules."""

from __future__ import annotations

from unsilo.kernel import Issue, Json
from unsilo.validation.plausibility.person import NOBODY, Person
from unsilo.validation.plausibility.tables import change_rows, dose_rows, moment_rows
from unsilo.validation.plausibility.times import times
from unsilo.validation.plausibility.values import DOSED, doses, results

__all__ = ["ASKED", "doubts", "rules"]

ASKED = frozenset(("Observation", *DOSED, *(row.resource for row in moment_rows())))
"""The types of resources about which there is anything to ask; most of a message are of others."""


def doubts(resource: Json, person: Person = NOBODY, now: int = 0) -> list[Issue]:
    """Return what cannot be true of a resource: warnings with the element's FHIRPath and a rule `plausible.*`.

    `person` is whom it is about, as far as that is known; `now` (microseconds) is when it was received, after which
    nothing in it can have happened (0: not known). Faults of structure are passed over: conformance tells them.
    """
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in ASKED:
        return []
    found = times(resource, person, now)
    return found + results(resource, person) if kind == "Observation" else found + doses(resource)


def rules() -> frozenset[str]:
    """Return the keys of all rules."""
    own = ("limit", "unit", "dose.negative", "change.sex", "change.birth")
    listed = [row.rule for row in moment_rows()] + [row.rule for row in dose_rows()]
    return frozenset((*(f"plausible.{name}" for name in own), *listed, *(row.rule for row in change_rows())))
