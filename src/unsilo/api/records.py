"""Operations on a person's whole record: Patient/$everything, Patient/$summary (FHIR R4 patient-operations.html)."""

from urllib.parse import urlencode

from unsilo.api import answers, bodies, form
from unsilo.api.ask import ID, Answer, Ask, Refused
from unsilo.api.invoked import given
from unsilo.api.node import Node
from unsilo.api.reading import not_recorded
from unsilo.api.trail import patients_in
from unsilo.fhir.dates import range_of
from unsilo.flow.fhir import read as single
from unsilo.flow.fhir.everything import MOST_COUNT, record
from unsilo.flow.fhir.summary import summary as summarise
from unsilo.kernel import Issue, Where, clock, json
from unsilo.spec.r4 import resource_types
from unsilo.storage import Stored

__all__ = ["everything", "summary"]


def _wrong(name: str, text: str) -> Issue:
    return Issue("error", "value", f"{name[:64]} {text}", Where(f"http.{name[:64]}"), rule="everything.value")


_NEVER, _ALWAYS = -(1 << 62), 1 << 62
"""Moments before and after all care."""


def _asked(ask: Ask) -> tuple[frozenset[str] | None, int, int, str, tuple[int, int] | None]:
    """Read `_type`, `_since`, `_count`, `start`, `end` and the page mark; Refused with every one that is wrong."""
    form.known(ask, "_type", "_since", "_count", "_page", "start", "end")
    kinds: frozenset[str] | None = None
    since, count, page = 0, MOST_COUNT, ""
    start, end = _NEVER, _ALWAYS
    issues = []
    for name, value in ask.pairs:
        if name == "_type":
            said = frozenset(value.split(","))
            unknown = said - resource_types()
            if unknown:
                issues.append(_wrong(name, f"{sorted(unknown)[0][:64]!r} is not a resource type"))
            kinds = said if kinds is None else kinds | said
        elif name == "_since":
            bounds = range_of(value.replace(" ", "+"))
            if bounds is None:
                issues.append(_wrong(name, "is not an instant"))
            else:
                since = bounds[0]
        elif name in ("start", "end"):
            bounds = range_of(value)
            if bounds is None:
                issues.append(_wrong(name, "is not a date"))
            elif name == "start":
                start = bounds[0]
            else:
                end = bounds[1]
        elif name == "_count":
            if value.isascii() and value.isdigit() and int(value[:9]) > 0:
                count = min(int(value[:9]), MOST_COUNT)
            else:
                issues.append(_wrong(name, "is not a whole number above 0"))
        elif name == "_page":
            page = value
    if issues:
        raise Refused(issues, 400)
    return kinds, since, count, page, (start, end) if (start, end) != (_NEVER, _ALWAYS) else None


async def _patient(node: Node, ask: Ask, action: str) -> Stored | Answer:
    row = single.current(node.reads, node.predicate(ask), "Patient", ask.id)
    if row is not None and row.state == 0:
        return row
    if ID.fullmatch(ask.id) and not await node.note(ask, action, f"Patient/{ask.id}", (), outcome="not-found"):
        return not_recorded()
    if row is not None:
        return answers.failed(410, "deleted", "this Patient was deleted", "gone")
    return answers.failed(404, "not-found", "there is no such Patient", "none")


async def everything(node: Node, ask: Ask) -> Answer:
    """Return the record page by page: Patients first, then what is in their compartments."""
    await given(node, ask)
    kinds, since, count, page, care = _asked(ask)
    patient = await _patient(node, ask, "everything")
    if isinstance(patient, Answer):
        return patient
    found = await node.apart(
        record, node.long_reads, node.predicate(ask), ask.id, node.page_key, kinds=kinds, since=since, count=count,
        page=page, care=care,
    )  # fmt: skip
    if found is None:
        return answers.fail([_wrong("_page", "is no page of this record; begin it again")], 400)
    rows = [*found.rows, *found.around]
    if not await node.note(ask, "everything", f"Patient/{ask.id}/$everything", patients_in([patient, *rows])):
        return not_recorded()
    shown = node.shown(ask)
    entries = [bodies.entry(row, ask.base, content=shown(row)) for row in found.rows]
    aside = b',"search":{"mode":"include"}'
    entries += [bodies.entry(row, ask.base, aside, shown(row)) for row in found.around]
    address = f"{ask.base}/Patient/{ask.id}/$everything"
    links = [("self", f"{address}?{urlencode(ask.pairs)}" if ask.pairs else address)]
    if found.next:
        more = [(key, value) for key, value in ask.pairs if key != "_page"]
        links.append(("next", f"{address}?{urlencode([*more, ('_page', found.next)])}"))
    return Answer(200, bodies.bundle("searchset", entries, total=found.total, links=links))


async def summary(node: Node, ask: Ask) -> Answer:
    """Return the International Patient Summary as a document Bundle."""
    await given(node, ask)
    form.known(ask)
    patient = await _patient(node, ask, "summary")
    if isinstance(patient, Answer):
        return patient
    bundle, used = await node.apart(
        summarise, node.long_reads, node.predicate(ask), patient, ask.base, clock.now(), node.service.same
    )  # fmt: skip
    if not await node.note(ask, "summary", f"Patient/{ask.id}/$summary", patients_in(used)):
        return not_recorded()
    return Answer(200, json.encode(bundle))
