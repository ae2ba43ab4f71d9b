"""Random questions about the random world: parameters, prefixes, modifiers, chains, includes, sorts."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import oracle_world as world
from oracle_judge import Parameter

ASKED: dict[str, tuple[str, ...]] = {
    "Patient": (
        "_id", "_tag", "_security", "_profile", "_source", "name", "family", "given", "identifier", "gender",
        "birthdate", "death-date", "deceased", "address-city", "address", "organization", "general-practitioner",
        "telecom",
    ),
    "Organization": ("_id", "_tag", "name", "identifier", "active", "partof"),
    "Practitioner": ("_id", "name", "family", "identifier"),
    "Encounter": (
        "_id", "_tag", "status", "class", "subject", "patient", "date", "service-provider", "participant",
        "practitioner",
    ),
    "Observation": (
        "_id", "_tag", "_security", "_profile", "status", "code", "category", "subject", "patient", "encounter",
        "performer", "date", "value-quantity", "value-string", "value-concept", "value-date", "component-code",
        "component-value-quantity", "combo-code", "combo-value-quantity", "has-member", "code-value-quantity",
        "component-code-value-quantity", "code-value-concept", "code-value-date", "code-value-string",
    ),
    "Condition": ("_id", "code", "subject", "patient", "encounter", "onset-date", "recorded-date"),
    "MedicationRequest": (
        "_id", "status", "intent", "code", "subject", "patient", "requester", "authoredon", "encounter",
    ),
    "ValueSet": ("_id", "url", "status", "title", "date"),
    "RiskAssessment": ("_id", "probability", "subject", "patient"),
}  # fmt: skip
"""The parameters that are asked for, by type."""

SORTS: dict[str, tuple[str, ...]] = {
    "Patient": ("birthdate", "family", "gender", "_id", "death-date", "name"),
    "Observation": ("date", "status", "_id", "value-date", "value-string"),
    "Encounter": ("date", "status", "_id"),
    "Condition": ("onset-date", "recorded-date", "_id"),
    "MedicationRequest": ("authoredon", "status", "_id"),
    "ValueSet": ("date", "title", "_id"),
    "RiskAssessment": ("probability", "_id"),
    "Organization": ("name", "_id"),
}  # fmt: skip

PREFIXES = ("", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
Parameters = Callable[[str], dict[str, Parameter]]


class Question(NamedTuple):
    """A question: criteria, what is to come along, the order (name, descending), the size of a page."""

    kind: str
    criteria: list[tuple[str, str]]
    includes: list[tuple[str, str]]
    sort: list[tuple[str, bool]]
    count: int

    def pairs(self) -> list[tuple[str, str]]:
        """Return the pairs of the query string."""
        made = [*self.criteria, *self.includes, ("_count", str(self.count)), ("_total", "accurate")]
        if self.sort:
            made.append(("_sort", ",".join(f"{'-' if down else ''}{name}" for name, down in self.sort)))
        return made


def escaped(text: str) -> str:
    """Escape what has a meaning in a value (R4 search.html#escaping)."""
    return re.sub(r"([\\,|$])", r"\\\1", text)


class Asker:
    """Makes questions from one seed."""

    def __init__(self, seed: int, made: world.World, parameters: Parameters) -> None:
        self.random = Random(seed)
        self.world = made
        self.parameters = parameters

    def question(self) -> Question:
        """Make one question."""
        random = self.random
        kind = random.choices(list(ASKED), weights=[5, 1, 1, 2, 8, 2, 2, 1, 1])[0]
        criteria = [self.criterion(kind) for _ in range(random.choice([0, 1, 1, 1, 2, 2, 3]))]
        several = random.choice([0, 0, 0, 0, 1, 2]) if kind not in ("ValueSet", "RiskAssessment") else 0
        includes = [self.include(kind) for _ in range(several)]
        sort: list[tuple[str, bool]] = []
        if kind in SORTS and random.random() < 0.4:
            names = random.sample(SORTS[kind], random.choice([1, 1, 2]))
            sort = [(name, random.random() < 0.5) for name in names]
        return Question(kind, criteria, includes, sort, random.choice([1, 2, 3, 7, 50, 1000]))

    def criterion(self, kind: str, depth: int = 0) -> tuple[str, str]:
        """Make one parameter with its value."""
        random = self.random
        chance = random.random()
        if chance < 0.12 and depth < 2:
            return self.reverse(kind, depth)
        name = random.choice(ASKED[kind])
        if name == "_id":
            ids = random.choices(self.world.ids[kind] + ["nowhere"], k=random.choice([1, 1, 2]))
            return "_id", ",".join(ids)
        parameter = self.parameters(kind)[name]
        if parameter.kind == "reference" and chance < 0.45 and depth < 3:
            return self.chain(parameter, depth)
        modifier = self.modifier(parameter)
        if modifier == "missing":
            return f"{name}:missing", random.choice(["true", "false"])
        values = [self.value(parameter, modifier) for _ in range(random.choice([1, 1, 1, 2]))]
        return f"{name}:{modifier}" if modifier else name, ",".join(values)

    def modifier(self, parameter: Parameter) -> str:
        """Choose a modifier that R4 has for a kind of parameter."""
        random = self.random
        if random.random() < 0.6 or parameter.kind == "composite":
            return ""
        if parameter.kind == "token":
            choice = ["missing", "not", "text"] + (["of-type"] if parameter.code == "identifier" else [])
            if parameter.code in ("gender", "status", "active", "deceased", "intent"):
                choice = ["missing", "not"]
            return random.choice(choice)
        if parameter.kind == "reference":
            known = ["missing", "identifier", *(t for t in parameter.targets if t in ASKED)]
            return random.choice(known + (["above", "below"] * 2 if "Organization" in parameter.targets else []))
        return random.choice({"string": ["missing", "exact", "contains"], "uri": ["missing", "below", "above"]}.get(
            parameter.kind, ["missing"]))  # fmt: skip

    def value(self, parameter: Parameter, modifier: str) -> str:
        """Make a value for a parameter."""
        random = self.random
        match parameter.kind:
            case "token":
                if modifier == "text":
                    return escaped(random.choice(["blood", "Blood p", "weight", "GROSSE", "größe", "zz"]))
                if modifier == "of-type":
                    return f"{world.SYSTEMS[0]}|{random.choice(['MR', 'SS'])}|{escaped(random.choice(world.CODES))}"
                return self.token(parameter)
            case "string":
                texts = (
                    world.FAMILIES + world.GIVENS + world.CITIES[:-1] + world.TEXTS + ["str", "VAN  den", "ol", "clin"]
                )
                return escaped(random.choice(texts))
            case "date":
                return random.choice(PREFIXES) + world.moment(random)
            case "number":
                return random.choice(PREFIXES) + random.choice(["0.1", "0.10", "0.25", "1", "0.3", "33", "3e1", "0"])
            case "quantity":
                return self.quantity()
            case "uri":
                return random.choice([*world.URIS, "http://x.org/v/1/2/3", "http://x.org"])
            case "reference":
                return self.reference(parameter, modifier)
            case "composite":
                return "$".join(self.part(kind) for kind, _ in parameter.parts)
        raise ValueError(parameter.kind)

    def part(self, kind: str) -> str:
        """Make one part of a composite value."""
        return self.value(Parameter("", kind, "", ()), "").replace(",", "\\,") if kind != "token" else self.token(
            Parameter("", "token", "", ()))  # fmt: skip

    def token(self, parameter: Parameter) -> str:
        """Make a token: code, system|code, |code or system|."""
        random = self.random
        own = {
            "gender": ["male", "female", "Male"], "status": ["final", "active", "finished", "FINAL", "draft"],
            "active": ["true", "false"], "deceased": ["true", "false"], "intent": ["order", "plan"],
            "telecom": ["1", "a@b"], "_tag": ["t1", "t2"], "_security": ["R", "V"], "_profile": world.URIS,
        }.get(parameter.code)  # fmt: skip
        if own is not None and (parameter.code[0] != "_" or random.random() < 0.5):
            return escaped(random.choice(own))
        code = escaped(random.choice(world.CODES if own is None else own))
        system = random.choice(["http://x.org/tag", "http://x.org/label"] if own else world.SYSTEMS)
        form = random.randrange(4)
        if form == 0 or (form == 3 and not system):
            return code
        if form == 1:
            return f"|{code}"
        return f"{system}|{code}" if form == 2 else f"{system}|"

    def quantity(self) -> str:
        """Make a quantity, with or without unit."""
        random = self.random
        number = random.choice(["1", "1.0", "5", "5.4", "10", "100", "0.005", "1000", "1e3", "-3", "5.40", "0.001"])
        unit = random.choice(["mg", "g", "ug", "kg", "puff"])
        form = random.randrange(4)
        if form == 0:
            tail = ""
        elif form == 1:
            tail = f"||{unit}"
        else:
            tail = f"|{'http://unitsofmeasure.org' if form == 2 else 'http://x.org/units'}|{unit}"
        return random.choice(PREFIXES) + number + tail

    def reference(self, parameter: Parameter, modifier: str) -> str:
        """Make a reference: Type/id, id, or a token for :identifier."""
        random = self.random
        if modifier == "identifier":
            return self.token(Parameter("identifier", "token", "", ()))
        kinds = [t for t in ([modifier] if modifier in ASKED else parameter.targets) if t in ASKED]
        kind = random.choice(kinds or ["Patient"])
        id_ = random.choice([*self.world.ids[kind], "nowhere"])
        return f"{kind}/{id_}" if random.random() < 0.6 else id_

    def chain(self, parameter: Parameter, depth: int) -> tuple[str, str]:
        """Make a chained parameter: through one type, or through whatever the reference may lead to."""
        random = self.random
        kinds = [t for t in parameter.targets if t in ASKED]
        target = random.choice(kinds)
        name, value = self.criterion(target, depth + 1)
        while name.startswith("_has"):
            name, value = self.criterion(target, depth + 1)
        typed = f":{target}" if len(parameter.targets) > 1 or random.random() < 0.3 else ""
        return f"{parameter.code}{typed}.{name}", value

    def reverse(self, kind: str, depth: int) -> tuple[str, str]:
        """Make a reverse chain."""
        random = self.random
        ways = [
            (other, p.code) for other in ASKED for name in ASKED[other]
            if name != "_id" and (p := self.parameters(other)[name]).kind == "reference" and kind in p.targets
        ]  # fmt: skip
        if not ways:
            return "_id", random.choice(self.world.ids[kind])
        other, by = random.choice(ways)
        name, value = self.criterion(other, depth + 1)
        return f"_has:{other}:{by}:{name}", value

    def reference_of(self, kind: str) -> str:
        """Return any reference parameter of a type."""
        return next(name for name, p in self.parameters(kind).items() if p.kind == "reference")

    def include(self, kind: str) -> tuple[str, str]:
        """Make an `_include` or `_revinclude`."""
        random = self.random
        if random.random() < 0.5:
            own = [n for n in ASKED[kind] if n != "_id" and self.parameters(kind)[n].kind == "reference"]
            if own:
                name = random.choice([*own, "*"])
                targets = [] if name == "*" else [t for t in self.parameters(kind)[name].targets if t in ASKED]
                tail = f":{random.choice(targets)}" if targets and random.random() < 0.3 else ""
                return "_include", f"{kind}:{name}{tail}"
        ways = [
            (other, name) for other in ASKED for name in ASKED[other]
            if name != "_id" and (p := self.parameters(other)[name]).kind == "reference" and kind in p.targets
        ]  # fmt: skip
        if not ways:
            return "_include", f"{kind}:{self.reference_of(kind)}"
        other, name = random.choice(ways)
        return "_revinclude", f"{other}:{name}"
