"""What a message's resources hold that can hardly be true: warnings of the message, counted for its feed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from unsilo.kernel import Issue, Json, Where
from unsilo.validation.plausibility import ASKED, Person, changes, doubts, person_of

__all__ = ["about", "counted", "each_in", "found_in"]

_NOBODY = Person()
_PREFIX = "plausible."


def about(resource: Json) -> str:
    """Return the reference to the Patient that a resource is about; empty when there is none."""
    for name in ("subject", "patient"):
        said: Any = resource.get(name)
        if isinstance(said, dict) and isinstance(reference := said.get("reference"), str):
            return reference
    return f"Patient/{resource.get('id', '')}" if resource.get("resourceType") == "Patient" else ""


def each_in(
    resources: Sequence[Json], now: int, persons: Mapping[str, Person] | None = None
) -> list[tuple[int, Issue]]:
    """Return (number of the resource, Issue) of what is doubtful in resources that came together at `now`
    (microseconds). Whom they are about is looked for among them, and in `persons` by reference."""
    known = dict(persons or {})
    known |= {about(each): person_of([each]) for each in resources if each.get("resourceType") == "Patient"}
    found: list[tuple[int, Issue]] = []
    results: dict[str, list[int]] = {}
    for number, resource in enumerate(resources):
        kind = resource.get("resourceType")
        if not isinstance(kind, str) or kind not in ASKED:
            continue
        whom = about(resource)
        found += [(number, each) for each in doubts(resource, known.get(whom, _NOBODY), now)]
        if kind == "Observation" and whom:
            results.setdefault(whom, []).append(number)
    for whom, numbers in results.items():
        held = [resources[number] for number in numbers]
        for place, issues in changes(held, known.get(whom, _NOBODY)).items() if len(held) > 1 else ():
            found += [(numbers[place], each) for each in issues]
    return found


def found_in(resources: Sequence[Json], now: int, most: int = 100) -> list[Issue]:
    """Return the same as Issues whose `where` begins with `Type/id`, `most` at most."""
    found = []
    for number, issue in each_in(resources, now)[:most]:
        resource = resources[number]
        place = f"{resource['resourceType']}/{resource.get('id', '')}: {issue.where.path}"
        found.append(msgspec.structs.replace(issue, where=Where(place)))
    return found


def counted(issues: Iterable[Issue]) -> list[tuple[str, str]]:
    """Return (rule, place) of each doubt among the Issues of a message."""
    return [(issue.rule, issue.where.path) for issue in issues if issue.rule.startswith(_PREFIX)]
