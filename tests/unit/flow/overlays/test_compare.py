"""What another overlay changes, and what of tables and messages is used, over files and over a journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unsilo.cli.main import app
from unsilo.config import Feed, Settings
from unsilo.flow.overlays.coverage import coverage
from unsilo.flow.overlays.difference import difference
from unsilo.flow.overlays.messages import filed, journaled, spread
from unsilo.flow.service import Service
from unsilo.kernel import Envelope, seal

HEAD = "MSH|^~\\&|LAB|CITYLAB|HIS|HOSP|2025010510150{n}||ORU^R01^ORU_R01|4{n}|P|2.5.1\r"
BODY = (
    "PID|1||12345^^^CITYLAB^MR||DOE^JANE||19700101|F\r"
    "OBR|1||A{n}^CITYLAB|CBC^Blood count^L|||20250105090000||||||||||||||||||F\r"
    "OBX|1|NM|GLU^Glucose^L||5.{n}|mmol/L|3.9-6.1|N|||F|||20250105090000\rZLB|1|Hexokinase\r"
)
SITE = b"""replace:
  pid.8: {when: "PID-8 EQUALS \\"M\\""}
add:
  - {id: city.zlb.2, map: "ZLB[Observation]", source: ZLB-2, target: method.text}
  - {id: city.zlb.9, map: "ZLB[Observation]", source: ZLB-9, target: bodySite.text}
  - {id: city.zlb, map: ORU_R01, at: ZLB, as: ob, use: "ZLB[Observation]"}
"""
FEED = Feed("lab")


def _messages(count: int) -> list[bytes]:
    return [(HEAD + BODY).format(n=n).encode() for n in range(count)]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Three messages in a folder, two of them in a batch, and a file that is none."""
    folder = tmp_path / "messages"
    folder.mkdir()
    first, second, third = _messages(3)
    (folder / "a.hl7").write_bytes(first)
    (folder / "b.hl7").write_bytes(b"BHS|^~\\&|LAB\r" + second + third + b"BTS|2\r")
    (folder / "c.txt").write_bytes(b"no message")
    return folder


def test_changes_are_grouped_by_element(files: Path) -> None:
    """Type, element, kind, counts and examples; what is read now, and nothing of Provenance."""
    found = difference(filed([files], FEED), FEED, b"", SITE, workers=1)
    assert (found.messages, found.changed, found.broken) == (4, 3, 1)
    said = {(group.type, group.path, group.kind): group for group in found.groups}
    assert set(said) == {("Patient", "gender", "removed"), ("Observation", "method.text", "added")}
    gender = said["Patient", "gender", "removed"]
    assert (gender.resources, gender.messages, len(gender.examples)) == (3, 3, 3)
    assert (gender.examples[0].old, gender.examples[0].new) == ("female", "")
    assert found.read == {"ZLB-2": 3}
    assert found.unread == {"PID-8": 3}


def test_without_values_no_value_is_told(files: Path) -> None:
    """Places and counts only."""
    found = difference(filed([files], FEED), FEED, b"", SITE, values=False, workers=1)
    examples = [each for group in found.groups for each in group.examples]
    assert examples
    assert {(each.old, each.new) for each in examples} == {("", "")}


def test_the_same_overlay_changes_nothing(files: Path) -> None:
    """A comparison with itself is empty."""
    found = difference(filed([files], FEED), FEED, SITE, SITE, workers=1)
    assert (found.changed, found.groups, found.read, found.unread, found.issues) == (0, [], {}, {}, {})


def test_a_new_identity_shows_as_another_resource(files: Path) -> None:
    """A whole resource that comes or goes is one line, not one for each element."""
    found = difference(filed([files], FEED), FEED, b"", b"drop: [pid.3]", workers=1)
    kinds = {(group.type, group.path, group.kind) for group in found.groups}
    assert {("Patient", "(whole resource)", "added"), ("Patient", "(whole resource)", "removed")} <= kinds


def test_coverage_counts_rows_and_fields(files: Path) -> None:
    """Rows hit and not hit, the overlay's own, fields that nothing reads; values only where they are asked for."""
    found = coverage(filed([files], FEED), FEED, SITE, workers=1)
    assert (found.messages, found.broken) == (4, 1)
    assert found.rows["city.zlb.2"] == 3
    assert sorted(found.own_missed) == ["city.zlb.9", "pid.8"]
    assert found.by_map["ZLB[Observation]"] == (1, 2)
    assert found.rows["pid.5"] == 3
    assert "pid.9" in found.missed["PID[Patient]"]
    unread = {each.path: each for each in found.unread}
    assert (unread["ZLB-1"].values, unread["ZLB-1"].messages) == (3, 3)
    assert len(unread["ZLB-1"].examples) == 3
    assert unread["PID-1"].counts
    assert not unread["PID-8"].counts
    assert all(not each.shown for each in found.unread)
    assert found.unmapped == []
    shown = coverage(filed([files], FEED), FEED, SITE, values=True, workers=1)
    assert next(each.shown for each in shown.unread if each.path == "PID-8") == ["F"]


def test_codes_that_no_vocabulary_has_are_listed(tmp_path: Path) -> None:
    """The field, the vocabulary and a message; the code itself only where values are asked for."""
    (tmp_path / "a.hl7").write_bytes(_messages(1)[0].replace(b"|19700101|F", b"|19700101|Q"))
    (tmp_path / "a.expect").write_text("# no message")
    for values in (False, True):
        found = coverage(filed([tmp_path], FEED), FEED, values=values, workers=1)
        assert found.messages == 1
        [one] = found.unmapped
        assert (one.path, one.values, one.messages) == ("PID-8 (pid.8@AdministrativeSex)", 1, 1)
        assert one.shown == (["code 'Q' is not in the map AdministrativeSex"] if values else [])


def test_feeds_without_tables_have_fields_only() -> None:
    """FHIR has no map rows; its coverage is empty of them and nothing fails."""
    feed = Feed("fhir", "fhir")
    envelope = seal("fhir", "fhir", b'{"resourceType":"Patient","id":"a"}', 1)
    assert coverage(iter([envelope]), feed, workers=1).rows == {}


def _sizes(envelopes: list[Envelope]) -> list[int]:
    return [len(each.content) for each in envelopes]


def test_work_is_spread_in_order_and_read_as_it_is_needed() -> None:
    """Many messages go to processes; what they say comes back in the order of the messages."""
    taken = 0

    def many() -> Iterator[Envelope]:
        nonlocal taken
        for n in range(1000):
            taken += 1
            yield seal("lab", "hl7v2", b"x" * (n + 1), 1)

    found = spread(many(), _sizes, workers=2)
    count, first = next(found)
    assert (count, first) == (40, list(range(1, 41)))
    assert taken < 500
    assert [size for _, part in found for size in part] == list(range(41, 1001))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Service]:
    """A node whose journal holds five messages of a feed and one of another."""
    settings = Settings(data=tmp_path / "data", feeds={"lab": FEED, "other": Feed("other")})
    service = Service(settings)
    for content in _messages(5):
        service.take(FEED, content).result(30)
    service.take(Feed("other"), _messages(6)[5]).result(30)
    yield service
    service.stop()


def test_the_journal_gives_the_newest_first(store: Service) -> None:
    """Of one feed, no more than asked for, and from a time on."""
    found = list(journaled(store.store, "lab", 3))
    assert [each.content for each in found] == _messages(5)[:1:-1]
    assert list(journaled(store.store, "lab", 3, since=found[0].received_at + 60_000_000)) == []
    assert len(list(journaled(store.store, "lab", 100))) == 5


def test_the_commands(store: Service, files: Path, tmp_path: Path) -> None:
    """`map diff` and `map coverage` on a feed and on a folder; looking at messages leaves an audit row."""
    (tmp_path / "site.yaml").write_bytes(SITE)
    (tmp_path / "bad.yaml").write_text("drop: [no.such]")
    (tmp_path / "unsilo.toml").write_text("[feeds.lab]\n[feeds.other]\n")
    own = ["--data", str(store.settings.data), "--config", str(tmp_path / "unsilo.toml")]

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["map", *words])
        return done.exit_code, done.output

    site = str(tmp_path / "site.yaml")
    status, said = run("diff", "none", site, "--on", "lab", *own)
    assert status == 0
    assert "5 of 5 messages would change\n" in said
    assert "Patient gender: removed in 5 resources of 5 messages" in said
    assert "female" not in said
    assert "now read: ZLB-2 (5)" in said
    assert "female -> (nothing)" in run("diff", "none", site, "--on", str(files), "--values", *own)[1]
    assert '"changed": 2' in run("diff", "none", site, "--on", "lab", "--last", "2", "--json", *own)[1]
    assert run("diff", "none", str(tmp_path / "bad.yaml"), "--on", "lab", *own)[0] == 2
    assert run("diff", "none", "nowhere", "--on", "lab", *own)[0] == 2
    assert run("diff", "none", site, "--on", "nowhere", *own)[0] == 2
    assert run("diff", "none", site, "--on", "lab", "--since", "yesterday", *own)[0] == 2
    status, said = run("coverage", *own)
    assert status == 0
    assert "lab (hl7v2): 5 messages" in said
    assert "other (hl7v2): 1 message" in said
    assert "ZLB-2" in said
    assert "Hexokinase" not in said
    assert "Hexokinase" in run("coverage", "--feed", "lab", "--values", *own)[1]
    assert "PID[Patient]: " in run("coverage", "--on", str(files), "--feed", "lab", "--rows", *own)[1]
    rows = store.store.audit_rows(action="read messages")
    assert {row.what for row in rows} >= {"map diff on feed lab", "map coverage on feed other"}
