"""Two statements: the same, only near, apart, or not known; each by its rule."""

from __future__ import annotations

import pytest

from tests.unit.terminology.same.saying import CVX, ICD9, ICD10, NDC, RXNORM, SNOMED, UNII, coded, meant, told
from unsilo.terminology.same import gather, verdict

INFARCTION = coded((SNOMED, "22298006", "Myocardial infarction"))


@pytest.mark.parametrize(
    ("domain", "one", "other", "found"),
    [
        ("problem", "Heart attack", INFARCTION, "same same.table"),
        ("problem", "heart  ATTACK", "Heart attack", "same same.words"),
        ("problem", coded((ICD9, "412")), coded((ICD10, "I25.2")), "same same.table"),
        ("problem", "Diabetes mellitus, type 2", "Type II diabetes mellitus", "same same.name"),
        ("problem", "Anaemia", "Anemia, unspecified", "same same.name"),
        ("problem", "Crohn's disease", "Crohn disease", "same same.name"),
        ("problem", "Fracture of the clavicle", "Clavicle fracture", "same same.name"),
        ("problem", coded((ICD10, "I10", "Essential (primary) hypertension")), "Essential hypertension",
         "same same.name"),
        ("problem", "Liver cancer spread to lung", "Lung cancer spread to liver", "-"),
        ("problem", INFARCTION, "History of myocardial infarction", "related related.axis"),
        ("problem", "Left hip fracture", "Right hip fracture", "related related.axis"),
        ("problem", "Acute sinusitis", "Chronic sinusitis", "related related.axis"),
        ("problem", "Asthma", "Childhood asthma", "related related.narrower"),
        ("problem", "Type 1 diabetes", coded((ICD10, "E11.9")), "related related.family"),
        ("problem", coded((ICD10, "E11.9")), coded((ICD10, "E11.65")), "related related.category"),
        ("problem", "No diabetes", "Diabetes", "different apart.denied"),
        ("problem", "Family history of diabetes", "Diabetes", "different apart.person"),
        ("problem", "?Pneumonia", "Pneumonia", "related related.axis"),
        ("problem", "Suspected pneumonia", "Pneumonia", "related related.axis"),
        ("problem", "MS", "Multiple sclerosis", "-"),
        ("problem", "Arthritis", "Osteoarthritis", "-"),
        ("medicine", "Tylenol Extra Strength 500mg caplet", coded((RXNORM, "1", "Acetaminophen 325 MG Oral Tablet")),
         "same same.ingredient"),
        ("medicine", coded((NDC, "00071-0155", "Lipitor 10 mg")), "atorvastatin calcium 20 MG", "same same.ingredient"),
        ("medicine", "Percocet", "oxycodone/acetaminophen 5-325", "same same.ingredient"),
        ("medicine", "lisinopril", "lisinopril-hydrochlorothiazide", "related related.ingredient"),
        ("medicine", "metoprolol tartrate", "metoprolol succinate", "related related.axis"),
        ("medicine", "potassium chloride 20 meq", "potassium citrate 10 meq", "-"),
        ("medicine", "hydrocortisone 1 % cream", "hydrocortisone 10 mg tablet", "related related.axis"),
        ("medicine", "amoxicillin", "penicillin v", "related related.class"),
        ("medicine", "Zzyzx 70 unknown", "Zzyzx 30 unknown", "-"),
        ("medicine", "prednisone", "prednisolone", "-"),
        ("medicine", "hydroxyzine", "hydralazine", "-"),
        ("medicine", "Flonase", "Flovent", "related related.axis"),
        ("medicine", "OxyContin", "Roxicodone", "related related.axis"),
        ("medicine", "Toprol-XL", "metoprolol tartrate", "related related.axis"),
        ("medicine", "Neoral", "cyclosporine", "-"),
        ("medicine", "vitamin a", "vitamin e", "-"),
        ("medicine", "Penicillin G 375 MG/ML Injectable Solution", "penicillin", "related related.class"),
        ("problem", coded((ICD9, "363.8", "Other disorders of choroid")),
         coded((ICD10, "H31", "Other disorders of choroid")), "-"),
        ("problem", "Hepatitis", "Hepatitis A", "related related.narrower"),
        ("allergen", "Penicillin G", "Penicillin", "related related.class"),
        ("allergen", "PCN", coded((SNOMED, "91936005", "Allergy to penicillin (finding)")), "same same.allergen"),
        ("allergen", coded((RXNORM, "723", "amoxicillin")), coded((UNII, "9EM05410Q9", "AMOXICILLIN ANHYDROUS")),
         "same same.allergen"),
        ("allergen", "Penicillin", "Amoxicillin", "related related.class"),
        ("allergen", "Peanut", "Nuts", "related related.class"),
        ("allergen", "No known allergies", "Penicillin", "-"),
        ("allergen", "No known allergies", "No Known Allergy", "same same.name"),
        ("vaccine", coded((CVX, "115")), "Boostrix", "same same.vaccine"),
        ("vaccine", coded((CVX, "20")), coded((CVX, "115")), "related related.family"),
        ("vaccine", coded((CVX, "03")), coded((CVX, "21")), "-"),
        ("procedure", "Appendectomy", "appendectomy", "same same.words"),
        ("procedure", "Left knee replacement", "Right knee replacement", "related related.axis"),
    ],
)  # fmt: skip
def test_what_two_statements_are_to_each_other(domain: str, one: object, other: object, found: str) -> None:
    """One line a pair: the outcome and the rule that says so."""
    assert told(domain, one, other) == found  # type: ignore[arg-type]


def test_the_words_of_a_statement_qualify_its_code() -> None:
    """One code, two sides: the code is the same and the statements are not."""
    left = coded((ICD10, "M17.9"), text="Left knee osteoarthritis")
    right = coded((ICD10, "M17.9"), text="Right knee osteoarthritis")
    assert told("problem", left, right) == "related related.axis"
    assert told("problem", left, "Osteoarthritis of left knee").startswith("same")
    family = coded((ICD10, "E11.9"), text="Family history of type 2 diabetes")
    assert told("problem", family, coded((ICD10, "E11.9"))) == "different apart.person"


def test_a_body_site_qualifies_too() -> None:
    """What the text does not say, Condition.bodySite may."""
    one = meant("problem", coded((ICD10, "M17.9")), words=["Left knee"])
    other = meant("problem", coded((ICD10, "M17.9")), words=["Right knee"])
    said = verdict(one, other)
    assert said is not None
    assert (said.outcome, said.what) == ("related", "side: left and right")


def test_statements_that_share_one_code_and_differ_in_another_are_not_one() -> None:
    """A code of the residual class of ICD does not make two SNOMED concepts one."""
    one = coded((SNOMED, "1", "Disease of one kind"), (ICD10, "E88.89", "Other specified metabolic disorders"))
    other = coded((SNOMED, "2", "Disease of another sort"), (ICD10, "E88.89", "Other specified metabolic disorders"))
    assert told("problem", one, other) == "related related.code"
    assert told("problem", one, one) == "same same.code"


def test_a_code_of_the_sender_with_other_words_is_no_name() -> None:
    """`OTHER` with free text behind it brings nothing together, also not through a bare code; the same words do."""
    one, other = (coded(("urn:local", "OTHER"), text=text) for text in ("Heart attack", "Asthma"))
    assert told("problem", one, other) == "related related.code"
    assert told("problem", one, one).startswith("same")
    bare = coded(("urn:local", "OTHER"))
    assert told("problem", one, bare) == "same same.code"
    assert len(gather([meant("problem", said) for said in (one, other, bare)]).sets) == 2
    assert told("problem", one, coded(("urn:local", "MI-7"), text="Myocardial infarction")) == "same same.table"


def test_codes_of_one_statement_that_contradict_each_other_do_not_bridge() -> None:
    """A statement coded with a parent and a child means the child."""
    both = coded((SNOMED, "73211009", "Diabetes mellitus"), (ICD10, "E11.9"), text="Type 2 diabetes")
    assert told("problem", both, coded((ICD10, "E11.9"))) == "same same.code"
    assert told("problem", both, "Diabetes mellitus").startswith("related")


def test_a_refuted_statement_is_never_the_same_as_an_asserted_one() -> None:
    """Standing parts before codes are asked."""
    said = verdict(meant("problem", INFARCTION, standing="Refuted"), meant("problem", INFARCTION))
    assert said is not None
    assert (said.outcome, said.rule) == ("different", "apart.standing")


@pytest.mark.parametrize(
    "concept",
    [{}, {"coding": None}, {"coding": "x"}, {"coding": [None, 3, "x"]}, {"coding": [{"code": {"a": 1}, "system": []}]},
     {"text": "\x00\u202e" * 50}, {"text": "(" * 5000}, {"text": "/" * 5000}, {"text": "1/2/3 mg mg mg" * 500},
     {"coding": [{"system": SNOMED, "code": "1" * 10_000, "display": "a " * 10_000}]}, {"text": "[[]]()[](("}],
)  # fmt: skip
@pytest.mark.parametrize("domain", ["problem", "procedure", "allergen", "medicine", "vaccine"])
def test_a_hostile_concept_is_read_as_something_or_nothing(concept: dict[str, object], domain: str) -> None:
    """Nothing raises, and nothing takes long."""
    one = meant(domain, concept)
    verdict(one, meant(domain, "Heart attack"))
    assert one.domain == domain
