"""What a worker does with one message: decode, map to FHIR, prepare for the store; pure steps, no database."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from unsilo import identity, mapping
from unsilo.config import Feed
from unsilo.fhir import codec, syntax
from unsilo.fhir.index import Custom, index
from unsilo.flow.conform import conforming
from unsilo.flow.doubt import found_in
from unsilo.flow.live_feed import LiveFeed
from unsilo.flow.maps.codes import code_resources
from unsilo.flow.repeated import Repeated
from unsilo.formats import ccda, hl7v2
from unsilo.kernel import Envelope, Issue, Json, Lineage, Locator, Result
from unsilo.mapping.model import Mapped, Site
from unsilo.storage import pack_lineage, pack_unconsumed, terms
from unsilo.storage.keys import Image, Ready, ready
from unsilo.storage.packing import scrub
from unsilo.storage.sheet import Maker, Sheet
from unsilo.terminology.maps import NOTHING, Snapshot

__all__ = [
    "STEPS", "Act", "Draft", "Piece", "Processed", "State", "body_digest", "compiled", "draft_resource", "keys_of",
    "orphan", "prepare_resource", "process", "site_of", "warm",
]  # fmt: skip


class Piece(msgspec.Struct, array_like=True):
    """One resource, ready for the store.

    `body` is its JSON, `digest` 16 bytes of its SHA-256, `packed` its search keys as MessagePack, `lineage` packed as
    the store keeps it; `record` and `keys` are the matching record of a Patient. `place` is where it stands in the
    sheet of its message, which then has its search keys; -1 for nowhere.
    """

    type: str
    id: str
    body: bytes
    digest: bytes
    packed: msgspec.Raw
    lineage: bytes
    clock: int
    rank: int
    cleared: list[str]
    record: bytes = b""
    keys: list[int] = []
    place: int = -1

    @property
    def index(self) -> Ready:
        """The search keys; of pieces that change nothing, which are the most, nobody asks for them."""
        return _ready.decode(self.packed)


class Draft(Piece):
    """A resource that is not on its way through another process: its search keys as they are."""

    made: Ready = msgspec.field(default_factory=lambda: Ready(Image()))
    issues: list[Issue] = []
    """What is to be said of it, though it may be written."""

    @property
    def index(self) -> Ready:
        """The search keys."""
        return self.made

    def carried(self) -> Piece:
        """Return the same for the way to another process."""
        raw = msgspec.Raw(_packed(self.made))
        return Piece(
            self.type, self.id, self.body, self.digest, raw, self.lineage, self.clock, self.rank, self.cleared,
            self.record, self.keys,
        )  # fmt: skip


_REPEATED = frozenset((
    "Coverage", "Device", "Encounter", "Endpoint", "Location", "Organization", "Patient", "Practitioner",
    "PractitionerRole", "RelatedPerson",
))  # fmt: skip
"""Types that many messages say again."""
_repeated: Repeated[tuple[bytes, msgspec.Raw, bytes, list[int]]] = Repeated(2048)
_NOTHING = msgspec.Raw(msgspec.msgpack.encode(None))
P = TypeVar("P", bound=Piece)
_ready = msgspec.msgpack.Decoder(Ready)
_pack = msgspec.msgpack.Encoder().encode


class Act(msgspec.Struct, array_like=True):
    """Something a message asks for beyond its resources, as `mapping.Action` says it."""

    kind: str
    at: int
    source: Locator
    survivor: str
    retired: str
    list_name: str
    patient: str
    present: list[str]


class Processed(msgspec.Struct, array_like=True):
    """What one message became. `unconsumed` is packed; `failed` means that nothing of it may reach the records.

    `sheet` has the search keys of what most likely was never said before, so that all of it is written at once.
    """

    mid: int
    envelope: str
    digest: str
    pieces: list[Piece]
    actions: list[Act]
    unconsumed: bytes
    issues: list[Issue]
    failed: bool = False
    sheet: Sheet | None = None

    def keyed(self, piece: Piece) -> Piece:
        """Return a piece with its search keys, should they be with the sheet."""
        if piece.place >= 0 and self.sheet is not None:
            piece.packed = msgspec.Raw(_packed(self.sheet.ready(piece.place)))
        return piece


class State(msgspec.Struct):
    """What the steps hand along."""

    envelope: Envelope
    feed: Feed
    tree: Any = None
    mapped: Mapped | None = None
    processed: Processed | None = None
    maps: Snapshot = NOTHING


def site_of(feed: Feed) -> Site:
    """Return what the mapping needs to know of a feed; the overlay file is read here (OSError when it is gone).

    A published overlay is used in place of the file.
    """
    overlay = feed.text if isinstance(feed, LiveFeed) else Path(feed.overlay).read_bytes() if feed.overlay else b""
    return Site(
        feed=feed.name, organisation=feed.organisation, zone=feed.zone, authorities=feed.authorities,
        default_authority=feed.default_authority, systems=feed.systems, lists=dict(feed.lists),
        overlay=overlay,
    )  # fmt: skip


_compiled: dict[bytes, Any] = {}
_MOST_MAPS = 64


def compiled(feed: Feed) -> Any:
    """Return the compiled map of a feed, once a process."""
    key = msgspec.json.encode(feed)
    found = _compiled.get(key)
    if found is None:
        if len(_compiled) >= _MOST_MAPS:
            _compiled.clear()
        found = _compiled[key] = mapping.load(feed.format, site_of(feed))
    return found


def _tree_hl7v2(state: State) -> Result[Any]:
    return hl7v2.parse(state.envelope.content, charset=state.feed.charset or None, limits=state.feed.limits)


def _tree_ccda(state: State) -> Result[Any]:
    return ccda.parse(state.envelope.content, state.feed.limits)


def _tree_fhir(state: State) -> Result[Any]:
    return syntax.decode(state.envelope.content, state.feed.limits)


DECODERS: dict[str, Callable[[State], Result[Any]]] = {"hl7v2": _tree_hl7v2, "ccda": _tree_ccda, "fhir": _tree_fhir}


def decode(state: State) -> Result[State]:
    """Bytes to the tree of their format.

    An error stops here, as it does at receipt: a message that says no type is a dead letter however often it is tried.
    """
    result = DECODERS[state.envelope.format](state)
    if not result.ok:
        return Result(None, result.issues)
    state.tree = result.value
    return Result(state, result.issues)


def map_to_fhir(state: State) -> Result[State]:
    """Tree to resources with lineage."""
    mapped: Mapped = compiled(state.feed).run(state.tree, state.envelope)
    state.mapped = mapped
    return Result(state, mapped.issues)


def normalise_codes(state: State) -> Result[State]:
    """Standard codings beside local ones, by the decisions in use."""
    if state.mapped is not None:
        code_resources(state.mapped, state.feed.name, state.maps)
    return Result(state)


def check(state: State) -> Result[State]:
    """What the resources have against R4, where the feed asks for it, and what of them can hardly be true.

    By `warn` they are kept all the same; by `reject` the message is a dead letter when one of them has an error.
    """
    feed, mapped = state.feed, state.mapped
    if mapped is None:
        return Result(state, [])
    resources = [entry.resource for entry in mapped.entries]
    found: list[Issue] = []
    if feed.validate != "off":
        found = conforming(feed).judged(resources, feed.limits.issues)
        if found and feed.validate == "reject":
            return Result(None, found)
        found = [msgspec.structs.replace(issue, severity="warning") for issue in found]
    if feed.plausibility == "warn":
        found += found_in(resources, state.envelope.received_at, feed.limits.issues)
    return Result(state, found)


def body_digest(body: bytes) -> bytes:
    """Return the 16 bytes by which two bodies are told apart."""
    return sha256(body).digest()[:16]


def prepare_resource(
    resource: Json, lineage: list[Lineage], clock: int, rank: int, cleared: list[str], maker: Maker | None = None
) -> Piece:
    """Encode one resource, extract its search keys and, of a Patient, its matching record.

    With a maker of sheets the keys of what messages seldom say again go there.
    """
    body, kind = codec.encode(resource), resource["resourceType"]
    known = _repeated.get(body) if kind in _REPEATED else None
    if known is not None:
        digest, packed, record, keys = known
        return Piece(
            kind, resource["id"], body, digest, packed, pack_lineage(lineage), clock, rank, cleared, record, keys
        )  # fmt: skip
    if maker is not None and kind not in _REPEATED and (kind, resource["id"]) not in maker.names:
        place, digest = len(maker.names), body_digest(body)
        maker.add(kind, resource["id"], b"", b"", 0, keys_of(resource))
        return Piece(
            kind, resource["id"], body, digest, _NOTHING, pack_lineage(lineage), clock, rank, cleared, place=place
        )  # fmt: skip
    piece = Piece(
        kind, resource["id"], body, body_digest(body), msgspec.Raw(_packed(keys_of(resource))), pack_lineage(lineage),
        clock, rank, cleared,
    )  # fmt: skip
    _recorded(piece, resource)
    if kind in _REPEATED:
        _repeated.put(body, (piece.digest, piece.packed, piece.record, piece.keys))
    return piece


def draft_resource(resource: Json, rank: int, words: bytes = b"") -> Draft:
    """Make one resource ready as `prepare_resource` does, to be written by this process; `words` is it encoded."""
    body = words or codec.encode(resource)
    piece = Draft(
        resource["resourceType"], resource["id"], body, body_digest(body), _NOTHING, b"", 0, rank, [],
        made=keys_of(resource),
    )  # fmt: skip
    return _recorded(piece, resource)


def keys_of(resource: Json, extra: Mapping[str, Sequence[Custom]] | None = None) -> Ready:
    """Return the search keys of a resource, with those of a store's own parameters by resource type."""
    return ready(index(resource, extra), terms(resource) if resource["resourceType"] == "Patient" else ())


def _recorded(piece: P, resource: Json) -> P:
    if piece.type == "Patient":
        record = identity.record(resource)
        piece.record, piece.keys = identity.pack(record), identity.keys(record)
    return piece


def _packed(made: Ready) -> bytes:
    try:
        return _pack(made)
    except UnicodeEncodeError:
        return _pack(scrub(made))


def prepare(state: State) -> Result[State]:
    """Resources to rows."""
    mapped = state.mapped
    if mapped is None:
        return Result(None)
    source, digest = state.envelope.id, mapped.digest
    rest = pack_unconsumed(mapped.unconsumed)
    state.tree = state.mapped = None
    mapped.unconsumed = []  # of a large message the list alone takes a hundred times what it is packed
    entries = mapped.entries
    entries.reverse()
    pieces = []
    maker = Maker()
    while entries:  # each is let go when it is made ready: a large message is not held twice
        entry = entries.pop()
        made = [Lineage(source, digest, entry.rows)]
        pieces.append(prepare_resource(entry.resource, made, entry.clock, entry.rank, entry.cleared, maker))
    acts = [
        Act(act.kind, act.at, act.source, act.survivor, act.retired, act.list, act.patient, act.present)
        for act in mapped.actions
    ]
    state.processed = Processed(0, source, digest, pieces, acts, rest, [])
    if maker.names:
        state.processed.sheet = maker.sheet()
    return Result(state)


_FACE = frozenset(("Provenance", "MessageHeader", "Organization", "Device", "Location", "Endpoint"))
"""What every message gives by its header alone; a message that gives no more was not understood."""

STEPS: tuple[Callable[[State], Result[State]], ...] = (decode, map_to_fhir, normalise_codes, check, prepare)
"""The way of every message; a later room (codes, units) joins this row."""


def process(
    envelope: Envelope, feed: Feed, mid: int = 0, maps: Snapshot = NOTHING, seen: Callable[[State], None] | None = None
) -> Processed:
    """Run the steps; input that cannot be understood gives a result with `failed` and the Issues, not an exception.

    `seen` is told of a message once its tree is there.
    """
    state = State(envelope, feed, maps=maps)
    issues: list[Issue] = []
    for step in STEPS:
        result = step(state)
        issues += result.issues
        if result.value is None:
            break
        state = result.value
        if step is decode and seen is not None:
            seen(state)
    done = state.processed
    if done is None:
        return Processed(mid, envelope.id, "", [], [], b"", issues, failed=True)
    done.mid, done.issues = mid, issues
    meaningful = done.actions or any(piece.type not in _FACE for piece in done.pieces)
    if not meaningful:
        done.failed = True
        if not any(issue.severity in ("error", "fatal") for issue in issues):
            text = "nothing of this message could be turned into a resource"
            done.issues = [*issues, Issue("error", "not-supported", text, rule="process.nothing")]
    return done


def warm(feeds: list[Feed]) -> dict[str, str]:
    """Compile the maps of the feeds before the first message; return the feeds of which that failed, and why."""
    broken: dict[str, str] = {}
    for feed in feeds:
        try:
            compiled(feed)
        except Exception as fault:  # noqa: BLE001 - one feed's overlay must not stop the others
            broken[feed.name] = f"{type(fault).__name__}: {fault}"[:500]
    return broken


def orphan(envelope: Envelope) -> Feed:
    """Return a feed for a message whose feed is no longer configured: its format with the defaults."""
    return Feed(envelope.feed, envelope.format)
