"""Records that may be one person: the queue, one pair side by side with its weights, deciding, and taking it back."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from unsilo.console.foresee import foreseeing
from unsilo.console.gate import Asked, origin_of, refusal
from unsilo.console.render import Notice, home_zone, page
from unsilo.console.svg import balance
from unsilo.flow.decide import review
from unsilo.flow.read.authorities import authority_names
from unsilo.flow.read.compare import compare, differences
from unsilo.flow.read.load import record_line
from unsilo.kernel import Json, Result, json
from unsilo.storage.tx_people import Opinion, ReviewRow

__all__ = ["decide", "pair_page", "queue_page", "undo"]

_STATES = {
    "open": "waiting",
    "second": "second opinion",
    "unsure": "not sure",
    "same": "one person",
    "apart": "two persons",
}
_TONES = {"open": "warn", "second": "warn", "unsure": "idle", "same": "good", "apart": "good", "withdrawn": "idle"}
_ANSWERS: dict[str, review.Answer] = {"same": "same", "apart": "apart", "unsure": "unsure", "second": "second"}
_LEANINGS: dict[str, review.Leaning] = {"same": "same", "apart": "apart"}
_MOST = 100


def _line(asked: Asked, id_: str) -> dict[str, Any]:
    store = asked.service.store
    return record_line(store, asked.service.settings.feeds, id_, store.read("Patient", id_))


def queue_page(asked: Asked) -> Response:
    """List the pairs of a state, those first that matter most."""
    asked_for = asked.request.query_params.get("state", "open")
    state = asked_for if asked_for in _STATES else "open"
    store = asked.service.store
    rows = review.ranked(store, state)[:_MOST]
    people = {id_: _line(asked, id_) for one in rows for id_ in (one.row.left, one.row.right)}
    asked.audit("find", what=f"{len(rows)} pair{'s' * (len(rows) != 1)} of the review queue")
    return page(
        "review.html", asked.view, zone=home_zone(asked.service.settings), title="Review of persons", rows=rows,
        people=people, state=state, states=_STATES, counts=store.review_counts(), most=_MOST,
        authorities=authority_names(asked.service.settings.feeds),
    )  # fmt: skip


def _row(asked: Asked) -> ReviewRow | None:
    return asked.service.store.review(asked.request.path_params["number"])


def _absent(asked: Asked) -> Response:
    return refusal(asked.request, 404, "No such pair", "The queue has no pair of that number.", view=asked.view)


def _body(asked: Asked, id_: str) -> Json:
    stored = asked.service.store.read("Patient", id_)
    return json.decode(stored.body) if stored is not None and stored.body else {}


def pair_page(asked: Asked, notice: Notice | None = None) -> Response:
    """Show a pair: what differs to the letter, why the matcher is in doubt, what a decision would move."""
    row, store = _row(asked), asked.service.store
    if row is None:
        return _absent(asked)
    pair = review.pair_of(store, row)
    sides: list[dict[str, Any]] = []
    for id_, number in ((row.left, pair.left_person), (row.right, pair.right_person)):
        person = store.person(number) if number is not None else None
        if person is not None:
            asked.audit("read", person=person.person, what=f"review of pair {row.n}")
        facts = len(store.facts(person.person)) if person is not None else 0
        sides.append({"line": _line(asked, id_), "uid": person.uid if person else "", "facts": facts})
    parts = pair.verdict.parts if pair.verdict is not None else ()
    authorities = authority_names(asked.service.settings.feeds)
    shown = page(
        "pair.html", asked.view, zone=home_zone(asked.service.settings), title="Are these one person?", notice=notice,
        row=row, sides=sides, said=[one for one in store.opinions(row.left, row.right) if _shown(row, one)],
        kinds=_KINDS, waits=row.state in ("open", "unsure", "second"), two=_by_two(asked, row),
        mine=row.state == "second" and row.actor == asked.user.name, verdict=pair.verdict, differences=differences,
        balance=balance, fields=_FIELDS,
        comparison=compare(_body(asked, row.left), [_body(asked, row.right)], authorities), authorities=authorities,
        most=max((abs(part.weight) for part in parts), default=0.0),
        together=pair.left_person == pair.right_person, states=_STATES, tones=_TONES,
        others=[other for other in review.ranked(store) if other.row.n != row.n][:1], may_link=asked.may("person.link"),
    )  # fmt: skip
    return foreseeing(asked, shown, (side["uid"] for side in sides))


_KINDS = {
    "same": "one person", "apart": "two persons", "open": "taken back", "second": "asked for a second opinion",
    "second-same": "asked for a second opinion, leaning to one person",
    "second-apart": "asked for a second opinion, leaning to two persons",
}  # fmt: skip


_FIELDS = {
    "prior": "beforehand", "given": "given name", "middle": "middle name", "family": "family name",
    "name": "whole name", "birth": "birth date", "ssn": "social security number", "mrn": "record number",
    "phone": "telephone", "email": "e-mail", "area": "postal area", "relation": "relation",
}  # fmt: skip
"""Fields of the scorer where their name is not the word for it."""


def _shown(row: ReviewRow, said: Opinion) -> bool:
    """Say whether an opinion is shown: while a second one is awaited, the first is not, so that it sways nobody."""
    return row.state != "second" or not said.kind.startswith("second")


def _by_two(asked: Asked, row: ReviewRow) -> bool:
    return row.left == row.right and asked.service.settings.review.two_persons


def _done(asked: Asked, row: ReviewRow, result: Result[int]) -> Response:
    if result.value is None:
        return pair_page(asked, Notice("; ".join(issue.text for issue in result.issues), "bad"))
    return RedirectResponse(f"/review/{row.n}", 303)


def decide(asked: Asked) -> Response:
    """Decide that the two are one person or two, set the pair aside, or ask somebody else."""
    row, answer = _row(asked), asked.field("answer")
    if row is None or answer not in _ANSWERS:
        return _absent(asked)
    origin = origin_of(asked.request)
    return _done(
        asked, row,
        review.decide_pair(
            asked.service, row.left, row.right, _ANSWERS[answer], asked.user.name, asked.field("reason"), origin,
            leaning=_LEANINGS.get(asked.field("leaning"), ""), two=asked.service.settings.review.two_persons,
        ),
    )  # fmt: skip


def undo(asked: Asked) -> Response:
    """Take a decision back: the pair waits again."""
    row = _row(asked)
    if row is None:
        return _absent(asked)
    origin = origin_of(asked.request)
    return _done(
        asked, row,
        review.undo_pair(asked.service, row.left, row.right, asked.user.name, asked.field("reason"), origin),
    )  # fmt: skip
