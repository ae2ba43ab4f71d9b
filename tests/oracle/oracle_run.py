"""Asks the server and the judge the same questions, and compares every page, total, order and inclusion.

python tests/oracle/oracle_run.py --questions 20000 --seed 1 [--predicates] [--database postgresql://...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from oracle_judge import Answers, Parameter
from oracle_questions import Asker, Question
from oracle_world import World

from unsilo.config import Settings
from unsilo.flow.bulk.drafts import Drafts, Order, drafts
from unsilo.flow.bulk.lines import Line
from unsilo.flow.drafted import Drafted
from unsilo.flow.fhir import search as searching
from unsilo.flow.fhir import write
from unsilo.flow.fhir.outcome import Caller
from unsilo.flow.fhir.writing import Writing
from unsilo.flow.service import Service
from unsilo.kernel import json
from unsilo.policy import EVERYTHING, And, Compartment, Label, Not, Or, Predicate, Types
from unsilo.search import Bounds, Vocabulary
from unsilo.spec import definitions
from unsilo.spec.parameters import parameters as published
from unsilo.storage import Tx
from unsilo.storage.packing import unsqueeze

BOUNDS = Bounds(most=1000, depth=10, included=100_000)
KEY = b"k" * 32


def known(kind: str, _kept: dict[str, dict[str, Parameter]] = {}) -> dict[str, Parameter]:  # noqa: B006 - a cache
    """Return the search parameters of a type as the standard publishes them."""
    if kind not in _kept:
        made = {}
        for code, each in published(kind).items():
            parts = tuple((part.kind, part.expression) for part in each.components)
            made[code] = Parameter(code, each.kind, each.expression, tuple(each.targets), parts)
        _kept[kind] = made
    return _kept[kind]


class Server:
    """The server under test, in this process."""

    def __init__(self, folder: Path, world: World, database: str = "") -> None:
        settings = Settings(data=folder, **({"database": database} if database else {}))
        self.service = Service(settings)
        self.caller = Caller("test", "test", Predicate())
        self.vocabulary = Vocabulary(bounds=BOUNDS)
        self.view = self.service.store.view()
        todo = list(world.resources.items())
        for (kind, id_), resource in todo[::2]:
            self.put(kind, id_, resource)
        lines = [Line(n, json.encode(resource)) for n, (_, resource) in enumerate(todo[1::2], 1)]
        for packed in msgspec.msgpack.decode(drafts(Order("world"), lines), type=Drafts).sheets:
            sheet = msgspec.msgpack.decode(unsqueeze(packed), type=Drafted)
            if not self.service.store.submit(partial(self.put_sheet, sheet)).result(30):
                if not database:
                    raise AssertionError("an import's sheet was not taken")
                for (kind, id_), resource in todo[1::2]:  # a former world is there already
                    self.put(kind, id_, resource)

    def put(self, kind: str, id_: str, resource: dict[str, Any]) -> None:
        """Write one resource."""
        answer = write.update(self.service, self.caller, kind, id_, json.decode(json.encode(resource))).result(30)
        if answer.status not in (200, 201):
            raise AssertionError(f"{kind}/{id_} was refused: {answer.status} {answer.issues}")

    def put_sheet(self, sheet: Drafted, tx: Tx) -> bool:
        """Write resources as an import does."""
        return Writing(tx, self.service, self.caller).put_sheet(sheet)

    def ask(
        self, question: Question, predicate: Predicate, between: Callable[[], None] = lambda: None
    ) -> tuple[list[tuple[str, str]], set[tuple[str, str]], int | None]:
        """Return matches in order over all pages, what came along, and the total."""
        rows: list[tuple[str, str]] = []
        included: set[tuple[str, str]] = set()
        total: int | None = None
        pairs = question.pairs()
        mark = ""
        for _ in range(10_000):
            asked, issues = searching.prepare(
                predicate, question.kind, [*pairs, *([("_page", mark)] if mark else [])], self.vocabulary, KEY,
                kin=False,
            )  # fmt: skip
            if asked is None:
                raise AssertionError(f"{question.kind}?{pairs} was refused: {[i.text for i in issues]}")
            found = searching.search(self.view, asked, KEY)
            page = [(row.type, row.id) for row in found.rows]
            if len(page) > question.count:
                raise AssertionError(f"a page of {len(page)} for _count={question.count}")
            rows += page
            included |= {(row.type, row.id) for row in found.includes}
            total = found.total if total is None else total
            mark = found.next
            if not mark:
                return rows, included, total
            between()
        raise AssertionError("the pages do not end")

    def close(self) -> None:
        """Close the store."""
        self.service.stop()


def compare(server: Server, answers: Answers, question: Question, predicate: Predicate) -> str:
    """Return what differs between server and judge, "" when nothing does."""
    wanted = {(question.kind, id_) for id_ in answers.matches(question.kind, question.criteria)}
    try:
        rows, included, total = server.ask(question, predicate)
    except AssertionError as fault:
        return str(fault)
    if len(rows) != len(set(rows)):
        return f"a match came twice: {sorted(r for r in set(rows) if rows.count(r) > 1)[:5]}"
    if set(rows) != wanted:
        return f"too much {sorted(set(rows) - wanted)[:5]}, missing {sorted(wanted - set(rows))[:5]}"
    if total != len(wanted):
        return f"the total is {total}, not {len(wanted)}"
    more: set[tuple[str, str]] = set()
    for key, value in question.includes:
        more |= answers.included(wanted, value, reverse=key == "_revinclude")
    if included - wanted != more - wanted:
        drawn = included - wanted
        return f"included too much {sorted(drawn - more)[:5]}, missing {sorted(more - wanted - drawn)[:5]}"
    return ordered(answers, rows, question)


def ordered(answers: Answers, rows: list[tuple[str, str]], question: Question) -> str:
    """Return where the order is wrong: each key in its direction, what has none last."""
    before: list[Any] | None = None
    for row in rows if question.sort else []:
        here = [answers.sort_key(answers.resources[row], name, descending=down) for name, down in question.sort]
        if before is not None:
            for was, now, (name, down) in zip(before, here, question.sort, strict=True):
                if was == now:
                    continue
                if now is not None and (was is None or (was < now if down else was > now)):
                    return f"{row} stands wrongly by {name}: {was!r} then {now!r}"
                break
        before = here
    return ""


def predicate_of(asker: Asker, world: World) -> tuple[Predicate, Callable[[dict[str, Any]], bool]]:
    """Return a random access predicate and the same as a plain test of a resource."""
    random = asker.random

    def labelled(resource: dict[str, Any], code: str) -> bool:
        labels = resource.get("meta", {}).get("security", ())
        return any(each.get("system") == "http://x.org/label" and each.get("code") == code for each in labels)

    def within(resource: dict[str, Any], ids: set[str]) -> bool:
        if resource["resourceType"] == "Patient":
            return resource["id"] in ids
        paths = MEMBERS.get(resource["resourceType"], ())
        named = [each.get("reference", "") for path in paths for each in listed(resource.get(path))]
        return any(name == f"Patient/{id_}" for name in named for id_ in ids)

    kind = random.randrange(5)
    if kind == 0:
        names = frozenset(random.sample(list(world.ids), random.randint(1, 6)))
        return Predicate(allow=Types(names)), lambda r: r["resourceType"] in names
    if kind == 1:
        code = random.choice(["R", "V"])
        return Predicate(allow=Not(Label("http://x.org/label", code))), lambda r: not labelled(r, code)
    ids = set(random.sample(world.ids["Patient"], min(len(world.ids["Patient"]), random.randint(1, 5))))
    mine = Compartment(patients=frozenset(ids), persons=frozenset())
    if kind == 2:
        return Predicate(allow=mine), lambda r: within(r, ids)
    if kind == 3:
        names = frozenset(random.sample(list(world.ids), random.randint(1, 4)))
        return Predicate(allow=Or((mine, Types(names)))), lambda r: within(r, ids) or r["resourceType"] in names
    allow = And((mine, Not(Label("http://x.org/label", "R"))))
    return Predicate(allow=allow), lambda r: within(r, ids) and not labelled(r, "R")


def steady(server: Server, world: World, asker: Asker) -> str:
    """Page through an answer while other resources are written, made and deleted between the pages.

    What nobody touches must come exactly once, in its order; return what went wrong, "" when nothing did.
    """
    random = asker.random
    question = asker.question()
    plain = [each for each in question.criteria if "." not in each[0] and not each[0].startswith("_has")]
    question = question._replace(criteria=plain, includes=[], count=random.choice([1, 2, 3]))
    kind = question.kind
    movers = set(random.sample(world.ids[kind], max(1, len(world.ids[kind]) // 3)))
    answers = Answers(world.resources, known)
    still = {(kind, id_) for id_ in answers.matches(kind, plain) if id_ not in movers}

    def between() -> None:
        id_ = random.choice(sorted(movers))
        server.put(kind, id_, world.change(kind, id_))
        if random.random() < 0.3:
            fresh = f"n{random.randrange(10**9)}"
            server.put(kind, fresh, world.make(kind, fresh))
            write.delete(server.service, server.caller, kind, fresh).result(30)

    rows, _, _ = server.ask(question, Predicate(allow=EVERYTHING), between)
    met = [row for row in rows if row in still]
    if len(met) != len(set(met)):
        return f"{kind}?{question.pairs()}: came twice: {sorted(r for r in set(met) if met.count(r) > 1)[:5]}"
    if set(met) != still:
        return f"{kind}?{question.pairs()}: vanished {sorted(still - set(met))[:5]}"
    return ordered(Answers(world.resources, known), met, question)


MEMBERS = {
    "Encounter": ("subject",), "Observation": ("subject", "performer"), "Condition": ("subject",),
    "MedicationRequest": ("subject",), "RiskAssessment": ("subject",),
}  # fmt: skip
"""Elements of this world's resources by which R4's patient compartment takes them in."""


def listed(value: Any) -> list[dict[str, Any]]:
    """Return a value or the values of a list."""
    return value if isinstance(value, list) else [value] if value else []


def run(questions: int, seed: int, folder: Path, *, predicates: bool, database: str = "", size: int = 240) -> list[str]:
    """Ask a number of questions over a world of one seed; return the differences in words."""
    world = World(seed, size)
    server = Server(folder, world, database)
    asker = Asker(seed + 1, world, known)
    wrong: list[str] = []
    try:
        answers = Answers(world.resources, known)
        predicate = Predicate(allow=EVERYTHING)
        for n in range(questions):
            if predicates and n % 10 == 0:
                predicate, test = predicate_of(asker, world)
                answers = Answers(world.resources, known, test)
            question = asker.question()
            told = compare(server, answers, question, predicate)
            if told:
                wrong.append(f"{question.kind}?{question.pairs()} as {predicate.allow}: {told}")
    finally:
        server.close()
    return wrong


def run_steady(times: int, seed: int, folder: Path, *, database: str = "", size: int = 120) -> list[str]:
    """Page through answers while others write; return what went wrong."""
    world = World(seed, size)
    server = Server(folder, world, database)
    asker = Asker(seed + 1, world, known)
    try:
        return [told for _ in range(times) if (told := steady(server, world, asker))]
    finally:
        server.close()


def main() -> int:
    """Run from the command line; the exit status is 1 when something differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--predicates", action="store_true")
    parser.add_argument("--database", default="")
    parser.add_argument("--each", type=int, default=1000, help="questions over one world")
    asked = parser.parse_args()
    wrong: list[str] = []
    for n in range(0, asked.questions, asked.each):
        with tempfile.TemporaryDirectory() as folder:
            part = min(asked.each, asked.questions - n)
            wrong += run(part, asked.seed + n, Path(folder), predicates=asked.predicates, database=asked.database)
            wrong += run_steady(part // 20, asked.seed + n, Path(folder) / "steady", database=asked.database)
        print(f"{n + part} questions, {len(wrong)} differences", flush=True)
        for each in wrong[:10]:
            print(f"  {each}")
        if len(wrong) > 200:
            break
    return 1 if wrong else 0


if __name__ == "__main__":
    assert definitions.search_parameter is not None
    sys.exit(main())
