"""Searches over HTTP."""

from urllib.parse import urlencode

from unsilo.api import answers, bodies, take
from unsilo.api.ask import Answer, Ask, parse_pairs
from unsilo.api.node import Node
from unsilo.api.query import parse_query
from unsilo.api.reading import not_recorded
from unsilo.api.trail import patients_in
from unsilo.fhir.outcome import operation_outcome
from unsilo.kernel import json

__all__ = ["search"]

_MOST_FORM = 1_000_000


async def search(node: Node, ask: Ask) -> Answer:
    """Return what fits, newest first, page by page (FHIR R4 3.1.0.11); a Patient stands for its whole person."""
    pairs = list(ask.pairs)
    if ask.method == "POST":
        if not ask.header(b"content-type").startswith("application/x-www-form-urlencoded"):
            return answers.failed(415, "not-supported", "a search by POST is a form", "form")
        form = await take.body(ask, _MOST_FORM, node.settings.http.body_seconds)
        pairs += parse_pairs(form.decode("latin-1"))
    query, issues = parse_query(ask.kind, pairs, ask.base, lenient=ask.lenient)
    if query is None:
        return answers.fail(issues, 400)
    after = int(query.after) if query.after.isascii() and query.after.isdigit() and len(query.after) < 19 else None
    if query.after and after is None:
        return answers.failed(400, "value", "this page is not known; start the search again", "page")
    total = node.store.count(ask.kind, query.criteria) if query.total else None
    rows = [] if query.only_count else node.store.search(ask.kind, query.criteria, query.count + 1, after)
    if not await node.note(ask, "search", f"{ask.kind}?{urlencode(pairs)}", patients_in(rows)):
        return not_recorded()
    address = f"{ask.base}/{ask.kind}"
    links = [("self", f"{address}?{urlencode(pairs)}" if pairs else address)]
    page = rows[: query.count]
    if len(rows) > len(page):
        more = [*((key, value) for key, value in pairs if key != "_after"), ("_after", str(page[-1].rid))]
        links.append(("next", f"{address}?{urlencode(more)}"))
    shown = node.shown(ask)
    entries = [bodies.entry(row, ask.base, content=shown(row)) for row in page]
    if query.ignored:
        outcome = json.encode(operation_outcome(query.ignored))
        entries.append(b'{"resource":' + outcome + b',"search":{"mode":"outcome"}}')
    return Answer(200, bodies.bundle("searchset", entries, total=total, links=links))
