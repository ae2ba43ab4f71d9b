"""Local codes without a standard one: the queue, one code with its evidence, decisions, their history and undoing."""

from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from unsilo.console.gate import Asked, refusal
from unsilo.console.render import Notice, home_zone, page
from unsilo.flow.decide import map_automatic, map_effect
from unsilo.flow.maps import queue as map_queue
from unsilo.kernel import Issue
from unsilo.terminology.maps import ELEMENTS, RELATIONSHIPS, Element, Entry, system_name
from unsilo.terminology.maps.entry import STATES

__all__ = ["act", "code_page", "decide", "entries_page", "queue_page"]

_MOST, _MOST_ENTRIES = 100, 500
_WAIT = 3.0
_TONES = {"proposed": "warn", "approved": "idle", "published": "good", "refused": "bad", "deprecated": "idle"}


def queue_page(asked: Asked) -> Response:
    """List the local codes without a standard one, those that matter most first."""
    feed = asked.request.query_params.get("feed", "")
    service = asked.service
    rows = map_queue.queue(service.store, feed=feed, limit=_MOST)
    return page(
        "maps.html", asked.view, zone=home_zone(service.settings), title="Code maps", rows=rows, feed=feed,
        feeds=sorted(service.settings.feeds), by_feed=service.maps.uncoded(), href=_href,
        waiting=len(service.maps.entries("proposed")) + len(service.maps.entries("approved")), system_name=system_name,
        elements={each.path: each for each in ELEMENTS.values()}, most=_MOST,
    )  # fmt: skip


def entries_page(asked: Asked) -> Response:
    """List the decisions of a state, and the last moves of all."""
    state = asked.request.query_params.get("state", "proposed")
    state = state if state in STATES else "proposed"
    service = asked.service
    entries = service.maps.entries(state)[:_MOST_ENTRIES]
    return page(
        "map_entries.html", asked.view, zone=home_zone(service.settings), title="Decisions about codes", state=state,
        states=STATES, tones=_TONES, href=_href_of, system_name=system_name, entries=entries,
        moves=service.store.newest_map_events(40),
        sampled={entry.id for entry in entries if map_automatic.sampled(service, entry)},
    )  # fmt: skip


def _href(one: map_queue.Unmapped) -> str:
    return "/maps/code?" + urlencode({"element": one.element, "system": one.system, "code": one.code})


def _href_of(entry: Entry) -> str:
    return "/maps/code?" + urlencode({"element": entry.element, "system": entry.system, "code": entry.code})


def _element(path: str) -> Element | None:
    return next((each for each in ELEMENTS.values() if each.path == path), None)


def _known(asked: Asked, element: Element, system: str, code: str) -> map_queue.Unmapped | None:
    counted = map_queue.find_unmapped(asked.service.store, element.path, system, code)
    return None if counted is None else map_queue.described(asked.service.store, element, counted)


def code_page(asked: Asked, notice: Notice | None = None, named: tuple[str, str, str] | None = None) -> Response:
    """Show one local code: examples, suggestions with their reasons, decisions, what they would touch, history."""
    query = asked.request.query_params
    path, system, code = named or (query.get("element", ""), query.get("system", ""), query.get("code", ""))
    element, service = _element(path), asked.service
    one = _known(asked, element, system, code) if element is not None else None
    own = [e for e in service.maps.entries() if (e.element, e.system, e.code) == (path, system, code)]
    if element is None or (one is None and not own):
        return refusal(asked.request, 404, "No such code", "No fact here has this code.", view=asked.view)
    found = (
        map_queue.suggestions(
            service.terminology, element, one.item(), _remembered(asked), embeddings=service.embeddings
        )
        if one is not None
        else []
    )
    history = {entry.id: service.maps.history(entry.id) for entry in own}
    equal = map_queue.equal_strings(service.store, one) if one is not None else []
    return page(
        "map_code.html", asked.view, zone=home_zone(service.settings), title=f"{code}: its standard code",
        notice=notice, one=one, element=element, system=system, code=code, suggestions=found, entries=own,
        history=history, tones=_TONES, relationships=RELATIONSHIPS, may_decide=asked.may("map.decide"),
        target=system_name(element.system), second=service.settings.maps.second_person, equal=equal,
        system_name=system_name, me=asked.user.name,
        effects={entry.id: map_effect.effect(service, entry) for entry in own},
    )  # fmt: skip


def _remembered(asked: Asked) -> dict[str, Entry]:
    return {f"{e.system}|{e.code}|{e.unit}": e for e in asked.service.maps.entries("published")}


def _words(issues: list[Issue]) -> Notice:
    return Notice("; ".join(dict.fromkeys(issue.text for issue in issues)) or "Nothing was changed.", "bad")


def decide(asked: Asked) -> Response:
    """Propose a code for a local one, and where one person may decide, put it into use at once."""
    path, system, code = asked.field("element"), asked.field("system"), asked.field("code")
    element = _element(path)
    one = _known(asked, element, system, code) if element is not None else None
    target = asked.field("target")
    if element is None or one is None:
        return refusal(asked.request, 404, "No such code", "No fact here has this code.", view=asked.view)
    display = asked.service.terminology.display(element.system, target) or asked.field("display")
    if not target or not display:
        words = f"{system_name(element.system)} as it is here has no code {target[:40]}; say its name too."
        return code_page(asked, Notice(words, "bad"), (path, system, code))
    each = [one, *(map_queue.equal_strings(asked.service.store, one) if asked.field("equal") else [])]
    entries = [
        Entry(
            "", local.element, local.system, local.code, element.system, target, display, local.label,
            feed=asked.field("feed"), unit=asked.field("unit"), specimen=local.specimen,
            relationship=asked.field("relationship") or "equivalent",
            origin="suggestion" if asked.field("score") else "person", score=_number(asked.field("score")),
        )
        for local in each
    ]  # fmt: skip
    reason = asked.field("reason") or asked.field("why")
    done = asked.service.maps.propose(entries, asked.user.name, reason)
    if done.value is None:
        return code_page(asked, _words(done.issues), (path, system, code))
    if not asked.service.settings.maps.second_person:
        for step in ("approve", "publish"):
            ids = [entry.id for entry in done.value if entry.state != "published"]
            moved = asked.service.maps.act(ids, step, asked.user.name, reason) if ids else done
            if moved.value is None:
                return code_page(asked, _words(moved.issues), (path, system, code))
        _replay(asked, done.value, reason)
    return RedirectResponse("/maps/code?" + urlencode({"element": path, "system": system, "code": code}), 303)


def _number(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def _replay(asked: Asked, entries: list[Entry], reason: str) -> None:
    run = map_effect.replay_after(asked.service, entries, asked.user.name, reason or "a decision about a code")
    if run is not None:
        run.join(_WAIT)


def act(asked: Asked) -> Response:
    """Move a decision: approve, refuse, publish, take out of use, undo; what is stored follows by replay."""
    id_, action, reason = asked.field("id"), asked.field("act"), asked.field("reason")
    maps = asked.service.maps
    entry = maps.entry(id_)
    if entry is None:
        return refusal(asked.request, 404, "No such decision", "There is no decision with this id.", view=asked.view)
    if action == "undo":
        done = maps.undo(id_, asked.user.name, reason)
    else:
        steps = ("approve", "publish") if action == "use" else (action,)
        for step in steps:
            done = maps.act([id_], step, asked.user.name, reason)
            if done.value is None:
                break
    named = entry.element, entry.system, entry.code
    if done.value is None:
        return code_page(asked, _words(done.issues), named)
    if action in ("use", "publish", "deprecate", "undo"):
        _replay(asked, done.value, reason)
    values: dict[str, Any] = dict(zip(("element", "system", "code"), named, strict=True))
    return RedirectResponse("/maps/code?" + urlencode(values), 303)
