"""Which feed a message of a shared port belongs to."""

import pytest

from unsilo.config import Feed, Listener, Route
from unsilo.flow.route import feed_of, header_fields

FEEDS = {name: Feed(name) for name in ("adt", "lab", "rest")}
PORT = Listener(
    2575, routes=[Route("lab", sending_application="LAB*", type="ORU^*"), Route("adt", type="ADT^*")], feed="rest"
)


def message(sender: str, kind: str) -> bytes:
    """Make a header."""
    return f"MSH|^~\\&|{sender}^x|F|R|RF|20260101||{kind}|1|P|2.5\rPID|1\r".encode()


@pytest.mark.parametrize(
    ("content", "feed"),
    [
        (message("LAB7", "ORU^R01^ORU_R01"), "lab"),
        (message("LAB7", "ADT^A01"), "adt"),
        (message("X", "SIU^S12"), "rest"),
        (b"garbage", "rest"),
        (b"", "rest"),
        (b"FHS|^~\\&|f\rBHS|^~\\&\r" + message("X", "ADT^A08"), "adt"),
    ],
)
def test_the_first_route_that_fits_wins(content: bytes, feed: str) -> None:
    """Patterns over MSH-3 to 6 and 9 choose the feed; the rest goes to the listener's own."""
    found = feed_of(PORT, FEEDS, content)
    assert found is not None
    assert found.name == feed


def test_no_feed_at_all() -> None:
    """A port without a feed for the rest takes nothing that no route fits."""
    assert feed_of(Listener(1, routes=[Route("lab", type="ORU*")]), FEEDS, message("A", "ADT^A01")) is None


def test_odd_delimiters_are_read_as_declared() -> None:
    """MSH-1 and MSH-2 say how the header is cut."""
    assert header_fields(b"MSH$%~\\&$APP%1$FAC$R$RF$x$$ADT%A08$1$P$2.3")["type"] == "ADT^A08"
    assert header_fields(b"MSH") == {}
