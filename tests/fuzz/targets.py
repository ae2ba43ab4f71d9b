"""The parsers that are fuzzed: a name, a callable on bytes, and what to start from.

A target does with foreign bytes what the product does and asserts what must hold. It returns a short description of
how the input was answered, by which inputs that behave in a new way are kept as new starting points. Its module is
imported when the target runs.
"""

import re
from collections.abc import Callable, Hashable
from typing import NamedTuple

from tests.fuzz import bulk, codes, http, mapping, overlays, paths, queries, seeds, terminology, units

__all__ = ["BY_NAME", "TARGETS", "Target"]

Behaviour = Hashable


class Target(NamedTuple):
    """`make` imports the parser and returns the callable to be fuzzed."""

    make: Callable[[], Callable[[bytes], Behaviour]]
    seeds: list[bytes]
    words: list[bytes]


def _hl7v2() -> Callable[[bytes], Behaviour]:
    from unsilo.formats import hl7v2

    def run(content: bytes) -> Behaviour:
        result = hl7v2.parse(content)
        message = result.value
        if message is None:
            assert any(issue.severity == "fatal" for issue in result.issues)
            hl7v2.peek_keys(content)
        else:
            assert hl7v2.serialise(message) == content
            hl7v2.keys(message)
            torn = any(issue.rule == "hl7v2.charset.escape" for issue in result.issues)
            for locator, value, place in hl7v2.placed(message):
                assert hl7v2.span(message, locator) == place
                raw = content[place[0] : place[1]]
                assert torn or hl7v2.unescape(raw.decode(message.charset), message.delimiters) == value
                assert message.segments[locator[0]].get(*locator[1:]) == value
                assert hl7v2.path(message, locator)
        return tuple(sorted({issue.rule for issue in result.issues})), message is not None and message.charset

    return run


def _hl7v2_batch() -> Callable[[bytes], Behaviour]:
    from unsilo.formats import hl7v2

    def run(content: bytes) -> Behaviour:
        result = hl7v2.split_batch(content)
        end = 0
        for child in result.value.children if result.value else ():
            assert content[child.span[0] : child.span[1]] == child.content
            assert child.span[0] >= end
            end = child.span[1]
        return tuple(sorted({issue.rule for issue in result.issues})), end > 0

    return run


def _hl7v2_ack() -> Callable[[bytes], Behaviour]:
    from unsilo.formats import hl7v2

    def run(content: bytes) -> Behaviour:
        refused = hl7v2.parse(content)
        answer = hl7v2.ack(content, "AE", refused.issues, at=0, control_id="1")
        read = hl7v2.parse(answer)
        assert read.value is not None, answer
        msa = read.value.first("MSA")
        assert msa is not None
        assert msa.get(1) == "AE"
        if refused.value is not None:
            assert hl7v2.ack(refused.value, "AA", at=0, control_id="1")
        other = hl7v2.parse_ack(content)
        return other.value is not None, len(read.value.segments), read.value.charset

    return run


def _hl7v2_dates() -> Callable[[bytes], Behaviour]:
    from datetime import UTC
    from zoneinfo import ZoneInfo

    from unsilo.formats import hl7v2

    zones = (UTC, ZoneInfo("America/Chicago"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe"))

    def run(content: bytes) -> Behaviour:
        text = content.decode("utf-8", "replace")
        found = [hl7v2.to_microseconds(text, zone) for zone in zones]
        for zone in zones:
            moment, instant = hl7v2.to_fhir_datetime(text, zone), hl7v2.to_fhir_instant(text, zone)
            assert instant is None or instant == moment
        hl7v2.to_fhir_date(text)
        hl7v2.to_fhir_time(text)
        return found[0] and found[0][1]

    return run


def _mllp() -> Callable[[bytes], Behaviour]:
    from unsilo.sources.mllp.frames import Framer

    def run(content: bytes) -> Behaviour:
        seen = []
        for step in (1, 7, len(content) or 1):
            framer = Framer(limit=500)
            frames = []
            for at in range(0, len(content), step):
                frames += framer.feed(content[at : at + step])
            last = framer.close()
            seen.append([frame.content for frame in frames if frame.kind == "message"])
            assert all(frame.content in content for frame in frames)
            assert last is None or last.content in content
        return len(seen[0])

    return run


def _ccda() -> Callable[[bytes], Behaviour]:
    from unsilo.formats import ccda

    def run(content: bytes) -> Behaviour:
        shape: set[str] = set()
        result = ccda.parse(content)
        if result.value is not None:
            ccda.keys(result.value)
            for locator, _ in ccda.valued(result.value):
                shape.add(re.sub(r"\[\d+\]", "", locator)[-40:])
                place = ccda.span(result.value, locator)
                assert place is None or 0 <= place[0] <= place[1] <= len(content)
        return tuple(sorted({issue.rule for issue in result.issues})), frozenset(shape)

    return run


def _fhir_json() -> Callable[[bytes], Behaviour]:
    from unsilo.fhir import codec, references
    from unsilo.fhir.index import index
    from unsilo.fhir.leaves import leaves

    def run(content: bytes) -> Behaviour:
        shape: set[str] = set()
        result = codec.decode(content)
        if result.value is None:
            assert result.issues
        else:
            again = codec.decode(codec.encode(result.value))
            assert again.value == result.value
            shape = {re.sub(r"\[\d+\]", "", path)[-40:] for path, _ in leaves(result.value)}
            list(references.walk(result.value))
            if isinstance(result.value.get("resourceType"), str):
                index(result.value)
        return tuple(sorted({issue.rule for issue in result.issues})), frozenset(shape)

    return run


def _fhir_xml() -> Callable[[bytes], Behaviour]:
    from unsilo.fhir import subset, xml

    def run(content: bytes) -> Behaviour:
        shape: set[str] = set()
        result = xml.decode(content)
        if result.value is None:
            assert result.issues
            kept = xml.decode(content, keep=True).value
            if kept is not None:
                assert xml.decode(xml.encode(kept), keep=True).value is not None
        else:
            written = xml.encode(result.value)
            assert xml.decode(written).value == result.value
            shape = set(subset.subset(result.value, "true"))
        return tuple(sorted({issue.rule for issue in result.issues})), frozenset(shape)

    return run


def _fhir_index() -> Callable[[bytes], Behaviour]:
    import msgspec

    from unsilo.fhir import codec
    from unsilo.fhir.index import IndexRows, index
    from unsilo.spec.model import types

    kinds = sorted(types.resources)
    again = msgspec.msgpack.Decoder(IndexRows)

    def run(content: bytes) -> Behaviour:
        value = codec.decode(content).value
        if value is None:
            return None
        seen = []
        # The same elements are read in other ways in other types.
        for kind in (value.get("resourceType"), "Patient", "Observation", kinds[len(content) % len(kinds)]):
            rows = index({**value, "resourceType": kind})
            assert again.decode(msgspec.msgpack.encode(rows)) == rows
            assert len(rows.cmp) <= 8192 * (1 + len(content) // 64)
            seen.append(tuple(bool(getattr(rows, table)) for table in IndexRows.__struct_fields__))
        return tuple(seen)

    return run


def _packages() -> Callable[[bytes], Behaviour]:
    import atexit
    import gzip
    import shutil
    from pathlib import Path
    from tempfile import mkdtemp

    from unsilo.spec.packages import Bounds, PackageError, read_package

    path = Path(mkdtemp()) / "p.tgz"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    bounds = Bounds(archive=1 << 20, unpacked=1 << 20, one=1 << 18, files=100)

    def run(content: bytes) -> Behaviour:
        path.write_bytes(gzip.compress(content, 1))
        try:
            package = read_package(path, bounds)
        except PackageError as error:
            return str(error).partition(":")[2][:40]
        for canonical in package.urls("structures"):
            assert package.structure(canonical) is not None or canonical in package.faults
        return len(package.urls("structures")), len(package.faults)

    return run


TARGETS: dict[str, Target] = {
    "formats.hl7v2": Target(_hl7v2, seeds.HL7V2, seeds.HL7V2_WORDS),
    "formats.hl7v2.batch": Target(_hl7v2_batch, seeds.HL7V2, seeds.HL7V2_WORDS),
    "formats.hl7v2.ack": Target(_hl7v2_ack, seeds.HL7V2, seeds.HL7V2_WORDS),
    "formats.hl7v2.dates": Target(_hl7v2_dates, seeds.DATES, seeds.DATES_WORDS),
    "sources.mllp": Target(_mllp, seeds.MLLP, seeds.MLLP_WORDS),
    "formats.ccda": Target(_ccda, seeds.CCDA, seeds.CCDA_WORDS),
    "fhir.codec": Target(_fhir_json, seeds.JSON, seeds.JSON_WORDS),
    "fhir.index": Target(_fhir_index, seeds.JSON, seeds.JSON_WORDS),
    "fhir.xml": Target(_fhir_xml, seeds.XML, seeds.XML_WORDS),
    "fhir.path": Target(paths.expression, paths.EXPRESSIONS, paths.WORDS),
    "fhir.patch": Target(paths.patch, paths.PATCHES, paths.PATCH_WORDS),
    "terminology.constraint": Target(terminology.constraint, terminology.CONSTRAINTS, terminology.CONSTRAINT_WORDS),
    "terminology.value_set": Target(terminology.value_set, terminology.VALUE_SETS, terminology.RELEASE_WORDS),
    "terminology.release": Target(terminology.release, terminology.RELEASES, terminology.RELEASE_WORDS),
    "units.ucum": Target(units.ucum, units.CODES, units.WORDS),
    "units.spelling": Target(units.spelling, units.CODES + units.SPELLINGS, units.WORDS),
    "terminology.suggest": Target(codes.suggestion, codes.ITEMS, codes.ITEM_WORDS),
    "flow.decide.map_files": Target(codes.decisions, codes.FILES, codes.FILE_WORDS),
    "spec.packages": Target(_packages, seeds.package(), seeds.JSON_WORDS + seeds.PACKAGE_WORDS),
    "mapping.hl7v2": Target(mapping.hl7v2, seeds.HL7V2 + seeds.HL7V2_FAMILIES, seeds.HL7V2_WORDS),
    "mapping.fhir": Target(mapping.fhir, seeds.JSON, seeds.JSON_WORDS),
    "mapping.ccda": Target(mapping.ccda, seeds.CCDA, seeds.CCDA_WORDS),
    "mapping.overlay": Target(overlays.overlays, overlays.OVERLAYS, overlays.WORDS),
    "flow.shapes": Target(overlays.shapes, seeds.EVERY, seeds.HL7V2_WORDS + seeds.CCDA_WORDS + seeds.JSON_WORDS),
    "flow.bulk.wanted": Target(bulk.kick_off, bulk.KICK_OFFS, bulk.KICK_OFF_WORDS),
    "flow.bulk.lines": Target(bulk.files, bulk.LINES, bulk.LINE_WORDS),
    "validation.plausibility": Target(bulk.plausible, bulk.RESOURCES, seeds.JSON_WORDS),
    "flow.ihe": Target(queries.queries, queries.QUERIES, queries.WORDS),
    "api.fhir": Target(http.requests, http.REQUESTS, http.WORDS),
    "flow": Target(mapping.flow, seeds.EVERY, seeds.HL7V2_WORDS + seeds.CCDA_WORDS + seeds.JSON_WORDS),
}

BY_NAME: dict[str, Target] = {**TARGETS}
"""All of them, and those that run only when they are named: whose faults wait to be mended."""
