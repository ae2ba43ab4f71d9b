"""What a demographics query asks (QPD-3 of QBP^Q22) as the pairs of a FHIR search, by the table `pdq_fields.csv`."""

import csv
from functools import cache
from importlib.resources import files

from unsilo.config import Feed
from unsilo.flow.ihe.domains import system_of
from unsilo.flow.ihe.rsp import Fault
from unsilo.flow.persons.replaced import escaped
from unsilo.formats.hl7v2 import Segment, to_fhir_date

__all__ = ["criteria", "fields"]

_SEX = {"F": "female", "M": "male", "O": "other", "A": "other", "U": "unknown", "N": "other"}
"""HL7 table 0001 -> administrative-gender."""
_MOST = 50
_AUTHORITY = ("authority", "namespace", "universal", "kind")


@cache
def fields() -> dict[str, tuple[str, str]]:
    """Return element -> (search parameter, how it is read)."""
    text = files("unsilo.flow.ihe").joinpath("pdq_fields.csv").read_text("utf-8")
    return {row["field"]: (row["parameter"], row["how"]) for row in csv.DictReader(text.splitlines())}


def criteria(qpd: Segment, feed: Feed) -> tuple[list[tuple[str, str]], list[Fault]]:
    """Return the pairs of the search, and what of QPD-3 cannot be asked; a criterion is never left out in silence."""
    pairs: list[tuple[str, str]] = []
    faults: list[Fault] = []
    numbers: dict[str, dict[str, str]] = {"": {}, "account-": {}}
    count = qpd.count(3)
    if count > _MOST:
        return [], [Fault(("QPD", 1, 3), "102", f"more than {_MOST} criteria")]
    for rep in range(count):
        name, value = qpd.get(3, rep, 1).strip().lstrip("@").upper(), qpd.get(3, rep, 2).strip()
        place = ("QPD", 1, 3, rep + 1)
        if not name and not value:
            continue
        known = fields().get(name)
        if known is None:
            faults.append(Fault((*place, 1), "103", f"{name[:40] or 'nothing'} cannot be asked for"))
        elif value and value != '""':
            faults += _one(known, qpd, rep, value, place, pairs, numbers)
    for said in numbers.values():
        if said:
            faults += _number(said, feed, pairs)
    if not pairs and not faults:
        faults.append(Fault(("QPD", 1, 3), "101", "nothing is asked for"))
    return pairs, faults


def _one(
    known: tuple[str, str], qpd: Segment, rep: int, value: str, place: tuple[str | int, ...],
    pairs: list[tuple[str, str]], numbers: dict[str, dict[str, str]],
) -> list[Fault]:  # fmt: skip
    parameter, how = known
    if how == "text":
        # A trailing asterisk is what such a search does anyway; a leading one asks for a part in the middle.
        inside, bare = value.startswith("*"), value.strip("*")
        if bare:
            pairs.append((f"{parameter}:contains" if inside else parameter, escaped(bare)))
    elif how == "date":
        date = to_fhir_date(value)
        if date is None:
            return [Fault((*place, 2), "102", "this is no date")]
        pairs.append((parameter, date))
    elif how == "sex":
        code = _SEX.get(value.upper())
        if code is None:
            return [Fault((*place, 2), "103", "this is no sex of HL7 table 0001")]
        pairs.append((parameter, code))
    elif how == "token":
        pairs.append((parameter, escaped(value)))
    else:
        account = "account-" if how.startswith("account") else ""
        kind = how.removeprefix("account-").removeprefix("account") or "value"
        said = numbers[account]
        said[kind] = value
        if kind == "value" and qpd.get(3, rep, 5):  # a whole CX was put into the value
            said |= {part: qpd.get(3, rep, 5, at) for at, part in enumerate(_AUTHORITY[1:], 1)}
        if kind == "authority":
            said |= {part: qpd.get(3, rep, 2, at) for at, part in enumerate(_AUTHORITY[1:], 1)}
    return []


def _number(said: dict[str, str], feed: Feed, pairs: list[tuple[str, str]]) -> list[Fault]:
    parts = [said.get(part, "") for part in _AUTHORITY[1:]]
    value = said.get("value", "")
    if not any(parts):
        pairs.append(("identifier", escaped(value)))
        return []
    system = system_of(feed, parts[0], parts[1], parts[2])
    if not system:
        return [Fault(("QPD", 1, 3), "204", "this assigning authority is not known")]
    pairs.append(("identifier", f"{escaped(system)}|{escaped(value)}"))
    return []
