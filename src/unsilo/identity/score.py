"""Fellegi-Sunter over the levels of two persons, weighed against strangers, twins, households and namesakes alike."""

from collections.abc import Iterable
from math import log2
from typing import Literal

import msgspec

from unsilo.identity import compare
from unsilo.identity.frequency import Frequencies, place
from unsilo.identity.person import Person
from unsilo.identity.vocabulary import Relation, Weight, relations, weights

__all__ = ["Outcome", "Part", "Scorer", "Shares", "Verdict", "odds", "probability"]

Outcome = Literal["link", "review", "new"]
_CAUTIONS = {
    "suffix": "one is junior and the other senior",
    "birth": "without a birth date that agrees nobody is linked but by a number, an email address or, where a date is "
    "missing, the given name",
}
_BORN = frozenset(
    ("birth", level) for level in ("exact", "swapped", "near", "decade", "partial", "two", "days", "year")
)
_SURE = frozenset(
    {("ssn", "exact"), ("ssn", "near"), ("ssn", "last4"), ("mrn", "exact"), ("email", "exact"), ("email", "similar")}
)
_BY_USE = {"similar": ("similar", "lookalike"), "alike": ("garbled", "alike"), "different": ("odd", "different")}
"""Levels of two given names: where one of them is not usual, and where both are."""
_NAMED = frozenset(("given", each) for each in "exact nickname short joined similar second swapped".split())
_RECORD = ("mrn", "exact")
_TOWNS = frozenset({("address", "city"), ("area", "city"), ("town", "exact")})
_REMEMBERED = 200_000
"""Combinations of levels of which the bits against relations are kept."""
_SEX = {"m": "male", "f": "female"}
_CLOSE = 3.5
"""Bits by which one person must explain two given names that are not one, for a row without one to join the two."""
_SHOWN, _SAID = 0.005, 0.05
"""Bits from which what relations take off is a part, with two digits, and is said in the sentence, with one."""
_APART = 3.0
"""Bits by which a relation must explain a pair better than one person does, to keep the two apart for ever."""


class Part(msgspec.Struct, frozen=True):
    """What one field adds: its level and weight in bits; the field `prior` is what is thought before any field.

    The field `relation`, when there is one, is what is taken off because people near each other agree in that way too.
    """

    field: str
    level: str
    weight: float
    says: str


class Verdict(msgspec.Struct, frozen=True):
    """A pair decided: the parts sum to `score` (bits) but for a hundredth; `cautions` speak for two persons."""

    parts: tuple[Part, ...]
    score: float
    probability: float
    outcome: Outcome
    cautions: tuple[str, ...]
    sentence: str


def probability(score: float) -> float:
    """Return the probability of log odds in bits."""
    return float(1 / (1 + 2.0 ** -max(min(score, 1000.0), -1000.0)))


def odds(chance: float) -> float:
    """Return the log odds in bits of a probability between 0 and 1, both excluded."""
    return log2(chance / (1 - chance))


class Shares(msgspec.Struct, frozen=True):
    """How many other rows of the same person, and of people in each relation, a row has among all others."""

    same: float = 1.0
    relations: dict[str, float] = {}


class _Against:
    """One relation as the scorer uses it: bits of one person against it by field and level."""

    def __init__(self, relation: Relation, table: dict[tuple[str, str], Weight], shares: Shares) -> None:
        self.name, self.says = relation.name, relation.says
        self.prior = log2(shares.same / shares.relations.get(relation.name, relation.per_row))
        self.bits = {key: log2(table[key].m / u) if u else 0.0 for key, u in relation.u.items()}
        self.own = frozenset(key for key, u in relation.u.items() if u)


def _middle(one: str, other: str) -> str:
    if one == other and len(one) > 1:
        return "exact"
    shorter = min(len(one), len(other))
    return "initial" if one[0] == other[0] and (shorter == 1 or one[:3] == other[:3]) else "different"


class Scorer:
    """Scores pairs. `link_at` and `review_at` are probabilities, 0 < review_at <= link_at < 1.

    The prior is `shares.same` partners for each row among all other rows (of 1,000 at least). Given names that
    `frequencies` knows as usual are no slips of the pen.
    """

    def __init__(
        self, frequencies: Frequencies, *, link_at: float = 0.99, review_at: float = 0.2,
        shares: Shares | None = None, table: dict[tuple[str, str], Weight] | None = None,
    ) -> None:  # fmt: skip
        self.link, self.review = odds(link_at), odds(review_at)
        self.table = table or weights()
        self.shares = shares = shares or Shares()
        self.rows = max(frequencies.rows, 1000)
        self.prior = log2(shares.same / self.rows)
        self._bits = {key: weight.bits for key, weight in self.table.items()}
        self._rarer = {
            name: log2(self.table[name, "swapped"].m / self.table[name, "exact"].m) for name in ("given", "family")
        }
        base = weights()
        self._moved = {key: log2(weight.m / base[key].m) for key, weight in self.table.items()}
        # Frequencies weigh a city as the level of an address does.
        self._towns = {key: log2(self.table[key].m / base["address", "city"].m) for key in _TOWNS}
        self._more, self._usual, self._whole = frequencies.more, frequencies.usual, frequencies.whole
        self._against = [_Against(relation, self.table, shares) for relation in relations()]
        self._known: dict[tuple[tuple[str, str], ...], list[float]] = {}

    def levels(self, a: Person, b: Person) -> list[tuple[str, str]]:
        """Return (field, level) of each field that both sides have."""
        given, family = compare.names(a, b)
        found: list[tuple[str, str]] = []
        if given:
            if given in _BY_USE:
                both = a.first in self._usual and b.first in self._usual  # neither is a slip of the pen
                given = _BY_USE[given][both]
            found.append(("given", given))
        if a.middle and b.middle and given and given != "swapped":
            found.append(("middle", _middle(a.middle, b.middle)))
        if family:
            found.append(("family", family))
            if family == "exact" and given == "exact" and f"{a.first} {a.family}" in self._whole:
                found.append(("name", "usual"))
        level = compare.birth(a.birth, b.birth)
        if level:
            found.append(("birth", level))
        if a.sex and b.sex:
            found.append(("sex", _SEX[a.sex] if a.sex == b.sex else "different"))
        level = compare.ssn(a, b)
        if level:
            found.append(("ssn", level))
        if a.mrn and a.mrn == b.mrn:
            found.append(("mrn", "exact"))
        level = compare.phone(a.phone, b.phone)
        if level:
            found.append(("phone", level))
        level = compare.email(a.email, b.email, compare.shared(a, given, family))
        if level:
            found.append(("email", level))
        where = compare.address(a, b)
        if where[0]:
            found.append(where)
        return found

    def _weight(self, key: tuple[str, str], a: Person, b: Person) -> float:
        usual = self._bits[key]
        if key in _TOWNS:
            return min(usual, self._more["city"].get(a.city, usual) + self._towns[key])
        field, level = key
        if level == "exact":
            more = self._more.get(field)
            if not more:
                return usual
            if field == "address":
                rare = more.get(place(a), 1e9)
                return usual if rare == 1e9 else rare + self._moved[key]
            value = "first" if field == "given" else field
            rare = min(more.get(getattr(a, value), 1e9), more.get(getattr(b, value), 1e9))
            return usual if rare == 1e9 else rare + self._moved[key]
        if level == "swapped" and field in ("given", "family"):
            # Two usual names meet in either order by chance too: as rare as they are, less what exchanging is rarer.
            more = self._more[field]
            return min(
                usual,
                min(more.get(getattr(p, field), 1e9) for p in (a, b))
                + self._rarer[field]
                + self._moved[field, "exact"],
            )
        if field == "name":
            apart = self._weight(("given", "exact"), a, b) + self._weight(("family", "exact"), a, b)
            moved = self._moved["given", "exact"] + self._moved["family", "exact"]
            return min(0.0, self._whole[f"{a.first} {a.family}"] + moved - apart)
        return usual

    def score(self, a: Person, b: Person) -> tuple[float, list[tuple[str, str]]]:
        """Return the log odds in bits that two rows are one person and not two of any kind, and the levels."""
        levels = self.levels(a, b)
        plain = self.prior
        for key in levels:
            plain += self._weight(key, a, b)
        if plain < self.review:
            return plain, levels
        return self._related(plain, levels, a, b), levels

    def _related(self, plain: float, levels: list[tuple[str, str]], a: Person, b: Person) -> float:
        return -log2(2.0 ** -min(plain, 900.0) + sum(2.0**-bits for bits in self._relations(levels, a, b)))

    def _relations(self, levels: list[tuple[str, str]], a: Person, b: Person) -> list[float]:
        """Return the bits of one person against each relation, in the order of `relations`."""
        known = tuple(levels)
        bits = self._known.get(known)
        if bits is None:
            bits = [max(-900.0, each.prior + sum(each.bits.get(key, 0.0) for key in levels)) for each in self._against]
            if len(self._known) < _REMEMBERED:
                self._known[known] = bits
        if _RECORD in known:  # of a record number relations say nothing: it is as among strangers
            more = self._weight(_RECORD, a, b)
            return [each + more for each in bits]
        return bits

    def plain(self, a: Person, b: Person) -> tuple[float, tuple[tuple[str, str], ...]]:
        """Return the bits of one person against strangers before any share is thought of, and the levels."""
        levels = self.levels(a, b)
        return sum(self._weight(key, a, b) for key in levels), tuple(levels)

    def near(self, levels: tuple[tuple[str, str], ...], table: dict[tuple[str, str], Weight]) -> list[float]:
        """Return the bits of one person against each relation by `table`, before any share is thought of."""
        return [
            sum(against.bits[key] + log2(table[key].m / self.table[key].m) for key in levels if key in against.own)
            for against in self._against
        ]

    def cautions(self, levels: Iterable[tuple[str, str]], a: Person, b: Person) -> list[str]:
        """Return the ids of what no sum may overrule: `suffix`, and `birth` where no birth date agrees."""
        found = ["suffix"] if a.generation and b.generation and a.generation != b.generation else []
        said = frozenset(levels)
        if said.isdisjoint(_BORN) and said.isdisjoint(_SURE) and ((a.birth and b.birth) or said.isdisjoint(_NAMED)):
            found.append("birth")
        return found

    def apart(self, levels: list[tuple[str, str]], a: Person, b: Person, *, nameless: bool = False) -> bool:
        """Say whether a pair is two persons so surely that no third row may join them.

        `nameless`: the third row has no given name, or its initial only, so that it fits the other of two twins too.
        """
        if a.generation and b.generation and a.generation != b.generation:
            return True
        found = dict(levels)
        if found.get("given") != "different" and found.get("birth") not in ("different", "generation"):
            return False
        if not {a.first, b.first} <= self._usual:
            return False
        least = _CLOSE if nameless and found.get("given") == "different" else -_APART
        return any(bits < least for bits in self._relations(levels, a, b))

    def outcome(self, score: float, cautions: list[str]) -> Outcome:
        """Return what follows from a score and its cautions."""
        if score < self.review:
            return "new"
        return "review" if cautions or score < self.link else "link"

    def explain(self, a: Person, b: Person) -> Verdict:
        """Score a pair and say why, each field's part in bits; missing fields say nothing and weigh nothing."""
        levels = self.levels(a, b)
        parts = [Part("prior", "", self.prior, "before anything is compared")]
        parts += [Part(key[0], key[1], self._weight(key, a, b), self.table[key].says) for key in levels]
        plain = sum(part.weight for part in parts)
        score, cautions = plain, self.cautions(levels, a, b)
        if plain >= self.review:
            score = self._related(plain, levels, a, b)
            bits = self._relations(levels, a, b)
            nearest = self._against[bits.index(min(bits))]
            if plain - score >= _SHOWN:
                parts.append(Part("relation", nearest.name, score - plain, nearest.says))
            if plain - score >= _SAID:
                cautions += [nearest.name] if score < self.link else []
        outcome = self.outcome(score, cautions)
        told = {"link": "Linked", "review": "Left for a person to decide", "new": "Not linked"}[outcome]
        said = [part for part in parts[1:] if part.field != "relation" or part.weight <= -_SAID]
        reasons = [f"{part.says} ({part.weight:+.1f})" for part in said] or ["nothing to compare"]
        text = f"{told}: {', '.join(reasons)}, before that {self.prior:+.1f}, in all {score:+.1f} bits"
        text += "".join(f"; {_CAUTIONS[caution]}" for caution in cautions if caution in _CAUTIONS) + "."
        return Verdict(tuple(parts), score, probability(score), outcome, tuple(cautions), text)
