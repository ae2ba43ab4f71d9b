"""The last act of a message: one transaction with resources, versions, lineage, links, audit, outbox and its end."""

from collections.abc import Callable, Container
from typing import Any, NamedTuple

import msgspec

from unsilo.config import Feed
from unsilo.fhir import merge
from unsilo.flow.doubt import counted
from unsilo.flow.persons.place import place_patient
from unsilo.flow.persons.replaced import join, leads_back, replaced_by
from unsilo.flow.process import Act, Piece, Processed, prepare_resource
from unsilo.flow.repeated import Repeated
from unsilo.kernel import Issue, Lineage, Row, Where, json
from unsilo.storage import AuditRow, Stored, Tx
from unsilo.storage.keys import Ready
from unsilo.storage.packing import unpack_lineage
from unsilo.storage.tx_sheet import Made
from unsilo.validation.plausibility import altered

__all__ = ["Committed", "Keys", "beats", "commit", "finish_dead", "finish_held"]

Keys = Callable[[Piece], Ready]

_REPLACED = b'"replaced-by"'
_FINAL = 2
"""Rank from which a result is final; what is lower never wins over it."""

_STEADY = frozenset(("Organization", "Location", "Practitioner", "PractitionerRole", "Device", "Endpoint"))
"""Types that every message repeats; that one was confirmed at a newer time is not worth a write each time."""


_adds_nothing: Repeated[bool] = Repeated(8192)
"""Digests of a version and of what was sent after it (and the elements emptied) that had nothing to add to it."""


class Committed(NamedTuple):
    """How a message ended; `changed` holds `Type/id` of what has a new version."""

    state: str
    issues: list[Issue]
    changed: list[str]


def beats(clock: int, rank: int, current: Stored) -> bool:
    """Tell whether a version with this event time and rank wins over the current one.

    A preliminary result never wins over a final one, a final one always over a preliminary one; else the later event
    time wins, and of the same time the higher rank. A time that is not known (0) loses against none.
    """
    if rank < _FINAL <= current.rank:
        return False
    if current.rank < _FINAL <= rank:
        return True
    if clock and current.clock and clock != current.clock:
        return clock > current.clock
    return rank >= current.rank


class _Writing:
    """One message being written; `issues` grows on the way."""

    def __init__(self, tx: Tx, told: Processed, feed: Feed | None, at: int, keys: Keys, extra: Container[str]) -> None:
        self.tx, self.told, self.at, self.keys, self.extra = tx, told, at, keys, extra
        self.feed = feed.name if feed is not None else ""
        self.actor = f"feed:{self.feed}"
        self.issues = list(told.issues)
        self.changed: list[str] = []

    def write(self) -> Committed:
        """Write everything, in the order in which parts refer to each other."""
        tx, told = self.tx, self.told
        keys = [(piece.type, piece.id) for piece in told.pieces]
        tx.prefetch(keys, heads_do=True)
        tx.number(keys)
        together = self._put_sheet()
        kept = {_id(act.retired) for act in told.actions if act.kind == "merge" and self._is_circle(act)}
        for piece in told.pieces:
            if piece.type == "Patient" and piece.id in kept:
                continue  # it would say that it was replaced; see `merge_patients`
            if together and piece.place >= 0:
                self.changed.append(f"{piece.type}/{piece.id}")
            else:
                self._piece(piece)
        for action in told.actions:
            self._action(action)
        if not told.actions:
            self._follow_links()
        persons = self._persons()
        self._audit(persons)
        if self.changed:
            payload = msgspec.json.encode({"message": told.envelope, "changed": self.changed})
            tx.outbox("changed", payload)
        tx.finish(
            told.mid, "done", self.issues, told.unconsumed, told.digest, len(told.pieces), feed=self.feed,
            doubts=counted(self.issues),
        )  # fmt: skip
        return Committed("done", self.issues, self.changed)

    def _put_sheet(self) -> bool:
        """Write at once what was never said before; False when some of it was, or when there are further keys."""
        tx, told, sheet = self.tx, self.told, self.told.sheet
        if sheet is None:
            return False
        if any(kind in self.extra for kind, _ in sheet.names[: sheet.count]) or not tx.is_new(sheet):
            tx.note_texts(sheet)
            return False
        made = [Made(p.body, p.digest, p.clock, p.rank, p.lineage) for p in told.pieces if p.place >= 0]
        tx.put_made(sheet, made, mid=told.mid, at=self.at)
        return True

    def _follow_links(self) -> None:
        """Let a person follow links of type replaced-by of a FHIR feed's Patients; HL7 v2 has actions for it."""
        for piece in self.told.pieces:
            if piece.type != "Patient" or _REPLACED not in piece.body:
                continue
            where = Where(f"Patient/{piece.id}.link")
            for survivor in replaced_by(json.decode(piece.body)):
                if survivor == piece.id or self.tx.person_of(piece.id) is None:
                    continue
                if self.tx.person_of(survivor) is None:
                    text = "the record that replaced this one is not known here, so nothing was merged"
                    self.issues.append(Issue("warning", "not-found", text, where, rule="merge.survivor"))
                elif leads_back(self.tx, survivor, piece.id):
                    text = f"Patient/{survivor} and Patient/{piece.id} each say that the other replaced it"
                    self.issues.append(Issue("error", "conflict", text, where, rule="commit.merge-circle"))
                    self.tx.ask(survivor, piece.id, "merge-circle", text, 0.0, "", self.told.mid, self.at)
                else:
                    reason = "The record says that another one replaced it."
                    self.issues += join(self.tx, piece.id, survivor, self.actor, self.told.mid, reason)

    def _is_circle(self, action: Act) -> bool:
        """Tell whether the survivor of a merge was itself merged into the one that is to be retired."""
        survivor, retired = _id(action.survivor), _id(action.retired)
        return bool(survivor and retired) and survivor != retired and leads_back(self.tx, survivor, retired)

    def _piece(self, piece: Piece) -> None:
        head = self.tx.head(piece.type, piece.id)
        if head is None:
            self._put(piece, head)
            return
        if self._says_nothing_new(piece, head):
            self._touch(head, piece)
            return
        current = self.tx.current(piece.type, piece.id) or head
        if not beats(piece.clock, piece.rank, current):
            self._late(piece, current)
            return
        policy = merge.policy_of(piece.type)
        if current.state == 1 or not (policy.update or policy.unite):
            self._put(piece, current)
            return
        self._merge(piece, current)

    def _says_nothing_new(self, piece: Piece, head: Stored) -> bool:
        """Tell whether a piece is what is there, or was found to add nothing to it before."""
        if head.state != 0:
            return False
        if head.digest == piece.digest:
            return True
        return bool(_adds_nothing.get(_asked(piece, head))) and beats(piece.clock, piece.rank, head)

    def _touch(self, current: Stored, piece: Piece) -> None:
        """The same was said again, perhaps with a newer time, which then is what a later message must beat."""
        self.tx.touched(current, self.told.mid, 0 if piece.type in _STEADY else piece.clock)

    def _merge(self, piece: Piece, current: Stored) -> None:
        """Unite what a registration entity says now with what it said before; lineage of what is kept stays."""
        old, new = json.decode(current.body), json.decode(piece.body)
        merged = merge.merge(old, new, piece.cleared)
        resource = merged.resource
        if piece.type == "Patient" and _replaced(old):
            # A later message with a retired number does not bring it back to life (HL7 v2 A40).
            resource = {**resource, "active": False, "link": old["link"]}
        if piece.type == "Patient":
            whose = f"Patient/{piece.id}: "
            self.issues += [
                msgspec.structs.replace(each, where=Where(whose + each.where.path)) for each in altered(old, resource)
            ]
        if merge.same(resource, old):
            if current.digest:
                _adds_nothing.put(_asked(piece, current), True)
            self._touch(current, piece)
            return
        told = self.told
        new_rows = [row for part in unpack_lineage(piece.lineage) for row in merged.kept.new_rows(part.rows)]
        lineage = [Lineage(told.envelope, told.digest, new_rows)]
        for part in self.tx.lineage(piece.type, piece.id, current.version):
            kept = merged.kept.old_rows(part.rows)
            if kept:
                lineage.append(Lineage(part.envelope, part.digest, kept))
        clock = max(piece.clock, current.clock)
        self._put(prepare_resource(resource, lineage, clock, piece.rank, []), current)

    def _put(self, piece: Piece, previous: Stored | None) -> None:
        self.tx.put(
            piece.type, piece.id, piece.body, index=self.keys(self.told.keyed(piece)), lineage=piece.lineage,
            clock=piece.clock, rank=piece.rank, digest=piece.digest, mid=self.told.mid, previous=previous, at=self.at,
        )  # fmt: skip
        self.changed.append(f"{piece.type}/{piece.id}")
        if piece.type == "Patient":
            self.issues += place_patient(self.tx, piece, self.actor, self.at, self.told.mid)

    def _late(self, piece: Piece, current: Stored) -> None:
        self.tx.put_late(
            piece.type, piece.id, piece.body, lineage=piece.lineage, clock=piece.clock, rank=piece.rank,
            digest=piece.digest, mid=self.told.mid, previous=current, at=self.at,
        )  # fmt: skip
        why = "a preliminary result after a final one" if piece.rank < _FINAL <= current.rank else "older than that"
        text = f"{piece.type} is {why}: kept as history, the current version {current.version} stays"
        self.issues.append(Issue("warning", "stale", text, Where(f"{piece.type}/{piece.id}"), rule="commit.late"))

    def _action(self, action: Act) -> None:
        handler = ACTIONS.get(action.kind)
        if handler is None:
            text = f"nothing is known to do for {action.kind!r}"
            self.issues.append(Issue("warning", "not-supported", text, rule="commit.action"))
            return
        handler(self, action)

    def merge_patients(self, action: Act) -> None:
        """A40: both numbers belong to one person from now on; the retired one is inactive and says by what replaced."""
        survivor, retired = _id(action.survivor), _id(action.retired)
        if not survivor or not retired or survivor == retired:
            return
        tx, mid = self.tx, self.told.mid
        if self._is_circle(action):
            # One of the two must stay; which, only people can say.
            text = f"Patient/{survivor} was itself merged into Patient/{retired} before; both are left as they are"
            where, hint = Where(f"Patient/{retired}"), "ask the sender which number is in use"
            self.issues.append(Issue("error", "conflict", text, where, hint, "commit.merge-circle"))
            tx.ask(survivor, retired, "merge-circle", text, 0.0, "", mid, self.at)
            return
        self.issues += join(tx, retired, survivor, self.actor, mid, "The sender merged the two numbers.")
        self._retire(survivor, retired, action)

    def _retire(self, survivor: str, retired: str, action: Act) -> None:
        current = self.tx.current("Patient", retired)
        resource: dict[str, Any] = {"resourceType": "Patient", "id": retired}
        if current is not None and current.state == 0:
            resource = json.decode(current.body)
        links = [item for item in resource.get("link", []) if item.get("type", "replaced-by") != "replaced-by"]
        links = [item for item in links if "other" in item]
        link = {"other": {"reference": f"Patient/{survivor}"}, "type": "replaced-by"}
        changed = {**resource, "active": False, "link": [*links, link]}
        if changed != resource:
            at = f"link[{len(links)}]"
            self._amend(changed, current, action, ("active", f"{at}.other.reference", f"{at}.type"), ("active", at))

    def _amend(
        self, resource: dict[str, Any], current: Stored | None, action: Act, said: tuple[str, ...],
        gone: tuple[str, ...],
    ) -> None:  # fmt: skip
        """Write a Patient of which an action changed the elements `said`; lineage of all but `gone` stays."""
        rows = [Row(path, f"flow.{action.kind}", action.source) for path in said]
        lineage = [Lineage(self.told.envelope, self.told.digest, rows)]
        clock = action.at
        if current is not None:
            clock = max(clock, current.clock)
            for part in self.tx.lineage("Patient", resource["id"], current.version):
                kept = [row for row in part.rows if not row.path.startswith(gone)]
                if kept:
                    lineage.append(Lineage(part.envelope, part.digest, kept))
        self._put(prepare_resource(resource, lineage, clock, 0, []), current)

    def unmerge_patients(self, action: Act) -> None:
        """A37: the two numbers part again."""
        survivor, retired = _id(action.survivor), _id(action.retired)
        tx = self.tx
        if retired and tx.person_of(retired) is not None and tx.person_of(retired) == tx.person_of(survivor):
            reason = "The sender parted the two numbers."
            tx.unlink(retired, "unmerge", reason, self.actor, self.at, self.told.mid)
            tx.decide(survivor, retired, "apart", reason, self.actor, self.at)
        current = tx.current("Patient", retired) if retired else None
        if current is None or current.state != 0:
            return
        resource = json.decode(current.body)
        if not _replaced(resource):
            return
        links = [item for item in resource["link"] if item.get("type") != "replaced-by"]
        changed = {key: value for key, value in resource.items() if key not in ("active", "link")}
        changed["active"] = True
        if links:
            changed["link"] = links
        self._amend(changed, current, action, ("active",), ("active", "link"))

    def note_list(self, action: Act) -> None:
        """A list sent as a snapshot: what is no longer on it is remembered as no longer sent, never resolved."""
        patient = _id(action.patient)
        if patient:
            self.tx.note_list(patient, action.list_name, action.present, self.told.mid, action.at or self.at)

    def delete(self, action: Act) -> None:
        """A resource that was sent by mistake is deleted; its versions stay."""
        kind, _, id_ = action.retired.partition("/")
        current = self.tx.current(kind, id_) if id_ else None
        if current is not None and current.state == 0 and beats(action.at, current.rank, current):
            self.tx.delete(kind, id_, previous=current, clock=action.at, mid=self.told.mid, at=self.at)
            self.changed.append(f"{kind}/{id_}")

    def _persons(self) -> list[int]:
        """Return the persons whose data this message touched."""
        patients = {piece.id for piece in self.told.pieces if piece.type == "Patient"}
        patients |= {_id(action.patient) for action in self.told.actions if action.patient}
        return sorted({person for id_ in sorted(patients) if id_ and (person := self.tx.person_of(id_)) is not None})

    def _audit(self, persons: list[int]) -> None:
        if not self.changed:
            return
        what = f"{len(self.changed)} resources of message {self.told.envelope}"
        for person in persons or [0]:
            self.tx.audit(
                AuditRow(
                    actor=self.actor, action="write", person=person, what=what, origin=self.feed, reason="received",
                    mid=self.told.mid, at=self.at,
                )
            )  # fmt: skip


ACTIONS: dict[str, Callable[[_Writing, Act], None]] = {
    "merge": _Writing.merge_patients,
    "unmerge": _Writing.unmerge_patients,
    "snapshot": _Writing.note_list,
    "delete": _Writing.delete,
}
"""What each kind of action does."""


def _id(reference: str) -> str:
    return reference.rpartition("/")[2]


def _asked(piece: Piece, current: Stored) -> bytes:
    return b"\0".join((current.digest, piece.digest, *map(str.encode, piece.cleared)))


def _replaced(patient: dict[str, Any]) -> bool:
    return any(item.get("type") == "replaced-by" for item in patient.get("link", []))


def _own_keys(piece: Piece) -> Ready:
    return piece.index


def commit(
    told: Processed, feed: Feed | None, at: int, keys: Keys = _own_keys, extra: Callable[[], Container[str]] = tuple
) -> Callable[[Tx], Committed]:
    """Return the job that writes one processed message; run again for the same message it changes nothing more.

    `keys` adds to a piece's search keys those of the parameters that were posted to this store, of which `extra` tells
    the resource types.
    """
    return lambda tx: _Writing(tx, told, feed, at, keys, extra()).write()


def finish_dead(mid: int, issues: list[Issue], unconsumed: bytes = b"") -> Callable[[Tx], Committed]:
    """Return the job that ends a message as a dead letter, kept with its Issues until it is replayed."""

    def job(tx: Tx) -> Committed:
        tx.finish(mid, "dead", issues, unconsumed)
        return Committed("dead", issues, [])

    return job


def finish_held(mid: int, holder: int) -> Callable[[Tx], Committed]:
    """Return the job that holds a message back behind the poison message `holder`."""
    text = f"held back: message {holder} for the same key could not be processed"
    issues = [Issue("warning", "incomplete", text, hint="replay or release that message", rule="flow.held")]

    def job(tx: Tx) -> Committed:
        tx.finish(mid, "held", issues)
        return Committed("held", issues, [])

    return job
