"""Messages that the tests of this room share, made by hand."""

ADT = (
    b"MSH|^~\\&|ADT1|MCM|LABADT|MCM|20240115083000-0500||ADT^A08^ADT_A01|MSG00001|P|2.5.1|||AL|NE\r"
    b"EVN|A08|20240115082900\r"
    b"PID|1|OLD9^^^MCM|12345^^^MCM&1.2.3&ISO^MR~999-88^^^&2.16.840.1.113883.4.1&ISO^SS||Ja\\T\\nes^Ma\\F\\ry^Q||19610615|F\r"
    b"PV1|1|I|W1^101^A||||||||||||||||V77^^^MCM\r"
    b"ZXX|local^value\r"
)

ORU = (
    b"MSH|^~\\&|LAB|HOSP|WARD|HOSP|20240115||ORU^R01|C2|P|2.5.1\r"
    b"PID|||77^^^HOSP\r"
    b"ORC|RE|P1^A|F1^B\r"
    b"OBR|1|P1^A|F1^B|58410-2^CBC^LN||||||||||||||ACC18||ACC20\r"
    b"OBX|1|NM|718-7^Hemoglobin^LN||13.2|g/dL|12-16|N|||F\r"
    b"OBX|2|TX|1^Note||line one\\.br\\line two||||||F\r"
    b"OBX|3|ST|2^Bad||a&b^c~d||||||C\r"
    b"SPM|1|S1&A^S2&B\r"
)

MERGE = (
    b"MSH|^~\\&|A|B|C|D|20240115||ADT^A40^ADT_A39|M40|P|2.5.1\r"
    b"EVN|A40|20240115120000\rPID|||500^^^MCM\rMRG|600^^^MCM~601^^^MCM\r"
)
