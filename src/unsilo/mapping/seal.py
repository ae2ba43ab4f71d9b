"""What is known of the end of a resource before its message is: how its id begins, what it lacks, how final it is.

A resource that is made from a form always has the same elements. Which identity rule holds, whether something required
is missing and what its rank is are found once for the form, and not again for each resource.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from unsilo.kernel import Row, content_id
from unsilo.mapping.identity import SEP
from unsilo.mapping.model import Clock, Draft
from unsilo.mapping.plan import Links, References

__all__ = ["Seal", "sealed"]


class _Kin(NamedTuple):
    """What all results of one order have in common: the reference that their keys begin with, references, and time.

    It holds for what makes none of the variables `names` and whose segments are none of those `asked` for the time.
    """

    start: str
    names: frozenset[str]
    references: References
    moment: int
    asked: frozenset[str]


class Seal:
    """`touch` and `variable` name resources near by; the id is of the variable's reference, `tail`, and a count.

    `needs` must be in the body when all references are made, `rank` is the rank of its status.
    """

    __slots__ = ("clock", "counted", "family", "kind", "needs", "rank", "row", "tail", "touch", "variable")

    def __init__(self, kind: str, row: Row, touch: tuple[str, ...], variable: str, tail: str, counted: bool) -> None:
        self.kind, self.row, self.touch, self.variable = kind, row, touch, variable
        self.tail, self.counted = tail, counted
        self.needs: frozenset[str] = frozenset()
        self.clock = Clock()
        self.rank = 0
        self.family = ""

    def settle(self, run: Any, draft: Draft) -> str:
        """Give a draft its reference; the general rules decide where the variable names nothing.

        Where the group around knows what its resources refer to, the references are made and the clock is set, too.
        """
        if draft.ref:
            return draft.ref
        kin = self.kin(draft) if self.counted else None
        if kin is not None:
            return self.join(run, draft, kin)
        for name in self.touch:
            run.named(draft, name)
        start = run.named(draft, self.variable)
        if not start:
            settled: str = run.program.identities.settle(run, draft)
            return settled
        key = start + self.tail
        if self.counted:
            counts = run.ordinals
            slot = self.kind, key
            number = counts[slot] = counts.get(slot, 0) + 1
            key = f"{key}{SEP}{number}"
        draft.key = key
        body = draft.body
        body["id"] = ident = content_id(self.kind, key)
        draft.ref = ref = f"{self.kind}/{ident}"
        draft.rows.append(self.row)
        if self.counted and run.close(draft):  # nothing else gets this id, so that nothing will be merged with it
            self.remember(draft, start)
        return ref

    def kin(self, draft: Draft) -> _Kin | None:
        """What the group around knows of results like this one; None where this one has to be looked at."""
        frame, links = draft.frame, draft.links
        if frame.parent is None or type(links) is not Links:
            return None
        kin: _Kin | None = frame.parent.memo.get((self.family, links.key))
        if kin is None or not frame.vars.keys().isdisjoint(kin.names):
            return None
        if draft.node.name in kin.asked or not frame.segments.keys().isdisjoint(kin.asked):
            return None
        body, names = draft.body, kin.references.names
        if not names.isdisjoint(body) or (self.needs and not self.needs <= body.keys() | names):
            return None
        return kin

    def join(self, run: Any, draft: Draft, kin: _Kin) -> str:
        """Give a draft its reference, the references that it makes and its clock."""
        kind = self.kind
        key = kin.start + self.tail
        counts = run.ordinals
        slot = kind, key
        number = counts[slot] = counts.get(slot, 0) + 1
        draft.key = key = f"{key}{SEP}{number}"
        body = draft.body
        body["id"] = ident = content_id(kind, key)
        draft.ref = ref = f"{kind}/{ident}"
        for name, many, target in kin.references.items:
            body[name] = [{"reference": target}] if many else {"reference": target}
        rows = draft.rows
        rows.append(self.row)
        rows += kin.references.rows
        draft.clock = kin.moment
        return ref

    def remember(self, draft: Draft, start: str) -> None:
        """Keep for the group around what was found for a draft that is closed, where it holds for all of its kind."""
        links, memo = draft.links, draft.frame.parent.memo
        assert isinstance(links, Links)  # noqa: S101 - what is closed has them
        when = memo.get(self.clock.key)
        if when is not None and all(name in memo for name in (*self.touch, self.variable)):
            names = frozenset((*self.touch, self.variable)) | links.asked
            memo[self.family, links.key] = _Kin(start, names, memo[links.key], *when)


def sealed(run: Any, draft: Draft, fixed: Callable[[str], bool]) -> Seal | None:
    """The seal of a draft that was just filled; `fixed` says whether a part of a key is the same for all of its form.

    None when the type has no rule that is one variable and fixed parts, or where more than the body decides.
    """
    program = run.program
    policy = program.policies.of(draft.type)
    if policy.security or policy.deep or (draft.type == "Patient" and run.site.default_authority):
        return None
    if policy.ranks and not fixed(policy.rank_of):
        return None
    body = draft.body
    needs = [steps[0] for _, steps, _, _ in policy.needs if len(steps) == 1 and steps[0] not in body]
    if any(name.endswith("[x]") for name in needs):
        return None
    rank = policy.ranks.get(body.get(policy.rank_of, ""), 0) if policy.ranks else 0
    touch: dict[str, None] = {}
    for _, row, parts, scoped, counted in program.identities.rules.get(draft.type, ()):
        names: list[str] = []
        texts: list[str] = []
        fits = True
        for name, part in parts:
            if name.startswith("@") and name != "@parent":
                names.append(name[1:])
                touch[name[1:]] = None
                fits = fits and not texts
                continue
            if not fixed(name):
                return None
            text = part(run, draft)
            if not text:
                break
            texts.append(text)
        else:
            if not fits or not scoped or len(names) != 1:
                return None
            touch.pop(names[0])
            tail = "".join(SEP + text for text in texts)
            seal = Seal(draft.type, row, tuple(touch), names[0], tail, counted)
            seal.needs, seal.clock, seal.rank = frozenset(needs), policy.clock, rank
            seal.family = f"{seal.variable} {' '.join(seal.touch)} {policy.clock.key}"
            return seal
    return None
