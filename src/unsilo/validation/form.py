"""Tells whether JSON has the form of a FHIR resource: known elements, lists where they repeat, values of a type."""

from __future__ import annotations

from typing import Any

from unsilo.kernel import Issue
from unsilo.validation.shape import RESOURCE, Field, Shape
from unsilo.validation.shapes import Shapes

__all__ = ["Form", "is_of_form"]

_DEEP = 100
_OF_FORM = ("structure.", "type.", "ele-1")


def is_of_form(issue: Issue) -> bool:
    """Tell whether an issue of a validation is about the form: what no reader of FHIR could take (400, not 422)."""
    return issue.severity == "error" and issue.rule.startswith(_OF_FORM)


class Form:
    """The quick answer before a validation says what is wrong; not for several threads at once.

    Nothing is asked about what is missing, about codes, invariants, profiles and references: a resource may be
    incomplete and still be one (FHIR R4 http.html#2.21.0.10.1).
    """

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes

    def fits(self, resource: Any, depth: int = 0) -> bool:
        """Tell whether a resource has the form of its type; False for a type that is none."""
        kind = resource.get("resourceType") if type(resource) is dict else None
        shape = self._shapes.of_type(kind) if type(kind) is str else None
        return shape is not None and self._object(shape, resource, depth + 1, resource=True)

    def _object(self, shape: Shape, value: Any, depth: int, *, resource: bool = False) -> bool:
        if type(value) is not dict or not value or depth > _DEEP:
            return False
        fields = shape.fields
        groups: set[str] | None = None
        for key, held in value.items():
            field = fields.get(key)
            if field is None:
                if (key != "resourceType" or not resource) and not self._beside(fields, key, held, value, depth):
                    return False
                continue
            if field.group:
                groups = groups or set()
                if field.group in groups:
                    return False
                groups.add(field.group)
            check = field.primitive
            if not field.many:
                if not self._one(field, held, depth) if check is None else check(held):
                    return False
            elif type(held) is not list or not held:
                return False
            elif check is None:
                for item in held:
                    if not self._one(field, item, depth):
                        return False
            else:
                for item in held:
                    if check(item) and (item is not None or "_" + key not in value):
                        return False
        return True

    def _one(self, field: Field, value: Any, depth: int) -> bool:
        shape = field.shape
        if shape is None:
            code = field.type.code
            if code in RESOURCE:
                return self.fits(value, depth)
            shape = self._shapes.of_type(code)
            if shape is None:
                return True
        return self._object(shape, value, depth + 1)

    def _beside(self, fields: dict[str, Field], key: str, held: Any, value: dict[str, Any], depth: int) -> bool:
        """Tell whether a key is what a primitive has beside its value: id and extensions (json.html#primitive)."""
        field = fields.get(key[1:]) if key[:1] == "_" else None
        element = self._shapes.of_type("Element")
        if field is None or field.primitive is None or element is None:
            return False
        if not field.many:
            return self._object(element, held, depth + 1)
        if type(held) is not list or not held:
            return False
        same = value.get(key[1:])
        if same is not None and (type(same) is not list or len(same) != len(held)):
            return False
        return all(item is None or self._object(element, item, depth + 1) for item in held)
