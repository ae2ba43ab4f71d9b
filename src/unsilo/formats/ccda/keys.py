"""Business keys of a document: what one searches for when one looks for it among millions."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec

from unsilo.formats.ccda.document import Document
from unsilo.formats.ccda.node import Node

__all__ = ["Keys", "keys"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Keys(msgspec.Struct):
    """The same fields as other formats have where they apply; `authority` is the root OID of an id."""

    control_id: str = ""
    """The document's id, `root^extension`."""
    type: str = ""
    """`ClinicalDocument^` and the document's LOINC code."""
    structure: str = ""
    """`ClinicalDocument`, or the names of a fragment's elements."""
    processing_id: str = ""
    version: str = ""
    event_time: int = 0
    """effectiveTime in microseconds since 1970 UTC; without a zone it is read as UTC; 0 when absent."""
    sender: str = ""
    """The custodian's name."""
    receiver: str = ""
    patient_ids: list[tuple[str, str]] = []
    name: str = ""
    birth_date: str = ""
    orders: list[str] = []
    accessions: list[str] = []
    visits: list[str] = []
    accept_ack: str = ""
    app_ack: str = ""
    charset: str = ""
    order_key: str = ""


def _all(root: Node, path: str) -> list[Node]:
    found = [root]
    for name in path.split("/"):
        found = [child for node in found for child in node.by.get(name, ())]
    return found


def _first(root: Node, path: str) -> Node | None:
    found = _all(root, path)
    return found[0] if found else None


def _ids(root: Node, path: str) -> list[tuple[str, str]]:
    found = []
    for node in _all(root, path):
        authority, extension = node.get("root") or "", node.get("extension") or ""
        if node.get("nullFlavor") is None and (authority or extension):
            found.append((extension or authority, authority if extension else ""))
    return found


def _text(root: Node, path: str) -> str:
    node = _first(root, path)
    return _clean(node) if node is not None else ""


def _value(root: Node, path: str, attribute: str = "value") -> str:
    node = _first(root, path)
    return (node.get(attribute) or "").strip() if node is not None else ""


def _name(patient: Node | None) -> str:
    """Return the first name as `FAMILY^Given Given`, or its text when it has no parts."""
    node = patient.first("name") if patient is not None else None
    if node is None:
        return ""
    family = " ".join(_clean(n) for n in node.by.get("family", ()))
    given = " ".join(_clean(n) for n in node.by.get("given", ()))
    return f"{family}^{given}".strip("^ ") if family or given else _clean(node)


def _clean(node: Node) -> str:
    return " ".join("".join(node.texts()).split())


def microseconds(text: str) -> int:
    """Return an HL7 V3 time (`20150207132817.123+0100`, any precision) in microseconds since 1970, or 0."""
    sign = max(text.rfind("+"), text.rfind("-"))
    zone, offset = (text[:sign], text[sign:]) if sign > 0 else (text, "")
    digits, _, fraction = zone.partition(".")
    if not digits.isascii() or not digits.isdigit() or len(digits) not in (4, 6, 8, 10, 12, 14):
        return 0
    full = digits + "00000101000000"[len(digits) :]
    try:
        hours = int(offset[:3] or 0)
        minutes = int(offset[3:5] or 0) * (-1 if offset.startswith("-") else 1)
        where = timezone(timedelta(hours=hours, minutes=minutes))
        when = datetime.strptime(full, "%Y%m%d%H%M%S").replace(tzinfo=where)
    except ValueError:
        return 0
    part = int(fraction[:6].ljust(6, "0")) if fraction.isascii() and fraction.isdigit() else 0
    return (when - _EPOCH) // timedelta(microseconds=1) + part


def keys(document: Document) -> Keys:
    """Return the document's business keys (CDA R2 header); what is not there stays empty."""
    root = document.root
    ids = _ids(root, "id")
    patients = _ids(root, "recordTarget/patientRole/id")
    code = _value(root, "code", "code")
    control = f"{ids[0][1]}^{ids[0][0]}".strip("^") if ids else ""
    return Keys(
        control_id=control,
        type=f"{root.name}^{code}".rstrip("^"),
        structure=document.fragment or "ClinicalDocument",
        version=_value(root, "versionNumber"),
        event_time=microseconds(_value(root, "effectiveTime")),
        sender=_text(root, "custodian/assignedCustodian/representedCustodianOrganization/name"),
        patient_ids=patients,
        name=_name(_first(root, "recordTarget/patientRole/patient")),
        birth_date=_value(root, "recordTarget/patientRole/patient/birthTime")[:8],
        orders=[i for i, _ in _ids(root, "inFulfillmentOf/order/id")],
        visits=[i for i, _ in _ids(root, "componentOf/encompassingEncounter/id")],
        charset=document.codec,
        order_key="^".join(reversed(patients[0])).strip("^") if patients else "",
    )
