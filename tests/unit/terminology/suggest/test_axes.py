"""Displays, labels and units are read for the axes that LOINC tells codes apart by."""

import pytest

from unsilo.terminology.suggest.item import Item, read_item
from unsilo.terminology.suggest.kinds import kind_of_unit
from unsilo.terminology.suggest.tables import fits, methods, properties, property_codes, systems
from unsilo.terminology.suggest.target import read_target, system_of

TARGETS = [
    ("Glucose [Mass/volume] in Serum or Plasma", "mass concentration", "serum or plasma", "", ""),
    ("Calcium [Mass/time] in 24 hour Urine", "mass rate", "urine", "24", ""),
    ("Basophils/100 leukocytes in Blood by Automated count", "fraction", "blood", "", "automated count"),
    ("Specific gravity of Urine by Test strip", "relative density", "urine", "", "test strip"),
    ("Osmolality of Pleural fluid", "osmolality", "pleural fluid", "", ""),
    ("aPTT in Blood by Coagulation assay", "time", "blood", "", "coagulation assay"),
    ("Erythrocyte enzyme panel - Red Blood Cells", "", "red blood cells", "", ""),
    ("Carbon dioxide [Partial pressure] in Exhaled gas --at end expiration", "pressure", "exhaled gas", "", ""),
    ("Glucose:MCnc:Pt:Ser/Plas:Qn:", "mass concentration", "serum or plasma", "", ""),
    ("Protein:MRat:24H:Urine:Qn:", "mass rate", "urine", "24", ""),
    ("Heart rate", "", "", "", ""),
]


@pytest.mark.parametrize(("display", "kind", "system", "hours", "method"), TARGETS)
def test_a_display_is_read_for_its_axes(display: str, kind: str, system: str, hours: str, method: str) -> None:
    """A display is read for its axes."""
    target = read_target("1-1", display)
    assert (target.kind, target.system, target.hours, target.method) == (kind, system, hours, method)


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        ("mg/dL", "mass concentration"), ("mmol/L", "amount concentration"), ("mEq/L", "amount concentration"),
        ("pmol/L", "amount concentration"), ("K/uL", "number concentration"), ("10*12/L", "number concentration"),
        ("G/l", "number concentration"), ("U/L", "catalytic concentration"), ("IU/mL", "arbitrary concentration"),
        ("%", "fraction"), ("/hpf", "number per area"), ("fL", "entitic volume"), ("mm Hg", "pressure"),
        ("mg/24hr", "mass rate"), ("log10 IU/mL", "log number concentration"), ("N/A", "none"), ("sec", "time"),
        ("uIU/mL|uU/mL", "arbitrary concentration"), ("mg/g", "mass content"), ("#ERROR!", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_unit_says_its_kind(unit: str, kind: str) -> None:
    """A unit says its kind."""
    assert kind_of_unit(unit) == kind


@pytest.mark.parametrize(
    ("label", "specimen", "family", "words"),
    [
        ("Albumin, Urine", "", "urine", {"albumin"}),
        ("GLU-S", "", "blood", {"glucose"}),
        ("NA-U", "", "urine", {"sodium"}),
        ("Protein S", "", "", {"protein", "s"}),
        ("24 hr Creatinine", "Urine", "urine", {"creatinine"}),
        ("Leukozyten", "EDTA-Blut", "blood", {"leukocyte"}),
        ("Blood", "Urine", "urine", {"blood"}),
        ("EosFlg", "", "", {"eosinophil"}),
    ],
)
def test_a_label_is_read_for_what_is_measured_and_on_what(
    label: str, specimen: str, family: str, words: set[str]
) -> None:
    """A label is read for what is measured and on what."""
    local = read_item(Item("x", label, specimen))
    assert (local.family, set(local.words)) == (family, words)


@pytest.mark.parametrize("label", ["Voided Specimen", "Gray Top Hold", "Delete", "Send Out", "Reserved 3"])
def test_what_names_no_test_is_refused_with_its_reason(label: str) -> None:
    """What names no test is refused with its reason."""
    assert read_item(Item("x", label, "Blood")).refused


def test_the_tables_hang_together() -> None:
    """The tables hang together."""
    kinds = set(properties().values()) | set(property_codes().values()) | {"relative"}
    assert {kind for _, kind in fits()} <= kinds
    assert all(-1 <= fit <= 1 for fit in fits().values())
    assert all(system_of(row.system)[0] == row.system for row in systems())
    assert len({row.method for row in methods()}) == len(methods())
