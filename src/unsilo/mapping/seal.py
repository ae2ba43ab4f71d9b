"""What is known of the end of a resource before its message is: how its id begins, what it lacks, how final it is.

A resource that is made from a form always has the same elements. Which identity rule holds, whether something required
is missing and what its rank is are found once for the form, and not again for each resource.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import intern
from typing import Any, Literal, NamedTuple

from unsilo.kernel import Row, content_id, content_ids
from unsilo.mapping.identity import SEP, Part, Rule
from unsilo.mapping.model import Clock, Draft
from unsilo.mapping.plan import Links, References

__all__ = ["Seal", "sealed", "settle_all"]


class Kin(NamedTuple):
    """What all results of one order have in common: how their keys begin by which rule, their references, and time.

    It holds for what makes none of the variables `names` and whose segments are none of those `asked` for the time; in
    the group itself that is known of all of its segments but those.
    """

    rule: int
    start: str
    names: frozenset[str]
    references: References
    moment: int
    asked: frozenset[str]


class _Rule(NamedTuple):
    """A rule of identity all of whose own parts a form has: only its `variables` may name nothing.

    `parts` are texts that all of the form have in common, or read what differs; `tail` is the end of the key where all
    are texts.
    """

    row: Row
    variables: tuple[str, ...]
    parts: tuple[str | Part, ...]
    tail: str | None
    scoped: bool
    counted: bool

    def key(self, run: Any, draft: Draft, start: str) -> str:
        """The key that begins with a text, up to what makes it good anywhere or counts it."""
        tail = self.tail
        if tail is None:
            tail = SEP.join([part if isinstance(part, str) else part(run, draft) for part in self.parts])
        return f"{start}{SEP}{tail}" if start and self.parts else start or tail


class Seal:
    """The `rules` that may give a resource its id, in order; the general ones decide where none of them does.

    `needs` must be in the body when all references are made, `rank` is the rank of its status.
    """

    __slots__ = ("clock", "family", "kind", "names", "needs", "rank", "rules")

    def __init__(self, kind: str, rules: tuple[_Rule, ...], needs: frozenset[str], clock: Clock, rank: int) -> None:
        self.kind, self.rules, self.needs, self.clock, self.rank = kind, rules, needs, clock, rank
        self.names = frozenset(name for rule in rules for name in rule.variables)
        self.family = intern(f"{' / '.join(' '.join(rule.variables) for rule in rules)} {clock.key}")

    def settle(self, run: Any, draft: Draft) -> str:
        """Give a draft its reference.

        Where the group around knows what its resources refer to, the references are made and the clock is set, too.
        """
        if draft.ref:
            return draft.ref
        frame = draft.frame
        holder = frame.parent or frame
        kin = self.kin(draft, holder)
        if kin is not None and self.akin(draft, kin, holder):
            join_all(run, [(draft, self, kin)])
            return draft.ref
        shared = holder is frame or frame.vars.keys().isdisjoint(self.names)
        lead: tuple[int, str] | None = holder.memo.get(self.family) if shared else None
        if lead is not None:
            return self.name(run, draft, *lead)
        draft.ref = "?"
        for number, rule in enumerate(self.rules):
            starts: list[str] = []
            for name in rule.variables:
                start = run.named(draft, name)
                if not start:
                    break
                starts.append(start)
            else:
                start = SEP.join(starts)
                if shared and start and self.told(holder, number):
                    holder.memo[self.family] = number, start  # which rule holds depends on the variables alone
                return self.name(run, draft, number, start)
        draft.ref = ""
        settled: str = run.program.identities.settle(run, draft)
        return settled

    def name(self, run: Any, draft: Draft, number: int, start: str) -> str:
        """Give a draft its reference by the rule that holds; `start` is what its key begins with."""
        rule = self.rules[number]
        key = rule.key(run, draft, start)
        if not rule.scoped:
            key = f"{run.site.organisation or run.envelope.feed}{SEP}{key}"
        if rule.counted:
            counts, slot = run.ordinals, (self.kind, key)
            count = counts[slot] = counts.get(slot, 0) + 1
            key = f"{key}{SEP}{count}"
        draft.body["id"] = ident = content_id(self.kind, key)
        draft.ref = ref = f"{self.kind}/{ident}"
        draft.rows.append(rule.row)
        if rule.counted and run.close(draft):  # nothing else gets this id, so that nothing will be merged with it
            self.remember(draft, number, start)
        return ref

    def told(self, group: Any, number: int) -> bool:
        """True where a group knows what all variables name that the rules up to `number` ask for."""
        return all(name in group.memo for rule in self.rules[: number + 1] for name in rule.variables)

    def kin(self, draft: Draft, holder: Any) -> Kin | None:
        """What the group around knows of results that end as this one does."""
        links = draft.links
        found: Kin | None = holder.memo.get((self.family, links.key)) if type(links) is Links else None
        return found

    def akin(self, draft: Draft, kin: Kin, holder: Any) -> bool:
        """True where what the group around knows of results holds for this one, too."""
        frame, node, asked = draft.frame, draft.node, kin.asked
        if node.name in asked:
            return False
        if frame is not holder and not (
            frame.vars.keys().isdisjoint(kin.names) and frame.segments.keys().isdisjoint(asked)
        ):
            return False
        rule = self.rules[kin.rule]
        if not (rule.counted and rule.scoped):
            return False
        there, names, needs = draft.body.keys(), kin.references.names, self.needs
        return there.isdisjoint(names) and (needs <= names or needs <= there | names)

    def remember(self, draft: Draft, number: int, start: str) -> None:
        """Keep for the group around what was found for a draft that is closed, where it holds for all of its kind."""
        links, frame = draft.links, draft.frame
        group = frame.parent or frame
        assert isinstance(links, Links)  # noqa: S101 - what is closed has them
        if not start or not self.rules[number].scoped:
            return
        if group is not frame and not frame.vars.keys().isdisjoint(self.names):
            return
        when, references = group.memo.get(self.clock.key), group.memo.get(links.key)
        if when is not None and references is not None and self.told(group, number):
            names = self.names | links.asked
            group.memo[self.family, links.key] = Kin(number, start, names, references, *when)


def join_all(run: Any, waiting: list[tuple[Draft, Seal, Kin]]) -> None:
    """Give drafts their references by what their groups know, the references that they make, and their clocks."""
    counts, texts = run.ordinals, []
    for draft, seal, kin in waiting:
        kind, rule = seal.kind, seal.rules[kin.rule]
        key = rule.key(run, draft, kin.start) if rule.tail is None else f"{kin.start}{SEP}{rule.tail}"
        slot = (kind, key)
        counts[slot] = number = counts.get(slot, 0) + 1
        texts.append(f"{kind}{SEP}{key}{SEP}{number}")
    for (draft, seal, kin), ident in zip(waiting, content_ids(texts), strict=True):
        references, body, rows = kin.references, draft.body, draft.rows
        body["id"] = ident
        draft.ref = f"{seal.kind}/{ident}"
        for name, many, target in references.items:
            body[name] = [{"reference": target}] if many else {"reference": target}
        rows.append(seal.rules[kin.rule].row)
        rows += references.rows
        draft.clock = kin.moment


def settle_all(run: Any, kept: list[Draft]) -> None:
    """Give every draft its id in order; results whose groups know how they end wait for one another."""
    settle = run.program.identities.settle
    waiting: list[tuple[Draft, Seal, Kin]] = []
    links: Any = None
    holder, family, kin = None, "", None
    for draft in kept:
        told = draft.told
        seal: Seal | None = None if told is None or draft.mixed else told.seal
        if draft.ref:
            continue
        if seal is None:
            template = draft.template
            name = None if template is None else template.name
            if name is not None:
                draft.ref, row = name
                draft.body["id"] = draft.ref[len(draft.type) + 1 :]
                draft.rows.append(row)
                continue
            if waiting:  # its name may be made of theirs
                join_all(run, waiting)
                waiting = []
            settle(run, draft)
            continue
        frame = draft.frame
        around = frame.parent or frame
        if draft.links is not links or around is not holder or seal.family is not family:
            links, holder, family = draft.links, around, seal.family
            kin = seal.kin(draft, around)
        if kin is not None and seal.akin(draft, kin, around):
            waiting.append((draft, seal, kin))
            continue
        if waiting:
            join_all(run, waiting)
            waiting = []
        seal.settle(run, draft)
        links = None  # from now on the group may know more
    join_all(run, waiting)


def sealed(run: Any, draft: Draft, fixed: Callable[[str], bool]) -> Seal | None:
    """The seal of a draft that was just filled; `fixed` says whether a part of a key is the same for all of its form.

    None when no rule can be told from what the form has, or where more than the body decides what is missing.
    """
    program = run.program
    policy = program.policies.of(draft.type)
    if policy.security or (draft.type == "Patient" and run.site.default_authority):
        return None
    if policy.ranks and not fixed(policy.rank_of):
        return None
    body = draft.body
    missing = policy.missing(body)
    if missing is None:
        return None
    rules = []
    for rule in program.identities.rules.get(draft.type, ()):
        found = _rule_of(run, draft, rule, fixed)
        if found is None:
            break
        if found:
            rules.append(found)
    rank = policy.ranks.get(body.get(policy.rank_of, ""), 0) if policy.ranks else 0
    return Seal(draft.type, tuple(rules), missing, policy.clock, rank) if rules else None


def _rule_of(run: Any, draft: Draft, rule: Rule, fixed: Callable[[str], bool]) -> _Rule | Literal[False] | None:
    """A rule as a form has it: False where it does not hold for any of the form, None where that differs."""
    _, row, parts, scoped, counted = rule
    variables: list[str] = []
    texts: list[str | Part] = []
    for name, part in parts:
        if name.startswith("@"):
            if texts or name == "@parent":
                return None
            variables.append(name[1:])
            continue
        same = fixed(name)
        if not same and (name[0] in "${" or "-" in name):
            return None
        text = part(run, draft)  # what a form fills is never empty, so that it is there for all of it or for none
        if not text:
            return False
        texts.append(text if same else part)
    tail = None if any(not isinstance(text, str) for text in texts) else SEP.join(map(str, texts))
    return _Rule(row, tuple(variables), tuple(texts), tail or None, scoped, counted)
