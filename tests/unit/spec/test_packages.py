"""FHIR packages: read safely, side by side, whole even where snapshots lack."""

from __future__ import annotations

import copy
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.spec.packages import Bounds, Package, PackageError, read_package, read_packages

CANON = "http://x.example/fhir"
Json = dict[str, Any]


def profile(name: str, base: str, *elements: Json, kind: str = "Patient", **more: Any) -> Json:
    """Return a StructureDefinition without a snapshot."""
    return {
        "resourceType": "StructureDefinition",
        "id": name,
        "url": f"{CANON}/StructureDefinition/{name}",
        "version": "1.0.0",
        "name": name,
        "kind": "resource",
        "type": kind,
        "derivation": "constraint",
        "baseDefinition": base if ":" in base else f"http://hl7.org/fhir/StructureDefinition/{base}",
        "text": {"status": "empty", "div": "<div/>"},
        "differential": {"element": list(elements)},
    } | more


def archive(path: Path, *resources: Json, name: str = "x.guide", version: str = "1.0.0", **manifest: Any) -> Path:
    """Write a package of resources."""
    said = {"name": name, "version": version, "fhirVersions": ["4.0.1"]} | manifest
    members = {"package/package.json": json.dumps(said).encode()}
    members |= {f"package/{r['resourceType']}-{r['id']}.json": json.dumps(r).encode() for r in resources}
    return packed(path, members)


def packed(path: Path, members: dict[str, bytes]) -> Path:
    """Write a gzipped tar."""
    with tarfile.open(path, "w:gz") as made:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return path


def by_id(found: Json | None) -> dict[str, Json]:
    """Map ids to the elements of a snapshot."""
    assert found is not None
    return {element["id"]: element for element in found["snapshot"]["element"]}


RACE = profile(
    "race",
    "Extension",
    {"id": "Extension", "path": "Extension", "max": "1"},
    {"id": "Extension.extension:code", "path": "Extension.extension", "sliceName": "code", "min": 1, "max": "1"},
    {"id": "Extension.extension:code.url", "path": "Extension.extension.url", "fixedUri": "code"},
    {"id": "Extension.extension:code.value[x]", "path": "Extension.extension.value[x]", "type": [{"code": "Coding"}]},
    {"id": "Extension.url", "path": "Extension.url", "fixedUri": f"{CANON}/StructureDefinition/race"},
    {"id": "Extension.value[x]", "path": "Extension.value[x]", "max": "0"},
    kind="Extension",
)
PATIENT = profile(
    "patient",
    "Patient",
    {"id": "Patient", "path": "Patient", "constraint": [{"key": "x-1", "severity": "error", "expression": "true"}]},
    {"id": "Patient.extension:race", "path": "Patient.extension", "sliceName": "race", "max": "1",
     "type": [{"code": "Extension", "profile": [f"{CANON}/StructureDefinition/race"]}]},
    {"id": "Patient.identifier", "path": "Patient.identifier", "min": 1, "mustSupport": True},
    {"id": "Patient.identifier.system", "path": "Patient.identifier.system", "min": 1},
    {"id": "Patient.contact.name.family", "path": "Patient.contact.name.family", "min": 1},
)  # fmt: skip


def test_a_snapshot_is_made_of_the_base(tmp_path: Path) -> None:
    """Changes are merged, datatypes unfolded where constrained, extension slices get their slicing."""
    package = read_package(archive(tmp_path / "a.tgz", RACE, PATIENT))
    assert (package.name, package.version) == ("x.guide", "1.0.0")
    found = package.structure(f"{CANON}/StructureDefinition/patient")
    elements = by_id(found)
    assert elements["Patient.identifier"]["min"] == 1
    assert elements["Patient.identifier"]["base"] == {"path": "Patient.identifier", "min": 0, "max": "*"}
    assert elements["Patient.identifier.system"]["min"] == 1
    assert elements["Patient.identifier.use"]["binding"]["strength"] == "required"
    assert elements["Patient.contact.name.family"]["min"] == 1
    assert elements["Patient.contact"]["constraint"][-1]["key"] == "pat-1"
    assert elements["Patient.extension"]["slicing"]["discriminator"] == [{"type": "value", "path": "url"}]
    race = elements["Patient.extension:race"]
    assert (race["path"], race["sliceName"], race["min"], race["max"]) == ("Patient.extension", "race", 0, "1")
    assert [c["key"] for c in elements["Patient"]["constraint"]][-1] == "x-1"
    assert len(elements["Patient"]["constraint"]) > 1
    order = list(elements)
    assert order.index("Patient.extension:race") == order.index("Patient.extension") + 1
    assert order.index("Patient.identifier.system") < order.index("Patient.active")
    assert found is not None
    assert "text" not in found
    extension = by_id(package.structure(f"{CANON}/StructureDefinition/race|1.0.0"))
    assert extension["Extension.extension:code.value[x]"]["type"] == [{"code": "Coding"}]
    assert extension["Extension.extension:code.url"]["fixedUri"] == "code"
    assert package.problems() == []


def test_a_base_in_the_package_is_made_first(tmp_path: Path) -> None:
    """A profile of a profile has the changes of both; a version that is nowhere is not minded."""
    child = profile("child", f"{CANON}/StructureDefinition/patient|0.9", {"path": "Patient.gender", "min": 1})
    package = read_package(archive(tmp_path / "a.tgz", child, PATIENT, RACE))
    elements = by_id(package.structure(f"{CANON}/StructureDefinition/child"))
    assert elements["Patient.gender"]["min"] == 1
    assert elements["Patient.identifier"]["min"] == 1
    assert "Patient.extension:race" in elements


def test_choices_are_narrowed_by_slice_or_by_name(tmp_path: Path) -> None:
    """`valueQuantity` allows no other type; an explicit slice leaves the choice open; both may be gone into."""
    short = profile(
        "short", "Observation",
        {"path": "Observation.valueQuantity", "min": 1},
        {"path": "Observation.valueQuantity.code", "fixedCode": "mg"},
        {"path": "Observation.valueString", "min": 1},
        {"path": "Observation.status", "isModifier": False},
        {"path": "Observation.component.valueQuantity", "min": 0, "mustSupport": True},
        kind="Observation",
    )  # fmt: skip
    sliced = profile(
        "sliced", "Observation",
        {"id": "Observation.value[x]:valueQuantity", "path": "Observation.value[x]", "sliceName": "valueQuantity",
         "type": [{"code": "Quantity"}]},
        {"id": "Observation.value[x]:valueQuantity.unit", "path": "Observation.value[x].unit", "min": 1},
        kind="Observation",
    )  # fmt: skip
    package = read_package(archive(tmp_path / "a.tgz", short, sliced))
    elements = by_id(package.structure(f"{CANON}/StructureDefinition/short"))
    assert elements["Observation.value[x]"]["type"] == [{"code": "Quantity"}, {"code": "string"}]
    assert elements["Observation.value[x]"]["slicing"]["rules"] == "closed"
    assert elements["Observation.value[x]:valueQuantity.code"]["fixedCode"] == "mg"
    assert elements["Observation.value[x]:valueString"]["type"] == [{"code": "string"}]
    assert elements["Observation.status"]["isModifier"]
    assert elements["Observation.component.value[x]"]["type"] == [{"code": "Quantity"}]
    assert elements["Observation.component.value[x]:valueQuantity"]["mustSupport"]
    elements = by_id(package.structure(f"{CANON}/StructureDefinition/sliced"))
    assert len(elements["Observation.value[x]"]["type"]) == 11
    assert elements["Observation.value[x]"]["slicing"]["rules"] == "open"
    assert elements["Observation.value[x]:valueQuantity.unit"]["min"] == 1


def test_slices_of_backbones_have_their_children_and_repeat_content(tmp_path: Path) -> None:
    """A slice starts as the element it slices; what repeats another element is unfolded from it."""
    panel = profile(
        "panel", "Observation",
        {"path": "Observation.component", "slicing": {"discriminator": [{"type": "pattern", "path": "code"}],
                                                      "rules": "open"}},
        {"path": "Observation.component", "sliceName": "a", "min": 1, "max": "1"},
        {"path": "Observation.component.code", "patternCodeableConcept": {"text": "a"}},
        {"path": "Observation.component.referenceRange.low", "min": 1},
        {"path": "Observation.component", "sliceName": "b"},
        kind="Observation",
    )  # fmt: skip
    elements = by_id(read_package(archive(tmp_path / "a.tgz", panel)).structure(f"{CANON}/StructureDefinition/panel"))
    assert elements["Observation.component:a.code"]["patternCodeableConcept"] == {"text": "a"}
    assert "patternCodeableConcept" not in elements["Observation.component:b.code"]
    assert "patternCodeableConcept" not in elements["Observation.component.code"]
    assert elements["Observation.component:a.referenceRange.low"]["min"] == 1
    assert elements["Observation.component:b"]["min"] == 0


def test_a_snapshot_that_is_there_is_taken(tmp_path: Path) -> None:
    """Nothing is made anew."""
    ready = profile("ready", "Patient") | {"snapshot": {"element": [{"id": "Patient", "path": "Patient", "min": 7}]}}
    package = read_package(archive(tmp_path / "a.tgz", ready))
    assert by_id(package.structure(f"{CANON}/StructureDefinition/ready")) == {
        "Patient": {"id": "Patient", "path": "Patient", "min": 7}
    }


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (lambda: [profile("p", f"{CANON}/nothing")], "is not there"),
        (lambda: [profile("p", "Patient", {"path": "Patient.nam", "min": 1})], "Patient.nam is not in its base"),
        (lambda: [profile("p", "Patient", {"path": "Patient.deceased[x].value", "min": 1})], "one type"),
        (lambda: [profile("p", f"{CANON}/StructureDefinition/p")], "based on itself"),
        (
            lambda: [
                profile("p", f"{CANON}/StructureDefinition/q"),
                profile("q", f"{CANON}/StructureDefinition/r"),
                profile("r", f"{CANON}/StructureDefinition/p"),
            ],
            "based on itself",
        ),
        (lambda: [profile("p", "Patient") | {"differential": {"element": "x"}}], "no list of elements"),
        (lambda: [profile("p", "Patient") | {"differential": {"element": [{"min": 1}]}}], "no list of elements"),
        (lambda: [profile("p", "Patient", {"path": "Patient" + ".extension" * 60, "min": 1})], "too deep"),
        (
            lambda: [
                profile("p", "Patient", *({"path": "Patient.extension", "sliceName": f"s{i}"} for i in range(60_000)))
            ],
            "too large",
        ),
    ],
)
def test_a_profile_that_cannot_be_made_is_told(tmp_path: Path, made: Callable[[], list[Json]], word: str) -> None:
    """It answers as not there, with the reason beside; the others of the package stay usable."""
    package = read_package(archive(tmp_path / "a.tgz", *made(), RACE))
    assert package.structure(f"{CANON}/StructureDefinition/p") is None
    assert word in " ".join(package.problems())
    assert package.structure(f"{CANON}/StructureDefinition/race") is not None


def test_versions_stand_side_by_side(tmp_path: Path) -> None:
    """Each is found by its version; without one the latest counts; bases come from the package depended on."""
    for version, least in (("1.9.0", 1), ("1.10.0", 2)):
        parent = profile("parent", "Patient", {"path": "Patient.name", "min": least}, version=version)
        codes = {"resourceType": "CodeSystem", "id": "c", "url": f"{CANON}/c", "version": version, "concept": []}
        archive(tmp_path / f"base-{version}.tgz", parent, codes, name="x.base", version=version)
    child = profile("child", f"{CANON}/StructureDefinition/parent", {"path": "Patient.gender", "min": 1})
    archive(tmp_path / "z.tgz", child, name="x.child", dependencies={"x.base": "1.9.0"})
    (tmp_path / "notes.txt").write_text("x")
    packages = read_packages(tmp_path)
    assert [(p.name, p.version) for p in packages] == [("x.base", "1.10.0"), ("x.base", "1.9.0"), ("x.child", "1.0.0")]
    new, old, third = packages
    assert old.code_system(f"{CANON}/c|1.9.0") is not None
    assert old.code_system(f"{CANON}/c|1.10.0") is None
    assert by_id(new.structure(f"{CANON}/StructureDefinition/parent"))["Patient.name"]["min"] == 2
    assert by_id(third.structure(f"{CANON}/StructureDefinition/child"))["Patient.name"]["min"] == 1
    archive(tmp_path / "again.tgz", child, name="x.child")
    with pytest.raises(PackageError, match=r"two packages x\.child#1\.0\.0"):
        read_packages(tmp_path)


def test_the_latest_version_of_one_url_is_by_numbers(tmp_path: Path) -> None:
    """1.10 is after 1.9, a release after its drafts."""
    url = f"{CANON}/v"
    sets = [
        {"resourceType": "ValueSet", "id": f"v{i}", "url": url, "version": version, "compose": {"include": []}}
        for i, version in enumerate(["1.9.0", "1.10.0-ballot", "1.10.0", "1.2.0"])
    ]
    package = read_package(archive(tmp_path / "a.tgz", *sets))
    found = package.value_set(url)
    assert found is not None
    assert found["version"] == "1.10.0"
    assert len(package.urls("value_sets")) == 4
    assert package.value_set(f"{url}|7") is None
    assert package.value_set("") is None


def test_a_folder_is_a_package_too(tmp_path: Path) -> None:
    """Unpacked, with or without its `package` folder; what is no definition is passed over."""
    folder = tmp_path / "g" / "package"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"name": "x", "version": "2"}')
    (folder / ".index.json").write_text("{")
    (folder / "a.json").write_text(json.dumps(RACE))
    (folder / "b.json").write_text('{"resourceType": "Patient", "id": "p"}')
    for path in (folder, folder.parent):
        package = read_package(path)
        assert package.urls("structures") == [f"{CANON}/StructureDefinition/race|1.0.0"]
    assert [p.version for p in read_packages(tmp_path)] == ["2"]
    (folder / "link.json").symlink_to("/etc/passwd")
    with pytest.raises(PackageError, match="is no file"):
        read_package(folder)


SHAPES: list[Any] = [None, 7, "x", [], {}, [[]], [{}], [None], {"x": [1]}, True]


@given(st.integers(0, 2**32))
def test_misshapen_definitions_are_told(seed: int) -> None:
    """A value of any shape anywhere in a definition is a fault of that definition, never an exception."""
    random = Random(seed)
    ready = profile("ready", "Patient") | {"snapshot": {"element": [{"path": "Patient"}, {"path": "Patient.name"}]}}
    child = profile("child", f"{CANON}/StructureDefinition/ready", {"path": "Patient.name", "min": 1})
    codes = {"resourceType": "CodeSystem", "id": "c", "url": f"{CANON}/c", "concept": [{"code": "a", "concept": []}]}
    package = Package("x", "1")
    for one in (PATIENT, RACE, ready, child, codes):
        made = copy.deepcopy(one)
        node: Any = made
        for _ in range(random.randrange(7)):
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = random.choice(keys)
            if isinstance(node[key], dict | list) and random.random() < 0.8:
                node = node[key]
                continue
            if key not in ("url", "resourceType", "id", "version"):
                node[key] = random.choice(SHAPES)
            break
        package.add(one["resourceType"], one["url"], "1.0.0", json.dumps(made).encode())
    for canonical in package.urls("structures"):
        assert package.structure(canonical) is not None or canonical in package.faults
    assert all(isinstance(problem, str) for problem in package.problems())
    package.code_system(f"{CANON}/c")


MANIFEST = b'{"name": "x", "version": "1"}'


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({}, "no package/package.json"),
        ({"package/package.json": b"{"}, "package.json"),
        ({"package/package.json": b"[]"}, "package.json"),
        ({"package/package.json": b'{"name": 1, "version": "1"}'}, "package.json"),
        ({"package/package.json": b'{"name": "x", "version": "1", "fhirVersions": ["5.0.0"]}'}, "5.0.0"),
        ({"package/package.json": MANIFEST, "package/a.json": b"not json"}, "a.json"),
        ({"package/package.json": MANIFEST, "package/a.json": b"\xff\xfe"}, "a.json"),
        ({"package/package.json": MANIFEST, "package/a.json": b'{"a":' * 100_000}, "a.json"),
        ({"package/package.json": MANIFEST, "package/a.json": b'{"resourceType": 1}'}, "a.json"),
        ({"../package.json": MANIFEST}, "outside"),
        ({"/package/package.json": MANIFEST}, "outside"),
        ({"package/../../x.json": MANIFEST}, "outside"),
        ({"package\\x.json": MANIFEST}, "outside"),
        ({"C:/x.json": MANIFEST}, "outside"),
        ({"n" * 70_000: MANIFEST}, "too long"),
    ],
)
def test_a_bad_archive_is_refused(tmp_path: Path, members: dict[str, bytes], word: str) -> None:
    """The message names the package and what is wrong in it."""
    path = packed(tmp_path / "bad.tgz", members)
    with pytest.raises(PackageError) as error:
        read_package(path)
    assert word in str(error.value)
    assert str(error.value).startswith("bad.tgz: ")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    """Only files and folders are read."""
    path = tmp_path / "bad.tgz"
    with tarfile.open(path, "w:gz") as made:
        info = tarfile.TarInfo("package/package.json")
        info.type, info.linkname = kind, "/etc/passwd"
        made.addfile(info)
    with pytest.raises(PackageError, match="no file"):
        read_package(path)


@pytest.mark.parametrize("content", [b"", b"x", b"\x1f\x8b", gzip.compress(b"x" * 2000, mtime=0), b"PK\x03\x04"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """Garbage, truncated gzip, gzip of something else, a zip."""
    path = tmp_path / "bad.tgz"
    path.write_bytes(content)
    with pytest.raises(PackageError, match=r"bad\.tgz: "):
        read_package(path)
    with pytest.raises(PackageError):
        read_package(tmp_path / "missing.tgz")


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    """Half a package is none."""
    path = archive(tmp_path / "a.tgz", RACE, PATIENT)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(PackageError):
        read_package(path)


@pytest.mark.parametrize(
    "bounds", [Bounds(archive=100), Bounds(unpacked=20_000), Bounds(one=5_000), Bounds(files=2)]
)  # fmt: skip
def test_bounds_hold(tmp_path: Path, bounds: Bounds) -> None:
    """An archive, what it unpacks to, a file of it and their number may not be larger."""
    members = {f"package/f{i}.json": b'{"x":"' + b" " * 10_000 + b'"}' for i in range(5)}
    members["package/package.json"] = MANIFEST
    path = packed(tmp_path / "bomb.tgz", members)
    assert read_package(path).name == "x"
    with pytest.raises(PackageError, match=r"bomb\.tgz: .*(larger|more than)"):
        read_package(path, bounds)
    folder = tmp_path / "f"
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    if bounds.archive > 100:
        with pytest.raises(PackageError, match="larger"):
            read_package(folder, bounds)
