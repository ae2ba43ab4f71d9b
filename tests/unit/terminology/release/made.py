"""Small made-up releases in the published forms."""

from __future__ import annotations

import zipfile
from pathlib import Path

__all__ = ["loinc", "rxnorm", "snomed", "zipped"]

FSN, SYNONYM = "900000000000003001", "900000000000013009"
CORE = "900000000000207008"


def _table(*rows: tuple[str, ...]) -> str:
    return "\r\n".join("\t".join(row) for row in rows) + "\r\n"


def snomed(folder: Path, date: str = "20260101") -> Path:
    """Write an RF2 snapshot: a finding with two kinds, one retired and replaced, attributes, a reference set."""
    place = folder / f"SnomedCT_International_{date}" / "Snapshot"
    terms = [("138875005", "SNOMED CT Concept"), ("404684003", "Clinical finding"),
             ("22298006", "Myocardial infarction"), ("57054005", "Acute myocardial infarction"),
             ("155304006", "Coronary thrombosis"),
             ("363698007", "Finding site"),
             ("80891009", "Heart structure"), ("700043003", "Example reference set")]  # fmt: skip
    concepts = [(code, date, "0" if code == "155304006" else "1", CORE, "900000000000074008") for code, _ in terms]
    descriptions, language = [], []
    for n, (code, text) in enumerate(terms):
        for m, (kind, said) in enumerate(((FSN, f"{text} (thing)"), (SYNONYM, text))):
            number = f"{1000 + n * 10 + m}011"
            descriptions.append((number, date, "1", CORE, code, "en", kind, said, "900000000000448009"))
            language.append((f"u{number}", date, "1", CORE, "900000000000509007", number, "900000000000548007"))
    descriptions.append(("9999011", date, "1", CORE, "22298006", "en", SYNONYM, "Heart attack", "900000000000448009"))
    descriptions.append(("9998011", date, "1", CORE, "22298006", "sv", SYNONYM, "Hjärtinfarkt", "900000000000448009"))
    descriptions.append(("9997011", date, "0", CORE, "22298006", "en", SYNONYM, "Old name", "900000000000448009"))
    is_a = "116680003"
    links = [("404684003", "138875005", "0", is_a), ("22298006", "404684003", "0", is_a),
             ("57054005", "22298006", "0", is_a),
             ("80891009", "138875005", "0", is_a), ("363698007", "138875005", "0", is_a),
             ("22298006", "80891009", "1", "363698007"), ("57054005", "80891009", "1", "363698007")]  # fmt: skip
    inferred = "900000000000011006"
    relations = [(f"{n}021", date, "1", CORE, a, b, g, t, inferred, "900000000000451002") for n, (a, b, g, t) in
                 enumerate(links, 500)]  # fmt: skip
    files = {
        f"Terminology/sct2_Concept_Snapshot_INT_{date}.txt": _table(
            ("id", "effectiveTime", "active", "moduleId", "definitionStatusId"), *concepts),
        f"Terminology/sct2_Description_Snapshot-en_INT_{date}.txt": _table(
            ("id", "effectiveTime", "active", "moduleId", "conceptId", "languageCode", "typeId", "term",
             "caseSignificanceId"), *descriptions),
        f"Terminology/sct2_Relationship_Snapshot_INT_{date}.txt": _table(
            ("id", "effectiveTime", "active", "moduleId", "sourceId", "destinationId", "relationshipGroup", "typeId",
             "characteristicTypeId", "modifierId"), *relations),
        f"Terminology/sct2_RelationshipConcreteValues_Snapshot_INT_{date}.txt": _table(
            ("id", "effectiveTime", "active", "moduleId", "sourceId", "value", "relationshipGroup", "typeId",
             "characteristicTypeId", "modifierId"),
            ("1", date, "1", CORE, "57054005", "#2.5", "1", "363698007", inferred, "x")),
        f"Refset/Language/der2_cRefset_LanguageSnapshot-en_INT_{date}.txt": _table(
            ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId", "acceptabilityId"),
            *language),
        f"Refset/Content/der2_Refset_SimpleSnapshot_INT_{date}.txt": _table(
            ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId"),
            ("1", date, "1", CORE, "700043003", "22298006"), ("2", date, "0", CORE, "700043003", "404684003")),
        f"Refset/Content/der2_cRefset_AssociationSnapshot_INT_{date}.txt": _table(
            ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId", "targetComponentId"),
            ("1", date, "1", CORE, "900000000000526001", "155304006", "22298006")),
        f"Refset/Map/der2_iisssccRefset_ExtendedMapSnapshot_INT_{date}.txt": _table(
            ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId", "mapGroup",
             "mapPriority", "mapRule", "mapAdvice", "mapTarget", "correlationId", "mapCategoryId"),
            ("1", date, "1", CORE, "447562003", "22298006", "1", "1", "TRUE", "ALWAYS I21.9", "I21.9", "x", "y")),
    }  # fmt: skip
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return place.parent


def loinc(folder: Path) -> Path:
    """Write a LOINC release: two tests, one deprecated and mapped, parts, hierarchy, an answer list."""
    files = {
        "LoincTable/Loinc.csv": (
            '"LOINC_NUM","COMPONENT","PROPERTY","TIME_ASPCT","SYSTEM","SCALE_TYP","METHOD_TYP","CLASS",'
            '"VersionLastChanged","STATUS","RELATEDNAMES2","SHORTNAME","LONG_COMMON_NAME","EXAMPLE_UCUM_UNITS"\n'
            '"2345-7","Glucose","MCnc","Pt","Ser/Plas","Qn","","CHEM","2.73","ACTIVE","Gluc; Blood sugar",'
            '"Glucose SerPl-mCnc","Glucose [Mass/volume] in Serum or Plasma","mg/dL"\n'
            '"6777-7","Glucose ""old""","MCnc","Pt","Ser","Qn","","CHEM","2.50","DEPRECATED","","","Old glucose",""\n'
            '"72166-2","Tobacco smoking status","Find","Pt","^Patient","Nom","","H&P","2.60","ACTIVE","","",'
            '"Tobacco smoking status",""\n'
        ),
        "LoincTable/MapTo.csv": '"LOINC","MAP_TO","COMMENT"\n"6777-7","2345-7",""\n',
        "AccessoryFiles/PartFile/Part.csv": (
            '"PartNumber","PartTypeName","PartName","PartDisplayName","Status"\n'
            '"LP14635-4","COMPONENT","Glucose","Glucose","ACTIVE"\n'
        ),
        "AccessoryFiles/PartFile/LoincPartLink_Primary.csv": (
            '"LoincNumber","LongCommonName","PartNumber","PartName","PartCodeSystem","PartTypeName","LinkTypeName","Property"\n'
            '"2345-7","x","LP14635-4","Glucose","http://loinc.org","COMPONENT","Primary",'
            '"http://loinc.org/property/COMPONENT"\n'
        ),
        "AccessoryFiles/ComponentHierarchyBySystem/ComponentHierarchyBySystem.csv": (
            '"PATH_TO_ROOT","SEQUENCE","IMMEDIATE_PARENT","CODE","CODE_TEXT"\n'
            '"","1","","LP432695-7","{component}"\n'
            '"LP432695-7","1","LP432695-7","LP14635-4","Glucose"\n'
            '"LP432695-7.LP14635-4","1","LP14635-4","2345-7","Glucose"\n'
        ),
        "AccessoryFiles/AnswerFile/AnswerList.csv": (
            '"AnswerListId","AnswerListName","AnswerStringId","DisplayText","Score"\n'
            '"LL2201-3","Smoking","LA18976-3","Current every day smoker",""\n'
            '"LL2201-3","Smoking","LA18978-9","Never smoker","0"\n'
        ),
        "AccessoryFiles/AnswerFile/LoincAnswerListLink.csv": '"LoincNumber","AnswerListId"\n"72166-2","LL2201-3"\n',
        "AccessoryFiles/LinguisticVariants/deDE15LinguisticVariant.csv": (
            '"LOINC_NUM","COMPONENT","LONG_COMMON_NAME"\n"2345-7","Glukose","Glukose im Serum"\n'
        ),
    }  # fmt: skip
    place = folder / "Loinc_2.77"
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return place


def rxnorm(folder: Path) -> Path:
    """Write RxNorm's RRF files: an ingredient, a drug of it, a brand, an NDC, one that was merged away."""
    place = folder / "RxNorm_full_01052026" / "rrf"
    place.mkdir(parents=True)

    def names(code: str, sab: str, kind: str, text: str, flag: str = "N") -> str:
        return f"{code}|ENG||||||{code}1||||{sab}|{kind}|{code}|{text}||{flag}|4096|\n"

    (place / "RXNCONSO.RRF").write_text(
        names("161", "RXNORM", "IN", "acetaminophen") + names("161", "MTHSPL", "SU", "PARACETAMOL")
        + names("313782", "RXNORM", "SCD", "acetaminophen 325 MG Oral Tablet")
        + names("202433", "RXNORM", "BN", "Tylenol") + names("999", "RXNORM", "SCD", "gone drug", "O")
        + names("777", "MTHSPL", "DP", "only elsewhere") + "short|row\n"
    )  # fmt: skip
    (place / "RXNREL.RRF").write_text(
        "161||CUI|RO|313782||CUI|has_ingredient|1||RXNORM|RXNORM||||4096|\n"
        "202433||CUI|RO|161||CUI|has_tradename|2||RXNORM|RXNORM||||4096|\n"
    )
    (place / "RXNSAT.RRF").write_text("313782||||||||NDC|RXNORM|00045049660|N|4096|\n")
    (place / "RXNCUI.RRF").write_text("555|07AA|26AA|1|161|\n")
    return place.parent


def zipped(folder: Path, name: str) -> Path:
    """Pack a folder into a zip beside it."""
    path = folder.parent / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, str(file.relative_to(folder.parent)))
    return path
