"""What the rules need to know of the person: birth, death, sex, from all records that are known of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from unsilo.fhir.dates import range_of
from unsilo.kernel import Issue, Json, Where
from unsilo.validation.plausibility.moments import moment

__all__ = ["NOBODY", "Person", "altered", "person_of"]


class Person(NamedTuple):
    """Birth and death as (from, to) in microseconds since 1970, half open, with their words; None when not known."""

    birth: tuple[int, int] | None = None
    death: tuple[int, int] | None = None
    born: str = ""
    died: str = ""


NOBODY = Person()


def person_of(patients: Iterable[Json]) -> Person:
    """Return what several Patients say of one person: the earliest birth and the latest death, so that a difference
    between sources raises no doubt about facts."""
    births: list[tuple[tuple[int, int], str]] = []
    deaths: list[tuple[tuple[int, int], str]] = []
    for patient in patients:
        for name, found in (("birthDate", births), ("deceased", deaths)):
            said = moment(patient, name)
            if said is not None:
                found.append((said.bounds, said.words))
    birth, born = min(births, default=(None, ""))
    death, died = max(deaths, default=(None, ""))
    return Person(birth, death, born, died)


_KNOWN = ("male", "female")


def _differs(before: Json, after: Json) -> list[tuple[str, str, str, str]]:
    found = []
    old, new = before.get("gender"), after.get("gender")
    if old in _KNOWN and new in _KNOWN and old != new:
        found.append(("change.sex", "gender", f"The sex was {old} and is now {new}.", "administrative sex"))
    old, new = before.get("birthDate"), after.get("birthDate")
    if isinstance(old, str) and isinstance(new, str) and old != new:
        first, second = range_of(old), range_of(new)
        if first is not None and second is not None and (first[1] <= second[0] or second[1] <= first[0]):
            found.append(("change.birth", "birthDate", f"The birth was {old} and is now {new}.", "date of birth"))
    return found


def altered(before: Json, after: Json) -> list[Issue]:
    """Return what changed between two versions of a Patient that does not change in a life."""
    return [
        Issue(
            "warning", "business-rule", text, Where(f"Patient.{path}"),
            f"look whether the {what} was corrected or the number belongs to somebody else", f"plausible.{rule}",
        )
        for rule, path, text, what in _differs(before, after)
    ]  # fmt: skip
