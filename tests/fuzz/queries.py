"""Fuzz target over HL7 v2 queries: any message is answered by a message that can be read, and nothing gets in."""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Hashable
from pathlib import Path

__all__ = ["QUERIES", "WORDS", "queries"]

Behaviour = Hashable

_HEAD = b"MSH|^~\\&|EPR|CLINIC|unsilo|HUB|20260102||%b|1|P|2.5\r"
QUERIES = [
    _HEAD % b"QBP^Q23^QBP_Q21" + b"QPD|IHE PIX Query|t|A-1^^^HOSP|^^^CLINIC~^^^&2.999.2&ISO\rRCP|I\r",
    _HEAD % b"QBP^Q23^QBP_Q21" + b"QPD|IHE PIX Query|t|A-1^^^&2.999.1&ISO\rRCP|I\r",
    _HEAD % b"QBP^Q22^QBP_Q21" + b"QPD|IHE PDQ Query|t|@PID.5.1.1^M*~@PID.8^F|||||^^^HOSP\rRCP|I|1^RD\r",
    _HEAD % b"QBP^Q22^QBP_Q21" + b"QPD|IHE PDQ Query|t|@PID.3.1^A-1~@PID.3.4^HOSP&2.999.1&ISO~@PID.7^1958\rRCP|I\r",
    _HEAD % b"QBP^Q22^QBP_Q21" + b"QPD|IHE PDQ Query|t|@PID.11.3^Troy\rRCP|I|2^RD\rDSC|abc|I\r",
    _HEAD % b"QCN^J01^QCN_J01" + b"QID|t|IHE PDQ Query\r",
]
WORDS = [
    b"@PID.5.2", b"@PID.6", b"@PID.11", b"@PID.13.1", b"@PID.18.1", b"@PID.99", b"|", b"^", b"~", b"&", b"\\", b"*",
    b"\\X0D\\", b"\\F\\", b"\\T\\", b'""', b"^^^HOSP", b"^^^CLINIC", b"DSC|", b"RCP|D", b"|50^RD", b"QPD|",
    b"\r", b"\n", b"2.999.1", b"ISO", b"\x00", b"\xff", b"UNICODE UTF-8", b"8859/1", b"M\xc3\xbcller", b"%", b"$",
    b",", b"A-1", b"MSH",
]  # fmt: skip
_KNOWN = frozenset(("MSH", "MSA", "ERR", "QAK", "QPD", "PID", "DSC"))


def queries() -> Callable[[bytes], Behaviour]:
    """Return the target: a node with two persons, whose every answer must be whole and hold known segments only."""
    from unsilo.config import Feed, Settings
    from unsilo.flow.fhir import write
    from unsilo.flow.fhir.outcome import Caller
    from unsilo.flow.service import Service
    from unsilo.formats import hl7v2
    from unsilo.policy import Predicate

    folder = tempfile.mkdtemp(prefix="unsilo-queries-")
    authorities = {"HOSP": "urn:oid:2.999.1", "CLINIC": "urn:oid:2.999.2"}
    feed = Feed("epr", queries=["pix", "pdq"], authorities=authorities)
    service = Service(Settings(data=Path(folder) / "node", feeds={"epr": feed}, group_ms=0))
    kim = Caller("client:kim", "fuzz", Predicate())
    for number, (given, born) in enumerate((("Alice", "1958-01-30"), ("Müller & Söhne", "1999-12-01"))):
        patient = {
            "resourceType": "Patient", "id": f"p{number}", "birthDate": born, "gender": "female",
            "name": [{"family": "Mohr", "given": [given]}], "address": [{"city": "Troy"}],
            "identifier": [{"system": system, "value": f"A-{number + 1}"} for system in authorities.values()],
        }  # fmt: skip
        write.update(service, kim, "Patient", f"p{number}", patient).result(20)

    def run(content: bytes) -> Behaviour:
        answer = hl7v2.parse(service.queries.answer(feed, content, "fuzz"))
        assert answer.value is not None, answer.issues
        names = [segment.name for segment in answer.value.segments]
        assert set(names) <= _KNOWN, names
        assert b"\x00" not in answer.value.raw
        assert b"the query could not be answered" not in answer.value.raw  # a fault of the program
        msa = answer.value.first("MSA")
        assert msa is not None
        qak = answer.value.first("QAK")
        places = tuple(err.field(2)[:9] for err in answer.value.all("ERR")[:3])
        return msa.get(1), qak.get(2) if qak is not None else "", names.count("PID"), places

    def close() -> None:
        service.store.close()
        shutil.rmtree(folder, ignore_errors=True)

    weakref.finalize(run, close)
    return run
