"""Fellegi-Sunter over the levels of two persons, with the cautions that no sum of weights may overrule."""

from math import log2
from typing import Literal

import msgspec

from unsilo.identity.batch import compare
from unsilo.identity.batch.frequency import Frequencies
from unsilo.identity.batch.person import Person
from unsilo.identity.batch.tables import weights

__all__ = ["Part", "Scorer", "Verdict"]

_GENERATION = 12  # years between birth dates from which two of one name are more likely parent and child
_LIKE_GIVEN = frozenset({"exact", "nickname", "joined"})
_CAUTIONS = {
    "twin": "the given names differ and the birth date is the same: they may be twins",
    "household": "the given names differ and so do the birth dates: they may live together",
    "shared": "the given names and the birth dates differ: they may use one number",
    "generation": "the name is the same and the birth dates lie a generation apart",
    "suffix": "one is junior and the other senior",
    "newborn": "one was named for the mother, so a brother or sister fits as well",
    "birth": "without a birth date that agrees nobody is linked unless a whole number agrees",
    "name": "without a name on both sides nobody is linked unless a whole number agrees",
    "number": "the numbers differ and the given names are not the same",
    "sex": "the sexes differ and the given names are not the same",
}


class Part(msgspec.Struct, frozen=True):
    """What one field adds: its level and weight in bits; the field `prior` is what is thought before any field."""

    field: str
    level: str
    weight: float


class Verdict(msgspec.Struct, frozen=True):
    """A pair decided: the parts sum to `score` (bits); `cautions` are ids that keep it from being linked."""

    parts: tuple[Part, ...]
    score: float
    probability: float
    outcome: Literal["link", "review", "new"]
    cautions: tuple[str, ...]
    sentence: str


def probability(score: float) -> float:
    """Return the probability of log odds in bits."""
    return float(1 / (1 + 2.0 ** -max(min(score, 1000.0), -1000.0)))


def odds(chance: float) -> float:
    """Return the log odds in bits of a probability between 0 and 1, both excluded."""
    return log2(chance / (1 - chance))


class Scorer:
    """Scores pairs of one file. `link_at` and `review_at` are probabilities, 0 < review_at <= link_at < 1.

    The prior is one partner for each row among all other rows (of 1,000 at least).
    """

    def __init__(self, frequencies: Frequencies, *, link_at: float = 0.99, review_at: float = 0.2) -> None:
        self.link, self.review = odds(link_at), odds(review_at)
        self.prior = -log2(max(frequencies.rows, 1000))
        self._bits = {key: weight.bits for key, weight in weights().items()}
        table = weights()
        self._rarer = {name: log2(table[name, "swapped"].m / table[name, "exact"].m) for name in ("given", "family")}
        self._more, self._usual = frequencies.more, frequencies.usual

    def levels(self, a: Person, b: Person) -> dict[str, str]:
        """Return the level of each field that both sides have."""
        given, family = compare.names(a, b)
        found = {
            "given": given, "family": family, "birth": compare.birth(a.birth, b.birth),
            "sex": ("exact" if a.sex == b.sex else "different") if a.sex and b.sex else "",
            "ssn": compare.ssn(a, b), "mrn": "exact" if a.mrn and a.mrn == b.mrn else "",
            "phone": ("exact" if a.phone == b.phone else "different") if a.phone and b.phone else "",
            "email": compare.email(a.email, b.email), "address": compare.address(a, b),
        }  # fmt: skip
        return {field: level for field, level in found.items() if level}

    def _weight(self, field: str, level: str, a: Person, b: Person) -> float:
        usual = self._bits[field, level]
        more: float | None = None
        if level == "exact" and field in self._more:
            # The given names may agree in their first word only, and each side may be as rare as it likes.
            more = min(self._more[field].get(getattr(a, field), 1e9), self._more[field].get(getattr(b, field), 1e9))
        elif level == "swapped" and field in ("given", "family"):
            # Two usual names meet in either order by chance too: as rare as they are, less what exchanging is rarer.
            rare = min(self._more[field].get(getattr(p, field), 1e9) for p in (a, b))
            more = min(usual, rare + self._rarer[field])
        elif field == "address" and level == "city":
            more = min(usual, self._more["city"].get(a.city, usual))
        return usual if more is None or more == 1e9 else more

    def score(self, a: Person, b: Person) -> tuple[float, dict[str, str]]:
        """Return the log odds in bits that two rows are one person, and the levels."""
        levels = self.levels(a, b)
        return self.prior + sum(self._weight(field, level, a, b) for field, level in levels.items()), levels

    def cautions(self, levels: dict[str, str], a: Person, b: Person) -> list[str]:
        """Return the ids of what keeps a pair from being linked, however much agrees; `household` parts it."""
        given, born, number = levels.get("given", ""), levels.get("birth", ""), levels.get("ssn", "")
        whole = number in ("exact", "near")
        found: list[str] = []
        if given in ("different", "alike") and not whole:
            if born == "exact":
                found.append("twin")
            elif given == "different" and born in ("different", "year", "two"):
                found.append("household")
        elif given == "different" and born in ("different", "year", "two"):
            found.append("shared")
        if a.generation and b.generation and a.generation != b.generation:
            found.append("suffix")
        if (
            born == "different"
            and given in _LIKE_GIVEN
            and not whole
            and abs(int(a.birth[:4]) - int(b.birth[:4])) >= _GENERATION
        ):
            found.append("generation")
        if (a.newborn or b.newborn) and not (whole or "mrn" in levels):
            found.append("newborn")
        if born in ("", "different") and not whole:
            found.append("birth")
        if not given and not (whole or "mrn" in levels or levels.get("email") == "exact"):
            found.append("name")
        if given not in _LIKE_GIVEN and given:
            names = given != "similar" or {a.first, b.first} <= self._usual  # neither is a slip of the pen
            if (
                names
                and born == "exact"
                and number in ("different", "sequence")
                and levels.get("family") != "different"
            ):
                found.append("number")
            if levels.get("sex") == "different":
                found.append("sex")
        return found

    def apart(self, levels: dict[str, str], cautions: list[str], a: Person, b: Person) -> bool:
        """Say whether the cautions speak of two persons so strongly that no third row may join them."""
        return "suffix" in cautions or (
            levels.get("given") == "different"
            and levels.get("family", "different") != "different"
            and {a.first, b.first} <= self._usual
            and not {"twin", "household", "sex", "number"}.isdisjoint(cautions)
        )

    def outcome(self, score: float, cautions: list[str]) -> Literal["link", "review", "new"]:
        """Return what follows from a score and its cautions."""
        if score < self.review or "household" in cautions:
            return "new"
        return "review" if cautions or score < self.link else "link"

    def explain(self, a: Person, b: Person) -> Verdict:
        """Score a pair and say why, each field's part in bits; missing fields say nothing and weigh nothing."""
        score, levels = self.score(a, b)
        cautions = self.cautions(levels, a, b)
        parts = (
            Part("prior", "before anything is compared", self.prior),
            *(Part(field, level, self._weight(field, level, a, b)) for field, level in levels.items()),
        )
        outcome = self.outcome(score, cautions)
        told = {"link": "Linked", "review": "Left for a person to decide", "new": "Not linked"}[outcome]
        table = weights()
        reasons = [f"{table[p.field, p.level].says} ({p.weight:+.1f})" for p in parts[1:]] or ["nothing to compare"]
        text = f"{told}: {', '.join(reasons)}, before that {self.prior:+.1f}, in all {score:+.1f} bits"
        text += "".join(f"; {_CAUTIONS[caution]}" for caution in cautions) + "."
        return Verdict(parts, score, probability(score), outcome, tuple(cautions), text)
