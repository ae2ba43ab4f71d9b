"""An OpenAPI 3.1 description of the FHIR server, made from its CapabilityStatement."""

import re
from collections.abc import Iterable

from unsilo.api.interaction import Interaction
from unsilo.kernel import Json

__all__ = ["openapi"]

_METHODS: dict[str, tuple[str, str, str]] = {
    "read": ("get", "/{type}/{{id}}", "Read the current version"),
    "vread": ("get", "/{type}/{{id}}/_history/{{vid}}", "Read one version"),
    "update": ("put", "/{type}/{{id}}", "Update, or create with this id"),
    "patch": ("patch", "/{type}/{{id}}", "Change by JSON Patch or FHIRPath Patch"),
    "delete": ("delete", "/{type}/{{id}}", "Delete"),
    "history-instance": ("get", "/{type}/{{id}}/_history", "All versions of one resource"),
    "history-type": ("get", "/{type}/_history", "All versions of a type"),
    "create": ("post", "/{type}", "Create"),
    "search-type": ("get", "/{type}", "Search"),
    "batch": ("post", "/", "Batch or transaction"),
    "search-system": ("get", "/", "Search over types"),
    "history-system": ("get", "/_history", "All versions"),
}
_ID = {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"}
_PLACE = re.compile(r"\[(\w+)\]")
_BODIES = ("create", "update", "patch", "batch")


def _parameters(path: str) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
        }
        for name in ("type", "id", "vid", "within")
        if "{" + name + "}" in path
    ]


def _operation(code: str, kind: str, summary: str, path: str, searching: list[Json]) -> Json:
    name = kind or "any"
    said: Json = {"operationId": f"{code}-{name}", "summary": f"{summary} ({name})", "tags": [name]}
    rows = [*_parameters(path), *searching]
    if rows:
        said["parameters"] = rows
    outcome = {"description": "what is wrong", "content": {"application/fhir+json": {"schema": _ref("Resource")}}}
    good = {"create": "201", "delete": "204"}.get(code, "200")
    answer: Json = {"description": "done"}
    if code != "delete":
        answer["content"] = {media: {"schema": _ref("Resource")} for media in ("application/fhir+json",)}
        answer["content"]["application/fhir+xml"] = {"schema": {"type": "string"}}
    said["responses"] = {good: answer, "4XX": outcome, "5XX": outcome}
    if code in _BODIES:
        content: Json = {"application/fhir+json": {"schema": _ref("Resource")}, "application/fhir+xml": {}}
        if code == "patch":
            content["application/json-patch+json"] = {"schema": {"type": "array", "items": {"type": "object"}}}
        said["requestBody"] = {"required": True, "content": content}
    return said


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _searching(rows: list[Json]) -> list[Json]:
    return [
        {"name": row["name"], "in": "query", "schema": {"type": "array", "items": {"type": "string"}},
         "style": "form", "explode": True, "description": f"search parameter of type {row['type']}"}
        for row in rows
    ]  # fmt: skip


def _further(rows: Iterable[Interaction], served: set[str]) -> Iterable[tuple[str, str, Json]]:
    """Give (path, method, operation) of what stands beside the standard's interactions: operations, compartments."""
    for row in rows:
        if not row.code or (row.code not in served and not row.code.startswith(("$", "search-compartment"))):
            continue
        if row.code in _METHODS:
            continue
        path = "/" + _PLACE.sub(r"{\1}", row.pattern)
        said = _operation(row.code, "", f"{row.code} at {row.pattern}", path, [])
        said["operationId"] = f"{row.method.lower()}-{row.pattern}"
        if row.definition:
            said["externalDocs"] = {"url": row.definition}
        yield path, row.method.lower(), said


def openapi(statement: Json, rows: Iterable[Interaction] = ()) -> Json:
    """Return the description: the interactions that the statement names, and the operations of the table."""
    paths: dict[str, Json] = {}
    rest = statement["rest"][0]

    def add(code: str, kind: str, searching: list[Json]) -> None:
        if code not in _METHODS:
            return
        method, pattern, summary = _METHODS[code]
        path = pattern.format(type=kind)
        paths.setdefault(path, {})[method] = _operation(code, kind, summary, path, searching)

    add_rows: list[tuple[str, str, list[Json]]] = [(row["code"], "", []) for row in rest["interaction"]]
    for resource in rest["resource"]:
        kind = resource["type"]
        found = _searching(resource["searchParam"])
        codes = [row["code"] for row in resource["interaction"]]
        add_rows += [(code, kind, found if code == "search-type" else []) for code in codes]
    for row in add_rows:
        add(*row)
    operations = {f"${row['name']}" for part in (rest, *rest["resource"]) for row in part.get("operation", ())}
    for path, method, said in _further(rows, operations):
        paths.setdefault(path, {}).setdefault(method, said)
    metadata = _operation("capabilities", "", "What this server does", "/metadata", [])
    paths["/metadata"] = {"get": metadata}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "unsilo FHIR R4", "version": statement["software"]["version"],
            "summary": "FHIR R4 over HTTP, as the CapabilityStatement of this node says.",
        },
        "servers": [{"url": statement["implementation"]["url"]}],
        "security": [{"token": []}, {}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Resource": {
                    "type": "object", "required": ["resourceType"],
                    "properties": {"resourceType": {"type": "string"}, "id": {"type": "string"}},
                }
            },
        },
    }  # fmt: skip
