"""One row of the table of interactions: address pattern and method, what it is called, what it needs, who answers."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from unsilo.api.ask import Answer, Ask

__all__ = ["Interaction"]


class Interaction(NamedTuple):
    """`pattern` as in the standard (`[type]/[id]/_history`), `code` of CapabilityStatement or operation.

    `handler` is called with the node and the request.
    """

    method: str
    pattern: str
    code: str
    scope: str
    handler: Callable[[Any, Ask], Awaitable[Answer]]
    definition: str = ""
    """Canonical of the OperationDefinition, for operations."""
    raw: bool = False
    """True: other media than FHIR JSON and XML may be asked for."""
