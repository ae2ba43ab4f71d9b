"""The part of a transaction that the FHIR server needs: who may see what, what refers to what, posted parameters."""

from collections.abc import Sequence
from functools import cache

import msgspec

from unsilo.kernel import json
from unsilo.policy import Everything, Facts, Predicate, admits
from unsilo.spec.parameters import all_parameters
from unsilo.storage.newcomers import NewcomersTx
from unsilo.storage.parameters import ParameterRow, parameter_of
from unsilo.storage.plan import Page, Plan
from unsilo.storage.rows import Stored
from unsilo.storage.search import run
from unsilo.storage.statements import load
from unsilo.storage.view import facts_of

__all__ = ["FhirTx"]

_SQL, _VIEW = load("parameter"), load("view")


@cache
def _reference_parameters() -> str:
    return msgspec.json.encode([one.number for one in all_parameters() if one.kind == "reference"]).decode()


class FhirTx(NewcomersTx):
    """Searches, predicates and parameters inside the writer's transaction."""

    def search(self, plan: Plan) -> Page:
        """Run a search: it sees what this job and those before it have put."""
        self.settle()
        return run(lambda sql, values: self._connection.execute(sql, values).fetchall(), plan)

    def sees(self, predicate: Predicate, row: Stored) -> bool:
        """Tell whether a predicate shows the current version `row`, which may not be written yet."""
        if isinstance(predicate.allow, Everything):
            return predicate.tenant == 0
        feed = self._connection.execute(_VIEW["feed"], (row.mid,)).fetchone()
        name = "" if feed is None else str(feed[0])
        if row.state == 1:
            return admits(predicate, Facts(0, row.type, feed=name, deleted=True))
        facts = facts_of({**json.decode(row.body), "id": row.id}, 0, feed=name)
        persons = frozenset(p for id_ in facts.patients if (p := self.person_of(id_)) is not None)
        return admits(predicate, Facts(0, facts.type, facts.labels, facts.patients, persons, name))

    def is_referred_to(self, rid: int) -> bool:
        """Tell whether another live resource refers to this one by an indexed reference."""
        self.settle()
        found = self._connection.execute(_SQL["referred"], (_reference_parameters(), rid, rid)).fetchone()
        return found is not None

    def parameters(self) -> list[ParameterRow]:
        """Return the posted search parameters as this transaction sees them."""
        return [parameter_of(row) for row in self._connection.execute(_SQL["all"]).fetchall()]

    def top_parameter(self) -> int:
        """Return the highest number that a posted parameter has ever had: no other one ever gets it."""
        row = self._connection.execute(_SQL["top"]).fetchone()
        return 0 if row is None else int(row[0])

    def live_of(self, type_: int) -> int:
        """Return how many live resources of a type (its number) are written."""
        return int(self._connection.execute(_SQL["live"], (type_,)).fetchone()[0])

    def add_parameter(self, row: ParameterRow) -> None:
        """Keep a posted parameter; its keys are extracted from now on."""
        self._hold()
        self._connection.execute(_SQL["add"], msgspec.structs.astuple(row))
        self._connection.execute(_SQL["keep_top"], (str(row.id).encode(),))

    def drop_parameter(self, number: int) -> None:
        """Forget a posted parameter; its keys go when their resources change or are extracted anew."""
        self._hold()
        self._connection.execute(_SQL["drop"], (number,))

    def parameter_progress(self, number: int, state: str, done: int, total: int) -> None:
        """Say how far the extraction of a posted parameter's keys is."""
        self._hold()
        self._connection.execute(_SQL["progress"], (state, done, total, number))

    def look(self, names: Sequence[tuple[str, str]]) -> list[Stored]:
        """Return the live current versions of (type, id) pairs."""
        self.prefetch(list(names))
        found = [self._look(*name) for name in names]
        return [row for row in found if row is not None and row.state == 0]
