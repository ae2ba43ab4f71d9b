"""Fuzz targets over whole readings: bytes to resources, and what must hold of every one of them."""

from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["ccda", "fhir", "flow", "hl7v2"]

Behaviour = Hashable


def hl7v2() -> Callable[[bytes], Behaviour]:
    """Map HL7 v2: every lineage row has a byte range, and what is not cited is exactly what is listed."""
    from unsilo.formats import hl7v2 as v2
    from unsilo.mapping import Site, load

    maps = load("hl7v2", Site(feed="fuzz", organisation="Fuzz", zone="America/Chicago", lists={"AL1": "snapshot"}))

    def run(content: bytes) -> Behaviour:
        tree = v2.parse(content).value
        if tree is None:
            return None
        mapped = maps.run(tree, _envelope("hl7v2", content))
        _check(mapped)
        cited = {row.source for entry in mapped.entries for row in entry.rows if row.source is not None}
        for locator in cited:
            assert isinstance(locator, tuple)
            assert v2.span(tree, locator) is not None, locator  # type: ignore[arg-type]
        left = [place for place, _ in v2.valued(tree) if not _cited(place, cited)]
        assert [locator for locator, _, _ in mapped.unconsumed] == left
        return _kinds(mapped)

    return run


def _cited(leaf: tuple[int, int, int, int, int], cited: set[Any]) -> bool:
    segment, field, rep, comp, _ = leaf
    wholes = [(segment, field, rep, 0, 0), (segment, field, rep, comp, 0), leaf]
    return any(place in cited for place in wholes)


def ccda() -> Callable[[bytes], Behaviour]:
    """Map C-CDA."""
    from unsilo.formats import ccda as documents
    from unsilo.mapping import Site, load

    maps = load("ccda", Site(feed="fuzz", organisation="Fuzz"))

    def run(content: bytes) -> Behaviour:
        tree = documents.parse(content).value
        if tree is None:
            return None
        mapped = maps.run(tree, _envelope("ccda", content))
        _check(mapped)
        return _kinds(mapped)

    return run


def fhir() -> Callable[[bytes], Behaviour]:
    """Pass FHIR JSON through."""
    from unsilo.fhir import codec
    from unsilo.mapping import Site, load

    maps = load("fhir", Site(feed="fuzz", organisation="Fuzz"))

    def run(content: bytes) -> Behaviour:
        tree = codec.decode(content).value
        if tree is None:
            return None
        mapped = maps.run(tree, _envelope("fhir", content))
        _check(mapped)
        return _kinds(mapped)

    return run


def _envelope(fmt: str, content: bytes) -> Any:
    from unsilo.kernel import seal

    return seal("fuzz", fmt, content, 1_700_000_000_000_000)


def _check(mapped: Any) -> None:
    """Hold what is true of every mapping: valid JSON, ids once, every leaf has a lineage row."""
    from unsilo.fhir import codec
    from unsilo.fhir.index import index
    from unsilo.fhir.leaves import leaves

    names = [f"{entry.resource['resourceType']}/{entry.resource['id']}" for entry in mapped.entries]
    assert len(names) == len(set(names)), names
    for entry in mapped.entries:
        again = codec.decode(codec.encode(entry.resource))
        assert again.value is not None, again.issues
        index(entry.resource)
        paths = {row.path for row in entry.rows}
        bare = [path for path, _ in leaves(entry.resource) if path not in paths]
        assert not bare, (entry.resource["resourceType"], bare[:5])


def _kinds(mapped: Any) -> Behaviour:
    kinds = tuple(sorted({entry.resource["resourceType"] for entry in mapped.entries}))
    return kinds, tuple(sorted({issue.rule for issue in mapped.issues})), len(mapped.actions)


def flow() -> Callable[[bytes], Behaviour]:
    """Receive and process as a worker does; nothing raises, all bytes are kept, every answer can be read."""
    import msgspec

    from unsilo.config import Feed
    from unsilo.flow import process, receive
    from unsilo.formats import hl7v2 as v2

    feeds = {name: Feed(name, name, "Fuzz", zone="America/Chicago") for name in ("hl7v2", "ccda", "fhir")}

    def run(content: bytes) -> Behaviour:
        feed = feeds[{b"<": "ccda", b"{": "fhir"}.get(content.lstrip()[:1], "hl7v2")]
        reading = receive.read(feed, content, at=1)
        assert reading.whole.envelope.content == content
        states = []
        for part in reading.incoming:
            assert part.envelope.content in content
            states.append(part.state)
            if part.state == "queued":
                done = process.process(part.envelope, feed)
                msgspec.msgpack.encode(done)
        if feed.format == "hl7v2":
            answer = receive.acknowledge(content, "AE", reading.whole.issues)
            assert v2.parse_ack(answer).value is not None
        return tuple(sorted(set(states))), tuple(sorted({issue.rule for issue in reading.whole.issues}))

    return run
