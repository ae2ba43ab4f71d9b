"""Signing in."""

from typing import Any

import pytest

from unsilo.console.sign_in import Attempts, local
from unsilo.flow import access

HOME = {"sec-fetch-site": "same-origin"}


def test_a_one_time_link_works_once_and_not_by_looking_at_it(node: Any) -> None:
    """A preview of the link does not use it; the button does; the second press is refused."""
    user = node.service.store.users.get("clinician")
    secret = access.new_link(node.service, user)
    client = node.client()
    for _ in range(2):
        assert client.get(f"/sign-in/{secret}").status_code == 200
    assert client.post("/sign-in/link", data={"token": secret}, headers=HOME).status_code == 303
    assert client.get("/people").status_code == 200
    assert node.client().post("/sign-in/link", data={"token": secret}, headers=HOME).status_code == 403


def test_a_wrong_password_says_the_same_as_a_wrong_name(node: Any) -> None:
    """Nothing tells which names exist."""
    client = node.client()
    answers = [
        client.post("/sign-in", data={"name": name, "password": "wrong"}, headers=HOME).text.replace(name, "")
        for name in ("clinician", "nobody")
    ]
    assert answers[0] == answers[1]
    assert "wrong" in answers[0]


@pytest.mark.parametrize("address", ["/sign-in", "/sign-in/link", "/display"])
def test_who_is_not_signed_in_cannot_store_files(node: Any, address: str) -> None:
    """A form with a file, which would be kept on disk while it is read, is refused."""
    answer = node.client().post(address, files={"name": ("x", b"y" * 1000)}, headers=HOME)
    assert answer.status_code == 400


def test_the_cookie_is_out_of_reach_of_scripts(node: Any) -> None:
    """HttpOnly, SameSite, and Secure over TLS."""
    data = {"name": "clinician", "password": "a quiet long password"}
    plain = node.client().post("/sign-in", data=data, headers=HOME).headers["set-cookie"].lower()
    assert "httponly" in plain
    assert "samesite=lax" in plain
    assert "secure" not in plain
    client = node.client()
    client.base_url = "https://node"
    assert "secure" in client.post("/sign-in", data=data, headers=HOME).headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("address", "goes"),
    [
        ("/people?q=a", "/people?q=a"), ("//evil.example", "/"), ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"), ("", "/"), ("people", "/"),
    ],
)  # fmt: skip
def test_signing_in_leads_nowhere_else(address: str, goes: str) -> None:
    """No open redirect."""
    assert local(address) == goes


def test_guessing_is_slowed_down() -> None:
    """After ten failures an origin waits; others do not, and it ends."""
    attempts = Attempts()
    for _ in range(10):
        attempts.failed("a", 0)
    assert attempts.blocked("a", 1)
    assert not attempts.blocked("b", 1)
    assert not attempts.blocked("a", 301)
