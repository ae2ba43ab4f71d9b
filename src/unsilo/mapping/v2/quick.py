"""The quick way through a place that one row fills: from a segment's texts to the form that they had before."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from unsilo.formats.hl7v2.message import HEADERS
from unsilo.mapping.model import Draft
from unsilo.mapping.plan import Planned
from unsilo.mapping.v2.form import Form
from unsilo.mapping.v2.form_plan import asked_of
from unsilo.mapping.v2.form_source import convert, fitting, making, opening
from unsilo.mapping.v2.forms import Forms
from unsilo.mapping.v2.frames import Frame, Here
from unsilo.mapping.values import Memo

if TYPE_CHECKING:
    from unsilo.formats.hl7v2 import Segment
    from unsilo.mapping.v2.run import V2Run

__all__ = ["Spot"]

_MOST_WAYS = 8
_MOST_SORTS = 64
_MOST_TEXTS = 4096
_FEW = 4


class _Way:
    """The way to the forms of one map and shape: `texts` lead to forms, `take` makes the resource of a segment."""

    def __init__(
        self, planned: Planned, owner: Forms, size: int, selectors: dict[int, frozenset[str]], memos: dict[str, Memo]
    ) -> None:
        self.owner = owner
        self.texts: dict[Any, list[Form]] = {}
        space: dict[str, Any] = {
            **memos,
            **owner.space(),
            "texts": self.texts, "Draft": Draft, "links": planned.links, "test": planned.test, "Here": Here,
            "get": itemgetter(*[n for n in range(size) if n not in _loose(owner) and n not in owner.plan.opened]),
            **{f"back{n}": made for n, (_, made) in enumerate(planned.backs)},
            **{f"known{n}": texts for n, texts in selectors.items()},
        }  # fmt: skip
        exec(_source(planned, owner, selectors), space)  # noqa: S102 - our own generated source of numbers and quoted names
        self.take: Callable[..., bool] = space["take"]
        self.key: Callable[..., Any] = space["key_of"]


class Spot:
    """A place in a structure with its message rows, and the ways that were found through it.

    Ways are kept by the length of the segment and the text of the field that decides most about it (OBX-2): `select`.
    """

    __slots__ = ("plan", "select", "selectors", "takes", "ways")

    def __init__(self, plan: list[Planned], selectors: dict[int, frozenset[str]]) -> None:
        self.plan = plan
        self.selectors = selectors
        most = max(selectors, key=lambda number: len(selectors[number]), default=0)
        self.select = most if len(selectors.get(most, ())) > _FEW else 0
        self.ways: dict[tuple[int, str], list[_Way]] = {}
        self.takes: dict[tuple[int, str], list[Callable[..., bool]]] = {}

    def fill(self, run: V2Run, segment: Segment, frame: Frame) -> bool:
        """Make the resource of a segment whose form is known; False when that is for the rows to do."""
        fields = segment.cut or segment.fields
        size, select = len(fields), self.select
        for take in self.takes.get((size, fields[select] if select < size else ""), ()):
            if take(run, segment, fields, segment.index, frame):
                return True
        return False

    def learn(self, run: V2Run, segment: Segment, draft: Draft, planned: Planned) -> None:
        """Remember the way by which the one row of this place has just filled its resource from a form."""
        owner, known = run.formed
        fields, select = segment.fields, self.select
        open_ = {n: texts for n, texts in self.selectors.items() if n in _loose(owner)}
        if planned.own or select in open_ or any(fields[n] in texts for n, texts in open_.items()):
            return
        sort = (len(fields), fields[select] if select < len(fields) else "")
        if sort not in self.ways and len(self.ways) >= _MOST_SORTS:
            return
        ways = self.ways.setdefault(sort, [])
        way = next((way for way in ways if way.owner is owner), None)
        if way is None:
            if len(ways) >= _MOST_WAYS:
                return
            way = _Way(planned, owner, len(fields), open_, run.program.converters)
            ways.append(way)
            self.takes[sort] = [way.take for way in ways]
        if len(way.texts) < _MOST_TEXTS:
            way.texts.setdefault(way.key(run, segment, fields, draft.frame), known)


def _loose(owner: Forms) -> set[int]:
    """The fields whose text a form does not depend on: holes, and those that only have to be there."""
    plan, facts = owner.plan, owner.facts
    holes = {field for field, _ in plan.holes} | set(plan.lengths)
    certain = {0, *plan.coded, *facts.constants, *plan.opened}
    if facts.segment in HEADERS:
        certain |= {1, 2}  # the delimiters themselves
    return holes | {number for number in facts.present if number not in certain}


def _source(planned: Planned, owner: Forms, selectors: dict[int, frozenset[str]]) -> str:
    """Python of `key_of`, the texts by which a form is known, and of `take`.

    A text of `selectors` in a field that may differ would have led to another map.
    """
    plan = owner.plan
    beside = [
        f"t{n}, g{n} = run.around(frame, seg, {segment!r}, {field}, {rep}, {f'{segment}-{field}[{rep}]'!r})"
        for n, (segment, field, rep) in enumerate(plan.others)
    ]
    opened, apart = opening(plan, "", "return False")
    further = apart + [f"len(f[{n}])" for n in plan.lengths] + asked_of(plan)
    key = f"(get(f), {', '.join(further)})" if further else "get(f)"
    loose = sorted(_loose(owner))
    there = [f"if not ({' and '.join(f'f[{n}]' for n in loose)}): return False"] if loose else []
    converted = {field for field, kind in plan.holes if kind}  # no converter takes a text with a delimiter in it
    plain = [f"if not (f[{n}].isalnum() or run.plain(f[{n}])): return False" for n in loose if n not in converted]
    reads, given = convert(plan, "return False")
    backs = [
        line
        for n, (name, _) in enumerate(planned.backs)
        for line in (f"t = frame.find({name!r})", f"if t is not None: t.refers(back{n}, d)")
    ]
    take = [
        *opened,
        *beside,
        f"forms = texts.get({key})",
        "if forms is None: return False",
        *there,
        *(f"if f[{n}] in known{n}: return False" for n in selectors),
        *([] if planned.test is None else ["if not test(run, seg, i, Here(frame, seg)): return False"]),
        *plain,
        "S = run.S",
        *reads,
        *fitting("return False"),
        f"at = (i, {''.join(f'g{n}, ' for n in range(len(plan.others)))})",
        "told = form.rows[at]",
        f"d = Draft({planned.make!r}, {planned.row.id!r}, frame, seg, None, [*told.rows], told=told, links=links)",
        "run.drafts.append(d)",
        *([f"frame.vars[{planned.name!r}] = d"] if planned.name else []),
        *making(given),
        *backs,
        "return True",
    ]
    asked = [*opening(plan, "", "return None")[0], *beside, f"return {key}"]
    return "\n".join(
        [
            "def key_of(run, seg, f, frame):",
            *(f"    {line}" for line in asked),
            "def take(run, seg, f, i, frame):",
            *(f"    {line}" for line in take),
            "",
        ]
    )
