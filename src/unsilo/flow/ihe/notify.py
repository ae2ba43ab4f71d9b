"""PIX update notification (ITI-10, ADT^A31): whose cross-referenced identifiers changed, and the message that says so.

What changed is read from the outbox, so nothing that was committed is missed and nothing is said twice.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from unsilo.config import Feed
from unsilo.config.exchange import Destination
from unsilo.flow.golden.person import visible
from unsilo.flow.ihe.domains import cx, identifiers
from unsilo.flow.ihe.rsp import MARKS, joined
from unsilo.kernel import Json, clock, fresh_id
from unsilo.policy import Predicate, predicate_of
from unsilo.storage import OutboxRow, Store, Tx

__all__ = ["Notice", "affected", "dropped", "message", "noted", "notices", "renewed"]


class Notice(msgspec.Struct, frozen=True):
    """What a destination is to be told of a person: `ids` in one text for comparing, and the message ("" for none)."""

    person: int
    ids: str
    control_id: str
    body: bytes


def affected(store: Store, rows: Iterable[OutboxRow]) -> list[int]:
    """Return the persons whose identifiers may have changed by what outbox rows say, each once, in order."""
    found: dict[int, None] = {}
    for row in rows:
        said: dict[str, Any] = msgspec.json.decode(row.payload)
        for person in said.get("persons", ()):
            found[int(person)] = None
        for name in said.get("changed", ()):
            kind, _, id_ = str(name).partition("/")
            person = store.person_of(id_) if kind == "Patient" else None
            if person is not None:
                found[person] = None
    return list(found)


def predicate(settings: Any, name: str) -> Predicate:
    """Return what a destination may be told: the policy `destination:NAME`, else the general one."""
    tables = settings.policies
    return predicate_of(tables.get(f"destination:{name}", tables.get("*", {})))


def known_ids(service: Any, allowed: Predicate, destination: Destination, person: int) -> list[Json]:
    """Return the identifiers of a person in the domains that a destination wants, grouped by domain."""
    patients = [patient for _, patient in visible(service.store, service.store.guarded, allowed, person)]
    wanted = set(destination.domains)
    found = [item for _, item in identifiers(patients) if not wanted or item["system"] in wanted]
    return sorted(found, key=lambda item: (item["system"], item["value"]))


def message(destination: Destination, feeds: Sequence[Feed], items: Sequence[Json], control_id: str) -> bytes:
    """Return the ADT^A31 with PID-3 alone; PID-5 is one space, PV1-2 is N (3.10.4.1.2.3, 3.10.4.1.2.4)."""
    at = f"{datetime.fromtimestamp(clock.now() // 1_000_000, UTC):%Y%m%d%H%M%S}+0000"
    to = f"{MARKS.escape(destination.application)}|{MARKS.escape(destination.facility)}"
    numbers = "~".join(joined(cx(feeds, item)) for item in items)
    lines = (
        f"MSH|^~\\&|unsilo||{to}|{at}||ADT^A31^ADT_A05|{control_id}|P|2.5||||||UNICODE UTF-8",
        f"EVN||{at}", f"PID|||{numbers}|| ", "PV1||N",
    )  # fmt: skip
    return ("\r".join(lines) + "\r").encode("utf-8", "replace")


def _notice(service: Any, destination: Destination, allowed: Predicate, person: int) -> Notice:
    items = known_ids(service, allowed, destination, person)
    ids = "\n".join(f"{item['system']}|{item['value']}" for item in items)
    control_id = fresh_id()[:20]
    feeds = list(service.settings.feeds.values())
    return Notice(person, ids, control_id, message(destination, feeds, items, control_id) if ids else b"")


def notices(service: Any, name: str, destination: Destination, persons: Iterable[int]) -> list[Notice]:
    """Return what is news for a destination: persons whose set is another than it was told last."""
    allowed = predicate(service.settings, name)
    made = (_notice(service, destination, allowed, person) for person in persons)
    return [one for one in made if one.ids != service.store.told(name, one.person)]


def noted(tx: Tx, name: str, found: Iterable[Notice]) -> None:
    """Put messages into a destination's queue and remember what it is told."""
    for one in found:
        tx.tell(name, one.person, one.ids)
        if one.body:
            tx.deliver(name, one.person, one.control_id, one.body)


def renewed(service: Any, number: int) -> bool:
    """Send anew what was set aside, as it is now: the old message is dropped, for what it says may be out of date.

    False when there is no such message, or its destination is no longer configured.
    """
    held = service.store.delivery(number)
    destination = service.settings.destinations.get(held.destination) if held is not None else None
    if held is None or destination is None:
        return False
    allowed = predicate(service.settings, held.destination)
    fresh = _notice(service, destination, allowed, held.person)

    def job(tx: Tx) -> bool:
        if not tx.drop_delivery(number, tx.at):
            return False
        noted(tx, held.destination, [fresh])
        return True

    return bool(service.store.submit(job, 1).result(10))


def dropped(service: Any, number: int) -> bool:
    """Give up a message that was set aside; False when there is none."""
    return bool(service.store.submit(lambda tx: tx.drop_delivery(number, tx.at), 1).result(10))
