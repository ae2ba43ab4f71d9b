"""One node with a few messages, one server, one browser for all tests of the pages."""

import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from starlette.applications import Starlette

from tests.unit.terminology.release import made
from unsilo.config import Feed, Settings
from unsilo.console.routes import routes
from unsilo.flow import access
from unsilo.flow.service import Service
from unsilo.flow.terminology.library import Shelves
from unsilo.flow.terminology.releases import import_release

HERE = Path(__file__).parent
PASSWORD = "a quiet long password"
AXE = (HERE / "vendor" / "axe-4.14.1.min.js").read_text("utf-8")
_RULES = "['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']"


def _settings(data: Path) -> Settings:
    ssn = "http://hl7.org/fhir/sid/us-ssn"
    titles = {"north": "North Hospital", "lab": "City Laboratory", "clinic": "Harbour Clinic"}
    feeds = {
        name: Feed(
            name, "hl7v2", title, zone="Europe/Amsterdam", rhythm_seconds=3600 if name == "lab" else 0,
            authorities={n.upper(): f"urn:id:{n}" for n in titles} | {"SSA": ssn}, default_authority=f"urn:id:{name}",
        )
        for name, title in titles.items()
    }  # fmt: skip
    return Settings(data=data, workers=1, feeds=feeds)


@dataclass
class Site:
    """The running node: its address, its service, and addresses of interesting pages."""

    address: str
    service: Service
    uid: str = ""
    pages: dict[str, str] = field(default_factory=dict)


def _load(service: Service, folder: Path) -> None:
    """Load a small made-up SNOMED CT."""
    shelves = service.terminology.shelf
    assert isinstance(shelves, Shelves)
    assert len(import_release(shelves, made.snomed(folder))[0]) == 1


def _fill(service: Service) -> None:
    for file in sorted((HERE / "messages").glob("*.hl7")):
        feed = service.settings.feeds[file.name.split("-")[1]]
        content = file.read_bytes().replace(b"\n", b"\r")
        service.take(feed, content, {"transport": "mllp", "port": "2575"}).result(20)
    deadline = time.monotonic() + 60
    while service.store.counts().messages.get("queued", 0):
        assert time.monotonic() < deadline, "the messages were not processed in a minute"
        time.sleep(0.05)
    _deliver(service)


def _deliver(service: Service) -> None:
    """Notifications in each state: one set aside and one that waits behind it, one that could not be sent so far."""
    store = service.store

    def add(job: Any) -> None:
        for name, person in (("ward-epr", 1), ("ward-epr", 2), ("registry", 1)):
            job.add_destination(name)
            job.deliver(name, person, f"{name}-{person}", b"MSH")

    store.submit(add).result(20)
    refused, unsent = store.next_delivery("ward-epr"), store.next_delivery("registry")
    assert refused is not None
    assert unsent is not None
    said = "127.0.0.1:2576: Connection refused"
    store.submit(lambda job: job.end_delivery(refused.n, "dead", job.at, "AE: unknown patient class")).result(20)
    store.submit(lambda job: job.tried(unsent.n, 4, 0, job.at, job.at + 60_000_000, said)).result(20)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start a node with the messages of `messages/`, one user with all roles and one of each."""
    service = Service(_settings(tmp_path_factory.mktemp("node")))
    service.start()
    for role in access.ROLES:
        assert access.add_user(service, role, f"A {role}", [role], PASSWORD) == []
    assert access.add_user(service, "all", "All roles", list(access.ROLES), PASSWORD) == []
    _fill(service)
    _load(service, tmp_path_factory.mktemp("release"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(Starlette(routes=routes(service)), port=port, log_level="error", lifespan="off", ws="none")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Site(f"http://127.0.0.1:{port}", service)
    server.should_exit = True
    thread.join(10)
    service.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Debian's chromium; tests are skipped where there is none.

    Playwright keeps an event loop running in this thread while it is open, so it ends with each file: tests of other
    files that the same process runs afterwards start loops of their own.
    """
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium found: install it (Debian: apt-get install chromium) to run the browser tests")
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


def _find_pages(site: Site, page: Page) -> None:
    """Follow links to every kind of page and keep their addresses."""
    page.goto(site.address + "/people?q=demirci")
    person = page.locator("a.name").first.get_attribute("href") or ""
    site.uid = person.rsplit("/", 1)[1]
    page.goto(site.address + person)

    def first(selector: str) -> str:
        return page.locator(selector).first.get_attribute("href") or ""

    site.pages = {
        "find": "/people?q=demirci", "nobody": "/people?q=zzzz", "person": person, "print": f"{person}/print",
        "sources": f"{person}?lanes=source&span=all", "problems": f"{person}?lanes=problem&span=all",
        "fact": first("table.results td.latest a"), "trend": first("table.results tbody th a[href*='2823-3']"),
        "units": first("table.results tbody th a[href*='2339-0']"), "results": f"{person}/results",
        "report": first("a[href*='/reports/']"), "records": f"{person}/records?q=%D8%AD%D8%B3%D9%86",
        "feeds": "/feeds", "messages": "/messages", "causes": "/messages/causes", "dead": "/dead", "replay": "/replay",
        "deliveries": "/deliveries", "bench": "/bench", "terminology": "/terminology",
        "code": "/terminology?system=http://snomed.info/sct&code=22298006", "users": "/admin/users",
        "audit": "/admin/audit", "rules": "/same",
        "conversion": "/units?value=100&unit=mg/dL&to=mmol/L&analyte=glucose", "no unit": "/units?unit=10*-",
    }  # fmt: skip
    page.goto(site.address + site.pages["records"])
    site.pages["unlink"] = first("a[href*='/unlink?']")
    site.pages["link"] = first("a[href*='/link?']")
    page.goto(site.address + "/messages?q=L0006&kind=control_id")
    site.pages["message"] = first("main tbody th a")
    page.goto(site.address + "/messages?state=dead")
    site.pages["dead message"] = first("main tbody th a")
    site.pages["dry run"] = site.pages["dead message"] + "/dry-run"
    assert all(re.match(r"/\S+", address) for address in site.pages.values()), site.pages


@pytest.fixture(scope="module")
def signed_in(site: Site, browser: Browser) -> Path:
    """Sign in by the form, once a file; return the file of the browser's state."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.address + "/people")
    page.fill("#name", "all")
    page.fill("#password", PASSWORD)
    page.click("main button")
    if not site.pages:  # once, before any test changes what they lead to
        _find_pages(site, page)
    state = site.service.settings.data / "browser.json"
    context.storage_state(path=state)
    context.close()
    return state


class Visit:
    """A page of the browser that remembers what the browser complained about."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context, self.address = context, address
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))

    def go(self, path: str) -> Page:
        """Open an address of the site."""
        answer = self.page.goto(self.address + path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status)
        return self.page

    def axe(self) -> list[str]:
        """Return the violations that axe finds on the page as it stands."""
        self.page.evaluate(AXE)
        found = self.page.evaluate(f"axe.run(document, {{runOnly: {_RULES}, resultTypes: ['violations']}})")
        return [f"{v['id']}: {n['html'][:160]}" for v in found["violations"] for n in v["nodes"]]


Opener = Callable[..., Visit]


@pytest.fixture
def open_as(site: Site, browser: Browser, signed_in: Path) -> Iterator[Opener]:
    """Return what opens a signed-in page with options of the browser (`viewport`, `color_scheme`, ...)."""
    contexts: list[BrowserContext] = []

    def opened(**options: Any) -> Visit:
        contexts.append(browser.new_context(storage_state=signed_in, **options))
        return Visit(contexts[-1], site.address)

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def visit(open_as: Opener, request: pytest.FixtureRequest) -> Visit:
    """Open a signed-in page; a test's parameter gives the options."""
    return open_as(**getattr(request, "param", {}))
