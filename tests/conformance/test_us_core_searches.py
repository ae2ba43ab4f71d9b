"""All searches of US Core over its examples and Synthea's patients: each answers, and with what a plain look finds."""

import time
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.conformance.loading import FHIR, corpus, everything, load_examples, load_synthea, pages
from tests.conformance.us_core_searches import Listed, asked, counts, family, fits, listed, walk
from tests.integration.served import Served, served
from unsilo.kernel import json
from unsilo.spec.parameters import parameter

pytestmark = [pytest.mark.corpora, pytest.mark.slow, pytest.mark.timeout(600)]

_WAYS = 2
_KINDS = {"reference": "reference", "date": "date", "string": "string", "uri": "uri", "token": "token"}


class World:
    """A loaded node, the searches, and every resource as the server has it."""

    def __init__(self, node: Served, searches: list[Listed], resources: list[dict[str, Any]]) -> None:
        self.node, self.searches, self.resources = node, searches, resources
        self.by_kind: dict[str, list[dict[str, Any]]] = {}
        for one in resources:
            self.by_kind.setdefault(one["resourceType"], []).append(one)


def guide_only(searches: list[Listed]) -> dict[tuple[str, str], Listed]:
    """Return the parameters that R4 has not for their type: the guide brings them."""
    return {
        (search.kind, name): search for search in searches for name in search.names
        if parameter(search.kind, name) is None
    }  # fmt: skip


def definition(kind: str, code: str, search: Listed) -> dict[str, Any]:
    """Return the SearchParameter that the metadata's paths stand for."""
    return {
        "resourceType": "SearchParameter", "id": f"us-core-{kind.lower()}-{code}", "status": "active", "code": code,
        "url": f"http://hl7.org/fhir/us/core/SearchParameter/us-core-{kind.lower()}-{code}", "name": f"UsCore{kind}",
        "description": "of the guide", "base": [kind], "type": _KINDS[family(search.types[code])],
        "expression": " | ".join(search.paths[code]),
    }  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything loaded, then the guide's parameters posted and indexed."""
    path = next(corpus("us-core-inferno-metadata").rglob("metadata.yml"))
    searches = listed(path)
    with served(tmp_path_factory.mktemp("us-core")) as node:
        load_synthea(node)
        load_examples(node)
        node.service.reindexing.start()
        try:
            own = guide_only(searches)
            for (kind, code), search in own.items():
                said = definition(kind, code, search)
                answer = node.http.put(f"SearchParameter/{said['id']}", content=json.encode(said), headers=FHIR)
                assert answer.status_code == 201, answer.text
            for _ in range(600):
                states = node.service.reindexing.progress()
                if len(states) == len(own) and all(row[2] == "active" for row in states):
                    break
                time.sleep(0.1)
            assert len(states) == len(own), states
            assert {row[2] for row in states} == {"active"}, states
            kinds = sorted({search.kind for search in searches} | {"Provenance"})
            yield World(node, searches, everything(node, kinds))
        finally:
            node.service.reindexing.stop()


def test_there_are_222_searches(world: World) -> None:
    """The list is read whole; the guide's own parameters are a handful."""
    assert len(world.searches) == 222
    assert len(counts(world.searches)) > 20
    assert guide_only(world.searches)


def found(node: Served, kind: str, pairs: list[tuple[str, str]]) -> tuple[set[str], int]:
    """Return the ids that a search finds over all of its pages, and its total."""
    ids: list[str] = []
    total = -1
    for page in pages(node, f"{kind}?{urlencode(pairs)}&_count=200&_total=accurate", {"Prefer": "linked-patients=off"}):
        ids += [entry["resource"]["id"] for entry in page.get("entry", []) if entry["search"]["mode"] == "match"]
        total = page["total"] if total < 0 else total
    assert len(ids) == len(set(ids)), (kind, pairs)
    return set(ids), total


def test_every_search_finds_what_a_plain_look_finds(world: World) -> None:
    """Each search by values of resources that have them, in several ways; the answer is exactly what fits."""
    random = Random(6)
    wrong, met, empty = [], 0, []
    for search in world.searches:
        answered = 0
        for pairs in asked(search, world.by_kind.get(search.kind, []), random, _WAYS):
            wanted = {
                one["id"] for one in world.by_kind.get(search.kind, [])
                if all(fits(one, search, name, said) for name, said in pairs)
            }  # fmt: skip
            ids, total = found(world.node, search.kind, pairs)
            if ids != wanted or total != len(wanted):
                wrong.append((search.kind, pairs, sorted(ids - wanted)[:3], sorted(wanted - ids)[:3], total))
            answered += len(wanted)
        met += answered > 0
        if not answered:
            empty.append((search.group, search.names))
    assert wrong == []
    assert met > 150, empty


def test_posted_searches_answer_alike(world: World) -> None:
    """POST _search gives the same Bundle as GET, but for its own address."""
    random = Random(7)
    for search in random.sample(world.searches, 30):
        pairs = asked(search, world.by_kind.get(search.kind, []), random, 1)[0]
        got = world.node.http.get(f"{search.kind}?{urlencode(pairs)}").json()
        posted = world.node.http.post(f"{search.kind}/_search", data=dict(pairs))
        assert posted.status_code == 200, posted.text
        assert posted.json().get("entry") == got.get("entry")


def test_includes_of_the_guide(world: World) -> None:
    """`_revinclude=Provenance:target` and the guide's includes bring along what refers to, or is referred to."""
    random = Random(8)
    provenance = [
        (one["id"], {ref.get("reference") for ref in walk(one, "Provenance.target")})
        for one in world.by_kind.get("Provenance", [])
    ]  # fmt: skip
    drawn = 0
    for kind in sorted(counts(world.searches)):
        search = next(one for one in world.searches if one.kind == kind)
        for pairs in asked(search, world.by_kind.get(kind, []), random, 2):
            for way, along in (("_revinclude", search.revincludes), ("_include", search.includes)):
                for said in along:
                    url = f"{kind}?{urlencode([*pairs, ('_count', '1000')])}&{way}={quote(said)}"
                    for page in pages(world.node, url, {"Prefer": "linked-patients=off"}):
                        rows = [(e["search"]["mode"], e["resource"]) for e in page.get("entry", [])]
                        matches = {f"{kind}/{one['id']}" for mode, one in rows if mode == "match"}
                        more = {one["id"] for mode, one in rows if mode == "include"}
                        drawn += len(more)
                        if said == "Provenance:target":
                            assert more == {id_ for id_, targets in provenance if targets & matches}, url
    assert drawn
