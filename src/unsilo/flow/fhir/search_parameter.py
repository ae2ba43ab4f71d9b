"""A SearchParameter that is written: its keys are extracted from then on, and in the background from what is there."""

from unsilo.fhir.index import compile_parameter
from unsilo.flow.parameters import Parameters
from unsilo.flow.process import Piece
from unsilo.kernel import Issue, Json, Where, json
from unsilo.spec.model import types
from unsilo.spec.parameters import FIRST_CUSTOM, parameter
from unsilo.spec.r4 import resource_types, type_number
from unsilo.storage import Tx
from unsilo.storage.parameters import ParameterRow, compiled

__all__ = ["deleted", "written"]

_RULE = "fhir.parameter"


def _said(text: str, where: str = "SearchParameter", hint: str = "") -> Issue:
    return Issue("warning", "not-supported", text, Where(where), hint, _RULE)


def _kinds(definition: Json) -> list[str]:
    bases = definition.get("base")
    named = [base for base in bases if isinstance(base, str)] if isinstance(bases, list) else []
    return [kind for kind in sorted(resource_types()) if any(base == kind or types.is_a(kind, base) for base in named)]


def written(tx: Tx, parameters: Parameters, piece: Piece) -> list[Issue]:
    """Take over what a SearchParameter says; return as warnings why it cannot be searched by, or not yet.

    A code that the standard has for a type keeps the standard's meaning there. A draft or retired definition is
    stored and gives no keys.
    """
    definition: Json = json.decode(piece.body)
    before = {row.type: row for row in tx.parameters() if row.fhir_id == piece.id}
    issues: list[Issue] = []
    wanted: dict[int, ParameterRow] = {}
    rows = tx.parameters()
    number = max([FIRST_CUSTOM - 1, *(row.id for row in rows), tx.top_parameter()]) + 1
    code, url = definition.get("code"), definition.get("url")
    taken = {(row.type, row.code) for row in rows if row.fhir_id != piece.id}
    kinds = _kinds(definition) if definition.get("status") != "retired" else []
    if not kinds:
        issues.append(_said("nothing can be searched by it: it is retired or names no resource type", "base"))
    others = {row.url: one.parameter for some in compiled(rows).values() for one in some for row in rows
              if row.id == one.parameter.number}  # fmt: skip
    for kind in kinds:
        type_ = type_number(kind)
        if isinstance(code, str) and parameter(kind, code) is not None:
            issues.append(_said(f"{kind} has {code[:64]} by the standard, which stays as it is", "code"))
            continue
        if (type_, code) in taken:
            issues.append(_said(f"{kind} has a posted parameter {str(code)[:64]} already", "code"))
            continue
        made = compile_parameter(definition, kind, number, others)
        if made.value is None:
            issues += [_said(issue.text, issue.where.path, issue.hint) for issue in made.issues[:1]]
            continue
        old = before.get(type_)
        if old is not None and old.definition == piece.body:
            wanted[type_] = old
            continue
        wanted[type_] = ParameterRow(
            number, type_, str(code), str(url or ""), piece.id, piece.body, "indexing", 0, tx.live_of(type_)
        )  # fmt: skip
        number += 1
    for type_, old in before.items():
        if wanted.get(type_) is not old:
            tx.drop_parameter(old.id)
    for row in wanted.values():
        if row not in before.values():
            tx.add_parameter(row)
    parameters.replace(tx.parameters())
    return issues


def deleted(tx: Tx, parameters: Parameters, id_: str) -> None:
    """Forget the parameters of a deleted SearchParameter; a search by them is refused from now on."""
    for row in tx.parameters():
        if row.fhir_id == id_:
            tx.drop_parameter(row.id)
    parameters.replace(tx.parameters())
