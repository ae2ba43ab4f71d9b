"""Survivorship: the source Patients of one person in, the values that stand for them out, each with why and over what.

Pure: the same records, ranks and rules always give the same record, in whatever order they come.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from unsilo.flow.golden.table import Rule
from unsilo.flow.golden.values import SAME, amount, found, words
from unsilo.flow.read.banner import name_within
from unsilo.kernel import Json
from unsilo.mapping.outward.shape import fitting

__all__ = ["Chosen", "Golden", "Lost", "SourceRecord", "survive"]


class SourceRecord(msgspec.Struct, frozen=True):
    """One source Patient: its id and content, the feed that sent it ("" a program), who keeps it in words, when it
    changed (microseconds since 1970)."""

    id: str
    patient: Json
    feed: str = ""
    keeper: str = ""
    updated: int = 0

    @property
    def retired(self) -> bool:
        """True when another record replaced it, or it says itself that it is no longer in use."""
        links = self.patient.get("link")
        replaced = any(
            isinstance(item, dict) and item.get("type") == "replaced-by"
            for item in (links if isinstance(links, list) else ())
        )
        return replaced or self.patient.get("active") is False


class Lost(msgspec.Struct, frozen=True):
    """A value that did not survive, who states it, and the criterion by which it lost."""

    value: Any
    words: str
    records: tuple[SourceRecord, ...]
    by: str


class Chosen(msgspec.Struct, frozen=True):
    """A value that survives: `rule` is the criterion that decided, `agreed` when nobody states another, `only` when
    one record alone states it, `order` when nothing decided."""

    field: str
    element: str
    name: str
    value: Any
    words: str
    records: tuple[SourceRecord, ...]
    rule: str
    lost: tuple[Lost, ...] = ()


class Golden(msgspec.Struct, frozen=True):
    """What survives of a person's records, in the order of the table; `records` are all of them."""

    records: tuple[SourceRecord, ...]
    chosen: tuple[Chosen, ...]

    def of(self, element: str) -> Chosen | None:
        """Return what survives of an element (`birthDate`, `deceased[x]`), the first where there are several."""
        return next((one for one in self.chosen if one.element == element), None)


class _Claim:
    """One value with the records that state it; `backing` adds those whose value says no other thing."""

    def __init__(self, name: str, value: Any) -> None:
        self.name, self.value = name, value
        self.records: list[SourceRecord] = []
        self.backing: list[SourceRecord] = []


_Score = Callable[[_Claim], int]


def _sources(records: Iterable[SourceRecord]) -> int:
    """Count those who say it: a source that keeps two records of a person says it once."""
    return len({record.feed or record.keeper or record.id for record in records if not record.retired})


def _scores(trust: Sequence[str]) -> dict[str, _Score]:
    rank = {name: len(trust) - at for at, name in reversed(list(enumerate(trust)))}
    return {
        "live": lambda claim: int(any(not record.retired for record in claim.records)),
        "trusted": lambda claim: max(rank.get(record.feed or "api", 0) for record in claim.records),
        "frequent": lambda claim: _sources(claim.backing),
        "complete": lambda claim: amount(claim.value),
        "recent": lambda claim: max(record.updated for record in claim.records),
    }


def _claims(rule: Rule, records: Sequence[SourceRecord]) -> list[_Claim]:
    same = SAME[rule.same]
    claims: dict[str, _Claim] = {}
    for record in records:
        for name, value in found(record.patient, rule.element):
            key = same(value)
            if not key:
                continue
            claim = claims.setdefault(key, _Claim(name, value))
            if record not in claim.records:
                claim.records.append(record)
            if (amount(value), record.updated) > (amount(claim.value), 0):
                claim.value = value
    made = list(claims.values())
    for claim in made:
        claim.backing = list(claim.records)
        if rule.same == "name":
            whole = words("name", claim.value)
            shorter = [o for o in made if o is not claim and name_within(words("name", o.value), whole)]
            claim.backing += [record for other in shorter for record in other.records if record not in claim.records]
    return made


def _decide(rule: Rule, claims: list[_Claim], scores: dict[str, _Score]) -> Chosen:
    """Let the criteria drop claims until one is left; each that goes is told by which."""
    left, lost = list(claims), []
    decided = "only" if len(claims) == 1 and len(claims[0].records) == 1 else "agreed"
    for criterion in ("live", *rule.criteria):
        if len(left) == 1:
            break
        score = scores[criterion]
        best = max(map(score, left))
        out = [claim for claim in left if score(claim) < best]
        if out:
            decided = criterion
            lost += [_lost(rule, claim, criterion) for claim in out]
            left = [claim for claim in left if score(claim) == best]
    if len(left) > 1:
        decided = "order"
        lost += [_lost(rule, claim, "order") for claim in left[1:]]
    return _chosen(rule, left[0], decided, tuple(lost))


def _chosen(rule: Rule, claim: _Claim, by: str, lost: tuple[Lost, ...] = ()) -> Chosen:
    said = words(rule.element, claim.value)
    return Chosen(rule.field, rule.element, claim.name, claim.value, said, tuple(claim.records), by, lost)


def _lost(rule: Rule, claim: _Claim, by: str) -> Lost:
    return Lost(claim.value, words(rule.element, claim.value), tuple(claim.records), by)


def _ordered(rule: Rule, claims: list[_Claim], scores: dict[str, _Score]) -> list[_Claim]:
    order = [scores[criterion] for criterion in ("live", *rule.criteria)]
    return sorted(claims, key=lambda claim: tuple(-score(claim) for score in order))


def _fitted(record: SourceRecord) -> SourceRecord:
    """Return the record with only what is as R4 has it: a server that checks nothing on write may hold anything."""
    return msgspec.structs.replace(record, patient=fitting({**record.patient, "resourceType": "Patient"}, []))


def survive(records: Iterable[SourceRecord], rules: Sequence[Rule], trust: Sequence[str] = ()) -> Golden:
    """Return what survives; `trust` names feeds, the most trusted first (`api` for what programs write).

    Identifiers and what else stands side by side of records that another one replaced is left out.
    """
    known = [_fitted(record) for record in sorted(records, key=lambda record: record.id)]
    scores = _scores(trust)
    chosen: list[Chosen] = []
    for rule in rules:
        claims = _claims(rule, known)
        if not claims:
            continue
        if rule.take == "one":
            chosen.append(_decide(rule, claims, scores))
        elif rule.take == "each":
            by_url: dict[str, list[_Claim]] = {}
            for claim in claims:
                url = claim.value.get("url") if isinstance(claim.value, dict) else None
                by_url.setdefault(str(url), []).append(claim)
            chosen += [_decide(rule, group, scores) for _, group in sorted(by_url.items())]
        else:
            every = all(record.retired for record in known)
            chosen += [
                _chosen(rule, claim, "only" if len(claim.records) == 1 else "agreed")
                for claim in _ordered(rule, claims, scores)
                if every or any(not record.retired for record in claim.records)
            ]
    return Golden(tuple(known), tuple(chosen))
