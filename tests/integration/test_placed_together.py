"""Patients of a sheet are placed together as they would be one after the other: persons, reasons, keys, questions."""

import json
import random
from pathlib import Path

import pytest

from unsilo import identity
from unsilo.config import Settings
from unsilo.flow.bulk.imports import import_files
from unsilo.flow.decide.link import unlink
from unsilo.flow.fhir.outcome import Caller
from unsilo.flow.persons import place
from unsilo.flow.service import Service
from unsilo.identity.simulate import HEADER, rates, simulate
from unsilo.policy import Predicate
from unsilo.storage import Tx
from unsilo.storage.newcomers import NewcomersTx

CALLER = Caller("test", "test", Predicate())
TABLES = {
    "link": "SELECT r.fhir_id, l.person, l.rule, l.reason, l.score, l.actor, l.mid FROM link l "
    "JOIN res r ON r.rid = l.pat",
    "event": "SELECT e.n, e.kind, r.fhir_id, e.person, e.former, e.rule, e.reason, e.score, e.actor, e.mid "
    "FROM link_event e JOIN res r ON r.rid = e.pat",
    "record": "SELECT r.fhir_id, m.record, m.keys FROM match_record m JOIN res r ON r.rid = m.pat",
    "key": "SELECT key, pat FROM match_key",
    "person": "SELECT person, went_to FROM person",
    "review": "SELECT n, low, high, rule, reason, score, version, mid, state FROM match_review",
    "decided": "SELECT low, high, kind FROM match_decision",
    "audit": "SELECT actor, action, person, what, reason, mid FROM audit ORDER BY n",
}


def patient(id_, given, family, born, **more):
    """A Patient of one town."""
    return {
        "resourceType": "Patient",
        "id": id_,
        "name": [{"family": family, "given": [given]}],
        "birthDate": born,
        **more,
    }


def number(value):
    """An identifier of one authority."""
    return {"identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": value}]}


def people(count, seed):
    """Made-up records, several of many persons: they slip, marry, have twins, or say nothing of themselves."""
    found = []
    for cells in simulate(count, seed, {**rates(), "ssn_missing": 0.4}):
        row = dict(zip(HEADER, cells, strict=True))
        found.append(patient(
            f"r{row['record_id']}", row["given_name"], row["family_name"], row["birth_date"], **number(row["ssn"]),
            gender={"M": "male", "F": "female"}.get(row["sex"], "unknown"),
            telecom=[{"system": "phone", "value": row["phone"]}],
            address=[{"line": [row["street"]], "city": row["city"], "postalCode": row["postal_code"]}],
        ))  # fmt: skip
    random.Random(seed).shuffle(found)
    return found


def special():
    """Twins, namesakes, placeholders, and records that say one thing and its contrary."""
    at = {"address": [{"line": ["1 Mill Street"], "city": "Troy", "postalCode": "12180"}], "gender": "female"}
    return [
        patient("t1", "Ada", "Twin", "2020-02-02", multipleBirthInteger=1, **at),
        patient("t2", "Ida", "Twin", "2020-02-02", multipleBirthInteger=2, **at),
        patient("t3", "Ada", "Twin", "2020-02-02", multipleBirthInteger=1, **at),
        patient("n1", "Baby", "Unknown", "1900-01-01"), patient("n2", "Baby", "Unknown", "1900-01-01"),
        patient("c1", "Olga", "Stern", "1950-05-05", **number("219-09-9999")),
        patient("c2", "Piet", "Kamp", "1990-01-09", **number("219-09-9999")),
        patient("c3", "Olga", "Stern", "1950-05-05", **number("219-09-9999")),
        {"resourceType": "Patient", "id": "e1"}, {"resourceType": "Patient", "id": "e2", "name": "?"},
    ]  # fmt: skip


def observation(n, who):
    """What refers to a Patient, who may come later."""
    return {
        "resourceType": "Observation", "id": f"o{n}", "status": "final", "code": {"text": "x"},
        "subject": {"reference": f"Patient/{who}"},
    }  # fmt: skip


def write(path, resources):
    """Write NDJSON."""
    path.write_text("".join(json.dumps(each) + "\n" for each in resources))
    return path


def rows(service):
    """All that was decided, but for times and random names."""
    return {name: sorted(service.store.rows(sql)) if name != "audit" else service.store.rows(sql)
            for name, sql in TABLES.items()}  # fmt: skip


def load(folder: Path, files, between=lambda _service: None):
    """Import files into a new store, something done between two of them; return all that was decided."""
    service = Service(Settings(data=folder))
    try:
        for each in files:
            done = import_files(service, CALLER, [each])
            assert not done.refused
            between(service)
        return rows(service)
    finally:
        service.stop()


def both(tmp_path, monkeypatch, files, between=lambda _service: None):
    """Import placing together and one by one; what is decided is the same, and is returned."""
    written = []
    real = NewcomersTx.write_newcomers
    monkeypatch.setattr(
        NewcomersTx, "write_newcomers", lambda tx, group: (written.append(len(group.waiting)), real(tx, group))
    )
    together = load(tmp_path / "together", files, between)
    assert sum(written) > 0
    monkeypatch.setattr(NewcomersTx, "newcomers", lambda _tx, _patients: None)
    apart = load(tmp_path / "apart", files, between)
    for name in TABLES:
        assert together[name] == apart[name], name
    return together


@pytest.mark.parametrize("full", [200, 4])
def test_a_population_with_duplicates(tmp_path, monkeypatch, full):
    """Within one sheet and across sheets and files, also where blocks are full."""
    for room in ("tx_matching", "newcomers"):
        monkeypatch.setattr(f"unsilo.storage.{room}.MOST_IN_BLOCK", full)
    found = people(1200, 3)
    first = write(tmp_path / "a.ndjson", [observation(1, "r7"), *special()[:5], *found[:700], observation(2, "r9")])
    second = write(tmp_path / "b.ndjson", [*found[700:], *special()[5:]])
    kept = both(tmp_path, monkeypatch, [first, second])
    rules = {row[2] for row in kept["link"]}
    assert {"none", "R1"} <= rules
    assert any(rule.startswith("scored") for rule in rules)
    assert len(kept["review"]) > 5
    assert len(kept["person"]) < len(kept["link"])
    assert max(sum(1 for key, _ in kept["key"] if key == one) for one, _ in kept["key"][:200]) <= full


def test_many_that_are_alike_are_looked_at_in_order(tmp_path, monkeypatch):
    """More who share a key than one decision looks at."""
    for room in ("tx_matching", "newcomers"):
        monkeypatch.setattr(f"unsilo.storage.{room}.MOST_CANDIDATES", 3)
    alike = [patient(f"a{n}", "Jan", "Maas", f"19{50 + n % 30}-0{1 + n % 9}-11", gender="male") for n in range(60)]
    kept = both(tmp_path, monkeypatch, [write(tmp_path / "a.ndjson", alike)])
    assert len(kept["link"]) == 60


def test_what_people_decided_holds(tmp_path, monkeypatch):
    """Two that somebody parted, who come again beside others, stay apart; new ones see that."""
    pair = [patient("p1", "Eva", "Lang", "1970-03-03", **number("219-09-1111")),
            patient("p2", "Eva", "Lang", "1970-03-03", **number("219-09-1111"))]  # fmt: skip
    again = [{**each, "active": True} for each in pair]

    def part(service):
        if not service.store.rows("SELECT 1 FROM match_decision"):
            unlink(service, "p2", "two persons", "kim")

    first = write(tmp_path / "a.ndjson", pair)
    alone = write(tmp_path / "b.ndjson", [*people(40, 5), patient("p3", "Eva", "Lang", "1970-03-03")])
    second = write(tmp_path / "c.ndjson", [*again, *people(60, 6)[40:]])
    kept = both(tmp_path, monkeypatch, [first, alone, second], part)
    persons = {row[0]: row[1] for row in kept["link"]}
    assert persons["p1"] != persons["p2"]


def test_one_that_is_linked_before_it_came(tmp_path, monkeypatch):
    """A Patient that a merge named before it was sent keeps its link: the sheet is then placed one by one."""

    def before(service):
        if service.store.person_of("r5") is None:
            service.store.submit(lambda tx: tx.link("r5", None, "hand", "named", "kim", tx.at)).result(20)

    first = write(tmp_path / "a.ndjson", special())
    second = write(tmp_path / "b.ndjson", people(30, 8))
    kept = both(tmp_path, monkeypatch, [first, second], before)
    assert any(row[0] == "r5" and row[2] == "hand" for row in kept["link"])


def test_a_fault_in_the_middle_leaves_nothing(tmp_path, monkeypatch):
    """Where the writing of some fails, none of the sheet is there, and the import can be done again."""
    service = Service(Settings(data=tmp_path / "node"))
    file = write(tmp_path / "a.ndjson", people(50, 2))

    def broken(*_):
        raise RuntimeError("broken")

    try:
        with monkeypatch.context() as patched:
            patched.setattr(place, "_reviews", broken)
            with pytest.raises(RuntimeError):
                import_files(service, CALLER, [write(tmp_path / "b.ndjson", [*people(50, 2), *special()])])
        assert all(not found for name, found in rows(service).items() if name != "audit")
        assert import_files(service, CALLER, [file]).stored == 50
        assert len(rows(service)["link"]) == 50
    finally:
        service.stop()


def test_a_newcomer_sees_those_before_it(tmp_path):
    """Asked within one transaction, a record that waits to be written is met as one that is there."""
    service = Service(Settings(data=tmp_path / "node"))

    def job(tx: Tx):
        group = tx.newcomers([("x", [1, 2, 3]), ("y", [2, 3, 4])])
        assert group is not None
        assert tx.met_among(group, [1, 2, 3]) == ([], [])
        packed = identity.pack(identity.record(patient("x", "Ann", "Lee", "1990-01-01")))
        tx.place_alone(group, "x", packed, [1, 2, 3], "none", "nobody", "t", tx.at, -1, 1.0)
        near, others = tx.met_among(group, [2, 3, 4])
        person = tx.person_of("x")
        waiting = [each.person for each in near], others
        tx.write_newcomers(group)
        return waiting, person, [each.person for each in tx.met_among(group, [2, 3, 4])[0]]

    try:
        waiting, person, written = service.store.submit(job).result(20)
        assert (waiting, written) == (([person], []), [person])
    finally:
        service.stop()
