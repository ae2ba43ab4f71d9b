"""What reviewers' answers say of the weights: how far each level is more or less than the table thinks."""

from collections.abc import Iterable, Sequence
from math import exp, log

import msgspec

from unsilo.identity.person import Person
from unsilo.identity.score import Scorer, Shares
from unsilo.identity.vocabulary import Weight

__all__ = ["ENOUGH", "Label", "calibrated"]

ENOUGH = 20
"""Answers of each kind from which they say anything of the weights."""
_STIFF = 6.0
"""How firmly the table holds a level: a reviewer's answers move it by a bit only when about so many agree."""
_STIFF_ALL = 1.0
_ROUNDS = 60
_STEP = 0.5
_MOST = 4.0
"""Bits by which answers move a level, or all pairs, at the most."""
_LN2 = log(2)

Key = tuple[str, str]


class Label(msgspec.Struct, frozen=True, array_like=True):
    """Two rows of which a person said whether they are one."""

    one: Person
    other: Person
    same: bool


def calibrated(scorer: Scorer, labels: Iterable[Label]) -> tuple[Shares, dict[Key, Weight]] | None:
    """Return the shares and weights under which the answers are likeliest, near those of `scorer`.

    Logistic regression of the answers with the scorer's bits as offset: one shift of all pairs and one of each level,
    drawn towards none. None when there are too few answers of either kind.
    """
    rows = [(*scorer.score(label.one, label.other), label.same) for label in labels]
    if min(sum(same for *_, same in rows), sum(not same for *_, same in rows)) < ENOUGH:
        return None
    shift, moves = _fitted([(bits, tuple(levels), same) for bits, levels, same in rows])
    table = {
        key: weight._replace(m=min(0.999, max(1e-6, weight.m * 2.0 ** moves.get(key, 0.0))))
        for key, weight in scorer.table.items()
    }
    return msgspec.structs.replace(scorer.shares, same=scorer.shares.same * 2.0**shift), table


def _fitted(rows: Sequence[tuple[float, tuple[Key, ...], bool]]) -> tuple[float, dict[Key, float]]:
    """Return the shift of all pairs and of each level in bits, by Newton steps along each in turn."""
    where: dict[Key, list[int]] = {}
    for at, (_, levels, _) in enumerate(rows):
        for key in levels:
            where.setdefault(key, []).append(at)
    everywhere = list(range(len(rows)))
    bits = [max(-30.0, min(30.0, row[0])) for row in rows]
    shift, moves = 0.0, dict.fromkeys(where, 0.0)

    def step(members: Sequence[int], now: float, stiff: float) -> float:
        slope, bend = -stiff * now * _LN2, stiff
        for at in members:
            chance = 1 / (1 + exp(-_LN2 * bits[at]))
            slope += rows[at][2] - chance
            bend += chance * (1 - chance)
        change = max(-now - _MOST, min(_MOST - now, _STEP * slope / bend / _LN2))
        for at in members:
            bits[at] += change
        return change

    for _ in range(_ROUNDS):
        shift += step(everywhere, shift, _STIFF_ALL)
        for key in sorted(where):
            moves[key] += step(where[key], moves[key], _STIFF)
    return shift, moves
