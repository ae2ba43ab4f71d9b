"""Named users, their sessions and one-time sign-in links, client tokens, and when a user last looked at a person."""

import secrets
from collections.abc import Callable
from concurrent.futures import Future
from hashlib import sha256
from typing import Any

import msgspec

from unsilo.kernel import clock
from unsilo.storage.connect import Readers
from unsilo.storage.statements import load
from unsilo.storage.tx_work import Tx
from unsilo.storage.writer import Writer

__all__ = ["Accounts", "ClientToken", "User"]

_SQL = load("account")


class User(msgspec.Struct):
    """A named user; `password` is the argon2 hash that the caller made, "" when none is set."""

    id: int
    name: str
    display: str
    roles: list[str]
    password: str
    created: int
    disabled: bool


class ClientToken(msgspec.Struct):
    """A static token of a program; `expires` and `revoked` in microseconds, 0 never."""

    name: str
    scopes: list[str]
    created: int
    expires: int
    revoked: int


def _user(row: Any) -> User:
    return User(row[0], row[1], row[2], msgspec.json.decode(row[3]), row[4], row[5], bool(row[6]))


def _token(row: Any) -> ClientToken:
    return ClientToken(row[0], msgspec.json.decode(row[1]), *row[2:])


def _hash(secret: str) -> bytes:
    # A secret of 256 random bits needs no slow hash: it cannot be guessed, only stolen.
    return sha256(secret.encode("utf-8", "replace")).digest()


def _list(words: list[str]) -> str:
    return msgspec.json.encode(words).decode()


class Accounts:
    """Reads are at once; every change is durable when its Future resolves. Secrets are stored as hashes."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers = readers
        self._writer = writer
        self.generation = 0
        """Grows with each committed change, so that what is remembered of tokens and users can be dropped."""

    def _change(self, act: Callable[[Tx], Any]) -> "Future[Any]":
        def counted(tx: Tx) -> Any:
            self.generation += 1  # before the commit too: who is told of a change must not be answered as before it
            return act(tx)

        future = self._writer.submit(counted, 1)
        future.add_done_callback(self._changed)
        return future

    def _changed(self, _done: "Future[Any]") -> None:
        self.generation += 1

    def add(self, name: str, display: str, roles: list[str], password: str = "") -> "Future[int]":
        """Add a user; the Future fails with ValueError when the name is taken."""

        def act(tx: Tx) -> int:
            if tx.row(_SQL["by_name"], (name,)) is not None:
                raise ValueError(f"there is a user {name} already")
            return int(tx.run(_SQL["add"], (name, display, _list(roles), password, clock.now()))[0])

        return self._change(act)

    def change(self, user: User) -> "Future[None]":
        """Write display, roles, password and disabled; a disabled user's sessions end."""

        def act(tx: Tx) -> None:
            values = (user.display, _list(user.roles), user.password, int(user.disabled), user.id)
            tx.run(_SQL["change"], values)
            if user.disabled:
                tx.run(_SQL["sessions_end"], (user.id,))

        return self._change(act)

    def get(self, name: str) -> User | None:
        """Return a user by name."""
        row = self._readers.row(_SQL["by_name"], (name,))
        return None if row is None else _user(row)

    def all(self) -> list[User]:
        """Return all users by name."""
        return [_user(row) for row in self._readers.rows(_SQL["all"])]

    def open_session(self, user: int, lifetime: int, origin: str = "") -> "tuple[str, Future[None]]":
        """Begin a session of `lifetime` microseconds; return its secret and a Future that says it is kept."""
        secret, now = secrets.token_urlsafe(32), clock.now()

        def act(tx: Tx) -> None:
            tx.run(_SQL["sessions_forget"], (now,))
            tx.run(_SQL["session_add"], (_hash(secret), user, now, now + lifetime, origin))

        return secret, self._change(act)

    def session(self, secret: str, now: int = 0) -> tuple[User, int] | None:
        """Return the user of a session and when it expires; None when it is unknown, over, or the user disabled."""
        row = self._readers.row(_SQL["session"], (_hash(secret), now or clock.now()))
        return None if row is None else (_user(row), int(row[7]))

    def extend_session(self, secret: str, expires: int) -> "Future[None]":
        """Let a session last until `expires`."""
        return self._change(lambda tx: tx.run(_SQL["session_extend"], (expires, _hash(secret))))

    def end_session(self, secret: str) -> "Future[None]":
        """End a session at once."""
        return self._change(lambda tx: tx.run(_SQL["session_end"], (_hash(secret),)))

    def sign_in_link(self, user: int, lifetime: int) -> "tuple[str, Future[None]]":
        """Make a secret that signs a user in once within `lifetime` microseconds."""
        secret, expires = secrets.token_urlsafe(32), clock.now() + lifetime
        return secret, self._change(lambda tx: tx.run(_SQL["sign_in_add"], (_hash(secret), user, expires)))

    def use_sign_in(self, secret: str, now: int = 0) -> "Future[User | None]":
        """Use a sign-in secret; the second time, or too late, it gives None."""

        def act(tx: Tx) -> User | None:
            row = tx.run(_SQL["sign_in_use"], (now or clock.now(), _hash(secret)))
            user = None if row is None else _user(tx.row(_SQL["by_id"], (row[0],)))
            return None if user is None or user.disabled else user

        return self._change(act)

    def add_token(self, name: str, scopes: list[str], expires: int = 0, secret: str = "") -> "tuple[str, Future[None]]":
        """Make (or take) a client token; ValueError in the Future when the name is taken."""
        secret = secret or secrets.token_urlsafe(32)

        def act(tx: Tx) -> None:
            if any(token.name == name for token in self.tokens()):
                raise ValueError(f"there is a token {name} already")
            tx.run(_SQL["token_add"], (_hash(secret), name, _list(scopes), clock.now(), expires))

        return secret, self._change(act)

    def token(self, secret: str, now: int = 0) -> ClientToken | None:
        """Return the client that holds a token, None when unknown, expired or revoked."""
        row = self._readers.row(_SQL["token"], (_hash(secret), now or clock.now()))
        return None if row is None else _token(row)

    def tokens(self) -> list[ClientToken]:
        """Return all client tokens by name, without their secrets."""
        return [_token(row) for row in self._readers.rows(_SQL["tokens"])]

    def revoke_token(self, name: str) -> "Future[None]":
        """End a client token at once."""
        return self._change(lambda tx: tx.run(_SQL["token_revoke"], (clock.now(), name)))

    def last_looked(self, user: int, person: int) -> int:
        """Return when a user last looked at a person, 0 never."""
        row = self._readers.row(_SQL["looked"], (user, person))
        return 0 if row is None else int(row[0])

    def looked_lately(self, user: int, limit: int) -> list[int]:
        """Return the persons whom a user looked at, the last first."""
        return [int(row[0]) for row in self._readers.rows(_SQL["looked_lately"], (user, limit))]

    def look(self, user: int, person: int, at: int) -> "Future[None]":
        """Record that a user looks at a person now."""
        return self._change(lambda tx: tx.run(_SQL["looked_write"], (user, person, at)))
