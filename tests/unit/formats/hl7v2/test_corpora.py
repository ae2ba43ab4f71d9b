"""Third-party messages: each is read, gives its bytes back, and every value has its place."""

import os
from pathlib import Path

import pytest

from unsilo.formats.hl7v2 import ack, keys, parse, parse_ack, serialise, span, split_batch, unescape, valued

FOLDER = os.environ.get("UNSILO_CORPORA")
FILES = sorted(
    path
    for name in ("ms-hl7v2", "reportstream-mapinv", "v2-to-fhir")
    for path in (Path(FOLDER) / name).rglob("*.hl7")
    if b"MSH" in path.read_bytes()[:200]
) if FOLDER else []  # fmt: skip


@pytest.mark.corpora
@pytest.mark.skipif(not FOLDER, reason="UNSILO_CORPORA is not set: no third-party messages to read")
def test_every_message_of_the_corpora_is_understood():
    """All messages parse without an error, round trip, and each value's span holds it."""
    assert len(FILES) > 100
    values = 0
    for path in FILES:
        content = path.read_bytes()
        result = parse(content)
        message = result.value
        assert message is not None, (path, result.issues)
        assert serialise(message) == content
        found = keys(message)
        assert found.type
        for locator, value in valued(message):
            at = span(message, locator)
            assert at is not None
            assert unescape(content[at[0] : at[1]].decode(message.charset), message.delimiters) == value
            values += 1
        answer = parse_ack(ack(content, "AA", at=0, control_id="1")).value
        assert answer is not None
        assert answer.control_id == found.control_id
        batch = split_batch(content).value
        assert batch is not None
        assert len(batch.children) == 1
    assert values > 10_000
