"""What the mutations start from: small inputs of each format, and the words that matter in it."""

import io
import tarfile

HL7V2 = [
    (
        b"MSH|^~\\&|A|B|C|D|20240115083000-0500||ADT^A08^ADT_A01|M1|P|2.5.1|||AL|NE||UNICODE UTF-8\r"
        b"EVN|A08|20240115\rPID|1||12^^^MCM&1.2&ISO^MR~9^^^X||Ja\\T\\n^Ann||19610615|F\rPV1|1|I|W^1^A\rZXX|x\r"
    ),
    (
        b"MSH|^~\\&|LAB|H|E|H|2024||ORU^R01|2|P|2.3\rPID|||7^^^H\rOBR|1|P1|F1|58^CBC^LN\r"
        b"OBX|1|TX|1^N||one\\.br\\two\\X41\\||||||C\rOBX|2|ED|2||^AP^^Base64^QUJD||||||F\r"
    ),
    b"MSH*!%?@#*A*B*C*D*2024**ADT!A40*3*T*2.7\nPID***1\nMRG*2\n",
    b"MSH|^~\\&|A|B|C|D|2024||ACK^A08|4|P|2.5\rMSA|AE|M1|text\rERR||PID^1^3^1|101^x^HL70357|E|||h|t\r",
    "MSH|^~\\&|A|B|C|D|2024||ADT^A01|5|P|2.5||||||~ISO IR87\rPID|||1||山田^太郎\r".encode("iso2022_jp"),
    "MSH|^~\\&|A|B|C|D|2024||ADT^A01|6|P|2.5||||||BIG-5\rPID|||1||功^蓋\r".encode("big5"),
    b"FHS|^~\\&|A\rBHS|^~\\&|A\rMSH|^~\\&|A|B|C|D|2024||ADT^A01|7|P|2.5\rBTS|1\rFTS|1\r",
]
# One message of each mapped family, with the segments whose maps have conditions.
HL7V2_FAMILIES = [
    (
        b"MSH|^~\\&|A|B|C|D|20240115083000||ADT^A04^ADT_A01|F1|P|2.5.1\rEVN|A04|20240115083000|||U1^Op\r"
        b"PID|1||12^^^M^MR||Doe^Ann^B^Jr^Dr^^L~Roe^Ann^^^^^M||19610615|F||2106-3^White^HL70005|1 St^^Town^IL^62701^US^H"
        b"||^PRN^PH^^1^217^5551234|||M^Married^HL70002|CAT|A77^^^M^AN|||||||||||N\r"
        b'PD1||||9^Doc^Gen||||||||Y\rNK1|1|Doe^Bob|SPO^Spouse|""|^PRN^PH^^^^555\r'
        b"PV1|1|I|W^1^A^B|E|||11^At^Doc|22^Ref^Doc|33^Con^Doc|MED||||7|||11^At^Doc|IP|V1^^^M|||||||||||||||||01||||||||"
        b"20240115080000\rPV2|||R07^Pain^I10\rOBX|1|NM|29463-7^Weight^LN||70.5|kg^^UCUM|||||F\r"
        b"AL1|1|DA|7980^Penicillin^RXN|SV|Hives~Rash|20200101\rDG1|1||I10^Hypertension^I10|||A|||||||||1\r"
        b"IN1|1|PPO^Plan|C1|Payer|||||||20240101|20241231|||Doe^Ann|SEL|19610615\r"
    ),
    (
        b"MSH|^~\\&|A|B|C|D|20240115||OML^O21^OML_O21|F2|P|2.5.1\rPID|||12^^^M\rPV1|1|O\rORC|NW|P1^A|F1^B||SC||^^^20240116||"
        b"20240115|||9^Doc^Gen\rOBR|1|P1^A|F1^B|58410-2^CBC^LN|||20240115||||A|||||9^Doc^Gen||||||||LAB|O\r"
        b"NTE|1||Fasting\rDG1|1||E11^DM^I10\rSPM|1|S1^A||119297000^Blood^SCT|||||||||||||20240115\r"
    ),
    (
        b"MSH|^~\\&|A|B|C|D|20240115||VXU^V04^VXU_V04|F3|P|2.5.1\rPID|||12^^^M\rORC|RE||I1^A|||||||||9^Doc^Gen\r"
        b"RXA|0|1|20240110|20240110|08^Hep B^CVX|0.5|mL^^UCUM||00^New^NIP001|9^Doc^Gen|^^^Clinic||||L77|20250101"
        b"|MSD^M^MVX|||CP|A\r"
        b"RXR|IM^^HL70162|LD^^HL70163\rOBX|1|CE|64994-7^Elig^LN|1|V02^X^HL70064||||||F|||20240110\r"
        b"ORC|RE||I2\rRXA|0|1|20240111||998^None^CVX|999||||||||||||00^Refused^NIP002||RE\r"
    ),
    (
        b"MSH|^~\\&|A|B|C|D|20240115||MDM^T02^MDM_T02|F4|P|2.5.1\rEVN|T02|20240115\rPID|||12^^^M\rPV1|1|O\r"
        b"TXA|1|CN|TX|20240115|9^Doc^Gen|||||||D1^A|||||LA||AV\rOBX|1|TX|11506-3^Note^LN||First line||||||F\r"
        b"OBX|2|FT|||\\H\\Second\\N\\\\.br\\line||||||F\rOBX|3|ED|PDF||^application^pdf^Base64^JVBERi0=||||||F\r"
    ),
    (
        b"MSH|^~\\&|A|B|C|D|20240115||SIU^S12^SIU_S12|F5|P|2.5.1\rSCH|P1|F1||||ROUTINE|Visit|N^Normal|30|min^^ISO+|"
        b"^^30^20240120090000^20240120093000|||||||||||||BOOKED\rNTE|1||Bring card\rPID|||12^^^M\rRGS|1|A\r"
        b"AIS|1|A|X^Y\rAIP|1|A|9^Doc^Gen\rAIL|1|A|R1^Room\r"
    ),
    (
        b"MSH|^~\\&|A|B|C|D|20240115||ORU^R01^ORU_R01|F6|P|2.5.1\rPID|||12^^^M\rPV1|1|O|||||||||||||||||V1\rORC|RE|P1|F1\r"
        b"OBR|1|P1|F1|24323-8^CMP^LN|||20240115080000-0500||||||||1^Sp&Serum|9^Doc^Gen||||||20240115093000-0500||CH|F\r"
        b"NTE|1|L|Comment\rOBX|1|NM|2345-7^Glucose^LN||105|mg/dL^^UCUM|70-99|H|||F|||20240115080000\r"
        b"OBX|2|SN|1^X^L||>^200|mg/dL|<150|HH|||C\rOBX|3|CWE|2^Y^L||260385009^Neg^SCT||||||P\rOBX|4|NM|3^Z^L||x|||N|||F\r"
        b"OBX|5|DT|4^D^L||20240229||||||F\rOBX|6|TM|5^T^L||0830||||||F\rOBX|7|SN|6^R^L||1^:^128||||||D\r"
        b"OBX|8|RP|7^P^L||http://x^A^IM^JPEG||||||F\rOBX|9||8^N^L||??||||||X\rSPM|1|^S1||BLD\r"
    ),
    b"MSH|^~\\&|A|B|C|D|20240115||ADT^A40^ADT_A39|F7|P|2.5.1\rEVN|A40|20240115\rPID|||5^^^M\rPD1\rMRG|6^^^M~7^^^M||8\r",
]
HL7V2_WORDS = [
    b"|", b"^", b"~", b"\\", b"&", b"#", b"\r", b"\n", b"\r\n", b"\x0b", b"\x1c\r", b"\x00", b"\x1b$B", b"\x1b(B",
    b'""',
    b"MSH|^~\\&|", b"MSH", b"PID|", b"OBX|", b"FHS|", b"BHS|", b"BTS|1", b"FTS|1", b"\\F\\", b"\\X0D\\", b"\\.br\\",
    b"\\.sp9\\", b"\\C2842\\", b"\\M2442\\", b"\\Z\\", b"UNICODE UTF-8", b"8859/2", b"BIG-5", b"~ISO IR87",
    b"GB 18030-2000",
    b"2.5.1", b"9.9", b"T", b"20240229240000", b"-0500", b"\xef\xbb\xbf", b"\xff", b"\xc3\xa9", b"\xe5\x8a\x9f",
]  # fmt: skip

DATES = [b"2024", b"20240229", b"202402291405", b"20240229140507.1234-0500", b"2024-02-29T14:05:07Z", b"19610000"]
DATES_WORDS = [b"0", b"24", b"60", b"-", b"+", b".", b":", b"T", b"Z", b"00", b"99", b"+1400", b"-0000", b"0000"]

MLLP = [b"\x0bMSH|^~\\&|A\r\x1c\r\x0bMSH|^~\\&|B\r\x1c\r", b"\x0bFHS|\r\x1c\x0bMSH|x\x1c\r", b"GET / HTTP/1.1\r\n\r\n"]
MLLP_WORDS = [b"\x0b", b"\x1c", b"\r", b"\x1c\r", b"\x0bMSH", b"\x0bFHS", b"\x00", b"\n", b" "]

JSON = [
    (
        b'{"resourceType":"Patient","id":"a","name":[{"family":"Doe","given":["A"]}],"birthDate":"1961-06-15",'
        b'"identifier":[{"system":"urn:x","value":"1"}]}'
    ),
    (
        b'{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1"}]},'
        b'"subject":{"reference":"Patient/a"},"valueQuantity":{"value":1.00,"unit":"mg"},"effectiveDateTime":"2024-01"}'
    ),
    (
        b'{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:1","resource":'
        b'{"resourceType":"Patient","_birthDate":{"extension":[{"url":"x","valueCode":"unknown"}]}}}]}'
    ),
]
JSON_WORDS = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"1E-400", b"-0.0",
    b"0.10",
    b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\\u0000"', b"[" * 60, b'{"a":' * 60, b'"reference"', b'"resourceType"',
    b'"id"',
    b"\xef\xbb\xbf", b"\xff", b"12345678901234567890", b'"contained"', b'"extension"', b'"value"', b'"date"', b"\\",
]  # fmt: skip

XML = [
    (
        b'<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><id value="a"/><text>'
        b'<status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p title="x>y">a&amp;<br/></p></div>'
        b'</text><contained><Organization><id value="o"/></Organization></contained><name id="n"><given value="A"/>'
        b'<given><extension url="u"><valueDecimal value="1.00"/></extension></given></name>'
        b'<deceasedBoolean value="true"/></Patient>'
    ),
    (
        b'<f:Bundle xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"><f:type value="batch"/>'
        b'<f:entry><f:resource><f:Basic><f:text><f:status value="empty"/><h:div/></f:text><f:code><f:text value="c"/>'
        b"</f:code></f:Basic></f:resource></f:entry><!-- c --></f:Bundle>"
    ),
]
XML_WORDS = [
    b"<", b">", b"/>", b"</", b'"', b"'", b"&", b"&amp;", b"&#10;", b"&#0;", b"&x;", b"<!DOCTYPE x>", b"<![CDATA[",
    b"]]>", b"<!--", b"-->", b"<?x?>", b' xmlns="http://hl7.org/fhir"', b' xmlns="http://www.w3.org/1999/xhtml"',
    b' xmlns:h=""', b' value="', b' id="', b' url="', b"<div", b"</div>", b"<extension", b"<active", b"\xff",
    b"\xef\xbb\xbf", b"1e999", b"encoding='utf-16'", b"h:", b"f:", b"<contained>", b"<x>" * 60,
]  # fmt: skip

PACKAGE_WORDS = [b"../", b"/etc/passwd", b"package/", b"ustar", b"\0", b"777", b"StructureDefinition", b"differential",
    b"element", b"baseDefinition", b"sliceName", b"contentReference", b"x" * 200]  # fmt: skip


def package() -> list[bytes]:
    """Return the tar of a small package: a manifest, a profile without snapshot, its own base."""
    base = "http://hl7.org/fhir/StructureDefinition/"
    profile = (
        '{"resourceType":"StructureDefinition","url":"u:%s","derivation":"constraint","type":"Patient",'
        '"baseDefinition":"%s","differential":{"element":[{"path":"Patient"},{"path":"Patient.name","sliceName":"a",'
        '"slicing":{"rules":"open"},"min":1},{"path":"Patient.name.given","max":"1"},{"path":"Patient.deceasedBoolean",'
        '"fixedBoolean":true},{"path":"Patient.extension","sliceName":"e"},{"path":"Patient.contact.name.text"}]}}'
    )
    members = {
        "package/package.json": '{"name":"x","version":"1","fhirVersions":["4.0.1"]}',
        "package/StructureDefinition-a.json": profile % ("a", f"{base}Patient"),
        "package/StructureDefinition-b.json": profile % ("b", "u:a"),
    }
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return [made.getvalue()]


CCDA = [
    (
        b'<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3" '
        b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><id root="1.2" extension="x"/>'
        b'<effectiveTime value="20240115"/><recordTarget><patientRole><id root="1.3" extension="7"/><patient><name>'
        b'<given>Ann</given><family>Doe</family></name><birthTime value="19610615"/></patient></patientRole>'
        b"</recordTarget>"
        b'<component><structuredBody><component><section><code code="48765-2"/><text>a &amp; b<br/></text><entry>'
        b'<observation><value xsi:type="CD" code="x"/></observation></entry></section></component></structuredBody>'
        b"</component></ClinicalDocument>"
    ),
    b'<section xmlns="urn:hl7-org:v3"><templateId root="2.16.840.1.113883.10.20.22.2.6.1"/><text>None</text></section>',
    b'<observation classCode="OBS"><code code="1"/><value value="1.0" unit="mg"/></observation>',
]
CCDA_WORDS = [
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"<!DOCTYPE x>", b"&a;", b"&amp;", b"&#0;", b"&#x41;", b"<![CDATA[x]]>",
    b"<!-- x -->",
    b"<?x y?>", b"<a>", b"</a>", b"<a/>", b"<a b='c'>", b' xmlns="urn:x"', b' xmlns:y="urn:y"', b"<y:z>",
    b"<a>" * 250,
    b"xsi:type", b'nullFlavor="UNK"', b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'encoding="UTF-16"',
    b'encoding="latin-1"',
    b"<ClinicalDocument", b"<id/>", b"]]>", b"\xe2\x80\x8b",
]  # fmt: skip

EVERY = HL7V2 + HL7V2_FAMILIES + JSON + CCDA
