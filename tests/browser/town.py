"""A node of the demo with some of the town's messages, behind a real web server, for tests of the console."""

import contextlib
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette

from unsilo.console.routes import routes
from unsilo.demo.script import Sending, town
from unsilo.demo.settings import demo_settings
from unsilo.flow import access
from unsilo.flow.service import Service

AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text("utf-8")
RULES = "['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']"
PASSWORD = "a quiet long password"


def settled(service: Service) -> None:
    """Wait until everything that came in is processed."""
    deadline = time.monotonic() + 90
    while service.store.counts().messages.get("queued", 0) or not service.dispatcher.idle:
        assert time.monotonic() < deadline, "the messages were not processed in time"
        time.sleep(0.05)


def of_hospitals(names: str) -> Callable[[Sending], bool]:
    """Return what wants a message of one of the two hospitals in which a pattern of names (in capitals) is found."""
    pattern = re.compile(names.encode())
    return lambda sending: sending.feed in ("north", "brigid") and bool(pattern.search(sending.content.upper()))


@contextlib.contextmanager
def hospital_node(
    folder: Path,
    wanted: Callable[[Sending], bool],
    *,
    notes: bool = False,
    written: Callable[[bytes], bytes] = bytes,
) -> Iterator[tuple[str, Service]]:
    """Serve a node that has processed the wanted messages; a steward `stefan` may sign in. `notes` reads notes too.

    `written` changes the bytes of a message before it is sent.
    """
    if shutil.which("chromium") is None:
        pytest.skip("no chromium found: install it (Debian: apt-get install chromium) to run the browser tests")
    service = Service(demo_settings(folder, 0, 0, workers=1, notes=notes))
    service.start()
    assert access.add_user(service, "stefan", "Stefan", ["steward", "clinician"], PASSWORD) == []
    for role in ("clinician", "steward", "engineer"):
        assert access.add_user(service, role, role.title(), [role], PASSWORD) == []
    for sending in town():
        if wanted(sending):
            service.take(service.settings.feeds[sending.feed], written(sending.content), {}).result(20)
    settled(service)
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
    yield f"http://127.0.0.1:{port}", service
    server.should_exit = True
    thread.join(10)
    service.stop()


@contextlib.contextmanager
def steward_page(address: str, browser: Browser) -> Iterator[Page]:
    """Open a page on which the steward is signed in."""
    with signed_in(address, browser, "stefan") as opened:
        yield opened


@contextlib.contextmanager
def signed_in(address: str, browser: Browser, user: str, **more: Any) -> Iterator[Page]:
    """Open a page on which a user is signed in; `more` is as of a browser context."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **more)
    opened = context.new_page()
    opened.goto(f"{address}/people")
    opened.fill("#name", user)
    opened.fill("#password", PASSWORD)
    opened.click("main button")
    yield opened
    context.close()


def violations(page: Page) -> list[str]:
    """Return what axe finds on a page."""
    page.evaluate(AXE)
    found = page.evaluate(f"axe.run(document, {{runOnly: {RULES}}})")
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]]
