"""The words of the made-up population: code systems, names, tests, conditions, drugs."""

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
RXNORM, CVX = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://hl7.org/fhir/sid/cvx"
HL7 = "http://terminology.hl7.org/CodeSystem/"
MRN, NPI, SSN = "urn:oid:2.999.1.1", "http://hl7.org/fhir/sid/us-npi", "http://hl7.org/fhir/sid/us-ssn"
CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"

HEADS = "Ab Al Ar Bel Ber Bo Bra Cal Car Col Da Del Dun El Fen Fos Gal Gra Hal Har Hol Ing Jen Kel Kra Lan Lin Mac \
Mar Mor Nor Os Pat Per Quin Ram Ros San Sel Ster Tal Tor Ul Van Ver Wal Wes Win Yar Zel".split()
MIDDLES = ["", "a", "e", "en", "er", "i", "in", "o", "or", "un"]
TAILS = "berg by dale den don feld field ford gard ham ker land ler ley man ner rich sen ski son stad ton vale wood \
worth".split()
GIVEN = "Ada Alan Amir Ana Anton Asha Ben Bruno Carla Chen Cora Dana Dmitri Elena Emil Eva Farid Fiona Gina Hana Hugo \
Ida Igor Ines Ivan Jana Jonas Julia Kai Karim Kira Lars Lea Lena Leo Lin Lukas Maja Marek Maria Mei Mila Mira Nadia \
Nico Nina Noah Olga Omar Oskar Paula Pia Rafael Rosa Sam Sara Silas Sofia Tara Theo Tim Uma Vera Wanda Yara Yusuf \
Zoe".split()
CITIES = [("Northtown", "MA", "01"), ("Eastfield", "MA", "02"), ("Lakeside", "NH", "03"), ("Harbor", "RI", "02"),
           ("Milton Vale", "CT", "06"), ("São Pedro", "MA", "02"), ("Grünau", "NY", "10")]  # fmt: skip
STREETS = "Mill Oak Station River Church Market School Garden Hill King".split()

LABS: list[tuple[str, str, str, float, float, int, str]] = [
    ("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 104, 28, 0, "CHEM"),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0.98, 0.3, 2, "CHEM"),
    ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", 140, 3, 0, "CHEM"),
    ("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 4.2, 0.45, 1, "CHEM"),
    ("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum", "U/L", 27, 14, 0, "CHEM"),
    ("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 192, 38, 0, "LIPID"),
    ("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "mg/dL", 52, 14, 0, "LIPID"),
    ("2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "mg/dL", 130, 60, 0, "LIPID"),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 5.9, 0.9, 1, "HBA1C"),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 13.8, 1.5, 1, "CBC"),
    ("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 7.1, 2.1, 1, "CBC"),
    ("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 246, 58, 0, "CBC"),
    ("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "m[IU]/L", 2.1, 1.1, 2, "TSH"),
]
VITALS: list[tuple[str, str, str, float, float, int]] = [
    ("8867-4", "Heart rate", "/min", 74, 11, 0), ("9279-1", "Respiratory rate", "/min", 15, 2.5, 0),
    ("8310-5", "Body temperature", "Cel", 36.8, 0.4, 1), ("29463-7", "Body weight", "kg", 76, 17, 1),
    ("8302-2", "Body height", "cm", 169, 10, 0), ("39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", 26.6, 5, 1),
    ("2708-6", "Oxygen saturation in Arterial blood", "%", 97, 1.5, 0),
]  # fmt: skip
PANELS = {
    "CHEM": ("24323-8", "Comprehensive metabolic panel"), "LIPID": ("24331-1", "Lipid panel"),
    "HBA1C": ("4548-4", "Hemoglobin A1c"), "CBC": ("58410-2", "CBC panel"), "TSH": ("3016-3", "TSH"),
}  # fmt: skip
CONDITIONS = [
    ("38341003", "Hypertensive disorder"), ("44054006", "Diabetes mellitus type 2"),
    ("195967001", "Asthma"), ("55822004", "Hyperlipidemia"), ("13645005", "Chronic obstructive lung disease"),
    ("73211009", "Diabetes mellitus"), ("35489007", "Depressive disorder"), ("396275006", "Osteoarthritis"),
    ("444814009", "Viral sinusitis"), ("10509002", "Acute bronchitis"), ("40930008", "Hypothyroidism"),
    ("49436004", "Atrial fibrillation"), ("235595009", "Gastroesophageal reflux disease"),
    ("90688005", "Chronic renal failure"), ("37796009", "Migraine"),
]  # fmt: skip
DRUGS = [
    ("314076", "lisinopril 10 MG Oral Tablet"), ("860975", "metformin hydrochloride 500 MG Oral Tablet"),
    ("617312", "atorvastatin 20 MG Oral Tablet"), ("197361", "amlodipine 5 MG Oral Tablet"),
    ("966222", "levothyroxine sodium 0.05 MG Oral Tablet"), ("312938", "sertraline 50 MG Oral Tablet"),
    ("308136", "amoxicillin 500 MG Oral Capsule"), ("745679", "albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"),
    ("198051", "omeprazole 20 MG Delayed Release Oral Capsule"),
]  # fmt: skip
PROCEDURES = [
    ("430193006", "Medication reconciliation"), ("73761001", "Colonoscopy"), ("40701008", "Echocardiography"),
    ("29303009", "Electrocardiographic procedure"), ("168731009", "Standard chest X-ray"),
    ("171207006", "Depression screening"),
]  # fmt: skip
VACCINES = [
    ("140", "Influenza, seasonal, injectable, preservative free"), ("113", "Td (adult) preservative free"),
    ("208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose"), ("33", "pneumococcal polysaccharide vaccine"),
]  # fmt: skip
SMOKING = [("266919005", "Never smoked tobacco"), ("8517006", "Ex-smoker"), ("449868002", "Smokes tobacco daily")]
