"""The HL7 v2 tables as data: every row can work, every name that it uses exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest

from unsilo.mapping.condition import parse_condition
from unsilo.mapping.paths import Step, parse_target
from unsilo.mapping.rows import MapRow, MessageRow, ResourceRow, StructureRow, TableSet
from unsilo.mapping.sources import parse_v2
from unsilo.mapping.tables import layered, standard
from unsilo.mapping.v2.functions import FUNCTIONS
from unsilo.spec import r4

PRIMITIVES = {
    "string", "text", "code", "id", "uri", "url", "oid", "uuid", "markdown", "boolean", "integer", "positiveInt",
    "unsignedInt", "decimal", "date", "dateTime", "instant", "time", "base64Binary", "reference", "compared",
    "comparator", "words",
}  # fmt: skip
# Data types of FHIR whose values are written as text, so that text of any of these types fits.
TEXTS = {"string", "code", "id", "uri", "url", "oid", "uuid", "markdown", "canonical", "base64Binary"}
NUMBERS = {"integer", "positiveInt", "unsignedInt", "decimal"}
TIMES = {"date", "dateTime", "instant"}
QUANTITIES = {"Quantity", "Duration", "Age", "Count", "Distance", "SimpleQuantity"}


@pytest.fixture(scope="module")
def tables() -> TableSet:
    """The tables as they are used, corrections applied."""
    found = layered(standard("v2"), b"", {})
    assert found.value is not None
    assert not found.issues
    return found.value


def rows(tables: TableSet) -> Iterator[MapRow]:
    """Every map row."""
    for found in tables.maps.values():
        yield from found


def fills(name: str) -> str:
    """The FHIR type, or the backbone element, that a map makes or fills."""
    return name.partition("[")[2].rstrip("]").partition("-")[0]


def walk(row: MapRow, root: str, steps: tuple[Step, ...]) -> tuple[str, r4.Element | None]:
    """What is wrong with a target path, and the R4 element at its end."""
    context, element = root, None
    for step in steps:
        name = step.name.removeprefix("_")
        element = r4.child(context, name)
        if element is None:
            return f"{context} has no element {name}", None
        if step.name.startswith("_") and not element.types[0][0].islower():
            return f"{name} is no primitive", None
        if element.many != (step.label is not None):
            return f"{context}.{name} is {'a list' if element.many else 'no list'}", None
        if step.type and "Reference" not in element.types:
            return f"{context}.{name} is no reference", None
        if step.type and not {step.type, "Resource"} & set(element.targets) and element.targets:
            return f"{context}.{name} may not refer to {step.type}", None
        context = step.type or (element.context if not step.name.startswith("_") else "Element")
    return "", element


def fits(row: MapRow, element: r4.Element) -> str:
    """What is wrong with a row's type for the element at the end of its path."""
    kind, types = row.type or "string", set(element.types)
    if row.const and kind == "string":
        return "" if types & (TEXTS | {"xhtml"}) else f"text for {element.types}"
    if kind.startswith("py:"):
        return ""
    if "[" in kind:
        made = fills(kind)
        if made in r4.resource_types():
            allowed = set(element.targets)
            return (
                ""
                if "Reference" in types and (not allowed or {made, "Resource"} & allowed)
                else f"{made} for {element.types}"
            )
        if made in types or (made in QUANTITIES and types & QUANTITIES):
            return ""
        return f"{made} for {element.types}"
    kind = {"compared": "decimal", "comparator": "code", "words": "string"}.get(kind, kind)
    for family in (TEXTS | {"text"}, NUMBERS, TIMES | {"dateTime"}):
        if kind in family and types & family:
            return ""
    return "" if kind in types else f"{kind} for {element.types}"


def test_every_target_is_an_element_of_fhir_r4_that_takes_the_type(tables: TableSet) -> None:
    """Paths name R4 elements, brackets stand exactly at lists, types and references fit what R4 allows."""
    wrong = []
    for row in rows(tables):
        text, element = walk(row, fills(row.map), parse_target(row.target))
        if not text and element is not None:
            text = fits(row, element)
        if (
            not text
            and element is None
            and "[" not in row.type
            and not row.type.startswith("py:")
            and row.target == "$this"
        ):
            text = "$this needs a map or a function"
        if text:
            wrong.append(f"{row.id}: {row.target}: {text}")
    assert not wrong, "\n".join(wrong)


def test_every_map_makes_a_type_of_fhir_r4(tables: TableSet) -> None:
    """The word in a map's brackets is a resource type or a data type."""
    assert [name for name in tables.maps if r4.child(fills(name), "id") is None] == []


def test_every_type_vocabulary_and_function_named_exists(tables: TableSet) -> None:
    """Maps, primitives, functions and vocabularies that rows name are there."""
    wrong = []
    for row in rows(tables):
        kind = row.type or "string"
        known = kind in tables.maps or kind in PRIMITIVES or kind.removeprefix("py:") in FUNCTIONS
        if not known:
            wrong.append(f"{row.id}: type {kind}")
        if row.vocab and row.vocab not in tables.vocabularies:
            wrong.append(f"{row.id}: vocabulary {row.vocab}")
    assert not wrong, "\n".join(wrong)


def test_every_source_and_condition_compiles_and_reads_its_own_map(tables: TableSet) -> None:
    """Sources and conditions parse; a data-type map reads its own parts, a segment map some segment's fields."""
    wrong = []
    for row in rows(tables):
        word = row.map.partition("[")[0]
        try:
            parse_condition(row.when)
            if row.source:
                parse_v2(row.source)
        except ValueError as error:
            wrong.append(f"{row.id}: {error}")
        read = re.findall(r"\b([A-Z][A-Z0-9]{1,2})\.\d", re.sub(r'"[^"]*"', "", f"{row.source} {row.when}"))
        wrong += [f"{row.id}: reads {place}.n in a map of {word}" for place in read if place != word]
        if not row.source and not row.const and not row.type.startswith("py:"):
            wrong.append(f"{row.id}: neither source nor const")
    assert not wrong, "\n".join(wrong)


def test_every_extension_has_a_url_and_a_value(tables: TableSet) -> None:
    """No extension item can get a value without a url, or has a url only."""
    wrong = []
    for name, found in tables.maps.items():
        targets = [row.target for row in found]
        heads = {match[0] for target in targets for match in re.finditer(r"^.*?extension\[[\w-]*\](?=\.)", target)}
        heads |= {match[0] for target in targets for match in re.finditer(r"^.*extension\[[\w-]*\](?=\.)", target)}
        for head in sorted(heads):
            inside = [target.removeprefix(head + ".") for target in targets if target.startswith(head + ".")]
            if "url" not in inside or inside.count("url") == len(inside):
                wrong.append(f"{name} {head}: {inside}")
    assert not wrong, "\n".join(wrong)


def test_every_message_row_reads_a_place_of_its_structure(tables: TableSet) -> None:
    """Group paths stand in the structure, maps exist and belong to the segment, conditions compile."""
    wrong = []
    for row in tables.messages:
        names = [part.strip() for part in row.use.split(";") if part.strip()]
        places = [at.strip() for at in row.at.split(";") if not at.strip().startswith("!")]
        segment = places[0].rpartition(".")[2]
        structures = [found for name, found in tables.structures.items() if matches(row.map, name)]
        if row.map != "*" and not structures:
            wrong.append(f"{row.id}: no structure {row.map}")
        paths = {place.path for found in structures for place in found}
        if (
            "." in row.at
            and not any(at == segment for at in places)
            and not any(fnmatchcase(path, at) for at in places for path in paths)
        ):
            wrong.append(f"{row.id}: {row.at} is in no structure")
        wrong += [f"{row.id}: {at} is another segment" for at in places if at.rpartition(".")[2] != segment]
        wrong += [f"{row.id}: map {name}" for name in names if name not in tables.maps and not name.startswith("py:")]
        wrong += [
            f"{row.id}: {name} reads another segment"
            for name in names
            if name.partition("[")[0] != segment and name[:3] != "py:"
        ]
        kinds = {fills(name).partition(".")[0] for name in names if name[:3] != "py:"}
        if row.make and kinds and kinds != {row.make.rstrip("?")}:
            wrong.append(f"{row.id}: {row.make} made by maps of {kinds}")
        parse_condition(row.when)
    assert not wrong, "\n".join(wrong)


def matches(pattern: str, structure: str) -> bool:
    """Whether a message row's map column means a structure."""
    return any(fnmatchcase(structure, one.strip()) for one in pattern.split(";"))


def test_links_join_known_variables_by_references_of_fhir_r4(tables: TableSet) -> None:
    """Each link and back link is a reference element whose targets allow the type of the variable."""
    made: dict[str, set[str]] = {}
    for row in tables.messages:
        if row.make:
            made.setdefault(row.as_.rstrip("!"), set()).add(row.make.rstrip("?"))
    wrong = [text for row in tables.messages for text in _links(row, made)]
    assert not wrong, "\n".join(wrong)


def _links(row: MessageRow, made: dict[str, set[str]]) -> Iterator[str]:
    for link in filter(None, row.link.split(";")):
        path, _, variables = link.partition("=")
        for variable in variables.split("|"):
            for mine in made[row.as_.rstrip("!")]:
                yield from _reference(row, mine, path, made.get(variable, set()))
    for back in filter(None, row.back.split(";")):
        variable, _, path = back.partition(".")
        for other in made.get(variable, {""}):
            yield from _reference(row, other, path, {row.make.rstrip("?")})


def _reference(row: MessageRow, owner: str, path: str, targets: set[str]) -> Iterator[str]:
    text, element = walk(MapRow(row.id, owner), owner, parse_target(path))
    if text or element is None or "Reference" not in element.types:
        yield f"{row.id}: {owner}.{path}: {text or 'no reference'}"
    elif not targets:
        yield f"{row.id}: {path}: nothing makes the variable"
    elif "Resource" not in element.targets and not targets & set(element.targets):
        yield f"{row.id}: {owner}.{path} may not refer to {targets}"


def test_every_required_element_of_what_is_made_is_provided_for(tables: TableSet) -> None:
    """What R4 demands of a resource is a rule of resources.csv, or a row that always writes it."""
    made = {row.make.rstrip("?") for row in tables.messages if row.make}
    made |= {fills(row.type) for row in rows(tables) if fills(row.type) in r4.resource_types()}
    wrong = []
    for kind in sorted(made):
        rules = {
            rule.element.partition(".")[0]
            for rule in tables.resources.get(kind, [])
            if rule.rule in ("required", "default")
        }
        for name in r4.required(kind):
            always = any(
                row.target.startswith(name.removesuffix("[x]"))
                for row in rows(tables)
                if fills(row.map) == kind and not row.when
            )
            plain = name.removesuffix("[x]")
            if not any(rule.startswith(plain) for rule in rules) and not always:
                wrong.append(f"{kind}.{name}")
    assert not wrong, "\n".join(wrong)


def test_resource_rules_name_elements_and_vocabularies_that_exist(tables: TableSet) -> None:
    """Elements of required and rank rules are R4 elements; security rules name known vocabularies."""
    wrong = []
    for kind, found in tables.resources.items():
        wrong += [f"{rule.id}: {text}" for rule in found for text in _rule(kind, rule, tables)]
    assert not wrong, "\n".join(wrong)


def _rule(kind: str, rule: ResourceRow, tables: TableSet) -> Iterator[str]:
    if rule.rule == "security":
        if rule.element not in tables.vocabularies:
            yield f"vocabulary {rule.element}"
    elif rule.element and kind != "*" and r4.resolve(kind, rule.element) is None:
        yield f"element {rule.element}"


def test_events_read_as_structures_that_are_there(tables: TableSet) -> None:
    """Each trigger event's structure has its segments listed, each with the group that holds it."""
    assert set(tables.events.values()) <= set(tables.structures)
    for name, found in tables.structures.items():
        paths = {place.path for place in found}
        assert all(_parent(place) in paths | {""} for place in found), name
        assert found[0].path == "MSH", name


def _parent(place: StructureRow) -> str:
    return place.path.rpartition(".")[0]


@pytest.mark.parametrize(
    "event", [f"ADT^A{n:02}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 28, 31, 40)]
    + ["ORU^R01", "ORM^O01", "OML^O21", "VXU^V04", "MDM^T02", "SIU^S12"],
)  # fmt: skip
def test_the_first_messages_are_all_mapped(tables: TableSet, event: str) -> None:
    """Each promised trigger event has a structure, and rows beside those of every message."""
    structure = tables.events[event]
    own = [row for row in tables.messages if row.map != "*" and matches(row.map, structure)]
    assert own


def test_a_status_vocabulary_never_turns_a_withdrawn_thing_into_a_live_one(tables: TableSet) -> None:
    """Cancelled, deleted and wrong things stay so: HL7 tables 0038, 0085, 0119, 0123."""
    code = {name: {row.code: row.target for row in found} for name, found in tables.vocabularies.items()}
    assert code["ObservationStatus"]["D"] == code["ObservationStatus"]["W"] == "entered-in-error"
    assert code["ObservationStatus"]["X"] == code["ReportStatus"]["X"] == "cancelled"
    assert code["ObservationStatus"]["C"] == code["ReportStatus"]["C"] == "corrected"
    assert {code["OrderControlStatus"][control] for control in ("CA", "OC", "DC", "CR")} == {"revoked"}
    assert code["OrderStatusCode"]["CA"] == code["OrderStatusCode"]["DC"] == "revoked"
    assert code["EventStatus"]["A11"] == "cancelled"
    assert code["EventStatus"]["A13"] == "in-progress"
