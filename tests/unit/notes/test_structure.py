"""Headings, sentences, lists and lines that a sender broke."""

from unsilo.notes.sections import section_named, sections
from unsilo.notes.sentences import sentences
from unsilo.notes.times import time_after


def cut(text: str) -> list[str]:
    return [text[a:b] for a, b in sentences(text, 0, len(text))]


def keys(text: str) -> list[tuple[str, str]]:
    return [(one.heading.key, text[one.start : one.end].strip()) for one in sections(text)]


def test_headings_alone_and_with_words_behind() -> None:
    """Headings alone and with words behind."""
    text = "HPI:\nCough.\nPMH: HTN, DM\nFAMILY HISTORY\nMother with gout.\n\nUnknown Heading:\nFever."
    assert keys(text) == [
        ("present-illness", "Cough."), ("past-history", "HTN, DM"), ("family-history", "Mother with gout."),
        ("", "Fever."),
    ]  # fmt: skip


def test_an_inline_heading_governs_its_line_and_what_goes_on_with_it() -> None:
    """The next sentence on a line of its own is of nobody's family."""
    assert keys("PMH: HTN\n\nShe has fever.")[1] == ("", "She has fever.")
    assert keys("Family history: gout.\nWarfarin started.")[1] == ("", "Warfarin started.")
    assert keys("PMH: HTN,\nDM\n- gout\nHas fever.")[0] == ("past-history", "HTN,\nDM\n- gout")


def test_a_line_that_only_begins_like_a_heading_is_none() -> None:
    """A line that only begins like a heading is none."""
    assert keys("Plan to start insulin.") == [("", "Plan to start insulin.")]
    assert keys("Hypertension: continue.") == [("", "Hypertension: continue.")]


def test_headings_are_found_by_any_of_their_names() -> None:
    """Headings are found by any of their names."""
    assert section_named("Past Medical History").loinc == "11348-0"
    assert section_named("assessment & plan").key == "assessment"


def test_sentences_survive_abbreviations_numbers_and_items() -> None:
    """Sentences survive abbreviations numbers and items."""
    assert cut("Seen by Dr. Smith. Na 132.5 today. 1. Gout 2. Asthma") == [
        "Seen by Dr. Smith", "Na 132.5 today", "1. Gout 2", "Asthma",
    ]  # fmt: skip


def test_a_broken_line_goes_on_and_a_list_does_not() -> None:
    """A broken line goes on and a list does not."""
    assert cut("denies chest pain,\nfever or chills\nHas gout") == ["denies chest pain,\nfever or chills", "Has gout"]
    assert cut("Asthma\nGout\n- Fever") == ["Asthma", "Gout", "- Fever"]


def test_what_has_no_end_is_cut() -> None:
    """What has no end is cut."""
    assert max(len(piece) for piece in cut("word " * 3000)) <= 1000
    assert max(len(piece) for piece in cut("w" * 5000)) <= 1000


def test_times() -> None:
    """Times."""
    assert time_after(" since 2015") == ("since", "2015")
    assert time_after(" in March 2020 with aphasia") == ("on", "2020-03")
    assert time_after(" on 6/22/2015") == ("on", "2015-06-22")
    assert time_after(" x 3 days") == ("for", "P3D")
    assert time_after(" two years ago") == ("ago", "P2Y")
    assert time_after(" at age 52") == ("age", "52")
    assert time_after(" for 2 hours") == ("for", "PT2H")
    assert time_after(" in the morning") is None
    assert time_after(" on 13/45/2015") is None
