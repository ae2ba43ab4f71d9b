"""Searches over the narrow tables against a brute-force reading of the same rows."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.storage.keyed import rows as keyed
from unsilo.fhir.fold import fold
from unsilo.storage import Criterion, Store, Stored, Tx, open_store
from unsilo.storage import listing as search
from unsilo.storage.listing import prefix_end

Put = Callable[..., Stored]


def test_tokens_match_by_system_and_code(store: Store, put: Put) -> None:
    """system|code, |code (no system), code (any system), system| (any code): FHIR R4 search.html#token."""
    put("Observation/a", index=keyed([("code", "s", "1")], [], [], [], []))
    put("Observation/b", index=keyed([("code", "", "1")], [], [], [], []))
    put("Observation/c", index=keyed([("code", "s", "2")], [], [], [], []))
    for value, expected in (
        (("s", "1"), "a"), (("", "1"), "b"), ((None, "1"), "ba"), (("s", None), "ca"), (("t", "1"), ""),
        ((None, None), "cba"),
    ):  # fmt: skip
        found = store.search("Observation", [Criterion("code", "token", [value])])
        assert "".join(f.id for f in found) == expected, value


def test_alternatives_and_conditions(store: Store, put: Put) -> None:
    """Values of one criterion are alternatives, criteria must all hold; another type has parameters of its own."""
    for id_, code, status in (("a", "1", "final"), ("b", "2", "final"), ("c", "1", "draft")):
        put(f"Observation/{id_}", index=keyed([("code", "s", code), ("status", "", status)], [], [], [], []))
        put(f"Condition/{id_}", index=keyed([("code", "s", code)], kind="Condition"))
    final = Criterion("status", "token", [(None, "final")])
    either = Criterion("code", "token", [("s", "1"), ("s", "2")])
    assert [f.id for f in store.search("Observation", [final, either])] == ["b", "a"]
    assert store.count("Observation", [final, Criterion("code", "token", [("s", "1")])]) == 1
    assert store.count("Condition", [either]) == 3
    assert store.count("Condition", [final]) == 0
    assert store.count("Observation", [Criterion("code", "token", [])]) == 0
    assert store.count("Nothing", []) == 0


def test_pages_join_without_gap(store: Store, put: Put) -> None:
    """Following `after` visits each resource once, newest first, also while new ones come."""
    for n in range(25):
        put(f"Basic/b{n}")
    seen: list[str] = []
    after = None
    while page := store.search("Basic", [], limit=7, after=after):
        seen += [f.id for f in page]
        after = page[-1].rid
        put(f"Basic/new{len(seen)}")
    assert seen == [f"b{n}" for n in reversed(range(25))]


def test_by_id_and_by_time_of_change(store: Store, put: Put) -> None:
    """`_id` and `_lastUpdated`."""
    put("Basic/a", at=100)
    put("Basic/b", at=200)
    assert [f.id for f in store.search("Basic", [Criterion("_id", "id", ["a", "zzz"])])] == ["a"]
    for comparator, expected in (("ge", ["b"]), ("lt", ["a"]), ("eq", []), ("ne", ["b", "a"])):
        found = store.search("Basic", [Criterion("_lastUpdated", "updated", [(comparator, 150, 151)])])
        assert [f.id for f in found] == expected


def test_a_compartment_reaches_over_the_person(store: Store, put: Put) -> None:
    """`patient` and `person` find what belongs to any of the person's records, of the asked type only."""
    for n in ("a", "b", "c"):
        put(f"Patient/{n}")
        put(f"Observation/o{n}", index=keyed([], [], [], [], [(f"Patient/{n}", 1, "", "")]))
        put(f"Condition/c{n}", index=keyed([], [], [], [], [(f"Patient/{n}", 1, "", "")]))

    def join(tx: Tx) -> int:
        person = tx.link("a", None, "none", "", "m", 1, 1)
        return tx.link("b", person, "R1", "", "m", 1, 1)

    person = store.submit(join).result(10)
    assert [f.id for f in store.search("Observation", [Criterion("", "patient", ["Patient/a"])])] == ["ob", "oa"]
    assert [f.id for f in store.search("Observation", [Criterion("", "patient", ["Patient/c"])])] == ["oc"]
    assert [f.id for f in store.search("Observation", [Criterion("", "patient", ["Patient/a"], expand=False)])] == [
        "oa"
    ]
    assert [f.id for f in store.search("Condition", [Criterion("", "person", [person])])] == ["cb", "ca"]
    assert [f.id for f in store.search("Patient", [Criterion("", "person", [person])])] == ["b", "a"]
    assert store.search("Observation", [Criterion("", "patient", ["Patient/unknown"])]) == []


@pytest.mark.parametrize(
    ("text", "after"), [("a", "b"), ("az", "a{"), ("\ud7ff", "\ue000"), ("a\U0010ffff", "a\U0010ffff\U0010ffff")]
)
def test_the_end_of_a_prefix(text: str, after: str) -> None:
    """It sorts after everything that begins so, and is text that UTF-8 can hold."""
    assert prefix_end(text) == after
    assert after.encode() > (text + "x").encode()


_DATES: dict[str, Callable[[tuple[int, int], tuple[int, int]], bool]] = {
    "eq": lambda row, ask: ask[0] <= row[0] and row[1] <= ask[1],
    "ne": lambda row, ask: not (ask[0] <= row[0] and row[1] <= ask[1]),
    "gt": lambda row, ask: row[1] > ask[1],
    "lt": lambda row, ask: row[0] < ask[0],
    "ge": lambda row, ask: row[1] > ask[1] or (ask[0] <= row[0] and row[1] <= ask[1]),
    "le": lambda row, ask: row[0] < ask[0] or (ask[0] <= row[0] and row[1] <= ask[1]),
    "sa": lambda row, ask: row[0] >= ask[1],
    "eb": lambda row, ask: row[1] <= ask[0],
}
_word = st.text("ab é", max_size=4)
_span = st.tuples(st.integers(0, 9), st.integers(1, 5)).map(lambda p: (p[0], p[0] + p[1]))


class Keys(NamedTuple):
    """Keys of an Observation by the names of parameters."""

    tokens: list[tuple[str, str, str]]
    strings: list[tuple[str, str]]
    dates: list[tuple[str, int, int]]
    references: list[tuple[str, str]]


_rows = st.builds(
    Keys,
    st.lists(st.tuples(st.just("code"), st.sampled_from(["", "s", "t"]), st.sampled_from(["1", "2", "x"])), max_size=3),
    st.lists(st.tuples(st.just("value-string"), st.sampled_from(["abc", "abx", "b", "ab", "é"])), max_size=3),
    st.lists(_span.map(lambda p: ("date", *p)), max_size=2),
    st.lists(st.tuples(st.just("subject"), st.sampled_from(["Patient/a", "Patient/b", "Device/d"])), max_size=2),
)
_ask = st.one_of(
    st.tuples(st.just("token"), st.tuples(st.sampled_from([None, "", "s"]), st.sampled_from([None, "1", "x"]))),
    st.tuples(st.just("string"), st.sampled_from(["a", "AB", "abc", "e", "c"])),
    st.tuples(st.just("date"), st.tuples(st.sampled_from(sorted(_DATES)), _span).map(lambda p: (p[0], *p[1]))),
    st.tuples(st.just("reference"), st.sampled_from(["Patient/a", "Device/d", "Patient/zzz"])),
)


def _holds(rows: Keys, kind: str, value: Any) -> bool:
    """What the statement of FHIR says of one resource's rows."""
    if kind == "token":
        system, code = value
        return any((system is None or s == system) and (code is None or c == code) for _, s, c in rows.tokens)
    if kind == "string":
        return any(fold(v).startswith(fold(value)) for _, v in rows.strings)
    if kind == "date":
        comparator, a, b = value
        return any(_DATES[comparator]((lo, hi), (a, b)) for _, lo, hi in rows.dates)
    return any(r == value for _, r in rows.references)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(_rows, min_size=1, max_size=3), min_size=1, max_size=6),
    st.lists(st.lists(_ask, min_size=1, max_size=2), min_size=1, max_size=3),
)
def test_searches_agree_with_brute_force(versions: list[list[Keys]], asks: list[list[tuple[str, Any]]]) -> None:
    """After any sequence of versions, any combination of criteria finds exactly what reading every row finds."""
    names = {"token": "code", "string": "value-string", "date": "date", "reference": "subject"}
    with TemporaryDirectory() as folder, open_store(Path(folder)) as store:

        def job(tx: Tx) -> None:
            for n, each in enumerate(versions):
                for rows in each:
                    tx.put(
                        "Observation",
                        f"o{n}",
                        b"{}",
                        index=keyed(*rows),
                        lineage=[],
                        previous=tx.current("Observation", f"o{n}"),
                        at=1,
                    )

        store.submit(job).result(10)
        criteria: list[Any] = []
        for group in asks:
            kinds = {kind for kind, _ in group}
            if len(kinds) == 1:
                [kind] = kinds
                criteria.append((kind, [value for _, value in group]))
        expected = {
            f"o{n}" for n, each in enumerate(versions)
            if all(any(_holds(each[-1], kind, value) for value in values) for kind, values in criteria)
        }  # fmt: skip
        asked = [Criterion(names[kind], kind, values) for kind, values in criteria]
        few = search.FEW
        for search.FEW in (few, 1, 0):  # the same rows whether few or many meet a criterion
            assert {f.id for f in store.search("Observation", asked)} == expected
            assert store.count("Observation", asked) == len(expected)
        search.FEW = few
        assert store.verify() == []
