"""Who asks for a write, and how it ended."""

from collections.abc import Sequence

import msgspec

from unsilo.kernel import Issue, Where
from unsilo.kernel.issue import Code
from unsilo.policy.predicate import Predicate
from unsilo.storage import Stored

__all__ = ["Caller", "RefusedError", "Written", "refusal", "refused", "written"]


class Caller(msgspec.Struct, frozen=True):
    """Who asks: `actor` and `origin` for the audit trail, what may be seen, and why (purpose of use)."""

    actor: str
    origin: str
    predicate: Predicate
    reason: str = ""


class Written(msgspec.Struct):
    """How a write ended, with the HTTP status (FHIR R4 http.html).

    `body` is the stored JSON without version and time, None when there is none; `updated` is microseconds. A status
    from 400 says that nothing was written, and `issues` why; below it `issues` are warnings.
    """

    status: int
    type: str
    id: str = ""
    version: int = 0
    updated: int = 0
    body: bytes | None = None
    issues: list[Issue] = []


class RefusedError(Exception):
    """The write is refused, and everything that belongs to it is undone."""

    def __init__(self, answer: Written) -> None:
        super().__init__(answer.status)
        self.answer = answer


def refused(kind: str, status: int, issues: Sequence[Issue], id_: str = "") -> Written:
    """Return a refusal for these reasons."""
    return Written(status, kind, id_, issues=list(issues))


def refusal(
    kind: str, status: int, code: Code, text: str, *, where: str = "", hint: str = "", rule: str, id_: str = ""
) -> Written:  # fmt: skip
    """Return a refusal for one reason."""
    return refused(kind, status, [Issue("error", code, text, Where(where), hint, f"fhir.write.{rule}")], id_)


def written(status: int, row: Stored, issues: Sequence[Issue] = ()) -> Written:
    """Return the end of a write that left this version."""
    body = row.body if row.state == 0 else None
    return Written(status, row.type, row.id, row.version, row.updated, body, list(issues))
