"""The test bench: everything that unsilo makes of a message, and nothing stored."""

import msgspec

from unsilo.config import Feed
from unsilo.flow import receive
from unsilo.flow.process import State, decode, map_to_fhir
from unsilo.flow.trees import Node, place_of, tree_nodes
from unsilo.formats import hl7v2
from unsilo.kernel import Issue, Json, clock, fresh_id
from unsilo.mapping.model import Action

__all__ = ["Bench", "LineageLine", "bench"]


class LineageLine(msgspec.Struct):
    """One element of a resource and where it came from: path in the source, its byte range and the text there."""

    path: str
    rule: str
    source: str
    span: tuple[int, int] | None
    text: str


class Made(msgspec.Struct):
    """One resource with the lineage of its elements."""

    resource: Json
    lineage: list[LineageLine]


class Bench(msgspec.Struct):
    """What a message would become; `state` is what the journal would say of it at receipt."""

    state: str
    keys: list[tuple[str, str]]
    tree: list[Node]
    resources: list[Made]
    actions: list[Action]
    unconsumed: list[tuple[str, str, tuple[int, int] | None]]
    issues: list[Issue]
    ack: bytes
    messages: int
    microseconds: int


def bench(feed: Feed, content: bytes) -> Bench:
    """Run a message (of a batch: the first) through reading, mapping and acknowledgement; never raises on any bytes."""
    began = clock.now()
    reading = receive.read(feed, content)
    incoming = reading.incoming[1] if len(reading.incoming) > 1 else reading.whole
    envelope = incoming.envelope
    count = max(1, len(reading.incoming) - 1)
    result = Bench(incoming.state, incoming.keys, [], [], [], [], list(incoming.issues), b"", count, 0)
    code = "A" + incoming.ack[1:2] if incoming.ack else "AA"
    if feed.format == "hl7v2":
        result.ack = hl7v2.ack(
            envelope.content, "AR" if code == "AR" else "AA", incoming.issues if code != "AA" else [], at=began,
            control_id=fresh_id()[:20],
        )  # fmt: skip
    decoded = decode(State(envelope, feed))
    if decoded.value is not None:
        tree = decoded.value.tree
        result.tree = tree_nodes(feed.format, tree, envelope.content)
        state = map_to_fhir(decoded.value)
        mapped = state.value.mapped if state.value is not None else None
        if mapped is not None:
            result.issues += mapped.issues
            result.actions = mapped.actions
            for entry in mapped.entries:
                lines = []
                for row in entry.rows:
                    place, span = place_of(feed.format, tree, envelope.content, row.source)
                    text = envelope.content[span[0] : span[1]].decode("utf-8", "replace") if span else ""
                    lines.append(LineageLine(row.path, row.rule, place, span, text))
                result.resources.append(Made(entry.resource, lines))
            result.unconsumed = [
                (path, value, place_of(feed.format, tree, envelope.content, locator)[1])
                for locator, path, value in mapped.unconsumed
            ]
    result.microseconds = clock.now() - began
    return result
