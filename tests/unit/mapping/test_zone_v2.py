"""MSH-7's offset is the zone of all times of a message that have none."""

import pytest

from tests.unit.mapping.v2_bench import AT
from unsilo.formats.hl7v2 import keys, parse
from unsilo.kernel import seal
from unsilo.mapping import Site, load

BODY = (
    "MSH|^~\\&|A|B|C|D|{sent}||ORU^R01|1|P|2.5\rPID|1||1^^^H^MR||ROE^ANN\r"
    "OBR|1|O|F|GLU^GLUCOSE^L|||{seen}\rOBX|1|NM|GLU^GLUCOSE^L||5|mmol/L|||||F\r"
)


def effective(sent: str, seen: str, zone: str = "UTC") -> str:
    content = BODY.format(sent=sent, seen=seen).encode()
    parsed = parse(content)
    assert parsed.value is not None
    mapped = load("hl7v2", Site(feed="lab", zone=zone)).run(parsed.value, seal("lab", "hl7v2", content, AT))
    (found,) = [e.resource for e in mapped.entries if e.resource["resourceType"] == "Observation"]
    return str(found["effectiveDateTime"])


@pytest.mark.parametrize(
    ("sent", "seen", "zone", "expected"),
    [
        ("20260301120000-0600", "202603011100", "UTC", "2026-03-01T11:00:00-06:00"),
        ("20260301120000+0530", "202603011100", "UTC", "2026-03-01T11:00:00+05:30"),
        ("20260301120000-0600", "202603011100+0100", "UTC", "2026-03-01T11:00:00+01:00"),
        ("20260301120000", "202603011100", "UTC", "2026-03-01T11:00:00+00:00"),
        # A zone that somebody chose holds, with the offset of the season.
        ("20260301120000-0800", "202507011100", "America/Chicago", "2025-07-01T11:00:00-05:00"),
        ("20260301120000+0000", "202603011100", "America/Chicago", "2026-03-01T11:00:00-06:00"),
        ("20260301120000-0600", "202603011100", "Etc/UTC", "2026-03-01T11:00:00+00:00"),
        # No place has these; the feed's zone holds.
        ("20260301120000+1507", "202603011100", "UTC", "2026-03-01T11:00:00+00:00"),
        ("20260301120000-9999", "202603011100", "UTC", "2026-03-01T11:00:00+00:00"),
        ("00010101000000+1400", "202603011100", "UTC", "2026-03-01T11:00:00+14:00"),
        ("20260301120000-0600", "20260301", "UTC", "2026-03-01"),
    ],
)
def test_zone(sent: str, seen: str, zone: str, expected: str) -> None:
    """A chosen zone holds; else MSH-7's offset, where a place has it; a date stays a date."""
    assert effective(sent, seen, zone) == expected


def test_business_keys_use_it_too() -> None:
    """The event time that messages are ordered by follows the same rule."""
    event = "MSH|^~\\&|A|B|C|D|20260301120000{}||ADT^A01|1|P|2.5\rEVN|A01|20260301110000\rPID|1||1^^^H^MR\r"
    here, there = (parse(event.format(offset).encode()).value for offset in ("", "-0600"))
    assert here is not None
    assert there is not None
    assert keys(there).event_time - keys(here).event_time == 6 * 3600 * 1_000_000
