"""What a patch is refused for."""

from typing import NoReturn

from unsilo.kernel import Issue, Json, Where
from unsilo.kernel.issue import Code

__all__ = ["MOST_OPERATIONS", "PatchError", "identity", "refuse", "size"]

MOST_OPERATIONS = 10_000
"""Operations that one patch may have."""

LARGEST = 1_000_000
"""JSON values that a patch may add in all; copies of copies grow fast."""


class PatchError(Exception):
    """Ends a patch; the Issue says why and where in the patch."""

    def __init__(self, issue: Issue) -> None:
        self.issue = issue
        super().__init__(issue.text)


def refuse(code: Code, text: str, place: str, hint: str, rule: str) -> NoReturn:
    """End the patch with an error at a place of the patch document."""
    raise PatchError(Issue("error", code, text, Where(place), hint, f"fhir.patch.{rule}"))


def identity(before: Json, after: object, place: str) -> None:
    """Refuse a patch that makes another resource of this one: its type and id are not the client's to change."""
    if not isinstance(after, dict):
        refuse("structure", "The patch leaves no JSON object.", place, "Patch elements of the resource.", "object")
    for name in ("resourceType", "id"):
        if name in before and after.get(name) != before[name]:
            text = f"The patch changes {name}."
            refuse("business-rule", text, place, "Type and id of a resource stay as they are.", "identity")


def size(value: object) -> int:
    """Count the JSON values in a value, itself included."""
    total, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        total += 1
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return total
