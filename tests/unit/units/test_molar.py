"""Mass, amount and equivalents by analyte: as reviewed, and never without a row."""

import re
from decimal import Decimal
from fractions import Fraction
from math import isclose

import pytest

from unsilo.units.molar import analyte, analytes, convert_analyte

WEIGHTS = {
    "H": "1.008", "Li": "6.94", "C": "12.011", "N": "14.007", "O": "15.999", "Na": "22.990", "Mg": "24.305",
    "P": "30.974", "S": "32.06", "Cl": "35.45", "K": "39.098", "Ca": "40.078", "Fe": "55.845", "Co": "58.933",
    "Cu": "63.546", "Zn": "65.38", "I": "126.90", "Pb": "207.2",
}  # fmt: skip

CUSTOMARY = [
    ("glucose", "mg/dL", "mmol/L", 0.0555),
    ("creatinine", "mg/dL", "umol/L", 88.4),
    ("urea nitrogen", "mg/dL", "mmol/L", 0.357),
    ("urea", "mg/dL", "mmol/L", 0.1665),
    ("cholesterol", "mg/dL", "mmol/L", 0.02586),
    ("hdl", "mg/dL", "mmol/L", 0.02586),
    ("triglycerides", "mg/dL", "mmol/L", 0.01129),
    ("bilirubin", "mg/dL", "umol/L", 17.1),
    ("calcium", "mg/dL", "mmol/L", 0.2495),
    ("magnesium", "mg/dL", "mmol/L", 0.4114),
    ("phosphate", "mg/dL", "mmol/L", 0.3229),
    ("uric acid", "mg/dL", "umol/L", 59.48),
    ("iron", "ug/dL", "umol/L", 0.1791),
    ("lactate", "mg/dL", "mmol/L", 0.111),
    ("ammonia", "ug/dL", "umol/L", 0.5872),
    ("thyroxine", "ug/dL", "nmol/L", 12.87),
    ("free t4", "ng/dL", "pmol/L", 12.87),
    ("triiodothyronine", "ng/dL", "nmol/L", 0.01536),
    ("cortisol", "ug/dL", "nmol/L", 27.59),
    ("haemoglobin", "g/dL", "mmol/L", 0.6206),
    ("testosterone", "ng/dL", "nmol/L", 0.03467),
    ("estradiol", "pg/mL", "pmol/L", 3.671),
    ("vitamin d", "ng/mL", "nmol/L", 2.496),
    ("vitamin b12", "pg/mL", "pmol/L", 0.7378),
    ("folate", "ng/mL", "nmol/L", 2.266),
    ("digoxin", "ng/mL", "nmol/L", 1.281),
    ("paracetamol", "ug/mL", "umol/L", 6.614),
    ("salicylate", "mg/dL", "mmol/L", 0.0724),
    ("theophylline", "ug/mL", "umol/L", 5.55),
    ("phenytoin", "ug/mL", "umol/L", 3.964),
    ("ethanol", "mg/dL", "mmol/L", 0.2171),
    ("lead", "ug/dL", "umol/L", 0.0483),
]


@pytest.mark.parametrize(("name", "mass", "amount", "factor"), CUSTOMARY)
def test_the_customary_factors(name: str, mass: str, amount: str, factor: float) -> None:
    """The factor of textbooks comes out within their rounding, and the way back undoes it."""
    found = convert_analyte(Decimal(1), mass, amount, name).value
    assert found is not None
    assert isclose(found, factor, rel_tol=2e-3)
    back = convert_analyte(found, amount, mass, name).value
    assert back is not None
    assert isclose(back, 1, rel_tol=1e-12)


@pytest.mark.parametrize("row", analytes(), ids=lambda row: row.name)
def test_molar_masses_are_those_of_the_formulas(row: object) -> None:
    """A molar mass is the sum of the IUPAC abridged standard atomic weights of its formula, or names its source."""
    found = analyte(row.names[0])  # type: ignore[attr-defined]
    assert found is row
    if not found.formula:
        assert found.source
        return
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", found.formula)
    assert "".join(symbol + count for symbol, count in parts) == found.formula
    assert found.molar_mass == sum(Fraction(WEIGHTS[symbol]) * int(count or 1) for symbol, count in parts)


def test_names_and_codes_belong_to_one_row() -> None:
    """No name or code stands in two rows; codes have the LOINC check digit."""
    keys = [key for row in analytes() for key in (*row.names, *row.loinc)]
    assert len(keys) == len(set(keys))
    for code in (code for row in analytes() for code in row.loinc):
        number, digit = code.split("-")
        total = sum(
            sum(divmod(int(d) * 2, 10)) if place % 2 == 0 else int(d) for place, d in enumerate(reversed(number))
        )
        assert (10 - total % 10) % 10 == int(digit), code


def test_equivalents_by_valence() -> None:
    """Calcium has two equivalents a mole, sodium one; through mass as well."""
    assert convert_analyte(Decimal("2.5"), "mmol/L", "meq/L", "calcium").value == 5
    assert convert_analyte(Decimal(140), "meq/L", "mmol/L", "2951-2").value == 140
    assert convert_analyte(Decimal("40.078"), "mg/L", "meq/L", "17861-6").value == 2


def test_comparable_units_need_no_row() -> None:
    """Within one kind nothing is asked of the table, and the analyte does not matter."""
    assert convert_analyte(Decimal(1), "g/L", "mg/dL", "unheard of").value == 100


REFUSED = [
    ("1", "mg/dL", "mmol/L", "unheard of", "units.analyte.unknown"),
    ("1", "mg/dL", "mmol/L", "", "units.analyte.unknown"),
    ("1", "mg/dL", "mmol/L", "gluco", "units.analyte.unknown"),
    ("1", "mg/dL", "mmol/L", "0000-0", "units.analyte.unknown"),
    ("1", "meq/L", "mmol/L", "phosphate", "units.analyte.valence"),
    ("1", "meq/L", "mmol/L", "glucose", "units.analyte.valence"),
    ("1", "mg/dL", "/uL", "glucose", "units.analyte.dimension"),
    ("1", "mg/dL", "mmol", "glucose", "units.analyte.dimension"),
    ("1", "mg/mmol", "mg/g", "creatinine", "units.analyte.dimension"),
    ("1", "mosm/kg", "mmol/kg", "sodium", "units.analyte.dimension"),
    ("1", "[pH]", "mg/L", "glucose", "units.analyte.dimension"),
    ("1", "U/L", "mg/L", "glucose", "units.analyte.dimension"),
    ("1", "mg/dl/", "mmol/L", "glucose", "units.ucum.end"),
    ("NaN", "mg/dL", "mmol/L", "glucose", "units.convert.number"),
    ("1e99999999", "mg/dL", "mmol/L", "glucose", "units.convert.number"),
]


@pytest.mark.parametrize(("value", "source", "target", "key", "rule"), REFUSED)
def test_nothing_is_guessed(value: str, source: str, target: str, key: str, rule: str) -> None:
    """Without a row, a valence or a common dimension there is an Issue and no number."""
    result = convert_analyte(Decimal(value), source, target, key)
    assert result.value is None
    assert result.issues[0].rule == rule
