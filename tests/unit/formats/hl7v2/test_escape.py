"""Escape sequences: what each means, and what happens to those that mean nothing."""

import pytest

from unsilo.formats.hl7v2 import NONE, Delimiters, unescape

USUAL = Delimiters()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f\P\g", r"a|b^c&d~e\f#g"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"one\.br\two\.ce\three", "one\ntwo\nthree"),
        (r"a\.sp\b\.sp3\c\.sp+2\d", "a\nb\n\n\nc\n\nd"),
        (r"a\.sk3\b", "a   b"),
        (r"\.in+4\\.ti-2\\.fi\\.nf\x", "x"),
        (r"\.BR\x", "\nx"),
        (r"\X41\\X42\C", "ABC"),
        (r"\X0D0A\x", "\r\nx"),
        (r"\XC3A9\ \XC3\\XA9\ ", "é é "),
        (r"\XE9\ ", "é "),
        (r"\X\ \XABC\ \XZZ\ ", r"\X\ \XABC\ \XZZ\ "),
        (r"\Zlocal\ \.xx\ \Q\ ", r"\Zlocal\ \.xx\ \Q\ "),
        ("5\\6 mg", "5\\6 mg"),
        (r"C:\temp\file", r"C:\temp\file"),
        (r"a\b\T\c", r"a\b&c"),
        ("\\", "\\"),
        ("end\\", "end\\"),
        ("\\.br", "\\.br"),
        ("\\X41", "\\X41"),
        (r"\E\T\E\ ", "\\T\\ "),
        ("", ""),
    ],
)
def test_sequences(text, value):
    """Known sequences become what they stand for; unknown and unended ones stay as they are."""
    assert unescape(text, USUAL) == value


def test_hexadecimal_is_read_in_the_message_character_set():
    """`\\X..\\` gives bytes of the message's set, across neighbours."""
    assert unescape(r"\XB3\ ", Delimiters(charset="iso8859_2")) == "ł "
    assert unescape(r"\XA5\\X5C\ ", Delimiters(charset="big5")) == "功 "


def test_iso_2022_switches():
    """`\\M2442\\` reads what follows as JIS X 0208 until `\\C2842\\`."""
    assert unescape(r"\M2442\;3ED\C2842\ x", USUAL) == "山田 x"
    assert unescape(r"a\C2842\b", USUAL) == "ab"
    assert "\x1b" not in unescape(r"\M2442\�", USUAL)


def test_blank_lines_are_bounded():
    """Ten bytes cannot become a million line ends."""
    assert len(unescape(r"\.sp999999999\ ", USUAL)) < 300


def test_other_escape_characters():
    """The escape character is the one of MSH-2; without one nothing is unescaped."""
    assert unescape("a?S?b\\S\\", Delimiters("*", "!", "%", "?", "@")) == "a!b\\S\\"
    assert unescape("a\\T\\b", Delimiters(escape_char=NONE)) == "a\\T\\b"
    assert unescape("a\\T\\b", Delimiters(subcomponent_sep=NONE)) == "a\\T\\b"


@pytest.mark.parametrize("marks", [USUAL, Delimiters("*", "!", "%", "?", "@")])
def test_escaping_and_back(marks):
    """What `escape` writes, `unescape` reads."""
    text = "a|b^c&d~e\\f*!%?@ g\nh"
    escaped = marks.escape(text)
    assert not set(escaped) & {marks.field_sep, marks.component_sep, marks.repetition_sep, marks.subcomponent_sep}
    assert unescape(escaped, marks) == text


def test_escaping_without_escape_character():
    """Where MSH-2 names no escape character, delimiters in a text become blanks."""
    assert Delimiters(escape_char=NONE).escape("a|b^c\nd\x00") == "a b c d"
