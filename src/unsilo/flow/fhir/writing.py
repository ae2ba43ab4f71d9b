"""Writes inside the writer's transaction: each decision is made there, so that no other write comes between."""

import msgspec

from unsilo.fhir import references
from unsilo.fhir.index import index
from unsilo.flow.drafted import Drafted
from unsilo.flow.fhir import search_parameter
from unsilo.flow.fhir.checks import etag_version
from unsilo.flow.fhir.outcome import Caller, RefusedError, Written, refusal, written
from unsilo.flow.persons.place import BY_PROGRAM, place_patient, place_patients
from unsilo.flow.persons.replaced import follow
from unsilo.flow.process import Draft, Piece
from unsilo.flow.service import Service
from unsilo.kernel import Issue, Json, Where, json
from unsilo.policy import Predicate
from unsilo.spec.r4 import resource_types
from unsilo.storage import AuditRow, Stored, Tx
from unsilo.storage.packing import unpack_body
from unsilo.storage.plan import Plan

__all__ = ["Writing", "content"]

_REPLACED = b'"replaced-by"'
_MOST_NAMED = 5
"""References to nowhere that are named one by one."""


class Writing:
    """What one request writes; `changed` holds `Type/id` of what has a new version.

    A refusal raises `RefusedError`, which undoes the job, unless it is returned.
    """

    def __init__(self, tx: Tx, service: Service, caller: Caller) -> None:
        self.tx, self.caller = tx, caller
        self.parameters, self.settings, self.judge = service.parameters, service.settings.fhir, service.judge
        self.changed: list[str] = []
        self.dropped: list[Stored] = []
        self.patients: set[str] = set()
        self.coming: frozenset[str] = frozenset()
        """What the same transaction writes too: a reference to it leads somewhere."""

    # Looking

    def current(self, kind: str, id_: str) -> tuple[Stored | None, bool]:
        """Return the current version (also a deleted one), and whether the caller may see it."""
        now = self.tx.current(kind, id_)
        return now, now is not None and self.tx.sees(self.caller.predicate, now)

    def named(self, kind: str, id_: str) -> Stored:
        """Return what is live and visible under an id; else the write is refused as if there were nothing."""
        now, seen = self.current(kind, id_)
        if now is None or not seen:
            raise RefusedError(refusal(kind, 404, "not-found", f"there is no {kind}/{id_}", rule="none", id_=id_))
        if now.state == 1:
            answer = refusal(kind, 410, "deleted", f"{kind}/{id_} was deleted", rule="gone", id_=id_)
            answer.version, answer.updated = now.version, now.updated
            raise RefusedError(answer)
        return now

    def one(self, plan: Plan, kind: str) -> Stored | None:
        """Return the one match of a condition, None for no match; several are refused."""
        rows = self.tx.search(plan).rows
        if len(rows) > 1:
            hint = "make the condition so that one resource meets it"
            text = "several resources meet the condition"
            raise RefusedError(refusal(kind, 412, "multiple-matches", text, hint=hint, rule="several"))
        return self.tx.current(kind, rows[0].id) if rows else None

    def guard(self, now: Stored | None, kind: str, if_match: str | None) -> None:
        """Refuse unless the current version is the one that `If-Match` names (FHIR R4 3.1.0.5)."""
        if if_match is None or (if_match.strip() == "*" and now is not None and now.state == 0):
            return
        wanted = etag_version(if_match)
        if now is None or wanted != now.version:
            hint = "read it again and decide anew"
            answer = refusal(kind, 412, "conflict", "the current version is another one", hint=hint, rule="match")
            raise RefusedError(answer)

    def unless(self, now: Stored | None, kind: str, if_none_match: str | None) -> None:
        """Refuse when the current version is one that `If-None-Match` names; `*` names whatever is there."""
        if if_none_match is None or now is None or now.state != 0:
            return
        named = [part.strip() for part in if_none_match.split(",")]
        if "*" in named or any(etag_version(part) == now.version for part in named):
            text = "it exists already" if "*" in named else "the current version is the one that is named"
            raise RefusedError(refusal(kind, 412, "conflict", text, rule="none-match", id_=now.id))

    def changeable(self, kind: str) -> None:
        """Refuse to change what the caller sees a part of only: the rest would be lost, or told by what a patch does.

        It is refused whatever is stored; to create and to delete needs no look at the rest.
        """
        if self.caller.predicate.elements.get(kind):
            text = "a part of this type is not shown to you, so you cannot change it"
            raise RefusedError(refusal(kind, 403, "forbidden", text, rule="masked"))

    # Writing

    def put(self, piece: Piece, now: Stored | None, status: int) -> Written:
        """Make a piece the current version; one that says what is current makes none."""
        if now is not None and now.state == 0:
            self.changeable(piece.type)
        if now is not None and now.state == 0 and now.digest == piece.digest:
            return written(status, now, piece.issues if isinstance(piece, Draft) else [])
        issues = self._lost(piece)
        if isinstance(piece, Draft):
            issues = [*piece.issues, *issues]
        tx, made = self.tx, self.parameters.complete(piece)
        row = tx.put(
            piece.type, piece.id, piece.body, index=made, lineage=piece.lineage,
            clock=tx.at, rank=piece.rank, digest=piece.digest, previous=now, at=tx.at,
        )  # fmt: skip
        self.changed.append(f"{piece.type}/{piece.id}")
        if piece.type == "Patient":
            self.patients.add(piece.id)
            place_patient(tx, piece, self.caller.actor, tx.at, BY_PROGRAM)
            issues = [*issues, *self._follow(piece, now)]
        elif piece.type == "SearchParameter":
            issues += search_parameter.written(tx, self.parameters, piece)
        self.patients.update(made.targets[key[0]][1] for key in made.keys.pat)
        return written(status, row, issues)

    def put_sheet(self, held: Drafted) -> bool:
        """Store all resources of a sheet as first versions; False, and nothing done, when each must be looked at."""
        sheet, tx, extra = held.sheet, self.tx, self.parameters.extra
        own = sheet.names[: sheet.count]
        if (
            self.settings.referential_integrity != "off"
            or self.caller.predicate != Predicate()
            or any(kind in extra or kind == "SearchParameter" for kind in {kind for kind, _ in own})
            or any(_REPLACED in unpack_body(sheet.bodies[one.place]) for one in held.people)
            or not tx.is_new(sheet)
        ):
            return False
        tx.put_sheet(sheet, at=tx.at)
        self.changed += [f"{kind}/{id_}" for kind, id_ in own]
        self.patients.update(sheet.names[n][1] for n in sheet.patients)
        people = [(own[one.place][1], one.record, one.keys) for one in held.people]
        self.patients.update(id_ for id_, _, _ in people)
        place_patients(tx, people, self.caller.actor, tx.at, BY_PROGRAM)
        return True

    def _follow(self, piece: Piece, now: Stored | None) -> list[Issue]:
        """Let a Patient's person follow its links of type replaced-by; what contradicts another merge is refused."""
        former = now.body if now is not None and now.state == 0 else b""
        if _REPLACED not in piece.body and _REPLACED not in former:
            return []
        issues = follow(
            self.tx, json.decode(piece.body), json.decode(former) if former else None, self.caller.actor, BY_PROGRAM,
            self.caller.predicate, self.parameters.vocabulary,
        )  # fmt: skip
        if any(issue.severity == "error" for issue in issues):
            raise RefusedError(Written(422, piece.type, piece.id, issues=issues))
        return issues

    def drop(self, now: Stored) -> Written:
        """Delete what is live."""
        if now.type == "Patient":
            self.patients.add(now.id)
        self.patients.update(row[0].removeprefix("Patient/") for row in index(content(now)).pat)
        row = self.tx.delete(now.type, now.id, previous=now, clock=self.tx.at, at=self.tx.at)
        self.changed.append(f"{now.type}/{now.id}")
        self.dropped.append(now)
        if now.type == "SearchParameter":
            search_parameter.deleted(self.tx, self.parameters, now.id)
        return written(204, row)

    def _lost(self, piece: Piece) -> list[Issue]:
        """Look whether every reference leads to something that the caller could read, as the setting says."""
        if self.settings.referential_integrity == "off":
            return []
        lost = []
        for path, said in references.walk(json.decode(piece.body)):
            target = said.partition("/_history/")[0]
            kind, slash, id_ = target.partition("/")
            if not slash or kind not in resource_types() or target in self.coming or id_ == piece.id:
                continue
            now, seen = self.current(kind, id_)
            if now is None or not seen or now.state != 0:
                lost.append((path, target))
        if not lost:
            return []
        strict = self.settings.referential_integrity == "reject"
        issues = [
            Issue(
                "error" if strict else "warning", "not-found", f"there is no {target[:100]}",
                Where(f"{piece.type}.{path}"), "send first what it refers to", "fhir.write.reference",
            )
            for path, target in lost[:_MOST_NAMED]
        ]  # fmt: skip
        if strict:
            raise RefusedError(Written(409, piece.type, piece.id, issues=issues))
        return issues

    # The end

    def end(self, action: str, what: str) -> None:
        """Look whether what was deleted is still referred to; write the audit row and the outbox row."""
        caller = self.caller
        for now in [] if self.settings.delete_referenced else self.dropped:
            if self.tx.is_referred_to(now.rid):
                hint = "delete or change first what refers to it"
                text = f"other resources refer to {now.type}/{now.id}"
                raise RefusedError(refusal(now.type, 409, "conflict", text, hint=hint, rule="referenced", id_=now.id))
        self.tx.audit(
            AuditRow(
                caller.actor, action, 0, what[:1000], caller.origin, caller.reason, 0, "success", self.tx.at,
                patients=tuple(sorted(self.patients)),
            )
        )  # fmt: skip
        if self.changed:
            self.tx.outbox("changed", msgspec.json.encode({"actor": caller.actor, "changed": self.changed}), self.tx.at)


def content(row: Stored) -> Json:
    """Return the JSON of a stored version."""
    found: Json = json.decode(row.body)
    return found
