"""Searches over a random hospital give what a reading of every row gives, whatever way the store chooses."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import msgspec
import pytest

from tests.integration.search.made import LABEL, hospital, query
from tests.integration.search.meaning import Row, World, row
from unsilo.fhir.index import index
from unsilo.kernel import json
from unsilo.policy import And, Compartment, Label, Not, Or, Predicate, Types
from unsilo.search import Bounds, Search, Vocabulary, parse, plan
from unsilo.spec import r4
from unsilo.storage import Store, Tx, open_store, terms
from unsilo.storage.keys import ready
from unsilo.storage.plan import Page, Plan
from unsilo.storage.search import run
from unsilo.storage.sheet import Maker

PATIENTS = 12
VOCABULARY = Vocabulary(bounds=Bounds())
AT = 1_700_000_000_000_000
PERSONS = [{"Patient/p0", "Patient/p5", "Patient/p7"}, {"Patient/p1", "Patient/p2"}]
PREDICATES = {
    "everything": Predicate(),
    "unlabelled": Predicate(allow=Not(Label(LABEL, "R"))),
    "labelled": Predicate(allow=Or((Label(LABEL, "n"), Types(frozenset({"Patient", "Encounter"}))))),
    "compartment": Predicate(allow=Compartment(frozenset({"p0", "p1", "p2"}))),
    "mixed": Predicate(
        allow=And((
            Not(Types(frozenset({"Condition"}))),
            Or((Compartment(frozenset({"p3", "p5", "p7"})), Types(frozenset({"Organization", "List"})))),
        ))
    ),
}  # fmt: skip


def put(tx: Tx, body: dict[str, Any], at: int) -> None:
    kind, id_ = body["resourceType"], body["id"]
    find = terms(body) if kind == "Patient" else ()
    tx.put(kind, id_, json.encode(body), index=index(body), find=find, lineage=[], at=at)


def put_sheet(tx: Tx, body: dict[str, Any], at: int) -> None:
    kind, id_ = body["resourceType"], body["id"]
    maker = Maker()
    keys = ready(index(body), terms(body) if kind == "Patient" else ())
    maker.add(kind, id_, json.encode(body), b"", 0, keys)
    tx.put_sheet(maker.sheet(), at=at)


def fill(store: Store, bodies: list[dict[str, Any]], put: Callable[[Tx, dict[str, Any], int], None] = put) -> list[Row]:
    """Store resources and link the Patients of each person; return them as the brute force sees them."""
    rows = [row(n, body, AT + n) for n, body in enumerate(bodies)]

    def job(tx: Tx) -> None:
        for one in rows:
            put(tx, one.body, one.updated)
            if one.type == "Patient":
                tx.link(one.id, None, "own", "", "test", AT)
        for person in PERSONS:
            first, *others = sorted(person)
            number = tx.person_of(first)
            for other in others:
                tx.link(other, number, "test", "", "test", AT)

    store.submit(job).result(30)
    return rows


@pytest.fixture(scope="module", params=[1, 2])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, list[Row]]]:
    """A store with a hospital; one is written resource by resource, one as sheets."""
    with open_store(tmp_path_factory.mktemp("store") / "s") as store:
        yield store, fill(store, hospital(request.param, PATIENTS), put if request.param == 1 else put_sheet)


def search_of(kind: str | None, pairs: list[tuple[str, str]]) -> Search:
    found, issues = parse(kind, pairs, VOCABULARY)
    assert found is not None, (kind, pairs, issues)
    return found


def expected(world: World, found: Search) -> set[str]:
    return {
        one.name
        for one in world.seen
        if (not found.types or one.type in found.types) and all(world.holds(clause, one) for clause in found.clauses)
    }


def pages(store: Store, made: Plan, few: int) -> list[Page]:
    """Read all pages of a plan, each with statements of its own moment."""
    found = []
    while True:
        with store._readers.moment() as ask:
            page = run(ask, made, few=few)
        found.append(page)
        if page.after is None:
            return found
        made = msgspec.structs.replace(made, after=page.after)
        assert len(found) < 200


@pytest.mark.parametrize("name", PREDICATES)
@pytest.mark.parametrize("few", [0, 3, 2000])
def test_random_searches(filled: tuple[Store, list[Row]], name: str, few: int) -> None:
    """Matches, order, pages and totals, for callers who may see more or less, begun with a set, a list or a walk."""
    store, rows = filled
    predicate = PREDICATES[name]
    world = World(rows, PERSONS, predicate)
    random = Random(f"{name}{few}")
    for _ in range(120):
        kind, pairs = query(random)
        count = random.choice((1, 3, 50))
        found = search_of(kind, [*pairs, ("_count", str(count)), ("_total", "accurate")])
        wanted = expected(world, found)
        made = plan(found, predicate, VOCABULARY)
        found.sort = list(made.sort)  # a search by one date alone is in its order
        read = pages(store, made, few)
        names = [f"{one.type}/{one.id}" for page in read for one in page.rows]
        assert len(names) == len(set(names)), (kind, pairs, "a row twice")
        assert set(names) == wanted, (kind, pairs, set(names) ^ wanted)
        assert {page.total for page in read} == {len(wanted)}, (kind, pairs)
        assert names == ordered(world, found, wanted), (kind, pairs)


def ordered(world: World, found: Search, names: set[str]) -> list[str]:
    """Put matches in the order that the sort keys say, missing values last, then the newest first."""

    def key(one: Row) -> tuple[Any, ...]:
        parts: list[Any] = []
        for sort in found.sort:
            value = sort_value(world, one, sort)
            parts.append((value is None, Reverse(value) if sort.down else value) if value is not None else (True, 0))
        return (*parts, -one.n)

    return [one.name for one in sorted((world.by_name[name] for name in names), key=key)]


class Reverse:
    """A value that sorts the other way round."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "Reverse") -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reverse) and bool(other.value == self.value)


def sort_value(world: World, one: Row, sort: Any) -> Any:
    """Return what a row is sorted by; of several values the first in the direction."""
    if sort.table == "id":
        return one.id.encode()
    if sort.table == "updated":
        return one.updated
    rows = getattr(one.rows, sort.table)
    if sort.table == "qty":
        values: list[Any] = [key[2] for key in rows if key[0] in sort.sp and key[1] == 0]
    elif sort.table == "tok":
        said = dict(one.rows.cod)
        values = [said[key[1]].encode() for key in rows if key[0] in sort.sp and key[1]]
    elif sort.table == "ref":
        values = [
            f"{r4.type_number(t.partition('/')[0])}/{t.partition('/')[2]}".encode() for sp, t in rows if sp in sort.sp
        ]
    elif sort.table in ("str", "uri"):
        values = [key[1].encode() for key in rows if key[0] in sort.sp]
    else:
        values = [key[1] for key in rows if key[0] in sort.sp]
    if not values:
        return None
    return max(values) if sort.down else min(values)


@pytest.mark.parametrize("kin", [True, False])
def test_compartments(filled: tuple[Store, list[Row]], kin: bool) -> None:
    """What is in a Patient's compartment, of one source Patient or of its whole person."""
    store, rows = filled
    world = World(rows, PERSONS, Predicate())
    for n in range(PATIENTS):
        for kind in ("Observation", None, "Patient"):
            found, issues = parse(kind, [("_count", "1000")], VOCABULARY, compartment=("Patient", f"p{n}"), kin=kin)
            assert found is not None, issues
            page = pages(store, plan(found, Predicate(), VOCABULARY), 2000)[0]
            assert {f"{one.type}/{one.id}" for one in page.rows} == expected(world, found)
