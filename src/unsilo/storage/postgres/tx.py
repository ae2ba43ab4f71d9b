"""A job's transaction where others write at the same time: locks where one decision must wait for another."""

from collections.abc import Sequence
from typing import Any

import msgspec

from unsilo.identity.decide import Candidate
from unsilo.identity.record import unpack
from unsilo.kernel import hash64
from unsilo.storage.newcomers import Newcomers
from unsilo.storage.plan import Page, Plan
from unsilo.storage.postgres.translate import own
from unsilo.storage.render.postgres import POSTGRES
from unsilo.storage.search import run
from unsilo.storage.tx_matching import MOST_CANDIDATES, MOST_IN_BLOCK, NEAR
from unsilo.storage.tx_work import Tx

__all__ = ["SharedTx"]

_STORE, _PERSON = own("store"), own("person")
_encode = msgspec.msgpack.Encoder(enc_hook=str).encode


class SharedTx(Tx):
    """The `Tx` of PostgreSQL; every lock ends with the transaction."""

    _connection: Any

    def lock(self, *keys: int) -> None:
        """Wait until no other transaction holds one of these locks, and hold them."""
        self._connection.later(_STORE["lock_many"], (list(keys),))

    def search(self, plan: Plan) -> Page:
        """Run a search inside this transaction; who asks the same in another transaction waits until this one ends.

        That is what makes a conditional create one create: the answer stays true until what follows from it is kept.
        """
        asked = _encode((plan.types, [(type(clause).__name__, clause) for clause in plan.clauses]))
        self.lock(hash64("match", str(plan.predicate.tenant), asked.hex()))
        self.settle()
        return run(self._ask, plan, POSTGRES)

    def _ask(self, sql: str, values: Any) -> list[Any]:
        found: list[Any] = self._connection.execute(sql, values).fetchall()
        return found

    def met(
        self, keys: list[int], patient_id: str = "", limit: int = MOST_CANDIDATES
    ) -> tuple[list[Candidate], list[int]]:
        """Return in one turn the candidates that share `NEAR` keys or more, and the row numbers of the others."""
        asked = (keys, self._own(patient_id), limit, MOST_IN_BLOCK, NEAR)
        rows = self._connection.run(_PERSON["alike"], asked).fetchall()
        near, others, full = [], [], set()
        for number, record, settled in rows:
            if record is not None:
                near.append(Candidate.of(number, unpack(record), settled))
            elif settled is None:
                full.add(number)
            else:
                others.append(number)
        self._saw(keys, full)
        return near, others

    def newcomers(self, patients: Sequence[tuple[str, Sequence[int]]]) -> Newcomers | None:  # noqa: ARG002
        """Have each placed by itself, under the locks of its own record."""
        return None

    def link(self, patient_id: str, person: int | None, *why: Any, **more: Any) -> int:
        """Link a source Patient to a person, while nobody else changes the persons concerned."""
        self._lock_persons(patient_id, person)
        return super().link(patient_id, person, *why, **more)

    def unlink(self, patient_id: str, *why: Any, **more: Any) -> int:
        """Take a source Patient out of its person, while nobody else changes it."""
        self._lock_persons(patient_id, None)
        return super().unlink(patient_id, *why, **more)

    def _lock_persons(self, patient_id: str, person: int | None) -> None:
        known = self.known_rid(patient_id if patient_id.startswith("Patient/") else f"Patient/{patient_id}")
        former = self.person_of(patient_id)
        persons = {n for n in (former, person) if n is not None}
        wanted = [hash64("person", str(n)) for n in persons]
        if known is not None:
            wanted.append(hash64("patient", str(known)))
        if wanted:
            self.lock(*wanted)
