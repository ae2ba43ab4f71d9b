"""What matching costs the flow: admissions of different persons from their bytes to the committed record, with and
without it, turn by turn in one process.

python -m bench.matching_flow --persons 20000
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench._index import people
from unsilo.config import Feed
from unsilo.flow import commit as committing
from unsilo.flow import process as steps
from unsilo.flow.persons import place as placing
from unsilo.flow.receive import read
from unsilo.kernel import Issue
from unsilo.storage import Store, Tx, open_store

PERSONS, SEED, TURN = 4000, 103, 50
_FEED = Feed("his", "hl7v2", authorities={"KH": "urn:oid:2.999.1"}, default_authority="KH")


def admissions(persons: int, seed: int) -> Iterator[bytes]:
    """Yield an admission of eight segments for each made-up person."""
    for number, forms in zip(range(persons), people(seed), strict=False):
        row = forms[0]
        at = f"202601{1 + number // 1440 % 28:02d}{number // 60 % 24:02d}{number % 60:02d}00"
        born = row["birth_date"]
        if "/" in born:
            month, day, year = born.split("/")
            born = f"{year}{month}{day}"
        given, _, middle = row["given_name"].partition(" ")
        name = f"{row['family_name']}^{given}^{middle}"
        place = f"{row['street']}^^{row['city']}^{row['state']}^{row['postal_code']}"
        phone, ssn = row["phone"], row["ssn"] if len(row["ssn"]) > 4 else ""
        doctor, gap = f"A{number % 30:03d}^Arzt^Eva^^^Dr", "|" * 12
        visit = f"I|W{number % 9}^{number % 20}^1^KH||||{doctor}{gap}V{number:07d}^^^KH{gap * 2}|{at}"
        lines = [
            f"MSH|^~\\&|HIS|KH|UNSILO|UNSILO|{at}||ADT^A01|C{number:07d}|P|2.5.1",
            f"EVN|A01|{at}",
            f"PID|1||P{number:07d}^^^KH^MR||{name}||{born.replace('-', '')}|{row['sex']}|||{place}||{phone}||||||{ssn}",
            f"NK1|1|Next^Kin|SPO|{place}|{phone}",
            f"PV1|1|{visit}",
            f"AL1|1|DA|70618^Penicillin^RXNORM|SV|Rash|{at[:8]}",
            f"DG1|1||I10^Hypertension^I10|||A|||||||||1|{doctor}",
            "IN1|1|PLAN^Plan|K1|Insurance",
        ]
        yield ("\r".join(lines) + "\r").encode()


def _alone(tx: Tx, piece: Any, actor: str, at: int, mid: int) -> list[Issue]:
    """Give every new source Patient a person of its own, and look for nobody."""
    if tx.person_of(piece.id) is None:
        tx.link(piece.id, None, "none", "", actor, at, mid)
    return []


def switch(*, on: bool) -> None:
    """Let this process match, or not."""
    committing.place_patient = placing.place_patient if on else _alone
    steps._recorded = _RECORDED if on else lambda piece, _resource: piece


_RECORDED: Callable[..., Any] = steps._recorded


def turn(store: Store, messages: list[bytes]) -> float:
    """Take messages from their bytes to committed records; return the seconds of processor of all threads."""
    began = time.process_time()
    incoming = [read(_FEED, content).whole for content in messages]
    receipts = [future.result(60) for future in [store.receive(each) for each in incoming]]
    done = []
    for each, receipt in zip(incoming, receipts, strict=True):
        told = steps.process(each.envelope, _FEED, receipt.mid)
        done.append(store.submit(committing.commit(told, _FEED, told.mid)))
    states = {future.result(60).state for future in done}
    if states != {"done"}:
        raise SystemExit(f"messages ended as {states}")
    return time.process_time() - began


def main() -> None:
    """Alternate, and print both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    # Each side gets people of its own: what one has seen must not be quick for the other.
    messages = {on: list(admissions(asked.persons, asked.seed + on)) for on in (True, False)}
    placing.warm()
    used: dict[bool, list[float]] = {True: [], False: []}
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(Path(folder) / "with") as matching,
        open_store(Path(folder) / "without") as plain,
    ):
        for at in range(0, asked.persons, TURN):
            for on in (True, False) if at // TURN % 2 else (False, True):
                switch(on=on)
                part = messages[on][at : at + TURN]
                used[on].append(turn(matching if on else plain, part) / len(part) * 1e3)
        persons = matching.counts().persons
    with_it, without = (statistics.median(used[on][1:]) for on in (True, False))
    times = statistics.median(a / b for a, b in zip(used[True][1:], used[False][1:], strict=True))
    print(f"{asked.persons} admissions, of {persons} persons: {with_it:.2f} ms of processor each with matching,")
    print(f"{without:.2f} ms without; of two turns in a row {times:.3f} times at the median,")
    print(f"which is {1 - 1 / times:.1%} less throughput")


if __name__ == "__main__":
    main()
