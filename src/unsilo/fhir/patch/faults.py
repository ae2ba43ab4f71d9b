"""What a patch is refused for."""

from typing import NoReturn

from unsilo.kernel import Issue, Json, Where
from unsilo.kernel.issue import Code
from unsilo.kernel.limits import DEFAULT

__all__ = ["MOST_OPERATIONS", "PatchError", "deep", "identity", "refuse", "size", "too_deep"]

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


def too_deep() -> Issue:
    """Return the Issue of a patch that nests deeper than a document may."""
    return Issue(
        "error", "too-costly", "The patch nests too deep.", hint="Send a flatter patch.", rule="fhir.patch.depth"
    )


def identity(before: Json, after: object, place: str) -> None:
    """Refuse a patch that makes another resource of this one: its type and id are not the client's to change."""
    if not isinstance(after, dict):
        refuse("structure", "The patch leaves no JSON object.", place, "Patch elements of the resource.", "object")
    if deep(after):
        refuse("too-costly", "The patch nests too deep.", place, "Send a flatter patch.", "depth")
    for name in ("resourceType", "id"):
        if name in before and after.get(name) != before[name]:
            text = f"The patch changes {name}."
            refuse("business-rule", text, place, "Type and id of a resource stay as they are.", "identity")


def deep(value: object) -> bool:
    """Whether objects are nested deeper than a document may be."""
    wave, level = [value], 0
    while wave and level <= DEFAULT.json_depth:
        inner = [each.values() if isinstance(each, dict) else each for each in wave if isinstance(each, dict | list)]
        wave = [below for each in inner for below in each]
        level += 1
    return level > DEFAULT.json_depth


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
