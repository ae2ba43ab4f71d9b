"""What wards and clinics send: registrations, stays, orders, appointments, immunisations, documents."""

from datetime import date, datetime, timedelta

from unsilo.demo.cast import Person
from unsilo.demo.segments import Place, escape, message, pid, pv1, stamp

__all__ = ["adt", "appointment", "document", "imaging_order", "lab_order", "medication_order", "merge", "vaccination"]

_STRUCTURES = {
    "A01": "ADT_A01", "A03": "ADT_A03", "A04": "ADT_A01", "A08": "ADT_A01", "A11": "ADT_A09", "A13": "ADT_A01",
    "A28": "ADT_A05", "A31": "ADT_A05",
}  # fmt: skip
_DOCTORS = {"north": "1002^PRICE^OWEN^^^DR", "brigid": "B81^Marchetti^Elena^^^Dr"}


def adt(
    place: Place, who: Person, control: str, trigger: str, at: datetime, *, sent: datetime | None = None,
    visit: str = "", patient_class: str = "O", unit: str = "", number: str = "", extra: tuple[str, ...] = (),
    pv1_fields: dict[str, str] | None = None, with_ssn: bool = True, **pid_fields: str,
) -> bytes:  # fmt: skip
    """Write an ADT; `at` is the event (EVN-2), `sent` the message time, `extra` segments such as AL1 and DG1."""
    began = {"f44": stamp(place, at)} if trigger in ("A01", "A04") else {}
    fields = {**began, **(pv1_fields or {})}
    stay = [pv1(place, visit, patient_class, unit, _DOCTORS[place.key], **fields)] if visit else []
    return message(
        place, f"ADT^{trigger}^{_STRUCTURES[trigger]}", control, sent or at,
        f"EVN|{trigger}|{stamp(place, at)}",
        pid(place, who, number=number, with_ssn=with_ssn, **pid_fields), *stay, *extra,
    )  # fmt: skip


def merge(place: Place, who: Person, control: str, at: datetime, retired: str) -> bytes:
    """Write an ADT^A40: the number `retired` goes into `who`'s."""
    return message(
        place, "ADT^A40^ADT_A39", control, at, f"EVN|A40|{stamp(place, at)}", pid(place, who),
        f"MRG|{retired}^^^{place.authority}^MR",
    )  # fmt: skip


def medication_order(
    place: Place, who: Person, control: str, order: str, at: datetime, drug: str, dose: tuple[str, str], often: str,
    sig: str, strength: tuple[str, str], visit: str,
) -> bytes:  # fmt: skip
    """Write an ORM^O01 with RXO: `dose` (amount, unit) is what is given, `strength` that of the product."""
    doctor = _DOCTORS[place.key]
    return message(
        place, "ORM^O01^ORM_O01", control, at, pid(place, who), pv1(place, visit, "I", "3W", doctor),
        f"ORC|NW|{order}^{place.facility}|||SC||^{often}^^{stamp(place, at)}||{stamp(place, at)}|||{doctor}",
        f"RXO|{drug}|{dose[0]}||{dose[1]}|TAB^Tablet^HL70292||{escape(sig)}|||||||||||{strength[0]}|{strength[1]}",
        "RXR|PO^Oral^HL70162",
    )  # fmt: skip


def lab_order(place: Place, who: Person, control: str, order: str, at: datetime, code: str) -> bytes:
    """Write an OML^O21 for one test."""
    doctor = _DOCTORS[place.key]
    return message(
        place, "OML^O21^OML_O21", control, at, pid(place, who),
        f"ORC|NW|{order}^{place.facility}|||SC||||{stamp(place, at)}|||{doctor}",
        f"OBR|1|{order}^{place.facility}||{code}|||{stamp(place, at)}|||||||||{doctor}",
    )  # fmt: skip


def imaging_order(place: Place, who: Person, control: str, order: str, at: datetime, code: str, reason: str) -> bytes:
    """Write an ORM^O01 with OBR for a picture, with its reason."""
    doctor = _DOCTORS[place.key]
    return message(
        place, "ORM^O01^ORM_O01", control, at, pid(place, who),
        f"ORC|NW|{order}^{place.facility}|||SC||||{stamp(place, at)}|||{doctor}",
        f"OBR|1|{order}^{place.facility}||{code}|||{stamp(place, at)}|||||||||{doctor}||||||||RAD|||||||"
         f"^{escape(reason)}",
    )  # fmt: skip


def appointment(
    place: Place, who: Person, control: str, number: str, sent: datetime, start: datetime, why: str
) -> bytes:
    """Write an SIU^S12 for half an hour."""
    end, begin, doctor = start + timedelta(minutes=30), stamp(place, start), _DOCTORS[place.key]
    return message(
        place, "SIU^S12^SIU_S12", control, sent,
        f"SCH|{number}^{place.facility}|{number}F^{place.application}||||ROUTINE^Routine appointment^HL70276"
        f"|^{escape(why)}|NORMAL^^HL70277|30|min|^^30^{begin}^{stamp(place, end)}|||||{doctor}||||{doctor}|||||Booked",
        pid(place, who), "RGS|1|A",
        f"AIS|1|A|OUTPT^{escape(why)}^L|{begin}|0|min|30|min",
        f"AIL|1|A|OUTPT^^^{place.facility}|||{begin}|0|min|30|min",
        f"AIP|1|A|{_DOCTORS[place.key]}|||{begin}|0|min|30|min",
    )  # fmt: skip


def vaccination(
    place: Place, who: Person, control: str, order: str, given: date, sent: datetime, vaccine: str, lot: str
) -> bytes:
    """Write a VXU^V04 for one dose into the left arm."""
    return message(
        place, "VXU^V04^VXU_V04", control, sent, pid(place, who), "PD1||||||||||||N",
        f"NK1|1|{who.family.upper()}^PARENT|GRD^Guardian^HL70063",
        f"ORC|RE||{order}^{place.application}|||||||||{_DOCTORS[place.key]}",
        f"RXA|0|1|{given:%Y%m%d}|{given:%Y%m%d}|{vaccine}|0.5|mL^milliliter^UCUM||00^New immunization record^NIP001"
        f"|{_DOCTORS[place.key]}|^^^{place.facility}||||{lot}|{given.replace(year=given.year + 2):%Y%m%d}"
        "|MSD^Merck and Co., Inc.^MVX|||CP|A",
        "RXR|IM^Intramuscular^HL70162|LA^Left arm^HL70163",
        "OBX|1|CE|64994-7^Vaccine funding program eligibility category^LN|1|V01^Not VFC eligible^HL70064||||||F"
        f"|||{given:%Y%m%d}",
    )  # fmt: skip


def document(
    place: Place, who: Person, control: str, number: str, at: datetime, kind: str, text: list[str], visit: str = ""
) -> bytes:
    """Write an MDM^T02 whose text stands in TX lines."""
    doctor, when = _DOCTORS[place.key], stamp(place, at)
    return message(
        place, "MDM^T02^MDM_T02", control, at, f"EVN|T02|{stamp(place, at)}", pid(place, who),
        pv1(place, visit or f"V{number}", "I", "3W", doctor),
        f"TXA|1|{kind}|TX|{when}|{doctor}|{when}|{when}||{doctor}|||{number}^{place.application}|||||AU||AV",
        *(f"OBX|{n}|TX|18842-5^Discharge summary^LN|{n}|{escape(line)}||||||F" for n, line in enumerate(text, 1)),
    )  # fmt: skip
