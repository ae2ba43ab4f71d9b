"""What a file says of itself without labels: rows of one person, relatives, and how often each field errs."""

from collections.abc import Sequence
from math import log2

from unsilo.identity.person import Person
from unsilo.identity.score import Scorer, Shares
from unsilo.identity.vocabulary import Weight, relations

__all__ = ["SAMPLE", "fit"]

SAMPLE = 60_000
"""Pairs that are looked at."""
_ROUNDS = 12
_ASSUMED = 100
"""Rows of an average population that every file is thought to hold besides its own, so that a small one is not odd."""
_PAIRS = 300.0
"""Pairs of an average population, by which the table of weights speaks on against the file."""
_LEAST, _MOST = 0.05, 2.0
"""A relation is thought neither rarer nor more usual than these parts of what `relation_priors.csv` says."""

_FARTHEST = 12.0
"""A file moves no `m` by more than this factor."""
_BY_FIELD = {"given": 4.0}
"""Where less is trusted to a file: given names part the people of a household."""

Levels = tuple[tuple[str, str], ...]


def fit(
    scorer: Scorer, persons: Sequence[Person], codes: Sequence[int], every: int = 1, rows: Sequence[int] = ()
) -> tuple[Shares, dict[tuple[str, str], Weight]]:
    """Return the shares and the weights under which the compared pairs are likeliest (expectation, maximisation).

    `codes` are the pairs that share a key, one * len(persons) + other, one of `every` pairs of them; `rows` how many
    rows say exactly what each person says (none: one). Where little is asked many of one person say the same, and who
    left them out would think that a person has hardly a second row.

    What is learned of weights is `m`, how often the fields of one person agree, on top of what the table says; pairs of
    strangers, households, twins and namesakes are told from those of one person, so that living together is not learned
    as being one. `u` stays as it is.
    """
    count = len(persons)
    rows = rows or [1] * count
    step = max(1, len(codes) // SAMPLE)
    pairs: list[tuple[float, Levels, float]] = []
    for code in codes[::step]:
        one, other = divmod(code, count)
        bits, levels = scorer.plain(persons[one], persons[other])
        if bits > -20:
            pairs.append((2.0 ** -min(bits, 200.0), levels, rows[one] * rows[other]))
    every *= step
    for one, same in enumerate(rows):
        if same > 1:
            bits, levels = scorer.plain(persons[one], persons[one])
            pairs.append((2.0 ** -min(bits, 200.0), levels, same * (same - 1) / 2 / every))
    count = sum(rows)
    known = relations()
    shares = [1.0, *(relation.per_row for relation in known)]
    assumed = list(shares)
    table = scorer.table
    for _ in range(_ROUNDS):
        totals, agreed = _expect(scorer, table, pairs, shares)
        seen = [
            (2 * every * total + usual * _ASSUMED) / (count + _ASSUMED)
            for usual, total in zip(assumed, totals, strict=True)
        ]
        shares = [
            seen[0],
            *(min(usual * _MOST, max(usual * _LEAST, n)) for usual, n in zip(assumed[1:], seen[1:], strict=True)),
        ]
        table = _weights(scorer.table, agreed)
    return Shares(shares[0], {relation.name: share for relation, share in zip(known, shares[1:], strict=True)}), table


def _expect(
    scorer: Scorer, table: dict[tuple[str, str], Weight], pairs: list[tuple[float, Levels, float]], shares: list[float]
) -> tuple[list[float], dict[tuple[str, str], float]]:
    """Return how many pairs are of one person and of each relation, and the levels of those of one person."""
    odds: dict[Levels, tuple[float, list[float]]] = {}
    totals = [0.0] * len(shares)
    agreed: dict[tuple[str, str], float] = {}
    sums: dict[Levels, float] = {}
    for stranger, levels, many in pairs:
        if levels not in odds:
            change = 2.0 ** -sum(log2(table[key].m / scorer.table[key].m) for key in levels)
            near = [
                share * 2.0 ** -max(-60.0, bits)
                for share, bits in zip(shares[1:], scorer.near(levels, table), strict=True)
            ]
            odds[levels] = change, near
        change, near = odds[levels]
        whole = shares[0] + sum(near) + scorer.rows * stranger * change
        one = many * shares[0] / whole
        totals[0] += one
        sums[levels] = sums.get(levels, 0.0) + one
        for at, part in enumerate(near, 1):
            totals[at] += many * part / whole
    for levels, total in sums.items():
        for key in levels:
            agreed[key] = agreed.get(key, 0.0) + total
    return totals, agreed


def _weights(
    table: dict[tuple[str, str], Weight], agreed: dict[tuple[str, str], float]
) -> dict[tuple[str, str], Weight]:
    """Return the table with `m` moved to what was seen; a level of which there are alternatives shares with them."""
    seen: dict[str, float] = {}
    for (field, _), total in agreed.items():
        seen[field] = seen.get(field, 0.0) + total
    found = {}
    for key, weight in table.items():
        field = key[0]
        if field in ("mrn", "name") or key in _ALONE:
            found[key] = weight
            continue
        m = (agreed.get(key, 0.0) + weight.m * _PAIRS) / (seen.get(field, 0.0) + _PAIRS)
        most = _BY_FIELD.get(field, _FARTHEST)
        found[key] = weight._replace(m=min(0.999, weight.m * most, max(weight.m / most, m)))
    return found


_ALONE = frozenset({("birth", "partial"), ("ssn", "last4"), ("email", "named")})
"""Levels of what is known in part only, or follows from names: how usual they are says nothing of the field."""
