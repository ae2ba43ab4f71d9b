"""Issues as a FHIR OperationOutcome (FHIR R4 operationoutcome.html)."""

from collections.abc import Sequence

from unsilo.kernel import CATEGORIES, Issue, Json

__all__ = ["operation_outcome"]


def operation_outcome(issues: Sequence[Issue]) -> Json:
    """Return an OperationOutcome; without issues it says that all is well, as the resource needs one issue."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [_issue(i) for i in issues]
        or [{"severity": "information", "code": "informational", "diagnostics": "All OK"}],
    }


def _issue(issue: Issue) -> Json:
    said: Json = {"severity": issue.severity, "code": CATEGORIES[issue.code].fhir}
    details: Json = {"text": issue.text}
    if issue.rule:
        details["coding"] = [{"system": "http://unsilo.invalid/rule", "code": issue.rule}]
    said["details"] = details
    notes = [issue.hint] if issue.hint else []
    if issue.where.span:
        notes.append(f"bytes {issue.where.span[0]}-{issue.where.span[1]}")
    if notes:
        said["diagnostics"] = " ".join(notes)
    if issue.where.path:
        said["expression"] = [issue.where.path]
    return said
