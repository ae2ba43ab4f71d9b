"""Users and their roles; the audit trail by person or by user."""

from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from unsilo.console.gate import Asked, whole
from unsilo.console.render import Notice, home_zone, page
from unsilo.flow import access

__all__ = ["add_user", "audit_page", "change_user", "users_page"]

_PAGE = 100


def users_page(asked: Asked, notice: Notice | None = None, link: str = "") -> Response:
    """List the users and offer to add one."""
    return page(
        "users.html", asked.view, zone=home_zone(asked.service.settings), title="Users", notice=notice,
        users=asked.service.store.users.all(), roles=access.ROLES, link=link, tokens=asked.service.store.users.tokens(),
    )  # fmt: skip


def _base(asked: Asked) -> str:
    return asked.service.settings.public_url.rstrip("/") or str(asked.request.base_url).rstrip("/")


def add_user(asked: Asked) -> Response:
    """Add a user and show a one-time sign-in link for them."""
    name, display = asked.field("name"), asked.field("display")
    roles = [str(role) for role in asked.form.getlist("roles")]
    issues = access.add_user(asked.service, name, display, roles)
    if issues:
        return users_page(asked, Notice("; ".join(issue.text for issue in issues), "bad"))
    asked.audit("add user", what=f"{name} as {', '.join(roles)}")
    user = asked.service.store.users.get(name)
    link = f"{_base(asked)}/sign-in/{access.new_link(asked.service, user)}" if user is not None else ""
    return users_page(asked, Notice(f"{name} was added."), link)


def change_user(asked: Asked) -> Response:
    """Change roles, disable or enable, or make a new sign-in link."""
    user = asked.service.store.users.get(asked.field("name"))
    if user is None:
        return users_page(asked, Notice("There is no such user.", "bad"))
    act = asked.field("act")
    if act == "link":
        asked.audit("sign-in link", what=f"for {user.name}")
        link = f"{_base(asked)}/sign-in/{access.new_link(asked.service, user)}"
        return users_page(asked, Notice(f"A link for {user.name}, good once within a day."), link)
    roles = [str(role) for role in asked.form.getlist("roles") if role in access.ROLES]
    if act in ("disable", "roles") and user.name == asked.user.name and (act == "disable" or "admin" not in roles):
        return users_page(asked, Notice("You cannot take away your own right to manage users.", "bad"))
    if act == "roles":
        if not roles:
            return users_page(asked, Notice("A user has at least one role.", "bad"))
        user.roles = roles
    else:
        user.disabled = act == "disable"
    asked.service.store.users.change(user).result(10)
    asked.audit(f"user {act}", what=f"{user.name}: {', '.join(user.roles)}")
    return RedirectResponse("/admin/users", 303)


def audit_page(asked: Asked) -> Response:
    """Show audit rows, the newest first, by person, user or action."""
    query, store = asked.request.query_params, asked.service.store
    uid, actor, action = (query.get(name, "").strip() for name in ("person", "actor", "action"))
    row = store.person(uid) if uid else None
    before = whole(asked.request, "before") or None
    missing = bool(uid) and row is None
    person = row.person if row is not None else None
    rows = (
        [] if missing else store.audit_rows(person=person, actor=actor, action=action, limit=_PAGE + 1, before=before)
    )
    uids = {n: known.uid for n in {r.person for r in rows if r.person} if (known := store.person(n)) is not None}
    older = ""
    if len(rows) > _PAGE:
        asked_for = {"person": uid, "actor": actor, "action": action}
        older = "/admin/audit?" + urlencode({k: v for k, v in asked_for.items() if v} | {"before": rows[_PAGE - 1].n})
    asked.audit("read audit", person=person or 0, what="audit trail")
    notice = Notice("There is no person with this address.", "bad") if missing else None
    return page(
        "audit.html", asked.view, zone=home_zone(asked.service.settings), title="Audit", notice=notice,
        rows=rows[:_PAGE], uids=uids, older=older, person=uid, actor=actor, action=action,
    )  # fmt: skip
