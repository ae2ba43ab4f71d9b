"""A stored version is shown with its version and time, whatever its own meta says and wherever that stands."""

import json
from typing import Any

import pytest

from unsilo.flow.fhir.shown import with_meta

AT = 1_700_000_000_123_000
SHOWN = {"versionId": "7", "lastUpdated": "2023-11-14T22:13:20.123Z"}
METAS: dict[str, dict[str, Any] | None] = {
    "none": None, "empty": {}, "profile": {"profile": ["http://x/p"]}, "long": {"profile": ["p" * 900]},
    "tag": {"tag": [{"system": "s", "code": "c"}]}, "own version": {"versionId": "3", "lastUpdated": "2020-01-01"},
    "long and own time": {"profile": ["p" * 900], "lastUpdated": "2020-01-01"}, "brace in a text": {"source": 'a}"b'},
    "brace and own version": {"source": "a}b", "versionId": "3"}, "words": {"source": 'a "versionId" b'},
    "below": {"extension": [{"url": "versionId", "valueString": "1"}]},
}  # fmt: skip
REST: dict[str, dict[str, Any]] = {
    "plain": {"status": "final"}, "meta of a part": {"contained": [{"resourceType": "Patient", "meta": {"tag": []}}]},
    "words of a meta": {"note": [{"text": '"meta":{'}]}, "version of a part": {"x": {"meta": {"versionId": "2"}}},
}  # fmt: skip


@pytest.mark.parametrize("rest", REST)
@pytest.mark.parametrize("meta", METAS)
@pytest.mark.parametrize("order", ["first", "last", "type last"])
def test_version_and_time_are_the_stores_own(meta: str, rest: str, order: str) -> None:
    """All else stays as it is; asked twice, since what a meta says of itself is remembered."""
    head: dict[str, Any] = {"resourceType": "Observation", "id": "1"}
    own: dict[str, Any] = {} if METAS[meta] is None else {"meta": METAS[meta]}
    whole = head | own | REST[rest] if order == "first" else head | REST[rest] | own
    if order == "type last":
        whole = own | REST[rest] | head
    body = json.dumps(whole, separators=(",", ":")).encode()
    wanted = whole | {"meta": (METAS[meta] or {}) | SHOWN}
    for _ in range(2):
        assert json.loads(with_meta("Observation", body, 7, AT)) == wanted
