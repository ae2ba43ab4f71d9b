"""What loaded terminologies add to the tables: names, synonyms, equivalents, hierarchy and ingredients of codes."""

from __future__ import annotations

from typing import Protocol

from unsilo.terminology.same.meaning import Axes

__all__ = ["NOTHING", "Knowledge", "Nothing"]


class Knowledge(Protocol):
    """What is known of codes; none of it may take long, and what is not at hand is not known."""

    def state(self) -> object:
        """Return what changes when the answers may."""

    def name(self, system: str, code: str) -> str:
        """Return the name of a code, "" for an unknown one."""

    def partial(self, system: str) -> bool:
        """Tell whether only some codes and terms of a system are known, so that a name that was sent counts too."""

    def synonyms(self, system: str, code: str) -> tuple[str, ...]:
        """Return further terms that mean exactly the code."""

    def sole(self, system: str, code: str, text: str) -> bool:
        """Tell whether a text names no other concept of the system than the code."""

    def equal(self, system: str, code: str) -> tuple[tuple[str, str, str], ...]:
        """Return (token, rule, row) of codes that stand for the same."""

    def overlapping(self, system: str, code: str) -> tuple[tuple[str, str], ...]:
        """Return (token, row) of codes that a map relates to the code, but not as its equal."""

    def above(self, system: str, code: str) -> frozenset[str]:
        """Return the tokens of the codes above a code."""

    def ingredients(self, system: str, code: str) -> tuple[str, ...]:
        """Return the names of the active ingredients of a medicine's code, where relations tell them."""

    def substance(self, name: str) -> tuple[tuple[str, ...], str, Axes] | None:
        """Return (ingredients, row, axes) of a substance's or brand's folded name, when it is exactly one."""


class Nothing:
    """No terminology at all: the tables decide alone."""

    def state(self) -> object:
        """Never changes."""
        return None

    def name(self, _system: str, _code: str) -> str:
        """Know no name."""
        return ""

    def partial(self, _system: str) -> bool:
        """Know nothing whole."""
        return True

    def synonyms(self, _system: str, _code: str) -> tuple[str, ...]:
        """Know no synonyms."""
        return ()

    def sole(self, _system: str, _code: str, _text: str) -> bool:
        """Vouch for no text."""
        return False

    def equal(self, _system: str, _code: str) -> tuple[tuple[str, str, str], ...]:
        """Know no maps."""
        return ()

    def overlapping(self, _system: str, _code: str) -> tuple[tuple[str, str], ...]:
        """Know no maps."""
        return ()

    def above(self, _system: str, _code: str) -> frozenset[str]:
        """Know no hierarchy."""
        return frozenset()

    def ingredients(self, _system: str, _code: str) -> tuple[str, ...]:
        """Know no relations."""
        return ()

    def substance(self, _name: str) -> tuple[tuple[str, ...], str, Axes] | None:
        """Know no substances."""
        return None


NOTHING: Knowledge = Nothing()
