"""Users, sessions, sign-in links, client tokens, what a user last looked at."""

import pytest

from unsilo.storage import Store
from unsilo.storage.connect import connect

HOUR = 3_600_000_000


def add(store: Store, name: str = "kim", roles: tuple[str, ...] = ("clinician",)) -> int:
    """Add a user."""
    return store.users.add(name, name.title(), list(roles), "$argon2id$x").result(10)


def test_a_user_is_known_by_name(store: Store) -> None:
    """Name, roles and hash come back; names are taken once; unknown is None."""
    number = add(store)
    user = store.users.get("kim")
    assert user is not None
    assert (user.id, user.display, user.roles, user.password, user.disabled) == (
        number,
        "Kim",
        ["clinician"],
        "$argon2id$x",
        False,
    )
    with pytest.raises(ValueError, match="kim already"):
        add(store)
    add(store, "abe")
    assert [u.name for u in store.users.all()] == ["abe", "kim"]
    assert store.users.get("KIM") is None


def test_a_session_lasts_until_it_ends(store: Store) -> None:
    """It has a user and an end, can be extended, and is over when ended, expired, or its user is disabled."""
    number = add(store)
    secret, kept = store.users.open_session(number, HOUR, "192.0.2.1")
    kept.result(10)
    found = store.users.session(secret)
    assert found is not None
    user, expires = found
    assert user.name == "kim"
    assert store.users.session(secret, expires + 1) is None
    store.users.extend_session(secret, expires + HOUR).result(10)
    assert store.users.session(secret, expires + 1) is not None
    assert store.users.session("guess") is None
    store.users.end_session(secret).result(10)
    assert store.users.session(secret) is None
    secret, kept = store.users.open_session(number, HOUR)
    kept.result(10)
    user.disabled = True
    store.users.change(user).result(10)
    assert store.users.session(secret) is None


def test_a_sign_in_link_works_once(store: Store) -> None:
    """Not twice, not late, not for the disabled, not when guessed."""
    number = add(store)
    secret, kept = store.users.sign_in_link(number, HOUR)
    kept.result(10)
    assert store.users.use_sign_in("guess").result(10) is None
    used = store.users.use_sign_in(secret).result(10)
    assert used is not None
    assert used.name == "kim"
    assert store.users.use_sign_in(secret).result(10) is None
    late, kept = store.users.sign_in_link(number, -1)
    kept.result(10)
    assert store.users.use_sign_in(late).result(10) is None


def test_a_client_token_opens_until_revoked(store: Store) -> None:
    """By secret: name and scopes; unknown, expired and revoked ones are None; names are taken once."""
    secret, kept = store.users.add_token("lab", ["ingest"], 0)
    kept.result(10)
    token = store.users.token(secret)
    assert token is not None
    assert (token.name, token.scopes) == ("lab", ["ingest"])
    assert store.users.token("guess") is None
    with pytest.raises(ValueError, match="lab already"):
        store.users.add_token("lab", [])[1].result(10)
    store.users.revoke_token("lab").result(10)
    assert store.users.token(secret) is None
    given, kept = store.users.add_token("old", [], 5, "my own secret")
    kept.result(10)
    assert given == "my own secret"
    assert store.users.token(given) is None
    assert [t.name for t in store.users.tokens()] == ["lab", "old"]


def test_no_secret_is_in_the_files(store: Store) -> None:
    """Sessions, sign-in links and tokens are kept as hashes only."""
    number = add(store)
    secrets = [
        store.users.open_session(number, HOUR),
        store.users.sign_in_link(number, HOUR),
        store.users.add_token("t", []),
    ]
    for _, kept in secrets:
        kept.result(10)
    connection = connect(store.directory / "unsilo.db", read_only=True)
    dump = "".join(connection.iterdump())
    connection.close()
    store.close()
    raw = (store.directory / "unsilo.db").read_bytes()
    for secret, _ in secrets:
        assert secret not in dump
        assert secret.encode() not in raw


def test_what_a_user_last_looked_at(store: Store) -> None:
    """Per user and person, 0 before the first time."""
    number = add(store)
    assert store.users.last_looked(number, 5) == 0
    store.users.look(number, 5, 100).result(10)
    store.users.look(number, 5, 200).result(10)
    assert store.users.last_looked(number, 5) == 200
    assert store.users.last_looked(number, 6) == 0


def test_whom_a_user_looked_at_last_comes_first(store: Store) -> None:
    """Each once, by the latest look, and no more than asked for; nobody sees whom another looked at."""
    number = add(store)
    for person, at in ((5, 100), (6, 200), (7, 300), (5, 400)):
        store.users.look(number, person, at).result(10)
    assert store.users.looked_lately(number, 10) == [5, 7, 6]
    assert store.users.looked_lately(number, 2) == [5, 7]
    assert store.users.looked_lately(number + 1, 10) == []
