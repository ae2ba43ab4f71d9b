"""What a message's resources hold that can hardly be true: warnings of the message, counted for its feed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from unsilo.kernel import Issue, Json, Where
from unsilo.validation.plausibility import Person, changes, doubts, person_of

__all__ = ["about", "counted", "found_in"]

_NOBODY = Person()
_PREFIX = "plausible."


def about(resource: Json) -> str:
    """Return the reference to the Patient that a resource is about; empty when there is none."""
    for name in ("subject", "patient"):
        said: Any = resource.get(name)
        if isinstance(said, dict) and isinstance(reference := said.get("reference"), str):
            return reference
    return f"Patient/{resource.get('id', '')}" if resource.get("resourceType") == "Patient" else ""


def _placed(resource: Json, issue: Issue) -> Issue:
    place = f"{resource['resourceType']}/{resource.get('id', '')}: {issue.where.path}"
    return msgspec.structs.replace(issue, where=Where(place))


def found_in(
    resources: Sequence[Json], now: int, most: int = 100, persons: Mapping[str, Person] | None = None
) -> list[Issue]:
    """Return what is doubtful in resources that came together at `now` (microseconds), `most` Issues at most.

    Whom they are about is looked for among them, and in `persons` by reference; `where` begins with `Type/id`.
    """
    known = dict(persons or {})
    known |= {about(each): person_of([each]) for each in resources if each.get("resourceType") == "Patient"}
    found: list[Issue] = []
    results: dict[str, list[Json]] = {}
    for resource in resources:
        whom = about(resource)
        found += [_placed(resource, each) for each in doubts(resource, known.get(whom, _NOBODY), now)]
        if resource.get("resourceType") == "Observation":
            results.setdefault(whom, []).append(resource)
    for whom, held in results.items():
        for number, issues in changes(held, known.get(whom, _NOBODY)).items() if whom else ():
            found += [_placed(held[number], each) for each in issues]
    return found[:most]


def counted(issues: Iterable[Issue]) -> list[tuple[str, str]]:
    """Return (rule, place) of each doubt among the Issues of a message."""
    return [(issue.rule, issue.where.path) for issue in issues if issue.rule.startswith(_PREFIX)]
