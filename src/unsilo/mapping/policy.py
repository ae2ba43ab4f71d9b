"""Rules by resource type: what must not be missing, when it happened, how final it is, how confidential."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from unsilo.kernel import Json, Row
from unsilo.mapping.model import Clock, Draft, Reading
from unsilo.mapping.rows import ResourceRow
from unsilo.spec.r4 import child

__all__ = ["Policies", "Policy"]

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


class _Mark(NamedTuple):
    """What stands for an element that was not sent: `key` in the body, whether it is a list, lineage, what is said."""

    key: str
    many: bool
    reason: str
    rows: tuple[Row, Row]
    text: str

    def put(self, body: Json) -> None:
        """Mark the element."""
        extension = {"extension": [{"url": ABSENT, "valueCode": self.reason}]}
        body[self.key] = [extension] if self.many else extension


class Policies:
    """The compiled rules of `resources.csv`; those of type `*` hold for all types."""

    def __init__(self, resources: dict[str, list[ResourceRow]], reading: Callable[[str], Reading]) -> None:
        self.rows = resources
        self.reading = reading
        self.ready: dict[str, Policy] = {}
        self.marks: dict[tuple[str, str], _Mark | None] = {}

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
        if not (plain <= body.keys() and deep.isdisjoint(body)):
            for rule, steps, value, loud in needs:
                if not _met(body, steps):
                    self._need(run, draft, body, draft.type, steps, "", (rule, value, loud))
        if security:
            _label(run, draft, security)
        return run.clock(draft, clock), ranks.get(body.get(rank_of, ""), 0) if ranks else 0

    def mark(self, kind: str, name: str, rule: str, value: str) -> _Mark | None:
        """How an element of a resource itself is marked as absent; None where more than its name decides."""
        if (kind, rule) not in self.marks:
            element = child(kind, name)
            known = value.startswith("?") and name.isalpha() and element is not None
            plain = known and element is not None and not element.path.endswith("[x]")
            self.marks[kind, rule] = _mark(kind, name, rule, value[1:], element) if plain else None
        return self.marks[kind, rule]

    def _need(
        self, run: Any, draft: Draft, node: Json, context: str, steps: list[str], path: str, need: tuple[str, str, bool]
    ) -> None:
        rule, value, loud = need
        mark = self.mark(draft.type, steps[0], rule, value) if len(steps) == 1 and not path else None
        if mark is not None:
            if node.keys().isdisjoint((steps[0], mark.key, f"_{steps[0]}")):
                mark.put(node)
                draft.rows += mark.rows
                if loud:
                    run.issue("information", "required", mark.text, None, rule)
            return
        name, _, others = steps[0].partition("|")
        if others and any(other in node for other in others.split("|")):
            return
        element = child(context, name)
        here = f"{path}.{name}" if path else name
        if len(steps) > 1:
            below = node.get(name)
            for index, item in enumerate(below) if isinstance(below, list) else ((-1, below),):
                if isinstance(item, dict) and element is not None:
                    at = here if index < 0 else f"{here}[{index}]"
                    self._need(run, draft, item, element.context, steps[1:], at, need)
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
        if value.startswith("?"):
            _absent(draft, node, here, name, value[1:], rule, element)
        else:
            filled: Any = msgspec.json.decode(value) if value[:1] in "{[" else _typed(value, element)
            node[name] = [filled] if element is not None and element.many and not isinstance(filled, list) else filled
            _cite(draft.rows, here, node[name], rule)
        if loud:
            said = "absent" if value.startswith("?") else value
            text = f"{draft.type}.{'.'.join(p for p in here.split('.'))} was not sent; it is marked {said}"
            run.issue("information", "required", text, None, rule)


def _met(node: Json, steps: list[str], at: int = 0) -> bool:
    """True when an element stands wherever what holds it does; False where that has to be looked at with care."""
    name = steps[at]
    below = node.get(name)
    if at == len(steps) - 1 or "|" in name:
        return below is not None or name in node
    if isinstance(below, list):
        return all(_met(item, steps, at + 1) for item in below if isinstance(item, dict))
    return not isinstance(below, dict) or _met(below, steps, at + 1)


def _mark(kind: str, name: str, rule: str, reason: str, element: Any) -> _Mark:
    draft = Draft(kind, rule)
    _absent(draft, draft.body, name, name, reason, rule, element)
    key = next(key for key in draft.body if key != "resourceType")
    first, second = draft.rows
    text = f"{kind}.{name} was not sent; it is marked absent"
    return _Mark(key, isinstance(draft.body[key], list), reason, (first, second), text)


def _absent(draft: Draft, node: Json, here: str, name: str, reason: str, rule: str, element: Any) -> None:
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
    node[key] = [extension] if many else extension
    draft.rows.append(Row(f"{at}.extension[0].url", rule, None))
    draft.rows.append(Row(f"{at}.extension[0].valueCode", rule, None))


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
