"""Suggest: read the item, find candidates, compare, rank, calibrate, and decide or abstain."""

from collections.abc import Mapping, Sequence
from math import exp
from typing import Literal, NamedTuple

from unsilo.terminology.suggest.embedding import Embeddings, Vector, alike
from unsilo.terminology.suggest.features import FEATURES, Pair, compare
from unsilo.terminology.suggest.index import Index
from unsilo.terminology.suggest.item import Item, Local, read_item
from unsilo.terminology.suggest.model import CALIBRATION, Model, load_model, sigmoid
from unsilo.terminology.suggest.target import TABLES, Target, has_axes, read_target
from unsilo.units import canonical, normalise

__all__ = ["Decision", "Ranked", "Suggester", "Suggestion"]

Decision = Literal["auto", "review", "abstain"]
_CANDIDATES = 60
_MOST_MEANT = 5_000
_MEANT, _LEAST_MEANT, _ENOUGH_MEANT = 10, 0.5, 0.6
"""Candidates by meaning at most, and the cosine from which one is looked at, and from which it is enough alone."""
_LEAST_COVERED = 0.3
_SYNONYM = 0.9
_WHOLE = 0.95
_AXES_SHARE, _ONLY_AXES = 0.2, 0.6
_PLAIN = ("medic", "pharm", "prescri", "problem", "diagnos", "condition", "allerg", "procedure", "unit", "demogra",
          "gender", "race", "marital", "language", "ethnic", "religion", "immuni", "vaccin")  # fmt: skip
_AT = {name: at for at, name in enumerate(FEATURES)}


class Suggestion(NamedTuple):
    """One row of an answer: `score` is the chance that this code is right; an empty code says that none fits.

    `consistent` is True where unit and specimen were said and agree with the code.
    """

    rank: int
    code: str
    display: str
    score: float
    decision: Decision
    reason: str
    consistent: bool = False


def _plain(item: Item) -> bool:
    """True for an item whose category is no laboratory's or monitor's."""
    category = item.category.casefold()
    return any(word in category for word in _PLAIN)


class Ranked(NamedTuple):
    """Candidates of an item, best first, with their raw scores, and what the calibration is asked with."""

    local: Local
    places: list[int]
    scores: list[float]
    pairs: list[Pair]
    evidence: tuple[float, ...]
    meant: Mapping[int, float] = {}
    """How alike in meaning those are that share no word with the item, by place."""


class Suggester:
    """Suggestions for one target list.

    `remembered` maps a local code's key (`remembered_key`) to the code that a person decided; such an item gets it
    with chance 1. Building costs about 0.1 ms a target; an answer a few milliseconds. `embeddings` add candidates that
    are alike in meaning and share no word, among at most 5,000 targets.
    """

    def __init__(
        self,
        targets: Mapping[str, str],
        *,
        model: Model | None = None,
        remembered: Mapping[tuple[str, ...], str] | None = None,
        embeddings: Embeddings | None = None,
    ) -> None:
        self.model = model or load_model()
        with_axes = sum(has_axes(code, display) for code, display in targets.items())
        self.axes = with_axes >= _AXES_SHARE * max(1, len(targets))
        self.only_axes = with_axes >= _ONLY_AXES * max(1, len(targets))
        self.tables = TABLES if self.axes else TABLES[1:]
        self.index = Index(
            [read_target(code, display, axes=self.axes, tables=self.tables) for code, display in targets.items()]
        )
        self.displays = dict(targets)
        self.remembered = dict(remembered or {})
        self._embeddings = embeddings if len(targets) <= _MOST_MEANT else None
        self._vectors: list[tuple[int, Vector]] | None = None
        self._exact: dict[str, str] = {}
        for code, display in targets.items():
            self._exact.setdefault(" ".join(display.casefold().split()), code)

    def rank(self, item: Item) -> Ranked:
        """Compare an item with the targets that share a word with it, and order them by the reranker."""
        local = read_item(item, axes=self.axes and (self.only_axes or not _plain(item)), tables=self.tables)
        places = self.index.candidates(local, _CANDIDATES)
        meant = self._meant(item, frozenset(places))
        places += meant
        pairs = [compare(self.index, local, self.index.targets[at]) for at in places]
        scores = [self.model.score(FEATURES, pair.values) for pair in pairs]
        order = sorted(range(len(places)), key=lambda at: (-scores[at], self.index.targets[places[at]].code))
        ranked = [scores[at] for at in order]
        best = [pairs[at] for at in order]
        return Ranked(local, [places[at] for at in order], ranked, best, evidence(ranked, best), meant)

    def _meant(self, item: Item, known: frozenset[int]) -> dict[int, float]:
        """Return how alike in meaning the nearest targets are that words did not find, by place."""
        asked = self._embeddings.vector(item.label) if self._embeddings is not None else None
        if self._embeddings is None or asked is None:
            return {}
        if self._vectors is None:
            made = ((at, self._embeddings.vector(target.display)) for at, target in enumerate(self.index.targets))
            self._vectors = [(at, vector) for at, vector in made if vector is not None]
        near = sorted(((alike(asked, vector), at) for at, vector in self._vectors if at not in known), reverse=True)
        return {at: like for like, at in near[:_MEANT] if like >= _LEAST_MEANT}

    def suggest(self, item: Item, top: int = 5) -> list[Suggestion]:
        """Return at most `top` suggestions, best first; one with an empty code when nothing fits."""
        known = self.remembered.get(remembered_key(item))
        if known is not None and known in self.displays:
            return [Suggestion(1, known, self.displays[known], 1.0, "auto", "decided before by a person")]
        unit = self._unit(item)
        if unit is not None:
            return [unit]
        text = " ".join(item.label.casefold().split())
        same = self._exact.get(text) if text else None
        ranked = self.rank(item)
        if ranked.local.refused and same is None:
            return [_nothing(f"no test: {ranked.local.refused}")]
        if not ranked.places:
            return [_nothing("no code shares a word with the label")]
        chance = self.chance(ranked)
        if (
            same is None
            and not _whole(ranked.pairs[0])
            and (chance < self.model.abstain or ranked.pairs[0].values[_AT["label covered"]] < _LEAST_COVERED)
        ):
            return self._by_meaning(ranked, chance, top) or [
                _nothing(f"nothing fits well enough; the nearest was {self._display(ranked.places[0])}")
            ]
        return self._rows(ranked, chance, same, top)

    def _by_meaning(self, ranked: Ranked, chance: float, top: int) -> list[Suggestion]:
        """Return what means nearly the same where words find nothing that fits: for a person to look at."""
        near = sorted(ranked.meant.items(), key=lambda pair: (-pair[1], self.index.targets[pair[0]].code))
        return [
            Suggestion(rank, self.index.targets[at].code, self._display(at), chance / rank, "review", self._like(like))
            for rank, (at, like) in enumerate(near[:top], 1)
            if like >= _ENOUGH_MEANT
        ]

    def _like(self, like: float) -> str:
        name = self._embeddings.name if self._embeddings is not None else ""
        return f"similar in meaning by model {name} ({like:.2f}), no word is shared"

    def _unit(self, item: Item) -> Suggestion | None:
        """Return the UCUM code of an item that is a unit, when the target list has it."""
        if "unit" not in item.category.casefold() and "uom" not in item.category.casefold():
            return None
        for text in (item.label, item.local_code, item.unit):
            code = normalise(text).code
            if code in self.displays and code:
                return Suggestion(
                    1, code, self.displays[code], 0.99, "auto", f"{text.strip()} is written {code} in UCUM"
                )
        bases = [(text, canonical(code)) for text in (item.label, item.local_code) if (code := normalise(text).code)]
        for text, base in bases:
            same = next((code for code in self.displays if base is not None and canonical(code) == base), None)
            if same is not None:
                reason = f"{text.strip()} is the same unit as {same} in UCUM"
                return Suggestion(1, same, self.displays[same], 0.9, "review", reason)
        return None

    def chance(self, ranked: Ranked) -> float:
        """Return the calibrated chance that the first candidate is right."""
        weights = self.model.calibration
        return sigmoid(sum(weights[name] * value for name, value in zip(CALIBRATION, ranked.evidence, strict=True)))

    def _display(self, place: int) -> str:
        return self.index.targets[place].display

    def _rows(self, ranked: Ranked, chance: float, same: str | None, top: int) -> list[Suggestion]:
        rows: list[Suggestion] = []
        if same is not None:
            rows.append(Suggestion(1, same, self.displays[same], 0.99, "auto", "the label is the code's name"))
        shares = softmax(ranked.scores)
        rest = 1 - chance
        others = sum(shares[1:]) or 1.0
        for at, (place, pair, share) in enumerate(zip(ranked.places, ranked.pairs, shares, strict=True)):
            if len(rows) >= top:
                break
            code = self.index.targets[place].code
            if code == same:
                continue
            score = chance if at == 0 else min(chance, rest * share / others)
            automatic = (
                at == 0
                and same is None
                and place not in ranked.meant
                and not pair.contradicted
                and _specimen_said(ranked.local, self.index.targets[place])
                and (chance >= self.model.automatic or _synonym(pair, self.index.targets[place], chance))
            )
            reason = "; ".join(pair.reasons) or "shares words with the label"
            if place in ranked.meant:
                reason = "; ".join((self._like(ranked.meant[place]), *pair.reasons))
            rows.append(
                Suggestion(
                    len(rows) + 1,
                    code,
                    self._display(place),
                    score,
                    "auto" if automatic else "review",
                    reason,
                    pair.consistent,
                )
            )
        return rows


def _whole(pair: Pair) -> bool:
    """True where the item says all that the code's name says, and unit and specimen agree: more words are no doubt."""
    return pair.consistent and pair.values[_AT["name covered"]] >= _WHOLE


def _specimen_said(local: Local, target: Target) -> bool:
    """True unless the code is for one specimen and the item says none: most analytes are measured on several."""
    return not target.family or local.family not in ("", "any")


def _synonym(pair: Pair, target: Target, chance: float) -> bool:
    """True where a code without axes (a drug, a problem, a vital sign) has a name that the tables know as the label."""
    return not target.axes and bool(pair.values[_AT["same words"]]) and chance >= _SYNONYM


def remembered_key(item: Item) -> tuple[str, ...]:
    """Return what a remembered decision is found by: code, label, specimen and unit, in lower case, spaces folded."""
    return tuple(" ".join(text.casefold().split()) for text in (item.local_code, item.label, item.specimen, item.unit))


def softmax(scores: Sequence[float]) -> list[float]:
    """Return the scores as shares of 1."""
    if not scores:
        return []
    most = max(scores)
    powers = [exp(score - most) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def evidence(scores: Sequence[float], pairs: Sequence[Pair]) -> tuple[float, ...]:
    """Return what the calibration is asked with, in the order of `CALIBRATION`."""
    if not scores:
        return (1.0, *([0.0] * (len(CALIBRATION) - 1)))
    shares = softmax(scores)
    first = pairs[0].values
    lead = min(6.0, scores[0] - scores[1]) / 6 if len(scores) > 1 else 1.0
    agrees = max(first[_AT["same specimen"]], first[_AT["specimen of the family"]])
    alike = sum(1 for share in shares if share > 0.5 * shares[0]) - 1
    return (
        1.0, shares[0], lead, first[_AT["label covered"]], first[_AT["name covered"]], first[_AT["same words"]], agrees,
        first[_AT["unit fits"]], float(pairs[0].contradicted), first[_AT["method not said"]], min(4, alike) / 4,
    )  # fmt: skip


def _nothing(why: str) -> Suggestion:
    return Suggestion(1, "", "", 0.0, "abstain", why)
