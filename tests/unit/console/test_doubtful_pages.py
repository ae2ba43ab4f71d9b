"""What can hardly be true is marked in words wherever it is shown, and counted for its feed."""

import html
import re
from typing import Any


def _oru(number: str, value: str, day: str, code: str = "2823-3^Potassium^LN", unit: str = "mmol/L") -> bytes:
    lines = [
        f"MSH|^~\\&|LAB|CITY|U|H|20260301080000+0000||ORU^R01^ORU_R01|odd{number}|P|2.5.1",
        "PID|1||900^^^LAB^MR||ODDLY^Ada||19450714|F",
        f"OBR|1|P{number}^LAB|F{number}^LAB|{code}|||{day}|||||||||||||||{day}||LAB|F",
        f"OBX|1|NM|{code}||{value}|{unit}|||||F|||{day}",
    ]
    return "\r".join(lines).encode() + b"\r"


WEIGHT = "29463-7^Body weight^LN"


def test_doubtful_facts_are_marked_and_counted(node: Any) -> None:
    """A value beyond any body, a result before the birth, a jump against the history: each with its sentence."""
    node.take(_oru("1", "56", "20260301080000+0000"))
    node.take(_oru("2", "4.1", "19400101080000+0000"))
    node.take(_oru("3", "70", "20260301080000+0000", WEIGHT, "kg"))
    node.take(_oru("4", "154", "20260305080000+0000", WEIGHT, "kg"))
    client = node.client("clinician")
    (uid,) = [hit.uid for hit in node.service.store.find_people("oddly")]
    page = html.unescape(client.get(f"/people/{uid}").text)
    assert "Potassium of 56 mmol/L is above what a living body can have (25 mmol/L)." in page
    assert 'Body weight 154 kg is far from 70 kg on <span class="v">01-Mar-2026</span>.' in page
    assert "4 statements can hardly be true" in page  # the report of that early result too
    assert re.search(r'<span class="mark conflict"><span aria-hidden="true">\?</span> Doubtful</span>', page)
    trend = html.unescape(client.get(f"/people/{uid}/results?test=http://loinc.org%7C2823-3").text)
    told = re.sub(r'<span class="v">([^<]*)</span>', r"\1", trend)
    assert "The measurement (01-Jan-1940 08:00) is dated before the person's birth (14-Jul-1945)." in told
    links = re.findall(r'href="(/people/[^"]+/facts/Observation/[^"?]+)"', trend)
    shown = [html.unescape(client.get(link).text) for link in dict.fromkeys(links)]
    assert any("plausible.limit" in text and "look whether value, unit and code belong together" in text
               for text in shown)  # fmt: skip
    printed = html.unescape(client.get(f"/people/{uid}/print").text)
    assert "above what a living body can have" in printed
    feeds = client.get("/feeds").text
    assert "result.before-birth" in feeds
    figures = {f.feed: f.doubts for f in node.service.store.feeds()}["lab"]
    assert figures == {
        "plausible.limit": 1, "plausible.report.before-birth": 1, "plausible.result.before-birth": 1,
    }  # fmt: skip


def test_a_corrected_birth_date_clears_the_mark(node: Any) -> None:
    """The mark follows what is known now; what was said of the message when it came stays with the message."""
    number = "ORU_R01|odd2", "ORU_R01|odd5"
    later = _oru("2", "4.1", "19400101080000+0000").replace(number[0].encode(), number[1].encode())
    id_ = node.take(later.replace(b"19450714", b"19350714"))
    (uid,) = [hit.uid for hit in node.service.store.find_people("oddly")]
    page = html.unescape(node.client("clinician").get(f"/people/{uid}/results?test=http://loinc.org%7C2823-3").text)
    assert "dated before" not in page
    message = node.service.store.message(id_)
    issues = node.service.store.outcome(message.mid).issues
    assert [i.rule for i in issues if i.rule.startswith("plausible.")] == ["plausible.change.birth"]


def test_a_replay_counts_once(node: Any) -> None:
    """Processed again, a message's doubts are counted as those of its last processing."""
    from unsilo.flow.commit import commit
    from unsilo.flow.process import process
    from unsilo.kernel import clock

    store, feed = node.service.store, node.service.settings.feeds["lab"]
    before = {f.feed: f.doubts for f in store.feeds()}["lab"]["plausible.limit"]
    row = store.search_messages("odd1")[0]
    told = process(store.envelope(row.id), feed, row.mid)
    store.submit(commit(told, feed, clock.now())).result(10)
    assert {f.feed: f.doubts for f in store.feeds()}["lab"]["plausible.limit"] == before
