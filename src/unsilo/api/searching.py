"""Searches over HTTP: of a type, of a compartment, over types, by GET and by POST (FHIR R4 search.html)."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlencode

import msgspec

from unsilo.api import answers, bodies, form, take
from unsilo.api.access import Client
from unsilo.api.answers import NOT_ACCEPTABLE
from unsilo.api.ask import ID, Answer, Ask, Refused, parse_pairs
from unsilo.api.media import negotiate
from unsilo.api.node import Node
from unsilo.api.reading import not_recorded
from unsilo.api.trail import patients_in
from unsilo.fhir.outcome import operation_outcome
from unsilo.flow.fhir.search import Asked, Found, explain, prepare
from unsilo.flow.fhir.search import search as run
from unsilo.flow.ihe import pdqm
from unsilo.flow.ihe.domains import is_known
from unsilo.kernel import Issue, json
from unsilo.search.parse import PAGE
from unsilo.spec.compartments import compartments
from unsilo.storage import Stored
from unsilo.storage.faults import TooLongError

__all__ = ["search"]

_MOST_FORM = 1_000_000
_INCLUDED = b',"search":{"mode":"include"}'
_OUTCOME = b',"search":{"mode":"outcome"}}'


async def _pairs(node: Node, ask: Ask) -> list[tuple[str, str]]:
    """Return the parameters of the address, with those of the form when the search is posted."""
    if ask.method != "POST":
        return _standard(ask.pairs)
    if ask.header(b"content-type").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        text = "a search by POST is a form"
        hint = "Content-Type: application/x-www-form-urlencoded"
        raise Refused([Issue("error", "not-supported", text, hint=hint, rule="http.form")], 415)
    said = await take.body(ask, _MOST_FORM, node.settings.http.body_seconds)
    ask.add(parse_pairs(said.decode("latin-1")))
    ask.media = negotiate(ask.headers.get(b"accept", b""), ask.control("_format"))
    if ask.media is None:
        raise Refused([NOT_ACCEPTABLE], 406)
    return _standard(ask.pairs)


_ALIASES = {("_totalMethod", "count"): ("_total", "accurate")}
"""What a widely used client library says instead of the standard's words (fhirpy's `count()`)."""


def _standard(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [_ALIASES.get(pair, pair) for pair in pairs]


def _prepare(node: Node, ask: Ask, pairs: list[tuple[str, str]]) -> Asked:
    """Understand the search; Refused with every fault of it."""
    kind: str | None = ask.kind or None
    compartment = None
    if ask.id:
        if not ID.fullmatch(ask.id):
            raise Refused([Issue("error", "not-found", f"there is no {ask.kind} with this id", rule="http.none")], 404)
        if ask.kind not in compartments():
            text = f"{ask.kind} has no compartment"
            hint = "there are those of " + ", ".join(compartments())
            raise Refused([Issue("error", "not-supported", text, hint=hint, rule="http.compartment")], 404)
        compartment = (ask.kind, ask.id)
        kind = None if ask.parts[2] == "*" else ask.parts[2]
    asked, issues = prepare(
        node.predicate(ask), kind, pairs, node.service.parameters.vocabulary, node.page_key, base=ask.base,
        lenient=ask.lenient, kin=node.settings.search.persons and ask.whole_person, compartment=compartment,
    )  # fmt: skip
    if asked is None:
        forbidden = all(issue.code == "forbidden" for issue in issues)
        raise Refused(issues, 403 if forbidden else 400)
    return asked


async def search(node: Node, ask: Ask) -> Answer:
    """Return a page of what fits, with what it includes (FHIR R4 3.1.1); a Patient stands for its whole person."""
    asked = _prepare(node, ask, await _pairs(node, ask))
    if ask.query.find(b"__explain") >= 0 and any(name == "__explain" for name, _ in ask.pairs):
        return await _explained(node, ask, asked)
    found = _at_once(node, asked) if asked.plan.cheap else None
    if found is None:
        found = await node.apart(run, node.long_reads, asked, node.page_key)
    wanted = _domains(node, ask, found)
    rows = [*found.rows, *found.includes] if found.includes else found.rows
    if not await node.note(ask, "search", _what(ask, found), patients_in(rows)):
        return not_recorded()
    if len(rows) < _IN_LOOP:
        return Answer(200, _bundle(node, ask, asked, found, wanted))
    return Answer(200, await asyncio.to_thread(_bundle, node, ask, asked, found, wanted))


def _domains(node: Node, ask: Ask, found: Found) -> tuple[str, ...]:
    """Return the identifier domains that a Patient search wants to see; what is not recognised becomes a warning."""
    if ask.kind != "Patient" or ask.id or not node.settings.ihe.restrict_domains:
        return ()
    wanted = pdqm.domains(found.used)
    if wanted:
        predicate, vocabulary = node.predicate(ask), node.service.parameters.vocabulary
        found.warnings += pdqm.unknown(
            [one for one in wanted if not is_known(node.reads, predicate, vocabulary, node.settings, one)]
        )
    return wanted


_QUICK = 0.1
"""Seconds that a search may hold the event loop, should it be less cheap than it looked."""


def _at_once(node: Node, asked: Asked) -> Found | None:
    """Run a cheap search on the event loop itself; None when it turns out to take long."""
    plan = msgspec.structs.replace(asked.plan, seconds=_QUICK)
    try:
        return run(node.reads, msgspec.structs.replace(asked, plan=plan), node.page_key)
    except TooLongError:
        return None


def _what(ask: Ask, found: Found) -> str:
    """Return what was asked, as the client wrote it in the address, for the audit trail."""
    said = ask.query.decode("latin-1") if ask.method != "POST" else urlencode(found.used)
    return "/".join(ask.parts) + ("?" + said if said else "")


async def _explained(node: Node, ask: Ask, asked: Asked) -> Answer:
    """Show an operator what is run instead of running it for data: no value of a patient is in it."""
    if not Client(ask.actor, ask.scopes).may("operate"):
        return answers.failed(403, "forbidden", "the token is not good for operate", "scope", where="http.__explain")
    said = await node.apart(explain, node.long_reads, asked)
    if not await node.note(ask, "explain", "/".join(ask.parts), ()):
        return not_recorded()
    return Answer(200, json.encode(said), type_=b"application/json")


_IN_LOOP = 200
"""Entries up to which a Bundle is put together on the event loop."""


def _shown(node: Node, ask: Ask, found: Found) -> Callable[[Stored], bytes]:
    summary = found.summary if found.summary in ("true", "text", "data") else ""
    return form.shown_as(node.predicate(ask), summary or found.elements)


def _bundle(node: Node, ask: Ask, asked: Asked, found: Found, wanted: tuple[str, ...] = ()) -> bytes:
    shown = _shown(node, ask, found)
    if wanted:
        shown = pdqm.only(wanted, shown)
    base = ask.base
    entries = [bodies.entry(row, base, content=shown(row)) for row in found.rows]
    entries += [bodies.entry(row, base, _INCLUDED, shown(row)) for row in found.includes]
    if found.warnings:
        entries.append(b'{"resource":' + json.encode(operation_outcome(found.warnings)) + _OUTCOME)
    address = "/".join(ask.parts).removesuffix("_search").rstrip("/")
    place = f"{base}/{address}" if address else base
    used = [*found.used, *((name, value) for name, value in ask.pairs if name in ("_format", "_pretty"))]
    page = asked.search.page
    links = [("self", _link(place, [*used, (PAGE, page)] if page else used))]
    if found.next:
        links.append(("next", _link(place, [*used, (PAGE, found.next)])))
    return bodies.bundle("searchset", entries, total=_total(found, page), links=links)


def _total(found: Found, page: str) -> int | None:
    """Return what was counted; where the first page holds all there is, their number costs nothing."""
    if found.total is None and not page and not found.next and ("_total", "none") not in found.used:
        return len(found.rows)
    return found.total


def _link(place: str, pairs: list[tuple[str, str]]) -> str:
    return f"{place}?{urlencode(pairs)}" if pairs else place
