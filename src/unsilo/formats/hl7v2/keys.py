"""Business keys: what people search a message by, read at receipt without walking the message."""

from datetime import UTC, tzinfo

import msgspec

from unsilo.formats.hl7v2.dtm import to_fhir_date, to_microseconds
from unsilo.formats.hl7v2.header import peek
from unsilo.formats.hl7v2.message import DELETE, Message, Segment
from unsilo.formats.hl7v2.zone import zone_of_message

__all__ = ["Keys", "keys", "peek_keys"]

Identifier = tuple[str, str]
"""(id, assigning authority): the namespace (CX-4.1), else the universal id (CX-4.2), else ""."""

# Where orders and accession numbers stand: (segment, field). Radiology puts the accession number into OBR-18 (IHE
# RAD-4), laboratories into OBR-20, IPC-1, the container or the specimen.
_ORDERS = (("ORC", (2, 3)), ("OBR", (2, 3)), ("SCH", (1, 2)))
_ACCESSIONS = (("OBR", (18, 20)), ("IPC", (1,)), ("SAC", (2,)), ("SPM", (30,)))
_VISITS = (("PV1", (19,)),)

_MOST_IDENTIFIERS = 50
_MOST_PATIENTS = 50
_MOST_SEGMENTS = 2000


class Keys(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message says about itself.

    `type` is `ADT^A08`; `event_time` (EVN-2, else MSH-7) microseconds since 1970 UTC, 0 when not known; `sender` and
    `receiver` are `application|facility`; `order_key` names the patient (the first PID's) whose messages must stay in
    order, `also` the others of the message that must wait with it: merged-away ones (MRG) and those of further PIDs.
    """

    control_id: str = ""
    type: str = ""
    structure: str = ""
    processing_id: str = ""
    version: str = ""
    event_time: int = 0
    sender: str = ""
    receiver: str = ""
    patient_ids: list[Identifier] = []
    name: str = ""
    birth_date: str = ""
    orders: list[str] = []
    accessions: list[str] = []
    visits: list[str] = []
    accept_ack: str = ""
    app_ack: str = ""
    charset: str = ""
    order_key: str = ""
    also: list[str] = []


def keys(message: Message, zone: tzinfo = UTC) -> Keys:
    """Return the business keys; `zone` is the feed's, where neither an event time nor MSH-7 has one. Never raises.

    Of a field that repeats without end, and of a message with thousands of orders, the first ones are taken.
    """
    head = _head(message.header)
    event = message.first("EVN")
    zone = zone_of_message(message, zone)
    moment = to_microseconds(event.get(2, 0, 1), zone) if event else None
    moment = moment or to_microseconds(message.header.get(7, 0, 1), zone)
    patients = message.all("PID")[:_MOST_PATIENTS]
    known = [_identifiers(patient, (3, 2, 4)) for patient in patients]
    merged = [_identifiers(merge, (1,)) for merge in message.all("MRG")[:_MOST_PATIENTS]]
    first = patients[0] if patients else None
    # A key that came from MRG alone must not say that the retired patient is whom the message is about.
    order_key = "|".join(known[0][0]) if known and known[0] else ""
    others = [ids[0] for ids in known[1:] if ids] + [one for ids in merged for one in ids]
    return msgspec.structs.replace(
        head,
        event_time=moment[0] if moment else 0,
        patient_ids=list(dict.fromkeys(one for ids in known + merged for one in ids)),
        name=_name(first) if first else "",
        birth_date=(to_fhir_date(first.get(7, 0, 1)) or "") if first else "",
        orders=_values(message, _ORDERS),
        accessions=list(dict.fromkeys(_values(message, _ACCESSIONS) + _specimens(message))),
        visits=_values(message, _VISITS),
        order_key=order_key,
        also=[key for key in dict.fromkeys("|".join(one) for one in others) if key != order_key],
    )


def peek_keys(content: bytes) -> Keys:
    """Return what the first MSH in any bytes says, for content that cannot be parsed. Never raises."""
    header = peek(content)
    return _head(header) if header else Keys()


def _head(header: Segment) -> Keys:
    get = header.get
    kind, event = get(9, 0, 1), get(9, 0, 2)
    return Keys(
        control_id=get(10),
        type=f"{kind}^{event}" if event else kind,
        structure=get(9, 0, 3),
        processing_id=get(11, 0, 1),
        version=get(12, 0, 1),
        sender=f"{_party(header, 3)}|{_party(header, 4)}",
        receiver=f"{_party(header, 5)}|{_party(header, 6)}",
        accept_ack=get(15),
        app_ack=get(16),
        charset=get(18),
    )


def _party(header: Segment, field: int) -> str:
    """A hierarchic designator by its namespace, else by its universal id (data type HD)."""
    return header.get(field, 0, 1) or header.get(field, 0, 2)


def _identifiers(segment: Segment, fields: tuple[int, ...]) -> list[Identifier]:
    found: dict[Identifier, None] = {}
    for field in fields:
        if segment.field(field):
            for rep in range(min(segment.count(field), _MOST_IDENTIFIERS)):
                value = segment.get(field, rep, 1, 1).strip()
                if value and value != DELETE:
                    found[value, segment.get(field, rep, 4, 1) or segment.get(field, rep, 4, 2)] = None
    return list(found)


def _name(patient: Segment) -> str:
    family, given, middle = (patient.get(5, 0, comp, 1) for comp in (1, 2, 3))
    first = f"{given} {middle}".strip()
    return ", ".join(part for part in (family, first) if part and part != DELETE)


def _values(message: Message, places: tuple[tuple[str, tuple[int, ...]], ...]) -> list[str]:
    found: dict[str, None] = {}
    for name, numbers in places:
        for segment in message.all(name)[:_MOST_SEGMENTS]:
            for number in numbers:
                if segment.field(number):
                    value = segment.get(number, 0, 1, 1).strip()
                    if value and value != DELETE:
                        found[value] = None
    return list(found)


def _specimens(message: Message) -> list[str]:
    """SPM-2 is a pair of entity identifiers: the placer's is component 1, the filler's component 2."""
    values = (segment.get(2, 0, comp, 1).strip() for segment in message.all("SPM")[:_MOST_SEGMENTS] for comp in (1, 2))
    return [value for value in values if value and value != DELETE]
