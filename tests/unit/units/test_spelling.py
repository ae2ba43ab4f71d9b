"""Spellings of units that are not UCUM: read by the table or not at all."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.units import canonical, normalise
from unsilo.units.spelling import aliases, fold, reason

EXAMPLES = [
    ("mEq/L", "meq/L", "alias"),
    ("cells/uL", "{cells}/uL", "alias"),
    ("mcg", "ug", "alias"),
    ("µg/dL", "ug/dL", "alias"),
    ("μg/dL", "ug/dL", "alias"),
    ("IU/L", "[iU]/L", "alias"),
    ("mIU/mL", "m[iU]/mL", "alias"),
    ("mmol/l", "mmol/l", "exact"),
    (" mg/dL ", "mg/dL", "exact"),
    ("U/L", "U/L", "exact"),
    ("K/uL", "10*3/uL", "alias"),
    ("M/uL", "10*6/uL", "alias"),
    ("10^3/uL", "10^3/uL", "exact"),
    ("x10E3/uL", "10*3/uL", "alias"),
    ("10³/µL", "10*3/uL", "alias"),
    ("sec", "s", "alias"),
    ("hrs", "h", "alias"),
    ("deg C", "Cel", "alias"),
    ("°F", "[degF]", "alias"),
    ("C", "Cel", "alias"),
    ("mm Hg", "mm[Hg]", "alias"),
    ("gm/dL", "g/dL", "alias"),
    ("MG/DL", "mg/dL", "alias"),
    ("MMOL/L", "mmol/L", "alias"),
    ("MG/ML", "mg/mL", "alias"),
    ("Meq/L", "meq/L", "alias"),
    ("mcg/kg/hr", "ug/kg/h", "alias"),
    ("mEq/24 hr", "meq/(24.h)", "alias"),
    ("mL/min/1.73 m²", "mL/min/{1.73_m2}", "alias"),
    ("mL/min/1.73", "mL/min/{1.73_m2}", "alias"),
    ("mL/min/{1.73_m2}", "mL/min/{1.73_m2}", "exact"),
    ("pH", "[pH]", "alias"),
    ("u/L", "U/L", "alias"),
    ("bpm", "/min", "alias"),
    ("MIU/ML", "m[iU]/mL", "alias"),
    ("MIU", "", "none"),
    ("MU", "", "none"),
    ("gr", "", "none"),
    ("N/A", "", "none"),
    ("G/24h", "", "none"),
    ("tablet", "{tbl}", "alias"),
    ("units", "", "none"),
    ("oz", "", "none"),
    ("G/L", "", "none"),
    ("AU/mL", "", "none"),
    ("1.73", "", "none"),
    ("2.5.mg", "", "none"),
    ("mg/dl/", "", "none"),
    ("lb/oz", "", "none"),
    ("nonsense", "", "none"),
    ("", "", "none"),
    ("/", "", "none"),
    ("   ", "", "none"),
    ("\x00", "", "none"),
]


@pytest.mark.parametrize(("text", "code", "how"), EXAMPLES)
def test_spellings(text: str, code: str, how: str) -> None:
    """The code and the way it was found; a spelling with two meanings has none."""
    assert normalise(text) == (code, how)


def test_every_row_is_reviewed() -> None:
    """Codes parse; no spelling stands twice; a spelling that is UCUM as well says for what, and depends on its case."""
    seen: set[tuple[str, str]] = set()
    for row in aliases():
        assert row.place in ("whole", "part", "inside"), row
        assert row.case in ("exact", "any"), row
        assert row.code == "" or canonical(row.code) is not None, row
        assert row.code or row.note, f"{row}: what has no code says why"
        key = (row.case, row.spelling if row.case == "exact" else fold(row.spelling))
        assert key not in seen, row
        seen.add(key)
        meant = canonical(row.spelling)
        if meant is not None and meant != canonical(row.code):
            assert row.case == "exact", f"{row}: never reached, it is UCUM as it stands"
            assert row.note, f"{row}: says what else it is"
        if row.place != "inside":
            assert normalise(row.spelling).code == row.code, row
            assert reason(row.spelling) == row.note, row


def test_capitals_do_not_change_the_unit_silently() -> None:
    """No way of writing a row in capitals is UCUM for another unit, unless a row of its own says what is meant."""
    for row in aliases():
        if row.case == "any" and row.place != "inside":
            for text in {row.spelling.upper(), row.spelling.capitalize(), row.spelling.lower()}:
                assert canonical(normalise(text).code) == canonical(row.code), (row, text)


def test_what_is_exact_is_not_touched() -> None:
    """UCUM comes back as it was written, apart from white space around it."""
    for code in ("mg/dL", "10*9/L", "[degF]", "{score}", "Cel", "ug/(24.h)"):
        assert normalise(f"  {code}\t") == (code, "exact")


@given(st.text(max_size=60) | st.from_regex(re.compile(r"[A-Za-z0-9 /.*^(){}µ%-]{0,40}"), fullmatch=True))
def test_any_text_is_answered(text: str) -> None:
    """The answer is a unit, or none; a code that is given is always UCUM."""
    code, how = normalise(text)
    assert (code == "") == (how == "none")
    assert how == "none" or canonical(code) is not None


def test_long_text_is_not_looked_at() -> None:
    """A megabyte of text is none, at once."""
    assert normalise("m/" * 500_000) == ("", "none")
