"""Whether two statements are of the same thing, of related things or of different ones, with the rule that says so."""

from __future__ import annotations

import msgspec

from unsilo.terminology.same.axes import clash, fits
from unsilo.terminology.same.meaning import Axes, Meaning, Sense
from unsilo.terminology.same.tables import rules

__all__ = ["Verdict", "verdict", "verdict_of_senses"]

_SILENT = frozenset(("medicine",))
"""Domains where not to name a form or salt does not make another thing."""
_APART = {"denied": "apart.denied", "person": "apart.person"}
_NEARNESS = frozenset(rule.rule for rule in rules().values() if rule.outcome != "same") - {"apart.code"}
_KEYED = frozenset(("medicine", "allergen"))
"""Domains where one system has many codes for one thing: products of an ingredient, an allergy and its substance."""


class Verdict(msgspec.Struct, frozen=True):
    """An `outcome` (`same`, `related`, `different`) by a rule and a table's row; `what` names what it is about."""

    outcome: str
    rule: str
    row: str = ""
    what: str = ""

    @property
    def strength(self) -> int:
        """Return 1 for the strongest ground."""
        return rules()[self.rule].strength

    @property
    def words(self) -> str:
        """Return the rule in words, with what it is about and the row it stands on."""
        said = rules()[self.rule].words
        told = f"{said} {self.what}" if self.what else said
        return f"{told} ({self.row})" if self.row else told


def _verdict(rule: str, row: str = "", what: str = "") -> Verdict:
    return Verdict(rules()[rule].outcome, rule, row, what)


def verdict_of_senses(domain: str, one: Sense, other: Sense) -> Verdict | None:
    """Return how two codes or texts stand to each other; None where nothing is known."""
    same = _same(domain, one, other)
    if same is not None:
        return same
    near = _near(domain, one, other)
    if near is not None:
        return near
    if one.system and one.system == other.system and domain not in _KEYED:
        return _verdict("apart.code")
    return None


def _same(domain: str, one: Sense, other: Sense) -> Verdict | None:
    if one.token == other.token:
        return _verdict("same.words" if one.token.startswith("words|") else "same.code")
    found: list[Verdict] = []
    for token, rule, row in one.equal:
        if token == other.token:
            found.append(_verdict(rule, row))
    for token, rule, row in other.equal:
        if token == one.token:
            found.append(_verdict(rule, row))
    parted = bool(one.system) and one.system == other.system and domain not in _KEYED
    for a in one.readings:
        for b in other.readings:
            if a.key == b.key and not fits(a.axes, b.axes, silent=domain in _SILENT):
                rule = max(a.rule, b.rule, key=lambda name: rules()[name].strength)
                if parted and not (a.row and b.row and a.rule == b.rule):
                    continue  # two codes of one system have two meanings, however they are named
                found.append(_verdict(rule, _rows(a.row, b.row)))
    return min(found, key=lambda v: v.strength) if found else None


def _near(domain: str, one: Sense, other: Sense) -> Verdict | None:
    for a in one.readings:
        for b in other.readings:
            if a.key == b.key and (axis := fits(a.axes, b.axes, silent=domain in _SILENT)):
                return _by_axis(axis, a.axes, b.axes)
    if one.token in other.above or other.token in one.above:
        return _verdict("related.parent")
    theirs = {near.key: near for near in other.near}
    for near in one.near:
        if near.key in theirs:
            return _verdict(near.rule, _rows(near.row, theirs[near.key].row), _of_key(near.key))
    if domain == "problem":
        for a in one.readings:
            for b in other.readings:
                if a.key[:2] == b.key[:2] == "n:":
                    first, second = set(a.key[2:].split()), set(b.key[2:].split())
                    # What qualifies the shorter name must hold of the longer one too: type 2 says nothing of insipidus.
                    if (first < second and set(a.axes) <= set(b.axes)) or (
                        second < first and set(b.axes) <= set(a.axes)
                    ):
                        return _verdict("related.narrower")
    return None


def _rows(*said: str) -> str:
    return " ".join(dict.fromkeys(row for each in said for row in each.split()))


def _by_axis(axis: str, one: Axes, other: Axes) -> Verdict:
    mine, theirs = dict(one).get(axis, "not said"), dict(other).get(axis, "not said")
    if axis in _APART:
        return _verdict(_APART[axis])
    return _verdict("related.axis", "", f"{axis}: {mine} and {theirs}")


def _of_key(key: str) -> str:
    kind, _, said = key.partition(":")
    return said if kind in ("f", "c", "i", "v") else ""


def verdict(one: Meaning, other: Meaning) -> Verdict | None:
    """Return how two statements of one domain stand to each other; None where nothing is known, which is not `same`.

    A refuted statement or one entered in error is never the same as one that stands; neither is what the words of
    one deny, doubt, place in the past or in another person, whatever the codes.
    """
    if one.standing != other.standing:
        return _verdict("apart.standing")
    pairs = [(a, b, verdict_of_senses(one.domain, a, b)) for a in one.senses for b in other.senses]
    found = [said for _, _, said in pairs if said is not None and said.outcome == "same"]
    near = next((said for _, _, said in pairs if said is not None and said.rule in _NEARNESS), None)
    if not found:
        return near
    if _only_a_local_code(one, other, pairs):
        return near or _verdict("related.code")
    axis = clash(one.axes, other.axes)
    if axis:
        return _by_axis(axis, one.axes, other.axes)
    best = min(found, key=lambda said: said.strength)
    if _codes_part(one, other, pairs):
        return _verdict("related.code")
    # Another code that both share settles it; without one, what is near on any side keeps them apart.
    return best if best.strength == 1 or near is None else near


def _only_a_local_code(one: Meaning, other: Meaning, pairs: list[tuple[Sense, Sense, Verdict | None]]) -> bool:
    """Tell whether two statements share nothing but a code of their sender while their words differ: `OTHER` and free
    text is no name of a thing."""
    worded = all(any(_is_text(sense) for sense in meaning.senses) for meaning in (one, other))
    shared = [a for a, _, said in pairs if said is not None and said.outcome == "same"]
    return worded and all(not sense.system and not _is_text(sense) for sense in shared)


def _is_text(sense: Sense) -> bool:
    return sense.token.startswith("words|")


def _codes_part(one: Meaning, other: Meaning, pairs: list[tuple[Sense, Sense, Verdict | None]]) -> bool:
    """Tell whether a code of one system stands on one side only, while the other side has another of that system."""
    if one.domain in _KEYED:
        return False
    linked = {sense.token for a, b, said in pairs if said is not None and said.outcome == "same" for sense in (a, b)
              if a.system == b.system}  # fmt: skip
    mine = {sense.system for sense in one.senses if sense.system}
    theirs = {sense.system for sense in other.senses if sense.system}
    return any(sense.system in mine & theirs and sense.token not in linked for sense in (*one.senses, *other.senses))
