"""What FHIR XML is refused for: rule, code, words and hint of each fault."""

from typing import Final

from unsilo.kernel import Issue, Where
from unsilo.kernel.issue import Severity

__all__ = ["fault"]

_FAULTS: Final[dict[str, tuple[str, str, str]]] = {
    "attribute": ("structure", "R4 has no such attribute here", "Leave it out; values go into `value` attributes."),
    "charset": ("charset", "The encoding is not UTF-8", "Send the document in UTF-8, as FHIR requires."),
    "choice": ("structure", "A choice has two types", "Send one of them."),
    "depth": ("too-costly", "Elements are nested too deep", "Send a flatter document."),
    "doctype": ("security", "A DOCTYPE is not accepted", "Send the document without document type and entities."),
    "element": ("structure", "R4 has no such element here", "Put what R4 does not have into an extension."),
    "empty": ("structure", "The element is empty", "Give it a value, children, or leave it out."),
    "many": ("structure", "The element may appear only once", "Send one of them."),
    "namespace": ("structure", "The element is in another namespace", 'FHIR\'s is "http://hl7.org/fhir".'),
    "order": ("structure", "The element is not at its place in the order", "Send elements in the order of R4."),
    "resource": ("structure", "There must be exactly one resource here", "Send one resource of R4."),
    "size": ("too-long", "The document is larger than the limit", "Send smaller pieces or raise the feed's limit."),
    "syntax": ("structure", "This is not well-formed XML", "Send one XML document (XML 1.0)."),
    "text": ("structure", "There is text between elements", "Values go into `value` attributes."),
    "type": ("structure", "R4 has no such resource type", "Send a resource of R4."),
    "value": ("value", "The value is not of its type", "Send `true` or `false`, or digits, as the type demands."),
}


def fault(rule: str, place: str, path: str = "", span: tuple[int, int] | None = None, more: str = "") -> Issue:
    """Make the Issue of a rule; `place` is `line 3, column 7`, `more` what exactly it is about."""
    code, text, hint = _FAULTS[rule]
    said = f"{text}{': ' if more else ''}{more} ({place})." if place else f"{text}."
    severity: Severity = "warning" if rule == "order" else "error"
    return Issue(severity, code, said, Where(path, span), hint, f"fhir.xml.{rule}")  # type: ignore[arg-type]
