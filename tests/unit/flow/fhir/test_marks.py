"""Marks of pages come back as they were made, for their own scope and key only."""

from hypothesis import given
from hypothesis import strategies as st

from unsilo.flow.fhir.marks import mark, unmark

KEY = b"k" * 32
PLACES = st.lists(st.integers(-(1 << 62), 1 << 62) | st.text(max_size=20) | st.floats(allow_nan=False) | st.none()).map(
    tuple
)


@given(PLACES, st.text(max_size=30))
def test_a_mark_gives_its_place_back(place: tuple[object, ...], scope: str) -> None:
    """The same key and scope read it; another scope, another key or a changed letter do not."""
    text = mark(KEY, scope, place)
    assert text.isascii()
    assert unmark(KEY, scope, text) == place
    assert unmark(KEY, scope + "x", text) is None
    assert unmark(b"other" * 6, scope, text) is None
    changed = ("B" if text[0] != "B" else "C") + text[1:]
    assert unmark(KEY, scope, changed) is None


@given(st.text(max_size=60))
def test_made_up_marks_are_none(text: str) -> None:
    """Whatever is sent as a mark is refused quietly."""
    assert unmark(KEY, "s", text) is None
    assert unmark(KEY, "s", "A" * 5000) is None
