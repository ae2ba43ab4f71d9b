"""Kinds of documents: codes before words, one type, any number of specialties."""

from unsilo.notes.kinds import Kind, kinds_of


def test_a_code_says_more_than_a_title() -> None:
    """The type comes from the LOINC document code; the title may add a specialty."""
    assert kinds_of(["18842-5"], "Cardiology progress note") == [
        Kind("type", "discharge", "code"), Kind("specialty", "cardiology", "word"),
    ]  # fmt: skip


def test_words_are_whole_words() -> None:
    """`ct scan` is not in `duct scan`."""
    assert [kind.tag for kind in kinds_of([], "CT scan of the chest")] == ["imaging"]
    assert kinds_of([], "Duct scanning") == []


def test_what_holds_no_care_is_administrative() -> None:
    """So that it can be left out."""
    assert kinds_of([], "Insurance card") == [Kind("content", "administrative", "word")]
    assert kinds_of(["?"], "") == []
