"""Why two records are one person or not, by the scorer that decides, for rows of a file and for stored Patients."""

from pathlib import Path

from unsilo import identity
from unsilo.flow.persons.match import read_rows
from unsilo.kernel import Issue, Result, json
from unsilo.storage import Store

__all__ = ["explain_rows", "explain_stored", "model_of"]


def model_of(store: Store) -> identity.Model:
    """Return the model that decides in a store."""
    found = store.match_model()
    return identity.default() if found is None else identity.unpack_model(found[1])


def _missing(id_: str) -> Result[identity.Verdict]:
    return Result(None, [Issue("error", "not-found", f"there is no record {id_}", rule="explain.record")])


def explain_rows(file: Path, left: str, right: str) -> Result[identity.Verdict]:
    """Explain two rows of a CSV file as `match` scores them before it learns from the file."""
    read = read_rows(file.read_bytes())
    if read.value is None:
        return Result(None, read.issues)
    rows = dict(read.value)
    for id_ in (left, right):
        if id_ not in rows:
            return _missing(id_)
    scorer = identity.Scorer(identity.Frequencies.of(rows.values()))
    return Result(scorer.explain(rows[left], rows[right]), read.issues)


def explain_stored(store: Store, left: str, right: str) -> Result[identity.Verdict]:
    """Explain two source Patients of a store by the model that decides there."""
    records = []
    for id_ in (left, right):
        stored = store.read("Patient", id_.removeprefix("Patient/"))
        if stored is None or stored.state != 0:
            return _missing(id_)
        records.append(identity.record(json.decode(stored.body)))
    verdict = identity.weigh(model_of(store).scorer(), *records)
    if verdict is None:
        return Result(
            None, [Issue("error", "required", "a record says nothing that is compared", rule="explain.empty")]
        )
    return Result(verdict, [])
