"""Templates and what they may call: every page is made here, with its security headers."""

import re
from collections import Counter
from datetime import UTC, tzinfo
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jinja2
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from unsilo.config import Settings
from unsilo.console import svg
from unsilo.flow.read.banner import BY_INTERFACE
from unsilo.flow.read.describe import particulars, status_word, title, value_text
from unsilo.flow.read.fact import Fact, Source, happened, mark_of
from unsilo.flow.read.flags import Flag, flag_of, range_of
from unsilo.flow.read.same import codes_of
from unsilo.flow.read.words import When, offset_of, say_when, since, when
from unsilo.kernel.clock import instant, now

__all__ = ["HEADERS", "MENU", "Item", "Notice", "View", "page", "size_words", "zone_words"]

HEADERS: dict[str, str] = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Sent with every page: nothing of another origin, no inline script, nothing of a person kept by the browser."""

KIND_WORDS: dict[str, str] = {
    "AllergyIntolerance": "allergy", "Condition": "problem", "MedicationRequest": "ordered",
    "MedicationStatement": "stated", "MedicationDispense": "dispensed", "MedicationAdministration": "given",
    "Immunization": "immunisation", "Observation": "result", "DiagnosticReport": "report",
    "DocumentReference": "document", "Composition": "document", "Procedure": "procedure", "Encounter": "encounter",
    "Appointment": "appointment", "ServiceRequest": "order", "CarePlan": "plan", "Goal": "goal", "Device": "device",
    "DeviceUseStatement": "device", "Coverage": "coverage", "FamilyMemberHistory": "family history",
    "RelatedPerson": "contact", "Consent": "consent", "Flag": "flag",
}  # fmt: skip


class Item(NamedTuple):
    """One entry of the menu."""

    href: str
    title: str
    permission: str


MENU: tuple[Item, ...] = (
    Item("/people", "Find a person", "person.read"),
    Item("/review", "Review", "person.link"),
    Item("/feeds", "Feeds", "feed.read"),
    Item("/deliveries", "Deliveries", "feed.read"),
    Item("/messages", "Messages", "message.read"),
    Item("/dead", "Dead letters", "message.read"),
    Item("/bench", "Test bench", "bench.use"),
    Item("/maps", "Code maps", "map.read"),
    Item("/terminology", "Terminology", "terminology.read"),
    Item("/units", "Units", "terminology.read"),
    Item("/admin/users", "Users", "user.manage"),
    Item("/admin/audit", "Audit", "audit.read"),
)


class Notice(NamedTuple):
    """One sentence above the page: what has just happened, or what went wrong."""

    words: str
    tone: str = ""


class View(NamedTuple):
    """What the frame of every page needs."""

    user: Any
    menu: list[dict[str, Any]]
    path: str
    lang: str
    dir: str
    theme: str


_DATE = re.compile(r"\b\d{2}-[A-Z][a-z]{2}-\d{4}(?: \d{2}:\d{2})?")


def _dated(text: object) -> Markup:
    """Escape words for a page, each date in them kept on one line."""
    return Markup(_DATE.sub(r'<span class="v">\g<0></span>', str(escape(text))))  # noqa: S704 - escaped just here


_ISO_DAY = re.compile(r"(?<![\w.:-])\d{4}-\d{2}-\d{2}(?![\w-])")


_SYSTEM = re.compile(r"(?:urn:[a-z]+:|https?://)[^\s,;()]*[^\s,;().]")


@jinja2.pass_context
def _spoken(context: jinja2.runtime.Context, text: object) -> str:
    """Return a sentence of the product's own with dates as pages write them, and `authorities` by their names.

    For no words of a sender.
    """
    names = context.get("authorities") or {}
    said = _SYSTEM.sub(lambda found: names.get(found[0], found[0]), str(text))
    return _ISO_DAY.sub(lambda found: say_when(when(found[0])) or found[0], said)


def _iso(moment: When) -> str:
    return instant(moment.at)[: {"year": 4, "month": 7, "day": 10}.get(moment.precision, 24)]


def size_words(count: int) -> str:
    """Return a number of bytes in words, with one decimal from 1 kB on: `812 B`, `1.4 MB`."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return ""


def zone_of(name: str) -> tzinfo:
    """Return the time zone of a name; UTC when the machine does not know it."""
    try:
        return ZoneInfo(name) if name and name != "UTC" else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def home_zone(settings: Settings) -> tzinfo:
    """Return the zone in which pages say times: the one that most feeds are in."""
    counted = Counter(feed.zone for feed in settings.feeds.values())
    return zone_of(counted.most_common(1)[0][0] if counted else "UTC")


def zone_words(zone: tzinfo) -> str:
    """Return the zone's name with its present distance from UTC."""
    name = str(zone)
    shift = offset_of(zone, now())
    return name if name == shift else f"{name} ({shift})"


def _flag(fact: Fact) -> Flag | None:
    return flag_of(fact.resource, range_of(fact.resource)) if fact.type == "Observation" else None


def _value(fact: Fact) -> str:
    text = value_text(fact.resource) if fact.type == "Observation" else ""
    return text if len(text) <= 120 and "\n" not in text else ""


@jinja2.pass_context
def _when(context: jinja2.runtime.Context, moment: When) -> str:
    return say_when(moment, context["zone"])


@jinja2.pass_context
def _at(context: jinja2.runtime.Context, at: int) -> str:
    return say_when(When(at, "minute"), context["zone"])


@jinja2.pass_context
def _since(context: jinja2.runtime.Context, at: int) -> str:
    return since(at, context["now"])


@cache
def environment() -> jinja2.Environment:
    """Return the one environment: everything escaped, undefined names are faults."""
    env = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.install_null_translations(newstyle=False)  # type: ignore[attr-defined]
    env.filters |= {
        "iso": _iso, "instant": instant, "bytes": size_words, "path": lambda text: quote(str(text), safe=""),
        "when": _when, "at": _at, "since": _since, "dated": _dated, "spoken": _spoken,
        "day": lambda text: say_when(when(text)),
    }  # fmt: skip
    env.globals |= {
        "svg": svg, "particulars": particulars, "status_word": status_word, "title_of": title, "happened": happened,
        "mark_of": mark_of, "codes_of": codes_of, "flag_of": _flag, "value_of": _value,
        "kind_word": lambda t: KIND_WORDS.get(t, t),
    }  # fmt: skip
    return env


def _source(name: str) -> tuple[str, str | None, None] | None:
    found = files("unsilo.console").joinpath("templates", name)
    return (found.read_text("utf-8"), str(found), None) if found.is_file() else None


def page(
    name: str,
    view: View,
    *,
    zone: tzinfo = UTC,
    status: int = 200,
    sources: dict[str, Source] | None = None,
    notice: Notice | None = None,
    fragments: dict[str, Markup] | None = None,
    **values: Any,
) -> Response:
    """Render a template in the reader's zone; `sources` names the pips, `values` are the template's own.

    `fragments` keeps the parts that a template asks for with `fragment(name)`, for the next page made of the same
    view: a part may say nothing that depends on the present moment or on who reads.
    """
    known = sources or {}
    shared = {
        "view": view, "notice": notice, "zone": zone, "zone_words": zone_words(zone), "now": now(),
        "source_of": lambda key: known.get(key) or Source(key, key or BY_INTERFACE, (key[:2] or "FI").upper()),
        **values,
    }  # fmt: skip
    env = environment()
    parts = env.get_template("parts.html").make_module(shared)
    kept = fragments if fragments is not None else {}

    def fragment(part: str) -> Markup:
        if part not in kept:
            kept[part] = Markup(env.get_template(part).render(shared, p=parts))  # noqa: S704 - escaped as it was made
        return kept[part]

    body = env.get_template(name).render(shared, p=parts, fragment=fragment)
    return HTMLResponse(body, status, HEADERS)


def view_of(request: Request, user: Any, allowed: set[str] | frozenset[str]) -> View:
    """Return the frame for a request: language, direction and theme from the address, else from their cookies."""
    path = request.url.path
    chosen = request.query_params.get("dir") or request.cookies.get("dir") or "ltr"
    theme = request.cookies.get("theme", "")
    menu = [
        {"href": item.href, "title": item.title, "here": f"{path}/".startswith(f"{item.href}/"), "count": 0}
        for item in MENU
        if item.permission in allowed
    ]
    return View(
        user, menu, str(request.url.path), "ar" if chosen == "rtl" else "en", "rtl" if chosen == "rtl" else "ltr",
        theme if theme in ("light", "dark") else "",
    )  # fmt: skip
