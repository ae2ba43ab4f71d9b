"""One v2 message through the tables: place segments, run the rows of each place, finish."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, tzinfo
from typing import Any

from unsilo.formats.hl7v2 import Message, Segment, zone_of_message
from unsilo.kernel import Envelope, Issue, Locator
from unsilo.mapping.compile.shape import Facts, Shape, fold
from unsilo.mapping.condition import parse_condition
from unsilo.mapping.dates import name_of
from unsilo.mapping.finish import Said, finish
from unsilo.mapping.model import Draft, Mapped, Reading
from unsilo.mapping.plan import Planned, applies, plan_row, stands
from unsilo.mapping.program import Program
from unsilo.mapping.rows import MapRow
from unsilo.mapping.sources import parse_v2_ref
from unsilo.mapping.v2.actions import actions_of
from unsilo.mapping.v2.amend import amended, list_as_sent
from unsilo.mapping.v2.bounds import MOST_RESOURCES, bounded, cite_whole, list_cut
from unsilo.mapping.v2.dosage import item_of
from unsilo.mapping.v2.frames import Here, Placed, Structure
from unsilo.mapping.v2.lines import LINES, continue_text, continues
from unsilo.mapping.v2.parents import link_parents, link_persons
from unsilo.mapping.v2.quick import Spot
from unsilo.mapping.v2.run import DELETE, V2Run
from unsilo.mapping.v2.settle import settle
from unsilo.mapping.v2.shapes import Shaped
from unsilo.mapping.v2.unconsumed import labels_of, unconsumed

__all__ = ["V2Map", "reading"]

FALLBACK = "ADT_A01"
"""What an unknown message is read as: patient, visit, allergies, diagnoses and observations where they stand."""

_BY_CONTENT = (
    (frozenset({"TXA"}), "MDM_T02"),
    (frozenset({"SCH"}), "SIU_S12"),
    (frozenset({"RXD"}), "RDS_O13"),
    (frozenset({"RXG"}), "RGV_O15"),
    (frozenset({"RXE"}), "RDE_O11"),
    (frozenset({"RXA"}), "RAS_O17"),
    (frozenset({"RXO"}), "OMP_O09"),
    (frozenset({"RF1"}), "REF_I12"),
    (frozenset({"FT1"}), "DFT_P03"),
    (frozenset({"PRB"}), "PPR_PC1"),
    (frozenset({"OBR", "OBX"}), "ORU_R01"),
    (frozenset({"ORC", "OBR"}), "OML_O21"),
    (frozenset({"STF"}), "MFN_M02"),
)
"""What else an unknown message is read as, by the first segments that it holds."""


_MOST_NAMED = 1000


class V2Map:
    """The compiled tables of one feed for HL7 v2."""

    def __init__(self, program: Program, issues: list[Issue], of_zone: Callable[[str], V2Map]) -> None:
        self.program = program
        self.issues = issues
        self.of_zone = of_zone
        program.shaped = Shaped
        tables = program.tables
        self.structures = tables.structures
        self.machines: dict[str, Structure] = {}
        self.spots: dict[str, dict[str, Spot]] = {}
        self.zones: dict[tzinfo, V2Map] = {}
        self.named: dict[tuple[str, str, str], str] = {}

    @property
    def digest(self) -> str:
        """The SHA-256 of the tables, the overlay and the systems."""
        return self.program.tables.digest

    def run(self, tree: Message, envelope: Envelope) -> Mapped:
        """Map one message. Never raises for content: what cannot be mapped is an Issue or stays unconsumed."""
        zoned = self.zoned(tree)
        return zoned.run(tree, envelope) if zoned else self.mapped(tree, envelope)

    def zoned(self, tree: Message) -> V2Map | None:
        """The same tables for the zone that the message says, None where it is the feed's or the message says none."""
        zone = zone_of_message(tree, self.program.zone)
        if zone is self.program.zone:
            return None
        found = self.zones.get(zone)
        if found is None:  # there are no more than some hundred quarters of an hour
            found = self.zones[zone] = self.of_zone(name_of(zone.utcoffset(None) or timedelta()))
        return found

    def mapped(self, tree: Message, envelope: Envelope) -> Mapped:
        """Map one message whose times without a zone are in the program's."""
        sent = tree
        tree, cuts = bounded(tree)
        tree, amendments = amended(tree)
        run = V2Run(self.program, envelope, tree)
        structure = self.structure(run, tree)
        machine = self.machines.get(structure)
        if machine is None:
            machine = self.machines[structure] = Structure(self.structures.get(structure, []))
        placed = machine.place(tree)
        spots = self.spots.get(structure)
        if spots is None:
            spots = self.spots[structure] = {}
        before: Placed | None = None
        drafts, usual = run.drafts, run.usual
        for place in placed:
            segment, path, frame, misplaced = place
            if misplaced:
                text = f"{segment.name} is not where {structure} has it; it is read as {path}"
                run.issue("information", "structure", text, (segment.index, 0, 0, 0, 0), "mapping.v2.place")
            if segment.name == "OBX":
                fields = segment.cut or segment.fields
                line = len(fields) > 3 and fields[2] in LINES
                if line and before is not None and continues(before, place):
                    continue_text(run, before, place)
                    before = place
                    continue
                before = place if line else None
            else:
                before = None
            if len(drafts) >= MOST_RESOURCES:
                self.too_many(run, segment)
                break
            spot = spots.get(path or segment.name)
            if spot is None:
                spot = spots[path or segment.name] = self.spot(structure, path, segment.name)
            if not (usual and spot.takes and spot.fill(run, segment, frame)):
                self.segment(run, place, structure, spot)
        for lines in run.lines.values():
            lines.end()
        link_parents(run, placed)
        link_persons(run)
        settle(run)
        if cuts:
            text = f"{len(cuts)} fields have more parts than any data type; they were read in part or as one text"
            run.issue("error", "too-costly", text, (*cuts[0][:2], 0, 0, 0), "mapping.v2.parts")
        facts = _facts(run, tree)
        entries = finish(run, facts)
        actions = actions_of(run, placed)
        changed = [n for n, one in enumerate(tree.segments) if one is not sent.segments[n]] if tree is not sent else []
        rest = unconsumed(tree, entries[-1], run, frozenset(changed))
        if cuts:
            cite_whole(entries, cuts)
            rest = list_cut(rest, cuts, labels_of(tree))
        if amendments:
            rest = list_as_sent(rest, amendments, labels_of(tree))
        for place in placed:
            place[2].vars.clear()
        return Mapped(entries, actions, rest, [*self.issues, *run.issues], self.digest)

    def check(self) -> list[Issue]:
        """Compile every map that a message row uses; return the faults of tables and overlay."""
        for row in self.program.tables.messages:
            for at in row.at.split(";"):
                structure = next((name for name in self.structures if applies(row.map, name)), None)
                if structure is not None:
                    self.plan(structure, at.strip(), at.strip().rpartition(".")[2])
        return [*self.issues, *self.program.faults]

    def too_many(self, run: V2Run, segment: Segment) -> None:
        """Say that a message has more resources than are made of one."""
        text = (
            f"only the first {MOST_RESOURCES} resources of this message were made; the segments from here on were not"
        )
        hint = "the sender should send smaller messages"
        run.issue("error", "too-costly", text, (segment.index, 0, 0, 0, 0), "mapping.v2.resources", hint)

    def structure(self, run: V2Run, tree: Message) -> str:
        """The structure a message is read as: MSH-9.3, else by its event, else the general one with an Issue."""
        header = tree.segments[0]
        code, event, named = (header.get(9, 0, n).upper() for n in (1, 2, 3))
        run.control_id = header.get(10)
        run.event = event
        run.code = code
        known = self.named.get((code, event, named))
        if known is not None:
            return known
        events = self.program.tables.events
        for choice in (named, events.get(f"{code}^{event}", ""), f"{code}_{event}", events.get(f"{code}^*", "")):
            if choice and choice in self.structures:
                if len(self.named) < _MOST_NAMED:
                    self.named[code, event, named] = choice
                return choice
        names = {segment.name for segment in tree.segments}
        choice = next((structure for wanted, structure in _BY_CONTENT if wanted <= names), FALLBACK)
        text = f"messages of type {code}^{event} have no map of their own; by what it holds it is read as {choice}"
        run.issue("warning", "not-supported", text, (0, 9, 0, 0, 0), "mapping.v2.type")
        return choice

    def segment(self, run: V2Run, place: Placed, structure: str, spot: Spot) -> None:
        """Run the rows of a segment's place."""
        segment, path, frame, _ = place
        plan = spot.plan
        if not plan:
            return
        index = segment.index
        shape = run.shapes[index] = run.shape(segment)
        if shape is not None:
            key = (structure, path, segment.name)
            known = shape.plans.get(key)
            plan = known if known is not None else self.pruned(key, plan, shape)
        here: Here | None = None
        for row, make, own, name, functions, links, backs, test, once in plan:
            if test is not None:
                here = here or Here(frame, segment)
                if not test(run, segment, index, here):
                    continue
            draft: Draft | None
            new = False
            if make:
                draft = frame.vars.get(name) if own and name else None
                if draft is None:
                    new = True
                    draft = Draft.new(make, row.id, frame, segment)
                    run.drafts.append(draft)
                    if name:
                        frame.vars[name] = draft
            else:
                draft = frame.find(name)
                if draft is None or (once and run.notes.setdefault(("once", row.id, id(draft)), index) != index):
                    continue
            draft.mixed = draft.mixed or not new or len(functions) > 1
            if functions:
                own_node, own_frame = draft.node, draft.frame
                draft.node, draft.frame = segment, frame
                run.formed = None
                for function in functions:
                    function(run, segment, index, draft)
                draft.node, draft.frame = own_node, own_frame
                if run.formed is not None and len(plan) == len(functions) == 1 and new:
                    spot.learn(run, segment, draft, plan[0])
            if links:
                draft.joins(links)
            for other, made in backs:
                target = frame.find(other)
                if target is not None:
                    target.refers(made, draft)

    def spot(self, structure: str, path: str, name: str) -> Spot:
        """A place with its rows; what it is best looked up by says the map of its first row."""
        plan = self.plan(structure, path, name)
        first = next((function for planned in plan for function in planned.functions[:1]), None)
        return Spot(plan, dict(first.selectors) if isinstance(first, Shaped) else {})

    def plan(self, structure: str, path: str, name: str) -> list[Planned]:
        """The message rows for a place, those of the structure before the general ones."""
        plan = []
        program = self.program
        for row in program.tables.messages:
            if not stands(row.at, path, name) or not applies(row.map, structure):
                continue
            try:
                functions = tuple(self.use(part.strip(), row.id) for part in row.use.split(";") if part.strip())
                test = program.test(row.when, name) if row.when else None
                plan.append(plan_row(row, functions, test))
            except ValueError as error:
                program.fault(row.id, str(error))
        return plan

    def pruned(self, key: tuple[str, str, str], plan: list[Planned], shape: Shape) -> list[Planned]:
        """A plan without the rows whose condition a segment of this shape cannot meet."""
        facts = Facts(key[2], shape.present, shape.plain, {}, True)
        kept = []
        for planned in plan:
            tree = parse_condition(planned.row.when)
            left = fold(tree, MapRow("", ""), facts) if tree is not None else True
            if left is not False:
                kept.append(planned._replace(test=None) if left is True else planned)
        shape.plans[key] = kept
        return kept

    def use(self, name: str, row: str) -> Any:
        """A map or function that a message row names."""
        if name.startswith("py:"):
            function = self.program.functions.get(name[3:])
            if function is None:
                raise ValueError(f"function {name} is not known")
            return _whole(function, row)
        if name not in self.program.tables.maps:
            raise ValueError(f"map {name} is not known")
        element = name.partition("[")[2].rstrip("]").partition(".")[2]
        if element:
            return item_of(self.program.general(name), element)
        return self.program.function(name)


def _whole(function: Any, row: str) -> Any:
    def call(run: V2Run, segment: Any, index: int, draft: Draft) -> None:
        run.draft = draft
        function(run, segment, (index, 0, 0, 0, 0), "", row, draft.rows, draft.body)

    return call


def reading(text: str) -> Reading:
    """Read a field near a resource; its first component when the field is plain, else the text as it stands."""
    ref = parse_v2_ref(text)
    if not ref.field:
        raise ValueError(f"{text!r} names no field")

    nothing: tuple[str, Locator] = ("", None)

    def read(run: V2Run, draft: Draft) -> tuple[str, Locator]:
        node = draft.node
        if node is not None and node.name == ref.segment:
            fields = node.cut or node.fields
            return near(run, draft) if ref.field < len(fields) and fields[ref.field] else nothing
        frame = draft.frame
        shared = frame is not None and frame.parent is not None and ref.segment not in frame.segments
        if not shared:
            return near(run, draft)
        key = (ref, frame.parent)
        known = run.notes.get(key)
        if known is None:
            known = run.notes[key] = near(run, draft)
        return known

    def near(run: V2Run, draft: Draft) -> tuple[str, Locator]:
        segment = run.near(draft, ref.segment)
        if segment is None or ref.field >= len(segment.fields) or not segment.fields[ref.field]:
            return nothing
        key = (ref, segment.index)
        known = run.notes.get(key)
        if known is None:
            known = run.notes[key] = fresh(run, draft)
        return known

    def fresh(run: V2Run, draft: Draft) -> tuple[str, Locator]:
        piece, place = run.peek(draft, ref.segment, ref.field, ref.rep or 0, ref.comp, ref.sub)
        if not piece or piece == DELETE:
            return "", place
        if ref.comp or run.S not in piece:
            return run.clean(piece)[0], place if ref.comp else (*place[:3], 1, 0) if isinstance(place, tuple) else None
        return piece, place

    return read


def _facts(run: V2Run, tree: Message) -> Said:
    fields = tree.segments[0].fields
    facts: Said = {}

    def piece(number: int) -> tuple[str, Locator]:
        text = fields[number] if number < len(fields) else ""
        if not text:
            return "", None
        part = text.split(run.P, 1)[0].split(run.S, 1)[0]
        return run.clean(part)[0], (0, number, 0, 1, 1 if run.B in part else 0)

    sent, place = piece(7)
    moment = run.program.converters["dateTime"][sent] if sent else None
    if moment:
        facts["occurred"] = (moment, place)
    for number in (4, 3):
        text, place = piece(number)
        if text:
            facts["sender"] = (text, place)
            break
    text, place = piece(10)
    if text:
        facts["control"] = (text, place)
    return facts
