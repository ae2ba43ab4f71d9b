"""What the interactions have of the node: store, settings, audit trail, and what the client of a request may see."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from unsilo.api.arrivals import Arrivals
from unsilo.api.ask import Answer, Ask, Refused
from unsilo.api.form import shown
from unsilo.api.interaction import Interaction
from unsilo.api.policies import Policies
from unsilo.api.trail import Trail
from unsilo.flow.bulk.exports import Exports
from unsilo.flow.bulk.importing import Imports
from unsilo.flow.bulk.job import Job, Jobs
from unsilo.flow.bulk.wanted import ImportJob
from unsilo.flow.fhir.canonicals import stored_by
from unsilo.flow.fhir.drafting import Drafting
from unsilo.flow.fhir.outcome import Caller
from unsilo.flow.service import Service
from unsilo.kernel import Issue
from unsilo.policy import Predicate
from unsilo.search import Supported, Vocabulary, supported
from unsilo.spec.parameters import parameters
from unsilo.storage import Stored

__all__ = ["Node"]

T = TypeVar("T")
_MOST_LONG = 200
"""Long readings that may be under way and wait; the next is told to come again."""


class Node:
    """One node as the FHIR server's interactions use it; `rows` is their table, `within` answers an inner request."""

    rows: tuple[Interaction, ...]
    within: Callable[[Ask, Ask], Awaitable[Answer]]

    def __init__(self, service: Service) -> None:
        self.service, self.store, self.settings = service, service.store, service.settings
        self.trail = Trail(service)
        self.policies = Policies(service.settings)
        jobs = Jobs(service.settings.data / "bulk", Job)
        hours = service.settings.bulk.keep_hours
        self.exports = Exports(service.store, jobs, lambda: service.parameters.vocabulary, hours)
        self.exports.start(self.policies.of)
        self.imports = Imports(service, Jobs(service.settings.data / "imports", ImportJob), hours)
        self.imports.start(self.policies.of)
        self.drafting = Drafting(service.settings)
        service.endings += [self.exports.stop, self.imports.stop, self.drafting.stop]
        self.reads = service.store.view()
        """For the event loop: a connection of its own, which no search in a thread holds."""
        self.long_reads = service.store.guarded
        self.arrivals = Arrivals()
        self._threads = ThreadPoolExecutor(max(2, service.settings.readers), "unsilo-read")
        self._long = 0
        self.page_key = service.store.secret("page")
        service.terminology.shelf.stored = stored_by(service.store, lambda: service.parameters.vocabulary)
        self.written_once: dict[tuple[str, str], bytes] = {}
        self.described: Vocabulary | None = None
        """The vocabulary that what is written once was made of."""

    async def apart(self, work: Callable[..., T], *given: Any, **named: Any) -> T:
        """Run what may take long in a thread of its own kind, so that nothing else waits behind it; Refused with 503
        when very much waits already."""
        if self._long >= _MOST_LONG:
            text = f"{self._long} long readings are under way"
            issue = Issue("error", "throttled", text, hint="try again in 2 s", rule="http.busy")
            raise Refused([issue], 503, {"retry-after": "2"})
        self._long += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, partial(work, *given, **named))
        finally:
            self._long -= 1

    def predicate(self, ask: Ask) -> Predicate:
        """Return what the client may see; there is no reading without it."""
        return self.policies.of(ask.actor)

    def shown(self, ask: Ask) -> Callable[[Stored], bytes]:
        """Return what makes the bytes of a stored version as this client may see it and asked for it."""
        return shown(ask, self.predicate(ask))

    def served(self, kind: str) -> Iterable[Supported]:
        """Return the search parameters of a type that are served, those posted here among them."""
        vocabulary = self.service.parameters.vocabulary
        if kind != "Resource":
            return supported(vocabulary, kind)
        # What every type has can be asked of all of them at once.
        return [row for row in supported(vocabulary, "Basic") if row.code in parameters("Resource")]

    @property
    def conditional_deletes(self) -> str:
        """What a conditional delete may remove, as R4's code list conditional-delete-status has it."""
        way = self.settings.fhir.conditional_delete
        return "not-supported" if way == "off" else way

    def client(self, ask: Ask) -> Caller:
        """Return the client as the use cases of writing know it."""
        return Caller(ask.actor, "api " + ask.origin, self.predicate(ask), ask.header(b"x-purpose")[:200])

    def note(
        self, ask: Ask, action: str, what: str, patients: Iterable[str], *, outcome: str = "success"
    ) -> "asyncio.Future[bool]":
        """Record an access; the future says whether it is durable."""
        reason = ask.header(b"x-purpose") if b"x-purpose" in ask.headers else ""
        return self.trail.note(
            ask.actor, action, what, patients, origin="api " + ask.origin, reason=reason, outcome=outcome
        )
