"""Search keys come out as the tables say, for any shape of input."""

import os
import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.fhir import codec, dates, fold
from unsilo.fhir.bundle import entries
from unsilo.fhir.extract import _rows, index, parameters

DAY = 86_400_000_000

OBSERVATION = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {"lastUpdated": "2020-01-02T03:04:05.678Z", "security": [{"system": "c", "code": "R"}]},
    "identifier": [{"system": "s", "value": "F1"}],
    "status": "final",
    "category": [{"coding": [{"system": "cat", "code": "laboratory"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}, {"system": "L", "code": "GLU"}]},
    "subject": {"reference": "Patient/p1"},
    "encounter": {"reference": "Encounter/e1"},
    "effectiveDateTime": "2020-01-02",
    "valueQuantity": {"value": Decimal("5.40")},
}


def test_observation_keys() -> None:
    """Tokens, dates, references and the per-patient row of a laboratory result."""
    rows = index(OBSERVATION)
    assert ("code", "http://loinc.org", "2345-7") in rows.tokens
    assert ("code", "L", "GLU") in rows.tokens
    assert ("status", "", "final") in rows.tokens
    assert ("identifier", "s", "F1") in rows.tokens
    assert ("_id", "", "o1") in rows.tokens
    assert ("_security", "c", "R") in rows.tokens
    start = dates.range_of("2020-01-02")
    assert start is not None
    assert ("date", start[0], start[0] + DAY) in rows.dates
    assert ("subject", "Patient/p1") in rows.references
    assert ("patient", "Patient/p1") in rows.references
    assert rows.patient == [("Patient/p1", start[0], "http://loinc.org|2345-7", "laboratory")]


def test_patient_keys() -> None:
    """Names are folded, phones and e-mails told apart, birth dates are ranges."""
    rows = index(
        {
            "resourceType": "Patient",
            "identifier": [{"value": "1"}],
            "name": [{"family": "Müller-Ångström", "given": ["José"]}],
            "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "e"}],
            "birthDate": "1970-05",
            "active": True,
        }
    )
    assert ("family", "muller-angstrom") in rows.strings
    assert ("name", "jose") in rows.strings
    assert ("identifier", "", "1") in rows.tokens
    assert [t for t in rows.tokens if t[0] in ("phone", "email")] == [("phone", "phone", "1"), ("email", "email", "e")]
    assert ("active", "", "true") in rows.tokens
    assert rows.dates == [("birthdate", *dates.range_of("1970-05"))]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "width"),
    [("2020", 366 * DAY), ("2021-02", 28 * DAY), ("2020-12", 31 * DAY), ("2020-01-02", DAY),
     ("2020-01-02T03:04Z", 60_000_000), ("2020-01-02T03:04:05Z", 1_000_000), ("2020-01-02T03:04:05.6+02:00", 100_000),
     ("2020-01-02T03:04:05.678Z", 1_000), ("2020-01-02T03:04:05.678901Z", 1)],
)  # fmt: skip
def test_dates_are_as_wide_as_their_precision(text: str, width: int) -> None:
    """A partial date covers its whole period."""
    found = dates.range_of(text)
    assert found is not None
    assert found[1] - found[0] == width


@pytest.mark.parametrize("text", ["", "20", "2020-13", "2020-02-30", "yesterday", "0000", "9999", "2020-1-2", "²020"])
def test_odd_dates_do_not_raise(text: str) -> None:
    """What is no date gives no range."""
    found = dates.range_of(text)
    assert found is None or found[0] < found[1]


def test_open_periods() -> None:
    """A period without an end or start is unbounded on that side."""
    assert dates.bounds({"start": "2020"})[1] == dates.ALWAYS  # type: ignore[index]
    assert dates.bounds({"end": "2020"})[0] == dates.NEVER  # type: ignore[index]
    assert dates.bounds({}) is None


def test_fold() -> None:
    """Case, accents, width and white space do not matter."""
    assert fold.fold("  Straße  ＡＢ é ") == "strasse ab e"


_any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["coding", "code", "system", "value", "reference", "start", "event", "family"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(["Patient", "Observation", "Appointment", "Nonsense"]), st.data())
def test_wrong_shapes_never_raise(kind: str, data: st.DataObject) -> None:
    """Any JSON in any element gives keys or none."""
    heads = sorted(
        {r["path"].split("|")[0].split(".")[0] for r in _rows("search_parameters.csv") if r["type"] in ("*", kind)}
    )
    resource = {h: data.draw(_any) for h in data.draw(st.lists(st.sampled_from(heads), max_size=4))}
    rows = index({"resourceType": kind, **resource})
    for token in rows.tokens:
        assert all(isinstance(t, str) for t in token)


def test_every_row_of_the_tables_compiles() -> None:
    """Each type of the tables has a working function."""
    for name in ("search_parameters.csv", "patient_index.csv"):
        for row in _rows(name):
            index({"resourceType": row["type"]})
    assert parameters("Observation")["date"] == "date"


def test_indexing_is_fast() -> None:
    """An Observation is indexed in far less than a tenth of a millisecond."""
    index(OBSERVATION)
    best = min(_time() for _ in range(5))
    assert best < 100e-6


def _time() -> float:
    start = time.perf_counter()
    for _ in range(200):
        index(OBSERVATION)
    return (time.perf_counter() - start) / 200


@pytest.mark.corpora
def test_real_bundles_index() -> None:
    """Resources of a real patient bundle all give keys."""
    root = os.environ.get("UNSILO_CORPORA")
    if not root:
        pytest.skip("UNSILO_CORPORA names no folder of test data")
    path = min(Path(root, "synthea-r4").rglob("*.json"), key=lambda p: p.stat().st_size)
    bundle = codec.decode(path.read_bytes()).value
    assert bundle is not None
    for _, _, resource in entries(bundle):
        assert index(resource).tokens
