"""`Patient/$merge` and its undoing: of two source Patients one replaces the other (FHIR R5 patient-operation-merge).

Everything is decided inside one transaction of the writer, so two merges at once see each other.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from unsilo.flow.fhir.checks import draft, is_id, own_words
from unsilo.flow.fhir.outcome import Caller, RefusedError, Written
from unsilo.flow.fhir.write import traced
from unsilo.flow.fhir.writing import Writing
from unsilo.flow.persons.place import BY_PROGRAM
from unsilo.flow.persons.replaced import Identifier, by_identifiers, leads_back, replaced_by
from unsilo.flow.service import Service
from unsilo.kernel import Issue, Json, Where, json
from unsilo.kernel.issue import Code
from unsilo.storage import AuditRow, Stored, Tx
from unsilo.storage.tx_exchange import MergeRow

__all__ = ["Merged", "Named", "merge", "unmerge"]


class Named(msgspec.Struct, frozen=True):
    """A Patient as the request names it: by its id here, by identifiers that it must have, or by both."""

    id: str = ""
    identifiers: tuple[Identifier, ...] = ()


class Merged(msgspec.Struct):
    """How it ended: HTTP status, what is to be said, and the surviving Patient as it is or would be."""

    status: int
    issues: list[Issue]
    target: Json | None = None


class _Stop(Exception):  # noqa: N818 - a preview is no error
    """A preview: the answer is known, and nothing is kept."""

    def __init__(self, answer: Merged) -> None:
        super().__init__("preview")
        self.answer = answer


def _refuse(text: str, where: str, code: Code = "business-rule", hint: str = "", status: int = 422) -> RefusedError:
    issue = Issue("error", code, text, Where(where), hint, f"merge.{where.rpartition('.')[2] or 'rule'}")
    return RefusedError(Written(status, "Patient", issues=[issue]))


class _Merging:
    """One merge inside the transaction."""

    def __init__(self, writing: Writing, source: Named, target: Named) -> None:
        self.writing, self.tx, self.caller = writing, writing.tx, writing.caller
        self.source, self.target = self._find(source, "source-patient"), self._find(target, "target-patient")
        if self.source.id == self.target.id:
            raise _refuse("source and target are the same Patient", "target-patient")
        writing.changeable("Patient")

    def _find(self, named: Named, where: str) -> Stored:
        """Return the one Patient that is meant; what is hidden is refused as if it were not there."""
        hint = "give the id of a Patient of this server, or identifiers that one Patient has"
        if named.identifiers:
            plan = by_identifiers(named.identifiers, self.caller.predicate, self.writing.parameters.vocabulary)
            rows = self.tx.search(plan).rows if plan is not None else []
            ids = [row.id for row in rows]
            if named.id and named.id not in ids and len(ids) == 1:
                raise _refuse("the identifiers are those of another Patient", where, "conflict")
            if len(ids) != 1:
                text = "several Patients have these identifiers" if ids else "no Patient has these identifiers"
                raise _refuse(text, where, "conflict" if ids else "not-found", hint)
            named = Named(ids[0])
        if not is_id(named.id):
            raise _refuse("no Patient is named", where, "required", hint, 400)
        now, seen = self.writing.current("Patient", named.id)
        if now is None or not seen or now.state != 0:
            raise _refuse(f"there is no Patient/{named.id}", where, "not-found", hint)
        return now

    # Merging

    def check(self) -> None:
        """Refuse what contradicts an earlier merge or what people decided."""
        tx, source, target = self.tx, self.source.id, self.target.id
        gone = replaced_by(_content(self.target))
        vocabulary = self.writing.parameters.vocabulary
        if leads_back(tx, target, source, (self.caller.predicate, vocabulary)):
            text = f"Patient/{target} was itself merged into Patient/{source}"
            raise _refuse(text, "target-patient", "conflict", "take that merge back first")
        if gone:
            text = f"Patient/{target} was itself replaced by Patient/{gone[0]}"
            raise _refuse(text, "target-patient", "conflict", f"merge into Patient/{gone[0]}")
        gone = replaced_by(_content(self.source))
        if gone:
            code: Code = "duplicate" if target in gone else "conflict"
            raise _refuse(f"Patient/{source} was replaced by Patient/{gone[0]} already", "source-patient", code)
        person = tx.person_of(target)
        apart = [id_ for id_, kind in tx.decided(source).items() if kind == "apart"]
        for other in apart:
            if other == target or (person is not None and tx.person_of(other) == person):
                text = f"it was decided that Patient/{source} and Patient/{other} are two persons"
                raise _refuse(text, "source-patient", "conflict", "take that decision back first")

    def result(self, given: Json | None) -> Json:
        """Return the surviving Patient as it will be; `given` is what the client wants it to say."""
        link = {"other": {"reference": f"Patient/{self.source.id}"}, "type": "replaces"}
        if given is None:
            before = _content(self.target)
            links = [item for item in _links(before) if item != link]
            return {**before, "link": [*links, link]}
        if given.get("resourceType") != "Patient" or given.get("id") != self.target.id:
            raise _refuse("result-patient is the target Patient, with its id", "result-patient", "value", status=400)
        known = any(_leads(item, "replaces", self.source.id) for item in _links(given))
        if not known:
            text = f"result-patient has no link of type replaces to Patient/{self.source.id}"
            raise _refuse(text, "result-patient", "required", status=400)
        return own_words(given, self.target.id)

    def retired(self) -> Json:
        """Return the source Patient as it will be."""
        before = _content(self.source)
        link = {"other": {"reference": f"Patient/{self.target.id}"}, "type": "replaced-by"}
        return {**before, "active": False, "link": [*_links(before), link]}

    def write(self, result: Json) -> Written:
        """Write both Patients, let the person follow, and remember what was before."""
        tx, source, target = self.tx, self.source, self.target
        former, decided = tx.person_of(source.id) or 0, tx.decision(source.id, target.id)
        kept = self._put(result, target)
        gone = self._put(self.retired(), source)  # its link of type replaced-by moves the edge
        row = MergeRow(0, source.version, gone.version, target.version, kept.version, former, decided)
        tx.merged(source.id, target.id, row, self.caller.actor)
        return kept

    def _put(self, resource: Json, now: Stored) -> Written:
        piece = draft("Patient", resource, now.id)
        if isinstance(piece, Written):
            raise RefusedError(piece)
        return self.writing.put(piece, now, 200)

    # Undoing

    def undo(self) -> Written:
        """Give both Patients what they said before, as far as nobody changed them since, and the source its person."""
        tx, source, target = self.tx, self.source, self.target
        row = tx.merge_of(source.id, target.id)
        if row is None:
            text = f"Patient/{source.id} was not merged into Patient/{target.id} by this operation"
            raise _refuse(text, "source-patient", "not-found")
        together = tx.person_of(source.id) == tx.person_of(target.id)
        self._restore(source, row.source_before, row.source_after, target.id, "replaced-by")
        kept = self._restore(target, row.target_before, row.target_after, source.id, "replaces")
        if tx.decision(source.id, target.id) != row.decided:
            reason = "The merge of the two records was undone."
            tx.decide(source.id, target.id, row.decided, reason, self.caller.actor, tx.at)
        if together and row.former and tx.person_of(source.id) != row.former:
            reason = "The merge of the two records was undone."
            tx.link(source.id, row.former, "unmerge", reason, self.caller.actor, tx.at, BY_PROGRAM)
        tx.merge_undone(row.n)
        return kept

    def _restore(self, now: Stored, before: int, after: int, other: str, kind: str) -> Written:
        body = self.tx.body_of("Patient", now.id, before)
        former: Json = json.decode(body) if body is not None else {}
        if now.version == after and former:
            return self._put(former, now)
        # Somebody changed it since: what is new stays, what the merge said goes.
        resource = _content(now)
        links = [item for item in _links(resource) if not _leads(item, kind, other)]
        resource.pop("link", None)
        if links:
            resource["link"] = links
        if kind == "replaced-by":
            resource.pop("active", None)
            if "active" in former:
                resource["active"] = former["active"]
        return self._put(resource, now)


def _links(resource: Json) -> list[Any]:
    found = resource.get("link")
    return found if isinstance(found, list) else []


def _leads(item: Any, kind: str, other: str) -> bool:
    """Tell whether a link is of a type and leads to another Patient."""
    if not isinstance(item, dict) or item.get("type") != kind or not isinstance(item.get("other"), dict):
        return False
    return str(item["other"].get("reference", "")).endswith(f"Patient/{other}")


def _content(row: Stored) -> Json:
    found: Json = json.decode(row.body)
    return found


def merge(
    service: Service, caller: Caller, source: Named, target: Named, *, result: Json | None = None,
    preview: bool = False,
) -> Future[Merged]:  # fmt: skip
    """Merge `source` into `target`: the source becomes inactive and says by what it was replaced, both are one person.

    Refusals (400 for what is asked wrongly, 422 for what contradicts) change nothing; `preview` never does.
    """

    def act(writing: Writing) -> Merged:
        one = _Merging(writing, source, target)
        one.check()
        made = one.result(result)
        issues = [_effect(writing.tx, one)]
        if preview:
            raise _Stop(Merged(200, issues, made))
        kept = one.write(made)
        return Merged(200, [*issues, *kept.issues], _said(kept))

    return _run(service, caller, "merge", f"Patient/{source.id} into Patient/{target.id}", act)


def unmerge(
    service: Service, caller: Caller, source: Named, target: Named, *, preview: bool = False
) -> Future[Merged]:  # fmt: skip
    """Undo a merge by `merge`: both Patients say again what they said, unless somebody changed them since."""

    def act(writing: Writing) -> Merged:
        kept = _Merging(writing, source, target).undo()
        text = "the two records are again what they were"
        done = Merged(200, [Issue("information", "informational", text, rule="merge.undone")], _said(kept))
        if preview:
            raise _Stop(done)
        return done

    return _run(service, caller, "unmerge", f"Patient/{source.id} from Patient/{target.id}", act)


def _effect(tx: Tx, one: _Merging) -> Issue:
    """Say what the person gains."""
    mine, other = tx.person_of(one.source.id), tx.person_of(one.target.id)
    text = f"Patient/{one.source.id} is replaced by Patient/{one.target.id}"
    if mine is not None and mine == other:
        text += "; both are with one person already"
    else:
        text += "; searches for either find both from then on"
    return Issue("information", "informational", text, rule="merge.effect")


def _said(kept: Written) -> Json | None:
    return None if kept.body is None else json.decode(kept.body)


def _run(
    service: Service, caller: Caller, action: str, what: str, act: Callable[[Writing], Merged]
) -> Future[Merged]:  # fmt: skip
    """Run it in the writer's turn; refusals and previews leave an audit row and nothing else."""
    future: Future[Merged] = Future()
    future.set_running_or_notify_cancel()

    def job(tx: Tx) -> Merged:
        writing = Writing(tx, service, caller)
        done = act(writing)
        writing.end(action, what)
        return done

    def settle(group: "Future[Merged]") -> None:
        error = group.exception()
        if isinstance(error, RefusedError):
            answer = error.answer
            _note(service, caller, action, what, Merged(answer.status, answer.issues), future, "refused")
        elif isinstance(error, _Stop):
            _note(service, caller, f"{action} preview", what, error.answer, future, "success")
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(group.result())

    service.store.submit(job).add_done_callback(settle)
    return future


def _note(
    service: Service, caller: Caller, action: str, what: str, answer: Merged, future: "Future[Merged]", outcome: str
) -> None:  # fmt: skip
    said = outcome if answer.status < 300 else f"{outcome} {answer.status}"
    traced(
        service, AuditRow(caller.actor, action, 0, what[:1000], caller.origin, caller.reason, 0, said), answer, future
    )
