"""A deterministic mixture of HL7 v2 messages for many patients, and a client that sends them over many connections."""

import asyncio
import random
import time
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Sent", "mixture", "send_over"]

_FAMILY = (
    "Adler Baum Costa Duval Egede Falk Gruber Haas Ilves Jansen Kowal Lind Moser Novak Olsen Peric Quist Rossi".split()
)
_GIVEN = (
    "Anna Ben Clara David Elin Felix Greta Hugo Inga Jonas Karla Leo Mira Nils Olga Paul Rosa Sven Tilda Urs".split()
)
_TESTS = [
    ("718-7", "Hemoglobin", "g/dL", 14.1, 1.5, "12.0-16.0"), ("4544-3", "Hematocrit", "%", 42, 4, "36-46"),
    ("6690-2", "Leukocytes", "10*3/uL", 7.2, 2, "4.0-11.0"), ("777-3", "Platelets", "10*3/uL", 240, 50, "150-400"),
    ("2951-2", "Sodium", "mmol/L", 140, 3, "135-145"), ("2823-3", "Potassium", "mmol/L", 4.2, 0.4, "3.5-5.1"),
    ("2160-0", "Creatinine", "mg/dL", 0.9, 0.2, "0.5-1.1"), ("2345-7", "Glucose", "mg/dL", 95, 15, "70-99"),
]  # fmt: skip


class Sent(NamedTuple):
    """What a load did: acknowledged messages (control id -> content), refused ones, seconds, ack times in seconds."""

    acknowledged: dict[str, bytes]
    refused: int
    seconds: float
    times: list[float]


def _person(number: int) -> str:
    family, given = _FAMILY[number % len(_FAMILY)], _GIVEN[(number // len(_FAMILY)) % len(_GIVEN)]
    born = f"{1930 + number % 80}{1 + number % 12:02d}{1 + number % 28:02d}"
    sex = "FM"[number % 2]
    street = f"{1 + number % 90} Mill Lane^^Northtown^^12345^NO"
    return f"PID|1||P{number:06d}^^^KH^MR||{family}{number}^{given}||{born}|{sex}|||{street}||5551{number:06d}"


def mixture(count: int, *, patients: int = 400, seed: int = 1, prefix: str = "M") -> Iterator[tuple[str, bytes]]:
    """Yield (control id, message): ADT, ORU of eight results, ORM, SIU and VXU, in the shares of a small hospital."""
    draw = random.Random(seed)
    for n in range(count):
        number = draw.randrange(patients)
        minute = n + 1
        at = f"202601{1 + minute // 1440 % 28:02d}{minute // 60 % 24:02d}{minute % 60:02d}{n % 60:02d}"
        control = f"{prefix}{n:07d}"
        kind = draw.choices(["ADT^A08", "ORU^R01", "ORM^O01", "SIU^S12", "VXU^V04"], [40, 42, 8, 5, 5])[0]
        head = f"MSH|^~\\&|HIS|KH|UNSILO|UNSILO|{at}||{kind}|{control}|P|2.5.1"
        doctor = f"A{number % 30:03d}^Arzt^Eva^^^Dr"
        visit = f"PV1|1|I|W{number % 9}^{number % 20}^1^KH||||{doctor}||||||||||||V{number:06d}^^^KH"
        pid = _person(number)
        if kind == "ADT^A08":
            lines = [f"EVN|A08|{at}", pid, visit, f"AL1|1|DA|70618^Penicillin^RXNORM|SV|Rash|{at[:8]}"]
        elif kind == "ORU^R01":
            order = f"L{n:07d}"
            lines = [pid, visit, f"ORC|RE|{order}^HIS|F{order}^LAB||CM",
                     f"OBR|1|{order}^HIS|F{order}^LAB|58410-2^CBC^LN|||{at}|||||||||||||||{at}|||F"]  # fmt: skip
            for i, (code, name, unit, mean, spread, usual) in enumerate(_TESTS, 1):
                value = f"{draw.gauss(mean, spread):.1f}"
                lines.append(f"OBX|{i}|NM|{code}^{name}^LN||{value}|{unit}^^UCUM|{usual}|N|||F|||{at}")
        elif kind == "ORM^O01":
            order = f"O{n:07d}"
            lines = [pid, visit, f"ORC|NW|{order}^HIS", f"OBR|1|{order}^HIS||71020^Chest X-ray^L|||{at}"]
        elif kind == "SIU^S12":
            lines = [f"SCH|S{n:07d}^HIS|||||R^Routine|Checkup|||30|min|^^30^{at}^{at}", pid, visit, "RGS|1",
                     "AIG|1||A001^Arzt^Eva"]  # fmt: skip
        else:
            lines = [
                pid,
                f"ORC|RE||V{n:07d}^HIS",
                f"RXA|0|1|{at[:8]}|{at[:8]}|140^Influenza^CVX|0.5|mL^^UCUM||00^New^NIP001",
            ]
        yield control, ("\r".join([head, *lines]) + "\r").encode()


async def _connection(
    port: int,
    todo: Iterator[tuple[str, bytes]],
    sent: dict[str, bytes],
    times: list[float],
    until: float,
    noted: dict[str, float],
) -> int:
    """Send one message after the other over one connection; return how many were refused. Ends when it is closed."""
    refused = 0
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return 0
    try:
        for control, message in todo:
            if time.perf_counter() > until:
                break
            began = time.perf_counter()
            writer.write(b"\x0b" + message + b"\x1c\r")
            answer = await reader.readuntil(b"\x1c\r")
            times.append(time.perf_counter() - began)
            if f"MSA|AA|{control}".encode() in answer:
                sent[control] = message
                noted[control] = time.time()
            else:
                refused += 1
    except (OSError, asyncio.IncompleteReadError):
        return refused
    finally:
        writer.close()
    return refused


async def send_over(
    port: int, messages: Iterator[tuple[str, bytes]], *, connections: int = 16, seconds: float = 1e9,
    noted: dict[str, float] | None = None,
) -> Sent:  # fmt: skip
    """Send messages over many connections, each waiting for its acknowledgement; stop at the end or after `seconds`.

    `noted` takes the time at which each message's acknowledgement was here.
    """
    kept: dict[str, float] = {} if noted is None else noted
    sent: dict[str, bytes] = {}
    times: list[float] = []
    began = time.perf_counter()
    refused = await asyncio.gather(
        *(_connection(port, messages, sent, times, began + seconds, kept) for _ in range(connections))
    )
    return Sent(sent, sum(refused), time.perf_counter() - began, times)
