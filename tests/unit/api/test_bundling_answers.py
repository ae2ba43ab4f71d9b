"""The quick words about an entry are those of the slow ones."""

from typing import Any, cast

import pytest

from unsilo.api import bundling
from unsilo.api.ask import Ask
from unsilo.flow.fhir.outcome import Written
from unsilo.kernel import Issue

AT = 1_732_190_000_123_456


@pytest.mark.parametrize("prefer", [b"", b"return=minimal", b"return=OperationOutcome"])
@pytest.mark.parametrize("host", [b"localhost:8080", b"a.example"])
@pytest.mark.parametrize(
    "one",
    [
        Written(201, "Patient", "a-1.B", 1, AT, b"{}"), Written(200, "Observation", "x", 12, AT, b"{}"),
        Written(204, "Patient", "a", 3, AT), Written(200, "Patient", "a"),
        Written(201, "Patient", "a", 1, AT, b"{}", [Issue("warning", "not-found", "there is no Patient/b", rule="r")]),
    ],
)  # fmt: skip
def test_an_entry_is_answered_alike(one: Written, host: bytes, prefer: bytes) -> None:
    """Whatever was stored and however the client wants to hear of it."""
    scope = {
        "method": "POST",
        "headers": [(b"host", host), (b"prefer", prefer)],
        "query_string": b"",
        "scheme": "https",
    }
    ask = Ask(scope, None)
    node = cast(Any, None)
    assert bundling._found(node, ask, [one, None]) == [bundling._answered(node, ask, one), b""]
