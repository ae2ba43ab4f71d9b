"""The source records behind a person: why each is linked, and linking or unlinking by a steward, with a preview."""

from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from unsilo.console.gate import Asked, origin_of
from unsilo.console.golden import in_review
from unsilo.console.people import frame, unknown
from unsilo.console.render import Notice, page
from unsilo.flow.decide.link import link, unlink
from unsilo.flow.read.authorities import authority_names
from unsilo.flow.read.compare import Row, compare
from unsilo.flow.read.load import Loaded, load, record_line, rule_words
from unsilo.kernel import json
from unsilo.storage import Stored

__all__ = ["change", "line_of", "load_of", "preview", "records_page"]

_MOST = 20


def line_of(asked: Asked, id_: str, stored: Stored | None) -> dict[str, Any]:
    """Return what a line about a source record shows."""
    return record_line(asked.service.store, asked.service.settings.feeds, id_, stored)


def load_of(asked: Asked) -> Loaded | None:
    """Read the person of the address, as far as the head needs."""
    uid = asked.request.path_params["uid"]
    return load(asked.service.store, asked.service.settings.feeds, uid, types=["AllergyIntolerance"])


def _own_words(actor: str) -> bool:
    """Tell whether a link's reason is the matcher's sentence, not what a person wrote."""
    return actor.startswith("feed:")


def records_page(asked: Asked, notice: Notice | None = None) -> Response:
    """List the records, what was decided about them, and (for a steward) others that may belong here."""
    loaded = load_of(asked)
    if loaded is None:
        return unknown(asked)
    store = asked.service.store
    asked.audit("read", person=loaded.person, what="source records")
    waits = in_review(store, loaded.records)
    rows = [
        line_of(asked, r.patient_id, r.resource)
        | {
            "how": rule_words(r.rule),
            "reason": r.reason,
            "own": _own_words(r.actor),
            "at": r.at,
            "actor": r.actor,
            "waits": waits.get(r.patient_id),
        }
        for r in loaded.records
    ]
    typed = asked.request.query_params.get("q", "").strip()[:200]
    hits: list[dict[str, Any]] = []
    own = {r.patient_id for r in loaded.records}
    for hit in store.find_people(typed, _MOST) if typed and asked.may("person.link") else []:
        asked.audit("find", person=hit.person, what="found for linking")
        hits += [line_of(asked, s.id, s) for s in hit.patients if s.id not in own and s.body]
    told = store.link_events(loaded.person)
    keepers = {row["id"]: row["keeper"] for row in rows}
    for id_ in {e.patient_id for e in told} - keepers.keys():  # those that have left the person
        keepers[id_] = line_of(asked, id_, store.read("Patient", id_))["keeper"]
    events = [
        {"kind": e.kind, "keeper": keepers[e.patient_id], "record": f"Patient/{e.patient_id}", "reason": e.reason,
         "own": _own_words(e.actor), "at": e.at, "actor": e.actor, "rule": e.rule}
        for e in reversed(told)
    ]  # fmt: skip
    return page(
        "records.html", asked.view, **frame(asked, loaded), notice=notice, records=rows, events=events, q=typed,
        hits=hits, may_link=asked.may("person.link"), may_dispute=asked.may("record.dispute"),
        authorities=authority_names(asked.service.settings.feeds),
    )  # fmt: skip


class _Sides(NamedTuple):
    """A record beside the others of the person: who keeps it, how they agree, and what would change."""

    keeper: str
    rows: list[Row]
    effects: list[str]


def _sides(asked: Asked, loaded: Loaded, act: str, patient: str) -> _Sides | None:
    store = asked.service.store
    inside = patient in {r.patient_id for r in loaded.records}
    stored = store.read("Patient", patient)
    if stored is None or not stored.body or inside != (act == "unlink"):
        return None
    others = [f.resource for f in loaded.patients if f.id != patient]
    rows = compare(json.decode(stored.body), others, authority_names(asked.service.settings.feeds))
    line = line_of(asked, patient, stored)
    keeper, record = line["keeper"], f"The record of {line['keeper']} ({', '.join(line['numbers']) or 'no number'})"
    person = store.person_of(patient)
    moving = len(store.facts(person)) if person is not None else 0
    if act == "link":
        facts = f"{moving} fact{'s' * (moving != 1)}"
        effects = [
            f"{record} will also be shown on this person's page; its present person has {facts}.",
            "Searches for either record find both from then on.",
        ]
    else:
        effects = [
            f"{record} becomes a person of its own, with everything that was sent under its number.",
            "What other records said stays here.",
        ]
    return _Sides(keeper, rows, effects)


def preview(asked: Asked, notice: Notice | None = None) -> Response:
    """Show what a link or unlink would change, and ask for the reason."""
    act = asked.request.path_params["act"]
    loaded = load_of(asked)
    patient = (asked.field("patient") or asked.request.query_params.get("patient", "")).removeprefix("Patient/")
    sides = _sides(asked, loaded, act, patient) if loaded is not None else None
    if loaded is None or sides is None:
        return unknown(asked)
    asked.audit("read", person=loaded.person, what=f"preview of {act} of Patient/{patient}")
    return page(
        "link.html", asked.view, **frame(asked, loaded), notice=notice, act=act, patient=patient,
        keeper=sides.keeper, comparison=sides.rows, effects=sides.effects,
    )  # fmt: skip


def change(asked: Asked) -> Response:
    """Link or unlink, then show the records."""
    act, store = asked.request.path_params["act"], asked.service.store
    row = store.person(asked.request.path_params["uid"])
    patient, reason = asked.field("patient").removeprefix("Patient/"), asked.field("reason")
    if row is None or (patient in row.patients) != (act == "unlink"):
        return unknown(asked)
    origin = origin_of(asked.request)
    if act == "link":
        _, issue = link(asked.service, patient, row.person, asked.user.name, reason, origin)
    else:
        _, issue = unlink(asked.service, patient, asked.user.name, reason, origin)
    if issue is not None:
        return preview(asked, Notice(issue.text, "bad"))
    return RedirectResponse(f"/people/{quote(row.uid)}/records", 303)
