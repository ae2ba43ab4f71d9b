"""A feed's mapping page: check, try, publish, go back, alarms; every fault with its line, nothing executed."""

import re
import time
from typing import Any

import pytest

from unsilo.flow.commit import commit
from unsilo.flow.process import process
from unsilo.flow.shapes.watch import Delta
from unsilo.kernel import clock

HOME = {"sec-fetch-site": "same-origin"}
SITE = "drop: [pid.8]\n"
PAGE = "/feeds/lab/mapping"


def _post(node: Any, act: str, text: str = "", user: str = "engineer", **more: str) -> Any:
    return node.client(user).post(PAGE, data={"act": act, "text": text, **more}, headers=HOME)


def _base(node: Any) -> str:
    found = re.search(r'name="base" value="(\d+)"', node.client("engineer").get(PAGE).text)
    assert found is not None
    return found[1]


def test_the_page_says_what_is_in_use(node: Any) -> None:
    """Its editor is there for an engineer, and text only for a steward."""
    page = node.client("engineer").get(PAGE).text
    assert "none is in use" in page or "is in use, by" in page
    assert "Publish</button>" in page
    assert "Publish</button>" not in node.client("steward").get(PAGE).text
    assert node.client("engineer").get("/feeds/nowhere/mapping").status_code == 404
    assert f'href="{PAGE}"' in node.client("engineer").get("/feeds").text


def test_faults_are_told_with_their_line(node: Any) -> None:
    """The text stays as it was typed; nothing is published."""
    typed = "drop: []\nreplace:\n  pid.5: {when: PID-5 FOO}\n<script>alert(1)</script>: x"
    answer = _post(node, "check", typed)
    assert "Line 4" in answer.text
    assert "<script>alert(1)" not in answer.text
    assert "It cannot be used as it is." in answer.text
    answer = _post(node, "publish", "drop: [no.such]\r\n", reason="why", base=_base(node))
    assert "Line 1, no.such" in answer.text
    assert "drop: [no.such]" in answer.text
    assert node.service.store.overlay_history("lab") == []
    assert "It can be used." in _post(node, "check", SITE).text
    assert "a feed of format" not in _post(node, "check", "x" * 2_000_000).text


def test_try_shows_the_difference_over_real_messages(node: Any) -> None:
    """Old beside new with the message it is from; looking leaves an audit row, and nothing is stored."""
    answer = _post(node, "try", SITE, count="50")
    assert "Patient gender" in answer.text
    assert "− female" in answer.text
    assert "/messages/" in answer.text
    assert any(row.what == "overlay tried on feed lab" for row in node.service.store.audit_rows(action="read messages"))
    assert node.service.store.overlay_top() == 0
    assert "Every resource would be as it is now." in _post(node, "try", "", count="nonsense").text


def test_publish_go_back_and_conflict(node: Any) -> None:
    """Who, when and why stand in the history; an engineer whose page is old is told so."""
    base = _base(node)
    assert _post(node, "publish", SITE, base=base).text.count("Not published: say why it is published.") == 1
    assert _post(node, "publish", SITE, base=base, reason="no sex").status_code == 303
    late = _post(node, "publish", "drop: [pid.5]", base=base, reason="late")
    assert "was published in the meantime" in late.text
    assert "drop: [pid.5]" in late.text
    page = node.client("engineer").get(PAGE + "?version=1").text
    assert "no sex" in page
    assert "drop: [pid.8]" in page
    assert "Replay what came before" in page
    assert _post(node, "publish", "", base="1", reason="after all").status_code == 303
    assert _post(node, "back", version="1", reason="again").status_code == 303
    assert [each.version for each in node.service.store.overlay_history("lab")] == [3, 2, 1]
    assert "there is no version 9" in _post(node, "back", version="9", reason="x").text
    assert "there is no version" in _post(node, "back", version="x", reason="x").text
    assert _post(node, "publish", SITE, user="steward", reason="x").status_code == 403
    assert _post(node, "back", version="2", reason="clean up").status_code == 303


def test_a_message_names_the_version_it_was_mapped_with(node: Any) -> None:
    """Beside the digest, with who and a way to its text; nothing where no overlay was in use."""
    row = node.service.store.search_messages(feed="lab", limit=1)[0]
    assert "Overlay</dt>" not in node.client("engineer").get(f"/messages/{row.id}").text
    assert _post(node, "publish", "drop: [pid.16]", base=_base(node), reason="shown").status_code == 303
    told = process(node.service.store.envelope(row.id), node.service.live("lab"), row.mid)
    node.service.store.submit(commit(told, node.service.feed("lab"), clock.now())).result(10)
    page = node.client("engineer").get(f"/messages/{row.id}").text
    version = node.service.store.overlay_history("lab")[0].version
    assert f'href="{PAGE}?version={version}#former"' in page


def test_coverage_is_shown_when_it_is_asked_for(node: Any) -> None:
    """Fields without a reader, with a message to look at."""
    assert "Rows hit" not in node.client("engineer").get(PAGE).text
    page = node.client("engineer").get(PAGE + "?show=coverage").text
    assert "Rows hit" in page
    assert "OBX[Observation]" in page


def test_alarms_are_taken_note_of(node: Any) -> None:
    """With what came of it; then they stand below."""
    steady = {"message": (500, ""), "type A": (500, "message"), "segments PID": (500, "")}
    for delta in (Delta("lab", steady, {}), Delta("lab", {**steady, "field PID-<b>": (1, "segments PID")}, {})):
        node.service.shapes.take(delta)
    until = time.monotonic() + 60
    while not (found := node.service.shapes.alarms("lab")):
        assert time.monotonic() < until
        time.sleep(0.02)
    number = found[0].n
    page = node.client("engineer").get(PAGE).text
    assert "field PID-&lt;b&gt;" in page
    assert "1 alarm" in node.client("engineer").get("/feeds").text

    def note(**form: str) -> Any:
        return node.client("engineer").post("/feeds/lab/alarms", data=form, headers=HOME)

    assert "Say what came of it." in note(alarm=str(number)).text
    assert note(alarm=str(number), reason="their upgrade").status_code == 303
    assert "taken note of it already" in note(alarm=str(number), reason="again").text
    assert "There is no alarm 0." in note(alarm="x", reason="again").text
    assert "their upgrade" in node.client("engineer").get(PAGE).text
    refused = node.client("steward").post("/feeds/lab/alarms", data={"alarm": "1", "reason": "x"}, headers=HOME)
    assert refused.status_code == 403


def test_the_last_messages_of_a_feed_are_replayed(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the form of the page: oldest first, with a reason."""
    sent: list[list[str]] = []

    class Run:
        id = "r"

        def join(self, _seconds: float) -> None:
            """Do nothing."""

    def run(_service: Any, messages: list[str], *_more: Any, **_named: Any) -> Run:
        sent.append(messages)
        return Run()

    monkeypatch.setattr("unsilo.console.replay.replay.run", run)
    answer = node.client("engineer").post(
        "/replay", data={"feed": "lab", "last": "2", "reason": "overlay"}, headers=HOME
    )
    assert answer.status_code == 303
    rows = node.service.store.search_messages(feed="lab", limit=2)
    assert sent == [[row.id for row in reversed(rows)]]
