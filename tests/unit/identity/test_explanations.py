"""Fifty pairs of every kind of evidence: the sentence names what each field adds, and its numbers are the sum."""

import re

import pytest

from unsilo.identity import Person, Scorer, Verdict, default, standardise
from unsilo.identity.vocabulary import weights

JOHN = {
    "given_name": "John Paul", "family_name": "Smith", "birth_date": "1980-05-17", "sex": "M", "ssn": "219-09-1234",
    "mrn": "M77001", "phone": "(212) 555-0187", "email": "john.smithson80@mail.com", "street": "12 Oak Street",
    "city": "Albany", "state": "NY", "postal_code": "12203",
}  # fmt: skip
_BARE = dict.fromkeys(("ssn", "mrn", "email"), "")
_AWAY = {"street": "9 Elm Avenue", "city": "Troy", "postal_code": "12180"}
_MARY = {"given_name": "Mary", "sex": "F", "birth_date": "1982-11-02", "mrn": "M80412", "ssn": "418-66-9021"}
_OTHER = {
    "given_name": "Dorothy", "family_name": "Nakamura", "birth_date": "1931-12-30", "sex": "F", "ssn": "771-40-5566",
    "mrn": "K1", "phone": "914 555 2398", "email": "dn@post.example", **_AWAY,
}  # fmt: skip
_LITTLE = {**_BARE, "phone": "", "street": "", "city": "", "postal_code": ""}
CHANGES: tuple[dict[str, str], ...] = (
    {}, {"given_name": "Jack Paul"}, {"given_name": "Johnny"}, {"given_name": "Jhon"}, {"given_name": "Paul"},
    {"given_name": "John P"}, {"given_name": "John Matthew"}, {"given_name": "Johnpaul"},
    {"given_name": "Smith", "family_name": "John"}, {"family_name": "Smith-Baker"}, {"family_name": "Baker"},
    {"birth_date": "1980-05-18"}, {"birth_date": "1981-05-17"}, {"birth_date": "1980"}, {"birth_date": "1990-05-17"},
    {"birth_date": "1952-01-30"}, {"sex": "F"}, {"ssn": "219-09-1235"}, {"ssn": "1234"}, {"ssn": "418-66-9021"},
    {"mrn": "M90055", "street": ""}, {"phone": "212-555-0188"}, {"phone": "914-555-2398"},
    {"email": "john.smithson@mail.com"},
    {"email": "jpsmithson@work.example"}, _AWAY, {"street": "12 Oak Str"}, {"street": "77 Pine Road"}, _BARE, _LITTLE,
    {**_LITTLE, "given_name": "J"}, {**_LITTLE, "given_name": ""}, {**_LITTLE, "family_name": ""},
    {**_LITTLE, "family_name": "Smyth"}, {**_LITTLE, "family_name": "Baker"}, {**_LITTLE, "birth_date": ""},
    {**_LITTLE, "birth_date": "1980"}, {**_LITTLE, "birth_date": "1980-06-02"}, {**_LITTLE, "birth_date": "1952-01-30"},
    {**_LITTLE, "sex": "F", "city": "Albany"}, {**_BARE, **_AWAY, "phone": "", "birth_date": "1980-11-29"},
    {**_BARE, "given_name": "Peter"}, {**_BARE, "birth_date": ""}, {**_BARE, "birth_date": "", "given_name": "J"},
    {**_BARE, "birth_date": "1952-01-30"}, {**_BARE, "family_name": "Smith Jr", "phone": ""}, _MARY,
    {**_MARY, **_BARE}, {**_MARY, **_AWAY, "phone": "", **_BARE}, _OTHER,
)  # fmt: skip
"""What the other row of each pair says otherwise: slips, moves, gaps, relatives, strangers."""
_BITS = re.compile(r" \(([+-][0-9]+\.[0-9])\)")
_SUM = re.compile(r"before that ([+-][0-9.]+), in all ([+-][0-9.]+) bits")


def pair(changed: dict[str, str]) -> tuple[Person, Person]:
    """Return John and who he may be."""
    return standardise(JOHN), standardise({**JOHN, **changed})


def verdict(changed: dict[str, str]) -> Verdict:
    """Explain a pair by the weights that decide before any are trained."""
    return scorer().explain(*pair(changed))


def scorer() -> Scorer:
    """Return the scorer of a store of which nothing is known yet."""
    return default().scorer()


@pytest.mark.parametrize("changed", CHANGES, ids=[f"pair{n:02}" for n in range(len(CHANGES))])
def test_a_sentence_names_each_part_and_sums(changed: dict[str, str]) -> None:
    """Each field that both have is one part with words and bits; parts, and the bits said, make the score."""
    found = verdict(changed)
    one, other = pair(changed)
    levels = scorer().levels(one, other)
    fields = [part.field for part in found.parts]
    assert fields[0] == "prior"
    assert [field for field in fields[1:] if field != "relation"] == [field for field, _ in levels]
    assert found.score == pytest.approx(sum(part.weight for part in found.parts), abs=0.01)
    assert found.score == pytest.approx(scorer().score(one, other)[0])
    told = [part for part in found.parts[1:] if part.field != "relation" or part.weight < -0.05]
    for part in told:
        assert f"{part.says} ({part.weight:+.1f})" in found.sentence
    said = [float(bits) for bits in _BITS.findall(found.sentence)]
    before, total = (float(bits) for bits in _SUM.findall(found.sentence)[0])
    assert len(said) == len(told)
    assert abs(before + sum(said) - total) <= 0.05 * (len(said) + 3)
    begins = {"link": "Linked: ", "review": "Left for a person to decide: ", "new": "Not linked: "}
    assert found.sentence.startswith(begins[found.outcome])


def test_the_fifty_pairs_are_of_every_kind() -> None:
    """There are fifty; links and non-links and doubts; every field is part of some; agreement and contradiction."""
    assert len(CHANGES) == 50
    found = [verdict(changed) for changed in CHANGES]
    counts = {outcome: sum(one.outcome == outcome for one in found) for outcome in ("link", "review", "new")}
    assert counts["link"] >= 30
    assert counts["new"] >= 5
    assert counts["review"] >= 3
    fields = {part.field for one in found for part in one.parts}
    assert fields >= {field for field, _ in weights()} - {"name"}
    assert "relation" in fields
    for field in ("given", "family", "birth", "sex", "ssn", "phone", "email", "address"):
        bits = [part.weight for one in found for part in one.parts if part.field == field]
        assert max(bits) > 0 > min(bits), field
