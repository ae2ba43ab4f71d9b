"""Accuracy, calibration and speed of the code suggestions on reviewed laboratory items whose targets were not seen."""

import os
import random
import sys
import time
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from tools.train_suggest import FILE, Case, read, unseen
from unsilo.terminology.suggest import Item, Suggester, Suggestion, load_model

_REVIEWED = 100
_ROUNDS = 1000


class Answer(NamedTuple):
    """What was suggested for a case, and whether the first code is the reviewed one."""

    case: Case
    rows: list[Suggestion]
    first: bool
    five: bool
    decision: str


def wilson(hits: int, number: int) -> str:
    """Return a share with its 95 % interval (Wilson)."""
    if not number:
        return "none"
    p, z = hits / number, 1.96
    middle = (p + z * z / (2 * number)) / (1 + z * z / number)
    half = z * sqrt(p * (1 - p) / number + z * z / (4 * number * number)) / (1 + z * z / number)
    return f"{p:.3f} [{max(0.0, middle - half):.3f}, {min(1.0, middle + half):.3f}] of {number}"


def volumes(answers: list[Answer]) -> tuple[float, float]:
    """Return the shares of results coded right and wrong when people decide the largest items and `auto` the rest."""
    order = sorted(answers, key=lambda answer: -answer.case.volume)
    total = sum(answer.case.volume for answer in answers) or 1
    right = sum(answer.case.volume for answer in order[:_REVIEWED])
    rest = [answer for answer in order[_REVIEWED:] if answer.decision == "auto"]
    right += sum(answer.case.volume for answer in rest if answer.first)
    return right / total, sum(answer.case.volume for answer in rest if not answer.first) / total


def resampled(answers: list[Answer]) -> tuple[str, str]:
    """Return both shares with the 95 % interval of a bootstrap over items, the reviewed ones kept."""
    order = sorted(answers, key=lambda answer: -answer.case.volume)
    kept, drawn = order[:_REVIEWED], order[_REVIEWED:]
    source = random.Random(7)
    found = [volumes([*kept, *source.choices(drawn, k=len(drawn))]) for _ in range(_ROUNDS)]
    texts = []
    for at, value in enumerate(volumes(answers)):
        several = sorted(one[at] for one in found)
        texts.append(f"{value:.4f} [{several[_ROUNDS // 40]:.4f}, {several[-_ROUNDS // 40]:.4f}]")
    return texts[0], texts[1]


def answer(asked: Suggester, case: Case) -> Answer:
    """Ask for one case."""
    rows = asked.suggest(case.item)
    codes = [row.code for row in rows]
    return Answer(case, rows, codes[0] == case.code != "", case.code in codes and case.code != "", rows[0].decision)


def report(corpora: Path) -> None:
    """Print every figure."""
    data = read(corpora)
    asked: dict[int, Suggester] = {}
    answers = []
    for case, model in unseen(data):
        shipped = load_model()
        own = asked.get(id(model))
        if own is None:
            fitted = type(model)("fold", "", model.rank, model.calibration, shipped.automatic, shipped.abstain)
            own = asked[id(model)] = Suggester(data.targets, model=fitted)
        answers.append(answer(own, case))
    coded = [one for one in answers if one.case.code]
    bare = [one for one in answers if not one.case.code]
    auto = [one for one in answers if one.decision == "auto"]
    print(f"{len(data.cases)} items, {len(coded)} with a code, among {len(data.targets)} codes; 5 folds by target code")
    print(f"top-1 {wilson(sum(one.first for one in coded), len(coded))}")
    print(f"top-5 {wilson(sum(one.five for one in coded), len(coded))}")
    print(f"abstained where there is no code {wilson(sum(one.decision == 'abstain' for one in bare), len(bare))}")
    print(f"automatic where there is no code {wilson(sum(one.decision == 'auto' for one in bare), len(bare))}")
    print(f"abstained where there is a code {wilson(sum(one.decision == 'abstain' for one in coded), len(coded))}")
    print(f"automatic from {load_model().automatic}: right {wilson(sum(one.first for one in auto), len(auto))}")
    print(f"automatic of the items with a code {wilson(sum(one.decision == 'auto' for one in coded), len(coded))}")
    right, wrong = resampled(answers)
    print(f"volume after {_REVIEWED} reviewed items: right {right}, wrong {wrong}")
    print("calibration (chance of the first code: items, mean chance, right)")
    edges = [0.0, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1.01]
    for low, high in pairwise(edges):
        part = [one for one in answers if one.rows[0].code and low <= one.rows[0].score < high]
        if part:
            mean = sum(one.rows[0].score for one in part) / len(part)
            share = sum(one.first for one in part) / len(part)
            print(f"  {low:.2f}-{min(high, 1):.2f}: {len(part):4d} {mean:.3f} {share:.3f}")
    whole = Suggester(data.targets)
    items = [Item(c.item.local_code, c.item.label, c.item.specimen, c.item.unit, c.item.category) for c in data.cases]
    for item in items:
        whole.suggest(item)
    started = time.process_time()
    for item in items:
        whole.suggest(item)
    print(f"warm {(time.process_time() - started) * 1000 / len(items):.3f} ms an item (CPU)")


if __name__ == "__main__":
    place = Path(os.environ.get("UNSILO_CORPORA", ""))
    if not (place / FILE).is_file():
        print(f"UNSILO_CORPORA has no {FILE}: nothing measured")
        sys.exit(0)
    report(place)
