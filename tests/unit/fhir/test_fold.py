"""Text for searching is folded: case, accents, width and white space do not matter."""

import pytest

from unsilo.fhir.fold import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [("  Straße  ＡＢ é ", "strasse ab e"), ("Müller-Ångström", "muller-angstrom"), ("", ""), ("\u0301", ""),
     ("İ", "i"), ("ﬁ", "fi"), ("Τέλος", "τελοσ")],
)  # fmt: skip
def test_fold(text: str, folded: str) -> None:
    """Folding twice changes nothing more."""
    assert fold(text) == folded
    assert fold(fold(text)) == folded
