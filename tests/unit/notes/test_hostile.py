"""Text that is long, broken or made to be slow: it is read in bounded steps, and what is cut is said."""

import pytest

from unsilo.notes import Dictionary, plain_of_xhtml, read
from unsilo.notes.shipped import shipped_dictionary
from unsilo.notes.tokens import tokens

MOST = 20_000


@pytest.fixture(scope="module")
def words() -> Dictionary:
    return shipped_dictionary()


@pytest.mark.parametrize(
    "text",
    [
        "x" * 200_000,
        "(" * 100_000 + "fever" + ")" * 100_000,
        "no " * 40_000,
        "HTN DM CAD " * 10_000,
        "MI RA MS PT DM PE CP " * 8_000,
        "no fever, possible gout " * 6_000,
        "mother father sister had asthma and " * 4_000,
        "BP 1/1/1/1/1/1/" * 9_000,
        "metformin 5 5 5 5 mg mg mg " * 5_000,
        ":\n" * 50_000,
        "PMH:" * 30_000,
        "- - - * * * " * 10_000,
        "fever\u202e\u2066\u200b\x00\x07 " * 8_000,
        "𝓯𝓮𝓿𝓮𝓻 ﬀ ǅ İ ß " * 8_000,
        "9" * 150_000,
        "1/2/" * 30_000,
        "a/b/c/d" * 20_000,
        "<" * 100_000,
        "\r\n\t" * 30_000,
    ],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_hostile_text_is_read_to_its_bound(text: str, words: Dictionary) -> None:
    """Hostile text is read to its bound."""
    note = read(text, words, most=MOST)
    assert note.read == min(len(text), MOST)
    assert note.cut is (len(text) > MOST)
    for fact in note.facts:
        assert text[fact.start : fact.end] == fact.text


def test_ten_megabytes_are_cut_and_said(words: Dictionary) -> None:
    """Ten megabytes are cut and said."""
    text = "Has fever. " + "lorem ipsum dolor " * 600_000
    note = read(text, words, most=100_000)
    assert (note.cut, note.read) == (True, 100_000)
    assert [fact.text for fact in note.facts] == ["fever"]


@pytest.mark.parametrize("text", ["<td>" * 30_000, "<table>" * 20_000, "<table><tr><th>" * 9_000, "<" + "a" * 90_000])
def test_hostile_markup(text: str) -> None:
    """Hostile markup."""
    assert len(plain_of_xhtml(text).text) <= 2 * len(text)


def test_control_and_bidi_characters_part_words(words: Dictionary) -> None:
    """Control and bidi characters part words."""
    assert read("\u202efever\u202c", words).facts[0].text == "fever"
    assert read("fe\x00ver", words).facts == []


def test_long_words_have_no_form() -> None:
    """Long words have no form."""
    assert tokens("y" * 1000)[0].form == ""
