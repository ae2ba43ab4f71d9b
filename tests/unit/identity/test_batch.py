"""Batch matching: what is standardised, weighed, kept apart and clustered."""

import random

import pytest

from unsilo.identity import Frequencies, Person, Scorer, match, standardise
from unsilo.identity.compare import birth as birth_level
from unsilo.identity.compare import names as compare_names
from unsilo.identity.dates import birth
from unsilo.identity.vocabulary import weights

_LETTERS = "Ba Ce Di Fra Gu Ha Je Ki Lo Mu Na Pe Qui Ro Su Ta Ve Wi Xo Yu Za Bre Cli".split()
SMITH = {
    "given_name": "John", "family_name": "Smith", "birth_date": "1980-05-17", "sex": "M", "ssn": "219-09-1234",
    "phone": "(212) 555-0187", "street": "12 Oak Street", "city": "Albany", "state": "NY", "postal_code": "12203",
}  # fmt: skip


def person(**changed: str) -> Person:
    """Return John Smith with some cells changed."""
    return standardise({**SMITH, **changed})


def scorer(*persons: Person) -> Scorer:
    """Return a scorer of a file of these rows and nobody else."""
    return Scorer(Frequencies.of(persons))


def outcome(a: Person, b: Person) -> tuple[str, tuple[str, ...]]:
    """Return what is decided of a pair, and its cautions."""
    found = scorer(a, b).explain(a, b)
    return found.outcome, found.cautions


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1980-05-17", "19800517"), ("19800517", "19800517"), ("5/17/1980", "19800517"), ("17/5/1980", "19800517"),
        ("17.05.1980", "19800517"), ("17-May-1980", "19800517"), ("May 17, 1980", "19800517"), ("1980", "19800000"),
        ("1980-05", "19800500"), ("1980-05-17T00:00:00Z", "19800517"), ("5/17/80", "19800517"), ("1900-01-01", ""),
        ("0000-00-00", ""), ("9999-12-31", ""), ("0001-01-01", ""), ("soon", ""), ("", ""), ("1980-17-05", "19801705"),
    ],
)  # fmt: skip
def test_dates_as_people_type_them(written: str, read: str) -> None:
    """Usual spellings are one date; fillers, year 0 and 9999 are missing; an impossible day is kept for a swap."""
    assert birth(written) == read


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("19800517", "19800517", "exact"), ("19800512", "19801205", "swapped"), ("19800517", "19800518", "near"),
        ("19800517", "19800000", "partial"), ("19800517", "19810000", "different"), ("19800517", "19800629", "year"),
        ("19800517", "19800531", "two"), ("19800517", "", ""),
    ],
)  # fmt: skip
def test_levels_of_dates(one: str, other: str, level: str) -> None:
    """Each kind of slip has its level, the same from both sides."""
    assert birth_level(one, other) == birth_level(other, one) == level


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"family_name": "Šimić"}, {"family_name": "SIMIC"}), ({"family_name": "O'Brien"}, {"family_name": "obrien"}),
        ({"family_name": "de la Cruz"}, {"family_name": "Cruz"}), ({"given_name": "Иван"}, {"given_name": "Ivan"}),
        ({"given_name": "Γιωργος"}, {"given_name": "Giorgos"}), ({"given_name": "Dr. John"}, {"given_name": "John"}),
        ({"phone": "+1 212 555 0187"}, {"phone": "212.555.0187"}), ({"ssn": "0219091234"}, {"ssn": "219091234"}),
        ({"street": "12 Oak St."}, {"street": "12 OAK STREET"}), ({"postal_code": "12203-0001"}, {}),
        ({"sex": "male"}, {"sex": "1"}),
    ],
)  # fmt: skip
def test_writings_of_one_thing(one: dict[str, str], other: dict[str, str]) -> None:
    """Scripts, accents, particles, titles, and the writings of numbers and streets come to the same."""
    assert person(**one) == person(**other)


@pytest.mark.parametrize(
    ("column", "filler"),
    [
        ("given_name", "BABY BOY"), ("family_name", "UNKNOWN"), ("birth_date", "1900-01-01"), ("ssn", "999-99-9999"),
        ("ssn", "000-12-3456"), ("ssn", "123-45-6789"), ("phone", "000-000-0000"), ("phone", "999 999 9999"),
        ("postal_code", "00000"), ("mrn", "0000"), ("street", "Homeless"), ("sex", "unknown"), ("email", "none"),
    ],
)  # fmt: skip
def test_placeholders_are_missing(column: str, filler: str) -> None:
    """A filler compares as an empty cell does."""
    field = {"given_name": "given", "family_name": "family", "birth_date": "birth", "postal_code": "postal"}
    assert getattr(person(**{column: filler}), field.get(column, column)) == ""


def test_parts_sum_to_the_score() -> None:
    """The weights of an explanation, with what was thought before, are the whole score; each names a known level."""
    rows = [person(), person(given_name="Jack", phone="", ssn="1234"), person(birth_date="1980-05-18", city="Troy")]
    judge = scorer(*rows)
    for a in rows:
        for b in rows:
            found = judge.explain(a, b)
            assert found.score == pytest.approx(sum(part.weight for part in found.parts))
            assert found.score == pytest.approx(judge.score(b, a)[0])
            assert all((p.field, p.level) in weights() for p in found.parts if p.field not in ("prior", "relation"))
            assert found.sentence.endswith(".")


def test_missing_is_neutral() -> None:
    """A field that one side lacks adds nothing and takes nothing."""
    judge = scorer(person(), person(phone=""))
    assert "phone" not in {part.field for part in judge.explain(person(), person(phone="")).parts}
    assert judge.explain(Person(), person()).score == judge.prior


def test_slips_link() -> None:
    """Nickname, typing slip, married name, exchanged names, exchanged day and month, and a move keep a person one."""
    for change in (
        {"given_name": "Jack"}, {"given_name": "Jhon"}, {"family_name": "Smith-Jones"}, {"birth_date": "1980-05-18"},
        {"given_name": "Smith", "family_name": "John"}, {"street": "9 Elm Ave", "city": "Troy", "postal_code": "12180"},
        {"ssn": "1234"}, {"ssn": ""},
    ):  # fmt: skip
        assert outcome(person(), person(**change))[0] == "link", change


def test_two_persons_are_not_linked() -> None:
    """Twins, a household, father and son, junior and senior, newborns, and who has no birth date stay apart."""
    for change, caution in (
        ({"given_name": "Peter", "ssn": ""}, "twin"), ({"given_name": "Mary", "birth_date": "1982-11-02"}, "household"),
        ({"birth_date": "1952-01-30", "ssn": ""}, "namesake"), ({"birth_date": "", "ssn": ""}, "namesake"),
        ({"given_name": "Baby Boy", "ssn": ""}, "twin"), ({"given_name": "", "ssn": ""}, "twin"),
    ):  # fmt: skip
        decided, cautions = outcome(person(), person(**change))
        assert decided != "link", change
        assert caution in cautions, change
    assert "suffix" in outcome(person(family_name="Smith Jr"), person(family_name="Smith Sr"))[1]
    assert outcome(person(given_name="Mary", ssn="", birth_date="1982-11-02"), person())[0] == "new"


def test_the_same_links_in_any_order() -> None:
    """Shuffled rows give the same persons with the same ids and the same review."""
    rows = []
    draw = random.Random(5)
    for n in range(60):
        base = {
            **SMITH,
            "family_name": f"Fam{n % 17}ley",
            "birth_date": f"19{40 + n % 50}-03-{1 + n % 27:02}",
            "ssn": "",
        }
        rows += [(f"{n}a", standardise(base)), (f"{n}b", standardise({**base, "given_name": "Jonh", "phone": ""}))]
        rows.append((f"{n}c", standardise({**base, "given_name": draw.choice(("Jack", "Mary", "J")), "street": ""})))
    first = match(rows)
    answers = dict(zip((r for r, _ in rows), first.persons, strict=True))
    for seed in range(4):
        random.Random(seed).shuffle(rows)
        again = match(rows)
        assert dict(zip((r for r, _ in rows), again.persons, strict=True)) == answers
        assert again.review == first.review


def test_a_third_row_does_not_join_twins() -> None:
    """A row that fits both of two brothers born together does not make them one, whatever links it."""
    usual = [
        (f"u{n}", person(given_name=name, ssn="", family_name=f"O{n}x", birth_date=f"19{n + 30}-01-02", phone=""))
        for n, name in enumerate(["Peter", "John"] * 6)
    ]
    rows = [
        ("1", person()), ("2", person(given_name="Peter", ssn="")),
        ("3", person(given_name="J", ssn="")), ("4", person(given_name="", ssn="")),
    ]  # fmt: skip
    found = dict(zip([r for r, _ in rows + usual], match(rows + usual).persons, strict=True))
    assert found["1"] != found["2"]


@pytest.mark.parametrize(
    "cells",
    [{}, {"given_name": "BABY BOY", "birth_date": "1900-01-01", "ssn": "999-99-9999", "phone": "0000000000"}],
)
def test_placeholder_rows_stay_alone(cells: dict[str, str]) -> None:
    """Ten thousand rows that say nothing are ten thousand persons, and nobody has to look at them."""
    rows = [(str(n), standardise(cells)) for n in range(10_000)]
    found = match(rows)
    assert len(set(found.persons)) == 10_000
    assert found.review == []


def test_of_many_rows_that_say_the_same_little_few_are_asked_about() -> None:
    """Thousands of rows that say John Smith and no more stay apart, and do not fill the queue."""
    found = match([(str(n), standardise({"given_name": "John", "family_name": "Smith"})) for n in range(3000)])
    assert len(set(found.persons)) == 3000
    assert 0 < len(found.review) < 10


def test_equal_rows_of_one_person_are_one() -> None:
    """Ten thousand equal rows that say enough are one person, whose id is the smallest record id as people count."""
    found = match([(str(n), person()) for n in range(10_000, 0, -1)])
    assert set(found.persons) == {"1"}
    assert found.compared == 0


def test_a_large_block_is_bounded() -> None:
    """Thousands of rows that share a telephone and an address are compared in proportion to their number."""
    rows = [(str(n), person(given_name=f"Na{n}me", family_name=f"Fa{n}m", birth_date="", ssn="")) for n in range(3000)]
    found = match(rows)
    assert found.compared < 3000 * 60 + 200_000
    assert len(set(found.persons)) == 3000


@pytest.mark.parametrize(
    "text", ["", "\0\0", "😀" * 50, "x" * 10_000, "\u202eנעמי", "王小明", "=1+1", "-", "'", "\ud800", "ß" * 300]
)
def test_whatever_stands_in_a_cell(text: str) -> None:
    """Any text in every column is standardised and compared without a fault."""
    odd = standardise(dict.fromkeys([*SMITH, "mrn", "email"], text))
    found = match([("1", odd), ("2", person()), ("3", odd)])
    assert found.persons[1] == "2"
    scorer(odd, person()).explain(odd, person())


def test_weights_are_probabilities() -> None:
    """Every row of the table has 0 < m < 1 and 0 < u < 1, and agreement weighs more than disagreement."""
    table = weights()
    assert all(0 < w.m < 1 and 0 < w.u < 1 for w in table.values())
    for field in {field for field, _ in table} - {"mrn", "name", "sex"}:
        assert table[field, "exact"].bits > 0 > table[field, "different"].bits


def test_usual_names_exchanged_are_no_proof() -> None:
    """Two usual names in the other order, with the same birth date and other numbers, are left for review at most."""
    crowd = [person(given_name="John", family_name="James", ssn=str(10**8 + 77 * n)) for n in range(40)]
    crowd += [person(given_name="James", family_name="John", ssn=str(3 * 10**8 + 91 * n)) for n in range(40)]
    assert scorer(*crowd).explain(crowd[0], crowd[-1]).outcome != "link"


def test_numbered_names_are_no_slips() -> None:
    """Names that differ in a number alone are other names, so that made-up rows of one place stay apart."""
    given, family = compare_names(
        person(given_name="Patient12", family_name="Test7"), person(given_name="Patient13", family_name="Test8")
    )
    assert (given, family) == ("different", "different")
    assert compare_names(person(given_name="Wi1liam"), person(given_name="William"))[0] == "similar"


def test_rows_that_say_the_same_are_counted() -> None:
    """Where little is asked many rows of one person say the same: they are part of what a person's rows are."""
    rows = [
        (f"{n}{copy}", standardise({"given_name": f"{_LETTERS[n % 23]}ana", "family_name": f"{_LETTERS[n // 23]}ost"}))
        for n in range(400)
        for copy in "ab"
    ]
    assert match(rows).shares.same > 0.7


def test_an_address_of_many_says_little() -> None:
    """Who lives where hundreds of rows live (a home, a shelter) agrees on it with all of them."""
    crowd = [person(given_name=f"Na{n}me", family_name=f"Fa{n}m", birth_date="", ssn="") for n in range(600)]
    few = scorer(*crowd[:2]).explain(*crowd[:2])
    many = scorer(*crowd).explain(*crowd[:2])
    weight = {name: next(p.weight for p in found.parts if p.field == "address") for name, found in
              (("few", few), ("many", many))}  # fmt: skip
    assert weight["many"] < 1 < 8 < weight["few"]


def test_a_name_that_everybody_knows_is_no_slip_in_a_small_file() -> None:
    """In a file of a few rows most names are borne once; Peter is no slip of John for that."""
    rows = [("1", person(ssn="")), ("2", person(given_name="Peter", ssn="")), ("3", person(given_name="Jonh", ssn=""))]
    found = match(rows)
    assert found.persons == ["1", "2", "1"]


def _family(n: int, given: str, copy: str) -> tuple[str, Person]:
    """Return a row of a file that knows names, birth date and postal code only."""
    name = f"{_LETTERS[n % 23]}{_LETTERS[n // 23]}rbach"
    born = f"{1950 + n % 40}-{1 + n % 12:02}-{1 + n % 27:02}"
    row = {"given_name": given, "family_name": name, "birth_date": born, "postal_code": f"{70000 + n}"}
    return f"{n}{given}{copy}", standardise(row)


def test_twins_are_not_one_where_only_their_postal_code_is_known() -> None:
    """People of one birth live behind one postal code as often as one person does: it tells them apart by nothing."""
    rows = [
        _family(n, given, copy) for n in range(150) for given in ("Gernot", "Ludmilla")[: 1 + n % 2] for copy in "ab"
    ]
    found = dict(zip((record_id for record_id, _ in rows), match(rows).persons, strict=True))
    assert all(found[f"{n}Gernota"] == found[f"{n}Gernotb"] for n in range(150))
    assert not any(found[f"{n}Gernota"] == found[f"{n}Ludmillaa"] for n in range(1, 150, 2))


@pytest.mark.parametrize(
    ("ours", "theirs", "level"),
    [
        ({"street": "12 Oak Street"}, {"street": "12 Oak Street"}, ("address", "exact")),
        ({"street": "12 Oak Street"}, {"street": ""}, ("area", "exact")),
        ({"street": "", "postal_code": "12203"}, {"postal_code": "12180"}, ("area", "city")),
        ({"street": "", "postal_code": "12203", "city": "Troy"}, {"postal_code": "12180"}, ("area", "different")),
        ({"street": "", "postal_code": ""}, {}, ("town", "exact")),
        ({"street": "", "postal_code": "", "city": "Troy"}, {}, ("town", "different")),
        ({"street": "", "postal_code": "", "city": ""}, {}, None),
    ],
)
def test_where_people_live_is_compared_by_what_both_tell(
    ours: dict[str, str], theirs: dict[str, str], level: tuple[str, str] | None
) -> None:
    """A street where both have one, else the postal code, else the city."""
    usual = {"street": "12 Oak Street", "city": "Albany", "postal_code": "12203"}
    one, other = person(**{**usual, **ours}), person(**{**usual, **theirs})
    both = [each for each in scorer(one).levels(one, other) if each[0] in ("address", "area", "town")]
    assert both == ([level] if level else [])
    assert scorer(one).levels(other, one) == scorer(one).levels(one, other)
