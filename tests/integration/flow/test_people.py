"""Access, linking by hand, and the node's figures."""

from pathlib import Path

import pytest
from flow_node import adt, settings

from tests.unit.storage.keyed import ids_found
from unsilo.config import Feed
from unsilo.flow import access
from unsilo.flow.commit import commit
from unsilo.flow.decide.link import link, unlink
from unsilo.flow.process import process
from unsilo.flow.retention import enforce
from unsilo.flow.service import Service
from unsilo.flow.status import status
from unsilo.kernel import clock, seal
from unsilo.storage import Incoming


@pytest.fixture
def service(tmp_path: Path):
    """A node without workers."""
    node = Service(settings(tmp_path))
    yield node
    node.stop()


def store_message(service: Service, content: bytes, at: int = 0) -> None:
    """Receive, process and commit one message in this process."""
    feed = Feed("adt")
    envelope = seal("adt", "hl7v2", content, at or clock.now())
    receipt = service.store.receive(Incoming(envelope=envelope)).result(10)
    service.store.submit(commit(process(envelope, feed, receipt.mid), feed, clock.now())).result(10)


def test_roles_and_permissions() -> None:
    """Each role may what the table says, and nothing else."""
    table = access.permissions()
    assert "person.read" in table["clinician"]
    assert "person.link" not in table["clinician"]
    assert "user.manage" in table["admin"]
    assert "person.read" not in table["admin"]


def test_users_passwords_sessions_and_links(service: Service) -> None:
    """A password is argon2; a link works once; a session ends when told; wrong words are refused and audited."""
    assert access.add_user(service, "eva", "Eva", ["clinician"], "a long password") == []
    assert access.add_user(service, "eva", "Eva", ["clinician"])[0].code == "duplicate"
    assert access.add_user(service, "x", "X", ["king"])[0].severity == "error"
    assert access.add_user(service, "y", "Y", ["admin"], "short")[0].severity == "error"
    user = service.store.users.get("eva")
    assert user is not None
    assert user.password.startswith("$argon2id$")
    assert access.sign_in(service, "eva", "wrong", "test") is None
    assert access.sign_in(service, "nobody", "wrong", "test") is None
    session = access.sign_in(service, "eva", "a long password", "test")
    assert session is not None
    found = access.who(service, session)
    assert access.allowed(found, "person.read")
    assert not access.allowed(found, "user.manage")
    access.sign_out(service, session)
    assert access.who(service, session) is None
    secret = access.new_link(service, user)
    assert access.enter_link(service, secret, "test") is not None
    assert access.enter_link(service, secret, "test") is None
    outcomes = [row.outcome for row in service.store.audit_rows(action="sign-in")]
    assert sorted(outcomes) == ["denied", "denied", "denied", "success", "success"]


def test_client_tokens_are_for_what_they_say(service: Service) -> None:
    """An unknown scope is refused; a name is given once."""
    secret, problems = access.new_token(service, "lab", ["ingest"])
    assert problems == []
    assert service.store.users.token(secret).scopes == ["ingest"]
    assert access.new_token(service, "lab", ["ingest"])[1][0].code == "duplicate"
    assert access.new_token(service, "other", ["all"])[1][0].severity == "error"


def test_link_and_unlink_act_at_once_and_leave_their_reason(service: Service) -> None:
    """Two records become one person and two again; each act is audited for both persons."""
    store_message(service, adt("1", "111"))
    store_message(service, adt("2", "222", name="Smith^Bob"))
    one, two = ids_found(service.store, "Patient")
    person = service.store.person_of(one)
    assert service.store.person_of(two) != person
    assert link(service, two, person, "eva", "same man")[0] == person
    assert service.store.person_of(two) == person
    assert link(service, two, person, "eva", " ")[1].code == "required"
    assert link(service, "nobody", person, "eva", "x")[1].code == "not-found"
    apart, issue = unlink(service, two, "eva", "not the same")
    assert issue is None
    assert apart not in (None, person)
    assert len(service.store.audit_rows(action="link")) == 2
    assert service.store.audit_rows(action="unlink")[0].reason == "not the same"
    store_message(service, adt("3", "222", name="Smith^Robert", at="20270101"))
    assert service.store.person_of(two) == apart


def test_records_that_look_alike_are_left_for_a_steward(service: Service) -> None:
    """The same name and birth date under two numbers of one hospital is one conflict, however often it is sent."""
    store_message(service, adt("1", "1147"))
    other = adt("2", "2258").replace(b"19800517", b"19800517").replace(b"|F\r", b"|\r")
    store_message(service, other)
    store_message(service, other.replace(b"|2|P", b"|3|P").replace(b"20260102030405||ADT", b"20260103||ADT"))
    found = status(service.store, service.settings, service=service)
    assert found.conflicts == 1
    assert (found.persons, found.messages_in, found.dead_letters) == (2, 3, 0)
    assert found.feeds[0].state in ("alive", "errors")


def test_retention_removes_whole_past_days_and_keeps_the_rows(tmp_path: Path) -> None:
    """Bytes older than the setting go, hash and keys stay, the removal is audited; today's bytes stay."""
    node = Service(settings(tmp_path, retention_days=30))
    try:
        old = clock.now() - 40 * 86_400_000_000
        store_message(node, adt("1"), at=old)
        store_message(node, adt("2", at="20270101"))
        assert enforce(node.store, node.settings) == []
        rows = node.store.search_messages()
        assert [node.store.content(row.id) is None for row in rows] == [False, True]
        assert rows[1].sha256
        assert node.store.audit_rows(action="remove")[0].actor == "unsilo"
        assert enforce(node.store, node.settings) == []
        assert len(node.store.audit_rows(action="remove")) == 1
    finally:
        node.stop()
