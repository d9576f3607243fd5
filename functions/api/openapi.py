"""The table as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1). Made when somebody first asks for it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pydantic
from pydantic.json_schema import GenerateJsonSchema

from common.model.answers import ProblemAnswer
from functions.api import of_companies, of_recordings
from functions.api.description import JSON, MULTIPART, PROBLEM, Place
from functions.api.examples import examples
from functions.api.reasons import REASONS
from functions.api.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from functions.api.description import Answer, Body, Operation, Parameter

VERSION = "1"
#: In the order in which a reader needs them.
OPERATIONS: tuple[Operation, ...] = (*of_recordings.OPERATIONS, *of_companies.OPERATIONS)
_REF = "#/components/schemas/{model}"
_DESCRIPTION = """\
Recordings in; transcripts, sentiment, topics, trackers, questions, tasks and summaries out.

Members are snake_case, times RFC 3339, lengths seconds. An unknown parameter or field is an error, so that a typo
changes nothing. Errors are `application/problem+json`: decide by `reason`, which is stable, and show `detail`, which
has the mend. Every answer has an `X-Request-Id`.
"""
_SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "AUTH_MODE=token: a token that the operator has issued.",
    },
    "iam": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "AUTH_MODE=iam: an identity token of Google for the function's URL; the platform checks it.",
    },
    "iap": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Goog-IAP-JWT-Assertion",
        "description": "AUTH_MODE=iap: set by Identity-Aware Proxy once its visitor has signed in; never by a caller.",
    },
}
_HEADERS = {
    "Retry-After": {"description": "Seconds after which to ask again.", "schema": {"type": "integer"}},
    "Allow": {"description": "The methods that there are.", "schema": {"type": "string"}},
}


def document(server: str) -> dict[str, Any]:
    """The description of the API at a base URL."""
    return {**_document(), "servers": [{"url": server}]}


@functools.cache
def _document() -> dict[str, Any]:
    schemas = _Schemas(OPERATIONS)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    groups = dict.fromkeys(operation.group for operation in OPERATIONS)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "calltrack",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [],
        "security": [{name: []} for name in _SECURITY],
        "tags": [{"name": group} for group in groups],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "examples": {reason: {"value": _example(reason)} for reason in REASONS},
            "headers": _HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


class _Always(GenerateJsonSchema):
    """In answers a field that has a default is there all the same."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ANN401, FBT001  # pydantic's own signature
        """As pydantic asks it of each field."""
        return super().field_is_required(field, total) or (self.mode == "serialization" and field["type"] != _TYPED)


_TYPED = "typed-dict-field"


class _Schemas:
    """Every type of the table as a schema; what has a name of its own is a component."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        types = dict.fromkeys([*_types(operations), (ProblemAnswer, "serialization")])
        adapters = [((type_, mode), mode, pydantic.TypeAdapter(type_)) for type_, mode in types]
        found, shared = pydantic.TypeAdapter.json_schemas(adapters, schema_generator=_Always, ref_template=_REF)  # type: ignore[arg-type]  # mode is a literal
        self._of = {key: schema for (key, _), schema in found.items()}
        self.components: dict[str, Any] = {
            _called(name): _tidy(schema) for name, schema in sorted(shared["$defs"].items())
        }
        self.components["RecordingDetails"]["required"] = ["company"]

    def of(self, type_: Any, mode: str) -> dict[str, Any]:  # noqa: ANN401  # any type that pydantic knows
        """The schema of a type as it is taken (validation) or given (serialization)."""
        found: dict[str, Any] = _tidy(self._of[type_, mode])
        return found


def _types(operations: Iterable[Operation]) -> Iterator[tuple[Any, str]]:
    for operation in operations:
        for model in operation.body.models.values() if operation.body else ():
            yield model, "validation"
        for answer in operation.answers.values():
            for type_ in answer.media.values():
                yield type_, "serialization"


def _called(name: str) -> str:
    """A type by its name in the description: what is answered by its plain name, what is taken as it is called here."""
    return name.removesuffix("Answer").replace("Given-Output", "").replace("-Input", "")


def _tidy(schema: Any) -> Any:  # noqa: ANN401  # JSON
    """Without titles that repeat names, with what each member means, and with the components' own names."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: _tidy(value) for name, value in schema.items() if name != "title" or not isinstance(value, str)}
    if "$ref" in kept:
        kept["$ref"] = _called(kept["$ref"])
    for name, member in kept.get("properties", {}).items():
        if name in WORDS:
            member.setdefault("description", WORDS[name])
    return kept


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.group],
        "summary": operation.summary,
        "description": operation.description,
    }
    if operation.parameters:
        found["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body:
        found["requestBody"] = _body(operation.body, schemas)
    found["responses"] = {str(status): _answer(answer, schemas) for status, answer in operation.answers.items()} | {
        str(status): _problem(reasons) for status, reasons in by_status(operation.may_fail_with).items()
    }
    samples = [{"lang": "Shell", "label": "curl", "source": operation.curl}]
    if operation.command:
        samples.append({"lang": "Shell", "label": "calltrack", "source": operation.command})
    found["x-codeSamples"] = samples
    return found


def _parameter(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place.value,
        "description": parameter.description,
        "schema": {name: list(v) if isinstance(v, tuple) else v for name, v in parameter.schema.items()},
    }
    if parameter.place is Place.PATH:
        found["required"] = True
    if parameter.example is not None:
        found["example"] = parameter.example
    return found


def _body(body: Body, schemas: _Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media, model in body.models.items():
        content[media] = {"schema": schemas.of(model, "validation")}
        if media == JSON and body.examples:
            content[media]["examples"] = {name: {"value": value} for name, value in body.examples.items()}
        if media == MULTIPART:
            content[media]["encoding"] = {"metadata": {"contentType": JSON}}
    found: dict[str, Any] = {"required": True, "content": content}
    return found | ({"description": body.description} if body.description else {})


def _answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media, type_ in answer.media.items():
        content[media] = {"schema": schemas.of(type_, "serialization")}
        name = answer.example if media == JSON else f"{answer.example} {media}"
        if name is not None and name in examples():
            content[media]["example"] = examples()[name]
    found: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        found["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in answer.headers.items()
        }
    return found | ({"content": content} if content else {})


def by_status(reasons: Iterable[str]) -> Mapping[int, list[str]]:
    """Reasons by the status that they come with."""
    found: dict[int, list[str]] = {}
    for reason in reasons:
        found.setdefault(REASONS[reason].status, []).append(reason)
    return dict(sorted(found.items()))


def _problem(reasons: list[str]) -> dict[str, Any]:
    """All problems of one status: the same shape, and which reasons they may have."""
    meanings = "\n".join(f"- `{reason}`: {REASONS[reason].title}. {REASONS[reason].mend}" for reason in reasons)
    schema = {"allOf": [{"$ref": _REF.format(model="Problem")}, {"properties": {"reason": {"enum": reasons}}}]}
    content = {
        PROBLEM: {
            "schema": schema,
            "examples": {reason: {"$ref": f"#/components/examples/{reason}"} for reason in reasons},
        }
    }
    found: dict[str, Any] = {"description": meanings, "content": content}
    if any(REASONS[reason].retryable for reason in reasons):
        found["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    return found


def _example(reason: str) -> dict[str, Any]:
    known = REASONS[reason]
    return {
        "type": "about:blank" if reason == "DEFECT" else f"https://calls.example/help/api#{reason}",
        "title": known.title,
        "status": known.status,
        "detail": known.mend,
        "instance": "/api/v1/recordings",
        "code": known.code,
        "reason": reason,
        "domain": "calltrack",
        "errors": [],
        "request_id": "9f2c1b7e6d5a4c3b8a7f6e5d4c3b2a19",
        "retryable": known.retryable,
    }
