"""What `/openapi.json` says is what is served: by its routes, by results, by whatever schemathesis thinks of."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis.checks import CHECKS

from deploy.engine.openapi import Operation, document, operations
from deploy.engine.settings import EngineSettings
from tests.contract.engine.stage import Outside, Stage, StageFactory

#: What is read of a conversation, with all that can be asked for.
READS = [
    "/members",
    "/messages?verbose=true&sentiment=true",
    "/topics?sentiment=true&parentRefs=true",
    "/questions",
    "/action-items",
    "/follow-ups",
    "/entities",
    "/analytics",
    "/trackers",
    "/trackers-detected",
    "/summary",
]


def described(stage: Stage) -> dict[str, Any]:
    whole: dict[str, Any] = stage.get("/openapi.json")
    return whole


def test_it_is_openapi_3_1_and_asks_for_no_token(idle_stage: Stage) -> None:
    answer = idle_stage.engine.app.test_client().get("/openapi.json")
    assert answer.status_code == 200
    assert answer.get_json()["openapi"].startswith("3.1")
    validate(answer.get_json())


def test_it_is_valid_with_every_shape_that_settings_choose(idle_stage: Stage) -> None:
    other = idle_stage.settings.model_copy(
        update={
            "entities_shape": "legacy",
            "phrases_shape": "strings",
            "srt_payload": "string",
            "created_status": 200,
            "unknown_conversation_status": 200,
            "async_conflict": "active_url",
        }
    )
    validate(document(other, "https://engine.example"))


def test_it_describes_every_route_and_no_other(idle_stage: Stage) -> None:
    served = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", lambda found: "{" + camel(found[1]) + "}", rule.rule))
        for rule in idle_stage.engine.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(o.method, o.path) for o in operations(idle_stage.settings)} == served


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)


@pytest.mark.parametrize(
    "shapes", [{}, {"entities_shape": "legacy", "phrases_shape": "strings", "srt_payload": "string"}]
)
def test_results_are_as_described_to_the_last_field(make_stage: StageFactory, shapes: dict[str, str]) -> None:
    """Each list with something in it; fields that are not described are refused."""
    stage = make_stage(**shapes)
    path, whole = stage.analysed(), described(stage)
    conforms(whole, "/v1/conversations/{conversationId}", "get", 200, stage.get(path))
    for tail in READS:
        body = stage.get(path + tail)
        template = "/v1/conversations/{conversationId}" + tail.partition("?")[0]
        conforms(whole, template, "get", 200, body)
        assert all(body.values() if isinstance(body, dict) else body), tail
    for kind in ("text/markdown", "text/srt"):
        told = stage.ask("POST", f"{path}/transcript", {"contentType": kind}).get_json()
        conforms(whole, "/v1/conversations/{conversationId}/transcript", "post", 200, told)
    (job,) = stage.engine.store.jobs_of(path.rpartition("/")[2])
    conforms(whole, "/v1/job/{jobId}/details", "get", 200, stage.get(f"/v1/job/{job.id}/details"))


def conforms(whole: dict[str, Any], template: str, method: str, status: int, body: object) -> None:
    answer = whole["paths"][template][method]["responses"][str(status)]
    schema = {**answer["content"]["application/json"]["schema"], "components": whole["components"]}
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(body)


# Whatever schemathesis thinks of

#: For each operation; making one costs far more than answering it.
EXAMPLES = 4
CONFORMANCE = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An engine with a conversation, a job and a tracker that generated calls may name."""
    outside = Outside()
    stage = Stage(tmp_path_factory.mktemp("attacked"), outside, max_active_jobs=100_000)
    yield stage
    stage.engine.stop()
    outside.close()


@pytest.fixture(scope="module")
def known(attacked: Stage) -> dict[str, str]:
    """Ids that mean something, by the name of their parameter."""
    conversation_id = attacked.analysed().rpartition("/")[2]
    (job,) = attacked.engine.store.jobs_of(conversation_id)
    member = attacked.engine.store.conversation(conversation_id).members[0]
    body = {"name": "Refund", "vocabulary": ["refund"]}
    tracker = attacked.ask("POST", "/v1/manage/trackers", body).get_json()["tracker"]
    page = attacked.ask("POST", f"/v1/conversations/{conversation_id}/experiences", {"name": "verbose-text-summary"})
    return {
        "conversationId": conversation_id,
        "jobId": job.id,
        "memberId": member.id,
        "trackerId": tracker["id"],
        "address": page.get_json()["url"].rpartition("/")[2],
    }


@pytest.fixture(scope="module")
def served_schema(attacked: Stage) -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", attacked.engine.app)


@pytest.mark.parametrize("operation", operations(EngineSettings()), ids=lambda o: f"{o.method} {o.path}")
def test_no_call_gets_an_answer_that_is_not_described(
    operation: Operation, served_schema: Any, attacked: Stage, known: dict[str, str]
) -> None:
    """Good calls and bad ones, of things that are there and of some that are not: no 5xx but 501."""
    headers = {"Authorization": f"Bearer {attacked.log_in().get_json()['accessToken']}"}
    there = {} if operation.method == "delete" else known
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    calls = st.one_of([served_schema[operation.path][operation.method].as_strategy(generation_mode=m) for m in modes])

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=calls, of_what_is_there=st.booleans())
    def ask(case: Any, *, of_what_is_there: bool) -> None:
        if of_what_is_there:
            names = set(case.path_parameters or {}) & set(there)
            case.path_parameters = {**(case.path_parameters or {}), **{name: there[name] for name in names}}
        answer = case.call(headers=headers)
        assert answer.status_code < 500 or answer.status_code == 501, answer.text
        case.validate_response(answer, checks=[CHECKS.get_one(name) for name in CONFORMANCE])

    ask()
