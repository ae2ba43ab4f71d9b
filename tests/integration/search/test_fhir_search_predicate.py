"""Nobody reads a resource without the predicate: every statement of every search carries it on every alias."""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest

from tests.integration.search.made import LABEL, hospital, query
from tests.integration.search.test_fhir_search_meaning import VOCABULARY, fill, put, search_of
from unsilo.fhir.index.units import stated
from unsilo.policy import And, Compartment, Label, Not, Predicate, Source, Types
from unsilo.search import hidden, parse, plan
from unsilo.storage import Store, open_store, render
from unsilo.storage.plan import Plan
from unsilo.storage.render import POSTGRES, SQLITE, Sight
from unsilo.storage.render.dialect import Sql
from unsilo.storage.search import SearchReads, run
from unsilo.storage.view import View
from unsilo.units import canonical

STRICT = Predicate(
    tenant=0,
    allow=And((Not(Label("urn:label", "secret")), Compartment(frozenset({"p1", "p2"}), frozenset({1})))),
)
_ALIAS = re.compile(r"\bres\s+(\w+)")
_NAMES = ("SELECT z.rid AS rid FROM res z WHERE", "SELECT z.type || '/' || z.fhir_id FROM res z WHERE")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a hospital."""
    with open_store(tmp_path_factory.mktemp("store") / "s") as opened:
        fill(opened, hospital(5))
        yield opened


def guarded(text: str) -> None:
    """Check that each alias of `res` is a name's number only, or has tenant, labels and compartment as conditions."""
    for found in _ALIAS.finditer(text):
        alias = found[1]
        if alias == "z":
            assert any(text[: found.end() + 6].endswith(form) for form in _NAMES), text
            continue
        assert f"{alias}.tenant = 0" in text, (alias, text)
        assert f"AND y.rid = {alias}.rid" in text.replace("\n", " "), (alias, text)
        assert f"({alias}.rid IN (" in text, (alias, text)


def answers(*rows: tuple[int, ...]) -> Callable[[str, Sequence[object]], list[tuple[object, ...]]]:
    """Make a store that answers every statement alike, but for the units that it has met."""
    gram = stated("http://unitsofmeasure.org", "g", "", canonical("g"))
    return lambda text, _values: [gram] if "ix_code c ON c.code = s.v" in text else [*rows]


def test_every_alias_of_every_statement(store: Store) -> None:
    """Main, chain, `_has`, linked Patients, includes, sorts, counts, pages: for both stores."""
    random = Random(3)
    seen = 0
    for n in range(300):
        kind, pairs = query(random)
        more = [("_total", "accurate"), ("_count", "2")]
        if kind in ("Patient", "Observation"):
            more += [
                ("_include", "*"),
                ("_revinclude", f"Observation:{'subject' if kind == 'Patient' else 'derived-from'}"),
            ]
            more += [("_include:iterate", "Patient:organization")]
        made = plan(search_of(kind, pairs + more), STRICT, VOCABULARY)
        for few in (0, 2000):
            log: list[tuple[str, Sql]] = []
            with store._readers.moment() as ask:
                page = run(ask, made, SQLITE, log, few)
                if page.after is not None:
                    run(ask, msgspec.structs.replace(made, after=page.after), SQLITE, log, few)
                for _, statement in log:
                    guarded(statement.text)
                    seen += 1
            rendered: list[tuple[str, Sql]] = []
            counted = msgspec.structs.replace(made, only_count=True)
            run(answers((1,) if n % 2 else (3000,)), counted, POSTGRES, rendered, few)
            for _, statement in rendered:
                guarded(statement.text)
    assert seen > 1000


def test_only_one_file_names_the_table() -> None:
    """In the renderer `res` stands in `sight.py` alone, so an alias without predicate cannot be written elsewhere."""
    room = Path(inspect.getfile(render)).parent
    named = [
        path.name
        for path in [*room.glob("*.py"), room.parent / "search.py", room.parent / "resolve.py"]
        if re.search(r"\b(FROM|JOIN|join\}) res\b|res \{|\"res ", path.read_text("utf-8"))
    ]
    assert named == ["sight.py"]


def test_there_is_no_default_predicate() -> None:
    """Who forgets the predicate gets an exception, never everything."""
    with pytest.raises(TypeError):
        Sight()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Plan(types=(), clauses=())  # type: ignore[call-arg]
    for room in (SearchReads, View):
        for name, method in inspect.getmembers(room, inspect.isfunction):
            if name.startswith("_"):
                continue
            taken = inspect.signature(method).parameters
            first = [p for p in taken.values() if p.name in ("plan", "predicate")]
            assert first, f"{room.__name__}.{name} takes neither a plan nor a predicate"
            assert first[0].default is inspect.Parameter.empty


def test_what_is_hidden_changes_no_answer(tmp_path: Path) -> None:
    """Two stores that differ only in what the predicate hides give the same pages, totals and marks."""
    predicate = Predicate(allow=And((Not(Label("urn:label", "secret")), Not(Types(frozenset({"Encounter"}))))))
    shown = [body for body in hospital(8) if body["resourceType"] != "Encounter"]
    secret = {"meta": {"security": [{"system": "urn:label", "code": "secret"}]}}
    others = [
        {**body, **secret, "id": f"x{n}"} for n, body in enumerate(hospital(9)) if body["resourceType"] != "Encounter"
    ]
    mixed = [one for pair in zip(others, shown, strict=False) for one in pair] + shown[len(others) :]
    with open_store(tmp_path / "a") as one, open_store(tmp_path / "b") as two:
        fill(one, shown)
        numbers = {body["id"]: n for n, body in enumerate(shown)}

        def job(tx: object) -> None:
            for body in mixed:
                at = 1_700_000_000_000_000 + numbers.get(body["id"], 0)
                put(tx, body, at)  # type: ignore[arg-type]

        two.submit(job).result(30)
        random = Random(4)
        for _ in range(300):
            kind, pairs = query(random)
            pairs = [*pairs, ("_count", "3"), ("_total", random.choice(("none", "accurate", "estimate")))]
            # Who is one person is not the same in the two stores, so Patients stand for themselves.
            found, _ = parse(kind, pairs, VOCABULARY, kin=False)
            assert found is not None
            made = plan(found, predicate, VOCABULARY)
            for _page in range(3):
                answers = [store.search(made) for store in (one, two)]
                told = [([(r.type, r.id, r.body) for r in page.rows], page.total, page.after) for page in answers]
                assert told[0] == told[1], (kind, pairs)
                if answers[0].after is None:
                    break
                made = msgspec.structs.replace(made, after=answers[0].after)


def test_masked_elements_cannot_be_searched() -> None:
    """A parameter, chain, `_has`, sort or include that looks at a masked element is refused whatever is stored."""
    predicate = Predicate(elements={"Patient": frozenset({"name", "managingOrganization"})})
    for kind, pair in [
        ("Patient", ("family", "x")), ("Patient", ("name:missing", "true")), ("Patient", ("_sort", "-name")),
        ("Observation", ("patient.name", "x")), ("Patient", ("_include", "Patient:organization")),
        ("Organization", ("_has:Patient:organization:_id", "x")), ("Patient", ("_filter", "family eq x")),
        ("Patient", ("organization.name", "x")),
    ]:  # fmt: skip
        found, _ = parse(kind, [pair], VOCABULARY)
        assert found is not None
        issues = hidden(found, predicate, VOCABULARY)
        assert issues, pair
        assert issues[0].code == "forbidden"
    found, _ = parse("Patient", [("birthdate", "2000"), ("identifier", "1")], VOCABULARY)
    assert found is not None
    assert not hidden(found, predicate, VOCABULARY)
    masked = Predicate(elements={"Observation": frozenset({"value"})})
    found, _ = parse("Observation", [("code-value-quantity", "x$5")], VOCABULARY)
    assert found is not None
    assert hidden(found, masked, VOCABULARY)


def test_feeds_and_persons(store: Store) -> None:
    """A predicate by feed hides what no feed sent; one by person shows all its source Patients."""
    search = search_of("Patient", [("_count", "100")])
    none = store.search(plan(search, Predicate(allow=Source(frozenset({"lab"}))), VOCABULARY))
    assert none.rows == []
    person = store.person_of("p0")
    assert person is not None
    found = store.search(plan(search, Predicate(allow=Compartment(persons=frozenset({person}))), VOCABULARY))
    assert {row.id for row in found.rows} == {"p0", "p5", "p7"}
    other = store.search(plan(search, Predicate(tenant=1), VOCABULARY))
    assert other.rows == []
    assert LABEL
