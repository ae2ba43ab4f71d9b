"""The people of the demo's town: a written cast for the stories, and a seeded crowd around them."""

import csv
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import NamedTuple

__all__ = ["Person", "crowd", "main_cast", "table"]

CROWD = 24


class Person(NamedTuple):
    """One invented person; `numbers` holds the record number per place (`north`, `brigid`, `lab`, `harbour`).

    `birth_order` is the place in a multiple birth, empty for who was born alone.
    """

    key: str
    family: str
    given: str
    middle: str
    suffix: str
    sex: str
    born: date
    street: str
    city: str
    zip: str
    phone: str
    ssn: str
    numbers: dict[str, str]
    birth_order: str = ""


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of one of the demo's CSV tables."""
    text = files("unsilo.demo").joinpath(name).read_text("utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def _person(row: dict[str, str]) -> Person:
    numbers = {place: row[place] for place in ("north", "brigid", "lab", "harbour") if row[place]}
    return Person(
        row["key"], row["family"], row["given"], row["middle"], row["suffix"], row["sex"],
        date.fromisoformat(row["born"]), row["street"], row["city"], row["zip"], row["phone"], row["ssn"], numbers,
        row["birth_order"],
    )  # fmt: skip


def main_cast() -> dict[str, Person]:
    """Return the people whose stories are told, by key."""
    return {row["key"]: _person(row) for row in table("people.csv")}


def _names(kind: str) -> list[str]:
    return [row["name"] for row in table("names.csv") if row["kind"] == kind]


def crowd(draw: Random) -> list[Person]:
    """Draw the rest of the town; every second is known to both hospitals, every third to the laboratory."""
    families, people = _names("family"), []
    draw.shuffle(families)
    for n in range(CROWD):
        sex = "FM"[n % 2]
        numbers = {"north": f"N101{n:02d}"} if n % 4 != 3 else {}
        if n % 2 or not numbers:
            numbers["brigid"] = f"B201{n:02d}"
        if n % 3 == 0:
            numbers["lab"] = f"L301{n:02d}"
        person = Person(
            f"crowd{n}", families[n % len(families)], draw.choice(_names(sex)), "", "", sex,
            date(1931, 1, 2) + timedelta(days=draw.randrange(29_000)),
            f"{draw.randrange(1, 99)} {draw.choice(_names('street'))}", draw.choice(_names("city")),
            f"041{draw.randrange(1, 30):02d}", f"555-03{n:02d}", f"5{n:02d}-55-03{n:02d}" if n % 5 else "", numbers,
        )  # fmt: skip
        people.append(person)
    return people
