"""Train the reranker and the calibration of `unsilo.terminology.suggest` and write `model.json`.

The data are reviewed pairs of local laboratory items and LOINC codes (MIT licence); only weights leave it, no row. The
weights start from those that reason gives and stay near them (a Gaussian prior), because 452 items are few.
Run: `UNSILO_CORPORA=... python -m tools.train_suggest` from the repository's root.
"""

import csv
import json
import os
import sys
from collections.abc import Sequence
from math import exp, log, sqrt
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec

from unsilo.terminology.suggest.engine import Ranked, Suggester
from unsilo.terminology.suggest.features import FEATURES
from unsilo.terminology.suggest.item import Item
from unsilo.terminology.suggest.model import CALIBRATION, Model, sigmoid

FILE = "loinc/d_labitems_to_loinc.dev.csv"
LEAST = 0.97
"""The automatic threshold is never lower: among the codes of a whole LOINC release there are more that are alike."""
MODEL = Path("src/unsilo/terminology/suggest/model.json")
PRIOR = {
    "label covered": 5, "name covered": 3, "same words": 1.5, "raw words": 1, "first word": 0.5,
    "same specimen": 3, "specimen of the family": 2, "general specimen": 0.8, "no specimen": 0.5,
    "other specimen": -3, "usual specimen": 1.2, "unit fits": 2.5, "unit contradicts": -3,
    "number or presence": -1, "mark fits": 1, "no method": 0.8, "method said": 2, "ordinary method": 0.5,
    "method not said": -0.8, "method missing": -0.8, "challenge": -2, "same time": 1.5, "other time": -2,
    "no unit but share": 0.1, "no unit but number": 0, "quotient agrees": 1.5, "quotient differs": -1.5,
    "panel": -1, "age": -1,
}  # fmt: skip
BOUNDS = {
    "raw words": (0.4, 2.0), "no method": (0.3, 2.0), "panel": (-3.0, -0.3), "age": (-2.0, 0.0),
    "number or presence": (-2.0, 0.2), "general specimen": (0.2, 2.0), "ordinary method": (0.1, 1.0),
}  # fmt: skip
"""What a weight may be at all, by reason: 452 items of one hospital are no ground to prefer newer codes or panels."""
CALIBRATION_BOUNDS = {"method not said": (-3.0, 0.0), "specimen agrees": (0.2, 3.0), "contradicted": (-5.0, -0.5)}
CALIBRATION_PRIOR = {
    "bias": -3, "share of the first": 2, "lead over the second": 2, "label covered": 2, "name covered": 1,
    "same words": 0.5, "specimen agrees": 0.5, "unit fits": 1, "contradicted": -2, "method not said": -0.5,
    "candidates alike": -0.5,
}  # fmt: skip


class Case(NamedTuple):
    """A reviewed item: what its sender says, the code (or "" when there is none), and how many results it has."""

    item: Item
    code: str
    volume: int


class Set(NamedTuple):
    """All cases, and every code of the file with its name."""

    cases: list[Case]
    targets: dict[str, str]


def read(corpora: Path) -> Set:
    """Read the reviewed items."""
    cases, targets = [], {}
    with (corpora / FILE).open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            code = row["omop_concept_code"]
            if code:
                targets[code] = row["omop_concept_name"]
            item = Item(row["itemid (omop_source_code)"], row["label"], row["fluid"], row["valueuom"], row["category"])
            cases.append(Case(item, code, int(row["labevents_row_count"] or 0)))
    return Set(cases, targets)


def thinned(cases: Sequence[Case]) -> list[Case]:
    """Return the cases as senders who say less would write them: without category, and blood without specimen too.

    Another specimen than blood is always said by somebody, in its own cell or in the label.
    """
    found = []
    for case in cases:
        plain = msgspec.structs.replace(case.item, category="")
        found.append(case._replace(item=plain))
        if case.item.specimen.casefold() == "blood":
            found.append(case._replace(item=msgspec.structs.replace(plain, specimen="")))
            found.append(case._replace(item=msgspec.structs.replace(case.item, specimen="")))
    return found


def fold_of(key: str, folds: int) -> int:
    """Return the fold of a target code (of the local code when there is none), by its bytes."""
    return crc32(key.encode()) % folds


def train_rank(
    groups: Sequence[tuple[Sequence[Sequence[float]], int]], rounds: int = 90, spread: float = 0.6
) -> dict[str, float]:
    """Fit a conditional logit: `groups` are candidates' features and the place of the right one.

    `spread` is the standard deviation of the prior. Ascent with a step for each weight (as Adam does), no randomness.
    """
    weights = [float(PRIOR[name]) for name in FEATURES]
    start = list(weights)
    sparse = [([[(at, v) for at, v in enumerate(row) if v] for row in rows], right) for rows, right in groups]
    speed, size = [0.0] * len(weights), [1.0] * len(weights)
    for turn in range(rounds):
        slope = [(first - now) / spread**2 for first, now in zip(start, weights, strict=True)]
        for rows, right in sparse:
            scores = [sum(weights[at] * v for at, v in row) for row in rows]
            most = max(scores)
            powers = [exp(score - most) for score in scores]
            total = sum(powers)
            for place, row in enumerate(rows):
                pull = (place == right) - powers[place] / total
                if abs(pull) > 1e-4:
                    for at, v in row:
                        slope[at] += pull * v
        for at, s in enumerate(slope):
            speed[at] = 0.8 * speed[at] + 0.2 * s
            size[at] = 0.95 * size[at] + 0.05 * s * s
            weights[at] += 0.1 * 0.98**turn * speed[at] / (sqrt(size[at]) + 1e-9)
            low, high = BOUNDS.get(FEATURES[at], (-20.0, 20.0))
            weights[at] = min(high, max(low, weights[at]))
    return dict(zip(FEATURES, weights, strict=True))


def train_calibration(
    rows: Sequence[tuple[Sequence[float], bool]], rounds: int = 12, spread: float = 1.5
) -> dict[str, float]:
    """Fit a logistic regression of "the first is right" on the evidence, near its prior, by Newton's method."""
    weights = [float(CALIBRATION_PRIOR[name]) for name in CALIBRATION]
    start = list(weights)
    count = len(weights)
    for _ in range(rounds):
        slope = [(first - now) / spread**2 for first, now in zip(start, weights, strict=True)]
        curve = [[1 / spread**2 if at == to else 0.0 for to in range(count)] for at in range(count)]
        for values, right in rows:
            chance = sigmoid(sum(w * v for w, v in zip(weights, values, strict=True)))
            for at, v in enumerate(values):
                slope[at] += (right - chance) * v
                bend = chance * (1 - chance) * v
                for to, other in enumerate(values):
                    curve[at][to] += bend * other
        moved = [w + s for w, s in zip(weights, solved(curve, slope), strict=True)]
        weights = [bounded(name, weight) for name, weight in zip(CALIBRATION, moved, strict=True)]
    return dict(zip(CALIBRATION, weights, strict=True))


def bounded(name: str, weight: float) -> float:
    """Return a weight of the calibration within what reason allows."""
    low, high = CALIBRATION_BOUNDS.get(name, (-20.0, 20.0))
    return min(high, max(low, weight))


def solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve a system of linear equations by elimination; the matrix is positive definite."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for at in range(size):
        for below in range(at + 1, size):
            share = rows[below][at] / rows[at][at]
            rows[below] = [b - share * a for a, b in zip(rows[at], rows[below], strict=True)]
    found = [0.0] * size
    for at in reversed(range(size)):
        found[at] = (rows[at][-1] - sum(rows[at][to] * found[to] for to in range(at + 1, size))) / rows[at][at]
    return found


def model(rank: dict[str, float], calibration: dict[str, float], automatic: float = 0.9, abstain: float = 0.1) -> Model:
    """Weights as a model."""
    return Model("0", "", rank, calibration, automatic, abstain)


def groups(asked: Suggester, cases: Sequence[Case]) -> list[tuple[list[tuple[float, ...]], int]]:
    """Return candidates and the right one's place, for each case whose code is among its candidates."""
    found = []
    for case in cases:
        ranked = asked.rank(case.item)
        codes = [asked.index.targets[place].code for place in ranked.places]
        if case.code in codes:
            found.append(([pair.values for pair in ranked.pairs], codes.index(case.code)))
    return found


def right(asked: Suggester, ranked: Ranked, case: Case) -> bool:
    """True when the first candidate is the reviewed code."""
    return bool(ranked.places) and asked.index.targets[ranked.places[0]].code == case.code


def fit(data: Set, cases: Sequence[Case], prior: Model, inner: int = 3) -> Model:
    """Fit both parts on some cases; the calibration sees ranks of weights that did not see its targets."""
    asked = Suggester(data.targets, model=prior)
    rank = train_rank(groups(asked, [*cases, *thinned(cases)]))
    evidence = []
    for part in range(inner):
        kept = [case for case in cases if fold_of(case.code or case.item.local_code, inner * 7) % inner != part]
        left = [case for case in cases if fold_of(case.code or case.item.local_code, inner * 7) % inner == part]
        own = Suggester(
            data.targets, model=model(train_rank(groups(asked, [*kept, *thinned(kept)])), CALIBRATION_PRIOR)
        )
        for case in [*left, *thinned(left)]:
            ranked = own.rank(case.item)
            if ranked.places and not ranked.local.refused:
                evidence.append((ranked.evidence, right(own, ranked, case)))
    return model(rank, train_calibration(evidence))


def unseen(data: Set, folds: int = 5) -> list[tuple[Case, Model]]:
    """Return each case with a model that saw no item of its target."""
    prior = model(PRIOR, CALIBRATION_PRIOR)
    found: list[tuple[Case, Model]] = []
    for part in range(folds):
        kept = [case for case in data.cases if fold_of(case.code or case.item.local_code, folds) != part]
        fitted = fit(data, kept, prior)
        found += [(case, fitted) for case in data.cases if fold_of(case.code or case.item.local_code, folds) == part]
    return found


def main() -> int:
    """Fit on everything, choose the automatic threshold on unseen targets, and write the model."""
    corpora = os.environ.get("UNSILO_CORPORA", "")
    if not (Path(corpora) / FILE).is_file():
        print(f"UNSILO_CORPORA has no {FILE}", file=sys.stderr)
        return 2
    data = read(Path(corpora))
    fitted = fit(data, data.cases, model(PRIOR, CALIBRATION_PRIOR))
    chances = []
    asked: dict[int, Suggester] = {}
    for case, own in unseen(data):
        suggester = asked.setdefault(id(own), Suggester(data.targets, model=own))
        ranked = suggester.rank(case.item)
        if ranked.places and not ranked.local.refused and not ranked.pairs[0].contradicted:
            chances.append((suggester.chance(ranked), right(suggester, ranked, case)))
    chances.sort(reverse=True)
    hits, threshold = 0, 1.0
    for number, (chance, good) in enumerate(chances, 1):
        hits += good
        if hits / number >= 0.995:
            threshold = chance
    logloss = -sum(log(max(1e-9, c if good else 1 - c)) for c, good in chances) / len(chances)
    covered = sum(c >= threshold for c, _ in chances)
    print(
        f"log loss on unseen targets {logloss:.3f}; "
        f"automatic from {threshold:.3f}, covering {covered} of {len(data.cases)}"
    )
    written = {
        "version": "1",
        "trained_on": "452 reviewed pairs of MIMIC-IV's laboratory items and LOINC (MIT-LCP/mimic-code, MIT licence)",
        "rank": {name: round(value, 4) for name, value in fitted.rank.items()},
        "calibration": {name: round(value, 4) for name, value in fitted.calibration.items()},
        "automatic": round(max(threshold, LEAST), 3),
        "abstain": 0.1,
    }
    MODEL.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
