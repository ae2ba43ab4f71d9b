"""Fuzz targets over local codes: items and displays for suggestions, and files of decisions."""

from collections.abc import Callable, Hashable

__all__ = ["FILES", "FILE_WORDS", "ITEMS", "ITEM_WORDS", "decisions", "suggestion"]

Behaviour = Hashable

ITEMS = [
    b"GLU-S|Glucose, serum|SER|mmol/L|Chemistry|Glucose [Moles/volume] in Serum or Plasma",
    b"1|24 hr Creatinine|Urine|mg/24hr||Creatinine [Mass/time] in 24 hour Urine",
    b"x|Vancomycin trough|||drug level|Vancomycin [Mass/volume] in Serum or Plasma --trough by Immunoassay",
    b"M||||Sex|Male",
    b"a|MG/DL|||Unit|mg/dL",
    b"|EosFlg|Blood|#/uL|Hematology|Eosinophils/100 leukocytes in Blood by Automated count",
    b"y|Glucose:MCnc:Pt:Ser/Plas:Qn:|||| :::::",
    b"z|Voided Specimen||||[] in by --",
]
ITEM_WORDS = [
    b"|", b" by ", b" in ", b" -- ", b"[", b"]", b"[Mass/volume]", b"/100 ", b"CD ", b"24h", b"-U", b"%", b"#", b"/",
    b"\x00", b"\xff", b"\xe2\x80\xae", b"=1+1", b"mg/dl/", b"10*-", b"log", b":", b"Ser/Plas", b"Ab", b"....", b"\n",
]  # fmt: skip
FILES = [
    b"element,system,code,label,target_system,target_code\nObservation.code,urn:x,GLU,Glucose,http://loinc.org,2345-7\n",
    b"sourceCode,sourceName,conceptId,conceptName,equivalence\nK,Kalium,2823-3,Potassium,EQUAL\n",
    (
        b'{"resourceType":"ConceptMap","group":[{"source":"urn:x","target":"http://loinc.org","element":[{"code":"GLU",'
        b'"target":[{"code":"2345-7","equivalence":"equivalent"}]}]}]}'
    ),
]
FILE_WORDS = [
    b",", b";", b'"', b"\n", b"'", b"=", b"code", b"target_code", b"sourceCode", b"[", b"{", b"}", b"null", b"wider",
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"group":1', b'"target":[[]]',
]  # fmt: skip


def suggestion() -> Callable[[bytes], Behaviour]:
    """Ask for an item among two codes: a code of the list or none, chances within bounds, no exception."""
    from unsilo.terminology.suggest import Item, Suggester

    def run(content: bytes) -> Behaviour:
        parts = [*content.decode("utf-8", "replace").split("|", 5), "", "", "", "", "", ""][:6]
        targets = {"a": parts[5], "b": "Sodium [Moles/volume] in Serum or Plasma"}
        found = Suggester(targets).suggest(Item(*parts[:5]))
        if not all(0 <= row.score <= 1 and row.code in ("", *targets) for row in found):
            raise AssertionError("a chance or a code beyond the list")
        if [row.rank for row in found] != list(range(1, len(found) + 1)):
            raise AssertionError("ranks that are no ranks")
        return len(found), found[0].decision, round(found[0].score, 1), found[0].reason[:12]

    return run


def decisions() -> Callable[[bytes], Behaviour]:
    """Read a file of decisions: entries without fault, which survive being written and read, or Issues."""
    from unsilo.flow.decide.map_files import read_file
    from unsilo.terminology.maps.entry import faults
    from unsilo.terminology.maps.files import to_csv

    def run(content: bytes) -> Behaviour:
        read = read_file(content)
        if read.value is None:
            if not read.issues:
                raise AssertionError("nothing, and no reason")
            return str(sorted({issue.rule for issue in read.issues}))
        if any(faults(entry) for entry in read.value):
            raise AssertionError("an entry with a fault")
        again = read_file(to_csv(read.value).encode()) if read.value else read
        if again.value is None or [e.code for e in again.value] != [e.code for e in read.value]:
            raise AssertionError("not what was written")
        return len(read.value), len(read.issues)

    return run
