"""The page that describes the API: the table of operations, for people."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from functions.api.openapi import OPERATIONS, by_status, document
from functions.api.reasons import REASONS, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator


_NO_SCHEMA: Mapping[str, Any] = {}


@dataclasses.dataclass(frozen=True)
class Field:
    """A parameter, or a member of a body."""

    name: str
    where: str  #: path, query, header or body
    type: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class Described:
    """One operation as it is shown."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    fields: Sequence[Field]
    answers: Sequence[tuple[int, str, str]]  #: status, media types, what it is
    reasons: Sequence[tuple[int, Sequence[str]]]  #: by status
    curl: str
    command: str | None


@dataclasses.dataclass(frozen=True)
class ApiHelp:
    """Everything on the page; groups in the order of the table."""

    groups: Sequence[tuple[str, Sequence[Described]]]
    reasons: Mapping[str, Reason]


def api_help(base_url: str) -> ApiHelp:
    """The page of the installation at this address."""
    components = document(base_url)["components"]["schemas"]
    paths = document(base_url)["paths"]
    shown = []
    for operation in OPERATIONS:
        described = paths[operation.path][operation.method.lower()]
        answers = [
            (status, ", ".join(answer.media), answer.description)
            for status, answer in sorted(operation.answers.items())
        ]
        shown.append((
            operation.group,
            Described(
                id=operation.id,
                method=operation.method,
                path=operation.path,
                summary=operation.summary,
                description=operation.description,
                fields=[*_parameters(described), *_members(described, components)],
                answers=answers,
                reasons=sorted(by_status(operation.reasons).items()),
                curl=operation.curl.replace("BASE", base_url),
                command=operation.command,
            ),
        ))  # fmt: skip
    names = dict.fromkeys(group for group, _ in shown)
    return ApiHelp(groups=[(name, [one for group, one in shown if group == name]) for name in names], reasons=REASONS)


def _parameters(described: Mapping[str, Any]) -> Iterator[Field]:
    for parameter in described.get("parameters", ()):
        yield Field(parameter["name"], parameter["in"], _type(parameter["schema"]), parameter["description"])


def _members(described: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[Field]:
    """Of every form of the body, each once; those of what stands inside it below its name."""
    contents = described.get("requestBody", {}).get("content", {}).values()
    schemas = [_resolved(content["schema"], components) for content in contents]
    seen = set()
    for name, schema in itertools.chain.from_iterable(schema.get("properties", {}).items() for schema in schemas):
        if name in seen:
            continue
        seen.add(name)
        yield Field(name, "body", _type(schema), schema.get("description", ""))
        for inner, member in _resolved(schema, components).get("properties", {}).items():
            yield Field(f"{name}.{inner}", "body", _type(member), member.get("description", ""))


def _resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference leads to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return components[name] if name else schema


def _type(schema: Mapping[str, Any]) -> str:
    """A type in a few words."""
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " | ".join(schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', _NO_SCHEMA))}"
    of = {"string": "text", "integer": "whole number"}
    found = str(schema.get("format") or of.get(schema.get("type", ""), schema.get("type", "anything")))
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None:
        return found
    return f"{found} from {least}" + (f" to {most}" if most is not None else "")
