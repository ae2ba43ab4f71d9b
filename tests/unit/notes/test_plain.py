"""Marked-up text as words: every word leads back to its place in the source."""

from hypothesis import given
from hypothesis import strategies as st

from unsilo.notes import plain_of_v2, plain_of_xhtml
from unsilo.notes.plain import HEAD


def test_words_of_a_narrative_lead_back() -> None:
    """Words of a narrative lead back."""
    source = (
        '<div xmlns="http://www.w3.org/1999/xhtml"><p>Has <b>fever</b> &amp; chills.</p><ul><li>Gout</li></ul></div>'
    )
    plain = plain_of_xhtml(source)
    assert plain.text == "Has fever & chills.\nGout\n"
    for word in ("fever", "chills", "Gout"):
        at = plain.text.index(word)
        start, end = plain.span(at, at + len(word))
        assert source[start:end] == word


def test_cells_know_their_column() -> None:
    """Cells know their column."""
    source = (
        "<table><thead><tr><th>Problem</th><th>Status</th></tr></thead>"
        "<tbody><tr><td>Asthma</td><td>Resolved</td></tr></tbody></table>"
    )
    plain = plain_of_xhtml(source)
    cells = [(plain.text[c.start : c.end], c.head) for c in plain.columns]
    assert cells == [("Problem", HEAD), ("Status", HEAD), ("Asthma", "Problem"), ("Resolved", "Status")]


def test_scripts_and_comments_are_no_words() -> None:
    """Scripts and comments are no words."""
    assert plain_of_xhtml("a<script>fever</script><!-- gout -->b").text == "ab"


def test_formatted_text_of_v2() -> None:
    """Formatted text of v2."""
    plain = plain_of_v2(r"No fever.\.br\Has \H\gout\N\ \T\ pain")
    assert plain.text == "No fever.\nHas gout & pain"
    at = plain.text.index("gout")
    assert r"No fever.\.br\Has \H\gout\N\ \T\ pain"[slice(*plain.span(at, at + 4))] == "gout"


@given(st.text(alphabet="<>/&;tdrh pab\\.\n\"'=#x1", max_size=300))
def test_any_markup_gives_words_with_places(source: str) -> None:
    """Any markup gives words with places."""
    for plain in (plain_of_xhtml(source), plain_of_v2(source)):
        for place in range(len(plain.text)):
            start, end = plain.span(place, place + 1)
            assert 0 <= start <= end <= len(source) + 1
