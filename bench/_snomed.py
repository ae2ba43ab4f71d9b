"""A made-up system of SNOMED CT's size: 350,000 concepts, 1.4 million descriptions, a polyhierarchy, attributes."""

from __future__ import annotations

import random
from typing import Any

__all__ = ["CONCEPTS", "URL", "code", "feed", "vocabulary"]

CONCEPTS = 350_000
URL = "http://snomed.info/sct"
FINDING_SITE, MORPHOLOGY = "363698007", "116676008"


def code(number: int) -> str:
    """Return the code of a concept by its number; 0 is the root."""
    return str(100_000_000 + number * 1009) if number else "138875005"


def vocabulary(size: int = 90_000, seed: int = 3) -> list[str]:
    """Return made-up words, the frequent ones first."""
    random_ = random.Random(seed)
    starts = "b c d f g h l m n p r s t v br cr dr gl pl pr sc st str th".split()
    ends = "a e i o u ia io al en in on or us is".split()
    words: dict[str, None] = {}
    while len(words) < size:
        words["".join(random_.choice(starts) + random_.choice(ends) for _ in range(random_.randint(2, 4)))] = None
    return list(words)


def feed(sink: Any, concepts: int = CONCEPTS, seed: int = 7) -> None:
    """Hand the system over to a sink."""
    random_ = random.Random(seed)
    words = vocabulary()

    # Levels as in the real one: few near the top, most eight to twelve steps down.
    def some(count: int) -> list[str]:
        return [words[int(len(words) * random_.random() ** 2.2)] for _ in range(count)]

    terms = []
    for number in range(concepts):
        display = " ".join(some(random_.randint(2, 5)))
        terms.append(display)
        sink.concept(code(number), display, number % 25 != 24)
    for attribute in (FINDING_SITE, MORPHOLOGY):
        sink.concept(attribute, "attribute " + attribute)
    for number in range(concepts):
        own = code(number)
        sink.term(own, terms[number] + " (disorder)", "en", "900000000000003001")
        for _ in range(random_.choice((1, 2, 2, 2, 3))):
            sink.term(own, " ".join(some(random_.randint(2, 6))), "en", "900000000000013009")
        if number:
            parents = {_above(number, random_)}
            while random_.random() < 0.15:
                parents.add(_above(number, random_))
            for parent in sorted(parents):
                sink.parent(own, code(parent))
        if number > 1000 and random_.random() < 0.35:
            sink.relation(own, FINDING_SITE, code(random_.randint(1, concepts // 10)), 1)
            if random_.random() < 0.5:
                sink.relation(own, MORPHOLOGY, code(random_.randint(1, 5000)), 1)


def _above(number: int, random_: random.Random) -> int:
    """Draw a parent: about a third of the number, so that depths spread around ten."""
    if number < 20:
        return 0
    return int(number * random_.uniform(0.12, 0.62)) if random_.random() < 0.9 else random_.randrange(number // 2)
