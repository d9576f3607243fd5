"""The table of operations: whole, served as it says, and described by the file in the repository."""

from __future__ import annotations

import ast
import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import openapi_spec_validator
import pytest
from openapi_schema_validator import OAS31Validator
from werkzeug.datastructures import MultiDict

from common.errors import NotFound, Rejected
from common.model import listing
from common.model.search.grammar import Reason
from functions.api import of_companies, of_recordings
from functions.api.__main__ import text
from functions.api.description import IDEMPOTENCY_KEY, JSON, Place
from functions.api.examples import examples
from functions.api.openapi import OPERATIONS, document
from functions.api.reasons import REASONS
from functions.api.words import WORDS
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.api.description import Operation

DOCUMENT = json.loads(json.dumps(document("https://calls.example")))
BY_ID = {operation.id: operation for operation in OPERATIONS}


def test_the_description_in_the_repository_is_the_one_that_is_served() -> None:
    """A change of the API is a change of this file, which whoever reviews it sees: `make openapi` writes it anew."""
    assert (ROOT / "docs" / "openapi.json").read_text() == text()


def test_the_description_is_valid() -> None:
    """By the schema of OpenAPI 3.1, its references and its defaults too."""
    openapi_spec_validator.validate(DOCUMENT)


def described_examples() -> Iterator[tuple[str, Any, Any]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                for media, content in answer.get("content", {}).items():
                    if "example" in content:
                        yield f"{method} {path} {status} {media}", content["schema"], content["example"]
            body = operation.get("requestBody", {}).get("content", {}).get(JSON, {})
            for name, example in body.get("examples", {}).items():
                yield f"{method} {path} {name}", body["schema"], example["value"]


@pytest.mark.parametrize(("where", "schema", "example"), list(described_examples()), ids=lambda value: str(value)[:60])
def test_each_example_is_what_its_schema_says(where: str, schema: Any, example: Any) -> None:
    """They are made by the functions that answer."""
    whole = {**schema, "components": DOCUMENT["components"]}

    assert [error.message for error in OAS31Validator(whole).iter_errors(example)] == [], where


def test_each_example_is_used() -> None:
    """By the answer that names it."""
    named = {answer.example for operation in OPERATIONS for answer in operation.answers.values()}

    assert named - {None} == {name.split(" ")[0] for name in examples()}


def members(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for inner in schema.values():
            yield from members(inner)
    if isinstance(schema, list):
        for inner in schema:
            yield from members(inner)


def test_each_word_is_of_a_member() -> None:
    """None is left over from what there was once; and what is taken has a meaning each."""
    names = {name for name, _ in members(DOCUMENT)}
    taken = {name for o in OPERATIONS if o.body for name, _ in members(DOCUMENT["paths"][o.path][o.method.lower()])}

    assert set(WORDS) <= names
    assert taken <= set(WORDS) | {"reason"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_an_operation_is_described_once_and_can_be_tried(operation: Operation) -> None:
    """Its command names its own method and path; what it fails with is known."""
    path = re.sub(r"\{recording_id\}", "ID", operation.path).replace("{company}", "Acme").replace("{rendering}", "md")

    assert [other.id for other in OPERATIONS if (other.method, other.path) == (operation.method, operation.path)] == [
        operation.id
    ]
    assert f"BASE{path}" in operation.curl
    assert set(operation.may_fail_with) <= set(REASONS)
    assert not {REASONS[reason].status for reason in operation.may_fail_with} & set(operation.answers)
    for parameter in operation.parameters_in(Place.PATH):
        assert f"{{{parameter.name}}}" in operation.path
        assert parameter.allows(str(parameter.example))


def test_the_list_takes_what_its_parser_reads() -> None:
    """And the view, which is not of the query."""
    declared = {parameter.name for parameter in BY_ID["list_recordings"].parameters_in(Place.QUERY)}

    assert declared == {*listing.PARAMETERS, "view"}


def test_every_post_that_starts_something_takes_a_key() -> None:
    """A new index is the same each time it is made, and a link stores nothing."""
    keyed = {operation.id for operation in OPERATIONS if operation.takes(IDEMPOTENCY_KEY)}

    harmless = {"reindex_recordings", "share_recording", "unshare_recording"}
    assert keyed == {o.id for o in OPERATIONS if o.method == "POST"} - harmless


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ([("filtr", "x")], "is not a known parameter; known are filter, order_by"),
        ([("filter", "a"), ("filter", "b")], "is given more than once"),
        ([("view", "WHOLE")], "must be one of: BASIC, FULL"),
    ],
)
def test_a_query_is_held_to_the_table(given: list[tuple[str, str]], mend: str) -> None:
    """A typo must not widen it."""
    with pytest.raises(Rejected, match=mend):
        BY_ID["list_recordings"].expect_query(MultiDict(given))


@pytest.mark.parametrize("company", [" Acme", "Acme ", "", "__all__", "a\nb", "a" * 201])
def test_what_can_be_no_companys_name_is_refused(company: str) -> None:
    """Before it becomes a key."""
    with pytest.raises(NotFound, match="a company's name has"):
        BY_ID["get_defaults"].expect_path({"company": company})


def test_a_companys_name_may_have_two_hundred_characters() -> None:
    """One, spaces inside, and letters of any alphabet."""
    for company in ("A", "Brightline Mobile", "Ünïcode & Søn", "a" * 200):
        BY_ID["get_defaults"].expect_path({"company": company})


def reasons_in_the_code() -> Iterator[str]:
    """What is assigned, or handed over, as `reason` in capitals, anywhere in the pipeline."""
    for path in [*ROOT.glob("common/**/*.py"), *ROOT.glob("functions/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            values: list[ast.expr] = []
            if isinstance(node, ast.keyword) and node.arg == "reason":
                values = [node.value]
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "reason" for t in node.targets):
                values = [node.value]
            for value in values:
                if isinstance(value, ast.Constant) and re.fullmatch(r"[A-Z_]+", str(value.value)):
                    yield str(value.value)


def test_every_reason_is_in_the_registry_and_no_other() -> None:
    """Those of errors, those of the query language, and those that the edge itself gives."""
    assert {*reasons_in_the_code(), *Reason, "METHOD_NOT_ALLOWED", "UNAVAILABLE", "DEFECT"} == set(REASONS)


def error_types(base: type[Rejected] = Rejected) -> Iterator[type[Rejected]]:
    yield base
    for derived in base.__subclasses__():
        yield from error_types(derived)


def test_an_errors_status_is_the_registrys() -> None:
    """The one place where they could differ."""
    import functions.recordings  # noqa: F401, PLC0415  # its errors too

    own = {
        error.reason: error.status for error in error_types() if error.__module__.startswith(("common", "functions"))
    }
    assert own == {reason: REASONS[reason].status for reason in own}
    assert all(
        HTTPStatus(reason.status) and reason.code and reason.title and reason.mend for reason in REASONS.values()
    )


def test_the_two_functions_share_the_addresses() -> None:
    """Whatever begins with /api/v1/recordings is the first one's, all else of the API the other's."""
    assert all(operation.path.startswith("/api/v1/recordings") for operation in of_recordings.OPERATIONS)
    assert not any(operation.path.startswith("/api/v1/recordings") for operation in of_companies.OPERATIONS)
    assert json.loads(text())["paths"].keys() == {operation.path for operation in OPERATIONS}
