"""Who may do what: roles and their permissions, passwords, sign-in, client tokens, and the audit row of each access."""

import csv
from functools import cache
from importlib.resources import files

import argon2

from unsilo.flow.service import Service
from unsilo.kernel import Issue, clock
from unsilo.storage import AuditRow, User

__all__ = [
    "ROLES", "SCOPES", "add_user", "allowed", "check_password", "enter_link",
    "new_link", "new_session", "new_token", "permissions", "record_access", "set_password", "sign_in", "sign_out",
    "who",
]  # fmt: skip

ROLES = ("clinician", "steward", "engineer", "admin")
SCOPES = ("read", "write", "operate", "ingest", "metrics", "*")
"""What a client token may be for; `*` is everything."""

_LEAST_PASSWORD = 10
_LINK_MICROSECONDS = 24 * 3600 * 1_000_000
_hasher = argon2.PasswordHasher()
_WAIT = 10.0
"""Seconds that a change of accounts may take to become durable."""


@cache
def permissions() -> dict[str, frozenset[str]]:
    """Return the permissions of each role, from `permissions.csv`."""
    text = files("unsilo.flow").joinpath("permissions.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return {role: frozenset(row["permission"] for row in rows if row[role] == "yes") for role in ROLES}


def allowed(user: User | None, permission: str) -> bool:
    """Tell whether one of the user's roles has the permission."""
    if user is None or user.disabled:
        return False
    return any(permission in permissions().get(role, frozenset()) for role in user.roles)


def _wrong(text: str, hint: str = "") -> Issue:
    return Issue("error", "value", text, hint=hint, rule="access")


def add_user(service: Service, name: str, display: str, roles: list[str], password: str = "") -> list[Issue]:
    """Add a named user; return what is wrong, nothing when it was added. An empty password allows links only."""
    problems: list[Issue] = []
    if not name or len(name) > 64 or not name.isprintable() or name != name.strip():
        problems.append(_wrong("a user name has 1 to 64 printable characters"))
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        words = f"not a role: {', '.join(unknown)}" if unknown else "a user needs at least one role"
        problems.append(_wrong(words, "one of " + ", ".join(ROLES)))
    if password and len(password) < _LEAST_PASSWORD:
        problems.append(_wrong(f"a password has at least {_LEAST_PASSWORD} characters"))
    if service.store.users.get(name) is not None:
        problems.append(Issue("error", "duplicate", f"there is a user {name} already", rule="access"))
    if not problems:
        hashed = _hasher.hash(password) if password else ""
        service.store.users.add(name, display or name, roles, hashed).result(_WAIT)
    return problems


def set_password(service: Service, user: User, password: str) -> list[Issue]:
    """Set a user's password (argon2id); return what is wrong."""
    if len(password) < _LEAST_PASSWORD:
        return [_wrong(f"a password has at least {_LEAST_PASSWORD} characters")]
    user.password = _hasher.hash(password)
    service.store.users.change(user).result(_WAIT)
    return []


@cache
def _nobody() -> str:
    return _hasher.hash("nobody's password")


def check_password(service: Service, name: str, password: str) -> User | None:
    """Return the user whose password this is. Takes the same time for a name that does not exist."""
    user = service.store.users.get(name)
    hashed = user.password if user is not None and user.password and not user.disabled else _nobody()
    try:
        _hasher.verify(hashed, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return None
    return user if user is not None and hashed == user.password else None


def sign_in(service: Service, name: str, password: str, origin: str) -> str | None:
    """Return the secret of a new session, or None; both are audited."""
    user = check_password(service, name, password)
    record_access(service, name[:64], "sign-in", origin=origin, outcome="success" if user is not None else "denied")
    return new_session(service, user, origin) if user is not None else None


def new_session(service: Service, user: User, origin: str) -> str:
    """Begin a session and return its secret, which the store keeps only as a hash."""
    lifetime = service.settings.session_hours * 3600 * 1_000_000
    secret, kept = service.store.users.open_session(user.id, lifetime, origin)
    kept.result(_WAIT)
    return secret


def sign_out(service: Service, secret: str) -> None:
    """End a session at once."""
    service.store.users.end_session(secret).result(_WAIT)


def who(service: Service, secret: str) -> User | None:
    """Return the user of a session that is not over."""
    found = service.store.users.session(secret) if secret else None
    return found[0] if found is not None else None


def new_link(service: Service, user: User, lifetime: int = _LINK_MICROSECONDS) -> str:
    """Return the secret of a one-time sign-in link, good for `lifetime` microseconds."""
    secret, kept = service.store.users.sign_in_link(user.id, lifetime)
    kept.result(_WAIT)
    return secret


def enter_link(service: Service, secret: str, origin: str) -> str | None:
    """Use a one-time link: return the secret of a new session, or None the second time."""
    user = service.store.users.use_sign_in(secret).result(_WAIT)
    if user is None:
        record_access(service, "", "sign-in", origin=origin, reason="one-time link", outcome="denied")
        return None
    record_access(service, user.name, "sign-in", origin=origin, reason="one-time link")
    return new_session(service, user, origin)


def new_token(service: Service, name: str, scopes: list[str], expires: int = 0) -> tuple[str, list[Issue]]:
    """Return a client token's secret, shown once; the second value says what is wrong."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes or not name:
        text = f"not a scope: {', '.join(unknown) or 'none given'}"
        return "", [_wrong(text, "one of " + ", ".join(SCOPES))]
    secret, kept = service.store.users.add_token(name, scopes, expires)
    try:
        kept.result(_WAIT)
    except ValueError as fault:
        return "", [Issue("error", "duplicate", str(fault), rule="access")]
    return secret, []


def record_access(
    service: Service, actor: str, action: str, *, person: int = 0, what: str = "", origin: str = "", reason: str = "",
    mid: int = 0, outcome: str = "success",
) -> None:  # fmt: skip
    """Leave the audit row of one access, durable before this returns (TimeoutError or NotDurableError otherwise).

    Call it before the data leaves: what cannot be recorded is not shown.
    """
    row = AuditRow(
        actor=actor, action=action, person=person, what=what, origin=origin, reason=reason, mid=mid, outcome=outcome,
        at=clock.now(),
    )  # fmt: skip
    service.store.audit(row).result(_WAIT)
