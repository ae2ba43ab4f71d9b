"""What ends an operation: the Issue that says why."""

from __future__ import annotations

from unsilo.kernel import Issue
from unsilo.kernel.issue import Code

__all__ = ["TerminologyError", "fault"]


class TerminologyError(Exception):
    """An operation cannot be answered; `issue` says why, and what to do."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(issue.text)
        self.issue = issue


def fault(code: Code, text: str, hint: str = "", rule: str = "terminology") -> TerminologyError:
    """Return the error of one Issue."""
    return TerminologyError(Issue("error", code, text[:500], hint=hint, rule=rule))
