"""The search of a conditional interaction: at least one criterion, everything understood (FHIR R4 http.html)."""

from urllib.parse import parse_qsl

import msgspec

from unsilo.flow.fhir.outcome import Caller, Written, refusal, refused
from unsilo.search.parse import parse
from unsilo.search.plan import hidden, plan
from unsilo.search.vocabulary import Vocabulary
from unsilo.storage.plan import Plan

__all__ = ["condition"]

_MOST_FIELDS = 100


def condition(kind: str, query: str, caller: Caller, vocabulary: Vocabulary, *, most: int = 2) -> Plan | Written:
    """Read a query string (percent-encoded, without `?`); a plan for at most `most` matches, or a refusal.

    A Patient stands for itself alone here: a write must not meet the record of another source.
    """
    text = query.removeprefix("?")
    text = text.partition("?")[2] if "?" in text.partition("=")[0] else text
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        return refusal(kind, 400, "value", "the condition is no query string", rule="condition")
    search, issues = parse(kind, pairs, vocabulary, kin=False)
    if search is None:
        return refused(kind, 400, issues)
    issues = hidden(search, caller.predicate, vocabulary)
    if issues:
        return refused(kind, 403, issues)
    if not search.clauses:
        hint = "add one, such as identifier=system|value"
        return refusal(kind, 412, "required", "a condition needs a search parameter", hint=hint, rule="condition")
    made = plan(search, caller.predicate, vocabulary)
    return msgspec.structs.replace(
        made, count=most, sort=(), includes=(), total="none", only_count=False, after=None
    )  # fmt: skip
