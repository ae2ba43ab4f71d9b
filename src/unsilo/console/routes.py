"""The addresses of the console, each with the permission it needs."""

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from unsilo.console import (
    admin,
    bench,
    deliveries,
    dispute,
    facts,
    mapping,
    messages,
    notes,
    operations,
    overlays,
    people,
    quality,
    records,
    replay,
    results,
    review,
    same,
    sign_in,
    terminology,
    units,
)
from unsilo.console.gate import Asked, guarded
from unsilo.flow.service import Service

__all__ = ["PAGES", "WRITES", "routes"]

Page = Callable[[Asked], Response]

PAGES: tuple[tuple[str, str, Page], ...] = (
    ("/people", "person.read", people.find_page),
    ("/people/{uid}", "person.read", people.person_page),
    ("/people/{uid}/print", "person.read", people.print_page),
    ("/people/{uid}/sections/{key}", "person.read", people.section_page),
    ("/people/{uid}/results", "person.read", results.results_page),
    ("/people/{uid}/reports/{type}/{id}", "person.read", results.report_page),
    ("/people/{uid}/files/{type}/{id}/{number:int}", "person.read", results.attachment),
    ("/people/{uid}/facts/{type}/{id}", "person.read", facts.fact_page),
    ("/people/{uid}/originals/{envelope}", "person.read", facts.original),
    ("/people/{uid}/notes", "person.read", notes.notes_page),
    ("/people/{uid}/notes/{type}/{id}", "person.read", notes.note_page),
    ("/people/{uid}/records", "person.read", records.records_page),
    ("/people/{uid}/dispute", "record.dispute", dispute.dispute_page),
    ("/people/{uid}/records/{act}", "person.link", records.preview),
    ("/review", "person.link", review.queue_page),
    ("/review/quality", "person.link", quality.quality_page),
    ("/review/{number:int}", "person.link", review.pair_page),
    ("/feeds", "feed.read", operations.feeds_page),
    ("/deliveries", "feed.read", deliveries.deliveries_page),
    ("/feeds/{name}/mapping", "overlay.read", overlays.mapping_page),
    ("/messages", "message.read", messages.messages_page),
    ("/messages/causes", "message.read", messages.causes_page),
    ("/messages/{id}", "message.read", messages.message_page),
    ("/messages/{id}/original", "message.read", messages.original_file),
    ("/messages/{id}/dry-run", "message.read", replay.dry_page),
    ("/dead", "message.read", replay.dead_page),
    ("/bench", "bench.use", bench.bench_page),
    ("/maps", "map.read", mapping.queue_page),
    ("/maps/code", "map.read", mapping.code_page),
    ("/maps/entries", "map.read", mapping.entries_page),
    ("/terminology", "terminology.read", terminology.terminology_page),
    ("/terminology/branch", "terminology.read", terminology.branch_page),
    ("/units", "terminology.read", units.units_page),
    ("/admin/users", "user.manage", admin.users_page),
    ("/admin/audit", "audit.read", admin.audit_page),
)
"""Pages that are read: address, permission, function. The order matters where one address could be another."""

WRITES: tuple[tuple[str, str, Page], ...] = (
    ("/people/{uid}/dispute", "record.dispute", dispute.change),
    ("/people/{uid}/notes/{type}/{id}", "note.decide", notes.decide),
    ("/people/{uid}/records/{act}", "person.link", records.change),
    ("/review/{number:int}", "person.link", review.decide),
    ("/review/{number:int}/undo", "person.link", review.undo),
    ("/deliveries/{number:int}/{act}", "message.replay", deliveries.change),
    ("/messages/{id}/edit", "message.replay", replay.edit),
    ("/messages/{id}/release", "message.replay", replay.release),
    ("/feeds/{name}/mapping", "overlay.publish", overlays.act),
    ("/feeds/{name}/alarms", "overlay.publish", overlays.acknowledge),
    ("/bench", "bench.use", bench.bench_page),
    ("/maps/decide", "map.decide", mapping.decide),
    ("/maps/act", "map.decide", mapping.act),
    ("/admin/users", "user.manage", admin.add_user),
    ("/admin/users/change", "user.manage", admin.change_user),
)
"""Forms that are sent: the same, refused when they come from another site."""


def _start(allowed: frozenset[str]) -> str:
    for permission, address in (("person.read", "/people"), ("feed.read", "/feeds"), ("user.manage", "/admin/users")):
        if permission in allowed:
            return address
    return "/feeds"


def _home(asked: Asked) -> Response:
    return RedirectResponse(_start(asked.allowed), 303)


class _Static(StaticFiles):
    """Our own files; a browser may keep them but asks each time whether they changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file with its headers."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        response.headers["x-content-type-options"] = "nosniff"
        return response


def routes(service: Service) -> list[BaseRoute]:
    """Return the console's routes for a node."""
    runs = replay.Runs()
    entry = sign_in.SignIn(service)
    found: list[BaseRoute] = [
        Route("/", guarded(service, "", _home), methods=["GET"]),
        Route("/same", guarded(service, "", same.same_page), methods=["GET"]),
        Route("/sign-in", entry.show, methods=["GET"]),
        Route("/sign-in", entry.enter, methods=["POST"]),
        Route("/sign-in/link", entry.enter_link, methods=["POST"]),
        Route("/sign-in/{token}", entry.show_link, methods=["GET"]),
        Route("/sign-out", entry.leave, methods=["POST"]),
        Route("/display", entry.display, methods=["POST"]),
    ]
    for address, permission, act in WRITES:
        found.append(Route(address, guarded(service, permission, act, writes=True), methods=["POST"]))
    for address, permission, act in PAGES:
        found.append(Route(address, guarded(service, permission, act), methods=["GET"]))
    found += [
        Route("/replay", guarded(service, "message.read", runs.page), methods=["GET"]),
        Route("/replay", guarded(service, "message.replay", runs.start, writes=True), methods=["POST"]),
        Route("/replay/stop", guarded(service, "message.replay", runs.stop, writes=True), methods=["POST"]),
        Route("/favicon.ico", _icon, methods=["GET"]),
        Mount("/static", _Static(directory=Path(__file__).parent / "static")),
    ]
    return found


async def _icon(_request: Request) -> Response:
    return RedirectResponse("/static/unsilo.svg", 308)
