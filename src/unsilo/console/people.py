"""Finding a person, the person's page, and its print view."""

from collections.abc import Callable
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response

from unsilo.console.foresee import MOST_FORESEEN, foreseeing
from unsilo.console.gate import Asked, pick, whole
from unsilo.console.golden import in_review, rows_of
from unsilo.console.note_rows import by_kind, shown_notes
from unsilo.console.render import home_zone, page
from unsilo.console.report_kinds import narrowed
from unsilo.flow.golden.lead import lead
from unsilo.flow.golden.person import golden_of_facts
from unsilo.flow.read.banner import Banner
from unsilo.flow.read.fact import Fact
from unsilo.flow.read.load import Loaded, Waiting, find, head, load, sureness, waiting
from unsilo.flow.read.load import view as view_of_person
from unsilo.flow.read.occasions import occasions
from unsilo.flow.read.person import PersonView
from unsilo.flow.read.same import APART
from unsilo.flow.read.sections import KINDS, SECTIONS
from unsilo.flow.read.timeline import LANES, SPANS, fitting
from unsilo.flow.read.words import When, say_when
from unsilo.kernel import clock
from unsilo.storage import PersonHit

__all__ = ["find_page", "frame", "person_page", "print_page", "section_page", "unknown"]

_PAGE = 60
_MOST_HITS = 20
_LATELY = 5
"""Persons whom a user looked at last, who stand on the page before anything is typed."""
_STATES: dict[str, tuple[str, str]] = {
    "dead": ("message of this person failed", "messages of this person failed"),
    "held": ("message is held behind a failed one", "messages are held behind a failed one"),
    "queued": ("message waits to be processed", "messages wait to be processed"),
}


def find_page(asked: Asked) -> Response:
    """Search persons while typing; the list alone is swapped in, the page works the same without script."""
    typed = asked.request.query_params.get("q", "").strip()[:200]
    zone, store = home_zone(asked.service.settings), asked.service.store
    if typed:
        hits, what = store.find_people(typed, _MOST_HITS + 1), "found by a search"
    else:
        hits, what = store.people(store.users.looked_lately(asked.user.id, _LATELY)), "listed as looked at lately"
    rows = [{"uid": uid, "banner": b, "records": count} for uid, b, count in _found(asked, hits[:_MOST_HITS])]
    for hit in hits[:_MOST_HITS]:
        asked.audit("find", person=hit.person, what=what)
    more = len(hits) > _MOST_HITS
    shown = page("find.html", asked.view, zone=zone, title="Find a person", q=typed, hits=rows, more=more)
    # Of those looked at last, the first are opened again, from here or by a bookmark, as when a day or a node begins.
    return foreseeing(asked, shown, (hit.uid for hit in (hits if typed else hits[:MOST_FORESEEN])))


def _found(asked: Asked, hits: list[PersonHit]) -> list[tuple[str, Banner, int]]:
    settings = asked.service.settings
    return find(asked.service.store, settings.feeds, hits, clock.now(), home_zone(settings))


def unknown(asked: Asked) -> Response:
    """Answer for a person that is not there, the same for one that must not be seen; or for a part of a record."""
    uid = str(asked.request.path_params.get("uid", ""))
    if asked.service.store.person(uid) is not None:
        return page(
            "problem.html", asked.view, status=404, title="Not in this record", back=f"/people/{uid}",
            words="The record of this person has nothing at this address.",
            hint="It may have been removed, or be in another person's record since sources were linked or unlinked.",
        )  # fmt: skip
    return page(
        "problem.html", asked.view, status=404, title="No such person",
        words="There is no person with this address.", hint="A record may have been linked to another person since.",
    )  # fmt: skip


def frame(asked: Asked, loaded: Loaded) -> dict[str, Any]:
    """Return what every page below a person needs: head, link in words, sources, zone."""
    now, zone = clock.now(), home_zone(asked.service.settings)
    golden = golden_of_facts(loaded.patients, asked.service.settings)
    banner = lead(head(loaded, now, zone, asked.service.same), golden, now)
    store = asked.service.store
    waits = len(in_review(store, loaded.records))
    sure = sureness(loaded.records, store.link_events(loaded.person), waits)
    return {
        "zone": zone, "sources": loaded.sources, "uid": loaded.uid, "banner": banner, "title": banner.name.words,
        "sureness": sure, "golden": rows_of(golden), "in_review": waits,
    }  # fmt: skip


def _signs(asked: Asked, found: list[Waiting]) -> list[tuple[str, int, str]]:
    rows = []
    for item in found:
        count = len(item.messages)
        words = _STATES[item.state][count != 1]
        href = f"/messages?{urlencode({'state': item.state, 'q': item.messages[0].id})}"
        if count != 1:
            href = f"/messages?{urlencode({'state': item.state})}"
        rows.append((words, count, href if asked.may("message.read") else ""))
    return rows


def _view(asked: Asked, loaded: Loaded, **choice: str) -> PersonView:
    zone = home_zone(asked.service.settings)
    reader = APART if as_sent(asked) else asked.service.same
    return view_of_person(asked.service.store, loaded, now=clock.now(), zone=zone, reader=reader, **choice)


def as_sent(asked: Asked) -> bool:
    """Tell whether the reader wants every statement by itself, nothing brought together."""
    return asked.request.query_params.get("as") == "sent"


def person_page(asked: Asked) -> Response:
    """Show one person; looking is remembered, so that the next look shows what is new."""
    request, store = asked.request, asked.service.store
    loaded = load(store, asked.service.settings.feeds, request.path_params["uid"], asked.user.id)
    if loaded is None:
        return unknown(asked)
    if loaded.uid != request.path_params["uid"]:
        return RedirectResponse(f"/people/{quote(loaded.uid)}", 303)
    lanes = pick(request, "lanes", LANES, "kind")
    span = pick(request, "span", SPANS, "") or fitting(loaded.facts, clock.now())
    only = request.query_params.get("only", "")
    view = _view(asked, loaded, lanes=lanes, span=span, only=only)
    start, only_new = whole(request, "at"), request.query_params.get("new") == "1"
    skip = whole(request, "skip")
    rows = occasions(view.timeline.events, view.facts, view.of_thing)
    chosen = (o for o in rows if (not start or o.event.start < start) and (not only_new or o.new))
    events = list(islice(chosen, skip, skip + _PAGE + 1))
    older = ""
    if len(events) > _PAGE:
        query: dict[str, str | int] = {"lanes": lanes, "span": span, "only": only, "at": start, "skip": skip + _PAGE}
        query |= {"as": "sent"} if as_sent(asked) else {}
        older = "?" + urlencode(query | ({"new": 1} if only_new else {})) + "#list"
        del events[_PAGE:]
    asked.audit("read", person=loaded.person, what="person page")
    if not request.query_params:
        # A change of lanes or a page of the list is the same look; only a fresh one moves the mark.
        asked.trail.append(store.users.look(asked.user.id, loaded.person, clock.now()))
    values = frame(asked, loaded)
    return page(
        "person.html", asked.view, **values, view_model=view, fragments=view.fragments, looked=loaded.looked,
        waiting=_signs(asked, waiting(store, loaded.patients)), lanes=lanes, span=span, only=only,
        lanes_choice=list(LANES.items()), spans_choice=[(key, words) for key, (words, _) in SPANS.items()],
        kinds=KINDS, all_tests=False, events=events, older=older, events_total=len(view.timeline.events), skip=skip,
        from_at=start, only_new=only_new, as_sent=as_sent(asked), notes=shown_notes(asked, loaded.facts),
        notes_by_kind=by_kind,
    )  # fmt: skip


def section_page(asked: Asked) -> Response:
    """Show one section of the summary in full, a hundred rows a page."""
    key = asked.request.path_params["key"]
    chosen = next((s for s in SECTIONS if s.key == key and key != "results"), None)
    uid = asked.request.path_params["uid"]
    types = ["AllergyIntolerance", "Observation", *(chosen.types if chosen is not None else ())]
    loaded = load(asked.service.store, asked.service.settings.feeds, uid, asked.user.id, types=types)
    if loaded is None or chosen is None:
        return unknown(asked)
    section = next(s for s in _view(asked, loaded).sections if s.section.key == key)
    skip = whole(asked.request, "skip")
    kept, kinds, kind = narrowed(asked, section.groups) if key == "reports" else (section.groups, [], "")
    groups = kept[skip : skip + 100]
    sent = ("&as=sent" if as_sent(asked) else "") + (f"&kind={quote(kind)}" if kind else "")
    older = f"?skip={skip + 100}{sent}" if len(kept) > skip + 100 else ""
    asked.audit("read", person=loaded.person, what=chosen.title)
    return page(
        "section_page.html", asked.view, **frame(asked, loaded), section=section, groups=groups, older=older, skip=skip,
        kept=len(kept), kinds=kinds, kind=kind,
    )  # fmt: skip


def print_page(asked: Asked) -> Response:
    """Show the summary for paper: every item with a footnote that names its source."""
    store = asked.service.store
    loaded = load(store, asked.service.settings.feeds, asked.request.path_params["uid"], asked.user.id)
    if loaded is None:
        return unknown(asked)
    asked.audit("print", person=loaded.person, what="print view")
    note, notes = _footnotes(asked, loaded)
    return page(
        "print.html", asked.view, **frame(asked, loaded), view_model=_view(asked, loaded),
        waiting=_signs(asked, waiting(store, loaded.patients)), note=note, notes=notes,
    )  # fmt: skip


def _footnotes(asked: Asked, loaded: Loaded) -> tuple[Callable[[Fact], int], Callable[[], list[str]]]:
    """Number footnotes as the template meets facts; one note serves all facts of a source received at one moment."""
    numbers: dict[str, int] = {}
    zone = home_zone(asked.service.settings)

    def note(fact: Fact) -> int:
        source = loaded.sources.get(fact.source)
        name = source.name if source is not None else fact.source
        words = f"{name}, received {say_when(When(fact.updated, 'minute'), zone)}"
        return numbers.setdefault(words, len(numbers) + 1)

    return note, lambda: list(numbers)
