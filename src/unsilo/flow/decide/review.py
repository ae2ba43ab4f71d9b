"""The queue of doubtful pairs: what waits, what each pair says, what a person decides, and taking it back."""

from typing import Literal

import msgspec

from unsilo import identity
from unsilo.flow.persons.explain import explain_stored
from unsilo.flow.persons.replaced import kept_apart
from unsilo.flow.service import Service
from unsilo.kernel import Issue, Result, clock
from unsilo.storage import AuditRow, Store, Tx
from unsilo.storage.tx_people import ReviewRow

__all__ = ["Leaning", "Pair", "Waiting", "decide_pair", "pair_of", "ranked", "undo_pair", "waiting"]

_WAIT = 10.0
_RANKED = 500
"""Pairs that are ranked at once, the oldest of them."""
Answer = Literal["same", "apart", "unsure", "second"]
Leaning = Literal["", "same", "apart"]


class Pair(msgspec.Struct, frozen=True):
    """A pair that waits, with the persons its records are with now and the verdict of the model that decides now."""

    row: ReviewRow
    left_person: int | None
    right_person: int | None
    verdict: identity.Verdict | None


class Waiting(msgspec.Struct, frozen=True):
    """A pair in the queue with the facts of both its persons: so much is shown wrongly while nobody decides."""

    row: ReviewRow
    facts: int


def ranked(store: Store, state: str = "open") -> list[Waiting]:
    """Return the pairs of a state, those first that matter most: a changed person, then many facts, then age."""
    counts: dict[int, int] = {}

    def facts(patient: str) -> int:
        person = store.person_of(patient)
        if person is None:
            return 0
        if person not in counts:
            counts[person] = len(store.facts(person))
        return counts[person]

    rows = [
        Waiting(row, sum(facts(id_) for id_ in {row.left, row.right})) for row in store.reviews(state, limit=_RANKED)
    ]
    return sorted(rows, key=lambda one: (one.row.left != one.row.right, -one.facts, one.row.at, one.row.n))


def waiting(store: Store, after: int = 0, limit: int = 100) -> list[ReviewRow]:
    """Return the pairs that wait, after the one of number `after`."""
    return store.reviews("open", after, limit)


def pair_of(store: Store, row: ReviewRow) -> Pair:
    """Return a pair with its persons and why the scorer is in doubt."""
    verdict = explain_stored(store, row.left, row.right).value if row.left != row.right else None
    return Pair(row, store.person_of(row.left), store.person_of(row.right), verdict)


def _refused(text: str, rule: str) -> Result[int]:
    return Result(None, [Issue("error", "required" if rule == "reason" else "not-found", text, rule=f"review.{rule}")])


def decide_pair(
    service: Service, left: str, right: str, answer: Answer, actor: str, reason: str, origin: str = "", *,
    leaning: Leaning = "", two: bool = False,
) -> Result[int]:  # fmt: skip
    """Decide a pair and return the person of `left` after it.

    `same` links the person of `right`'s record to that of `left`, `apart` takes `right` out when both are together;
    either is kept for ever and no matcher goes against it; `same` is refused where `right` was said to be another
    person than somebody who is one with `left`. `unsure` sets the pair aside. `second` asks somebody else,
    who alone may decide then; what the first leans to is kept for the figures of agreement and not shown meanwhile. A
    record beside itself (an overlay) is kept where it is by `same`, and given a person of its own by `apart`; with
    `two` that takes two people who agree. A reason is needed.
    """
    if not reason.strip():
        return _refused("say why", "reason")

    def job(tx: Tx) -> int | str:
        at = clock.now()
        ours, theirs = tx.person_of(left), tx.person_of(right)
        if ours is None or theirs is None:
            return f"there is no Patient/{left} or {right}"
        other = kept_apart(tx, right, ours, left) if answer == "same" and left != right else ""
        if other:
            return (
                f"Patient/{left} is one with Patient/{other}, who is not Patient/{right}: take one of these back first"
            )
        state, asker = tx.review_state(left, right)
        if state == "second" and asker == actor and answer != "unsure":
            return "a second opinion was asked for: somebody else decides this one"
        said, lean = (answer, leaning) if answer == "second" else _by_two(tx, left, right, answer, state, two)
        if said == "second":
            tx.opinion(left, right, f"second-{lean}" if lean else "second", reason, actor, at, "second")
        elif said == "unsure":
            tx.answer(left, right, "unsure", actor, at)
        elif left == right:
            tx.opinion(left, right, said, reason, actor, at, said)
            if said == "apart":
                ours = tx.unlink(left, "manual", reason, actor, at)
        else:
            tx.decide(left, right, said, reason, actor, at)
            if said == "same" and ours != theirs:
                tx.link(right, ours, "manual", reason, actor, at)
            elif said == "apart" and ours == theirs:
                tx.unlink(right, "manual", reason, actor, at)
        what = f"Patient/{left} Patient/{right} {said}"
        for person in sorted({ours, theirs}):
            tx.audit(AuditRow(actor, "decide", person, what, origin, reason, at=at))
        return ours

    found = service.store.submit(job, 1).result(_WAIT)
    if isinstance(found, int):
        return Result(found, [])
    rule = "patient" if "no Patient" in found else "second" if "second" in found else "apart"
    return _refused(found, rule)


def _by_two(tx: Tx, left: str, right: str, answer: Answer, state: str, two: bool) -> tuple[Answer, str]:
    """Return what an answer comes to where an overlay takes two people, and what the first of them leans to."""
    if not two or left != right or answer == "unsure":
        return answer, ""
    if state != "second":
        return "second", answer
    first = tx.opinions(left, right)[-1].kind.removeprefix("second").removeprefix("-")
    return (answer if first in ("", answer) else "unsure"), ""


def _part(tx: Tx, person: int, left: str, right: str, reason: str, actor: str, at: int) -> None:
    """Let what no longer hangs together leave a person: by decisions that stand, and by what no hand linked."""
    members = tx.patients_of(person)
    core = [id_ for id_ in members if not tx.by_hand(id_)]
    near = {id_: {other for other, kind in tx.decided(id_).items() if kind == "same"} for id_ in members}
    for id_ in core:
        near[id_] |= set(core)
    sides = [_reached(near, id_) for id_ in (right, left)]
    if left in sides[0]:
        return
    # Who was there before any hand keeps the person's id.
    leaving = sides[1] if sides[0] & set(core) and not sides[1] & set(core) else sides[0]
    first, *rest = sorted(leaving, key=lambda id_: (id_ not in (left, right), id_))
    former = tx.came_from(first)
    if former is None:
        target = tx.unlink(first, "undone", reason, actor, at)
    else:
        target = tx.link(first, former, "undone", reason, actor, at)
    for id_ in rest:
        tx.link(id_, target, "undone", reason, actor, at)
    for side in sides:  # who is alone again is the person that it was
        [alone, *others] = sorted(side)
        home = None if others else tx.came_from(alone)
        if home is not None and len(tx.patients_of(tx.person_of(alone) or 0)) == 1:
            tx.link(alone, home, "undone", reason, actor, at)


def _reached(near: dict[str, set[str]], start: str) -> set[str]:
    found, todo = {start}, [start]
    while todo:
        for other in near.get(todo.pop(), set()) - found:
            if other in near:
                found.add(other)
                todo.append(other)
    return found


def _of_itself(tx: Tx, patient: str) -> str | None:
    """Return what was decided last of a record beside itself."""
    said = tx.opinions(patient, patient)
    return said[-1].kind if said and said[-1].kind in ("same", "apart") else None


def undo_pair(service: Service, left: str, right: str, actor: str, reason: str, origin: str = "") -> Result[int]:
    """Take a decision about a pair back: it waits again, and what the decision linked is parted, or joined again.

    Returns the person of `left`. The history keeps both. A reason is needed.
    """
    if not reason.strip():
        return _refused("say why", "reason")

    def job(tx: Tx) -> int | None:
        at = clock.now()
        ours, theirs = tx.person_of(left), tx.person_of(right)
        kind = tx.decided(left).get(right) or (_of_itself(tx, left) if left == right else None)
        if ours is None or theirs is None or kind is None:
            return None
        if left == right:
            tx.opinion(left, right, "open", reason, actor, at, "open")
            home = tx.came_from(left) if kind == "apart" else None
            ours = ours if home is None else tx.link(left, home, "undone", reason, actor, at)
        else:
            tx.decide(left, right, "open", reason, actor, at)
        if kind == "same" and ours == theirs and left != right:
            _part(tx, ours, left, right, reason, actor, at)
        tx.audit(AuditRow(actor, "undo", ours, f"Patient/{left} Patient/{right} was {kind}", origin, reason, at=at))
        return ours

    found = service.store.submit(job, 1).result(_WAIT)
    return Result(found, []) if found is not None else _refused("nobody decided about these two", "decision")
