"""A transaction: all that a Bundle writes, or nothing (FHIR R4 3.1.0.11).

Everything that needs no database happens before the writer's turn: reading the entries, new ids, links between them,
checks and search keys. Conditions are asked before too, and again inside the transaction; only when the answers differ
is anything worked out a second time. Conditions and conditional references see the record as it was before the
transaction; two creations under the same condition make one resource.
"""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeAlias

from unsilo.flow.fhir import write
from unsilo.flow.fhir.ahead import Ahead
from unsilo.flow.fhir.checks import changeable, draft, judged, whole
from unsilo.flow.fhir.condition import condition
from unsilo.flow.fhir.drafting import Drafting
from unsilo.flow.fhir.entries import Entry, at, read
from unsilo.flow.fhir.links import conditional, conditionals, linked, resolved, targets_of, unmet
from unsilo.flow.fhir.outcome import Caller, RefusedError, Written, refusal, written
from unsilo.flow.fhir.writing import Writing
from unsilo.flow.process import Piece
from unsilo.flow.service import Service
from unsilo.kernel import Json, fresh_id
from unsilo.storage import Tx
from unsilo.storage.plan import Plan

__all__ = ["Answers", "transaction", "transaction_ahead"]

Answers: TypeAlias = list[Written | None]
"""How each entry ended, in the Bundle's order; None for entries that only read, which the caller answers now."""

Condition = tuple[str, str]
"""(type, query)"""
Found = dict[Condition, tuple[str, ...]]
"""What meets each condition, two ids at most."""

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2}


class _Whole:
    """One transaction on its way."""

    def __init__(self, service: Service, caller: Caller, listed: list[Entry | None]) -> None:
        self.service, self.caller = service, caller
        self.listed = listed
        self.entries = sorted((e for e in self.listed if e is not None), key=lambda e: (_ORDER[e.method], e.place))
        self.said: dict[int, list[str]] = {}
        self.plans = self._conditions()
        self.found: Found = {}
        self.pieces: dict[int, Piece] = {}
        self.patches: dict[int, tuple[str, Any]] = {}
        self.coming: frozenset[str] = frozenset()

    def _conditions(self) -> dict[Condition, Plan]:
        """Read every condition of an entry and every conditional reference."""
        plans: dict[Condition, Plan] = {}
        vocabulary = self.service.parameters.vocabulary
        for entry in self.entries:
            barred = changeable(self.caller, entry.type) if entry.method in ("PUT", "PATCH") else None
            if entry.method == "DELETE" and entry.query and self.service.settings.fhir.conditional_delete == "off":
                barred = write.undeletable(entry.type)
            if barred is not None:
                raise RefusedError(at(entry.place, barred))
            asked = [(entry.type, entry.query)] if entry.query else []
            said = conditionals(entry.resource)
            if said:
                self.said[entry.place] = said
            asked += [found for text in said if (found := conditional(text)) is not None]
            for kind, query in asked:
                if (kind, query) not in plans:
                    made = condition(kind, query, self.caller, vocabulary)
                    if isinstance(made, Written):
                        raise RefusedError(at(entry.place, made))
                    plans[kind, query] = made
        return plans

    def take(self, made: Ahead) -> None:
        """Take over what a drafting process has worked out: there are no conditions."""
        self.pieces.update(made.drafts())
        self.coming = frozenset(f"{e.type}/{e.id}" for e in self.entries if e.method != "DELETE")

    def ahead(self) -> None:
        """Work out as much as is possible without the writer."""
        view = self.service.store.guarded
        self.prepare({key: tuple(row.id for row in view.search(plan).rows) for key, plan in self.plans.items()})

    def prepare(self, found: Found) -> None:
        """Fix ids and links as the conditions' matches say, and make every resource ready."""
        self.found = found
        targets: dict[str, str] = {}
        created: dict[Condition, str] = {}
        for entry in self.entries:
            id_ = self.identity(entry, created)
            if id_:
                targets.update(targets_of(entry.full_url, entry.type, id_))
        ids = {entry.place: self.identity(entry, created) for entry in self.entries}
        self.coming = frozenset(f"{e.type}/{ids[e.place]}" for e in self.entries if e.method != "DELETE")
        self.pieces = {}
        self.patches = {e.place: (e.patch[0], linked(e.patch[1], targets)) for e in self.entries if e.patch is not None}
        for entry in self.entries:
            if entry.method not in ("POST", "PUT") or self.is_met(entry, ids[entry.place]):
                continue
            part = whole(entry.type, entry.resource)
            made = resolved(entry.resource, self._links(entry, targets))
            drafted = draft(entry.type, made, ids[entry.place])
            piece = part or judged(self.service.judge, self.caller.actor, made, drafted)
            if isinstance(piece, Written):
                raise RefusedError(at(entry.place, piece))
            if b'"urn:' in piece.body:
                self._refuse_unmet(entry, made)
            self.pieces[entry.place] = piece

    def identity(self, entry: Entry, created: dict[Condition, str]) -> str:
        """Return the id that an entry is about; "" for a deletion or patch that meets nothing."""
        if not entry.query:
            return entry.id
        key = (entry.type, entry.query)
        met = self.found[key]
        if len(met) > 1 and entry.method != "DELETE":
            hint = "make the condition so that one resource meets it"
            text = "several resources meet the condition"
            refused = refusal(entry.type, 412, "multiple-matches", text, hint=hint, rule="several")
            raise RefusedError(at(entry.place, refused))
        if met:
            return met[0]
        if entry.method == "POST":
            return created.setdefault(key, entry.id)
        if entry.method == "PUT":
            said = entry.resource.get("id")
            entry.id = entry.id or (said if isinstance(said, str) and said else fresh_id())
            return entry.id
        return ""

    def _refuse_unmet(self, entry: Entry, resource: Json) -> None:
        """Refuse references to an entry that the Bundle does not have."""
        for path, _said in unmet(resource, entry.type):
            text, hint = "no entry of the Bundle has this as its fullUrl", "send the entry too, or refer to Type/id"
            raise RefusedError(
                at(entry.place, refusal(entry.type, 400, "not-found", text, where=path, hint=hint, rule="link"))
            )

    def is_met(self, entry: Entry, id_: str) -> bool:
        """Tell whether a conditional creation makes nothing: something meets it, or an entry before makes it."""
        return entry.method == "POST" and bool(entry.query) and id_ != entry.id

    def _links(self, entry: Entry, targets: dict[str, str]) -> dict[str, str]:
        """Add to the links between entries what the conditional references of one of them lead to."""
        said = self.said.get(entry.place)
        if not said:
            return targets
        links = dict(targets)
        for text in said:
            key = conditional(text)
            met = self.found[key] if key is not None else ()
            if key is not None and len(met) != 1:
                why = "nothing meets" if not met else "several resources meet"
                answer = refusal(key[0], 412, "conflict", f"{why} a conditional reference", rule="reference")
                raise RefusedError(at(entry.place, answer))
            if key is not None:
                links[text] = f"{key[0]}/{met[0]}"
        return links

    # Inside the writer's transaction

    def write(self, tx: Tx) -> Answers:
        """Do everything, in the standard's order: deletions, creations, changes."""
        writing = Writing(tx, self.service, self.caller)
        found = {key: tuple(row.id for row in tx.search(plan).rows) for key, plan in self.plans.items()}
        if found != self.found:
            self.prepare(found)
        writing.coming = self.coming
        self._look(tx)
        created: dict[Condition, str] = {}
        ids = {entry.place: self.identity(entry, created) for entry in self.entries}
        self._distinct(ids)
        done: dict[int, Written] = {}
        for entry in self.entries:
            try:
                done[entry.place] = at(entry.place, self._one(writing, entry, ids[entry.place]))
            except RefusedError as error:
                raise RefusedError(at(entry.place, error.answer)) from None
        for entry in self.entries:
            if self.is_met(entry, ids[entry.place]):
                now = tx.current(entry.type, ids[entry.place])
                if now is not None:
                    done[entry.place] = written(200, now)
        writing.end("transaction", f"{len(writing.changed)} resources")
        return [None if entry is None else done[entry.place] for entry in self.listed]

    def _look(self, tx: Tx) -> None:
        """Read at once what is needed of the record; what has an id of our making is not there."""
        new = {e.place for e in self.entries if e.method == "POST"}
        tx.expect_none([(p.type, p.id) for place, p in self.pieces.items() if place in new])
        known = [(e.type, e.id) for e in self.entries if e.place not in new and e.id]
        for piece in self.pieces.values():
            known += [key for key in piece.index.targets if f"{key[0]}/{key[1]}" not in self.coming]
        tx.prefetch(known)
        tx.number((piece.type, piece.id) for piece in self.pieces.values())

    def _distinct(self, ids: dict[int, str]) -> None:
        """Refuse two entries that write the same resource, whatever way they name it."""
        first: dict[str, int] = {}
        for entry in self.entries:
            name = f"{entry.type}/{ids[entry.place]}"
            if not ids[entry.place] or self.is_met(entry, ids[entry.place]):
                continue
            if first.setdefault(name, entry.place) != entry.place:
                text = f"entry {first[name]} is about the same resource"
                raise RefusedError(at(entry.place, refusal(entry.type, 400, "duplicate", text, rule="twice")))

    def _one(self, writing: Writing, entry: Entry, id_: str) -> Written:
        kind = entry.type
        if entry.method == "DELETE":
            if entry.query:
                return write.deleted_conditional(
                    writing, kind, self.plans[kind, entry.query], "single", entry.if_match
                )  # fmt: skip
            return write.deleted(writing, kind, id_, entry.if_match)
        if entry.method == "PATCH":
            if not id_:
                raise RefusedError(refusal(kind, 404, "not-found", "nothing meets the condition", rule="none"))
            now = writing.named(kind, id_)
            writing.guard(now, kind, entry.if_match)
            writing.unless(now, kind, entry.if_none_match)
            writing.changeable(kind)
            how, said = self.patches[entry.place]
            return writing.put(write.patched(writing.judge, writing.caller.actor, kind, now, how, said), now, 200)
        if self.is_met(entry, id_):
            return Written(200, kind, id_)
        piece = self.pieces[entry.place]
        if entry.method == "POST":
            return writing.put(piece, None, 201)
        if entry.query:
            met = writing.tx.current(kind, id_) if self.found[kind, entry.query] else None
            if met is not None:
                said = entry.resource.get("id")
                if said is not None and said != met.id:
                    text = "the resource's id is not that of the one that meets the condition"
                    raise RefusedError(refusal(kind, 400, "value", text, where="resource.id", rule="id"))
                writing.guard(met, kind, entry.if_match)
                writing.unless(met, kind, entry.if_none_match)
                return writing.put(piece, met, 200)
        return write.updated(writing, piece, if_match=entry.if_match, if_none_match=entry.if_none_match)


def transaction(service: Service, caller: Caller, bundle: Json) -> Future[Answers | Written]:
    """Write a Bundle of type transaction as a whole; a refusal says which entry it is for, and nothing was written."""
    future: Future[Answers | Written] = Future()
    future.set_running_or_notify_cancel()
    try:
        whole = _Whole(service, caller, read(bundle))
        whole.ahead()
    except RefusedError as error:
        if error.answer.status == 403:  # not wrong, but not allowed: that belongs into the audit trail
            write.deny(service, caller, "transaction", "Bundle", error.answer, future)
        else:
            future.set_result(error.answer)
        return future
    if whole.entries:
        _submit(service, caller, len(whole.entries), whole.write, future)
    else:
        future.set_result([None for _ in whole.listed])
    return future


def transaction_ahead(
    service: Service, caller: Caller, drafting: Drafting, content: bytes
) -> Future[Answers | Written | None]:  # fmt: skip
    """Write a Bundle that a drafting process makes ready; None (and nothing written) when `transaction` has to do it.

    Only for callers from whom no element is masked, and whose writes are not validated.
    """
    future: Future[Answers | Written | None] = Future()
    future.set_running_or_notify_cancel()

    def drafted(done: Future[Ahead | None]) -> None:
        made = done.result()
        if made is None:
            future.set_result(None)
            return
        try:
            _submit(service, caller, len(made.entries), partial(_write_ahead, service, caller, made), future)
        except Exception as fault:  # noqa: BLE001 - whoever waits must hear of it
            future.set_exception(fault)

    drafting.submit(content).add_done_callback(drafted)
    return future


def _write_ahead(service: Service, caller: Caller, made: Ahead, tx: Tx) -> Answers:
    """Write what a drafting process has made ready: at once when all of it is new."""
    writing = Writing(tx, service, caller)
    sheet = made.held.sheet
    if made.creates and service.settings.fhir.update_create and writing.put_sheet(made.held):
        writing.end("transaction", f"{sheet.count} resources")
        return [Written(201, kind, id_, 1, tx.at, body) for (kind, id_), body in zip(sheet.names, sheet.bodies)]  # noqa: B905
    tx.note_texts(sheet)
    whole = _Whole(service, caller, list(made.entries))
    whole.take(made)
    return whole.write(tx)


def _submit(
    service: Service, caller: Caller, count: int, write_all: Callable[[Tx], Answers], future: Future[Any]
) -> None:  # fmt: skip
    def settle(group: Future[Answers]) -> None:
        error = group.exception()
        service.parameters.settled()
        if error is None:
            future.set_result(group.result())
        elif isinstance(error, RefusedError):
            write.deny(service, caller, "transaction", f"{count} entries", error.answer, future)
        else:
            future.set_exception(error)

    service.store.submit(write_all).add_done_callback(settle)
