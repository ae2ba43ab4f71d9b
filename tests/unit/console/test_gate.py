"""Who may see what, from where, and the row that each look leaves."""

import html
import re
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.testclient import TestClient

from unsilo.console.gate import fault
from unsilo.console.routes import PAGES, WRITES
from unsilo.flow import access

HOME = {"sec-fetch-site": "same-origin"}


def _address(node: Any, template: str) -> str:
    values = {"uid": node.people["demirci"], "type": "Observation", "id": "x", "number:int": "0", "envelope": "x",
              "act": "link", "key": "problems", "name": "lab"}  # fmt: skip
    return re.sub(r"\{([^}]+)\}", lambda m: values[m[1]], template)


def test_nobody_sees_a_page_without_signing_in(node: Any) -> None:
    """Every page sends a stranger to the sign-in, and comes back after it; every form refuses."""
    client = node.client()
    for template, _, _ in PAGES:
        address = _address(node, template)
        answer = client.get(address)
        assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in"), template
        assert "Demirci" not in answer.text
    for template, _, _ in WRITES:
        answer = client.post(_address(node, template), headers=HOME)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in"), template


@pytest.mark.parametrize("role", access.ROLES)
def test_each_role_opens_what_its_permissions_say_and_nothing_else(node: Any, role: str) -> None:
    """The table of permissions decides, for reading and for writing."""
    client = node.client(role)
    mine = access.permissions()[role]
    for template, permission, _ in PAGES:
        status = client.get(_address(node, template)).status_code
        assert (status == 403) == (permission not in mine), (template, status)
    for template, permission, _ in WRITES:
        if permission not in mine:
            assert client.post(_address(node, template), headers=HOME).status_code == 403, template


@pytest.mark.parametrize("role", access.ROLES)
def test_no_page_offers_a_role_what_it_may_not_open(node: Any, role: str) -> None:
    """Following a link of every kind from the start, nobody meets a page that refuses; a refusal names who may."""
    client = node.client(role)
    waiting, seen = ["/", f"/people/{node.people['demirci']}", "/messages"], set[str]()
    refused = []
    while waiting:
        address = waiting.pop(0)
        kind = re.sub(r"[a-z2-7]{26}|=[^&]*|\d+", "", address)
        if kind in seen:
            continue
        seen.add(kind)
        answer = client.get(address)
        if answer.status_code == 403:
            assert "It is open to: " in answer.text
            refused.append(address)
        elif "html" in answer.headers.get("content-type", ""):
            links = re.findall(r'href="(/(?!static)[^"#]*)', answer.text)
            waiting += sorted({html.unescape(link) for link in links})
        if answer.status_code == 303:
            waiting.append(answer.headers["location"])
    assert set(refused) <= {f"/people/{node.people['demirci']}", "/messages"}
    assert len(seen) > 5


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "http://evil.example"},
        {"origin": "null"}, {"sec-fetch-site": "cross-site", "origin": "http://node"},
    ],
)  # fmt: skip
def test_no_form_of_another_site_is_taken(node: Any, headers: dict[str, str]) -> None:
    """A signed-in browser cannot be made to act by a foreign page."""
    client = node.client("admin")
    before = len(node.service.store.users.all())
    answer = client.post("/admin/users", data={"name": "mallory", "roles": "admin"}, headers=headers)
    assert answer.status_code == 403
    assert len(node.service.store.users.all()) == before
    assert client.post("/sign-in", data={"name": "admin", "password": "x"}, headers=headers).status_code == 403


def test_every_page_forbids_foreign_and_inline_content(node: Any) -> None:
    """CSP and its companions on every page; no inline script, style or handler in what is sent."""
    for role in access.ROLES:
        client = node.client(role)
        for template, _, _ in PAGES:
            answer = client.get(_address(node, template))
            if "html" not in answer.headers.get("content-type", ""):
                continue
            assert answer.headers["content-security-policy"].startswith("default-src 'self'"), template
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert re.search(r"<[^>]+\s(on\w+|style)\s*=", answer.text) is None, template
            assert re.search(r"<script(?![^>]*\bsrc=)|<style", answer.text) is None, template


def test_every_look_at_a_person_leaves_a_row(node: Any) -> None:
    """Who, what, whose, from where: for the page, the fact, the results, the search."""
    store = node.service.store
    client, uid = node.client("clinician"), node.people["demirci"]
    person = store.person(uid).person
    for path in (f"/people/{uid}", f"/people/{uid}/print", f"/people/{uid}/results", "/people?q=demirci"):
        before = len(store.audit_rows(person=person, actor="clinician", limit=1000))
        assert client.get(path).status_code == 200
        rows = store.audit_rows(person=person, actor="clinician", limit=1000)
        assert len(rows) == before + 1, path
        assert rows[0].origin == "testclient"


def test_what_cannot_be_recorded_is_not_shown(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the audit row cannot be kept, the page is not sent."""
    from concurrent.futures import Future

    def broken(_row: object) -> "Future[None]":
        future: Future[None] = Future()
        future.set_exception(OSError("disk"))
        return future

    client = node.client("clinician")
    monkeypatch.setattr(node.service.store, "audit", broken)
    with pytest.raises(OSError, match="disk"):
        client.get(f"/people/{node.people['demirci']}")


def test_a_signed_out_session_opens_nothing(node: Any) -> None:
    """Signing out ends the session at the server, not only in the browser."""
    client = node.client("clinician")
    secret = client.cookies["unsilo_session"]
    assert client.get("/people").status_code == 200
    client.post("/sign-out", headers=HOME)
    client.cookies.set("unsilo_session", secret)
    assert client.get("/people").status_code == 303


def test_what_no_page_answers_is_a_page_for_a_browser_and_a_line_for_a_program(node: Any) -> None:
    """An address that is none, a form's address that is opened, and a fault of the program."""

    def broken(_request: Any) -> Any:
        raise RuntimeError("Jane Roe")

    app = Starlette(
        routes=[*node.app.routes, Route("/broken", broken)], exception_handlers={HTTPException: fault, Exception: fault}
    )
    client = TestClient(app, base_url="http://node", follow_redirects=False, raise_server_exceptions=False)
    for address, status, words in (
        ("/nowhere", 404, "No such page"), ("/sign-out", 405, "Not this way"), ("/broken", 500, "A fault of the prog"),
    ):  # fmt: skip
        shown = client.get(address, headers={"accept": "text/html,*/*"})
        assert (shown.status_code, words in shown.text, "Jane Roe" in shown.text) == (status, True, False)
        plain = client.get(address, headers={"accept": "*/*"})
        assert (plain.status_code, plain.headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert client.get("/people/", headers={"accept": "text/html"}).status_code == 307


def test_what_a_record_does_not_hold_is_not_called_an_unknown_person(node: Any) -> None:
    """The person is there: the page says so and leads back."""
    client = node.client("clinician")
    uid = node.people["demirci"]
    for address in (f"/people/{uid}/facts/Observation/x", f"/people/{uid}/results?test=x"):
        answer = client.get(address)
        assert (answer.status_code, "Not in this record" in answer.text) == (404, True)
        assert f'href="/people/{uid}"' in answer.text
    assert "No such person" in client.get("/people/nobody").text
