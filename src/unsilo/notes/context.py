"""What the words around a fact say of it: not present, doubtful, past, of a relative, planned (ConText)."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from unsilo.notes.model import Said
from unsilo.notes.tables import Rule, rows, rules
from unsilo.notes.tokens import Token, tokens

__all__ = ["Mark", "Span", "marks", "said_of"]

_ENDS: dict[str, frozenset[str]] = {
    "neg": frozenset(("poss", "hist", "plan", "stopped", "resolved", "on", "allergy", "fam")),
    "poss": frozenset(("hist", "plan", "resolved", "stopped", "on")),
    "plan": frozenset(("neg", "hist", "stopped", "on", "allergy")),
    "stopped": frozenset(("hist", "plan", "on", "allergy")),
    "on": frozenset(("neg", "plan", "stopped", "hist", "allergy")),
    "hyp": frozenset(("neg", "hist", "on")),
    "allergy": frozenset(("plan", "stopped")),
    "resolved": frozenset(("hist", "on")),
}
"""What the reach of a rule ends: a new statement of one kind closes earlier ones of these kinds."""


class Mark(NamedTuple):
    """A phrase of the table in a sentence, tokens `first` to `last` (included)."""

    first: int
    last: int
    rule: Rule


class Span(NamedTuple):
    """A concept in a sentence: its tokens, its kind, and whether it may be an allergen."""

    first: int
    last: int
    kind: str
    substance: bool


class _Relative(NamedTuple):
    first: int
    last: int
    name: str
    what: str


@cache
def _phrases() -> dict[str, list[tuple[tuple[str, ...], Rule]]]:
    found: dict[str, list[tuple[tuple[str, ...], Rule]]] = {}
    for rule in rules():
        words = tuple(token.text.lower() for token in tokens(rule.phrase))
        found.setdefault(words[0], []).append((words, rule))
    for options in found.values():
        options.sort(key=lambda option: -len(option[0]))
    return found


@cache
def _relatives() -> dict[str, list[tuple[tuple[str, ...], str, str]]]:
    found: dict[str, list[tuple[tuple[str, ...], str, str]]] = {}
    for row in rows("relatives"):
        for name in row["words"].split(";"):
            words = tuple(name.split())
            found.setdefault(words[0], []).append((words, row["relative"], row["who"]))
    for options in found.values():
        options.sort(key=lambda option: -len(option[0]))
    return found


@cache
def _informing() -> frozenset[str]:
    return frozenset(row["word"] for row in rows("informing"))


_COMPANY = frozenset(("with", "by", "per", "from", "to", "her", "his", "and"))


_WHOSE = frozenset(("her", "his", "their", "one", "two", "three", "other", "eldest", "youngest"))
_CHILD = frozenset(("child", "son", "daughter"))
"""Who the patient is when a parent tells."""


def marks(found: Sequence[Token]) -> list[Mark]:
    """Return the phrases of the table in a sentence, the longest first; one phrase may say several things."""
    phrases = _phrases()
    low = [token.text.lower() for token in found]
    out: list[Mark] = []
    at = 0
    while at < len(low):
        length = 0
        for words, rule in phrases.get(low[at], ()):
            if len(words) < length:
                break
            if tuple(low[at : at + len(words)]) == words:
                length = len(words)
                out.append(Mark(at, at + length - 1, rule))
        at += max(length, 1)
    return out


def _kin(found: Sequence[Token]) -> list[_Relative]:
    """Return the people in a sentence; one who only reports or comes along is not one of whom something is said."""
    table, informing = _relatives(), _informing()
    low = [token.text.lower() for token in found]
    out: list[_Relative] = []
    told = False
    at = 0
    while at < len(low):
        length = 1
        for words, name, what in table.get(low[at], ()):
            if tuple(low[at : at + len(words)]) == words:
                length = len(words)
                after = low[at + length] if at + length < len(low) else ""
                if after in ("is", "was", "also", "who") and at + length + 1 < len(low):
                    after = low[at + length + 1]
                if name == "child" and not (at and low[at - 1] in _WHOSE):
                    break
                before = [word for word in low[max(0, at - 2) : at] if word in _COMPANY]
                company = bool(before) and before[0] in ("with", "by", "per", "from", "to")
                if after in informing:
                    told = True
                elif not company and not (told and name in _CHILD):
                    out.append(_Relative(at, at + length - 1, name, what))
                break
        at += length
    return out


def _words_between(found: Sequence[Token], start: int, end: int) -> int:
    return sum(bool(found[n].form) for n in range(start, end))


def _applies(rule: Rule, kind: str) -> bool:
    return not rule.who or kind in rule.who.split()


def _is_free(mark: Mark, covered: Sequence[bool]) -> bool:
    """Tell whether a phrase is no part of a concept's own words."""
    return not all(covered[mark.first : mark.last + 1])


class _Reaching:
    """The phrases whose reach is open at a place of the sentence, for one kind of concept."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.open: dict[str, Mark] = {}

    def meet(self, mark: Mark) -> None:
        """Take a phrase in: it ends what it ends, and its own reach begins."""
        rule = mark.rule
        if rule.says == "end":
            ends = rule.who.split()
            self.open = {
                says: one
                for says, one in self.open.items()
                if (says not in ends if ends else says == "hyp") or one.last >= mark.first
            }
        elif rule.where == "before" and _applies(rule, self.kind):
            ended = _ENDS.get(rule.says, frozenset())
            self.open = {says: one for says, one in self.open.items() if says not in ended or one.last >= mark.first}
            if rule.says != "pseudo":
                self.open[rule.says] = mark


def said_of(found: Sequence[Token], spans: Sequence[Span]) -> list[list[Said]]:
    """Return what is said of each concept of one sentence, by the rules of the table; one pass, so linear in it."""
    covered = [False] * len(found)
    for span in spans:
        covered[span.first : span.last + 1] = [True] * (span.last + 1 - span.first)
    known = [mark for mark in marks(found) if mark.rule.says == "allergy" or _is_free(mark, covered)]
    here: list[dict[str, Said]] = [{} for _ in spans]
    reaching: dict[str, _Reaching] = {}
    for kind in {name for span in spans for name in _kinds(span)}:
        reaching[kind] = _Reaching(kind)
    at = 0
    for number, span in enumerate(spans):
        while at < len(known) and known[at].first < span.first:
            for each in reaching.values():
                each.meet(known[at])
            at += 1
        for kind in _kinds(span):
            for says, mark in reaching[kind].open.items():
                if says != "on" and mark.last < span.first and _near(found, mark, span):
                    here[number].setdefault(says, Said(says, mark.rule.id))
    for mark in known:
        if mark.rule.where in ("after", "answer"):
            for number in _behind(found, mark, spans, known):
                here[number].setdefault(mark.rule.says, Said(mark.rule.says, mark.rule.id))
    kin = _kin(found)
    for number, span in enumerate(spans):
        for person in _whose(found, kin, span, spans, known):
            here[number][f"{person.what}:{person.name}"] = Said(
                person.what, f"who.{person.name or 'family'}", person.name
            )
    return [list(each.values()) for each in here]


def _kinds(span: Span) -> tuple[str, ...]:
    return (span.kind, "substance") if span.substance else (span.kind,)


def _near(found: Sequence[Token], mark: Mark, span: Span) -> bool:
    """Tell whether a concept is within a phrase's reach; the items of a list lengthen it."""
    if not mark.rule.reach:
        return True
    words = _words_between(found, mark.last + 1, span.first)
    return words <= mark.rule.reach or (
        words <= mark.rule.reach + 12
        and any(found[n].text in (",", "and", "or", "/") for n in range(mark.last + 1, span.first))
    )


def _behind(found: Sequence[Token], mark: Mark, spans: Sequence[Span], known: Sequence[Mark]) -> list[int]:
    """Return the concepts that a phrase after them speaks of: the nearest, and those that a list joins to it."""
    rule = mark.rule
    number = bisect_right([span.last for span in spans], mark.first - 1) - 1
    while number >= 0 and spans[number].kind == "measure":
        number -= 1
    if number < 0:
        return []
    span = spans[number]
    gap = found[span.last + 1 : mark.first]
    if rule.where == "answer":
        after = found[mark.last + 1] if mark.last + 1 < len(found) else None
        if (after is not None and after.form) or any(token.form for token in gap):
            return []
        if gap and gap[-1].text not in ":-=?(":
            return []
    else:
        if any(m.rule.says == "end" and not m.rule.who and span.last < m.first < mark.first for m in known):
            return []
        if rule.says != "resolved" and any(token.text in ",;" for token in gap):
            return []
        if sum(bool(token.form) for token in gap) > rule.reach:
            return []
    out = [number]
    while rule.where != "answer" and rule.says != "allergy" and number and len(out) < 12:
        between = found[spans[number - 1].last + 1 : spans[number].first]
        if not between or any(token.text.lower() not in (",", "and", "or", "both", "/") for token in between):
            break
        number -= 1
        out.append(number)
    return [n for n in out if any(_applies(rule, kind) for kind in _kinds(spans[n]))]


def _whose(
    found: Sequence[Token], kin: Sequence[_Relative], span: Span, spans: Sequence[Span], known: Sequence[Mark]
) -> list[_Relative]:
    """Return of whom a concept is said, when not of the patient: the one named after it, else the last named before."""
    if not kin or span.kind not in ("problem", "procedure"):
        return []
    for person in kin:
        if person.first > span.last:
            words = [found[n].text.lower() for n in range(span.last + 1, person.first)]
            if words and len(words) <= 4 and words[0] in ("in", "on") and person.what == "fam":
                return [person, *_joined(found, kin, person)]
            if words == ["("] or words == [":"]:
                return [person, *_joined(found, kin, person)]
            break
    before = [person for person in kin if person.last < span.first]
    if not before:
        return []
    person = before[-1]
    taken = found[person.first - 1].text.lower() if person.first else ""
    if taken in ("in", "both", "a", "her", "his") and any(s.last < person.first for s in spans):
        words = [found[n].text.lower() for n in range(max(0, person.first - 3), person.first)]
        if "in" in words:
            return []
    for n in range(person.last + 1, span.first):
        if found[n].text.lower() in ("patient", "pt", "he", "she", "i", "caregiver"):
            return []
    for mark in known:
        if person.last < mark.first < span.first and mark.rule.says == "end" and not mark.rule.who:
            return []
    group = [person]
    index = len(before) - 2
    while index >= 0:
        gap = [found[n].text.lower() for n in range(before[index].last + 1, group[-1].first)]
        if gap and all(word in ("and", ",", "her", "his", "&", "the", "/") for word in gap):
            group.append(before[index])
            index -= 1
        else:
            break
    return group[::-1]


def _joined(found: Sequence[Token], kin: Sequence[_Relative], person: _Relative) -> list[_Relative]:
    """Return the further relatives of `mother and sister`."""
    out = []
    last = person
    for other in kin:
        if other.first > last.last:
            gap = [found[n].text.lower() for n in range(last.last + 1, other.first)]
            if not gap or any(word not in ("and", "&", "/", "her", "his") for word in gap):
                break
            out.append(other)
            last = other
    return out
