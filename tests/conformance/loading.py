"""Third-party resources sent to a served node over HTTP as their users would send them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.served import Served
from unsilo.kernel import json

__all__ = ["corpus", "everything", "load_examples", "load_synthea", "pages"]

Json = dict[str, Any]
FHIR = {"Content-Type": "application/fhir+json"}


def corpus(name: str) -> Path:
    """Return a folder of the corpora; the test skips without it."""
    named = os.environ.get("UNSILO_CORPORA", "")
    if not named or not Path(named, name).is_dir():
        pytest.skip(f"UNSILO_CORPORA names no folder that holds {name}")
    return Path(named, name)


def load_synthea(node: Served) -> list[tuple[Json, Json]]:
    """POST every bundle, what all of them refer to (batches) first; return each with its answer."""
    bundles = [json.decode(path.read_bytes()) for path in sorted(corpus("synthea-r4").rglob("*.json"))]
    bundles.sort(key=lambda bundle: bundle["type"])
    sent = []
    for bundle in bundles:
        answer = node.http.post("", content=json.encode(bundle), headers=FHIR)
        assert answer.status_code == 200, answer.text[:600]
        sent.append((bundle, json.decode(answer.content)))
    return sent


def load_examples(node: Served) -> list[Json]:
    """PUT every US Core example under its id; return them."""
    found = []
    for path in sorted(corpus("us-core-examples").rglob("*.json")):
        one = json.decode(path.read_bytes())
        answer = node.http.put(f"{one['resourceType']}/{one['id']}", content=json.encode(one), headers=FHIR)
        assert answer.status_code in (200, 201), (path.name, answer.text[:600])
        found.append(one)
    return found


def pages(node: Served, path: str, headers: dict[str, str] | None = None) -> Iterator[Json]:
    """Give every page of a search."""
    while path:
        answer = node.http.get(path, headers=headers)
        assert answer.status_code == 200, (path, answer.text[:600])
        page = json.decode(answer.content)
        yield page
        path = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")


def everything(node: Served, kinds: list[str]) -> list[Json]:
    """Return every current resource of some types, as the server has them."""
    return [
        entry["resource"]
        for kind in kinds
        for page in pages(node, f"{kind}?_count=1000")
        for entry in page.get("entry", [])
    ]
