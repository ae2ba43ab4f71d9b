"""Imports of releases: what is taken over, what a new version changes, and what is refused."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.unit.terminology.release import made
from unsilo.flow.terminology.library import Shelves
from unsilo.flow.terminology.releases import Said, governed, import_release
from unsilo.kernel import Issue
from unsilo.storage.terminology import Library
from unsilo.terminology import Terminology
from unsilo.terminology.maps import Entry

SCT, LOINC, RX = "http://snomed.info/sct", "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm"


def _taken(data: Path, path: Path, **said: str) -> tuple[Terminology, list[Issue]]:
    shelves = Shelves(data)
    found, issues = import_release(shelves, path, Said(**said))
    assert found, issues
    return Terminology(shelves, shelves.generation), issues


def _refused(data: Path, path: Path, **said: str) -> str:
    shelves = Shelves(data)
    found, issues = import_release(shelves, path, Said(**said))
    assert not found
    assert not list(data.glob("*.sqlite"))
    assert not list(data.glob(".*.part"))
    return next(f"{issue.where.path} {issue.text}".strip() for issue in issues if issue.severity == "error")


@pytest.mark.parametrize("packed", [False, True])
def test_snomed_ct(tmp_path: Path, packed: bool) -> None:
    """A snapshot gives terms, hierarchy, attributes, reference sets, successors and maps."""
    place = made.snomed(tmp_path)
    terminology, issues = _taken(tmp_path / "t", made.zipped(place, "sct.zip") if packed else place)
    assert not issues
    (edition,) = [e for e in terminology.systems() if e.url == SCT and e.content == "complete"]
    assert edition.version == f"{SCT}/900000000000207008/version/20260101"
    found = terminology.lookup(SCT, "22298006")
    assert found is not None
    assert (found.display, found.parents, found.children) == ("Myocardial infarction", ["404684003"], ["57054005"])
    assert {d.term for d in found.designations} == {"Myocardial infarction", "Myocardial infarction (thing)",
                                                    "Heart attack", "Hjärtinfarkt"}  # fmt: skip
    assert ("363698007", "80891009", 1) in found.properties
    assert [d.preferred for d in found.designations if d.term == "Myocardial infarction"] == [("900000000000509007",)]
    old = terminology.lookup(SCT, "155304006")
    assert old is not None
    assert (old.active, old.successors) == (False, [("REPLACED_BY", "22298006")])
    assert [h.code for h in terminology.search("heart att", SCT)] == ["22298006"]
    assert [h.code for h in terminology.search("hjartinf", SCT)] == ["22298006"]
    assert terminology.search("coronary", SCT) == []
    assert terminology.subsumes(SCT, "404684003", "57054005") == "subsumes"
    assert terminology.expand(f"{SCT}?fhir_vs=refset/700043003") == [(SCT, "22298006")]
    ecl = f"{SCT}?fhir_vs=ecl/< 404684003 : 363698007 = 80891009"
    assert [code for _, code in terminology.expand(ecl)] == ["22298006", "57054005"]  # type: ignore[union-attr]
    assert terminology.expand(f"{SCT}?fhir_vs=ecl/* : 363698007 > #2") == [(SCT, "57054005")]
    assert [t.code for t in terminology.translate(SCT, "22298006")] == ["I21.9"]
    assert [t.code for t in terminology.translate("http://hl7.org/fhir/sid/icd-10", "I21.9", reverse=True)] == [
        "22298006"
    ]


def test_loinc(tmp_path: Path) -> None:
    """A release zip gives parts, hierarchy, answer lists, related names and what replaces what."""
    terminology, issues = _taken(tmp_path / "t", made.zipped(made.loinc(tmp_path), "Loinc_2.77.zip"))
    assert not issues
    found = terminology.lookup(LOINC, "2345-7")
    assert found is not None
    assert (found.version, found.display) == ("2.77", "Glucose [Mass/volume] in Serum or Plasma")
    said = {(name, value) for name, value, _ in found.properties}
    assert {("SYSTEM", "Ser/Plas"), ("COMPONENT", "Glucose"), ("COMPONENT", "LP14635-4")} <= said
    assert ("de-DE", "Glukose im Serum") in {(d.language, d.term) for d in found.designations}
    assert found.parents == ["LP14635-4"]
    old = terminology.lookup(LOINC, "6777-7")
    assert old is not None
    assert (old.active, old.successors) == (False, [("MAP_TO", "2345-7")])
    assert terminology.expand(f"{LOINC}/vs/LL2201-3") == [(LOINC, "LA18976-3"), (LOINC, "LA18978-9")]
    assert [h.code for h in terminology.search("blood sug", LOINC)] == ["2345-7"]
    assert terminology.below(LOINC, "LP432695-7") == ["LP14635-4", "2345-7"]
    by_part = {
        "compose": {
            "include": [
                {
                    "system": LOINC,
                    "filter": [
                        {"property": "COMPONENT", "op": "=", "value": "LP14635-4"},
                        {"property": "SCALE_TYP", "op": "=", "value": "Qn"},
                    ],
                }
            ]
        }
    }
    assert [m.code for m in terminology.page(by_part).members] == ["2345-7"]


def test_rxnorm(tmp_path: Path) -> None:
    """RRF gives ingredients, brands, NDC and what was merged away; a short row is told by its line."""
    terminology, issues = _taken(tmp_path / "t", made.rxnorm(tmp_path))
    assert [i.where.path for i in issues] == ["rrf/RXNCONSO.RRF, line 7", "rrf/RXNCONSO.RRF, line 7"]
    drug = terminology.lookup(RX, "313782")
    assert drug is not None
    said = {(name, value) for name, value, _ in drug.properties}
    assert {("TTY", "SCD"), ("has_ingredient", "161"), ("NDC", "00045049660")} <= said
    assert "PARACETAMOL" in terminology.synonyms(RX, "161")
    assert terminology.known(RX, "777") is False
    assert terminology.lookup(RX, "999").active is False  # type: ignore[union-attr]
    assert terminology.lookup(RX, "555").successors == [("REPLACED_BY", "161")]  # type: ignore[union-attr]
    assert [t.code for t in terminology.translate("http://hl7.org/fhir/sid/ndc", "00045049660")] == ["313782"]


def test_icd_10_cm_order_and_pcs(tmp_path: Path) -> None:
    """Order files and code lists give dotted codes below each other."""
    cm = tmp_path / "icd10cm_order_2026.txt"
    cm.write_text(
        "00001 E11     0 Type 2 diabetes mellitus".ljust(77) + "Type 2 diabetes mellitus\n"
        + "00002 E119    1 Type 2 diabetes w/o compl".ljust(77)
        + "Type 2 diabetes mellitus without complications\nbad row\n"
    )  # fmt: skip
    pcs = tmp_path / "icd10pcs_codes_2026.txt"
    pcs.write_text("0016070 Bypass Cerebral Ventricle\n")
    terminology, issues = _taken(tmp_path / "t", cm)
    assert [i.where.path for i in issues] == ["icd10cm_order_2026.txt, line 3"]
    assert terminology.parents("http://hl7.org/fhir/sid/icd-10-cm", "E11.9") == ["E11"]
    assert terminology.display("http://hl7.org/fhir/sid/icd-10-cm", "e11.9").startswith("Type 2 diabetes mellitus w")
    terminology, _ = _taken(tmp_path / "t", pcs)
    assert terminology.display("http://www.cms.gov/Medicare/Coding/ICD10", "0016070") == "Bypass Cerebral Ventricle"


def test_icd_10_cm_tabular(tmp_path: Path) -> None:
    """The tabular list gives chapters, sections, synonyms and seventh characters."""
    file = tmp_path / "icd10cm-tabular-2026.xml"
    file.write_text(
        "<ICD10CM.tabular><version>2026</version><chapter><name>9</name><desc>Circulatory</desc>"
        '<section id="I20-I25"><desc>Ischemic heart diseases (I20-I25)</desc><diag><name>I21</name><desc>AMI</desc>'
        "<includes><note>cardiac infarction</note></includes><excludes1><note>old</note></excludes1>"
        '<sevenChrDef><extension char="A">first</extension></sevenChrDef>'
        "<diag><name>I21.0</name><desc>STEMI</desc></diag></diag></section></chapter></ICD10CM.tabular>"
    )
    terminology, _ = _taken(tmp_path / "t", file)
    system = "http://hl7.org/fhir/sid/icd-10-cm"
    assert [h.code for h in terminology.search("cardiac inf", system)] == ["I21"]
    assert terminology.above(system, "I21.0XXA") == ["chapter-9", "I20-I25", "I21", "I21.0"]
    assert terminology.display(system, "I20-I25") == "Ischemic heart diseases"


def test_lists(tmp_path: Path) -> None:
    """CVX and UNII are read from the files that CDC and FDA publish."""
    (tmp_path / "cvx.txt").write_text(
        "08|Hep B, adolescent|hepatitis B vaccine, pediatric|note|Active|0|2020/01/01\nx\n"
    )
    terminology, _ = _taken(tmp_path / "t", tmp_path / "cvx.txt")
    assert terminology.display("http://hl7.org/fhir/sid/cvx", "08") == "Hep B, adolescent"
    (tmp_path / "UNII_Names_1Jan2026.txt").write_text(
        "Name\tTYPE\tUNII\tDisplay Name\nTYLENOL\tbn\t362O9ITL9D\tACETAMINOPHEN\n"
    )
    terminology, _ = _taken(tmp_path / "t", tmp_path / "UNII_Names_1Jan2026.txt")
    assert terminology.synonyms("http://fdasis.nlm.nih.gov", "362O9ITL9D") == ["ACETAMINOPHEN", "TYLENOL"]


def test_tables_in_other_encodings_and_with_quotes(tmp_path: Path) -> None:
    """A table of Windows or of UTF-16, with quotes and formulas, is read as text; versions stand side by side."""
    file = tmp_path / "own.csv"
    file.write_bytes('Code;Display;Parent;Specimen\n"A";"=1+1; ""quoted""";;blood\nB;Käse;A;\n'.encode("cp1252"))
    terminology, issues = _taken(tmp_path / "t", file, url="urn:own", version="3")
    assert [i.where.path for i in issues] == ["own.csv, line 3"]
    assert [terminology.display("urn:own", c) for c in "AB"] == ['=1+1; "quoted"', "Käse"]
    assert terminology.below("urn:own", "A") == ["B"]
    file.write_text("code,display\nA,Alpha\nA,Again\n", encoding="utf-16")
    terminology, issues = _taken(tmp_path / "t", file, url="urn:own", version="4")
    assert [(i.where.path, i.text[:22]) for i in issues] == [("own.csv, line 3", "a code is declared twi")]
    assert terminology.display("urn:own", "A") == "Alpha"
    assert terminology.lookup("urn:own", "B", "3") is not None
    assert terminology.lookup("urn:own", "B", "4") is None


def test_maps_and_packages(tmp_path: Path) -> None:
    """A map and a FHIR package are used as soon as they are imported."""
    (tmp_path / "map.csv").write_text("source_code,target_code,equivalence\nGLU,2345-7,equivalent\n,x,\n")
    terminology, issues = _taken(tmp_path / "t", tmp_path / "map.csv", url="urn:map", source="urn:lab", target=LOINC)
    assert [(t.code, t.equivalence) for t in terminology.translate("urn:lab", "GLU", LOINC)] == [
        ("2345-7", "equivalent")
    ]
    assert [t.code for t in terminology.translate(LOINC, "2345-7", reverse=True)] == ["GLU"]
    assert len(issues) == 1
    resources = {
        "package/CodeSystem-a.json": {"resourceType": "CodeSystem", "url": "urn:a", "version": "1",
            "content": "complete",
            "property": [{"code": "inactive", "type": "boolean"}],
            "concept": [{"code": "x", "display": "Ex", "concept": [{"code": "y", "display": "Why",
                "designation": [{"language": "de", "value": "Ypsilon"}]}]}]},
        "package/ValueSet-b.json": {"resourceType": "ValueSet", "url": "urn:b", "compose": {"include": [{
            "system": "urn:a",
            "filter": [{"property": "concept", "op": "is-a", "value": "x"}]}]}},
        "package/ConceptMap-c.json": {"resourceType": "ConceptMap", "url": "urn:c", "group": [{"source": "urn:a",
            "target": "urn:z", "element": [{"code": "x", "target": [{"code": "1", "equivalence": "wider",
                "product": [{"property": "p", "system": "s", "value": "v"}]}]}]}]},
        "package/package.json": {"name": "made", "version": "1.0.0"},
        "package/StructureDefinition-d.json": {"resourceType": "StructureDefinition", "url": "urn:d"},
    }  # fmt: skip
    terminology, _ = _taken(tmp_path / "t", _package(tmp_path / "made.tgz", resources))
    assert terminology.expand("urn:b") == [("urn:a", "x"), ("urn:a", "y")]
    assert terminology.subsumes("urn:a", "x", "y") == "subsumes"
    (one,) = terminology.translate("urn:a", "x")
    assert (one.code, one.equivalence, one.product) == ("1", "wider", (("p", "s", "v"),))
    assert [t.equivalence for t in terminology.translate("urn:z", "1", reverse=True)] == ["narrower"]


def _package(path: Path, files: dict[str, Any]) -> Path:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, content in files.items():
            raw = json.dumps(content).encode()
            head = tarfile.TarInfo(name)
            head.size = len(raw)
            archive.addfile(head, io.BytesIO(raw))
    path.write_bytes(gzip.compress(held.getvalue()))
    return path


def test_a_new_version_says_what_changed_and_which_maps_it_touches(tmp_path: Path) -> None:
    """The report counts changes, names maps, and a running node sees the new version."""
    shelves = Shelves(tmp_path / "t")
    (tmp_path / "map.csv").write_text("source_code,target_code\nLOCAL,B\n")
    import_release(shelves, tmp_path / "map.csv", Said(url="urn:map", source="urn:lab", target="urn:own"))
    file = tmp_path / "own.csv"
    file.write_text("code,display,status\nA,Alpha,active\nB,Beta,active\nC,Gamma,active\n")
    import_release(shelves, file, Said("urn:own", "1"))
    running = Terminology(other := Shelves(tmp_path / "t"), other.generation)
    assert running.display("urn:own", "C") == "Gamma"
    file.write_text("code,display,status\nA,Alfa,active\nC,Gamma,retired\nD,Delta,active\n")
    (done,), issues = import_release(shelves, file, Said("urn:own", "2"))
    assert not issues
    assert done.former == "1"
    assert done.changes is not None
    assert done.changes.counts == {"added": 1, "removed": 1, "retired": 1, "revived": 0, "reworded": 1}
    assert [(m.url, m.rows, m.codes) for m in done.maps] == [("urn:map", 1, ["B"])]
    other.library.refresh(now=True)
    assert running.display("urn:own", "A") == "Alfa"
    assert running.lookup("urn:own", "B", "1") is not None


def test_decisions_about_local_codes_are_named_when_their_codes_go() -> None:
    """Published decisions that lead to a code that is gone are counted; others are not."""

    def entry(code: str, state: str) -> Entry:
        return Entry(f"{code}{state}", "Observation.code", "urn:lab", "x", "urn:own", code, state=state)

    entries = [entry("B", "published"), entry("B", "proposed"), entry("A", "published")]
    (one,) = governed(entries, "urn:own", ["B", "C"])
    assert (one.name, one.rows, one.codes) == ("governed maps", 1, ["B"])
    assert governed(entries, "urn:other", ["B"]) == []


def test_a_release_that_cannot_be_used_leaves_the_former_in_use(tmp_path: Path) -> None:
    """A cycle refuses the release and leaves no file."""
    shelves = Shelves(tmp_path / "t")
    file = tmp_path / "own.csv"
    file.write_text("code,display,parent\nA,a,\nB,b,A\n")
    import_release(shelves, file, Said("urn:own", "1"))
    file.write_text("code,display,parent\nA,a,C\nB,b,A\nC,c,B\n")
    found, issues = import_release(shelves, file, Said("urn:own", "1"))
    assert not found
    assert "the hierarchy has a cycle: " in issues[0].text
    assert Terminology(shelves).below("urn:own", "A") == ["B"]
    assert not list((tmp_path / "t").glob(".*.part"))


def test_what_is_wrong_is_said_with_its_place(tmp_path: Path) -> None:
    """Every fault names its file, and its line where there is one; nothing is left behind."""
    data = tmp_path / "t"
    place = made.snomed(tmp_path)
    next(place.rglob("sct2_Relationship_*")).unlink()
    assert "no snapshot of relationships" in _refused(data, place)
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    assert "bad.csv, line 1: there is no column code" in _refused(data, bad, url="urn:x")
    assert "which code system it is must be said" in _refused(data, bad)
    bad.write_text("source_code,target_code\na,b\n")
    assert "line 2: from which system to which is not said" in _refused(data, bad)
    assert "nothing in it is known" in _refused(data, _file(tmp_path / "x.bin", b"\x00\x01"))
    assert "not JSON" in _refused(data, _file(tmp_path / "x.json", b"{"))
    assert "no CodeSystem" in _refused(data, _file(tmp_path / "y.json", b'{"resourceType":"Patient"}'))
    assert "not well-formed" in _refused(data, _file(tmp_path / "icd10cm-tabular-1.xml", b"<a><b></a>"))
    assert "there is no" in _refused(data, tmp_path / "absent.zip")
    whole = made.zipped(made.loinc(tmp_path), "l.zip").read_bytes()
    assert _refused(data, _file(tmp_path / "cut.zip", whole[: len(whole) // 2]))
    long = _file(tmp_path / "long.csv", b"code,display\nA," + b"x" * 5_000_000)
    assert "line 2: a line is longer" in _refused(data, long, url="urn:x")


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_zip_that_lies_about_its_content_is_refused(tmp_path: Path) -> None:
    """A checksum that does not fit refuses the archive."""
    path = tmp_path / "Loinc_1.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Loinc.csv", '"LOINC_NUM","COMPONENT"\n"1-8","A"\n')
    raw = bytearray(path.read_bytes())
    at = raw.index(b'"1-8"')
    raw[at + 1] = ord("9")
    path.write_bytes(raw)
    assert "CRC" in _refused(tmp_path / "t", path)


def test_a_damaged_artefact_is_said_and_the_others_are_used(tmp_path: Path) -> None:
    """A file cut short takes nothing else away."""
    shelves = Shelves(tmp_path / "t")
    for name in "ab":
        file = _file(tmp_path / f"{name}.csv", b"code,display\nX,one\n")
        import_release(shelves, file, Said(f"urn:{name}", "1"))
    victim = next(e for e in shelves.library.shelved() if e.edition.url == "urn:a")
    place = tmp_path / "t" / victim.file
    place.write_bytes(place.read_bytes()[:-4096])
    again = Library(tmp_path / "t")
    assert again.system("urn:a") is None
    assert again.system("urn:b") is not None
    assert "cannot be used" in again.faults[0].text


def test_deep_and_wide_code_systems(tmp_path: Path) -> None:
    """Nesting without end is refused."""
    inner: dict[str, Any] = {"code": "z"}
    for n in range(400):
        inner = {"code": f"c{n}", "concept": [inner]}
    deep = {"resourceType": "CodeSystem", "url": "urn:deep", "content": "complete", "concept": [inner]}
    text = _refused(tmp_path / "t", _file(tmp_path / "deep.json", json.dumps(deep).encode()))
    assert "deep" in text or "JSON" in text
