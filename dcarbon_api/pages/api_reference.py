"""The OpenAPI document arranged for a page: operations by topic, members as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dcarbon_api import problems

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Member:
    """One parameter or member, in words."""

    name: str
    kind: str
    is_required: bool
    description: str
    example: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    scope: str | None
    parameters: list[Member]
    body: list[Member]
    answers: list[tuple[str, list[Member]]]
    failures: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reference:
    """The whole page."""

    title: str
    description: str
    server: str
    topics: dict[str, list[Operation]]
    problems: list[Member]
    kinds: list[tuple[str, int, str]]


def of(document: Mapping[str, Any]) -> Reference:
    """Arrange an OpenAPI document as :func:`dcarbon_api.openapi.document` makes it."""
    schemas = document["components"]["schemas"]
    topics: dict[str, list[Operation]] = {}
    for path, methods in sorted(document["paths"].items()):
        for method, details in methods.items():
            found = _operation(path, method, details, schemas)
            topics.setdefault(details["tags"][0], []).append(found)
    return Reference(
        title=document["info"]["title"],
        description=document["info"]["description"],
        server=document["servers"][0]["url"],
        topics=dict(sorted(topics.items())),
        problems=_members(schemas["Problem"], schemas),
        kinds=problems.catalogue(),
    )


def _operation(path: str, method: str, details: Schema, schemas: Schema) -> Operation:
    responses = details["responses"]
    good = [r for status, r in responses.items() if status.startswith("2")]
    body = details.get("requestBody")
    return Operation(
        name=details["operationId"],
        method=method.upper(),
        path=path,
        summary=details["summary"],
        description=details["description"],
        scope=details.get("x-scope"),
        parameters=[_parameter(p, schemas) for p in details["parameters"]],
        body=_members(_schema_of(body), schemas) if body else [],
        answers=[found for r in good for found in _answers(_schema_of(r), schemas)],
        failures=[(s, r["description"]) for s, r in responses.items() if not s.startswith("2")],
    )


def _schema_of(part: Schema) -> Schema:
    content: Schema = next(iter(part.get("content", {}).values()), {})
    schema: Schema = content.get("schema", {})
    return schema


def _parameter(parameter: Schema, schemas: Schema) -> Member:
    schema = parameter["schema"]
    return Member(
        name=parameter["name"],
        kind=_kind(schema, schemas),
        is_required=parameter["required"],
        description=parameter["description"],
        example=_example(schema),
    )


def _answers(schema: Schema, schemas: Schema) -> Iterator[tuple[str, list[Member]]]:
    """Yield the tables of an answer: its own members, then those of what it is made of."""
    waiting, seen = [schema], set[str]()
    while waiting:
        current = waiting.pop(0)
        name = current.get("$ref", "").rpartition("/")[2]
        if name in seen:
            continue
        seen.add(name)
        found = schemas.get(name, current)
        if members := _members(found, schemas):
            yield name, members
        waiting += _references({k: v for k, v in found.items() if k != "discriminator"})


def _references(part: Any) -> Iterator[Schema]:
    if isinstance(part, Mapping):
        if "$ref" in part:
            yield part
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _members(schema: Schema, schemas: Schema) -> list[Member]:
    resolved = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
    needed = resolved.get("required", [])
    return [
        Member(
            name=name,
            kind=_kind(part, schemas),
            is_required=name in needed,
            description=part.get("description", ""),
            example=_example(part),
        )
        for name, part in resolved.get("properties", {}).items()
    ]


def _kind(schema: Schema, schemas: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(part, schemas) for part in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), schemas)}"
    return str(schema.get("format") or schema.get("type", "any"))


def _example(schema: Schema) -> str:
    return ", ".join(map(str, schema.get("examples", [])))
