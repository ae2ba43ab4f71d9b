"""What the mutations start from: small inputs of each format, and the words that matter in it."""

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
