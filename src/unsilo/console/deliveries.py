"""What goes out: each destination's state, what waits and why, and what was set aside, to be sent anew or dropped."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from unsilo.config.exchange import Destination
from unsilo.console.gate import Asked, refusal
from unsilo.console.render import home_zone, page
from unsilo.flow.ihe.notify import dropped, renewed

__all__ = ["change", "deliveries_page"]

_MOST = 50


def _state(counts: dict[str, int], tried: int) -> tuple[str, str]:
    if counts.get("dead"):
        return "Set some aside", "bad"
    if counts.get("waiting"):
        return ("Cannot deliver", "warn") if tried else ("Delivering", "good")
    return ("Delivered", "good") if counts.get("sent") else ("Nothing yet", "idle")


def _row(asked: Asked, name: str, one: Destination | None) -> dict[str, Any]:
    store = asked.service.store
    counts = {state: n for (place, state), (n, _) in store.delivery_counts().items() if place == name}
    held = store.next_delivery(name)
    waiting = store.deliveries(name, "waiting", 1) if held is not None else []
    first = store.delivery(held.n) if held is not None else None
    word, tone = _state(counts, held.attempts if held is not None else 0)
    return {
        "name": name, "address": f"{one.host}:{one.port}" if one is not None else "", "tls": bool(one and one.tls),
        "domains": one.domains if one is not None else [], "word": word, "tone": tone, "counts": counts,
        "first": first, "newest": waiting[0] if waiting else None, "dead": store.deliveries(name, "dead", _MOST),
    }  # fmt: skip


def deliveries_page(asked: Asked) -> Response:
    """Show every destination; those that somebody must look at come first."""
    known = asked.service.settings.destinations
    names = {*known, *(place for place, _ in asked.service.store.delivery_counts())}
    order = {"bad": 0, "warn": 1, "good": 2, "idle": 3}
    rows = sorted((_row(asked, name, known.get(name)) for name in names), key=lambda r: (order[r["tone"]], r["name"]))
    asked.audit("find", what="deliveries")
    return page(
        "deliveries.html", asked.view, zone=home_zone(asked.service.settings), title="Deliveries", rows=rows,
        may_replay=asked.may("message.replay"), most=_MOST,
    )  # fmt: skip


def change(asked: Asked) -> Response:
    """Send a message that was set aside anew, as its person is now, or drop it."""
    act, number = asked.request.path_params["act"], asked.request.path_params["number"]
    if act not in ("again", "drop"):
        return refusal(asked.request, 404, "No such page", "There is nothing at this address.", view=asked.view)
    done = renewed(asked.service, number) if act == "again" else dropped(asked.service, number)
    if not done:
        words = "It was sent or dropped meanwhile, or its destination is no longer configured."
        return refusal(asked.request, 409, "Not set aside", words, view=asked.view)
    asked.audit(f"delivery {act}", what=f"delivery {number}")
    return RedirectResponse("/deliveries", 303)
