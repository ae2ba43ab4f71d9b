"""Suggestions: ranked, explained, certain only without a contradiction, and none when nothing fits."""

import pytest

from unsilo.terminology.suggest import Item, Suggester, load_model
from unsilo.terminology.suggest.engine import remembered_key
from unsilo.terminology.suggest.features import FEATURES
from unsilo.terminology.suggest.model import CALIBRATION

LABORATORY = {
    "2345-7": "Glucose [Mass/volume] in Serum or Plasma",
    "14749-6": "Glucose [Moles/volume] in Serum or Plasma",
    "2350-7": "Glucose [Mass/volume] in Urine",
    "2823-3": "Potassium [Moles/volume] in Serum or Plasma",
    "718-7": "Hemoglobin [Mass/volume] in Blood",
    "4548-4": "Hemoglobin A1c/Hemoglobin.total in Blood",
    "6690-2": "Leukocytes [#/volume] in Blood by Automated count",
    "736-9": "Lymphocytes/100 leukocytes in Blood by Automated count",
    "731-0": "Lymphocytes [#/volume] in Blood by Automated count",
    "2160-0": "Creatinine [Mass/volume] in Serum or Plasma",
    "2162-6": "Creatinine [Mass/time] in 24 hour Urine",
}
ASKED = [
    (Item("GLU-S", "GLU-S", "", "mmol/L"), "14749-6"),
    (Item("1", "Glukose", "Serum", "mg/dL"), "2345-7"),
    (Item("2", "Glucose, urine", "", ""), "2350-7"),
    (Item("3", "Kalium", "", "mmol/L"), "2823-3"),
    (Item("HGB", "", "", "g/dL"), "718-7"),
    (Item("4", "HbA1c", "", "%"), "4548-4"),
    (Item("5", "Globules blancs", "", "G/l"), "6690-2"),
    (Item("6", "Lymphs %", "Blood", "%"), "736-9"),
    (Item("7", "Lymphs Abs", "Blood", "K/uL"), "731-0"),
    (Item("8", "Creatinine 24h", "Urine", "mg/24hr"), "2162-6"),
]


@pytest.fixture(scope="module")
def laboratory() -> Suggester:
    return Suggester(LABORATORY)


@pytest.mark.parametrize(("item", "code"), ASKED)
def test_the_right_code_comes_first_with_its_reasons(laboratory: Suggester, item: Item, code: str) -> None:
    """The right code comes first with its reasons."""
    found = laboratory.suggest(item)
    assert found[0].code == code
    assert found[0].reason
    assert [row.rank for row in found] == list(range(1, len(found) + 1))
    assert [row.score for row in found] == sorted((row.score for row in found), reverse=True)
    assert all(row.decision == "review" for row in found[1:])


@pytest.mark.parametrize(
    "item", [Item("x", "Toenail clipping"), Item("x", "Voided Specimen"), Item("", ""), Item("UTX10", "UTX10", "Urine")]
)
def test_it_abstains_with_a_reason_when_nothing_fits(laboratory: Suggester, item: Item) -> None:
    """It abstains with a reason when nothing fits."""
    [found] = laboratory.suggest(item)
    assert (found.code, found.decision) == ("", "abstain")
    assert found.reason


def test_a_contradicting_unit_or_specimen_is_never_automatic(laboratory: Suggester) -> None:
    """A contradicting unit or specimen is never automatic."""
    for item in (Item("x", "Potassium", "Urine", "mmol/L"), Item("x", "Hemoglobin", "Blood", "mm Hg")):
        assert laboratory.suggest(item)[0].decision != "auto"


def test_a_remembered_decision_comes_before_everything() -> None:
    """A remembered decision comes before everything."""
    item = Item("GLU", "Glucose", "Serum", "mg/dL")
    asked = Suggester(LABORATORY, remembered={remembered_key(item): "2350-7"})
    assert [(row.code, row.score, row.decision) for row in asked.suggest(item)] == [("2350-7", 1.0, "auto")]
    assert asked.suggest(Item("GLU", "Glucose", "Serum", "mmol/L"))[0].code == "14749-6"


@pytest.mark.parametrize(
    ("targets", "item", "code"),
    [
        ({"1": "Myocardial infarction", "2": "Asthma"}, Item("x", "HEART ATTACK", category="Problem"), "1"),
        ({"1": "Type 1 diabetes mellitus", "2": "Type 2 diabetes mellitus"}, Item("x", "DM2", category="Dx"), "2"),
        (
            {"1": "metformin hydrochloride 500 MG Oral Tablet", "2": "metformin hydrochloride 1000 MG Oral Tablet"},
            Item("x", "Glucophage 1000mg tab", category="Medication"),
            "2",
        ),
        ({"1": "Penicillin", "2": "Amoxicillin"}, Item("x", "PCN", category="Allergy"), "1"),
        ({"1": "Appendectomy", "2": "Cholecystectomy"}, Item("x", "gallbladder removal", category="Procedure"), "2"),
        ({"M": "Male", "F": "Female"}, Item("W", "", category="Gender"), "F"),
        ({"M": "Married", "S": "Never Married"}, Item("M", "", category="Marital status"), "M"),
        ({"mg/dL": "milligram per deciliter", "g/L": "gram per liter"}, Item("1", "MG/DL", category="Unit"), "mg/dL"),
        ({"8867-4": "Heart rate", "9279-1": "Respiratory rate"}, Item("x", "PULSE", unit="bpm"), "8867-4"),
    ],
)
def test_other_lists_than_laboratories(targets: dict[str, str], item: Item, code: str) -> None:
    """Other lists than laboratories."""
    assert Suggester(targets).suggest(item)[0].code == code


@pytest.mark.parametrize(
    "text", ["", "\x00", "((((", "=cmd|' /C calc'!A0", "%" * 5000, "\u202e\u0661\u0662", "a" * 100_000, "/", "\ud800"]
)
def test_hostile_text_is_answered(laboratory: Suggester, text: str) -> None:
    """Hostile text is answered."""
    assert laboratory.suggest(Item(text, text, text, text, text))
    assert Suggester({"1": text or "x"}).suggest(Item("a", "Glucose"))


def test_no_targets_are_answered() -> None:
    """No targets are answered."""
    assert Suggester({}).suggest(Item("a", "Glucose"))[0].decision == "abstain"


def test_answers_do_not_depend_on_the_order_of_the_targets() -> None:
    """Answers do not depend on the order of the targets."""
    turned = Suggester(dict(reversed(LABORATORY.items())))
    same = Suggester(LABORATORY)
    for item, _ in ASKED:
        assert turned.suggest(item) == same.suggest(item)


def test_the_model_has_a_weight_for_every_feature() -> None:
    """The model has a weight for every feature."""
    model = load_model()
    assert (set(model.rank), set(model.calibration)) == (set(FEATURES), set(CALIBRATION))
    assert 0 < model.abstain < model.automatic < 1


def test_more_words_are_no_doubt_where_all_else_agrees() -> None:
    """Words that no code knows do not lead to abstaining when name, unit and specimen say what the code says."""
    codes = {
        "3016-3": "Thyrotropin [Units/volume] in Serum or Plasma",
        "3051-0": "Triiodothyronine (T3) Free [Mass/volume] in Serum or Plasma",
    }
    suggester = Suggester(codes)
    for label in ("TSH 3rd gen", "TSH Xylon cobas line two", "stat TSH (north wing)"):
        [first, *_] = suggester.suggest(Item("X", label, "serum", "mIU/L"))
        assert first.code == "3016-3"
        assert first.decision in ("review", "auto")
    [none] = suggester.suggest(Item("X", "cobas line two", "serum", "mIU/L"))
    assert none.code == ""
