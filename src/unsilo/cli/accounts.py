"""Commands on people and programs that may use a node: `user` and `token`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from unsilo.cli.node import ConfigOption, DataOption, JsonOption, needs_store, node, settings_of, trace
from unsilo.cli.output import FAILED, WRONG, fail, issues, say, say_json, table

if TYPE_CHECKING:
    from unsilo.config import Settings
    from unsilo.storage import User

__all__ = [
    "link_address", "token_add", "token_list", "token_revoke", "user_add", "user_disable", "user_link", "user_list",
]  # fmt: skip

NameArgument = Annotated[str, typer.Argument(metavar="NAME")]


def link_address(settings: "Settings", secret: str) -> str:
    """Return the address of a one-time sign-in link."""
    scheme = "https" if settings.tls.certificate else "http"
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - only looked at
    return f"{settings.public_url.rstrip('/') or f'{scheme}://{host}:{settings.port}'}/sign-in/{secret}"


def _user(service: object, name: str) -> "User":
    user = service.store.users.get(name)  # type: ignore[attr-defined]
    if user is None:
        fail(WRONG, f"there is no user {name}")
    found: User = user
    return found


def user_add(
    name: NameArgument,
    role: Annotated[list[str], typer.Option("--role", help="clinician, steward, engineer or admin; may be repeated.")],
    display: Annotated[str, typer.Option("--display", help="Name as it is shown.")] = "",
    password: Annotated[bool, typer.Option("--password-stdin", help="Read a password from standard input.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Add a user; without a password it gets a one-time sign-in link."""
    from unsilo.flow import access

    settings = settings_of(config, data)
    secret = sys.stdin.readline().rstrip("\r\n") if password else ""
    if password and not secret:
        fail(WRONG, "standard input holds no password")
    with node(settings) as service:
        problems = access.add_user(service, name, display, role, secret)
        issues(problems)
        if problems:
            raise SystemExit(FAILED if any(p.code == "duplicate" for p in problems) else WRONG)
        trace(service.store, "add user", f"{name} as {', '.join(role)}")
        say(f"user {name} added ({', '.join(role)})")
        if not secret:
            say(link_address(settings, access.new_link(service, _user(service, name))))


def user_list(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the users, never their passwords."""
    with node(needs_store(settings_of(config, data))) as service:
        users = service.store.users.all()
    if as_json:
        say_json([{"name": u.name, "display": u.display, "roles": u.roles, "disabled": u.disabled} for u in users])
        return
    rows = [(u.name, u.display, ", ".join(u.roles), "disabled" if u.disabled else "active") for u in users]
    table(("name", "shown as", "roles", "state"), rows)


def user_link(name: NameArgument, data: DataOption = None, config: ConfigOption = None) -> None:
    """Print a link that signs a user in once, within a day."""
    from unsilo.flow import access

    settings = needs_store(settings_of(config, data))
    with node(settings) as service:
        user = _user(service, name)
        trace(service.store, "sign-in link", f"for {name}")
        say(link_address(settings, access.new_link(service, user)))


def user_disable(name: NameArgument, data: DataOption = None, config: ConfigOption = None) -> None:
    """Disable a user and end all sessions; what the user did stays under that name."""
    with node(needs_store(settings_of(config, data))) as service:
        user = _user(service, name)
        user.disabled = True
        trace(service.store, "user disable", name)
        service.store.users.change(user).result(10)
    say(f"user {name} disabled")


def token_add(
    name: NameArgument,
    scope: Annotated[
        list[str], typer.Option("--scope", help="read, write, operate, ingest, metrics or *; may be repeated.")
    ],
    days: Annotated[int, typer.Option("--days", min=0, help="Days until it expires; 0 never.")] = 0,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Make a token for a program and print it: it is shown once and kept only as a hash."""
    from unsilo.flow import access
    from unsilo.kernel import clock

    expires = clock.now() + days * 86_400_000_000 if days else 0
    with node(settings_of(config, data)) as service:
        secret, problems = access.new_token(service, name, scope, expires)
        if not problems:
            trace(service.store, "add token", f"{name} for {', '.join(scope)}")
    issues(problems)
    if problems:
        raise SystemExit(FAILED if any(p.code == "duplicate" for p in problems) else WRONG)
    say(secret)


def token_list(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the tokens, never their secrets."""
    from unsilo.kernel import clock

    with node(needs_store(settings_of(config, data))) as service:
        tokens = service.store.users.tokens()
    if as_json:
        say_json(tokens)
        return
    rows = [
        (t.name, ", ".join(t.scopes), "revoked" if t.revoked else clock.instant(t.expires) if t.expires else "for ever")
        for t in tokens
    ]
    table(("name", "scopes", "valid"), rows)


def token_revoke(name: NameArgument, data: DataOption = None, config: ConfigOption = None) -> None:
    """End a token at once."""
    with node(needs_store(settings_of(config, data))) as service:
        if not any(token.name == name for token in service.store.users.tokens()):
            fail(WRONG, f"there is no token {name}")
        trace(service.store, "revoke token", name)
        service.store.users.revoke_token(name).result(10)
    say(f"token {name} revoked")
