"""What one statement is about, read from its codes and words: readings that can be compared, and what is near."""

from __future__ import annotations

import msgspec

__all__ = ["Axes", "Meaning", "Near", "Reading", "Sense"]

Axes = tuple[tuple[str, str], ...]
"""(axis, value) pairs in the order of the axes."""


class Reading(msgspec.Struct, frozen=True):
    """One way to understand a name: statements with one `key` and fitting `axes` are of the same thing."""

    key: str
    axes: Axes = ()
    rule: str = "same.name"
    row: str = ""


class Near(msgspec.Struct, frozen=True):
    """What a thing has in common with others that are not it."""

    key: str
    rule: str
    row: str = ""


class Sense(msgspec.Struct, frozen=True):
    """One code (`system|code`) or text (`words|text`) with its name, its readings, and what it is known to equal."""

    token: str
    system: str
    name: str
    readings: tuple[Reading, ...] = ()
    near: tuple[Near, ...] = ()
    equal: tuple[tuple[str, str, str], ...] = ()
    """(token, rule, row) of codes that stand for the same."""
    above: frozenset[str] = frozenset()
    """Tokens of the codes above it in its hierarchy."""
    strengths: tuple[str, ...] = ()


class Meaning(msgspec.Struct, frozen=True):
    """All that one statement says about what it concerns. `standing` parts the refuted from the asserted."""

    domain: str
    senses: tuple[Sense, ...]
    axes: Axes = ()
    """What the statement's own words add to its codes: a side, that it is past, that it is another's."""
    standing: str = ""

    @property
    def strengths(self) -> tuple[str, ...]:
        """Return the strengths that are named, such as `5 mg`."""
        return next((sense.strengths for sense in self.senses if sense.strengths), ())
