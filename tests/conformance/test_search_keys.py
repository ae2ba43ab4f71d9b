"""The compiled search keys equal those of a slow interpreter: FHIRPath over the whole expression, value by value."""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.unit.fhir.made import resource as made_up
from unsilo.fhir import codec
from unsilo.fhir.bundle import entries
from unsilo.fhir.index import IndexRows, index, indexed, kept_as, layout, values
from unsilo.fhir.index.trie import conversions, with_text
from unsilo.fhir.index.units import ANY
from unsilo.fhir.path import Context, PathError, by_type, compile_path
from unsilo.kernel import Json
from unsilo.spec.model import types
from unsilo.spec.parameters import SearchParameter

FOLDER = os.environ.get("UNSILO_CORPORA")
SETS = ("r4-spec-examples", "us-core-examples", "synthea-r4")
MOST = 40
"""Resources of one type of synthea that are compared: one patient's hundreds are all alike."""

Row = tuple[Any, ...]


@cache
def program(expression: str) -> Any:
    """The compiled expression; `hasExtension`, which one parameter uses, is no function of FHIR R4."""
    return compile_path(re.sub(r"hasExtension\(('[^']*')\)", r"extension(\1).exists()", expression), lenient=True)


def found(expression: str, node: Any, kind: str, resource: Json) -> list[tuple[Any, str]]:
    """The values of an expression with their types; of an Extension the value within it."""
    context = Context(resource=resource, root=resource, resolve=by_type)
    seen = program(expression).typed(node, context, kind=kind) if expression else []
    reached: list[tuple[Any, str]] = []
    for value, name in seen:
        inside = name == "Extension"
        reached += program("value").typed(value, context, kind=name) if inside else [(value, name)]
    return reached


def rows_of(one: SearchParameter, value: Any, name: str) -> Iterator[tuple[str, Row]]:
    """The rows of one value of a parameter."""
    if name.startswith("System."):
        name = name[7:].lower()
    if (one.kind, name) == ("reference", "Reference"):
        target, _ = values.literal(value)
        if target:
            yield "ref", (one.number, target)
        for key, system, _ in values.logical(value):
            yield "idn", (one.number, key, system)
        return
    for how in conversions().get((one.kind, name), ()):
        for keys in getattr(values, how.function)(value):
            row = (keys,) if how.width == 1 else keys[:-1] if with_text(how.table, how.width) else keys
            yield how.table, (one.number + how.offset, *row)


def part_of(kind: str, node: Any, name: str) -> list[Row]:
    """The keys of one value of a composite's part."""
    if name.startswith("System."):
        name = name[7:].lower()
    if (kind, name) == ("reference", "Reference"):
        return [(t,) for t in values.targets(node)]
    how = conversions().get((kind, name))
    return [] if not how else [k if isinstance(k, tuple) else (k,) for k in getattr(values, how[0].function)(node)]


def composite(one: SearchParameter, resource: Json) -> Iterator[tuple[str, Row]]:
    """The rows of a composite: parts of one element, all with all."""
    expressions = [part.expression for part in one.components]
    if (one.type, one.code) == ("DocumentReference", "relationship"):
        expressions.reverse()  # the definition has them the wrong way round
    slots = [part.slot for part in layout(tuple(part.kind for part in one.components))]
    for focus, kind in program(one.expression).typed(resource, Context(resolve=by_type)):
        lists = [
            [key for node, name in found(text, focus, kind, resource) for key in part_of(part.kind, node, name)]
            for part, text in zip(one.components, expressions, strict=True)
        ]
        lists = [
            [key for key in keys if slot != "quantity" or key[0] != ANY]  # by its number alone it is not kept here
            for slot, keys in zip(slots, lists, strict=True)
        ]
        for keys in product(lists):
            cells: dict[str, Any] = {"code": 0, "system": "", "c2": 0, "s2": "", "lo": 0.0, "hi": 0.0, "text": ""}
            for slot, key in zip(slots, keys, strict=True):
                if slot == "token":
                    cells["code"], cells["system"] = key[:2]
                elif slot == "token2":
                    cells["c2"], cells["s2"] = key[:2]
                elif slot == "quantity":
                    cells["c2"], cells["lo"], cells["hi"] = key[:3]
                elif slot in ("date", "number"):
                    cells["lo"], cells["hi"] = float(key[0]), float(key[1])
                elif slot == "from":
                    cells["lo"] = key[0]
                elif slot == "to":
                    cells["hi"] = key[0]
                else:
                    cells["text"] = key[0]
            yield "cmp", (one.number, *cells.values())


def product(lists: list[list[Row]]) -> list[list[Row]]:
    """All combinations."""
    combined: list[list[Row]] = [[]]
    for one in lists:
        combined = [[*head, key] for head in combined for key in one]
    return combined


def rows_by(one: SearchParameter, resource: Json) -> set[tuple[str, Row]]:
    """All rows of one parameter, by interpretation of its own expression."""
    if one.kind == "composite":
        return set(composite(one, resource))
    seen = found(one.expression, resource, one.type, resource)
    return {row for value, name in seen for row in rows_of(one, value, name)}


def slow(resource: Json) -> set[tuple[str, Row]]:
    """All rows but those of `pat` and `cod`, of the parameters that keep keys of their own."""
    own = [one for one in indexed(resource["resourceType"]) if kept_as(one.number) == (one.number,)]
    return {row for one in own for row in rows_by(one, resource)}


def fast(resource: Json) -> set[tuple[str, Row]]:
    """The same by the compiled functions."""
    rows = index(resource)
    tables = [name for name in IndexRows.__struct_fields__ if name not in ("pat", "cod")]
    return {(name, tuple(row)) for name in tables for row in getattr(rows, name)}


def by_stated_type(row: tuple[str, Row], resource: Json) -> bool:
    """Whether a row is of a logical reference whose type is only stated: FHIRPath has nothing to resolve."""
    numbers = {p.number for p in indexed(resource["resourceType"]) if "resolve() is" in p.expression}
    return row[0] in ("idn", "ref") and row[1][0] in numbers


def compare(resource: Json) -> list[str]:
    """What differs and is not explained."""
    listed = indexed(resource["resourceType"])
    got = fast(resource)
    try:
        expected = slow(resource)
        for one in listed:
            parts = kept_as(one.number)
            if parts != (one.number,):
                # Only the numbers differ: what the union says is what its parts have kept.
                kept = {(table, row[1:]) for table, row in got if row[0] in parts}
                assert kept == {(table, row[1:]) for table, row in rows_by(one, resource)}, one.code
    except PathError as error:
        return [f"{resource['resourceType']}: {error}"]
    names = {p.number: p.code for p in listed}
    more = [row for row in got - expected if not by_stated_type(row, resource)]
    where = f"{resource['resourceType']}/{resource.get('id')}"
    return [f"{where} {sign} {names.get(row[1][0] % 1_000_000, '?')} {row}"
            for sign, rows in (("+", more), ("-", expected - got)) for row in rows]  # fmt: skip


def resources(name: str) -> Iterator[Json]:
    """The resources of one set of examples, those in Bundles too."""
    seen: dict[str, int] = {}
    for path in sorted(Path(str(FOLDER), name).rglob("*.json")):
        value = codec.decode(path.read_bytes()).value
        if not isinstance(value, dict) or value.get("resourceType") not in types.resources:
            continue
        inside = [r for _, _, r in entries(value)] if value["resourceType"] == "Bundle" else []
        for one in [value, *inside]:
            kind = one.get("resourceType")
            seen[kind] = seen.get(kind, 0) + 1
            if kind in types.resources and (name != "synthea-r4" or seen[kind] <= MOST):
                yield one


@pytest.mark.corpora
@pytest.mark.skipif(not FOLDER, reason="UNSILO_CORPORA names no folder of test data")
@pytest.mark.parametrize("name", SETS)
def test_examples_have_the_keys_that_fhirpath_finds(name: str) -> None:
    """Every row of every parameter of every example, both ways."""
    differences, count = [], 0
    for resource in resources(name):
        count += 1
        differences += compare(resource)
    assert count > 100
    assert differences == []


@pytest.mark.parametrize("seed", range(8))
def test_random_resources_have_the_keys_that_fhirpath_finds(seed: int) -> None:
    """Made-up resources of all types, with every element that the model knows."""
    draw = Random(seed)
    differences = []
    for kind in sorted(types.resources):
        differences += compare(made_up(draw, kind=kind))
    assert differences == []
