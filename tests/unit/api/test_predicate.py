"""No way of the interfaces reads a resource without the caller's predicate: by what they may call, and what they do."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.unit.api.conftest import app_of, put
from unsilo.api.interactions import INTERACTIONS
from unsilo.config import Settings
from unsilo.flow.service import Service
from unsilo.policy import Predicate, Types
from unsilo.storage.plan import Plan
from unsilo.storage.view import View

ROOM = Path(__file__).parents[3] / "src" / "unsilo" / "api"
OF_STORE = {
    "audit_many", "content", "counts", "delivery_counts", "effects", "feeds", "guarded", "message", "search_messages",
    "secret", "shape_alarm_counts", "users",
    "view", "waiting",
}  # fmt: skip
"""What the interfaces may call of the store. `effects`, `message` and `content` belong to a message's original, which
is shown only when everything that it says may be seen (`originals.py`); `search_messages` names the messages that an
operator's program has replayed (`replaying.py`), and none of them is shown; the others read no resource."""
OF_READS = {"read", "version", "history", "count_history", "search", "explain"}
"""What they may call of a view; each takes the predicate first, or a plan that holds it."""


def called(of: str) -> set[tuple[str, str]]:
    """(file, name) of every attribute that is taken of `store`, `reads` or `long_reads` in the room."""
    found = set()
    for file in sorted(ROOM.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                base = node.value
                name = base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
                if name.lstrip("_") == of:
                    found.add((file.name, node.attr))
    return found


def test_only_reads_that_take_a_predicate_are_called() -> None:
    """The room asks nothing of the store that shows resources without one."""
    assert {name for _, name in called("store")} <= OF_STORE
    assert {name for of in ("reads", "long_reads") for _, name in called(of)} <= OF_READS
    assert {file for file, name in called("store") if name in ("effects", "content")} <= {"originals.py"}
    assert {file for file, name in called("store") if name == "search_messages"} <= {"replaying.py"}


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TestClient, list[tuple[str, Predicate]]]]:
    """A client with a narrow policy, and every predicate that reached the store since."""
    policies: dict[str, Any] = {"*": {"allow": {"types": ["Patient", "Observation", "Bundle"]}}}
    service = Service(Settings(data=tmp_path, open_network=True, policies=policies))
    service.store.submit(
        lambda tx: [
            put(tx, {"resourceType": "Patient", "id": "a", "name": [{"family": "A"}]}),
            put(tx, {"resourceType": "Basic", "id": "b", "code": {"text": "HIDDEN"}}),
        ]
    ).result()
    reached: list[tuple[str, Predicate]] = []
    for name in ("read", "version", "history", "count_history", "search"):
        real = getattr(View, name)

        def spy(self: View, first: Any, *rest: Any, real: Any = real, name: str = name, **named: Any) -> Any:
            predicate = first.predicate if isinstance(first, Plan) else first
            assert isinstance(predicate, Predicate)
            reached.append((name, predicate))
            return real(self, first, *rest, **named)

        monkeypatch.setattr(View, name, spy)
    with TestClient(app_of(service), base_url="http://node.example", client=("10.0.0.9", 1)) as http:
        yield http, reached
    service.store.close()


def test_every_interaction_carries_the_policy(seen: tuple[TestClient, list[tuple[str, Predicate]]]) -> None:
    """Each row of the table is called; whatever reaches the store has this client's predicate, and nothing hidden
    comes out."""
    http, reached = seen
    wanted = Types(frozenset(("Patient", "Observation", "Bundle")))
    bodies: dict[str, Any] = {
        "batch": {"resourceType": "Bundle", "type": "batch",
                  "entry": [{"request": {"method": "GET", "url": url}} for url in ("Basic/b", "Basic", "_history")]},
        "create": {"resourceType": "Patient"}, "$meta-add": {"resourceType": "Parameters"},
    }  # fmt: skip
    for row in INTERACTIONS:
        for kind, id_ in (("Patient", "a"), ("Basic", "b")):
            address = row.pattern.replace("[type]", kind).replace("[id]", id_).replace("[vid]", "1")
            address = address.replace("[within]", "*")
            if kind == "Basic" and "[type]" not in row.pattern and row.pattern:
                continue
            form = row.pattern.endswith("_search")
            headers = {"Content-Type": "application/x-www-form-urlencoded" if form else "application/fhir+json"}
            body = b"" if form else json.dumps(bodies.get(row.code, {"resourceType": kind, "id": id_})).encode()
            content = body if row.method in ("POST", "PUT", "PATCH") else None
            if row.method == "DELETE" and kind == "Patient":
                continue
            answer = http.request(row.method, f"/fhir/{address}", content=content, headers=headers)
            assert answer.status_code < 500, (row, answer.text)
            assert "HIDDEN" not in answer.text, row
    assert {name for name, _ in reached} == {"read", "version", "history", "count_history", "search"}
    assert {predicate.allow for _, predicate in reached} == {wanted}
