"""Two nodes that differ only in what a policy hides, with one clock, one line of ids and one key for both."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import httpx2 as httpx
from oracle_world import World

from tests.integration.served import Served, served
from unsilo.config import Settings
from unsilo.flow.fhir import write
from unsilo.flow.fhir.outcome import Caller
from unsilo.kernel import clock, json
from unsilo.policy import Facts, Predicate, admits, predicate_of
from unsilo.storage import Store
from unsilo.storage.view import facts_of

__all__ = ["POLICIES", "Clock", "Said", "Twins", "own_identity", "twins"]

Json = dict[str, Any]

_START = 1_700_000_000_000_000
_STEP = 10_000_000
_EVERYTHING = Caller("setup", "setup", Predicate())

_R = {"label": "http://x.org/label|R"}
POLICIES: dict[str, Any] = {
    "labels": {"not": _R},
    "types": {"types": ["Patient", "Observation", "Organization", "ValueSet", "Provenance", "List"]},
    "compartment": {"patients": ["p0", "p3", "p5", "p7"]},
    "both": {"and": [{"or": [{"patients": ["p1", "p2", "p4"]}, {"types": ["Organization", "Encounter", "ValueSet"]}]},
                     {"not": _R}]},
    "one of two": {"or": [{"not": _R}, {"types": ["Observation"]}]},
    "elements": "everything",
}  # fmt: skip
"""What each pair of nodes is asked under, as an operator writes it."""

ELEMENTS: dict[str, dict[str, list[str]]] = {
    "elements": {"Patient": ["name", "telecom", "address"], "Observation": ["value", "component"]},
}  # fmt: skip
"""Elements that a policy masks: there the two nodes differ in what these say, and whether they are there."""


class Clock:
    """Time that stands still until it is moved, and ids in a fixed order."""

    def __init__(self) -> None:
        self.at = _START
        self._numbers = count(1)

    def now(self) -> int:
        """Return the time."""
        return self.at

    def fresh_id(self) -> str:
        """Return an id of the form that the server gives."""
        return f"new{next(self._numbers):023d}"

    def begin(self, turn: int) -> None:
        """Say the same of time and ids to whoever is asked next in this turn."""
        self.at = _START + (turn + 1_000_000) * _STEP
        self._numbers = count(turn * 10_000)


class Twins:
    """The poorer node has only what may be seen, the richer one everything; `hidden` are names in the richer alone."""

    def __init__(self, poor: Served, rich: Served, world: World, hidden: list[str], time: Clock) -> None:
        self.poor, self.rich, self.world, self.hidden, self.time = poor, rich, world, hidden, time
        self._turn = 0
        self.people = count(1000)

    def both(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        still: bool = False,
    ) -> tuple[Said, Said]:
        """Ask both the same thing at the same time; `still`: no time passes since the last request."""
        turn = self._turn = self._turn + (not still)
        return self._one(self.poor, turn, method, path, body, headers), self._one(
            self.rich, turn, method, path, body, headers)  # fmt: skip

    def rich_only(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Said:
        """Ask the node that has what is hidden."""
        self._turn += 1
        return self._one(self.rich, self._turn, method, path, body, headers)

    def _one(
        self, node: Served, turn: int, method: str, path: str, body: bytes | None, headers: dict[str, str] | None
    ) -> Said:
        self.time.begin(turn)
        # Both have one name, or their links would differ by the port.
        return Said(node.http.request(method, path, content=body, headers={"Host": "localhost", **(headers or {})}))


class Said:
    """An answer: status, headers but those that may differ, and the bytes."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.headers = sorted((k, v) for k, v in answer.headers.items() if k not in ("date", "x-request-id"))
        self.content = answer.content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Said) and (self.status, self.headers, self.content) == (
            other.status, other.headers, other.content)  # fmt: skip

    __hash__ = None  # type: ignore[assignment]

    def next_page(self) -> str:
        """Return the address of the next page, "" when there is none."""
        found = re.search(rb'"relation":"next","url":"([^"]+)"', self.content)
        return found[1].decode().partition("/fhir/")[2] if found else ""

    def told(self, other: Said) -> str:
        """Say in short where two answers differ."""
        if self.status != other.status:
            return f"{self.status} {self.content[:300]!r} / {other.status} {other.content[:300]!r}"
        if self.content == other.content:
            return f"{sorted(set(self.headers) ^ set(other.headers))}"
        at = next((n for n, (a, b) in enumerate(zip(self.content, other.content, strict=False)) if a != b), 0)
        start = max(0, at - 150)
        return f"at {at}: {self.content[start : at + 200]!r} / {other.content[start : at + 200]!r}"


def _shown(predicate: Predicate, resource: Json) -> bool:
    """Tell whether a policy shows a resource, from its content."""
    facts = facts_of(resource, predicate.tenant)
    return admits(predicate, Facts(facts.tenant, facts.type, facts.labels, facts.patients))


def _double(resource: Json, id_: str, predicate: Predicate) -> Json | None:
    """Return a hidden resource that says the same as a visible one, under another id; None when it would be seen."""
    made = {**resource, "id": id_}
    if _shown(predicate, made):
        made["meta"] = {**resource.get("meta", {}), "security": [{"system": "http://x.org/label", "code": "R"}]}
    return None if _shown(predicate, made) else made


SearchBounds = type(Settings().search)


@contextlib.contextmanager
def twins(folder: Path, policy: str, seed: int, *, size: int = 160) -> Iterator[Twins]:
    """Serve two nodes under one policy; hidden resources come between, before and after the visible ones."""
    time, random = Clock(), Random(seed)
    table = {"allow": POLICIES[policy], "elements": ELEMENTS.get(policy, {})}
    # Few resources are included, so that what is cut off must not depend on what is hidden either.
    bounds = SearchBounds(included=random.choice((4, 9, 1000)), values=20)
    settings, predicate = {"policies": {"*": table}, "search": bounds}, predicate_of(table)
    world = World(seed, size)
    one_identity(world)
    others = World(seed + 1, size).resources
    add_about(world, random)
    visible = [one for one in world.resources.values() if _shown(predicate, one)]
    secret = [one for one in world.resources.values() if not _shown(predicate, one)]
    doubles = (
        ()
        if policy in ELEMENTS
        else (_double(one, f"h{n}", predicate) for n, one in enumerate(random.sample(visible, len(visible) // 3)))
    )
    secret += [one for one in doubles if one is not None]
    random.shuffle(secret)
    with ExitStack() as stack:
        stack.enter_context(patch.object(clock, "now", time.now))
        stack.enter_context(patch.object(Store, "secret", lambda _self, name: name.encode().ljust(32, b"k")))
        for room in ("fhir.write", "fhir.entries", "fhir.transaction", "bulk.job"):
            stack.enter_context(patch(f"unsilo.flow.{room}.fresh_id", time.fresh_id))
        poor = stack.enter_context(served(folder / "poor", **settings))
        rich = stack.enter_context(served(folder / "rich", **settings))
        hidden, coming = list(secret), {f"{one['resourceType']}/{one['id']}" for one in visible}
        for n, one in enumerate(visible):
            time.at = _START + n * _STEP
            put(poor, _other(one, others, ELEMENTS.get(policy, {})))
            put(rich, one)
            coming.discard(f"{one['resourceType']}/{one['id']}")
            for _ in range(random.choice((0, 0, 1, 1, 2, 3)) if coming else len(hidden)):
                # What is referred to gets its place in the default order then, which is the one thing that shows
                # (docs/reference/search.md): so nothing hidden refers to what is still to come.
                ready = next((each for each in hidden if coming.isdisjoint(_references(each))), None)
                if ready is not None:
                    time.at += 1000
                    hidden.remove(ready)
                    put(rich, ready)
        yield Twins(poor, rich, world, [f"{one['resourceType']}/{one['id']}" for one in secret], time)


def _other(resource: Json, others: dict[tuple[str, str], Json], masked: dict[str, list[str]]) -> Json:
    """Return a resource with the masked elements of another one, which it may lack."""
    names = masked.get(resource["resourceType"], [])
    if not names:
        return resource

    def covered(name: str) -> bool:
        return any(name == each or name.startswith(each) for each in names)

    other = others[resource["resourceType"], resource["id"]]
    kept = {name: value for name, value in resource.items() if not covered(name)}
    return kept | {name: value for name, value in other.items() if covered(name)}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        value = list(value.values())
    for each in value if isinstance(value, list) else []:
        yield from _references(each)


def add_about(world: World, random: Random) -> None:
    """Add what is about other resources: Provenance, lists, groups; some of it is labelled."""

    def some(kind: str, most: int) -> list[Json]:
        ids = random.sample(world.ids[kind], min(most, len(world.ids[kind])))
        return [{"reference": f"{kind}/{id_}"} for id_ in ids]

    for n in range(12):
        label = {"meta": {"security": [{"system": "http://x.org/label", "code": "R"}]}} if random.random() < 0.3 else {}
        target = some(*random.choice((("Observation", 3), ("Condition", 1), ("Encounter", 1))))
        made: dict[str, Json] = {
            "Provenance": {"target": target, "recorded": "2020-01-01T00:00:00Z",
                           "agent": [{"who": some("Practitioner", 1)[0]}]},
            "List": {"status": "current", "mode": "working", "entry": [{"item": i} for i in some("Observation", 9)]},
            "Group": {"type": "person", "actual": True, "member": [{"entity": i} for i in some("Patient", 4)]},
        }  # fmt: skip
        for kind, content in made.items():
            id_ = f"{kind[0].lower()}{n}"
            world.resources[kind, id_] = {"resourceType": kind, "id": id_, **label, **content}


def one_identity(world: World) -> None:
    """Make every Patient somebody of their own, so that no hidden one makes two visible ones a single person."""
    for n, one in enumerate(each for each in world.resources.values() if each["resourceType"] == "Patient"):
        own_identity(one, n)


def own_identity(patient: Json, number: int) -> None:
    """Make a Patient somebody whom no other one is taken for.

    Who is one person is decided over the whole record, whoever may see it, so a hidden Patient may bring two visible
    ones together: the one thing besides the default order that shows (docs/reference/search.md).
    """
    patient["identifier"] = [*patient.get("identifier", []), {"system": "urn:own", "value": f"own{number}"}]
    patient["birthDate"] = f"{1900 + number % 100}-{1 + number // 100 % 12:02d}-{1 + number // 1200 % 28:02d}"
    patient["name"][0] = {**patient["name"][0], "family": f"{patient['name'][0]['family']} {number}"}


def put(node: Served, resource: Json) -> None:
    """Store a resource as one who may see everything."""
    content = json.decode(json.encode(resource))
    answer = write.update(node.service, _EVERYTHING, resource["resourceType"], resource["id"], content).result(30)
    assert answer.status in (200, 201), answer.issues
