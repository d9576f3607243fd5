"""Whatever is sent, the answer is one that the description has: schemathesis makes it up from that very description."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from functions.api.openapi import document

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from schemathesis import APIOperation, Case

    from tests.integration.pipeline.installation import Installation

EXAMPLES = 4  #: of each operation, and as many that its description forbids
WANTED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "allow_header_conformance",
)


@pytest.fixture
def schema(app: WSGIApplication) -> Any:
    """The description, with the application behind it."""
    loaded = schemathesis.openapi.from_dict(json.loads(json.dumps(document("http://127.0.0.1"))))
    loaded.app = app
    return loaded


def test_no_answer_is_undescribed(schema: Any, installation: Installation, analysed: str) -> None:
    """No 5xx, no status, media type, header or shape that is not declared; what is forbidden is refused."""
    operations = [found.ok() for found in schema.get_all_operations()]
    deletions = [operation for operation in operations if operation.method == "delete"]
    for operation in operations:
        if operation not in deletions:
            _try_out(operation, recording_id=analysed)

    assert installation.get(f"/{analysed}").get_json()["results"]["state"] == "complete"
    for operation in deletions:
        _try_out(operation, recording_id=analysed)
    assert installation.get(f"/{analysed}").status_code == 410


def _try_out(operation: APIOperation[Any, Any, Any, Any], *, recording_id: str) -> None:
    load_all_checks()
    checks: Any = CHECKS.get_by_names(list(WANTED))
    known = {"recording_id": recording_id} if "{recording_id}" in operation.path else {}
    allowed = operation.as_strategy(GenerationMode.POSITIVE)
    of_it = operation.as_strategy(GenerationMode.POSITIVE, path_parameters=known) if known else allowed
    forbidden = operation.as_strategy(GenerationMode.NEGATIVE)

    @settings(
        max_examples=2 * EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(allowed | of_it | forbidden)
    def tried(case: Case[Any]) -> None:
        assume("\n" not in unquote(case.formatted_path))  # the framework's own router has no word for line breaks
        case.call_and_validate(checks=checks)

    tried()
