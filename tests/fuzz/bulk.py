"""Kick-offs and files of imports, and plausibility of whatever JSON is a resource, under fuzzing."""

import gzip
import tempfile
from collections.abc import Callable, Hashable
from pathlib import Path

__all__ = ["KICK_OFFS", "KICK_OFF_WORDS", "LINES", "LINE_WORDS", "RESOURCES", "files", "kick_off", "plausible"]

KICK_OFFS = [
    (
        b'{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"create"},{"name":"input","part":'
        b'[{"name":"type","valueCode":"Patient"},{"name":"url","valueUrl":"https://files.example/a?b=c"}]}]}'
    ),
    b'{"inputFormat":"application/fhir+ndjson","input":[{"type":"Patient","url":"file:///in/x"}],"storageDetail":{}}',
    b'{"output":[{"type":"Patient","url":"https://files.example/a"}],"link":[{"relation":"next","url":"https://x/y"}]}',
]
KICK_OFF_WORDS = [
    b"file:///in/../etc", b"http://[::1]", b"https://a@files.example", b'"manifest":', b"part", b"\\u0000", b"%2e%2e/",
    b"https://files.example:443/",
]  # fmt: skip
LINES = [
    b'{"resourceType":"Patient","id":"a"}\n{"resourceType":"Basic","code":{"text":"x"}}\n\n[]\n',
    b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}},{}]}',
    gzip.compress(b'{"resourceType":"Patient","id":"a"}\n' * 20, mtime=0),
]
LINE_WORDS = [b"\n", b"\r\n", b"\x1f\x8b", b"\xef\xbb\xbf", b'{"resourceType":"Patient"}', b"\x00"]
RESOURCES = [
    (
        b'{"resourceType":"Observation","status":"final","effectiveDateTime":"2020-01-01","code":{"coding":[{"system":'
        b'"http://loinc.org","code":"29463-7"}]},"valueQuantity":{"value":70.5,"unit":"kg","system":'
        b'"http://unitsofmeasure.org","code":"kg"}}'
    ),
    b'{"resourceType":"Patient","birthDate":"1980-01","deceasedDateTime":"1979","gender":"male"}',
    b'{"resourceType":"MedicationRequest","dosageInstruction":[{"doseAndRate":[{"doseQuantity":{"value":9e9}}]}]}',
]


def kick_off() -> Callable[[bytes], Hashable]:
    """Return what reads a body as a kick-off and as a manifest."""
    from unsilo.config.settings import Bulk
    from unsilo.fhir import codec
    from unsilo.flow.bulk.places import local, shown
    from unsilo.flow.bulk.wanted import listed, read

    bulk = Bulk(import_folders=["/in"], import_hosts=["files.example"])

    def run(content: bytes) -> Hashable:
        body = codec.decode(content).value
        if body is None:
            return None
        job, issues = read(body, "fuzz", "", bulk)
        assert (job is None) == bool(issues)
        found, following, wrong = listed(body, bulk)
        for each in [*(job.inputs if job else []), *([] if wrong else found)]:
            assert shown(each.url).isprintable()
            if each.url.startswith("file:"):
                path = local(each.url, bulk)
                assert path is not None
                assert path.is_relative_to("/in")
            else:
                assert "files.example" in each.url.lower()
        return job is not None, len(issues), len(found), bool(following)

    return run


def files() -> Callable[[bytes], Hashable]:
    """Return what reads bytes as every kind of file."""
    from unsilo.flow.bulk.drafts import Order, drafts
    from unsilo.flow.bulk.lines import lines_of, pieces

    folder = Path(tempfile.mkdtemp(prefix="unsilo-fuzz-"))

    def run(content: bytes) -> Hashable:
        told: list[Hashable] = []
        for name in ("x.ndjson", "x.json", "x.ndjson.gz", "x.json.gz"):
            file = folder / name
            file.write_bytes(content)
            seen = 0
            here, apart = [], []
            try:
                for piece in pieces(file, unread=True):
                    apart += lines_of(piece.part, name)[0] if piece.part is not None else piece.lines
                for piece in pieces(file):
                    assert piece.last >= seen
                    seen = piece.last
                    here += piece.lines
                    drafts(Order(name), piece.lines)
                    told.append((len(piece.lines) > 1, len(piece.issues)))
            except OSError as refused:
                if refused.errno is not None:  # only an archive or XML is refused, in words
                    raise
                told.append(str(refused))
            assert here == apart
        return tuple(told)

    return run


def plausible() -> Callable[[bytes], Hashable]:
    """Return what asks whether a resource can be true."""
    from unsilo.fhir import codec
    from unsilo.flow.doubt import each_in
    from unsilo.validation.plausibility import altered, person_of, rules

    known = rules()

    def run(content: bytes) -> Hashable:
        resource = codec.decode(content).value
        if resource is None:
            return None
        found = each_in([resource, {**resource, "effectiveDateTime": "2020-01-02"}], 1_790_000_000_000_000)
        altered(resource, {"gender": "female", "birthDate": "1980"})
        person_of([resource])
        for _, issue in found:
            assert issue.rule in known
            assert issue.severity == "warning"
        return tuple(sorted({issue.rule for _, issue in found}))

    return run
