"""What is read of a piece at receipt and no more: business keys, processing id, acknowledgement wishes, order key."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from unsilo.config import Feed
from unsilo.fhir import syntax
from unsilo.formats import ccda, hl7v2
from unsilo.kernel import Issue, Result, Where
from unsilo.kernel.clock import from_instant

__all__ = ["Header", "read"]


class Header(msgspec.Struct, kw_only=True):
    """The face of one message or document, whatever its format.

    `pairs` are the business keys to index: (kind, value) with the kinds `control_id`, `type`, `sender`, `receiver`,
    `patient`, `name`, `birth_date`, `order`, `accession`, `visit`. `order_key` holds one key a line: a merge names two.
    """

    control_id: str = ""
    type: str = ""
    event_time: int = 0
    processing_id: str = "P"
    accept_ack: str = ""
    app_ack: str = ""
    sender: str = ""
    patient_ids: list[tuple[str, str]] = []
    pairs: list[tuple[str, str]] = []
    order_key: str = ""


def read(feed: Feed, content: bytes) -> Result[Header]:
    """Read the header of `content`; the value is None when it is not the feed's format at all. Never raises."""
    return READERS[feed.format](feed, content)


def _pairs(keys: Any) -> list[tuple[str, str]]:
    """Return each non-empty business key once, patients both with and without their authority."""
    pairs: dict[tuple[str, str], None] = {}
    for kind in ("control_id", "type", "sender", "receiver", "name", "birth_date"):
        value = getattr(keys, kind, "")
        if value:
            pairs[kind, value] = None
    for identifier, authority in keys.patient_ids:
        pairs["patient", identifier] = None
        if authority:
            pairs["patient", f"{identifier}^^^{authority}"] = None
    for kind in ("order", "accession", "visit"):
        for value in getattr(keys, kind + "s", []):
            pairs[kind, value] = None
    return list(pairs)


def _order_key(first: str, also: list[str]) -> str:
    """Return the keys whose order a message must keep, one a line: its patient's, and those that it merges away."""
    return "\n".join(dict.fromkeys(key.replace("\n", " ") for key in (first, *also) if key))


def _hl7v2(feed: Feed, content: bytes) -> Result[Header]:
    parsed = hl7v2.parse(content, charset=feed.charset or None, limits=feed.limits)
    if parsed.value is None:
        return Result(None, parsed.issues)
    keys = hl7v2.keys(parsed.value, ZoneInfo(feed.zone))
    header = Header(
        control_id=keys.control_id, type=keys.type, event_time=keys.event_time,
        processing_id=keys.processing_id[:1].upper() or "P", accept_ack=keys.accept_ack, app_ack=keys.app_ack,
        sender=keys.sender, patient_ids=list(keys.patient_ids), pairs=_pairs(keys),
        order_key=_order_key(keys.order_key, keys.also),
    )  # fmt: skip
    return Result(header, parsed.issues)


def _ccda(feed: Feed, content: bytes) -> Result[Header]:
    parsed = ccda.parse(content, feed.limits)
    if parsed.value is None:
        return Result(None, parsed.issues)
    keys = ccda.keys(parsed.value)
    header = Header(
        control_id=keys.control_id, type=keys.type or "ClinicalDocument", event_time=keys.event_time,
        sender=keys.sender, patient_ids=list(keys.patient_ids), pairs=_pairs(keys),
        order_key=_order_key(keys.order_key, []),
    )  # fmt: skip
    return Result(header, parsed.issues)


def _fhir(feed: Feed, content: bytes) -> Result[Header]:
    decoded = syntax.decode(content, feed.limits)
    root = decoded.value
    if root is None or not decoded.ok:
        return Result(None, decoded.issues)
    if not isinstance(root.get("resourceType"), str):
        issue = Issue("error", "structure", "this is not a FHIR resource", Where("/resourceType"), rule="fhir.type")
        return Result(None, [*decoded.issues, issue])
    entries = root.get("entry") if root["resourceType"] == "Bundle" else [{"resource": root}]
    pairs: dict[tuple[str, str], None] = {}
    patients: list[tuple[str, str]] = []
    for entry in entries if isinstance(entries, list) else []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            _fhir_keys(resource, pairs, patients)
    kind = root["resourceType"]
    header = Header(
        control_id=_identifier(root) or _text(root, "id"),
        type=f"{kind}/{root['type']}" if isinstance(root.get("type"), str) else kind,
        event_time=_instant(root), patient_ids=patients, order_key=_order_key("", ["|".join(one) for one in patients]),
    )  # fmt: skip
    for name in ("control_id", "type"):
        if value := getattr(header, name):
            pairs[name, value] = None
    header.pairs = list(pairs)
    return Result(header, decoded.issues)


def _text(resource: dict[str, Any], name: str) -> str:
    value = resource.get(name)
    return value if isinstance(value, str) else ""


def _items(resource: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = resource.get(name)
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def _identifier(resource: dict[str, Any]) -> str:
    return next((_text(item, "value") for item in _items(resource, "identifier")), "")


_KIND = {"ServiceRequest": "order", "DiagnosticReport": "accession", "Encounter": "visit"}


def _fhir_keys(resource: dict[str, Any], pairs: dict[tuple[str, str], None], patients: list[tuple[str, str]]) -> None:
    kind = resource.get("resourceType")
    if kind == "Patient":
        for item in _items(resource, "identifier"):
            value = _text(item, "value")
            if value:
                patients.append((value, _text(item, "system")))
                pairs["patient", value] = None
        for item in _items(resource, "name"):
            given = item.get("given")
            words = [_text(item, "family"), *(given if isinstance(given, list) else [])]
            pairs["name", " ".join(word for word in words if isinstance(word, str) and word)] = None
        if _text(resource, "birthDate"):
            pairs["birth_date", _text(resource, "birthDate")] = None
    elif isinstance(kind, str) and kind in _KIND:
        for item in _items(resource, "identifier"):
            if _text(item, "value"):
                pairs[_KIND[kind], _text(item, "value")] = None


def _instant(root: dict[str, Any]) -> int:
    meta = root.get("meta")
    for value in (root.get("timestamp"), meta.get("lastUpdated") if isinstance(meta, dict) else None):
        if isinstance(value, str):
            try:
                return from_instant(value)
            except ValueError:
                continue
    return 0


READERS: dict[str, Callable[[Feed, bytes], Result[Header]]] = {"hl7v2": _hl7v2, "ccda": _ccda, "fhir": _fhir}
