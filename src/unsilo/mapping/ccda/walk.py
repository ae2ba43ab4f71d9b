"""XML paths of the tables as functions: from a node to its first or all matches (docs/reference/mapping-tables.md).

Each path becomes Python source of nested loops over children by name, compiled when it is first used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from unsilo.formats.ccda import Node
from unsilo.mapping.sources import Literal, Predicate, Walk, XmlStep, parse_xml

__all__ = ["Path", "clean_text", "path_of", "valued_node"]

_NAME: Final = re.compile(r"(sdtc:)?[A-Za-z]+")
_UNSAID: Final = frozenset(("nullFlavor", "xsi:type"))


def clean_text(node: Node) -> str:
    """Return all text below a node, white space single."""
    if not node.kids:
        return " ".join(node.text.split()) if node.text else ""
    return " ".join("".join(node.texts()).split())


def valued_node(node: Node) -> bool:
    """Tell whether a node says something: text, a child, or an attribute besides its type and nullFlavor."""
    if node.kids or node.text:
        return True
    return any(key not in _UNSAID and value.strip() for key, value in node.attrs.items())


def _read(node: Node, key: str) -> str:
    """Return an attribute's text; of a type only the name, as its prefix is the document's own choice."""
    value = (node.attrs.get(key) or "").strip()
    return value.rpartition(":")[2] if key == "xsi:type" else value


def _test(predicate: Predicate) -> Callable[[Node], bool]:
    """Return the function of one predicate (positions apart)."""
    steps = parse_xml(predicate.path)
    if len(steps) != 1 or isinstance(steps[0], Literal):
        raise ValueError(f"{predicate.path!r} is no test of an XML path")
    path = Path(steps[0])
    wanted = predicate.value

    def holds(node: Node) -> bool:
        if wanted is None:
            return path.first(node) is not None
        if path.key:
            return any(_read(found, path.key) == wanted for found in path.owners(node))
        if path.last == "templateId":
            return any(found.attrs.get("root") == wanted for found in path.owners(node))
        return any(clean_text(found) == wanted for found in path.owners(node))

    if predicate.negated:
        return lambda node: not holds(node)
    return holds


class _Source:
    """The Python of the loops of one path."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"clean_text": clean_text}

    def constant(self, value: Any) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def loops(self, steps: tuple[XmlStep, ...], anywhere: bool, absolute: bool) -> tuple[str, str]:
        """Write loops over the steps; return (variable of the last step, its indentation)."""
        here, pad = "e", "    "
        if absolute:
            self.lines.append(f"{pad}while e.parent is not None: e = e.parent")
        for number, step in enumerate(steps):
            var = f"n{number}"
            position = next((p.position for p in step.predicates if p.position), 0)
            if anywhere and number == 0:
                wanted = "" if "*" in step.names else f" if x.name in {self.constant(frozenset(step.names))}"
                source = (
                    f"[x for x in {here}.iter() if x is not {here}]"
                    if not wanted
                    else f"[x for x in {here}.iter(){wanted}]"
                )
            elif "*" in step.names:
                source = f"{here}.kids"
            elif len(step.names) == 1:
                source = f"{here}.by.get({step.names[0]!r}, ())"
            else:
                source = f"[x for x in {here}.kids if x.name in {self.constant(frozenset(step.names))}]"
            if position:
                self.lines.append(f"{pad}i{number} = 0")
            self.lines.append(f"{pad}for {var} in {source}:")
            pad += "    "
            for predicate in step.predicates:
                if not predicate.position:
                    self.lines.append(f"{pad}if not ({self.test(predicate, var)}): continue")
            if position:
                self.lines.append(f"{pad}i{number} += 1")
                self.lines.append(f"{pad}if i{number} != {position}: continue")
            here = var
        return here, pad

    def test(self, predicate: Predicate, var: str) -> str:
        """Python of one predicate: the frequent kinds in line, others as a function."""
        path, value = predicate.path, predicate.value
        said = ""
        if path == "kind" and value is not None:
            said = f"{var}.kind == {value!r}"
        elif value is not None and path.startswith("@") and path != "@xsi:type" and "/" not in path:
            said = f"{var}.attrs.get({path[1:]!r}) == {value!r}"
        elif value is not None and path == "@xsi:type":
            said = f"({var}.attrs.get('xsi:type') or '').strip().rpartition(':')[2] == {value!r}"
        elif value is None and _NAME.fullmatch(path):
            said = f"{path!r} in {var}.by"
        elif value is None and path.startswith("@") and "/" not in path:
            said = f"({var}.attrs.get({path[1:]!r}) or '').strip()"
        if said:
            return f"not ({said})" if predicate.negated else said
        return f"{self.constant(_test(predicate))}({var})"

    def function(self, lines: list[str]) -> Callable[..., Any]:
        """The compiled function of the lines."""
        source = "\n".join(["def f(e):", *lines, ""])
        space = dict(self.names)
        exec(compile(source, "<unsilo path>", "exec"), space)  # noqa: S102 - our own source; texts are literals in it
        made: Callable[..., Any] = space["f"]
        return made


class Path:
    """A compiled path: `key` is the attribute it ends in ("" for none), `text` tells that it ends in `text()`.

    `owners(node)` lists every element that the element steps lead to, in document order; `all` those of them that have
    the attribute or some text where the path ends in one; `first` is the first of these or None; `says` its text.
    """

    def __init__(self, walk: Walk, anywhere: bool = False) -> None:
        steps = list(walk.steps)
        self.anywhere = anywhere
        self.source = walk.text
        self.absolute = walk.absolute
        self.key = ""
        self.text = False
        self.suffix = ""
        if steps and steps[-1].names[0].startswith("@"):
            self.key = steps[-1].names[0][1:]
            self.suffix = f"/@{self.key}"
            steps.pop()
        elif steps and steps[-1].names == ("text()",):
            self.text = True
            self.suffix = "/text()"
            steps.pop()
        if any(n.startswith("@") or n == "text()" for s in steps for n in s.names):
            raise ValueError(f"{walk.text!r}: an attribute or text() can only be the last step")
        if self.absolute and steps and steps[0].names != ("ClinicalDocument",):
            raise ValueError(f"{walk.text!r} must start at /ClinicalDocument")
        self.last = steps[-1].names[0] if steps else "."
        self.steps = tuple(steps[1 if self.absolute else 0 :])
        for step in self.steps:
            for predicate in step.predicates:
                if not predicate.position and predicate.path != "kind":
                    _test(predicate)

    def __getattr__(self, name: str) -> Any:
        made = _MAKERS.get(name)
        if made is None:
            raise AttributeError(name)
        function = self.__dict__[name] = made(self)
        return function

    def read(self, node: Node | None) -> str:
        """Return what the path's end says about an element found: attribute, text, or a mark that it is there."""
        if node is None:
            return ""
        if self.key:
            return _read(node, self.key)
        return clean_text(node) if self.text else "."

    def count(self, node: Node) -> int:
        """Return how many there are."""
        return len(self.all(node))


def _loops(path: Path) -> tuple[_Source, str, str]:
    source = _Source()
    var, pad = source.loops(path.steps, path.anywhere, path.absolute)
    return source, var, pad


def _there(path: Path, var: str, pad: str, then: str) -> list[str]:
    """Lines that run `then` when the end of a path is there at an element; the value is in `v`."""
    if path.key:
        value = "v.strip()" if path.key != "xsi:type" else "v.strip().rpartition(':')[2]"
        return [
            f"{pad}v = {var}.attrs.get({path.key!r})",
            f"{pad}if v and not v.isspace(): {then.replace('VALUE', value)}",
        ]
    if path.text:
        return [f"{pad}v = clean_text({var})", f"{pad}if v: {then.replace('VALUE', 'v')}"]
    return [f"{pad}{then.replace('VALUE', repr('.'))}"]


def _owners(path: Path) -> Callable[..., Any]:
    source, var, pad = _loops(path)
    return source.function(["    r = []", *source.lines, f"{pad}r.append({var})", "    return r"])


def _all(path: Path) -> Callable[..., Any]:
    source, var, pad = _loops(path)
    return source.function(["    r = []", *source.lines, *_there(path, var, pad, f"r.append({var})"), "    return r"])


def _first(path: Path) -> Callable[..., Any]:
    source, var, pad = _loops(path)
    return source.function([*source.lines, *_there(path, var, pad, f"return {var}"), "    return None"])


def _says(path: Path) -> Callable[..., Any]:
    source, var, pad = _loops(path)
    return source.function([*source.lines, *_there(path, var, pad, "return VALUE"), "    return ''"])


def _valued(path: Path) -> Callable[..., Any]:
    """Tell whether the path leads to something valued; a node with a nullFlavor and nothing else is not."""
    source, var, pad = _loops(path)
    source.names["valued_node"] = valued_node
    if path.key or path.text:
        end = _there(path, var, pad, "return True")
    else:
        end = [f"{pad}if valued_node({var}): return True"]
    return source.function([*source.lines, *end, "    return False"])


_MAKERS: Final = {"owners": _owners, "all": _all, "first": _first, "says": _says, "valued": _valued}


@lru_cache(maxsize=8192)
def path_of(text: str) -> Path:
    """Compile one path; `//` before the first step finds it at any depth. ValueError says what is wrong with it."""
    if ".." in text or text.count("[") != text.count("]"):
        raise ValueError(f"{text!r} is no XML path")
    anywhere = text.startswith("//")
    parts = parse_xml(text[2:] if anywhere else text) or (Walk((), False, "."),)
    if len(parts) != 1 or isinstance(parts[0], Literal):
        raise ValueError(f"{text!r} is no single XML path")
    return Path(parts[0], anywhere)
