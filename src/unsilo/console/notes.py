"""Notes of a person: what was read in them, each fact beside its words, and a clinician's answer to it."""

from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from unsilo.console.gate import Asked, origin_of
from unsilo.console.note_rows import by_kind, row_of
from unsilo.console.people import frame, unknown
from unsilo.console.render import Notice, page
from unsilo.flow.decide.note_answers import ANSWERS, answer
from unsilo.flow.notes.shown import Document, documents, kinds_of_report, pieces
from unsilo.flow.notes.texts import text_types
from unsilo.flow.read.load import Loaded, load

__all__ = ["decide", "note_page", "notes_page"]


def _load(asked: Asked) -> Loaded | None:
    uid = asked.request.path_params["uid"]
    types = sorted({"AllergyIntolerance", *text_types()})
    return load(asked.service.store, asked.service.settings.feeds, uid, asked.user.id, types=types)


def notes_page(asked: Asked) -> Response:
    """List the documents in which something was read, the newest first."""
    loaded = _load(asked)
    if loaded is None:
        return unknown(asked)
    found = documents(asked.service.store, loaded.facts)
    asked.audit("read", person=loaded.person, what="what was read in notes")
    return page(
        "notes.html", asked.view, **frame(asked, loaded), documents=found, by_kind=by_kind,
        kinds={one.source.ref: kinds_of_report(one.source.resource) for one in found},
        runs=asked.service.notes.runs,
    )  # fmt: skip


def _document(asked: Asked, loaded: Loaded) -> Document | None:
    ref = f"{asked.request.path_params['type']}/{asked.request.path_params['id']}"
    facts = [fact for fact in loaded.facts if fact.ref == ref]
    return next(iter(documents(asked.service.store, facts)), None)


def note_page(asked: Asked, notice: Notice | None = None) -> Response:
    """Show the text of a document with the words of its facts marked, and the facts with what may be answered."""
    loaded = _load(asked)
    found = _document(asked, loaded) if loaded is not None else None
    if loaded is None or found is None:
        return unknown(asked)
    asked.audit("read", person=loaded.person, what=f"notes of {found.source.ref}")
    values = frame(asked, loaded)
    values["title"] = f"{found.title} · {values['title']}"
    return page(
        "note.html", asked.view, **values, document=found, texts=pieces(found.source.resource, found.shown),
        rows=by_kind(found.shown), row_of=row_of, notice=notice, may_decide=asked.may("note.decide"),
        kinds=kinds_of_report(found.source.resource),
    )  # fmt: skip


def decide(asked: Asked) -> Response:
    """Confirm or refuse one fact, or take that back."""
    loaded = _load(asked)
    found = _document(asked, loaded) if loaded is not None else None
    if loaded is None or found is None:
        return unknown(asked)
    action, id_ = asked.field("act"), asked.field("fact")
    if action not in ANSWERS:
        return note_page(asked, Notice("That is no answer.", "bad"))
    done = answer(
        asked.service, found.source.resource, id_, action, asked.user.name, reason=asked.field("reason"),
        origin=origin_of(asked.request), person=loaded.person,
    )  # fmt: skip
    if done.value is None:
        return note_page(asked, Notice(done.issues[0].text, "bad"))
    return RedirectResponse(f"/people/{quote(loaded.uid)}/notes/{found.source.ref}#a-{id_}", 303)
