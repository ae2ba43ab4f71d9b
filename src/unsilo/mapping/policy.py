"""Rules by resource type: what must not be missing, when it happened, how final it is, how confidential."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from unsilo.kernel import Json, Row
from unsilo.mapping.memory import copies
from unsilo.mapping.model import Clock, Draft, Reading
from unsilo.mapping.rows import ResourceRow
from unsilo.spec.r4 import child

__all__ = ["Lack", "Policies", "Policy"]

_MOST = 4096

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


class Policy(NamedTuple):
    """The rules of one type: what it `needs` (rule, steps, value, whether that is said), when, how final, how secret.

    `deep` are elements inside which something is needed, `plain` those that are needed themselves.
    """

    needs: list[tuple[str, list[str], str, bool]]
    clock: Clock
    rank_of: str
    ranks: dict[str, int]
    security: list[tuple[str, Reading, str]]
    deep: frozenset[str]
    plain: frozenset[str] = frozenset()

    def missing(self, body: Json) -> frozenset[str] | None:
        """What a body lacks of what is needed, by name; None where that has to be looked at with care."""
        lacks = [steps for _, steps, _, _ in self.needs if not _met(body, steps)]
        if any(len(steps) > 1 or steps[0].endswith("[x]") or "|" in steps[0] for steps in lacks):
            return None
        return frozenset(steps[0] for steps in lacks)


class Lack(NamedTuple):
    """An element that was not sent, and what stands for it: `key` in the node at `place` of the body, with lineage.

    `make` gives its value, `text` is what is said of it, "" for nothing.
    """

    place: tuple[str | int, ...]
    key: str
    make: Callable[[], Any]
    rows: tuple[Row, ...]
    text: str
    rule: str

    def put(self, run: Any, draft: Draft) -> None:
        """Put in what stands for the element."""
        node: Any = draft.body
        for step in self.place:
            node = node[step]
        node[self.key] = self.make()
        draft.rows += self.rows
        if self.text:
            run.issue("information", "required", self.text, None, self.rule)


class Policies:
    """The compiled rules of `resources.csv`; those of type `*` hold for all types."""

    def __init__(self, resources: dict[str, list[ResourceRow]], reading: Callable[[str], Reading]) -> None:
        self.rows = resources
        self.reading = reading
        self.ready: dict[str, Policy] = {}
        self.marks: dict[tuple[str, str], Lack | None] = {}
        self.known: dict[tuple[str, str, tuple[str | int, ...]], Lack] = {}

    def of(self, kind: str) -> Policy:
        """The policy of a resource type."""
        if kind not in self.ready:
            self.ready[kind] = self._make(kind)
        return self.ready[kind]

    def _make(self, kind: str) -> Policy:
        policy = Policy([], Clock(), "", {}, [], frozenset())
        rows = self.rows.get(kind, []) + self.rows.get("*", [])
        for row in rows:
            if row.rule in ("required", "default"):
                policy.needs.append((row.id, row.element.split("."), row.value, row.rule == "required"))
            elif row.rule == "clock" and not policy.clock.reads:
                parts = [part.strip() for part in row.value.split("|") if part.strip()]
                near = tuple(part.partition("-")[0] for part in parts)
                policy = policy._replace(clock=Clock(f"clock {row.value}", tuple(map(self.reading, parts)), near))
            elif row.rule == "rank" and not policy.ranks:
                pairs = [pair.partition("=") for pair in row.value.split(";") if "=" in pair]
                ranks = {code.strip(): int(rank) for code, _, rank in pairs}
                policy = policy._replace(rank_of=row.element, ranks=ranks)
            elif row.rule == "security":
                policy.security.extend((row.id, self.reading(p.strip()), row.element) for p in row.value.split("|"))
        deep, plain = (
            frozenset(steps[0] for _, steps, _, _ in policy.needs if (len(steps) > 1) is more) for more in (True, False)
        )
        return policy._replace(deep=deep, plain=plain)

    def complete(self, run: Any, draft: Draft) -> tuple[int, int]:
        """Fill what must not be missing, add security labels; return clock and rank."""
        policy = self.ready.get(draft.type) or self.of(draft.type)
        needs, clock, rank_of, ranks, security, deep, plain = policy
        body = draft.body
        there = body.keys()
        if not (there >= plain and there.isdisjoint(deep)):
            told = draft.told
            if told is None or told.lacks is None or draft.mixed or (deep and draft.links):
                self._fill(run, draft, needs)
            else:  # what a form made lacks the same where it has the same elements
                lacks = told.lacks.get(tuple(body))
                if lacks is None:
                    told.lacks[tuple(body)] = self._fill(run, draft, needs)
                else:
                    for lack in lacks:
                        lack.put(run, draft)
        if security:
            _label(run, draft, security)
        return run.clock(draft, clock), ranks.get(body.get(rank_of, ""), 0) if ranks else 0

    def _fill(self, run: Any, draft: Draft, needs: list[tuple[str, list[str], str, bool]]) -> list[Lack]:
        """Put in what stands for each element that is needed and not there; return what was lacking."""
        found: list[Lack] = []
        for rule, steps, value, loud in needs:
            if not _met(draft.body, steps):
                self._need(run, draft, (draft.body, draft.type, steps, ()), (rule, value, loud), found)
        return found

    def mark(self, kind: str, name: str, rule: str, value: str, loud: bool) -> Lack | None:
        """How an element of a resource itself is marked as absent; None where more than its name decides."""
        if (kind, rule) not in self.marks:
            element = child(kind, name)
            known = value.startswith("?") and name.isalpha() and element is not None
            plain = known and element is not None and not element.path.endswith("[x]")
            text = f"{kind}.{name} was not sent; it is marked absent" if loud else ""
            self.marks[kind, rule] = _absent((), name, name, value[1:], rule, element, text) if plain else None
        return self.marks[kind, rule]

    def _need(
        self,
        run: Any,
        draft: Draft,
        at: tuple[Json, str, list[str], tuple[str | int, ...]],
        need: tuple[str, str, bool],
        found: list[Lack],
    ) -> None:
        """Fill what is lacking in a node: `at` is the node, its type, the steps from there, and the way to it."""
        node, context, steps, place = at
        rule, value, loud = need
        mark = self.mark(draft.type, steps[0], rule, value, loud) if len(steps) == 1 and not place else None
        if mark is not None:
            if node.keys().isdisjoint((steps[0], mark.key, f"_{steps[0]}")):
                mark.put(run, draft)
                found.append(mark)
            return
        name, _, others = steps[0].partition("|")
        if others and any(other in node for other in others.split("|")):
            return
        element = child(context, name)
        if len(steps) > 1:
            below = node.get(name)
            for index, item in enumerate(below) if isinstance(below, list) else ((-1, below),):
                if isinstance(item, dict) and element is not None:
                    inside = (*place, name) if index < 0 else (*place, name, index)
                    self._need(run, draft, (item, element.context, steps[1:], inside), need, found)
            return
        choice = name.endswith("[x]")
        if name in node or (f"_{name}" in node and value.startswith("?")):
            return
        if choice and any(key.startswith(name[:-3]) for key in node):
            return
        if element is not None and element.path.endswith("[x]"):
            stem = element.path.rpartition(".")[2][:-3]
            if any(key.startswith(stem) for key in node):
                return  # the choice holds another type
        known = self.known.get((draft.type, rule, place))
        if known is None:
            known = self._lack(draft.type, (name, element), place, need)
            if len(self.known) < _MOST:
                self.known[draft.type, rule, place] = known
        known.put(run, draft)
        found.append(known)

    def _lack(
        self, kind: str, what: tuple[str, Any], place: tuple[str | int, ...], need: tuple[str, str, bool]
    ) -> Lack:
        """What is put in for a needed element, by name and definition, of the node at a place."""
        (name, element), (rule, value, loud) = what, need
        here = _path(place, name)
        text = (
            f"{kind}.{here} was not sent; it is marked {'absent' if value.startswith('?') else value}" if loud else ""
        )
        if value.startswith("?"):
            return _absent(place, here, name, value[1:], rule, element, text)
        filled: Any = msgspec.json.decode(value) if value[:1] in "{[" else _typed(value, element)
        filled = [filled] if element is not None and element.many and not isinstance(filled, list) else filled
        rows: list[Row] = []
        _cite(rows, here, filled, rule)
        return Lack(place, name, copies(filled), tuple(rows), text, rule)


def _met(node: Json, steps: list[str], at: int = 0) -> bool:
    """True when an element stands wherever what holds it does; False where that has to be looked at with care."""
    name = steps[at]
    below = node.get(name)
    if at == len(steps) - 1 or "|" in name:
        return below is not None or name in node
    if isinstance(below, list):
        return all(_met(item, steps, at + 1) for item in below if isinstance(item, dict))
    return not isinstance(below, dict) or _met(below, steps, at + 1)


def _path(place: tuple[str | int, ...], name: str) -> str:
    """The path of an element below the node at a place."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in place]
    return "".join([*steps, f".{name}"])[1:]


def _absent(
    place: tuple[str | int, ...], here: str, name: str, reason: str, rule: str, element: Any, text: str
) -> Lack:
    """How an element at the path `here` is marked as absent."""
    extension = {"extension": [{"url": ABSENT, "valueCode": reason}]}
    if name.endswith("[x]"):
        kind = element.types[0] if element else "string"
        name = name[:-3] + kind[0].upper() + kind[1:]
        here = here[:-3] + kind[0].upper() + kind[1:]
    primitive = element is not None and element.types[0][:1].islower()
    many = element is not None and element.many
    key, at = (f"_{name}", here[: len(here) - len(name)] + "_" + name) if primitive else (name, here)
    if many:
        at += "[0]"
    rows = (Row(f"{at}.extension[0].url", rule, None), Row(f"{at}.extension[0].valueCode", rule, None))
    return Lack(place, key, copies([extension] if many else extension), rows, text, rule)


def _typed(value: str, element: Any) -> Any:
    kind = element.types[0] if element else "string"
    if kind == "boolean":
        return value == "true"
    return int(value) if kind in ("integer", "positiveInt", "unsignedInt") else value


def _cite(rows: list[Row], path: str, value: Any, rule: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _cite(rows, f"{path}.{key}", item, rule)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _cite(rows, f"{path}[{index}]", item, rule)
    else:
        rows.append(Row(path, rule, None))


def _label(run: Any, draft: Draft, labels: list[tuple[str, Reading, str]]) -> None:
    for rule, read, name in labels:
        text, place = read(run, draft)
        if not text:
            continue
        coding: Json = {"code": text}
        if name:
            vocabulary = run.program.vocabulary(name)
            hit = vocabulary[text]
            rule = f"{rule}@{name}"
            if hit is not None and not hit.code:
                continue
            if hit is None:
                run.unmapped(vocabulary, text, rule, place)
                coding = {"system": vocabulary.source_system, "code": text} if vocabulary.source_system else coding
            else:
                coding = {"system": hit.system, "code": hit.code}
                if hit.display:
                    coding["display"] = hit.display
        security = draft.body.setdefault("meta", {}).setdefault("security", [])
        if coding in security:
            continue
        security.append(coding)
        draft.mixed = True  # the place of the label is cited beside what a form knows
        for key in coding:
            draft.rows.append(Row(f"meta.security[{len(security) - 1}].{key}", rule, place))
