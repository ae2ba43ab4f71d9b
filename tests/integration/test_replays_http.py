"""Replays over HTTP: what is asked for is checked, who may is checked, and each can be followed and stopped."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.served import Served, served
from unsilo.config import Feed
from unsilo.flow import access

MESSAGE = b"MSH|^~\\&|A|B|||20240101||ADT^A08|%d|P|2.5.1\rPID|1||7^^^H^MR||Rivera^Ana\r"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node that works on nothing, with three messages."""
    with served(tmp_path_factory.mktemp("replays"), feeds={"north": Feed("north", "hl7v2")}) as found:
        for number in range(3):
            assert found.http.post(f"{found.root}/ingest/north", content=MESSAGE % number).status_code == 202
        rows = found.service.store.search_messages()
        for row in rows:
            found.service.store.submit(lambda tx, mid=row.mid: tx.finish(mid, "done")).result(10)
        yield found


def post(node: Served, **asked: Any) -> Any:
    return node.http.post(f"{node.root}/replays", json=asked)


def ids(node: Served) -> list[str]:
    return [row.id for row in node.service.store.search_messages()]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"ids": ["x"]}, 400), ({"reason": " ", "ids": ["x"]}, 400), ({"reason": "r"}, 400),
        ({"reason": "r", "ids": ["nothing"]}, 404), ({"reason": "r", "ids": "x"}, 400),
        ({"reason": "r", "state": "done", "rate": 0}, 400), ({"reason": "r", "state": "done", "odd": 1}, 400),
        ({"reason": "r", "ids": ["x" * 3_000_000]}, 413),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(node: Served, asked: dict[str, Any], status: int) -> None:
    """With an OperationOutcome, and nothing is replayed."""
    answer = post(node, **asked)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_body_that_is_no_json_is_refused(node: Served) -> None:
    """As any other."""
    assert node.http.post(f"{node.root}/replays", content=b"\xff{").status_code == 400
    assert node.http.get(f"{node.root}/replays/none").status_code == 404
    assert node.http.delete(f"{node.root}/replays/none").status_code == 404


def test_messages_are_queued_again_with_a_trace(node: Served) -> None:
    """Each is a new attempt; the audit trail says who and why."""
    [one, *_] = ids(node)
    answer = post(node, reason="the map is new", ids=[one, one])
    assert (answer.status_code, answer.json()["messages"]) == (202, 1)
    address = node.root + answer.headers["location"]
    said = node.http.get(address).json()
    while said["running"]:
        said = node.http.get(address).json()
    assert (said["sent"], said["notPossible"], said["states"]) == (1, [], {"queued": 1})
    [row] = node.service.store.audit_rows(action="replay")
    assert (row.actor, row.reason) == ("loopback", "the map is new")


def test_a_replay_can_be_stopped(node: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two messages; those that were sent stay sent."""
    monkeypatch.setattr("unsilo.flow.replay._requeue", lambda *_: True)
    answer = post(node, reason="slowly", ids=ids(node), rate=0.1)
    assert answer.status_code == 202
    said = node.http.delete(node.root + answer.headers["location"]).json()
    assert (said["stopped"], said["running"]) == (True, False)
    assert said["sent"] < said["messages"]


def test_only_operators_may(node: Served) -> None:
    """A token for another thing is refused."""
    secret, issues = access.new_token(node.service, "reader", ["read"], 0)
    assert not issues
    headers = {"Authorization": f"Bearer {secret}"}
    answer = node.http.post(f"{node.root}/replays", json={"reason": "r", "state": "done"}, headers=headers)
    assert answer.status_code == 403
