"""Which slice an item belongs to: discriminators worked out from its definition (FHIR R4 profiling.html#slicing)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from unsilo.validation.equal import holds_pattern, is_fixed
from unsilo.validation.node import Binding, Discriminator, Node
from unsilo.validation.run import Run

__all__ = ["Known", "Match", "matcher", "values_at"]

Match = Callable[[Any, Run], bool]
"""Tells whether an item belongs to a slice."""


class Known(Protocol):
    """What working out a slice needs to know of other definitions."""

    def node_of_type(self, code: str) -> Node | None:
        """Return the root element of a base type."""

    def node_of_profile(self, url: str) -> Node | None:
        """Return the root element of a profile."""

    def in_binding(self, binding: Binding, value: Any, run: Run) -> bool | None:
        """Tell whether a code, Coding or CodeableConcept meets a binding; None when nobody can say."""

    def meets(self, profile: str, value: Any, run: Run) -> bool:
        """Tell whether a value meets a profile."""

    def led_to(self, reference: Any, run: Run) -> str:
        """Return the resource type that a reference leads to, "" when nobody can say."""

    def targets(self, reference: Any, run: Run) -> Any | None:
        """Return the resource that a reference leads to within the same document; None when it is elsewhere."""


class _Found(NamedTuple):
    """What a definition says at the end of a discriminator's path."""

    node: Node
    fixed: Any
    pattern: Any


def _steps(path: str) -> list[str]:
    if path in ("$this", ""):
        return []
    parts: list[str] = []
    depth = 0
    start = 0
    for place, char in enumerate(path):
        depth += (char == "(") - (char == ")")
        if char == "." and depth == 0:
            parts.append(path[start:place])
            start = place + 1
    parts.append(path[start:])
    return [part for part in parts if part != "$this"]


def _inner(step: str) -> str:
    return step.partition("(")[2].rstrip(")").strip("'\" ")


def _children(node: Node, known: Known) -> Iterator[dict[str, Node]]:
    if node.children:
        yield node.children
    for each in node.types:
        for url in each.profiles:
            found = known.node_of_profile(url)
            if found is not None:
                yield found.children
        base = known.node_of_type(each.code)
        if base is not None:
            yield base.children


def _targets(node: Node, known: Known) -> list[Node]:
    """Return the roots of what a reference may lead to."""
    urls = [url for each in node.types for url in each.targets]
    return [target for url in urls if (target := known.node_of_profile(url)) is not None]


def _descend(found: _Found, step: str, known: Known) -> _Found | None:
    node = found.node
    if step == "resolve()":
        targets = _targets(node, known)
        return _Found(targets[0], None, None) if targets else None
    if step.startswith("ofType("):
        return found
    if step.startswith("extension("):
        url = _inner(step)
        for children in _children(node, known):
            holder = children.get("extension")
            for each in holder.slices if holder is not None else ():
                if any(url in t.profiles for t in each.types):
                    return _Found(each, None, None)
        return None
    fixed = found.fixed.get(step) if isinstance(found.fixed, dict) else None
    pattern = found.pattern.get(step) if isinstance(found.pattern, dict) else None
    for children in _children(node, known):
        child = children.get(step)
        if child is not None:
            return _Found(child, child.fixed if fixed is None else fixed, child.pattern if pattern is None else pattern)
    return None


def _narrow(found: _Found, steps: list[str], known: Known) -> _Found | None:
    here: _Found | None = found
    for step in steps:
        if here is None:
            return None
        if isinstance(here.pattern, list) and here.pattern:
            here = here._replace(pattern=here.pattern[0])
        here = _descend(here, step, known)
        # A slice below may say what the element itself does not: the only one that is demanded counts.
        if here is not None and here.fixed is None and here.pattern is None:
            wanted = [s for s in here.node.slices if s.least > 0]
            if len(wanted) == 1:
                here = _Found(wanted[0], wanted[0].fixed, wanted[0].pattern)
    return here


def values_at(value: Any, steps: list[str], known: Known, run: Run) -> list[Any]:
    """Return the values at a discriminator's path below an item; choices are found under any type."""
    here = [value]
    for step in steps:
        following: list[Any] = []
        for each in here:
            if step == "resolve()":
                target = known.targets(each, run)
                following += [target] if target is not None else []
            elif step.startswith("ofType("):
                following.append(each)
            elif type(each) is dict:
                if step.startswith("extension("):
                    url = _inner(step)
                    following += [x for x in each.get("extension", ()) if type(x) is dict and x.get("url") == url]
                    continue
                found = each.get(step)
                if found is None:
                    size = len(step)
                    found = next(
                        (v for k, v in each.items() if k.startswith(step) and k[size : size + 1].isupper()), None
                    )
                following += found if type(found) is list else [found] if found is not None else []
        here = following
    return here


def _test(how: Discriminator, node: Node, known: Known) -> Match | None:
    steps = _steps(how.path)
    found = _narrow(_Found(node, node.fixed, node.pattern), steps, known)
    if found is None:
        return None
    target = found.node
    if how.kind == "exists":
        wanted = target.least > 0
        return lambda item, run: bool(values_at(item, steps, known, run)) is wanted
    if how.kind == "type":
        codes = _codes(node, target, steps, known)
        return lambda item, run: any(_has_type(each, said, codes) for each, said in _typed(item, steps, known, run))
    if how.kind == "profile":
        profiles = [url for each in target.types for url in (each.profiles or each.targets)]
        return lambda item, run: any(
            known.meets(url, each, run) for url in profiles for each in values_at(item, steps, known, run)
        )
    if found.fixed is not None:
        fixed = found.fixed
        return lambda item, run: any(is_fixed(each, fixed) for each in values_at(item, steps, known, run))
    if found.pattern is not None:
        pattern = found.pattern
        return lambda item, run: any(holds_pattern(each, pattern) for each in values_at(item, steps, known, run))
    if target.binding is not None and target.binding.strength == "required":
        binding = target.binding
        return lambda item, run: any(
            known.in_binding(binding, each, run) is True for each in values_at(item, steps, known, run)
        )
    urls = [each.profiles[0] for each in target.types if each.code == "Extension" and each.profiles]
    if urls:
        return lambda item, run: any(
            type(each) is dict and each.get("url") in urls for each in values_at(item, steps, known, run)
        )
    return None


def _codes(node: Node, target: Node, steps: list[str], known: Known) -> set[str]:
    """Return the types that a slice allows where its discriminator leads; a resource's root is its own type."""
    if steps and steps[-1] == "resolve()":
        holder = _narrow(_Found(node, node.fixed, node.pattern), steps[:-1], known)
        return {each.path for each in _targets(holder.node, known)} if holder is not None else set()
    return {each.code for each in target.types} or ({target.path} if "." not in target.path else set())


def _typed(value: Any, steps: list[str], known: Known, run: Run) -> list[tuple[Any, str]]:
    """Return the values at a path with what the JSON name of a choice says of their type (`Quantity`), else ""."""
    if steps and steps[-1] == "resolve()":
        return [(each, known.led_to(each, run)) for each in values_at(value, steps[:-1], known, run)]
    if not steps or "(" in steps[-1]:
        return [(each, "") for each in values_at(value, steps, known, run)]
    name = steps[-1]
    found: list[tuple[Any, str]] = []
    for holder in values_at(value, steps[:-1], known, run):
        for key, held in holder.items() if type(holder) is dict else ():
            said = key.removeprefix(name)
            if key == name or (len(said) < len(key) and said[:1].isupper()):
                told = "" if key == name else said
                found += [(each, told) for each in held] if type(held) is list else [(held, told)]
    return found


def _has_type(value: Any, said: str, codes: set[str]) -> bool:
    if said:
        return said in codes or said[0].lower() + said[1:] in codes
    if type(value) is dict:
        kind = value.get("resourceType")
        return kind in codes or (kind is None and not codes & _SIMPLE)
    return bool(codes & _SIMPLE)


_SIMPLE = {"string", "boolean", "integer", "decimal", "code", "uri", "date", "dateTime", "markdown", "id", "instant"}


def _extension_url(node: Node) -> str:
    return next((each.profiles[0] for each in node.types if each.code == "Extension" and each.profiles), "")


def matcher(how: tuple[Discriminator, ...], node: Node, known: Known) -> Match | None:
    """Return the test for one slice; None when its definition does not say how it is told apart."""
    tests: list[Match] = []
    for each in how:
        if each.kind in ("value", "pattern") and each.path == "url" and (url := _extension_url(node)):
            tests.append(lambda item, _run, url=url: type(item) is dict and item.get("url") == url)  # type: ignore[misc]
            continue
        test = _test(each, node, known)
        if test is not None:
            tests.append(test)
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda item, run: all(test(item, run) for test in tests)
