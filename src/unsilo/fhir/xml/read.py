"""FHIR XML to JSON, strictly: nothing that R4 does not define is passed over (FHIR R4 xml.html)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final
from xml.parsers import expat

from unsilo.fhir import scan
from unsilo.fhir.xml.faults import fault
from unsilo.fhir.xml.narrative import alone
from unsilo.fhir.xml.slots import FHIR, XHTML, Form, Slot, slots
from unsilo.kernel import Issue, Json, Limits, Result
from unsilo.kernel.limits import DEFAULT
from unsilo.spec.model import types

__all__ = ["Frame", "Reader", "StopError", "decode", "end_of_tag"]

_SCHEMA_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance "
_IN_FHIR: Final = f"{FHIR} "
_DIV: Final = f"{XHTML} div"
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_INTEGERS: Final = frozenset(("integer", "positiveInt", "unsignedInt"))
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


class StopError(Exception):
    """Ends parsing after a fault that nothing behind can be read with, or after too many."""


class Frame:
    """An open element: what it fills, which names it may have, and what it becomes in its parent."""

    __slots__ = ("bare", "depth", "form", "kind", "last", "name", "node", "slot", "value")

    def __init__(self, form: Form, name: str, node: Json, slot: Slot | None, kind: str, depth: int) -> None:
        self.form = form
        self.name = name
        self.node = node
        self.slot = slot
        self.kind = kind
        self.depth = depth
        self.last: tuple[int, str] = (-1, "")
        self.value: Any = None
        self.bare: set[str] | None = None


class Reader:
    """Builds one resource from the parser's events."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        self.content = content
        self.limits = limits
        self.issues: list[Issue] = []
        self.failed = False
        self.stack: list[Frame] = [Frame(Form.RESOURCE, "", {}, None, "", 0)]
        self.ignored = 0
        """Open elements inside one that was refused."""
        self.markup = 0
        """Open elements of XHTML, the `div` itself included."""
        self.start_of_markup = 0
        self.scope: dict[str, list[str]] = {}
        parser = self.parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        parser.StartDoctypeDeclHandler = self.doctype
        parser.XmlDeclHandler = self.declaration
        parser.StartNamespaceDeclHandler = self.bind
        parser.EndNamespaceDeclHandler = self.unbind

    # What is wrong, and where.
    def place(self) -> str:
        return f"line {self.parser.CurrentLineNumber}, column {self.parser.CurrentColumnNumber + 1}"

    def path(self) -> str:
        """Return the FHIRPath of the innermost open element."""
        parts = []
        for above, frame in zip([None, *self.stack[1:]], self.stack[1:], strict=False):
            if frame.slot is None:
                if above is None:
                    parts.append(frame.name)
                continue
            there = above.node.get(frame.name) if above else None
            at = f"[{len(there) if isinstance(there, list) else 0}]" if frame.slot.many else ""
            parts.append(f"{frame.name}{at}")
        return ".".join(parts)

    def refuse(self, rule: str, more: str = "", name: str = "") -> None:
        at = max(self.parser.CurrentByteIndex, 0)
        path = ".".join(part for part in (self.path(), name[:60]) if part)
        self.issues.append(fault(rule, self.place(), path, (at, at + 1), more[:60]))
        self.failed = self.failed or self.issues[-1].severity != "warning"
        if len(self.issues) >= self.limits.issues:
            raise StopError

    def stop(self, rule: str, more: str = "") -> None:
        self.refuse(rule, more)
        raise StopError

    # Events.
    def doctype(self, *_: object) -> None:
        self.stop("doctype")

    def declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.lower() not in ("utf-8", "us-ascii", "ascii"):
            self.stop("charset", encoding)

    def bind(self, prefix: str | None, uri: str | None) -> None:
        self.scope.setdefault(prefix or "", []).append(uri or "")

    def unbind(self, prefix: str | None) -> None:
        self.scope[prefix or ""].pop()

    def text(self, data: str) -> None:
        if not self.markup and not self.ignored and not data.isspace():
            self.refuse("text")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self.markup:
            self.markup += 1
            if self.markup > self.limits.xml_depth:
                self.stop("depth")
            return
        if self.ignored:
            self.ignored += 1
            if self.ignored > self.limits.xml_depth:
                self.stop("depth")
            return
        above = self.stack[-1]
        if not name.startswith(_IN_FHIR):
            slot = slots(above.kind).get("div") if name == _DIV else None
            if slot is not None and slot.form is Form.MARKUP and above.form is Form.COMPLEX:
                self.open_markup(above, slot)
            else:
                self.ignored = 1
                self.refuse("namespace", name.rpartition(" ")[2], name.rpartition(" ")[2])
            return
        local = name[len(_IN_FHIR) :]
        if above.form is Form.RESOURCE:
            self.open_resource(above, local, attributes)
            return
        slot = slots("Element" if above.form is Form.PRIMITIVE else above.kind).get(local)
        if slot is None or slot.form is Form.ATTRIBUTE:
            self.ignored = 1
            self.refuse("element", local, local)
        elif slot.form is Form.MARKUP:
            self.ignored = 1
            self.refuse("namespace", local, local)
        else:
            self.open(above, slot, attributes)

    def in_order(self, above: Frame, slot: Slot) -> None:
        """Check an element that does not simply follow: a repetition, a second type of a choice, one out of order."""
        last, name = above.last
        if slot.order > last or (slot.many and slot.name == name):
            above.last = (slot.order, slot.name)
            return
        names = [n for n, other in slots(above.kind or "Element").items() if other.order == slot.order]
        there = next((n for n in names if n in above.node or f"_{n}" in above.node), "")
        if there and there != slot.name:
            self.refuse("choice", slot.name, slot.name)
        elif there and not slot.many:
            self.refuse("many", slot.name, slot.name)
        else:
            self.refuse("order", slot.name, slot.name)

    def open_markup(self, above: Frame, slot: Slot) -> None:
        self.in_order(above, slot)
        self.markup = 1
        self.start_of_markup = self.parser.CurrentByteIndex

    def open_resource(self, above: Frame, local: str, attributes: dict[str, str]) -> None:
        if local not in types.resources:
            self.ignored = 1
            self.refuse("type", local)
            return
        if above.value is not None:
            self.ignored = 1
            self.refuse("resource", local)
            return
        frame = Frame(Form.COMPLEX, local, {"resourceType": local}, None, local, above.depth + 1)
        above.value = frame.node
        self.stack.append(frame)
        self.take(frame, attributes)

    def open(self, above: Frame, slot: Slot, attributes: dict[str, str]) -> None:
        self.in_order(above, slot)
        depth = above.depth + (2 if slot.many else 1)
        frame = Frame(slot.form, slot.name, {}, slot, slot.kind, depth)
        self.stack.append(frame)
        if depth >= self.limits.json_depth:
            self.stop("depth")
        if slot.form is Form.PRIMITIVE:
            said = attributes.pop("value", None)
            if said is not None:
                frame.value = self.value(slot.kind, said)
        if attributes:
            self.take(frame, attributes)

    def take(self, frame: Frame, attributes: dict[str, str]) -> None:
        """Put attributes into the node: `id` and the like; what R4 does not have is refused."""
        known = {} if frame.form is Form.RESOURCE else slots("Element" if frame.form is Form.PRIMITIVE else frame.kind)
        for name, value in attributes.items():
            slot = known.get(name)
            if slot is not None and slot.form is Form.ATTRIBUTE:
                if not value:
                    self.refuse("empty", name, name)
                frame.node[name] = value
            elif not name.startswith(_SCHEMA_INSTANCE):
                self.refuse("attribute", name.rpartition(" ")[2])

    def value(self, kind: str, said: str) -> Any:
        """Return a primitive as JSON has it."""
        if kind == "boolean":
            if said in ("true", "false"):
                return said == "true"
        elif kind in _INTEGERS or kind == "decimal":
            number = _NUMBER.fullmatch(said) if len(said) <= scan.LONGEST_NUMBER else None
            if number and number[1] is None and number[2] is None:
                return int(said)
            if number and kind == "decimal" and not (number[2] and scan.huge(said.encode())):
                return Decimal(said)
        elif said:
            return said
        self.refuse("value" if said else "empty", kind)
        return None

    def end(self, _: str) -> None:
        if self.markup:
            self.markup -= 1
            if not self.markup:
                self.close_markup()
            return
        if self.ignored:
            self.ignored -= 1
            return
        frame = self.stack.pop()
        node, slot = frame.node, frame.slot
        for name in frame.bare or ():
            if all(value is None for value in node[name]):
                del node[name]
        if slot is None:
            return
        above = self.stack[-1]
        if frame.form is Form.PRIMITIVE:
            self.close_primitive(above, slot, frame.value, node)
            return
        done = frame.value if frame.form is Form.RESOURCE else node
        if not done:
            self.refuse("resource" if frame.form is Form.RESOURCE else "empty", slot.name, slot.name)
        elif slot.many:
            above.node.setdefault(slot.name, []).append(done)
        else:
            above.node[slot.name] = done

    def close_primitive(self, above: Frame, slot: Slot, value: Any, companion: Json) -> None:
        node, name = above.node, slot.name
        if value is None and not companion:
            if not self.failed:
                self.refuse("empty", name, name)
            return
        if not slot.many:
            if value is not None:
                node[name] = value
            if companion:
                node[f"_{name}"] = companion
            return
        values = node.setdefault(name, [])
        values.append(value)
        companions = node.get(f"_{name}")
        if companions is not None:
            companions.append(companion or None)
        elif companion:
            node[f"_{name}"] = [None] * (len(values) - 1) + [companion]
        if value is None:
            above.bare = (above.bare or set()) | {name}

    def close_markup(self) -> None:
        """Cut the `div` out of the document, as it was written."""
        start = self.start_of_markup
        end = end_of_tag(self.content, start)
        if self.content[end - 1 : end] != b"/":
            end = self.content.index(b">", self.parser.CurrentByteIndex)
        end += 1
        scope = {prefix: bound[-1] for prefix, bound in self.scope.items() if bound and bound[-1]}
        self.stack[-1].node["div"] = alone(self.content[start:end].decode("utf-8"), scope)


def end_of_tag(content: bytes, start: int) -> int:
    """Return the place of the `>` that ends the tag at `start`; quoted ones do not."""
    found = re.compile(rb"""(?:[^>"']|"[^"]*"|'[^']*')*""").match(content, start)
    return found.end() if found else start


def decode(content: bytes, limits: Limits = DEFAULT, *, keep: bool = False) -> Result[Json]:
    """Read one resource from foreign XML; never raises.

    The value is what the JSON of the same resource decodes to: Decimals with their digits, `_x` for ids and extensions
    of primitives, XHTML letter by letter. Refused, each with an Issue that holds line, column, byte and FHIRPath: any
    DOCTYPE, encodings other than UTF-8, XML that is not well formed, elements and attributes that R4 does not have,
    elements repeated where they may not be, empty ones, text between elements, values that are no boolean or number
    where the type demands it, nesting whose JSON is deeper than `limits.json_depth`, sizes over `limits.message_bytes`.
    An element out of R4's order is a warning, as its meaning is plain and published examples have them. Comments and
    processing instructions are passed over, as is `xsi:schemaLocation`. With `keep`, for validation, the value holds
    what could be understood beside what was refused.
    """
    if len(content) > limits.message_bytes:
        return Result(None, [fault("size", "", span=(limits.message_bytes, len(content)))])
    if content[:2] in _UTF16 or b"\0" in content[:4]:
        return Result(None, [fault("charset", "line 1, column 1", span=(0, 2))])
    reader = Reader(content, limits)
    try:
        reader.parser.Parse(content, True)
    except StopError:
        return Result(None, reader.issues)
    except expat.ExpatError as error:
        at = max(reader.parser.ErrorByteIndex, 0)
        place = f"line {error.lineno}, column {error.offset + 1}"
        rule = "syntax"
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as wrong:
            rule, at = "charset", wrong.start
        said = expat.errors.messages.get(error.code, "")
        return Result(None, [*reader.issues, fault(rule, place, span=(at, at + 1), more=said)])
    return Result(None if reader.failed and not keep else reader.stack[0].value, reader.issues)
