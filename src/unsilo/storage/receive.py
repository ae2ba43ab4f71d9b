"""Journals a group of receipts: bytes first, fsynced, then one row, its business keys and the figures for each."""

import sqlite3
from collections.abc import Callable

import msgspec

from unsilo.kernel import clock, hash64
from unsilo.storage.days import Days, day_of
from unsilo.storage.figures import Figures, forget
from unsilo.storage.keys import fold_key
from unsilo.storage.names import Names
from unsilo.storage.packing import clean, pack_issues, pack_keys, unpack_issues
from unsilo.storage.rows import Incoming, Receipt
from unsilo.storage.statements import load, run_rows
from unsilo.storage.work import cause_of, is_poison

__all__ = ["content_rows", "journal_group"]

_SQL = load("message")
_FORGET_EVERY = 4096
_LATEST = 253_402_300_800_000_000  # the year 10000


def _known(connection: sqlite3.Connection, ids: list[str]) -> dict[str, Receipt]:
    rows = connection.execute(_SQL["known"], (msgspec.json.encode(ids).decode(),)).fetchall()
    return {row[0]: Receipt(row[1], row[0], True, bool(row[3]), row[2], unpack_issues(row[4]), row[5]) for row in rows}


def content_rows(connection: sqlite3.Connection, days: Days, incomings: list[Incoming]) -> dict[str, tuple[int, int]]:
    """Write the bytes of all that is new into their day files, durable on return; return id -> (day, slot)."""
    known = _known(connection, [i.envelope.id for i in incomings])
    by_day: dict[int, dict[str, Incoming]] = {}
    for incoming in incomings:
        if incoming.envelope.id not in known:
            by_day.setdefault(day_of(incoming.envelope.received_at), {})[incoming.envelope.id] = incoming
    places: dict[str, tuple[int, int]] = {}
    for day, fresh in by_day.items():
        slots = days.append(day, [i.envelope for i in fresh.values()])
        places.update({id_: (day, slot) for id_, slot in zip(fresh, slots, strict=True)})
    return places


def _control(incoming: Incoming) -> int:
    sender = next((value for kind, value in incoming.keys if kind == "sender"), "")
    return hash64(sender, incoming.control_id)


def journal_group(
    connection: sqlite3.Connection,
    names: Names,
    incomings: list[Incoming],
    places: dict[str, tuple[int, int]],
    next_mid: Callable[[], int],
) -> list[Receipt]:
    """Write the rows of a group in the open transaction; `places` says where each new one's bytes are.

    A resend gets the Receipt that was recorded. A message whose key has a poison message waits as `held`.
    """
    known = _known(connection, [i.envelope.id for i in incomings])
    controls = {id(i): (names.feed(i.envelope.feed), _control(i)) for i in incomings if i.control_id}
    asked = msgspec.json.encode(list(set(controls.values()))).decode()
    seen: set[tuple[int, int]] = {(r[0], r[1]) for r in connection.execute(_SQL["control_known"], (asked,))}
    any_holds = bool(connection.execute(_SQL["any_holds"]).fetchone()[0])
    receipts: list[Receipt] = []
    rows: list[tuple[object, ...]] = []
    keys: set[tuple[int, str, int]] = set()
    control_rows: list[tuple[int, int, int]] = []
    figures = Figures()
    for incoming in incomings:
        envelope = incoming.envelope
        feed = names.feed(envelope.feed)
        first = known.get(envelope.id)
        if first is not None:
            figures.count(feed, day_of(envelope.received_at), "resent", len(envelope.content))
            figures.received(feed, envelope.received_at)
            receipts.append(first)
            continue
        day, slot = places[envelope.id]
        mid = next_mid()
        control = controls.get(id(incoming))
        reused = control is not None and control in seen
        if control is not None and not reused:
            seen.add(control)
            control_rows.append((*control, mid))
        state = incoming.state
        if state == "queued" and any_holds and incoming.order_key:
            blocked = connection.execute(_SQL["blocked"], (feed, clean(incoming.order_key), envelope.parent))
            state = "held" if blocked.fetchone()[0] else state
        size = len(envelope.content)
        cause = clean(cause_of(incoming.issues)) if state == "dead" else ""
        rows.append((
            mid, envelope.id, feed, envelope.format, day, slot, envelope.received_at, size,
            bytes.fromhex(envelope.sha256), clean(incoming.type), clean(incoming.control_id), incoming.event_time,
            clean(incoming.order_key), envelope.parent, clean(incoming.ack), int(reused), pack_keys(incoming.keys),
            pack_issues(incoming.issues), state, cause, int(is_poison(cause)),
        ))  # fmt: skip
        for kind, value in _found_by(incoming):
            folded = fold_key(value)
            if folded:
                keys.add((names.key_kind(kind), folded, mid))
        figures.count(feed, day, state, size)
        figures.received(feed, envelope.received_at)
        receipt = Receipt(mid, envelope.id, False, reused, incoming.ack, incoming.issues, state)
        known[envelope.id] = msgspec.structs.replace(receipt, duplicate=True)
        receipts.append(receipt)
    run_rows(connection, _SQL["insert"], rows)
    run_rows(connection, _SQL["key_insert"], sorted(keys))
    run_rows(connection, _SQL["control_insert"], control_rows)
    figures.flush(connection)
    if any(receipt.mid % _FORGET_EVERY == 0 for receipt in receipts):
        forget(connection, incomings[-1].envelope.received_at)
    return receipts


def _found_by(incoming: Incoming) -> list[tuple[str, str]]:
    """Return the keys with type, control id and event time among them, whether or not the caller listed these."""
    found = list(incoming.keys)
    event = clock.instant(incoming.event_time) if 0 < incoming.event_time < _LATEST else ""
    for kind, value in (("control_id", incoming.control_id), ("type", incoming.type), ("event_time", event)):
        if value and (kind, value) not in found:
            found.append((kind, value))
    return found
