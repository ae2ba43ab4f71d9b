"""What compiled v2 maps call: pieces of escaped text, neighbouring segments, and resources made from a value."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import TYPE_CHECKING, Any

from unsilo.formats.hl7v2 import Message, Segment, path, unescape
from unsilo.kernel import Envelope, Locator, Row
from unsilo.kernel.issue import Code as IssueCode
from unsilo.kernel.issue import Severity
from unsilo.mapping.compile.shape import Shape
from unsilo.mapping.memory import begin
from unsilo.mapping.model import Clock, Draft
from unsilo.mapping.plan import Links, References, references_of
from unsilo.mapping.runtime import Maker, Run
from unsilo.mapping.v2.frames import Frame

if TYPE_CHECKING:
    from unsilo.mapping.program import Program

__all__ = ["DELETE", "V2Run"]

DELETE = '""'


class V2Run(Run):
    """The mapping of one v2 message."""

    tree: Message

    def __init__(self, program: Program, envelope: Envelope, tree: Message) -> None:
        super().__init__(program, envelope, tree)
        begin()
        marks = tree.delimiters
        self.marks = marks
        self.S, self.B = marks.component_sep, marks.subcomponent_sep
        self.P, self.E = marks.repetition_sep, marks.escape_char
        self.usual = (self.S, self.P, self.E, self.B) == ("^", "~", "\\", "&")
        self.code = self.event = ""
        self.targets: dict[Any, Draft | None] = {}
        self.shapes: dict[int, Shape | None] = {}
        self.lines: dict[int, Any] = {}
        self.formed: Any = None
        self.asked: Any = None
        self.found: list[Any] = []
        self.told: list[tuple[Any, ...]] | None = None

    def issue(
        self, severity: Severity, code: IssueCode, text: str, place: Locator = None, rule: str = "", hint: str = ""
    ) -> None:
        """The same, heard by what learns a form."""
        if self.told is not None:
            self.told.append((severity, code, text, place, rule, hint))
        super().issue(severity, code, text, place, rule, hint)

    def variable(self, draft: Draft, name: str) -> Draft | None:
        """The resource of a message row's variable, seen from a resource."""
        found: Draft | None = draft.frame.find(name) if draft.frame is not None else None
        return found if found is not None and id(found) in self.alive else None

    def target(self, draft: Draft, names: tuple[str, ...]) -> Draft | None:
        """The same for links: results of one order ask for the same things, so the answer is kept by group."""
        frame = draft.frame
        if frame is None:
            return super().target(draft, names)
        key = (_around(frame, names), names)
        if key in self.targets:
            return self.targets[key]
        found = self.targets[key] = super().target(draft, names)
        return found

    def named(self, draft: Draft, name: str) -> str:
        """The reference to the resource of a variable; results of one order ask for the same ones."""
        frame = draft.frame
        if frame is None:
            return super().named(draft, name)
        memo = (frame if frame.parent is None or name in frame.vars else frame.parent).memo
        if name in memo:
            known: str = memo[name]
            return known
        ref = super().named(draft, name)
        if ref or self.target(draft, (name,)) is None:
            memo[name] = ref
        return ref

    def clock(self, draft: Draft, readings: Clock) -> int:
        """The same, kept for all in a group whose own segments are not asked."""
        frame, node = draft.frame, draft.node
        if frame is None or node is None:
            return super().clock(draft, readings)
        holder = frame.parent or frame
        known: tuple[int, frozenset[str]] | None = holder.memo.get(readings.key)
        if known is not None and _same_view(holder, frame, node, known[1]):
            return known[0]
        moment, asked = 0, set()
        for read, segment in zip(readings.reads, readings.near, strict=True):
            asked.add(segment)
            text = read(self, draft)[0]
            moment = self.program.moment[text] if text else 0
            if moment:
                break
        if _same_view(holder, frame, node, asked):
            holder.memo[readings.key] = moment, frozenset(asked)
        return moment

    def references(self, draft: Draft) -> References | None:
        """The references that a message row makes, ready to be put in; None where each has to be looked at."""
        links = draft.links
        return references_of(self, draft, links) if isinstance(links, Links) else None

    def close(self, draft: Draft) -> bool:
        """Results of one order refer to the same things and happened at the same time; that is found out once.

        A reference to what has no id yet is left for later, so that ids are given in the order of the message.
        """
        links, seal, body = draft.links, draft.told.seal, draft.body
        if not isinstance(links, Links):
            return False
        memo = _around(draft.frame, links.asked).memo
        references: References | None = memo.get(links.key)
        if references is None:
            references = references_of(self, draft, links)
            if references is None:
                return False
            memo[links.key] = references
        if draft.ref in references.targets or not references.names.isdisjoint(body):
            return False
        if seal.needs and not seal.needs <= body.keys() | references.names:
            return False
        for name, many, ref in references.items:
            body[name] = [{"reference": ref}] if many else {"reference": ref}
        draft.rows += references.rows
        draft.clock = self.clock(draft, seal.clock)
        return True

    def path_of(self, place: Locator) -> str:
        """`PID-3[2].4`."""
        return path(self.tree, place) if isinstance(place, tuple) and len(place) == 5 else ""

    def uri_of(self, name: str) -> str:
        """The URI of a coding system's name, "" when it is not known."""
        return str(self.program.system_of[name])

    # -- text ------------------------------------------------------------

    def repetition(self, text: str, number: int) -> str:
        """One repetition of a field's text."""
        if self.P not in text:
            return text if number == 0 else ""
        parts = text.split(self.P, number + 1)
        return parts[number] if number < len(parts) else ""

    def clean(self, text: str) -> tuple[str, int]:
        """A component as a value: its first subcomponent unescaped, "" for a delete; and the subcomponent's number."""
        if text == DELETE:
            return "", 0
        sub = 0
        if self.B in text:
            text, sub = text.split(self.B, 1)[0], 1
            if text == DELETE:
                return "", 0
        if self.E in text:
            text = unescape(text, self.marks)
        return text.strip(), sub

    def flow(self, text: str) -> str | None:
        """A whole repetition as text with its lines; formatting commands become what they stand for."""
        if text == DELETE:
            return None
        if self.E in text:
            text = unescape(text, self.marks)
        text = text.rstrip()
        return text if text.strip() else None

    def words(self, text: str) -> str | None:
        """A component of words as one text: where a sender did not escape the `&` of its words, it stays among them."""
        if self.E in text or self.B in text:
            text = "" if DELETE in text.split(self.B) else unescape(text, self.marks)
        return text.strip() or None

    def join(self, *pieces: tuple[str, Any]) -> tuple[str, list[Locator]]:
        """Texts side by side; nothing when no sourced piece is valued."""
        places: list[Locator] = [place for text, place in pieces if place is not None and text]
        return ("".join(text for text, _ in pieces).strip() if places else "", places)

    def count(self, fields: list[str], number: int) -> int:
        """How many repetitions a field has."""
        text = fields[number] if number < len(fields) else ""
        return text.count(self.P) + 1 if text and text != DELETE else 0

    def shape(self, segment: Segment) -> Shape | None:
        """Which fields a segment has, and which are not plain; None when it holds a delete or delimiters are unusual.

        What was learnt of a text by shape is only good where its delimiters mean the same.
        """
        raw = segment.raw
        if DELETE in raw or not self.usual:
            return None
        if segment.name == "MSH":
            raw = raw[9:]
        escape, sub, repeat = self.E, self.B, self.P
        odd = None
        if escape in raw or sub in raw or repeat in raw:
            fields = segment.fields
            odd = tuple([n for n, f in enumerate(fields) if f and (sub in f or repeat in f or escape in f)])
        found: Shape = self.program.shape_of[tuple(map(bool, segment.fields)), odd]
        return found

    # -- neighbours ------------------------------------------------------------

    def near(self, draft: Any, name: str) -> Segment | None:
        """The first segment of a name in the nearest group around the resource's segment."""
        node = draft.node
        if node is not None and node.name == name:
            found: Segment = node
            return found
        frame: Frame | None = draft.frame
        while frame is not None:
            hit = frame.segments.get(name)
            if hit is not None:
                return hit
            frame = frame.parent
        return None

    def peek(self, draft: Any, name: str, field: int, rep: int, comp: int, sub: int) -> tuple[str, Locator]:
        """A piece of a neighbouring segment as it stands (escaped), with its place."""
        segment = self.near(draft, name)
        if segment is None or field >= len(segment.fields):
            return "", (0, field, rep, comp, sub)
        text = self.repetition(segment.fields[field], rep)
        if comp:
            parts = text.split(self.S)
            text = parts[comp - 1] if comp <= len(parts) else ""
            if sub:
                parts = text.split(self.B)
                text = parts[sub - 1] if sub <= len(parts) else ""
        return text, (segment.index, field, rep, comp, sub)

    def glance(self, draft: Any, name: str, field: int, rep: int) -> tuple[str, int]:
        """A repetition of a neighbouring segment's field as it stands (escaped), with the segment's index."""
        return self.beside(draft.frame, draft.node, name, field, rep)

    def beside(self, frame: Frame | None, node: Segment | None, name: str, field: int, rep: int) -> tuple[str, int]:
        """The same, seen from a segment in its group."""
        segment = node if node is not None and node.name == name else None
        while segment is None and frame is not None:
            segment = frame.segments.get(name)
            frame = frame.parent
        if segment is None or field >= len(segment.fields):
            return "", 0
        text = segment.fields[field]
        if rep or self.P in text:
            text = self.repetition(text, rep)
        return ("", 0) if text == DELETE else (text, segment.index)

    def around(self, frame: Frame, node: Segment, name: str, field: int, rep: int, key: str) -> tuple[str, int]:
        """The same, asked once for all segments of the group around; `key` names what is asked for."""
        parent = frame.parent
        if parent is None or node.name == name or name in frame.segments:
            return self.beside(frame, node, name, field, rep)
        found: tuple[str, int] | None = parent.memo.get(key)
        if found is None:
            found = parent.memo[key] = self.beside(parent, None, name, field, rep)
        return found

    def plain(self, text: str) -> bool:
        """True for a text with one repetition, no subcomponents and no escapes, that is no delete."""
        return not (self.P in text or self.B in text or self.E in text or text == DELETE)

    # -- resources ------------------------------------------------------------

    def clear(self, draft: Draft, elements: tuple[str, ...], rule: str, place: Locator) -> None:
        """Elements that the sender emptied, `telecom[use=work]` where these are items of a list."""
        draft.cleared = [*draft.cleared, *(one for one in elements if one not in draft.cleared)]
        draft.rows += [Row(one.partition("[")[0], rule, place) for one in elements]

    def make(
        self, maker: Maker, text: str, i: int, field: int, rep: int, comp: int, rule: str, parent: Draft
    ) -> Draft | None:
        """The resource that a map makes of this text; the same text in the same message is the same resource."""
        key = (maker.name, text)
        if key in self.made:
            draft = self.made[key]
            self.again = (i, field, rep, comp, 0)
            return draft
        self.again = None
        if text == DELETE:
            return None
        memory = self.program.made
        keeps = self.usual and self.E not in text
        known = memory.find((maker.name, rule, text, comp), self.made) if keeps else None
        said = self.said
        draft = Draft.new(maker.type, rule, parent.frame, parent.node)
        draft.parent = parent
        draft.origin = (maker, text, field, rep, comp, rule)
        if known is not None:
            draft.template = known
            draft.body = known.make(*[self._referred(origin, i, field, rep, draft) for origin in known.origins])
            self.drafts.append(draft)
            draft.told = told = known.rows[i, field, rep, comp]
            draft.rows = list(told.rows)
        else:
            maker.function(self, text, i, field, rep, comp, rule, draft)
        first = next((row[2] for row in draft.rows if row[2] is not None), None)
        self.made[key] = draft
        self.again = first
        if known is not None:
            return draft
        if len(draft.body) < 2 or first is None:
            self.made[key] = None
            return None
        self.drafts.append(draft)
        if keeps and said == self.said:
            memory.learn((maker.name, rule, text, comp), draft)
        return draft

    def _referred(self, origin: Any, i: int, field: int, rep: int, parent: Draft) -> Any:
        """A reference that a remembered resource holds: the other resource is made in the same way."""
        maker, text, _, _, comp, rule = origin
        target = self.make(maker, text, i, field, rep, comp, rule, parent)
        return self.refer(target) if target is not None else {}


def _around(frame: Frame, names: Iterable[str]) -> Frame:
    """The group in which variables of these names are looked for by all that stand in it."""
    return frame if frame.parent is None or not frame.vars.keys().isdisjoint(names) else frame.parent


def _same_view(holder: Frame, frame: Frame, node: Segment, names: Set[str]) -> bool:
    """True when who looks from a segment for others by these names sees what any in the group `holder` sees."""
    if holder is not frame:
        return node.name not in names and frame.segments.keys().isdisjoint(names)
    return node.name not in names or frame.segments.get(node.name) is node
