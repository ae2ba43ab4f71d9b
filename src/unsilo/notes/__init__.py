"""Reads notes for facts: sections, terms of the loaded terminologies, numbers, and what the text says of them."""

from unsilo.notes.derived import Derived, derived
from unsilo.notes.dictionary import Dictionary, Entry, build
from unsilo.notes.model import Fact, Note, Said
from unsilo.notes.plain import Plain, plain_of, plain_of_v2, plain_of_xhtml
from unsilo.notes.read import MOST, read
from unsilo.notes.sections import NO_SECTION, by_loinc, section_named

__all__ = [
    "MOST",
    "NO_SECTION",
    "Derived",
    "Dictionary",
    "Entry",
    "Fact",
    "Note",
    "Plain",
    "Said",
    "build",
    "by_loinc",
    "derived",
    "plain_of",
    "plain_of_v2",
    "plain_of_xhtml",
    "read",
    "section_named",
]
