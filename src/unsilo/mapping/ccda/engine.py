"""One clinical document through the tables: recognise, make resources row by row, finish, list what nothing used."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import msgspec

from unsilo.formats.ccda import Document, Node
from unsilo.kernel import Envelope, Issue, Locator, Row
from unsilo.kernel.json import encode
from unsilo.mapping.ccda.functions import FUNCTIONS
from unsilo.mapping.ccda.links import name_dispensed, refer_entries
from unsilo.mapping.ccda.narrative import xhtml_of
from unsilo.mapping.ccda.recognise import NO_INFORMATION, NONE_KNOWN, OTHER_PERSON, RISK, recognise
from unsilo.mapping.ccda.run import CcdaRun, Frame
from unsilo.mapping.ccda.unconsumed import unconsumed
from unsilo.mapping.ccda.walk import Path, clean_text, path_of
from unsilo.mapping.ccda.writer import CcdaWriter, types_of
from unsilo.mapping.finish import Said, finish
from unsilo.mapping.identity import merge_into
from unsilo.mapping.model import Draft, Entry, Mapped, Reading, Site
from unsilo.mapping.plan import Planned, plan_row
from unsilo.mapping.program import Program
from unsilo.mapping.rows import MessageRow
from unsilo.mapping.tables import layered, standard
from unsilo.mapping.values import Memo

__all__ = ["CcdaMap", "faults_of", "open_map"]

_NAMED = (
    "identifier", "code", "vaccineCode", "medicationCodeableConcept", "effectiveDateTime", "effectivePeriod",
    "occurrenceDateTime", "performedDateTime", "performedPeriod", "whenHandedOver",
)  # fmt: skip
"""What the identity rules name a clinical resource by."""
_AROUND = "ancestor::section/"
_KIND = "kind="
_UNSAID = {
    OTHER_PERSON: "a statement about somebody else than the patient is no resource; it is read in the document's text",
    NO_INFORMATION: "a statement that itself has a nullFlavor is no resource; it is read in the document's text",
    RISK: "what is only feared or defined is no resource; it is read in the document's text",
    NONE_KNOWN: "that there are none of a sort is said by the section of the Composition",
}
_DAY = re.compile(r"\d{8}[\d.+Z:T -]+$")
_SENDER = "/ClinicalDocument/custodian/assignedCustodian/representedCustodianOrganization/name/text()"


def open_map(site: Site, cache: FilePath | None = None) -> CcdaMap:
    """Return the compiled C-CDA tables of a site; faults of its overlay are Issues of every document."""
    tables = layered(standard("ccda"), site.overlay, site.systems)
    assert tables.value is not None  # noqa: S101 - layering always gives tables, faults are Issues
    program = Program(
        tables.value, site, CcdaWriter, FUNCTIONS, cache, _reading,
        {"path_of": path_of, "clean_text": clean_text, "types_of": types_of},
    )  # fmt: skip
    program.faults += tables.issues
    return CcdaMap(program)


class CcdaMap:
    """The compiled tables of one feed for clinical documents."""

    def __init__(self, program: Program) -> None:
        self.program = program
        exact: Memo = program.converters["dateTime"]
        program.converters["dateTime"] = Memo(lambda text: _date_of(exact, text))
        self.below: dict[str, list[tuple[Planned, str, Path]]] = {}
        for row in program.tables.messages:
            kind = row.at[len(_KIND) :] if row.at.startswith(_KIND) else ""
            try:
                path = path_of("." if kind else row.at)
                functions = tuple(self._use(part.strip(), row.id) for part in row.use.split(";") if part.strip())
                planned = plan_row(row, functions, self._test(row))
            except ValueError as error:
                program.fault(row.id, str(error))
                continue
            self.below.setdefault(row.under.strip(), []).append((planned, kind, path))

    @property
    def digest(self) -> str:
        """The SHA-256 of the tables, the overlay and the systems."""
        return self.program.tables.digest

    def run(self, tree: Document, envelope: Envelope) -> Mapped:
        """Map one document. Never raises for content: what cannot be mapped is an Issue or stays unconsumed."""
        tree.root.link()
        try:
            return self._run(tree, envelope)
        finally:
            tree.root.unlink()

    def _run(self, tree: Document, envelope: Envelope) -> Mapped:
        run = CcdaRun(self.program, envelope, tree)
        run.kinds = recognise(tree)
        run.control_id = _control(tree)
        self._rows(run, "", tree.root, Frame(None))
        for kind in _UNSAID:
            for node in run.kinds.get(kind, ()):
                run.issue("information", "not-supported", _UNSAID[kind], node.path or None, f"ccda.{kind}")
        drafts = run.drafts
        refer_entries(run)
        name_dispensed(run)
        _one_person_each(run)
        origins = [(draft, draft.node) for draft in run.drafts]
        entries = finish(run, _facts(run, tree))
        _entries_of_sections(run, origins, entries)
        for draft in drafts:  # no circles are left behind: what a document needed goes with it
            draft.frame = draft.parent = draft.into = None
            draft.links = ()
        if not entries[-1].resource.get("target"):
            entries.pop()  # a Provenance of nothing
        rest = unconsumed(tree, entries)
        return Mapped(entries, [], rest, [*self.program.faults, *run.issues], self.digest)

    def _rows(self, run: CcdaRun, under: str, node: Node, frame: Frame) -> None:
        """Run the rows that start from a node; a row `kind=x` takes statements that no row before it took."""
        kinds, taken = run.kinds, run.taken
        for planned, kind, path in self.below.get(under, ()):
            if kind and kind not in kinds:
                continue
            row, test = planned.row, planned.test
            for found in kinds[kind] if kind else path.all(node):
                if kind and found in taken:
                    continue
                if test is not None and not test(run, found):
                    continue
                inner = Frame(frame)
                if planned.name and not self._fill(run, planned, found, frame, inner):
                    continue
                if planned.make and found.kind:
                    taken.add(found)
                if row.id in self.below:
                    self._rows(run, row.id, found, inner)

    def _fill(self, run: CcdaRun, planned: Planned, node: Node, frame: Frame, inner: Frame) -> bool:
        """Make or take the resource of a row and fill it from a node; False when there is none to take."""
        draft: Draft | None
        if planned.make:
            draft = frame.find(planned.name) if planned.own else None
            if draft is None:
                draft = Draft.new(planned.make, planned.row.id, inner, node)
                run.drafts.append(draft)
            inner.vars[planned.name] = draft
            if not planned.row.under and not planned.row.at.startswith(_KIND):
                frame.vars.setdefault(planned.name, draft)
        else:
            draft = frame.find(planned.name)
        if draft is None:
            return False
        for function in planned.functions:
            function(run, node, draft)
        draft.joins(planned.links)
        for other, made in planned.backs:
            target = frame.find(other)
            if target is not None:
                target.refers(made, draft)
        return True

    def _use(self, name: str, row: str) -> Callable[..., Any]:
        """A map or function that a message row names."""
        if name.startswith("py:"):
            function = self.program.functions.get(name[3:])
            if function is None:
                raise ValueError(f"function {name} is not known")

            def call(run: CcdaRun, node: Node, draft: Draft) -> None:
                function(run, node, node.path, "", row, draft.rows, draft.body)

            return call
        if name not in self.program.tables.maps:
            raise ValueError(f"map {name} is not known")
        made: Callable[..., Any] = self.program.function(name)
        return made

    def _test(self, row: MessageRow) -> Callable[..., bool] | None:
        """A compiled condition over the node of a message row."""
        if not row.when:
            return None
        made: Callable[..., bool] = self.program.test(row.when, ".")
        return made


def _date_of(exact: Memo, text: str) -> str | None:
    """A time as dateTime; of one whose time of day is none, the date (`20140321245-0500`)."""
    found: str | None = exact[text]
    if found is None and _DAY.match(text):
        found = exact[text[:8]]
    return found


def _reading(text: str) -> Reading:
    """A source of identity, clock or security: a path from the resource's node, from the section around it
    (`ancestor::section/...`), or an absolute one.
    """
    text = text.strip("{}")
    if text == "same()":
        return _same
    upward = text.startswith(_AROUND)
    path = path_of(text.removeprefix(_AROUND))
    if path.absolute:
        return _read_once(text, path)

    def read(run: Any, draft: Draft) -> tuple[str, Locator]:
        node = run.tree.root if draft.node is None else draft.node
        if upward:
            node = node.around("section")
            if node is None:
                return "", None
            known: tuple[str, Locator] | None = run.read.get((text, node))
            if known is not None:
                return known
        found = path.first(node)
        known = (path.read(found), found.path + path.suffix) if found is not None else ("", None)
        if upward:
            run.read[text, node] = known
        return known

    return read


def _read_once(text: str, path: Path) -> Reading:
    """A source that is the same for all resources of a document."""

    def read(run: Any, _draft: Draft) -> tuple[str, Locator]:
        known: tuple[str, Locator] | None = run.read.get(text)
        if known is None:
            found = path.first(run.tree.root)
            known = (path.read(found), found.path + path.suffix) if found is not None else ("", None)
            run.read[text] = known
        return known

    return read


def _same(run: Any, draft: Draft) -> tuple[str, Locator]:
    """Tell apart resources of one document whose ids say that they are the same while their content says they are not.

    Real documents use one id for many entries. Equal content gets the same number, other content the next one.
    """
    body = draft.body
    key = draft.type, _named_by(list(map(body.get, _NAMED)))
    known: dict[bytes, int] | Draft | None = run.notes.get(("same", key))
    number = 0
    if known is None:
        run.notes["same", key] = draft  # nothing to tell it from, so far
    else:
        if isinstance(known, Draft):
            known = run.notes["same", key] = {_content(known): 0}
        number = known.setdefault(_content(draft), len(known))
    if "identifier" in body:
        _tell_shared_id(run, draft, _named_by(body["identifier"]))
    return str(number), None


_named_by = msgspec.json.Encoder(enc_hook=lambda value: value.type, decimal_format="number").encode
"""What names a resource as bytes; a resource that it refers to, which has no id yet, stands there by its type."""


def _content(draft: Draft) -> bytes:
    return encode(_settled(draft.body))


def _tell_shared_id(run: Any, draft: Draft, ident: bytes) -> None:
    """Say once for each id that several different entries carry it."""
    key = "shared", draft.type, ident
    first: Draft | None = run.notes.setdefault(key, draft)
    if first is None or first is draft or _content(first) == _content(draft):
        return
    run.notes[key] = None
    text = f"several different {draft.type} entries have the same id; they are kept apart by their content"
    hint = "the sender should give each entry an id of its own"
    run.issue("warning", "conflict", text, draft.node.path or None, "ccda.same-id", hint)


def _settled(value: Any) -> Any:
    """A body without the resources it refers to, which have no ids yet."""
    if isinstance(value, Draft):
        return value.type
    if isinstance(value, dict):
        return {k: _settled(v) for k, v in value.items() if k != "id"}
    return [_settled(v) for v in value] if isinstance(value, list) else value


def _one_person_each(run: CcdaRun) -> None:
    """Let an author who is only cited by number be the one whom the document names with the same number."""
    named: dict[bytes, Draft] = {}
    for draft in run.drafts:
        if draft.type == "Practitioner" and draft.body.get("name"):
            for item in draft.body.get("identifier") or ():
                named.setdefault(encode(item), draft)
    for draft in run.drafts:
        if draft.type != "Practitioner" or draft.body.get("name"):
            continue
        for item in draft.body.get("identifier") or ():
            found = named.get(encode(item))
            if found is not None:
                merge_into(found, draft)
                break
    run.drafts = [draft for draft in run.drafts if draft.into is None]


def _control(tree: Document) -> str:
    node = path_of("id").first(tree.root)
    if node is None:
        return ""
    return f"{node.get('root') or ''}^{node.get('extension') or ''}".strip("^")


def _facts(run: CcdaRun, tree: Document) -> Said:
    """What the document says about itself, for its Provenance."""
    facts: Said = {}
    time = path_of("effectiveTime/@value").first(tree.root)
    when = run.program.converters["dateTime"][(time.get("value") or "").strip()] if time is not None else None
    if time is not None and when:
        facts["occurred"] = (when, f"{time.path}/@value")
    sender = path_of(_SENDER).first(tree.root)
    if sender is not None:
        facts["sender"] = (clean_text(sender), f"{sender.path}/text()")
    ident = path_of("id").first(tree.root)
    if ident is not None and run.control_id and ident.path:
        facts["control"] = (run.control_id, f"{ident.path}/@{'extension' if ident.get('extension') else 'root'}")
    return facts


def _entries_of_sections(run: CcdaRun, origins: list[tuple[Draft, Node]], entries: list[Entry]) -> None:
    """Let each section of the Composition refer to the resources made of its entries."""
    composition = next((e for e in entries if e.resource["resourceType"] == "Composition"), None)
    if composition is None:
        return
    seen: set[tuple[str, str]] = set()
    shown = {f"{e.resource['resourceType']}/{e.resource['id']}" for e in entries}
    for draft, node in origins:
        while draft.into is not None:
            draft = draft.into
        if draft.ref not in shown or draft.type in (
            "Practitioner",
            "Organization",
            "Location",
            "Device",
            "Composition",
        ):
            continue
        around = node.around("section") if node is not None else None
        if around is None or around not in run.sections:
            continue
        made, path = run.sections[around]
        listed = made.setdefault("entry", [])
        if (path, draft.ref) in seen:
            continue
        seen.add((path, draft.ref))
        if made.pop("emptyReason", None) is not None:
            composition.rows[:] = [row for row in composition.rows if not row.path.startswith(f"{path}.emptyReason")]
        composition.rows.append(Row(f"{path}.entry[{len(listed)}].reference", "comp.section.entry", None))
        listed.append({"reference": draft.ref})
    for made, path in run.sections.values():
        if not made.keys() & {"text", "entry", "section"}:
            made["text"] = {"status": "empty", "div": xhtml_of(str(made.get("title") or "-"))}
            composition.rows += [Row(f"{path}.text.{name}", "comp.section.empty", None) for name in ("status", "div")]


def faults_of(site: Site) -> list[Issue]:
    """Return what is wrong with the tables and a site's overlay, for `config check` and the tests of the tables."""
    opened = open_map(site)
    for name in opened.program.tables.maps:
        opened.program.general(name)
        opened.program.general(name, "node")
    return opened.program.faults
