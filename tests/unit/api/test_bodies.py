"""Version and time are put into stored bytes without parsing, and the result is what parsing would give."""

from hypothesis import given
from hypothesis import strategies as st

from unsilo.api.bodies import bundle, entry
from unsilo.flow.fhir.shown import resource_bytes as resource
from unsilo.kernel import json
from unsilo.storage import Stored

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['"meta":{', "{", "}", '\\"meta\\":{', "versionId", '"versionId"', "lastUpdated"]
)
VALUES = st.recursive(
    TEXT | st.integers(-9, 9) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
META = st.dictionaries(st.sampled_from(["tag", "security", "versionId", "lastUpdated", "source"]), VALUES, max_size=3)


def stored(body: bytes, kind: str = "Basic") -> Stored:
    """A current version 7 of a resource."""
    return Stored(1, kind, "x", 7, 0, 1_770_000_000_123_000, 0, 0, 0, b"", body)


@given(st.lists(st.tuples(TEXT, VALUES), max_size=4), META | st.none(), st.integers(0, 4), st.booleans())
def test_spliced_bytes_equal_the_parsed_way(
    parts: list[tuple[str, object]], meta: object, at: int, first: bool
) -> None:
    """Whatever stands in the resource and wherever its meta stands, only version and time are set."""
    items = [(key, value) for key, value in parts if key not in ("meta", "resourceType")]
    if meta is not None:
        items.insert(min(at, len(items)), ("meta", meta))
    items.insert(0 if first else len(items), ("resourceType", "Basic"))
    value = dict(items)
    found = json.decode(resource(stored(json.encode(value))))
    assert found.pop("meta") == {
        **(meta if isinstance(meta, dict) else {}), "versionId": "7", "lastUpdated": "2026-02-02T02:40:00.123Z"
    }  # fmt: skip
    value.pop("meta", None)
    assert found == value


def test_decimals_keep_their_digits() -> None:
    """1.00 stays 1.00 on the way out, with and without a meta of its own."""
    plain = b'{"resourceType":"Basic","valueDecimal":1.00}'
    assert b'"valueDecimal":1.00}' in resource(stored(plain))
    assert b'"valueDecimal":1.00,' in resource(stored(b'{"valueDecimal":1.00,"resourceType":"Basic","a":{},"meta":{}}'))


def test_an_empty_bundle_has_no_entry() -> None:
    """FHIR allows no empty arrays."""
    assert json.decode(bundle("searchset", [], total=0)) == {"resourceType": "Bundle", "type": "searchset", "total": 0}
    gone = Stored(1, "Basic", "x", 2, 1, 0, 0, 0, 0, b"", b"")
    assert b'resource"' not in entry(gone, "http://x/fhir")
