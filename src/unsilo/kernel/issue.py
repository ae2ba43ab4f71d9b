"""The one error value: an `Issue` says where, what, and what to do; `Where` holds byte range and format path."""

from typing import Literal, NamedTuple

import msgspec

__all__ = ["CATEGORIES", "Category", "Code", "Issue", "Severity", "Where", "worst"]

Severity = Literal["fatal", "error", "warning", "information"]

Code = Literal[
    "structure", "required", "value", "code-invalid", "too-long", "not-supported", "version", "processing-id",
    "duplicate", "conflict", "business-rule", "not-found", "deleted", "multiple-matches", "security", "forbidden",
    "throttled", "too-costly", "incomplete", "unmapped", "charset", "stale", "exception", "informational",
]  # fmt: skip


class Category(NamedTuple):
    """How one code of `Issue` is said elsewhere."""

    fhir: str
    """OperationOutcome.issue.code (FHIR R4 value set issue-type)."""
    hl7: str
    """ERR-3 message error condition code (HL7 table 0357)."""
    http: int
    """HTTP status when this is the worst thing that happened."""


CATEGORIES: dict[str, Category] = {
    "structure": Category("structure", "100", 400),
    "required": Category("required", "101", 422),
    "value": Category("value", "102", 422),
    "code-invalid": Category("code-invalid", "103", 422),
    "too-long": Category("too-long", "104", 413),
    "not-supported": Category("not-supported", "200", 422),
    "version": Category("not-supported", "203", 422),
    "processing-id": Category("not-supported", "202", 422),
    "duplicate": Category("duplicate", "205", 409),
    "conflict": Category("conflict", "207", 409),
    "business-rule": Category("business-rule", "207", 422),
    "not-found": Category("not-found", "204", 404),
    "deleted": Category("deleted", "204", 410),
    "multiple-matches": Category("multiple-matches", "207", 412),
    "security": Category("security", "207", 401),
    "forbidden": Category("forbidden", "207", 403),
    "throttled": Category("throttled", "207", 429),
    "too-costly": Category("too-costly", "207", 413),
    "incomplete": Category("incomplete", "207", 422),
    "unmapped": Category("incomplete", "0", 200),
    "charset": Category("value", "102", 422),
    "stale": Category("conflict", "0", 200),
    "exception": Category("exception", "207", 500),
    "informational": Category("informational", "0", 200),
}


class Where(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in a source: byte range `span` (start, end) of the original, and the format's own path.

    `path` is `OBX[3]-5[1].1` in HL7 v2, an XPath in XML, a JSON pointer in JSON, `row 4, column b` in a table.
    """

    path: str = ""
    span: tuple[int, int] | None = None


class Issue(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong or worth saying.

    `code` is a key of `CATEGORIES`; `rule` names the check that found it (stable, such as `hl7v2.msh.missing`);
    `text` says what is wrong without patient data where that can be avoided; `hint` says what a person can do.
    """

    severity: Severity
    code: Code
    text: str
    where: Where = Where()
    hint: str = ""
    rule: str = ""


_ORDER: dict[str, int] = {"fatal": 3, "error": 2, "warning": 1, "information": 0}


def worst(issues: list[Issue]) -> Issue | None:
    """Return the first of the gravest issues, or None when there are none."""
    return max(issues, key=lambda i: _ORDER[i.severity], default=None)
