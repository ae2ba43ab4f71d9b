"""Operations that are invoked by POST: simple values of a Parameters resource count as those of the address."""

from decimal import Decimal

from unsilo.api import take
from unsilo.api.ask import Ask, Refused
from unsilo.api.node import Node
from unsilo.kernel import Issue, Json, Where

__all__ = ["given"]


def _wrong(text: str, where: str) -> Refused:
    return Refused([Issue("error", "structure", text, Where(where), rule="http.parameters")], 400)


async def given(node: Node, ask: Ask) -> None:
    """Add what the body gives to the parameters of the request (FHIR R4 operations.html#executing)."""
    if ask.method != "POST" or ask.headers.get(b"content-length", b"0") == b"0":
        return
    bounds = node.settings.http
    said = await take.resource(ask, bounds.limit_bytes, bounds.body_seconds)
    if said.get("resourceType") != "Parameters":
        raise _wrong("an operation takes a Parameters resource", "Parameters")
    rows = said.get("parameter", [])
    if not isinstance(rows, list):
        raise _wrong("parameter is a list", "Parameters.parameter")
    ask.add([_pair(row, n) for n, row in enumerate(rows)])


def _pair(row: Json, n: int) -> tuple[str, str]:
    where = f"Parameters.parameter[{n}]"
    name = row.get("name") if isinstance(row, dict) else None
    if not isinstance(name, str):
        raise _wrong("a parameter has a name", where)
    values = [value for key, value in row.items() if key.startswith("value")]
    if len(values) != 1 or not isinstance(values[0], str | bool | int | Decimal):
        raise _wrong("a parameter of this operation has one simple value", f"{where}.value")
    value = values[0]
    return name, str(value).lower() if isinstance(value, bool) else str(value)
