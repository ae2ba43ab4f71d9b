"""Decisions about local codes: propose, review, publish, take back; every move is kept, and each can be undone."""

import threading
import time
from collections.abc import Sequence

import msgspec

from unsilo.config import Settings
from unsilo.flow.maps.queue import unmapped_by_feed
from unsilo.kernel import Issue, Result, clock
from unsilo.storage import AuditRow, Store, Tx, put_entry, read_entry
from unsilo.storage.faults import is_storage_fault
from unsilo.terminology.maps import NOTHING, Entry, Event, Snapshot, key_of, move
from unsilo.terminology.maps.apply import snapshot

__all__ = ["Maps"]

_WAIT = 10.0
_RECOUNT = 10.0
_FRESH = 1.0
"""Seconds after which another process's decisions are looked for."""


class Maps:
    """The decisions of a node. Moves are written with history and audit row in one transaction."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self._lock = threading.Lock()
        self._known = NOTHING
        self._looked = 0.0
        self._published: list[Entry] = []
        self._uncoded: tuple[float, dict[str, tuple[int, int]]] = (0.0, {})

    def current(self) -> Snapshot:
        """Return the rules in use, at most a second old."""
        now = time.monotonic()
        if now - self._looked > _FRESH:
            with self._lock:
                try:
                    version = self.store.map_version()
                    if version != self._known.version:
                        entries = self.store.map_entries()
                        self._known = snapshot(version, entries)
                        self._published = [entry for entry in entries if entry.state == "published"]
                except Exception as fault:
                    if not is_storage_fault(fault):  # while the store is away, what was known holds
                        raise
                self._looked = now
        return self._known

    def published(self) -> list[Entry]:
        """Return the decisions in use, at most a second old; not to be changed."""
        self.current()
        return self._published

    def uncoded(self) -> dict[str, tuple[int, int]]:
        """Return by feed how many local codes have no standard one, and on how many facts, ten seconds old at most."""
        at, found = self._uncoded
        if not at or time.monotonic() - at > _RECOUNT:
            found = unmapped_by_feed(self.store)
            self._uncoded = time.monotonic(), found
        return found

    def forget(self) -> None:
        """Look at the store again the next time."""
        self._looked = 0.0
        self._uncoded = (0.0, {})

    def entry(self, id_: str) -> Entry | None:
        """Return one entry as it is now."""
        return self.store.map_entry(id_)

    def entries(self, state: str = "") -> list[Entry]:
        """Return the entries of a state (all without), the last moved first."""
        found = [entry for entry in self.store.map_entries() if state in ("", entry.state)]
        return sorted(found, key=lambda entry: (-entry.at, entry.id))

    def history(self, id_: str) -> list[Event]:
        """Return the moves of an entry, the oldest first."""
        return self.store.map_events(id_)

    def propose(self, entries: Sequence[Entry], actor: str, reason: str = "") -> Result[list[Entry]]:
        """Propose decisions; one that is there already stays as it is unless it was refused or taken out of use."""
        named = [msgspec.structs.replace(entry, id=key_of(entry)) for entry in entries]
        return self._moved([(entry, "propose") for entry in named], actor, reason, new=True)

    def act(
        self, ids: Sequence[str], action: str, actor: str, reason: str = "", *, second: bool | None = None
    ) -> Result[list[Entry]]:
        """Approve, refuse, publish or deprecate entries, all or none; `second` in place of the setting."""
        found = [self.store.map_entry(id_) for id_ in ids]
        if None in found or not found:
            missing = next((id_ for id_, entry in zip(ids, found, strict=True) if entry is None), "")
            return _no_entry(missing)
        return self._moved([(entry, action) for entry in found if entry is not None], actor, reason, second=second)

    def undo(self, id_: str, actor: str, reason: str = "") -> Result[list[Entry]]:
        """Make an entry what it was before its last move, as a move of its own; what that put out of use comes back."""
        events = self.store.map_events(id_)
        if not events:
            return _no_entry(id_)
        last = events[-1]
        before = events[-2].entry if len(events) > 1 else None
        state = before.state if before is not None else "refused"
        at = clock.now()

        def job(tx: Tx) -> list[Entry]:
            now = read_entry(tx, id_)
            if now is None or now.version != last.entry.version:
                return []
            base = before or now
            undone = msgspec.structs.replace(base, state=state, version=now.version + 1, at=at, reason=reason)
            put_entry(tx, undone, "undo", actor, at, reason)
            changed = [undone]
            if last.action == "publish":
                changed += self._brought_back(tx, last, actor, at)
            self._audit(tx, actor, "undo", changed, reason, at)
            return changed

        done = self.store.submit(job, 1).result(_WAIT)
        self.forget()
        if not done:
            return Result(None, [Issue("error", "conflict", "somebody moved it in the meantime", rule="maps.undo")])
        return Result(done)

    def _brought_back(self, tx: Tx, last: Event, actor: str, at: int) -> list[Entry]:
        """Publish again what the publication of another decision had put out of use."""
        found = []
        for entry in self._rivals(last.entry):
            events = self.store.map_events(entry.id)
            if events and events[-1].action == "deprecate" and events[-1].reason == _replaced(last.entry):
                again = msgspec.structs.replace(entry, state="published", version=entry.version + 1, at=at)
                put_entry(tx, again, "undo", actor, at, events[-1].reason)
                found.append(again)
        return found

    def _rivals(self, entry: Entry) -> list[Entry]:
        """Return other decisions about the same code in the same scope and for the same system."""

        def scope(each: Entry) -> tuple[str, ...]:
            return each.feed, each.element, each.system, each.code, each.unit, each.target_system

        return [each for each in self.store.map_entries() if scope(each) == scope(entry) and each.id != entry.id]

    def _moved(
        self, wanted: list[tuple[Entry, str]], actor: str, reason: str, *, new: bool = False, second: bool | None = None
    ) -> Result[list[Entry]]:
        at = clock.now()
        by_two = self.settings.maps.second_person if second is None else second
        issues: list[Issue] = []

        def job(tx: Tx) -> list[Entry]:
            issues.clear()
            changed: list[Entry] = []
            for entry, action in wanted:
                known = read_entry(tx, entry.id)
                if new and known is not None and known.state not in ("refused", "deprecated"):
                    changed.append(known)
                    continue
                base = entry if known is None else known
                if new and known is not None:
                    base = msgspec.structs.replace(entry, state=known.state, version=known.version)
                moved = move(base, action, actor, at, reason, second=by_two, known=known is not None)
                if moved.value is None:
                    issues.extend(moved.issues)
                    continue
                changed.append(moved.value)
                put_entry(tx, moved.value, action, actor, at, reason)
                if action == "publish":
                    changed += self._put_out(tx, moved.value, actor, at)
            if issues:
                raise _RefusedError
            self._audit(tx, actor, wanted[0][1] if wanted else "propose", changed, reason, at)
            return changed

        try:
            done = self.store.submit(job, 1).result(_WAIT)
        except _RefusedError:
            return Result(None, issues)
        self.forget()
        return Result(done)

    def _put_out(self, tx: Tx, entry: Entry, actor: str, at: int) -> list[Entry]:
        """Take out of use what an entry replaces: one scope has one code of a system."""
        found = []
        for rival in self._rivals(entry):
            if rival.state == "published":
                gone = msgspec.structs.replace(
                    rival, state="deprecated", version=rival.version + 1, at=at, reason=_replaced(entry)
                )
                put_entry(tx, gone, "deprecate", actor, at, _replaced(entry))
                found.append(gone)
        return found

    def _audit(self, tx: Tx, actor: str, action: str, changed: Sequence[Entry], reason: str, at: int) -> None:
        names = ", ".join(f"{entry.code} as {entry.target_code}" for entry in changed[:5])
        what = f"{len(changed)} code maps: {names}"
        tx.audit(AuditRow(actor, f"map {action}", 0, what, "", reason, 0, at=at))


def _no_entry(id_: str) -> Result[list[Entry]]:
    text = f"there is no decision {id_[:100]}" if id_ else "no decision is named"
    return Result(None, [Issue("error", "not-found", text, rule="maps.entry")])


class _RefusedError(Exception):
    """a move is not allowed"""


def _replaced(entry: Entry) -> str:
    return f"replaced by {entry.target_code} ({entry.id})"
