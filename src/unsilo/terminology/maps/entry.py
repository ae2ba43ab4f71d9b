"""One decision about one local code: its states, who moved it, and which moves there are."""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from unsilo.kernel import Issue, Result, content_id

__all__ = ["APPLIED", "RELATIONSHIPS", "STATES", "Entry", "Event", "Move", "key_of", "move", "moves"]

RELATIONSHIPS = (
    "equivalent", "equal", "wider", "subsumes", "narrower", "specializes", "inexact", "relatedto", "unmatched",
    "disjoint",
)  # fmt: skip
"""R4 concept-map-equivalence. `wider` says that the target is wider than the local code."""
APPLIED = frozenset({"equivalent", "equal", "wider"})
"""What may be said of a fact: the same, or something true that is wider; never something narrower or near."""
STATES = ("proposed", "approved", "published", "refused", "deprecated")
_LONGEST = 500


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A local code and the standard code that it means.

    `feed` ("" for all) and `unit` ("" for any) are where it holds. `element` is `Observation.code` and the like.
    `origin` is who thought of it: `person`, `suggestion`, `import` or `automatic`. `score` is the chance that was
    calculated then. `version` grows with every move; `at` is microseconds.
    """

    id: str
    element: str
    system: str
    code: str
    target_system: str
    target_code: str
    target_display: str = ""
    label: str = ""
    feed: str = ""
    unit: str = ""
    specimen: str = ""
    relationship: str = "equivalent"
    origin: str = "person"
    score: float = 0.0
    state: str = "proposed"
    version: int = 0
    author: str = ""
    reviewer: str = ""
    at: int = 0
    reason: str = ""


class Event(msgspec.Struct, frozen=True):
    """One move of an entry, as it stays for ever: `n` is its number in the store, `entry` what it became."""

    n: int
    action: str
    actor: str
    at: int
    reason: str
    entry: Entry


class Move(NamedTuple):
    """A row of `moves.csv`; `reviews` says that it is a review, which a second person makes where that is set."""

    action: str
    before: str
    after: str
    reviews: bool
    says: str


@cache
def moves() -> dict[tuple[str, str], Move]:
    """Every move by action and state before it ("" for none)."""
    text = files(__package__).joinpath("moves.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))[1:]
    return {(row[0], row[1]): Move(row[0], row[1], row[2], row[3] == "yes", row[4]) for row in rows}


def key_of(entry: Entry) -> str:
    """Return the id of a decision: the same local code, scope and target always have the same one."""
    return content_id(
        "map", entry.feed, entry.element, entry.system, entry.code, entry.unit, entry.target_system, entry.target_code
    )


def faults(entry: Entry) -> list[Issue]:
    """Return what an entry lacks or has too much of."""
    found = [
        Issue("error", "required", f"{name} is missing", rule="maps.entry")
        for name in ("element", "code", "target_system", "target_code")
        if not getattr(entry, name)
    ]
    if entry.relationship not in RELATIONSHIPS:
        text = f"{entry.relationship[:40]} is no relationship"
        found.append(Issue("error", "value", text, hint=", ".join(RELATIONSHIPS), rule="maps.entry"))
    for name in ("system", "code", "label", "target_system", "target_code", "target_display", "unit", "reason"):
        text = str(getattr(entry, name))
        if len(text) > _LONGEST or any(ord(sign) < 32 for sign in text):
            found.append(Issue("error", "value", f"{name} is too long or has a control character", rule="maps.entry"))
    return found


def move(
    entry: Entry, action: str, actor: str, at: int, reason: str = "", *, second: bool = False, known: bool = True
) -> Result[Entry]:
    """Return an entry after a move; no value where the move is not possible or not allowed.

    `known` is False for an entry that the store does not have yet. With `second` a review must be by another person
    than the author.
    """
    issues = faults(entry)
    step = moves().get((action, entry.state if known else ""))
    if step is None:
        state = entry.state if known else "not there yet"
        text = f"an entry that is {state} cannot be moved: {action}"
        issues.append(Issue("error", "business-rule", text, rule="maps.move"))
    elif step.reviews and second and action == "approve" and actor == entry.author:
        text = "a second person has to approve what somebody proposed"
        issues.append(Issue("error", "forbidden", text, rule="maps.second"))
    if issues or step is None:
        return Result(None, issues)
    return Result(
        msgspec.structs.replace(
            entry,
            state=step.after,
            version=entry.version + 1,
            author=actor if action == "propose" else entry.author,
            reviewer=actor if step.reviews else entry.reviewer,
            at=at,
            reason=reason[:_LONGEST],
        )
    )
