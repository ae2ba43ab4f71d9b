"""Results of one test over time, all tests, reports to read, and the attachments they carry."""

from typing import Any

from starlette.responses import Response

from unsilo.console.facts import download
from unsilo.console.gate import Asked
from unsilo.console.people import frame, unknown
from unsilo.console.render import HEADERS, home_zone, page
from unsilo.flow.read.doubtful import mark_doubts
from unsilo.flow.read.load import Loaded, load
from unsilo.flow.read.person import person_view
from unsilo.flow.read.reports import SAFE_INLINE, attachment_list, decode_attachment, report
from unsilo.flow.read.results import Series, Test, by_test
from unsilo.flow.read.sections import KINDS
from unsilo.kernel import clock, json

__all__ = ["attachment", "report_page", "results_page"]

_EXTENSIONS = {
    "application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "text/rtf": "rtf",
    "text/plain": "txt",
}  # fmt: skip


def _load(asked: Asked, types: list[str] | None) -> Loaded | None:
    uid = asked.request.path_params["uid"]
    return load(asked.service.store, asked.service.settings.feeds, uid, asked.user.id, types=types)


def _chart(series: Series) -> str:
    """Return the points of one unit for the chart script, as JSON with the words to show for each."""
    points = series.points
    return json.encode({
        "x": [p.when.at // 1_000_000 for p in points], "y": [p.number for p in points],
        "words": [p.value for p in points], "low": [p.range.low for p in points],
        "high": [p.range.high for p in points], "flagged": [bool(p.flag and p.flag.level) for p in points],
    }).decode()  # fmt: skip


def results_page(asked: Asked) -> Response:
    """Show one test's values as chart and table, or the table of all tests."""
    wanted = asked.request.query_params.get("test", "")
    if not wanted:
        return _all(asked)
    loaded = _load(asked, ["AllergyIntolerance", "Observation"])
    found = _test(loaded, wanted) if loaded is not None else None
    if loaded is None or found is None:
        return unknown(asked)
    asked.audit("read", person=loaded.person, what=f"results of {wanted}")
    mark_doubts(loaded.patients, loaded.facts, clock.now())
    values: dict[str, Any] = frame(asked, loaded)
    values["title"] = f"{found.title} · {values['title']}"
    return page("trend.html", asked.view, **values, test=found, data=[_chart(s) for s in found.series])


def _test(loaded: Loaded, key: str) -> Test | None:
    return next((t for t in by_test(loaded.facts) if t.key == key), None)


def _all(asked: Asked) -> Response:
    loaded = _load(asked, ["AllergyIntolerance", "Observation"])
    if loaded is None:
        return unknown(asked)
    asked.audit("read", person=loaded.person, what="all results")
    zone = home_zone(asked.service.settings)
    view = person_view(loaded.patients, loaded.facts, loaded.sources, now=clock.now(), zone=zone)
    return page("all_results.html", asked.view, **frame(asked, loaded), view_model=view, all_tests=True, kinds=KINDS)


def _is_original(asked: Asked, ref: str, binary: str) -> bool:
    """Tell whether a Binary is the piece that a resource came in: it is kept, and is opened where originals are."""
    kind, _, id_ = ref.partition("/")
    store = asked.service.store
    stored = store.read(kind, id_)
    return stored is not None and any(part.envelope == binary for part in store.lineage(kind, id_, stored.version))


def report_page(asked: Asked) -> Response:
    """Show a report or document to read."""
    kind, id_ = asked.request.path_params["type"], asked.request.path_params["id"]
    types = ["AllergyIntolerance", "Observation", "DiagnosticReport", "DocumentReference", "Composition"]
    loaded = _load(asked, types)
    by_ref = {f.ref: f for f in loaded.facts} if loaded is not None else {}
    fact = by_ref.get(f"{kind}/{id_}")
    if loaded is None or fact is None:
        return unknown(asked)
    asked.audit("read", person=loaded.person, what=f"report {fact.ref}")
    shown = report(fact, by_ref)
    for piece in shown.pieces:
        piece.binary = piece.binary if piece.binary and _is_original(asked, piece.ref, piece.binary) else ""
    values = frame(asked, loaded)
    values["title"] = f"{shown.title} · {values['title']}"
    return page("report.html", asked.view, **values, report=shown)


def attachment(asked: Asked) -> Response:
    """Send one attachment: PDF and pictures open in a sandbox, everything else is only saved."""
    params = asked.request.path_params
    loaded = _load(asked, ["DiagnosticReport", "DocumentReference", "Observation"])
    fact = next((f for f in loaded.facts if f.ref == f"{params['type']}/{params['id']}"), None) if loaded else None
    listed = attachment_list(fact.resource) if fact is not None else []
    number = params["number"]
    found = decode_attachment(listed[number]) if number < len(listed) else None
    if loaded is None or fact is None or found is None:
        return unknown(asked)
    asked.audit("read", person=loaded.person, what=f"attachment {number} of {fact.ref}")
    content, mime = found
    name = f"{fact.id}-{number}.{_EXTENSIONS.get(mime, 'bin')}"
    if mime not in SAFE_INLINE:
        return download(content, name)
    headers = HEADERS | {
        "content-disposition": f'inline; filename="{name}"',
        "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; sandbox",
    }
    return Response(content, media_type=mime, headers=headers)
