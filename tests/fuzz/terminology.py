"""Fuzz targets over terminology: expression constraints, value sets, tables, FHIR code systems."""

from collections.abc import Callable, Hashable

__all__ = ["CONSTRAINTS", "CONSTRAINT_WORDS", "RELEASES", "RELEASE_WORDS",
           "VALUE_SETS", "constraint", "release", "value_set"]  # fmt: skip

Behaviour = Hashable

CONSTRAINTS = [
    b"<< 100000 : { 900001 = < 100007, [0..1] 900002 != * }",
    b"(<! 100000 OR ^ 800001) MINUS >> 100014 {{ C active = true }}",
    b'* {{ term = wild:"he*t", type = syn }} {{ +HISTORY-MIN }}', b"< 100000 . 900001", b"* : R 900001 = 100021",
    b'100000 : 900004 >= #2.5 , 900005 = ("a" "b")',
]  # fmt: skip
CONSTRAINT_WORDS = [
    b"<<", b">>!", b"!!>", b"^", b":", b"{{", b"}}", b"[0..*]", b"R ", b"#1e9", b'"\\"', b"/*", b"*/", b"|", b" AND ",
    b" OR ", b" MINUS ", b"100000", b"999999999999999999", b"((((((((", b"\x00", b"\xf0\x9f\x92\xa9",
]  # fmt: skip
VALUE_SETS = [
    (
        b'{"url":"urn:a","compose":{"include":[{"system":"http://snomed.info/sct","filter":[{"property":"concept",'
        b'"op":"is-a","value":"100000"}]}],"exclude":[{"system":"http://snomed.info/sct","concept":[{"code":"100007"}]}]}}'
    ),
    b'{"expansion":{"contains":[{"system":"s","code":"c","contains":[{"code":"d"}]}]}}',
    b'{"url":"urn:a","compose":{"include":[{"valueSet":["urn:a","http://snomed.info/sct?fhir_vs=ecl/*"]}]}}',
]  # fmt: skip
RELEASES = [
    b"code,display,parent,status\nA,Alpha,,active\nB,Beta,A,retired\n", b"source_code,target_code\nA,1\n",
    b'{"resourceType":"CodeSystem","url":"urn:a","content":"complete","concept":[{"code":"a","concept":[{"code":"b"}]}]}',
    (
        b'{"resourceType":"ConceptMap","url":"urn:m","group":[{"source":"a","target":"b","element":[{"code":"x",'
        b'"target":[{"code":"y","equivalence":"wider"}]}]}]}'
    ),
    b"\xff\xfec\x00o\x00d\x00e\x00\n\x00A\x00",
]  # fmt: skip
RELEASE_WORDS = [
    b'"',
    b",",
    b";",
    b"\t",
    b"|",
    b"\r",
    b"\n",
    b"\x00",
    b"\xff\xfe",
    b'"concept":[',
    b'"property":[{}]',
    b"A",
]


def constraint() -> Callable[[bytes], Behaviour]:
    """Evaluate a constraint: a set of concepts that exist, or a refusal at a place within the text."""
    from tests.unit.terminology.worlds import World
    from unsilo.terminology.ecl import ParseError, evaluate

    world = World(1)

    def run(content: bytes) -> Behaviour:
        text = content.decode("utf-8", "replace")
        try:
            found = evaluate(text, world.artefact, seconds=5)
        except ParseError as error:
            return "refused", str(error) if 0 <= error.at <= max(len(text), 20_000) else 1 // 0
        assert 0 <= found < 1 << world.artefact.size + 1
        return "found", found.bit_count()

    return run


def value_set() -> Callable[[bytes], Behaviour]:
    """Expand a value set: pages that add up, or an Issue."""
    from tests.unit.terminology.shelf import TestShelf
    from tests.unit.terminology.worlds import World
    from unsilo.kernel import json
    from unsilo.terminology import Terminology, TerminologyError

    kept: dict[tuple[str, str], dict[str, object]] = {}
    terminology = Terminology(TestShelf(World(1).artefact, definitions=kept))

    def run(content: bytes) -> Behaviour:
        try:
            said = json.decode(content)
        except (ValueError, RecursionError):
            return "no json"
        if not isinstance(said, dict):
            return "no object"
        kept["ValueSet", "urn:a"] = said
        try:
            page = terminology.page(said, count=1_000)
        except TerminologyError as error:
            return error.issue.code, error.issue.rule

        assert page.total is None or len(page.members) == page.total
        return "expanded", len(page.members)

    return run


def release() -> Callable[[bytes], Behaviour]:
    """Import a table or resources: an artefact that can be asked, or Issues, and nothing left behind."""
    import shutil
    import tempfile
    from pathlib import Path

    from unsilo.flow.terminology.library import Shelves
    from unsilo.flow.terminology.releases import Said, import_release

    folder = Path(tempfile.mkdtemp(prefix="unsilo-fuzz-"))

    def run(content: bytes) -> Behaviour:
        data = folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        file = folder / ("x.json" if content[:1] in (b"{", b"[") else "x.csv")
        file.write_bytes(content)
        shelves = Shelves(data)
        found, issues = import_release(shelves, file, Said("urn:x", "1", "x", "urn:a", "urn:b"))
        assert found or any(issue.severity == "error" for issue in issues)
        assert not list(data.glob(".*.part"))
        for each in found:
            url = each.entry.edition.url
            system = shelves.library.system(url) if url else None
            if system is not None:
                for _, code, _ in system.displays():
                    assert system.concept(code) is not None
        return len(found), tuple(sorted({issue.rule for issue in issues}))

    return run
