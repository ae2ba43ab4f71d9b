"""A long random walk of links and unlinks, beside a model of it that knows no database."""

from random import Random

from unsilo.storage import Store, Tx

__all__ = ["Walk"]

_AT_ONCE = 500
_LOOKED_AT = 40  # persons of whom the store is asked at a halt


class Walk:
    """Source Patients that move between persons.

    `home` is whose each is, `uids` the public name of every person that there ever was, `went` where the records of an
    emptied one went, as the store should have them.
    """

    def __init__(self, store: Store, patients: int, seed: int) -> None:
        self.store, self.draw = store, Random(seed)
        self.ids = [f"p{n}" for n in range(patients)]
        self.uids: dict[int, str] = {}
        self.went: dict[int, int] = {}
        self.moves = 0
        self.home = store.submit(lambda tx: {one: tx.link(one, None, "own", "", "walk", tx.at) for one in self.ids})
        self.home = dict(self.home.result(60))
        self.members = {person: {one} for one, person in self.home.items()}
        self.ever = list(self.members)

    def walk(self, steps: int) -> None:
        """Take so many steps, and halt now and then to compare."""
        done = 0
        while done < steps:
            count = min(_AT_ONCE, steps - done)
            self.store.submit(lambda tx, count=count: self._steps(tx, count)).result(120)
            done += count
            if done % (_AT_ONCE * 8) == 0:
                self.compare()
        self.compare()

    def _steps(self, tx: Tx, count: int) -> None:
        for _ in range(count):
            one = self.draw.choice(self.ids)
            former = self.home[one]
            if self.draw.random() < 0.4:
                person = tx.unlink(one, "manual", "walk", "kim", tx.at)
                assert person not in self.members, "an identifier was used again"
                self.members[person] = set()
                self.ever.append(person)
            else:
                person = self._target()
                assert tx.link(one, person, "manual", "walk", "kim", tx.at) == person
            self._moved(one, former, person)

    def _target(self) -> int:
        """Choose a person: mostly one that somebody is, now and then one that was emptied."""
        if self.draw.random() < 0.1:
            return self.draw.choice(self.ever)
        return self.home[self.draw.choice(self.ids)]

    def _moved(self, one: str, former: int, person: int) -> None:
        if former == person:
            return
        self.moves += 1
        self.members[former].discard(one)
        self.members[person].add(one)
        self.went.pop(person, None)
        if not self.members[former]:
            self.went[former] = person
        self.home[one] = person

    def stands(self, person: int) -> int:
        """Return who stands for a person now: itself while somebody is with it."""
        while person in self.went:
            person = self.went[person]
        return person

    def compare(self) -> None:
        """Hold the store to the model: who is with whom, that every id ever given leads there, and never changed."""
        assert {one: self.store.person_of(one) for one in self.ids} == self.home
        for number in self.draw.sample(self.ever, min(_LOOKED_AT, len(self.ever))):
            found, wanted = self.store.person(number), self.stands(number)
            assert found is not None
            assert found.person == wanted
            assert set(found.patients) == self.members[wanted]
            assert self.uids.setdefault(wanted, found.uid) == found.uid, "the name of a person changed"
        for number, uid in self.draw.sample(list(self.uids.items()), min(_LOOKED_AT, len(self.uids))):
            found, wanted = self.store.person(uid), self.stands(number)
            assert found is not None
            assert found.person == wanted
        assert len(set(self.uids.values())) == len(self.uids)

    def replay(self) -> dict[str, int]:
        """Return whose each Patient is by the history of links alone."""
        events = {each.n: each for person in set(self.home.values()) for each in self.store.link_events(person)}
        return {each.patient_id: each.person for _, each in sorted(events.items())}
