"""What is read of sentences: terms, what is said of them, numbers, doses, abbreviations, and where each stands."""

import csv
from importlib.resources import files

import pytest

from unsilo.notes import Dictionary, Fact, plain_of_xhtml, read, section_named
from unsilo.notes.shipped import shipped_dictionary, shipped_terms
from unsilo.notes.tables import rows, rules


@pytest.fixture(scope="module")
def words() -> Dictionary:
    return shipped_dictionary()


def facts(text: str, words: Dictionary, section: str = "") -> list[Fact]:
    return read(text, words, section_named(section)).facts


def told(text: str, words: Dictionary, section: str = "") -> list[tuple[str, list[str]]]:
    return [(fact.text, fact.flags) for fact in facts(text, words, section)]


def test_negation_reaches_through_a_list_and_ends_at_but(words: Dictionary) -> None:
    """Negation reaches through a list and ends at but."""
    assert told("No fever, cough or chest pain, but has nausea.", words) == [
        ("fever", ["neg"]), ("cough", ["neg"]), ("chest pain", ["neg"]), ("nausea", []),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["Sí, tiene tos.", "SÍ", "õa y äää", "Refiere que sí."])
def test_a_short_word_with_an_accent_is_no_abbreviation(text: str, words: Dictionary) -> None:
    """Spanish `sí` is a yes, not suicidal ideation."""
    assert told(text, words) == []


def test_pseudo_negation_says_nothing(words: Dictionary) -> None:
    """Pseudo negation says nothing."""
    assert told("No change in chronic back pain.", words)[0][1] == []
    assert told("Not only hypertension but also gout.", words) == [("hypertension", []), ("gout", [])]


def test_answers_after_a_colon(words: Dictionary) -> None:
    """Answers after a colon."""
    assert told("Nausea: no", words) == [("Nausea", ["neg"])]
    assert told("Chest pain, denies dyspnea", words) == [("Chest pain", []), ("dyspnea", ["neg"])]


def test_whose_it_is(words: Dictionary) -> None:
    """Whose it is."""
    assert told("Mother and sister had breast cancer.", words) == [("breast cancer", ["fam:mother", "fam:sister"])]
    assert told("Mother reports fever.", words) == [("fever", [])]
    assert told("Husband has influenza.", words) == [("influenza", ["other:husband"])]
    assert told("Gout, asthma", words, "Family History") == [("Gout", ["fam"]), ("asthma", ["fam"])]


def test_doubt_condition_plan_and_end(words: Dictionary) -> None:
    """Doubt condition plan and end."""
    assert told("Possible pneumonia, no effusion.", words)[0] == ("pneumonia", ["poss"])
    assert told("Return if you have fever.", words) == [("fever", ["hyp"])]
    assert told("Pneumonia has resolved.", words) == [("Pneumonia", ["resolved"])]
    assert told("Schedule colonoscopy.", words) == [("colonoscopy", ["plan"])]
    assert told("Stop metformin.", words) == [("metformin", ["stopped"])]


def test_every_rule_is_named(words: Dictionary) -> None:
    """Every rule is named."""
    known = {rule.id for rule in rules()}
    fact = facts("Denies fever.", words)[0]
    assert fact.said[0].rule.partition(".")[0] == "neg"
    assert {said.rule for said in fact.said} <= known


def test_terms_in_other_order_and_form(words: Dictionary) -> None:
    """Terms in other order and form."""
    for text in ("carcinoma of the left breast", "breast carcinomas"):
        assert facts(text, words)[0].coding[0][1] == "C50.919"
    assert facts("oedema and anaemia", words)[1].coding[0][1] == "D64.9"
    # A comma parts terms: these are two, not pulmonary hypertension.
    assert [f.coding[0][1] for f in facts("hypertension, pulmonary embolism", words)] == ["I10", "I26.99"]


def test_abbreviations_are_decided_or_left_alone(words: Dictionary) -> None:
    """Abbreviations are decided or left alone."""
    assert facts("RA on methotrexate.", words)[0].coding[0][1] == "M06.9"
    assert all(f.coding[0][1] != "M06.9" for f in facts("SpO2 94% on RA.", words))
    (left,) = facts("MS noted.", words)
    assert (left.kind, left.coding) == ("undecided", [])
    assert facts("Please add milk.", words) == []


def test_numbers_with_units(words: Dictionary) -> None:
    """Numbers with units."""
    found = {f.coding[0][1]: (f.value, f.unit) for f in facts("BP 142/88, Temp 101.3 F, A1c 8.2%, K 5.1 mmol/L", words)}
    assert found == {
        "8480-6": ("142", "mm[Hg]"), "8462-4": ("88", "mm[Hg]"), "8310-5": ("101.3", "[degF]"), "4548-4": ("8.2", "%"),
        "2823-3": ("5.1", "mmol/L"),
    }  # fmt: skip


def test_a_unit_that_is_not_written_is_not_invented(words: Dictionary) -> None:
    """A unit that is not written is not invented."""
    fact = facts("Creatinine 1.4, repeat.", words)[0]
    assert (fact.value, fact.unit) == ("1.4", "")
    assert facts("Troponin <0.01 ng/mL", words)[0].value == "<0.01"
    assert "unit.implied" in facts("HR 76", words)[0].rules


def test_what_cannot_be_is_not_read(words: Dictionary) -> None:
    """What cannot be is not read."""
    assert facts("Potassium 2019", words) == []
    assert facts("BP 12/2015", words) == []


def test_doses(words: Dictionary) -> None:
    """Doses."""
    fact = facts("metformin 1,000 mg PO BID with meals", words)[0]
    assert (fact.value, fact.unit, fact.route, fact.frequency) == ("1000", "mg", "oral", "BID")
    both = facts("Lasix 20 mg daily and lisinopril 10 mg", words)
    assert [(f.value, f.frequency) for f in both] == [("20", "daily"), ("10", "")]


def test_allergies_and_reactions(words: Dictionary) -> None:
    """Allergies and reactions."""
    found = facts("Allergic to penicillin (hives).", words)
    assert [(f.kind, f.flags) for f in found] == [("allergy", []), ("problem", ["reaction"])]
    assert facts("Took penicillin.", words) == []
    assert facts("NKDA", words)[0].coding[0][1] == "no-known-medication-allergies"


def test_rows_of_a_table_are_governed_by_their_cells(words: Dictionary) -> None:
    """Rows of a table are governed by their cells."""
    source = (
        "<table><tr><th>Problem</th><th>Status</th><th>Date</th></tr><tr><td>Asthma</td><td>Resolved</td>"
        "<td>2015</td></tr><tr><td>Gout</td><td>Active</td><td></td></tr></table>"
    )
    one, other = read(plain_of_xhtml(source), words).facts
    assert (source[one.start : one.end], one.flags, one.when) == ("Asthma", ["resolved"], ("on", "2015"))
    assert (source[other.start : other.end], other.flags) == ("Gout", [])


def test_immunisations_are_no_illnesses(words: Dictionary) -> None:
    """Immunisations are no illnesses."""
    assert facts("Influenza, hepatitis B", words, "Immunizations") == []


def test_places_are_those_of_the_text(words: Dictionary) -> None:
    """Places are those of the text."""
    text = "HPI:\nShe has gout.\nPMH: asthma 2001, hernia"
    for fact in facts(text, words):
        assert text[fact.start : fact.end] == fact.text
        assert fact.sentence[0] <= fact.start < fact.end <= fact.sentence[1]


def test_codes_of_the_tables_are_in_what_is_shipped() -> None:
    """Codes of the tables are in what is shipped."""
    systems = {
        "problems": "http://hl7.org/fhir/sid/icd-10-cm", "allergens": "http://hl7.org/fhir/sid/icd-10-cm",
        "negated": "http://hl7.org/fhir/sid/icd-10-cm", "procedures": "http://snomed.info/sct",
        "measures": "http://loinc.org", "reactions": "http://hl7.org/fhir/sid/icd-10-cm",
    }  # fmt: skip
    known = {url: {code for code, _, _ in shipped_terms(url)} for url in set(systems.values())}
    for table, url in systems.items():
        assert {row["code"] for row in rows(table)} <= known[url], table
    substances = {term for _, term, _ in shipped_terms("http://fdasis.nlm.nih.gov")}
    for row in rows("drugs"):
        assert {name for name in row["substance"].split("+") if name} <= substances


def test_no_term_of_the_tables_stands_for_two_problems() -> None:
    """No term of the tables stands for two problems."""
    seen: dict[str, str] = {}
    for row in rows("problems"):
        for term in row["terms"].split(";"):
            assert seen.setdefault(term.lower(), row["code"]) == row["code"], term


def test_every_row_of_every_table_is_whole() -> None:
    """Every row of every table is whole."""
    for file in files("unsilo.notes").joinpath("tables").iterdir():
        lines = list(csv.reader(file.read_text(encoding="utf-8").splitlines()))
        assert len({len(line) for line in lines}) == 1, file.name
