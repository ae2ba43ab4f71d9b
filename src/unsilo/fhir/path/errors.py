"""What ends an expression: a `PathError` with its kind and the place in the text."""

from typing import Literal

__all__ = ["Fault", "PathError"]

Fault = Literal["syntax", "semantic", "execution", "costly"]
"""`syntax`: the text is no FHIRPath. `semantic`: it asks for what the type model does not have. `execution`: the data
do not fit what is done with them. `costly`: a limit of size, depth, steps or results is reached."""


class PathError(Exception):
    """An expression cannot be read or cannot be evaluated.

    `at` is the offset (in characters) of the part that is at fault, -1 when it is not known; `line` and `column` count
    from 1. The text names no value of the data.
    """

    def __init__(self, fault: Fault, text: str, at: int = -1, expression: str = "") -> None:
        self.fault: Fault = fault
        self.text = text
        self.at = at
        self.expression = expression
        super().__init__(text)

    @property
    def line(self) -> int:
        """The line of the place, from 1; 0 when the place is not known."""
        return self.expression.count("\n", 0, self.at) + 1 if self.at >= 0 else 0

    @property
    def column(self) -> int:
        """The column of the place, from 1; 0 when the place is not known."""
        return self.at - self.expression.rfind("\n", 0, self.at) if self.at >= 0 else 0

    def __str__(self) -> str:
        place = f" (line {self.line}, column {self.column})" if self.at >= 0 else ""
        return f"{self.fault}: {self.text}{place}"
