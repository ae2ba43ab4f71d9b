"""The part of a transaction that puts records with persons: link edges, decisions, snapshot lists."""

from collections.abc import Iterable

import msgspec

from unsilo.kernel import fresh_id
from unsilo.storage.packing import clean
from unsilo.storage.statements import load, run_rows
from unsilo.storage.tx_matching import MatchingTx, reference

__all__ = ["Opinion", "PeopleTx", "ReviewRow", "Sampled"]

_SQL = load("person")


class ReviewRow(msgspec.Struct, frozen=True):
    """A pair of source Patients that waits for a person, or that one looked at.

    `state` is `open`, `second` (another is to look), `same`, `apart`, `unsure` or `withdrawn`; `score` a probability;
    `version` names the model;
    `actor` and `decided` (microseconds) are empty while it is open.
    """

    n: int
    left: str
    right: str
    rule: str
    reason: str
    score: float
    version: str
    mid: int
    at: int
    state: str
    actor: str
    decided: int


class Opinion(msgspec.Struct, frozen=True):
    """What somebody said of a pair: `same`, `apart`, `open` (taken back), or `second` with or without a leaning."""

    kind: str
    reason: str
    actor: str
    at: int


class Sampled(msgspec.Struct, frozen=True):
    """A pair drawn for clerical review: stratum (`link`, `new`), probability, pairs that it stands for, and state."""

    left: str
    right: str
    stratum: str
    score: float
    weight: float
    at: int
    state: str


class PeopleTx(MatchingTx):
    """Link edges are written at once, so every later read of the same transaction sees them."""

    def patients_of(self, person: int) -> list[str]:
        """Return the ids of a person's source Patients."""
        rows = self._connection.execute(_SQL["patients_of"], (person,)).fetchall()
        return [self._id_of(pat, id_) for pat, id_ in rows]

    def link(
        self, patient_id: str, person: int | None, rule: str, reason: str, actor: str, at: int, mid: int = 0,
        score: float = 1.0,
    ) -> int:  # fmt: skip
        """Link a source Patient to a person (None makes one) and return the person; the event is kept for ever.

        `mid` 0 says that a person decided. A person who is left by the last source Patient leads to where it went.
        ValueError when there is no such person.
        """
        pat = self._pat(patient_id)
        former = self.person_of(patient_id) or 0
        self._hold()
        went = 0
        if person is None:
            person = int(self._connection.execute(_SQL["insert"], (fresh_id(), at)).fetchone()[0])
        else:
            row = self._connection.execute(_SQL["exists"], (person,)).fetchone()
            if row is None:
                raise ValueError(f"there is no person {person}")
            went = int(row[0])
        if former != person or mid == 0:  # a machine that finds an edge again does not replace its first reason
            self._edge("link", pat, person, former, (clean(rule), clean(reason), score, clean(actor), at, mid))
        if former != person:
            self._after_move(former, person, went)
        return person

    def _edge(self, kind: str, pat: int, person: int, former: int, why: tuple[str, str, float, str, int, int]) -> None:
        self._connection.execute(_SQL["edge_write"], (pat, person, *why))
        self._connection.execute(_SQL["event"], (kind, pat, person, former, *why))
        self._linked[pat] = person

    def unlink(
        self, patient_id: str, rule: str, reason: str, actor: str, at: int, mid: int = 0, score: float = 1.0
    ) -> int:
        """Take a source Patient out of its person and give it a new one of its own; return that."""
        pat = self._pat(patient_id)
        former = self.person_of(patient_id) or 0
        self._hold()
        person = int(self._connection.execute(_SQL["insert"], (fresh_id(), at)).fetchone()[0])
        self._edge("unlink", pat, person, former, (clean(rule), clean(reason), score, clean(actor), at, mid))
        self._after_move(former, person, 0)
        return person

    def _after_move(self, former: int, person: int, went: int) -> None:
        """Let an emptied person lead to its successor, and one that is filled again stand for itself."""
        if went:
            self._connection.execute(_SQL["went"], (0, person))
        if former and self._connection.execute(_SQL["members"], (former,)).fetchone()[0] == 0:
            self._connection.execute(_SQL["went"], (person, former))
        if former:  # a new record is told of by the row of its resource
            payload = msgspec.json.encode({"persons": [former, person]})
            self._job.rows["outbox"].append(("linked", self.at, payload))

    def decided(self, patient_id: str) -> dict[str, str]:
        """Return what people decided of a source Patient: the other's id -> `same` or `apart`."""
        pat = self.known_rid(reference(patient_id))
        if pat is None:
            return {}
        rows = self._connection.execute(_SQL["decided"], (pat,)).fetchall()
        others = {(high if low == pat else low): kind for low, high, kind in rows if kind in ("same", "apart")}
        return {self.patient_id(other): kind for other, kind in others.items() if other != pat}

    def decide(self, left: str, right: str, kind: str, reason: str, actor: str, at: int) -> None:
        """Keep for ever what a person says of two source Patients: `same`, `apart`, or `open` to take it back."""
        self._hold()
        low, high = sorted((self._pat(left), self._pat(right)))
        if low != high and self.decided(left).get(right, "open") != kind:
            self._connection.execute(_SQL["decide"], (low, high, kind, clean(reason), clean(actor), at))
            state = kind if kind in ("same", "apart") else "open"
            self._connection.execute(_SQL["review_done"], (state, clean(actor), at, low, high))

    def opinion(self, left: str, right: str, kind: str, reason: str, actor: str, at: int, state: str) -> None:
        """Keep what somebody thinks of a pair, or of a record beside itself, and set the pair's state.

        `kind` is `second`, `second-same` or `second-apart` while another is to look, `same`, `apart` or `open` for a
        record beside itself. None of the former decides anything.
        """
        self._hold()
        low, high = sorted((self._pat(left), self._pat(right)))
        self._connection.execute(_SQL["decide"], (low, high, kind, clean(reason), clean(actor), at))
        self._connection.execute(_SQL["review_done"], (state, clean(actor), at, low, high))

    def opinions(self, left: str, right: str) -> list[Opinion]:
        """Return all that people said of a pair, the first first."""
        low, high = sorted((self._pat(left), self._pat(right)))
        return [Opinion(*row) for row in self._connection.execute(_SQL["opinions"], (low, high)).fetchall()]

    def review_state(self, left: str, right: str) -> tuple[str, str]:
        """Return state and actor of a pair of the queue, empty when it is not there."""
        low, high = sorted((self._pat(left), self._pat(right)))
        row = self._connection.execute(_SQL["review_pair"], (low, high)).fetchone()
        return ("", "") if row is None else (str(row[0]), str(row[1]))

    def drawn(self, rows: Iterable[tuple[str, str, str, float, float]], at: int) -> None:
        """Keep a new sample (left, right, stratum, probability, weight) in place of the former one."""
        self._hold()
        self._connection.execute(_SQL["sample_clear"], ())
        for left, right, stratum, score, weight in rows:
            low, high = sorted((self._pat(left), self._pat(right)))
            self._connection.execute(_SQL["sample_add"], (low, high, stratum, score, weight, at))

    def ask(
        self, left: str, right: str, rule: str, reason: str, score: float, version: str, mid: int, at: int
    ) -> None:  # fmt: skip
        """Put a pair into the queue of people; one that is there keeps its place and what was decided of it.

        A record beside itself is a number that suddenly carries somebody else's particulars.
        """
        self._hold()
        low, high = sorted((self._pat(left), self._pat(right)))
        row = (low, high, clean(rule), clean(reason), score, version, mid, at)
        self._connection.execute(_SQL["review_add"], row)

    def came_from(self, patient_id: str) -> int | None:
        """Return the person that a source Patient was with at first, when nobody is with it now."""
        row = self._connection.execute(_SQL["came_from"], (self._pat(patient_id),)).fetchone()
        if row is None or self._connection.execute(_SQL["members"], (row[0],)).fetchone()[0]:
            return None
        return int(row[0])

    def by_hand(self, patient_id: str) -> bool:
        """Say whether a person made the link of a source Patient."""
        row = self._connection.execute(_SQL["by_hand"], (self._pat(patient_id),)).fetchone()
        return row is not None and row[0] == 0

    def answer(self, left: str, right: str, state: str, actor: str, at: int) -> None:
        """Set the state of a pair of the queue."""
        self._hold()
        low, high = sorted((self._pat(left), self._pat(right)))
        self._connection.execute(_SQL["review_done"], (state, clean(actor), at, low, high))

    def patient_id(self, pat: int) -> str:
        """Return the id of a Patient's row number."""
        rows = self._connection.execute(_SQL["id_of"], (pat,)).fetchall()
        return self._id_of(pat, rows[0][0] if rows else None)

    def model(self) -> tuple[str, int] | None:
        """Return version and time of the model that decides, None when none was trained."""
        row = self._connection.execute(_SQL["model"], ()).fetchone()
        return None if row is None else (row[0], int(row[1]))

    def model_body(self, version: str) -> bytes:
        """Return the bytes of a model."""
        return bytes(self._connection.execute(_SQL["model_body"], (version,)).fetchone()[0])

    def switch_model(self, version: str, model: bytes, actor: str, at: int) -> None:
        """Let a model decide from now on; the former ones are kept."""
        self._hold()
        self._connection.execute(_SQL["model_rest"], ())
        self._connection.execute(_SQL["model_add"], (version, model, clean(actor), at))

    def note_list(self, patient: str, name: str, members: Iterable[str], mid: int, at: int) -> list[str]:
        """Record what a snapshot list of a patient holds now; return the members that are no longer sent.

        `at` is the source's time of the snapshot; one older than the last changes nothing and returns none.
        """
        self._hold()
        pat = self._pat(patient)
        row = self._connection.execute(_SQL["list_at"], (pat, name)).fetchone()
        if row is not None and at < row[0]:
            return []
        here = list(dict.fromkeys(clean(member) for member in members))
        before = {r[0] for r in self._connection.execute(_SQL["list_present"], (pat, name)).fetchall()}
        gone = sorted(before.difference(here))
        self._connection.execute(_SQL["list_seen"], (pat, name, at, mid))
        run_rows(self._connection, _SQL["list_here"], [(pat, name, member, at, mid) for member in here])
        self._connection.executemany(_SQL["list_gone"], [(at, mid, pat, name, member) for member in gone])
        return gone
