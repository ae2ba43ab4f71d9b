"""What compiled maps call while one message is mapped: references, vocabularies, resources, notes of trouble."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache, partial
from typing import Any

from unsilo.kernel import Envelope, Issue, Json, Locator, Row, Where
from unsilo.kernel.issue import Code as IssueCode
from unsilo.kernel.issue import Severity
from unsilo.mapping.model import Clock, Draft, Site
from unsilo.mapping.plan import References
from unsilo.mapping.values import Code, Vocabulary

__all__ = ["NOTHING", "Maker", "Run", "T", "numbered", "referred", "row_table", "sourced"]

T = partial(tuple.__new__, Row)
"""Make a `Row` from a triple, without the keyword handling of its constructor."""

ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-codes"
_MOST_ISSUES = 200
_SHARED = 128
_FOREIGN = Code("", "", "")


NOTHING = Draft.new("Nothing", "")
"""Stands for a nested resource none of whose sources is valued."""


class RowTable(dict[int, Row]):
    """The lineage rows that differ in the segment's index only, made once for all messages (v2 locators)."""

    def __init__(self, path: str, rule: str, place: tuple[int, ...]) -> None:
        super().__init__()
        self.path, self.rule, self.place = path, rule, place

    def __missing__(self, index: int) -> Row:
        row = Row(self.path, self.rule, (index, *self.place))
        if index < _SHARED:
            self[index] = row
        return row


_TABLES: dict[tuple[str, str, tuple[int, ...]], RowTable] = {}


def row_table(path: str, rule: str, place: tuple[int, ...]) -> RowTable:
    """The table of a path, rule and place; all compiled forms of a map share it."""
    key = (path, rule, place)
    found = _TABLES.get(key)
    if found is None:
        found = RowTable(path, rule, place)
        if len(_TABLES) < 50_000:
            _TABLES[key] = found
    return found


class Numbered(dict[int, str]):
    """The paths of the items of a list, made once: `identifier[0]`."""

    def __init__(self, stem: str) -> None:
        super().__init__()
        self.stem = stem

    def __missing__(self, index: int) -> str:
        made = f"{self.stem}{index}]"
        if index < _SHARED:
            self[index] = made
        return made


@lru_cache(maxsize=4096)
def numbered(stem: str) -> Numbered:
    """The paths of the items of a list whose paths begin with a text that ends in `[`."""
    return Numbered(stem)


def sourced(rows: list[Row], start: int) -> bool:
    """True when a row from `start` on names a source."""
    for index in range(start, len(rows)):  # noqa: SIM110 - a generator costs several times as much here
        if rows[index][2] is not None:
            return True
    return False


def referred(items: list[Any], draft: Draft) -> bool:
    """True when a list of references holds one to this resource already."""
    return any(item.get("reference") is draft for item in items)


class Maker:
    """A map that makes a resource, called on a value: its name, the type, and the compiled function."""

    __slots__ = ("function", "name", "type")

    def __init__(self, name: str, kind: str, function: Any) -> None:
        self.name, self.type, self.function = name, kind, function


class Run(ABC):
    """The mapping of one message or document."""

    def __init__(self, program: Any, envelope: Envelope, tree: Any) -> None:
        self.__dict__.update(program.converters)
        self.program = program  # a `Program`, which imports this module
        self.site: Site = program.site
        self.envelope = envelope
        self.tree = tree
        self.issues: list[Issue] = []
        self.said = 0
        self.touched = 0
        self.alive: set[int] = set()
        self.control_id = ""
        self.seen: set[tuple[str, str]] = set()
        self.drafts: list[Draft] = []
        self.refs: list[Json] = []
        self.joined: set[tuple[int, str, str]] = set()
        self.made: dict[tuple[str, ...], Draft | None] = {}
        self.again: Locator = None
        self.draft: Draft | None = None
        self.notes: dict[Any, Any] = {}
        self.ordinals: dict[tuple[str, str], int] = {}

    # -- trouble --------------------------------------------------------------------------------------------------

    def issue(
        self, severity: Severity, code: IssueCode, text: str, place: Locator = None, rule: str = "", hint: str = ""
    ) -> None:
        """Note an Issue at a place, once for the same rule and text."""
        self.said += 1
        key = (rule, text)
        if key in self.seen or len(self.issues) >= _MOST_ISSUES:
            return
        self.seen.add(key)
        self.issues.append(Issue(severity, code, text, Where(self.path_of(place)), hint, rule))

    def path_of(self, place: Locator) -> str:
        """The format's own path of a locator."""
        return place if isinstance(place, str) else ""

    def misfit(self, kind: str, rule: str, place: Locator) -> None:
        """A value that does not fit its FHIR type is left out and said."""
        self.issue("warning", "value", f"the value at {self.path_of(place)} is no {kind}", place, rule)

    def target(self, draft: Draft, names: tuple[str, ...]) -> Draft | None:
        """The first resource that one of the variables names, seen from a resource."""
        for name in names:
            found = self.variable(draft, name)
            if found is not None:
                return found
        return None

    def named(self, draft: Draft, name: str) -> str:
        """The reference to the resource of a variable, seen from a resource; "" when there is none (yet)."""
        target = self.target(draft, (name,))
        return "" if target is None else self.settled(target)

    def settled(self, draft: Draft) -> str:
        """The reference to a resource, "" while its id is being made."""
        if draft.into is None and len(draft.ref) > 1:
            return draft.ref
        ref: str = self.program.identities.settle(self, draft)
        return "" if ref == "?" else ref

    def references(self, draft: Draft) -> References | None:
        """The references of a resource ready to be put in; None where each has to be looked at."""
        del draft
        return None

    def close(self, draft: Draft) -> bool:
        """Make the references of a resource whose end is known, and find its clock; False when that is to be done."""
        del draft
        return False

    def clock(self, draft: Draft, readings: Clock) -> int:
        """When what a resource says happened, by the first reading that gives a time; 0 unknown."""
        for read in readings.reads:
            text = read(self, draft)[0]
            moment: int = self.program.moment[text] if text else 0
            if moment:
                return moment
        return 0

    @abstractmethod
    def variable(self, draft: Draft, name: str) -> Draft | None:
        """The resource of a message row's variable, seen from a resource; None when it came to nothing."""

    # -- resources --------------------------------------------------------------------------------------------------

    def refer(self, draft: Draft) -> Json:
        """Return a Reference that gets its text when all ids are known."""
        reference: Json = {"reference": draft}
        self.refs.append(reference)
        return reference

    def nest(self, draft: Draft, parent: Draft) -> None:
        """Take in a resource that was made inside another one."""
        draft.parent = parent
        self.drafts.append(draft)

    def start(self, kind: str, rule: str, parent: Draft | None) -> Draft:
        """Begin a resource for a function of an adapter; call `nest` when it has content."""
        draft = Draft.new(kind, rule, parent.frame if parent else None, parent.node if parent else None)
        draft.parent = parent
        return draft

    def cite(self, draft: Draft, rule: str) -> None:
        """Say that a place names a resource which is referred to already."""
        if self.again is not None:
            draft.mixed = True
            draft.rows.append(Row("id", rule, self.again))

    # -- codes --------------------------------------------------------------------------------------------------------

    @abstractmethod
    def uri_of(self, name: str) -> str:
        """The URI of a coding system as the source names it."""

    def foreign(self, vocabulary: Vocabulary, system: str) -> bool:
        """True when a code names a coding system that a vocabulary does not speak of; a local name is none."""
        if not system or not vocabulary.source_system:
            return False
        uri = self.uri_of(system)
        return bool(uri) and uri != vocabulary.source_system and not uri.startswith("urn:unsilo:")

    def translate(
        self,
        obj: Json,
        where: str,
        vocabulary: Vocabulary,
        code: str,
        system: str,
        rule: str,
        place: Locator,
        rows: list[Row],
    ) -> Code | None:
        """Put the translated coding first, unless the original is the same code of the same system."""
        if not code or self.foreign(vocabulary, system):
            return _FOREIGN
        hit = vocabulary[code]
        if hit is None or not hit.code:
            return hit
        if hit.code == code and hit.system in (self.uri_of(system) if system else vocabulary.source_system, ""):
            return hit
        coding = {"system": hit.system, "code": hit.code}
        codings = obj.setdefault("coding", [])  # an earlier segment may have filled the concept
        at = f"{where}.coding[{len(codings)}]" if where else f"coding[{len(codings)}]"
        rows.append(Row(f"{at}.system", rule, place))
        rows.append(Row(f"{at}.code", rule, place))
        if hit.display:
            coding["display"] = hit.display
            rows.append(Row(f"{at}.display", rule, place))
        codings.append(coding)
        return hit

    def original(
        self,
        obj: Json,
        where: str,
        vocabulary: Vocabulary,
        hit: Code | None,
        system: str,
        rule: str,
        place: Locator,
        rows: list[Row],
    ) -> None:
        """Give an original coding that names no system that of its table, and say when it was not translated.

        A code that the table does not have is the sender's own: to say that it is the table's would be false.
        """
        codings = obj.get("coding")
        if not codings:
            if codings is not None:
                del obj["coding"]
            return
        if not system and vocabulary.source_system:
            for index, coding in enumerate(codings):
                if "code" in coding and "system" not in coding:
                    if table := vocabulary.system_of(coding["code"]):
                        at = f"{where}.coding[{index}].system" if where else f"coding[{index}].system"
                        coding["system"] = table
                        rows.append(Row(at, rule, None))
                    break
        if hit is None and any("code" in coding for coding in codings):
            self.unmapped(vocabulary, str(codings[-1].get("code", "")), rule, place)

    def coding(
        self,
        obj: Json,
        where: str,
        vocabulary: Vocabulary,
        code: str,
        system: str,
        rule: str,
        place: Locator,
        rows: list[Row],
    ) -> bool:
        """Fill a Coding with the translated code; False when there is none."""
        if not code or self.foreign(vocabulary, system):
            return False
        hit = vocabulary[code]
        if hit is None or not hit.code:
            if hit is None:
                self.unmapped(vocabulary, code, rule, place)
            return False
        prefix = f"{where}." if where else ""
        for name, value in (("system", hit.system), ("code", hit.code), ("display", hit.display)):
            if value and name not in obj:
                obj[name] = value
                rows.append(Row(prefix + name, rule, place))
        return True

    def source_system(
        self, obj: Json, where: str, vocabulary: Vocabulary, system: str, rule: str, rows: list[Row]
    ) -> None:
        """Give an untranslated Coding that names no system that of its table."""
        if not system and "code" in obj and "system" not in obj and (table := vocabulary.system_of(obj["code"])):
            obj["system"] = table
            rows.append(Row(f"{where}.system" if where else "system", rule, None))

    def unmapped_code(
        self,
        obj: Json,
        key: str,
        where: str,
        code: str,
        vocabulary: Vocabulary,
        rule: str,
        place: Locator,
        rows: list[Row],
    ) -> None:
        """Keep a code of the sender's own, for which a required binding has no place, in alternate-codes."""
        self.unmapped(vocabulary, code, rule, place)
        if key in obj or f"_{key}" in obj:
            return
        obj[f"_{key}"] = {"extension": [{"url": ALTERNATE, "valueCodeableConcept": {"coding": [{"code": code}]}}]}
        at = f"{where}._{key}" if where else f"_{key}"
        rows.append(Row(f"{at}.extension[0].url", rule, None))
        rows.append(Row(f"{at}.extension[0].valueCodeableConcept.coding[0].code", rule, place))

    def unmapped(self, vocabulary: Vocabulary, code: str, rule: str, place: Locator) -> None:
        """Say that a vocabulary does not know a code."""
        text = f"code {code!r} is not in the map {vocabulary.name}"
        hint = f"add a row to the vocabulary {vocabulary.name} in the feed's overlay"
        self.issue("warning", "unmapped", text, place, rule, hint)
