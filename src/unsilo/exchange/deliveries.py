"""Delivers notifications: a thread for each destination reads the outbox, queues what is news, and sends in order."""

import logging
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from typing import TypeVar

from unsilo.config.exchange import Destination
from unsilo.exchange.pace import judge
from unsilo.exchange.tls import context
from unsilo.flow.ihe.notify import affected, noted, notices
from unsilo.flow.send import Sender
from unsilo.flow.service import Service
from unsilo.kernel import clock
from unsilo.storage import Tx
from unsilo.storage.deliveries import NextDelivery

__all__ = ["Deliveries"]

T = TypeVar("T")
_log = logging.getLogger("unsilo.exchange")
_TURN = 0.3
"""Seconds between two looks at the outbox."""
_AT_ONCE = 500
"""Outbox rows that are read at once."""
_LEASE = 5.0
"""Seconds beyond two time-outs that a node may send to a destination without saying so again."""
_KEPT = 30 * 86_400_000_000
"""Microseconds that the row of a delivered message is kept."""
_WAIT = 30.0
_FORGET_EVERY = 1000


class _Courier:
    """One destination."""

    def __init__(self, service: Service, name: str, destination: Destination, stopping: threading.Event) -> None:
        self.service, self.name, self.destination, self.stopping = service, name, destination, stopping
        self.holder = token_hex(8)
        self.turns, self.holds = 0, False
        self.sender: Sender | None = None
        self.thread = threading.Thread(target=self.run, name=f"deliver-{name}", daemon=True)

    def run(self) -> None:
        """Work until the node stops; a fault of one turn is logged and the next tries again."""
        while not self.stopping.is_set():
            try:
                busy = self.turn()
            except Exception:  # noqa: BLE001 - one destination must not end for a fault that may pass
                if not self.stopping.is_set():
                    _log.exception("a delivery failed", extra={"destination": self.name})
                busy = False
            if not busy:
                self.stopping.wait(_TURN)
        if self.sender is not None:
            self.sender.close()
        if self.holds:  # the next to start need not wait
            with suppress(Exception):
                self.submit(lambda tx: tx.hold_destination(self.name, self.holder, 0, 0))

    def turn(self) -> bool:
        """Read some of the outbox and send some messages; True when there may be more at once."""
        store, now = self.service.store, clock.now()
        if store.destination_seen(self.name) is None:
            self.submit(lambda tx: tx.add_destination(self.name))
        more = self.read()
        held = store.next_delivery(self.name)
        if held is None or held.due > now:
            return more
        until = now + int((2 * self.destination.timeout_seconds + _LEASE) * 1e6)
        if not self.submit(lambda tx: tx.hold_destination(self.name, self.holder, until, now)):
            return more  # another node sends to it
        self.holds = True
        return self.send(store.next_delivery(self.name)) or more

    def submit(self, job: Callable[[Tx], T]) -> T:
        """Run a job in the writer's transaction and wait until it is durable."""
        return self.service.store.submit(job, 0).result(_WAIT)

    def read(self) -> bool:
        """Queue what the next rows of the outbox make news; True when there were many."""
        store = self.service.store
        before = store.destination_seen(self.name) or 0
        rows = store.outbox_after(before, _AT_ONCE)
        if not rows:
            return False
        after = rows[-1].seq
        found = notices(self.service, self.name, self.destination, affected(store, rows))

        def job(tx: Tx) -> None:
            if tx.advance(self.name, before, after):
                noted(tx, self.name, found)

        self.submit(job)
        return len(rows) == _AT_ONCE

    def send(self, held: NextDelivery | None) -> bool:
        """Send one message and note what became of it; True when it is out of the way."""
        if held is None or held.due > clock.now():
            return False
        if self.sender is None:
            try:
                tls = context(self.destination.tls)
            except (OSError, ssl.SSLError) as fault:
                _log.error("TLS cannot be used", extra={"destination": self.name, "reason": type(fault).__name__})
                return False
            one = self.destination
            self.sender = Sender(one.host, one.port, timeout=one.timeout_seconds, tls=tls)
        answer = self.sender.send(held.body)
        now = clock.now()
        verdict = judge(self.destination, held, answer, now)
        if verdict.state == "waiting":
            self.submit(
                lambda tx: tx.tried(held.n, verdict.attempts, verdict.refused, verdict.first, verdict.due, verdict.said)
            )
            return False
        if verdict.state == "dead":
            _log.warning("a notification was set aside", extra={"destination": self.name, "number": held.n})
        self.submit(lambda tx: tx.end_delivery(held.n, verdict.state, now, verdict.said))
        self.turns += 1
        if self.turns % _FORGET_EVERY == 1:
            self.submit(lambda tx: tx.forget_deliveries(self.name, now - _KEPT))
        return True


class Deliveries:
    """All destinations of a node; started and stopped with it."""

    def __init__(self, service: Service) -> None:
        self._stopping = threading.Event()
        self._couriers = [
            _Courier(service, name, one, self._stopping) for name, one in service.settings.destinations.items()
        ]

    def start(self) -> None:
        """Begin to deliver."""
        for courier in self._couriers:
            courier.thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """Stop; what was not acknowledged stays queued and is sent again by the next start."""
        self._stopping.set()
        for courier in self._couriers:
            if courier.thread.is_alive():
                courier.thread.join(patience)
