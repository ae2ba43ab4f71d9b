"""Made-up people in their households: couples, children, twins, namesakes, with what their forms would say."""

from collections.abc import Iterator
from random import Random

import msgspec

from unsilo.identity.simulate.tables import ORIGINS, families, givens

__all__ = ["THIS_YEAR", "Home", "Human", "home", "people", "telephone"]

THIS_YEAR = 2024
_KINDS = ("St", "Street", "Ave", "Rd", "Dr", "Ln", "Ct", "Blvd", "Way", "Pl")
_PLACES = (
    "Ashford Brookdale Cedarville Dunmore Eastfield Fairview Glenwood Harborton Ironton Jasper Kingsley Lakemont "
    "Millbrook Northgate Oakhurst Pinecrest Quarry Riverton Stonebridge Thornton Unity Vernon Westbury Yorkfield"
).split()


class Home(msgspec.Struct, frozen=True):
    """Where people live."""

    house: str
    street: str
    city: str
    state: str
    postal: str
    phone: str


class Human(msgspec.Struct):
    """One true person; `role` is `twin`, `senior`, `junior` or empty, `former` another family name of hers."""

    number: int
    origin: str
    sex: str
    given: str
    middle: str
    family: str
    former: str
    born: tuple[int, int, int]
    ssn: str
    phone: str
    email: str
    home: Home
    mother: str = ""
    role: str = ""


def _draw(draw: Random, names: tuple[list[str], list[int]]) -> str:
    return draw.choices(names[0], cum_weights=names[1])[0]


def _family(draw: Random, origin: str) -> str:
    name = _draw(draw, families(origin))
    if origin == "hispanic" and draw.random() < 0.35:
        name += ("-" if draw.random() < 0.3 else " ") + _draw(draw, families(origin))
    elif origin == "white" and draw.random() < 0.01:
        name = draw.choice(("de ", "van ", "von ", "o'", "mac")) + name
    return name


def telephone(draw: Random) -> str:
    """Return ten digits of a North American number."""
    return f"{draw.choice((212, 315, 518, 607, 716, 845, 914))}{draw.randint(200, 999)}{draw.randint(0, 9999):04}"


def home(draw: Random) -> Home:
    """Return a made-up address: streets are named after people, each place has a few postal codes."""
    place = draw.randrange(len(_PLACES) * 8)
    street = f"{_draw(draw, families('white'))} {draw.choice(_KINDS)}"
    house = str(int(draw.paretovariate(0.7)) if draw.random() < 0.1 else draw.randint(1, 1999))[:5]
    city = _PLACES[place % len(_PLACES)] + ("", " Heights", " Park", " Falls")[place // len(_PLACES) % 4]
    postal = str(10_000 + place * 12 + draw.randrange(4))
    apartment = f" Apt {draw.randint(1, 40)}" if draw.random() < 0.2 else ""
    return Home(house, street + apartment, city, "NY", postal, telephone(draw))


def _email(draw: Random, given: str, family: str, year: int) -> str:
    family = "".join(c for c in family if c.isalnum())
    stem = draw.choice((f"{given}.{family}", f"{given[0]}{family}{year % 100}", f"{given}{draw.randint(1, 9999)}"))
    return f"{stem}@{draw.choice(('mail', 'post', 'inbox', 'web'))}.example"


class _Makers:
    """Draws people; numbers run on."""

    def __init__(self, draw: Random, rates: dict[str, float]) -> None:
        self.draw, self.rates, self.number = draw, rates, 0

    def human(self, origin: str, family: str, year: int, home: Home, sex: str = "", ssn: int = 0) -> Human:
        draw = self.draw
        self.number += 1
        sex = sex or draw.choice("mf")
        given, middle = (_draw(draw, givens(origin, sex)) for _ in range(2))
        grown = THIS_YEAR - year >= 18
        born = (year, draw.randint(1, 12), draw.randint(1, 28 + (draw.random() < 0.07)))
        phone = home.phone if draw.random() < self.rates["phone_home"] or not grown else telephone(draw)
        email = _email(draw, given, family, year) if grown and draw.random() < self.rates["email_has"] else ""
        former = _family(draw, origin) if sex == "f" and grown else ""
        number = f"{ssn or draw.randint(1_010_000, 7_729_999) * 100 + draw.randint(1, 99):09}"
        return Human(self.number, origin, sex, given, middle, family, former, born, number, phone, email, home)

    def household(self) -> list[Human]:
        """Return the people of one household."""
        draw = self.draw
        origin = draw.choices(list(ORIGINS), weights=list(ORIGINS.values()))[0]
        place, family = home(draw), _family(draw, origin)
        year = THIS_YEAR - int(draw.triangular(20, 92, 42))
        found = [self.human(origin, family, year, place)]
        if draw.random() < 0.55:
            name = family if draw.random() < 0.75 else _family(draw, origin)
            sex = ("f" if found[0].sex == "m" else "m") if draw.random() < 0.96 else found[0].sex
            found.append(self.human(origin, name, year + draw.randint(-6, 6), place, sex))
        if draw.random() < 0.55:
            self._children(found, origin, place)
        return found

    def _children(self, found: list[Human], origin: str, place: Home) -> None:
        draw, parents = self.draw, list(found)
        family = draw.choice(parents).family
        mother = next((p.given for p in parents if p.sex == "f"), "")
        year = parents[0].born[0] + draw.randint(20, 36)
        ssn = draw.randint(1_010_000, 7_729_999) * 100
        father = next((p for p in parents if p.sex == "m"), None)
        for _ in range(draw.choice((1, 1, 2, 2, 2, 3, 4))):
            if year > THIS_YEAR:
                return
            ssn += draw.randint(3, 40) if draw.random() < 0.5 else draw.randint(10_000, 9_000_000)
            child = self.human(origin, family, year, place, ssn=ssn)
            child.mother = mother
            while any(child.given == other.given for other in found):
                child.given = _draw(draw, givens(origin, child.sex))
            if father is not None and child.sex == "m" and not father.role and draw.random() < self._namesakes():
                child.given, child.family, child.role, father.role = father.given, father.family, "junior", "senior"
            found.append(child)
            if draw.random() < self.rates["twins"]:
                found.append(self._twin(child, origin, place, ssn + 1))
            elif THIS_YEAR - year > 22 and draw.random() < 0.5:
                child.home = home(draw)
                child.phone = telephone(draw) if draw.random() < 0.8 else child.phone
            year += draw.randint(1, 5)

    def _namesakes(self) -> float:
        return min(1.0, self.rates["namesake"] / 0.2)  # about a fifth of all are a son with a father in the household

    def _twin(self, child: Human, origin: str, place: Home, ssn: int) -> Human:
        sex = child.sex if self.draw.random() < 0.65 else ("f" if child.sex == "m" else "m")
        twin = self.human(origin, child.family, child.born[0], place, sex, ssn)
        twin.born, twin.mother, twin.role, child.role = child.born, child.mother, "twin", child.role or "twin"
        if self.draw.random() < 0.3:  # parents like names that begin alike
            names = [n for n in givens(origin, sex).names[:300] if n[0] == child.given[0] and n != child.given]
            twin.given = self.draw.choice(names) if names else twin.given
        if twin.given == child.given:
            twin.given = next(n for n in givens(origin, sex).names if n != child.given)
        return twin


def people(draw: Random, rates: dict[str, float]) -> Iterator[list[Human]]:
    """Yield households without end."""
    makers = _Makers(draw, rates)
    while True:
        yield makers.household()
