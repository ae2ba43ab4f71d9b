"""The records that hospitals keep of made-up people: each a form filled in on some day, with its slips and gaps."""

from collections.abc import Iterator
from random import Random

from unsilo.identity.simulate.people import THIS_YEAR, Human, home, people, telephone
from unsilo.identity.simulate.slips import date_slip, number_slip, plain, typo
from unsilo.identity.simulate.tables import respellings, shorts

__all__ = ["HEADER", "simulate"]

HEADER = (
    "record_id", "given_name", "family_name", "birth_date", "sex", "ssn", "phone", "email", "street", "city", "state",
    "postal_code", "truth", "origin", "true_sex", "born", "role",
)  # fmt: skip
"""The columns written; those after `postal_code` are the truth, and `unsilo match` does not read them."""

_FILLER_PHONES = ("0000000000", "9999999999", "5555555555")
_FILLER_SSNS = ("999-99-9999", "000-00-0000", "123-45-6789", "111-11-1111")


class _Clerk:
    """Fills in forms."""

    def __init__(self, draw: Random, rates: dict[str, float]) -> None:
        self.draw, self.rates = draw, rates

    def happens(self, setting: str) -> bool:
        return self.draw.random() < self.rates[setting]

    def _spelt(self, name: str, slip: str) -> str:
        others = respellings().get(name)
        if others and self.happens("respelt"):
            name = self.draw.choice(others)
        if not name.isascii() and self.happens("accents_lost"):
            name = plain(name)
        if self.happens(slip):
            name = typo(self.draw, name)
            if self.happens("heavy_typo"):
                name = typo(self.draw, name)
        return name

    def given(self, who: Human, first: bool) -> str:
        """Return the given names as the form has them."""
        if first and THIS_YEAR - who.born[0] <= 1 and who.mother and self.happens("newborn"):
            return "Baby Boy" if who.sex == "m" else "Baby Girl"
        if self.happens("given_missing"):
            return ""
        if self.happens("initial_only"):
            return who.given[0]
        if self.happens("middle_used"):
            return self._spelt(who.middle, "given_typo")
        name = who.given
        short = shorts().get(name)
        if short and self.happens("nickname"):
            name = self.draw.choice(short)
        name = self._spelt(name, "given_typo")
        if self.happens("middle"):
            name += " " + (who.middle if self.draw.random() < 0.4 else who.middle[0])
        return name

    def family(self, who: Human) -> str:
        """Return the family name as the form has it."""
        if self.happens("family_missing"):
            return ""
        name = who.former if who.former and self.happens("former_name") else who.family
        parts = name.replace("-", " ").split()
        if len(parts) == 2 and who.origin == "hispanic" and self.happens("second_family"):
            name = parts[0] if self.draw.random() < 0.8 else parts[1]
        name = self._spelt(name, "family_typo")
        if who.role in ("junior", "senior") and self.happens("suffix_written"):
            name += " Jr" if who.role == "junior" else " Sr"
        return name

    def born(self, who: Human) -> str:
        """Return the birth date as the form has it, in one of the usual writings."""
        if self.happens("birth_missing"):
            return ""
        if self.happens("birth_filler"):
            return "1900-01-01"
        year, month, day = who.born
        if self.happens("birth_slip"):
            year, month, day = date_slip(self.draw, who.born)
        if day <= 12 and self.happens("birth_swap"):
            month, day = day, month
        if self.draw.random() < 0.2:
            return f"{month:02}/{day:02}/{year}"
        return f"{year}-{month:02}-{day:02}"

    def ssn(self, who: Human, family: list[Human]) -> str:
        """Return the social security number as the form has it."""
        if self.happens("ssn_filler"):
            return self.draw.choice(_FILLER_SSNS)
        kind = self.draw.random()
        if kind < self.rates["ssn_missing"]:
            return ""
        number = who.ssn
        if len(family) > 1 and self.happens("ssn_other"):
            number = self.draw.choice([other.ssn for other in family if other is not who])
        if self.happens("ssn_slip"):
            number = number_slip(self.draw, number)
        if kind < self.rates["ssn_missing"] + self.rates["ssn_last4"]:
            return number[-4:]
        return f"{number[:3]}-{number[3:5]}-{number[5:]}" if self.draw.random() < 0.5 else number

    def phone(self, number: str) -> str:
        """Return a telephone number as the form has it."""
        if self.happens("phone_missing"):
            return ""
        if self.happens("phone_filler"):
            return self.draw.choice(_FILLER_PHONES)
        return f"({number[:3]}) {number[3:6]}-{number[6:]}" if self.draw.random() < 0.5 else number

    def form(self, who: Human, family: list[Human], first: bool, at: tuple[str, str, str, str, str]) -> list[str]:
        """Return one filled form; `at` are house, street, city, state and postal code."""
        given, last = self.given(who, first), self.family(who)
        if given and last and self.happens("name_swap"):
            given, last = last, given
        sex = "" if self.happens("sex_missing") else who.sex
        if sex and self.happens("sex_wrong"):
            sex = "f" if sex == "m" else "m"
        house, street, city, state, postal = at
        if self.happens("address_slip"):
            street = typo(self.draw, street)
        where = [f"{house} {street}", city, state, postal]
        if self.happens("address_missing"):
            where = ["", "", "", ""]
        email = who.email if who.email and not self.happens("email_missing") else ""
        if email and self.happens("email_slip"):
            email = typo(self.draw, email)
        upper = self.draw.random() < 0.3
        return [
            given.upper() if upper else given.title(), last.upper() if upper else last.title(), self.born(who),
            sex.upper(), self.ssn(who, family), self.phone(who.phone), email, *where,
        ]  # fmt: skip

    def records(self, who: Human, family: list[Human]) -> Iterator[list[str]]:
        """Yield the forms of one person over the years."""
        count, chance = 1, self.draw.random()
        for many in (2, 3, 4, 5):
            chance -= self.rates[f"records_{many}"]
            if chance < 0:
                count = many
                break
        for number in range(count):
            if number and self.happens("moved"):
                who.home = home(self.draw)
            if number and self.happens("phone_changed"):
                who.phone = telephone(self.draw)
            at = who.home
            yield self.form(who, family, number == 0, (at.house, at.street, at.city, at.state, at.postal))


def simulate(records: int, seed: int, rates: dict[str, float]) -> Iterator[list[str]]:
    """Yield `records` rows as `HEADER` has them; the same seed and rates give the same rows, whatever the number.

    A person's records lie in one household's stretch; `match` does not look at their order. `truth` is the person's
    number, `born` the true year, `role` says twin, senior or junior.
    """
    draw = Random(f"unsilo {seed}")  # noqa: S311 - a seed that everybody can repeat
    clerk, made = _Clerk(draw, rates), 0
    for family in people(draw, rates):
        for who in family:
            for row in clerk.records(who, family):
                if made == records:
                    return
                made += 1
                yield [str(made), *row, str(who.number), who.origin, who.sex, str(who.born[0]), who.role]
