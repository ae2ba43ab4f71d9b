"""What goes into the store and comes out of it: plain structs."""

from typing import Literal

import msgspec

from unsilo.kernel import Envelope, Issue, Locator

__all__ = [
    "AuditRow",
    "DeadGroup",
    "FeedFigures",
    "Incoming",
    "LinkEvent",
    "ListMember",
    "MessageRow",
    "OutboxRow",
    "Outcome",
    "PersonHit",
    "PersonRow",
    "QueueItem",
    "Receipt",
    "Source",
    "Stored",
    "Unconsumed",
]  # fmt: skip

Unconsumed = tuple[Locator, str, str]
"""A valued source field that no mapping row read: its place, the place as a path, its value."""


class Incoming(msgspec.Struct):
    """What a receive hands to the journal; `keys` are (kind, value), `event_time` microseconds since 1970 or 0."""

    envelope: Envelope
    keys: list[tuple[str, str]] = []
    type: str = ""
    control_id: str = ""
    event_time: int = 0
    order_key: str = ""
    state: str = "queued"
    issues: list[Issue] = []
    ack: str = ""


class Receipt(msgspec.Struct):
    """The record of a receive; for a resend of the same bytes it is the one that was recorded first."""

    mid: int
    id: str
    duplicate: bool
    reused_control_id: bool
    ack: str
    issues: list[Issue]
    state: str


class MessageRow(msgspec.Struct):
    """One journal row without its bytes.

    `day` is the UTC day as 20260131; `attempts` counts how often it was finished; `cause` is the fingerprint of
    what stopped it; `removed_on` (microseconds, 0 none) says when retention removed its bytes.
    """

    mid: int
    id: str
    feed: str
    format: str
    day: int
    received: int
    size: int
    sha256: str
    type: str
    control_id: str
    event_time: int
    order_key: str
    parent: str
    ack: str
    reused_control_id: bool
    keys: list[tuple[str, str]]
    issues: list[Issue]
    state: str
    finished: int
    entries: int
    attempts: int
    cause: str
    removed_on: int


class Outcome(msgspec.Struct):
    """What the last processing of a message said: map digest, issues, and every valued field that nothing read."""

    mid: int
    at: int
    digest: str
    issues: list[Issue]
    unconsumed: list[Unconsumed]


class QueueItem(msgspec.Struct, frozen=True):
    """A message that waits to be processed."""

    mid: int
    id: str
    feed: str
    order_key: str
    format: str
    attempts: int = 0


class DeadGroup(msgspec.Struct):
    """Dead letters with one cause: `cause` is rule and path; first and last are mids."""

    cause: str
    messages: int
    first: int
    last: int
    feeds: list[str]


class Stored(msgspec.Struct, gc=False):
    """One version of a resource; `state` 0 live, 1 deleted; times in microseconds; `late` came after a newer one.

    `bare`: body and keys were not read.
    """

    rid: int
    type: str
    id: str
    version: int
    state: int
    updated: int
    clock: int
    rank: int
    mid: int
    digest: bytes
    body: bytes
    late: bool = False
    top: int = 0
    idx: bytes = b""
    bare: bool = False


class PersonRow(msgspec.Struct):
    """A person: `uid` is the public name, which never changes; `patients` are the ids of its source Patients."""

    person: int
    uid: str
    created: int
    patients: list[str]


class Source(msgspec.Struct):
    """A source Patient of a person, why it is linked, and its current resource (None when only referred to)."""

    patient_id: str
    person: int
    rule: str
    reason: str
    score: float
    actor: str
    at: int
    mid: int
    resource: Stored | None


class LinkEvent(msgspec.Struct):
    """One change of a link edge, kept for ever; `former` is the person that it left (0 none)."""

    n: int
    kind: Literal["link", "unlink"]
    patient_id: str
    person: int
    former: int
    rule: str
    reason: str
    score: float
    actor: str
    at: int
    mid: int


class PersonHit(msgspec.Struct):
    """A person found by text, with the current resources of all its source Patients."""

    person: int
    uid: str
    patients: list[Stored]


class ListMember(msgspec.Struct):
    """A member of a snapshot list; `gone` (microseconds, 0 still there) says since when it is no longer sent."""

    list: str
    member: str
    seen: int
    seen_mid: int
    gone: int
    gone_mid: int


class AuditRow(msgspec.Struct):
    """Who did what, to whose data, when, from where and why; `person` 0 when no person is concerned.

    `patients` (ids) may be given instead of `person` to write a row for each of their persons; it is not kept.
    """

    actor: str
    action: str
    person: int = 0
    what: str = ""
    origin: str = ""
    reason: str = ""
    mid: int = 0
    outcome: str = "success"
    at: int = 0
    n: int = 0
    patients: tuple[str, ...] = ()


class OutboxRow(msgspec.Struct):
    """Something to send on; `seq` only grows."""

    seq: int
    kind: str
    at: int
    payload: bytes


class FeedFigures(msgspec.Struct):
    """One feed's figures; `states` counts messages by state, `resent` counts duplicates acknowledged from the record.

    `last_hour` holds (minute since 1970, received, finished, failed); `latency` holds microseconds from receipt to
    commit at the quantiles .5, .95, .99 of the last two days; `doubts` counts by rule what its messages hold that can
    hardly be true.
    """

    feed: str
    last_received: int
    messages: int
    bytes: int
    today: int
    states: dict[str, int]
    resent: int
    last_hour: list[tuple[int, int, int, int]]
    latency: tuple[int, int, int]
    doubts: dict[str, int] = {}
