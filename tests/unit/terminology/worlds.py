"""Random hierarchies with attributes, and what they hold by brute force over plain Python sets."""

from __future__ import annotations

import random
from collections.abc import Callable

from unsilo.storage.terminology import Artefact, Builder
from unsilo.terminology import Edition

URL = "http://snomed.info/sct"
ATTRIBUTES = ("900001", "900002", "900003")
NUMBER, WORD = "900004", "900005"
REFSETS = ("800001", "800002")
_WORDS = "heart lung acute chronic pain left right upper lower attack failure liver kidney".split()

__all__ = ["ATTRIBUTES", "URL", "Brute", "World"]


class World:
    """A made-up code system, as plain data and as an artefact in memory."""

    def __init__(self, seed: int, size: int = 40) -> None:
        draw = random.Random(seed)
        self.draw = draw
        self.codes = [str(100_000 + n * 7) for n in range(size)]
        self.named = [*self.codes, *ATTRIBUTES, NUMBER, WORD, *REFSETS]
        self.parents: dict[str, set[str]] = {}
        self.inactive = set(self.codes[size - 4 :])
        self.triples: set[tuple[str, str, str, int]] = set()
        self.values: set[tuple[str, str, str, int]] = set()
        self.refsets = {refset: set(draw.sample(self.codes, 8)) for refset in REFSETS}
        self.terms = {
            code: [" ".join(draw.sample(_WORDS, draw.randint(1, 3))) for _ in range(2)] for code in self.codes
        }
        self.successors: set[tuple[str, str, str]] = set()
        active = [code for code in self.codes if code not in self.inactive]
        for n, code in enumerate(active[1:], 1):
            self.parents[code] = set(draw.sample(active[:n], min(n, draw.choice((1, 1, 1, 2, 3)))))
        for code in active:
            for _ in range(draw.randrange(5)):
                self.triples.add((code, draw.choice(ATTRIBUTES), draw.choice(active), draw.randrange(3)))
            if draw.random() < 0.4:
                self.values.add((code, NUMBER, str(draw.randrange(5)), draw.randrange(3)))
            if draw.random() < 0.3:
                self.values.add((code, WORD, draw.choice(("red", "Red", "deep blue")), 0))
        for code in sorted(self.inactive):
            self.successors.add((code, draw.choice(("SAME_AS", "REPLACED_BY", "ALTERNATIVE")), draw.choice(active)))
        self.artefact = self._artefact()

    def _artefact(self) -> Artefact:
        builder = Builder(None)
        for code in self.named:
            terms = self.terms.get(code, [f"attribute {code}"])
            builder.concept(code, terms[0], code not in self.inactive)
            for term in terms[1:]:
                builder.term(code, term, "en", "900000000000013009")
        for code, above in self.parents.items():
            for each in sorted(above):
                builder.parent(code, each)
        for source, name, target, group in sorted(self.triples):
            builder.relation(source, name, target, group)
        for source, name, value, group in sorted(self.values):
            builder.value(source, name, value, group)
        for refset, members in self.refsets.items():
            for code in sorted(members):
                builder.member(refset, code)
        for code, how, target in sorted(self.successors):
            builder.successor(code, how, target)
        built = builder.finish(Edition(URL, "1", "made-up"))
        assert not built.issues
        return Artefact(None, builder.connection)


class Brute:
    """A constraint drawn at random: its text, and its concepts by walking the plain data."""

    def __init__(self, world: World) -> None:
        self.world, self.draw = world, world.draw
        self.every = {code for code in world.named if code not in world.inactive}

    # Walking.

    def above(self, code: str) -> set[str]:
        found: set[str] = set()
        todo = list(self.world.parents.get(code, ()))
        while todo:
            at = todo.pop()
            if at not in found:
                found.add(at)
                todo += self.world.parents.get(at, ())
        return found

    def below(self, code: str) -> set[str]:
        return {each for each in self.world.named if code in self.above(each)}

    def children(self, code: str) -> set[str]:
        return {each for each, above in self.world.parents.items() if code in above}

    # Drawing: every method returns (text, concepts).

    def expression(self, depth: int = 2) -> tuple[str, set[str]]:
        text, found = self.sub(depth)
        kind = self.draw.randrange(7)
        if kind == 0:
            for _ in range(self.draw.randint(1, 2)):
                more, other = self.sub(depth)
                text, found = f"{text} {self.draw.choice(('AND', 'and', ','))} {more}", found & other
        elif kind == 1:
            for _ in range(self.draw.randint(1, 2)):
                more, other = self.sub(depth)
                text, found = f"{text} OR {more}", found | other
        elif kind == 2:
            more, other = self.sub(depth)
            text, found = f"{text} MINUS {more}", found - other
        elif kind == 3:
            names, chosen = self.names()
            found = {t for s, n, t, _ in self.world.triples if s in found and n in chosen}
            text = f"{text} . {names}"
        elif kind in (4, 5):
            more, test = self.refinement(depth)
            text, found = f"{text} : {more}", {code for code in found if test(code)}
        return text, found

    def sub(self, depth: int) -> tuple[str, set[str]]:
        draw = self.draw
        whole = False
        member = draw.random() < 0.1
        if member:
            code = draw.choice(REFSETS)
            text, found = f"^ {code}", set(self.world.refsets[code])
        elif depth and draw.random() < 0.25:
            text, found = self.expression(depth - 1)
            text = f"({text})"
        elif draw.random() < 0.12:
            text, found, whole = "*", set(self.every), True
        else:
            code = draw.choice(self.world.codes)
            text, found = f"{code}{draw.choice(('', ' |a term|'))}", {code}
        walks: dict[str, Callable[[set[str]], set[str]]] = {
            "<": lambda s: set().union(*(self.below(c) for c in s)),
            "<<": lambda s: s | set().union(*(self.below(c) for c in s)),
            "<!": lambda s: set().union(*(self.children(c) for c in s)),
            "<<!": lambda s: s | set().union(*(self.children(c) for c in s)),
            ">": lambda s: set().union(*(self.above(c) for c in s)),
            ">>": lambda s: s | set().union(*(self.above(c) for c in s)),
            ">!": lambda s: set().union(*(self.world.parents.get(c, set()) for c in s)),
            ">>!": lambda s: s | set().union(*(self.world.parents.get(c, set()) for c in s)),
            "!!>": lambda s: {c for c in s if not self.above(c) & s},
            "!!<": lambda s: {c for c in s if not self.below(c) & s},
        }
        long = {"<": "descendantOf", "<<": "descendantOrSelfOf", ">": "ancestorOf", "<!": "childOf", ">!": "parentOf"}
        if draw.random() < 0.55 and not (whole and member):
            sign = draw.choice(list(walks))
            found = walks[sign](found)
            text = f"{long[sign]} {text}" if sign in long and draw.random() < 0.2 else f"{sign} {text}"
        if draw.random() < 0.08:
            text, found = self.filtered(text, found)
        if draw.random() < 0.05:
            kinds = {"-MIN": {"SAME_AS"}, "-MOD": {"SAME_AS", "REPLACED_BY"}, "-MAX": None, "": None}
            profile = draw.choice(list(kinds))
            wanted = kinds[profile]
            found = found | {c for c, how, t in self.world.successors
                             if t in found and (wanted is None or how in wanted)}  # fmt: skip
            text = f"{text} {{{{ +HISTORY{profile} }}}}"
        return text, found

    def filtered(self, text: str, found: set[str]) -> tuple[str, set[str]]:
        kind = self.draw.randrange(3)
        if kind == 0:
            wanted = self.draw.random() < 0.5
            return f"{text} {{{{ C active = {str(wanted).lower()} }}}}", {
                c for c in found if (c not in self.world.inactive) == wanted
            }
        word = self.draw.choice(_WORDS)
        if kind == 1:
            return f'{text} {{{{ term = "{word[:3]}" }}}}', {
                c for c in found if any(w.startswith(word[:3]) for t in self.terms_of(c) for w in t.split())
            }
        return f'{text} {{{{ D term = wild:"*{word}" }}}}', {
            c for c in found if any(t.endswith(word) for t in self.terms_of(c))
        }

    def terms_of(self, code: str) -> list[str]:
        return self.world.terms.get(code, [f"attribute {code}"])

    def names(self) -> tuple[str, set[str]]:
        kind = self.draw.randrange(4)
        if kind == 0:
            return "*", {*ATTRIBUTES, NUMBER, WORD}
        if kind == 1:
            two = self.draw.sample(ATTRIBUTES, 2)
            return f"({two[0]} OR {two[1]})", set(two)
        one = self.draw.choice(ATTRIBUTES)
        return one, {one}

    def refinement(self, depth: int) -> tuple[str, Callable[[str], bool]]:
        parts = [self.part(depth) for _ in range(self.draw.randint(1, 2))]
        every = self.draw.random() < 0.5
        sign = self.draw.choice((", ", " and ")) if every else " OR "
        return sign.join(text for text, _ in parts), lambda c: (all if every else any)(test(c) for _, test in parts)

    def part(self, depth: int) -> tuple[str, Callable[[str], bool]]:
        kind = self.draw.randrange(6)
        if kind < 2:
            return self.group(depth)
        if kind == 2 and depth:
            text, test = self.refinement(depth - 1)
            return f"({text})", test
        return self.attribute(depth)

    def bounds(self) -> tuple[str, Callable[[int], bool]]:
        if self.draw.random() < 0.6:
            return "", lambda n: n >= 1
        least = self.draw.randrange(3)
        most = self.draw.choice((None, least, least + 1, 2 + least))
        text = f"[{least}..{'*' if most is None else most}] "
        return text, lambda n: n >= least and (most is None or n <= most)

    def pairs(self, depth: int) -> tuple[str, Callable[[str], list[tuple[str, str, int]]]]:
        """Draw a comparison: its text, and the (name, value, group) of a concept that satisfy it."""
        kind = self.draw.randrange(8)
        if kind == 0:
            sign = self.draw.choice(("=", "!=", "<", "<=", ">", ">="))
            goal = self.draw.randrange(5)
            tests = {
                "=": int.__eq__,
                "!=": int.__ne__,
                "<": int.__lt__,
                "<=": int.__le__,
                ">": int.__gt__,
                ">=": int.__ge__,
            }
            return f"{NUMBER} {sign} #{goal}", lambda c: [
                (n, v, g) for s, n, v, g in self.world.values if s == c and n == NUMBER and tests[sign](int(v), goal)
            ]
        if kind == 1:
            sign = self.draw.choice(("=", "!="))
            goal_text = self.draw.choice(("red", "deep blue"))
            return f'{WORD} {sign} "{goal_text}"', lambda c: [
                (n, v, g) for s, n, v, g in self.world.values
                if s == c and n == WORD and (v == goal_text) == (sign == "=")
            ]  # fmt: skip
        names, chosen = self.names()
        value_text, targets = self.sub(max(0, depth - 1))
        sign = self.draw.choice(("=", "=", "!="))
        return f"{names} {sign} {value_text}", lambda c: [
            (n, t, g) for s, n, t, g in self.world.triples
            if s == c and n in chosen and (t in targets) == (sign == "=")
        ]  # fmt: skip

    def attribute(self, depth: int) -> tuple[str, Callable[[str], bool]]:
        bounds, fits = self.bounds()
        if self.draw.random() < 0.12:
            names, chosen = self.names()
            value_text, sources = self.sub(max(0, depth - 1))
            return f"{bounds}R {names} = {value_text}", lambda c: fits(
                len({(s, n) for s, n, t, _ in self.world.triples if t == c and n in chosen and s in sources})
            )
        text, pairs = self.pairs(depth)
        return f"{bounds}{text}", lambda c: fits(len({(n, v) for n, v, _ in pairs(c)}))

    def group(self, depth: int) -> tuple[str, Callable[[str], bool]]:
        bounds, fits = self.bounds()
        rows = []
        for _ in range(self.draw.randint(1, 2)):
            inner, inner_fits = self.bounds()
            text, pairs = self.pairs(depth)
            rows.append((f"{inner}{text}", pairs, inner_fits))
        every = self.draw.random() < 0.6
        said = (", " if every else " OR ").join(text for text, _, _ in rows)

        def count(code: str) -> int:
            facts = [(n, t, g) for s, n, t, g in (*self.world.triples, *self.world.values) if s == code]
            groups = {g or (n, t) for n, t, g in facts}
            good = 0
            for group in groups:
                verdicts = [
                    fit(len([1 for n, v, g in pairs(code) if (g or (n, v)) == group])) for _, pairs, fit in rows
                ]
                good += all(verdicts) if every else any(verdicts)
            return good

        return f"{bounds}{{ {said} }}", lambda c: fits(count(c))
