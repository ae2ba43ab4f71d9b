"""What Harbour Clinic knows about its four patients."""

from unsilo.demo.documents import Chart, Coded, Drug, Reading

__all__ = ["CHARTS"]


def _vitals(day: str, systolic: str, diastolic: str, kilograms: str) -> list[Reading]:
    return [
        Reading("8480-6", "Systolic blood pressure", systolic, "mm[Hg]", day),
        Reading("8462-4", "Diastolic blood pressure", diastolic, "mm[Hg]", day),
        Reading("29463-7", "Body weight", kilograms, "kg", day),
    ]


CHARTS: dict[str, Chart] = {
    "rosa": Chart(
        allergies=[],
        problems=[
            Coded("44054006", "Diabetes mellitus type 2", "20120901"),
            Coded("38341003", "Hypertensive disorder", "20080115"),
            Coded("49436004", "Atrial fibrillation", "20210322"),
        ],
        drugs=[
            Drug("855332", "warfarin sodium 5 MG Oral Tablet", "5", "mg", 24, "20250901"),
            Drug("861007", "metformin hydrochloride 500 MG Oral Tablet", "500", "mg", 12, "20130110"),
        ],
        results=[
            Reading("4548-4", "Hemoglobin A1c", "7.3", "%", "20260204"),
            Reading("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "141", "mg/dL", "20260204"),
        ],
        vitals=_vitals("20260215", "138", "84", "71.5"),
    ),
    "george": Chart(
        allergies=[(Coded("2670", "codeine", "19990301"), "422587007|Nausea")],
        problems=[
            Coded("13645005", "Chronic obstructive pulmonary disease", "20050610"),
            Coded("84114007", "Heart failure", "20191105"),
        ],
        drugs=[Drug("313988", "furosemide 40 MG Oral Tablet", "40", "mg", 24, "20191112")],
        results=[Reading("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "1.40", "mg/dL", "20260120")],
        vitals=_vitals("20260216", "118", "70", "82.0"),
    ),
    "nadia": Chart(
        allergies=[(Coded("70618", "penicillin", "20020101"), "247472004|Wheal")],
        problems=[Coded("195967001", "Asthma", "20050901")],
        drugs=[Drug("310965", "ibuprofen 200 MG Oral Tablet", "200", "mg", 8, "20251201")],
        results=[],
        vitals=_vitals("20260217", "112", "68", "58.2"),
    ),
    "bjorn": Chart(
        allergies=[],
        problems=[Coded("38341003", "Hypertensive disorder", "20100404")],
        drugs=[Drug("314076", "lisinopril 10 MG Oral Tablet", "10", "mg", 24, "20100410")],
        results=[Reading("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "4.60", "mmol/L", "20260118")],
        vitals=_vitals("20260218", "131", "79", "88.4"),
    ),
}
