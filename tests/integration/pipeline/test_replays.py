"""Running again what failed, by API: one recording or many, and what becomes of it afterwards."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from common.adapters.oidc import TokenVerifier
from common.model.intelligence import ResultsState, SectionState
from common.model.job import FailureClass, JobError, ReplayStage
from common.model.lifecycle import JobStatus
from common.model.replay import MAX_REPLAYS
from common.model.tasks import Stage
from deploy.engine.engine import create_engine
from deploy.engine.settings import EngineSettings
from deploy.local.identity import ISSUER
from tests.factories import NOW, a_wav, an_error, ended_badly, sample_calls
from tests.integration.pipeline.installation import Served
from tests.tokens import a_token, api_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import flask
    from werkzeug.test import TestResponse

    from deploy.engine.engine import Engine
    from tests.callee import ManualClock
    from tests.integration.pipeline.installation import Installation

CALL = next(call for call in sample_calls() if call.path.stem == "billing-dispute")
MENDED = {"reason": "the engine has its transcript now"}


@pytest.fixture
def transcripts(tmp_path: Path) -> Path:
    """Where the engine's transcripts lie: none yet."""
    path = tmp_path / "transcripts"
    path.mkdir()
    return path


@pytest.fixture
def forgetful_engine(
    tmp_path: Path, transcripts: Path, clock: ManualClock, installation: Installation
) -> Iterator[Engine]:
    """The engine that is shipped, failing each job whose transcript it does not have."""
    settings = EngineSettings(
        state=tmp_path / "engine", analyzer="replay", replay_dir=transcripts, allow_private_urls=True, start_after_s=0
    )
    engine = create_engine(settings, clock=clock)
    served = Served(engine.app)
    installation.configure(SYMBL_API_URL=served.url)
    yield engine
    served.close()
    engine.stop()


def replay(installation: Installation, path: str, body: object = None, **options: Any) -> TestResponse:
    client = installation.apps["recordings"].test_client()
    return client.post(f"/api/v1/recordings{path}:replay", json=MENDED if body is None else body, **options)


def add(installation: Installation, number: int = 1, company: str = "Acme") -> str:
    answer = installation.add(a_wav(seed=number), {"company": company})
    assert answer.status_code == 201
    return str(answer.get_json()["id"])


def add_failed(
    installation: Installation,
    number: int = 1,
    *,
    company: str = "Acme",
    failure_class: FailureClass = FailureClass.RECORDING,
) -> str:
    """A recording whose request was given up."""
    recording = add(installation, number, company)
    error = JobError(failure_class=failure_class, reason="no speech in it", check="the recording")
    installation.services.requests.change(
        installation.request(recording).id, lambda r: ended_badly(r, error, now=installation.clock())
    )
    return recording


def run_all(installation: Installation, engine: Engine) -> None:
    """Dispatch, submit, analyse, collect."""
    for stage in (Stage.DISPATCH, Stage.SUBMIT):
        assert {delivery.status for delivery in installation.run(stage)} == {200}
    engine.run_pending()
    installation.run(Stage.COLLECT)


# The whole way


def test_a_job_that_failed_is_replayed_after_the_mend_and_completes(
    installation: Installation, forgetful_engine: Engine, transcripts: Path
) -> None:
    """Both attempts and the earlier error are kept; the slot is free in between and at the end."""
    answer = installation.add(CALL.path.read_bytes(), CALL.metadata, name=CALL.path.name)
    recording = answer.get_json()["id"]
    run_all(installation, forgetful_engine)
    failed = installation.request(recording)
    assert failed.status is JobStatus.FAILED
    assert failed.error is not None
    assert installation.count("SymblSlot") == 0
    shutil.copy(CALL.path.with_suffix(".json"), transcripts)

    answer = replay(installation, f"/{recording}")

    assert (answer.status_code, answer.get_json()["request"]["status"]) == (200, "pending")
    assert installation.count("SymblSlot") == 0
    run_all(installation, forgetful_engine)
    done = installation.get(f"/{recording}").get_json()
    request = done["request"]
    assert (request["status"], request["error"], done["results"]["state"]) == ("completed", None, "complete")
    assert request["attempts"] == 2
    assert installation.request(recording).attempts[0] == failed.attempts[0]
    (kept,) = request["replays"]
    assert (kept["by"], kept["reason"], kept["from_stage"]) == ("local", MENDED["reason"], "submit")
    assert kept["error"]["reason"] == failed.error.reason
    assert [line["to"] for line in request["timeline"]].count("failed") == 1
    assert done["results"]["messages"]
    assert installation.count("SymblSlot") == 0


def test_a_section_that_was_given_up_is_fetched_again(installation: Installation, engine: Engine) -> None:
    """What the engine has by now is stored; nothing is submitted a second time."""
    recording = installation.add(CALL.path.read_bytes(), CALL.metadata).get_json()["id"]
    run_all(installation, engine)
    installation.services.requests.change(
        installation.request(recording).id,
        lambda r: dataclasses.replace(
            r,
            sections=tuple(
                dataclasses.replace(section, state=SectionState.ABSENT, count=0)
                if section.name == "summary"
                else section
                for section in r.sections
            ),
        ),
    )

    answer = replay(installation, f"/{recording}", {"reason": "it has a summary by now", "from_stage": "collect"})

    assert answer.status_code == 200
    assert (answer.get_json()["request"]["status"], answer.get_json()["results"]["state"]) == ("completed", "partial")
    assert [delivery.status for delivery in installation.run(Stage.COLLECT)] == [200]
    done = installation.request(recording)
    assert (done.results, done.next_check_at, len(done.attempts)) == (ResultsState.COMPLETE, None, 1)
    assert {section.state for section in done.sections} == {SectionState.STORED}


def test_a_job_that_was_given_up_while_the_engine_went_on_is_collected(
    installation: Installation, engine: Engine
) -> None:
    """The engine is asked first; nothing is paid for twice."""
    recording = installation.add(CALL.path.read_bytes(), CALL.metadata).get_json()["id"]
    installation.run(Stage.DISPATCH)
    installation.run(Stage.SUBMIT)
    installation.services.requests.change(
        installation.request(recording).id, lambda r: ended_badly(r, an_error("silent"), now=installation.clock())
    )
    early = replay(installation, f"/{recording}", {"reason": "it must be there", "from_stage": "collect"})
    engine.run_pending()

    late = replay(installation, f"/{recording}", {"reason": "it must be there", "from_stage": "collect"})

    assert (early.status_code, early.get_json()["reason"]) == (409, "NOT_REPLAYABLE")
    assert "replay it from submit" in early.get_json()["detail"]
    assert late.status_code == 200
    installation.run(Stage.COLLECT)
    done = installation.request(recording)
    assert (done.status, done.results, len(done.attempts)) == (JobStatus.COMPLETED, ResultsState.COMPLETE, 1)


# One recording


def test_the_same_order_again_answers_what_is(installation: Installation) -> None:
    """A replay under way is not begun twice, and nothing new is queued for it."""
    recording = add_failed(installation)
    first = replay(installation, f"/{recording}")
    queued = len(installation.tasks.tasks())

    second = replay(installation, f"/{recording}")

    assert (second.status_code, second.get_json()) == (200, first.get_json())
    assert len(installation.request(recording).replays) == 1
    assert len(installation.tasks.tasks()) == queued


def test_a_replay_wakes_dispatch(installation: Installation) -> None:
    """It need not wait for the sweep."""
    recording = add_failed(installation)
    installation.run(Stage.DISPATCH)
    assert installation.tasks.tasks() == []

    replay(installation, f"/{recording}")

    assert [delivery.status for delivery in installation.run(Stage.DISPATCH)] == [200]
    assert installation.request(recording).status is JobStatus.SUBMITTING


def test_an_order_that_only_asks_changes_nothing(installation: Installation) -> None:
    """It answers as the real one would."""
    recording = add_failed(installation)
    before = installation.request(recording)

    answer = replay(installation, f"/{recording}", {**MENDED, "validate_only": True})
    refused = replay(installation, f"/{recording}", {**MENDED, "validate_only": True, "from_stage": "collect"})

    assert (answer.status_code, answer.get_json()["request"]["status"]) == (200, "failed")
    assert refused.status_code == 409
    assert installation.request(recording) == before


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "reason"),
        ({"reason": ""}, 400, "reason"),
        ({"reason": "x", "from_stage": "webhook"}, 400, "from_stage"),
        ({"reason": "x", "filter": "status:failed"}, 400, "filter"),
        (["x"], 400, "body"),
    ],
)
def test_an_order_that_cannot_be_used_is_refused(
    installation: Installation, body: object, status: int, field: str
) -> None:
    """As problem+json that names the field; nothing is changed."""
    recording = add_failed(installation)

    answer = replay(installation, f"/{recording}", body)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert [problem["field"] for problem in answer.get_json()["errors"]] == [field]
    assert installation.request(recording).status is JobStatus.FAILED


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_of_another_site_could_send_is_refused(installation: Installation, content_type: str) -> None:
    """A browser that is signed in here must not be of use to it."""
    recording = add_failed(installation)

    answer = installation.apps["recordings"].test_client().post(
        f"/api/v1/recordings/{recording}:replay", data=b'{"reason": "x"}', content_type=content_type
    )  # fmt: skip

    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (400, "Content-Type")
    assert installation.request(recording).status is JobStatus.FAILED


def test_what_has_not_failed_is_not_replayed(installation: Installation) -> None:
    """409 says what it is doing; an unknown one is 404; and looking at the method is not calling it."""
    recording = add(installation)

    pending = replay(installation, f"/{recording}")
    unknown = replay(installation, "/nobody")
    read = installation.get(f"/{recording}:replay")

    assert (pending.status_code, pending.get_json()["reason"]) == (409, "NOT_REPLAYABLE")
    assert "it is pending" in pending.get_json()["detail"]
    assert unknown.status_code == 404
    assert read.status_code in {404, 405}


def test_who_asked_is_kept(installation: Installation) -> None:
    """By the name of their token."""
    recording = add_failed(installation)
    installation.configure(AUTH_MODE="token", API_TOKENS=api_tokens("test"))

    refused = replay(installation, f"/{recording}")
    answer = replay(installation, f"/{recording}", headers={"Authorization": "Bearer test"})

    assert (refused.status_code, answer.status_code) == (401, 200)
    assert [kept.by for kept in installation.request(recording).replays] == ["kim"]


def test_who_came_through_iap_is_kept_by_e_mail(installation: Installation) -> None:
    """As the assertion says that it checks, and not as a header beside it claims."""
    recording = add_failed(installation)
    installation.configure(
        AUTH_MODE="iap",
        IAP_AUDIENCE="/projects/1/apps/calls",
        ACCESS='[{"who": "@acme.example", "role": "operator"}]',
    )
    installation.services.iap = TokenVerifier(jwks_url=installation.settings["OIDC_JWKS_URL"], issuers=[ISSUER])
    assertion = installation.identity.token(
        audience="/projects/1/apps/calls", email="ops@acme.example", now=installation.clock()
    )
    claimed = {"X-Goog-Authenticated-User-Email": "accounts.google.com:boss@acme.example"}

    refused = replay(installation, f"/{recording}", headers=claimed)
    answer = replay(installation, f"/{recording}", headers={"X-Goog-IAP-JWT-Assertion": assertion, **claimed})

    assert (refused.status_code, answer.status_code) == (401, 200)
    assert [kept.by for kept in installation.request(recording).replays] == ["ops@acme.example"]


# By the form of the page


OWN = {"Sec-Fetch-Site": "same-origin"}
HTML = {"Accept": "text/html"}


@pytest.mark.parametrize("headers", [OWN, {"Origin": "http://localhost"}])
def test_the_form_of_the_page_replays_and_leads_back(
    installation: Installation, pages: flask.Flask, headers: dict[str, str]
) -> None:
    """The page then says that it waits, and offers the form no more."""
    recording = add_failed(installation)
    client = pages.test_client()
    before = client.get(f"/calls/{recording}").text

    answer = client.post(f"/calls/{recording}/replay", data={"reason": "a new disk"}, headers=headers)

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/calls/{recording}")
    (kept,) = installation.request(recording).replays
    assert (kept.reason, kept.by) == ("a new disk", "local")
    assert f'action="/calls/{recording}/replay"' in before
    after = client.get(answer.headers["Location"]).text
    assert "/replay" not in after
    assert "replayed by local: a new disk" in after


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {},
    ],
)
def test_a_form_of_another_site_is_refused(
    installation: Installation, pages: flask.Flask, headers: dict[str, str]
) -> None:
    """Whoever is signed in here may have another page open."""
    recording = add_failed(installation)

    answer = pages.test_client().post(f"/calls/{recording}/replay", data={"reason": "x"}, headers={**HTML, **headers})

    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert installation.request(recording).status is JobStatus.FAILED


def test_a_form_without_a_reason_or_of_another_call_says_so(installation: Installation, pages: flask.Flask) -> None:
    """On a page, with the status that the API would give."""
    recording, pending = add_failed(installation, 1), add(installation, 2)
    client = pages.test_client()

    def post(id_: str, **fields: str) -> int:
        return client.post(f"/calls/{id_}/replay", data=fields, headers={**HTML, **OWN}).status_code

    assert [post(recording), post(recording, reason="x", by="me"), post(pending, reason="x")] == [400, 400, 409]
    assert post("nobody", reason="x") == 404
    assert client.get(f"/calls/{recording}/replay").status_code == 405
    assert installation.request(recording).status is JobStatus.FAILED


# Many


def bulk(installation: Installation, **order: object) -> dict[str, Any]:
    answer = replay(installation, "", {**MENDED, "filter": "status:failed", **order})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def test_many_are_replayed_page_by_page(installation: Installation) -> None:
    """Each call does a bounded part, the oldest first; the token leads on to the rest."""
    failed = [add_failed(installation, number) for number in range(5)]
    add(installation, 9)
    seen: list[str] = []
    sizes: list[tuple[int, int]] = []
    token: str | None = None

    while not sizes or token:
        page = bulk(installation, max_count=2, **({"page_token": token} if token else {}))
        seen += page["recordings"]
        sizes.append((page["matched"], page["replayed"]))
        token = page.get("next_page_token")

    assert sizes == [(2, 2), (2, 2), (1, 1)]
    assert sorted(seen) == sorted(failed)
    assert {installation.request(recording).status for recording in failed} == {JobStatus.PENDING}
    assert bulk(installation)["matched"] == 0


def test_a_dry_run_tells_and_does_nothing(installation: Installation) -> None:
    """What would be replayed, and what not, with the reason."""
    recording = add_failed(installation)

    told = bulk(installation, validate_only=True)
    collect = bulk(installation, validate_only=True, from_stage="collect")

    assert told == {"matched": 1, "replayed": 1, "recordings": [recording], "skipped": [], "dry_run": True}
    assert (collect["matched"], collect["replayed"]) == (1, 0)
    assert [skipped["id"] for skipped in collect["skipped"]] == [recording]
    assert "no conversation of it" in collect["skipped"][0]["reason"]
    assert installation.request(recording).status is JobStatus.FAILED


def test_one_that_is_skipped_each_time_keeps_no_other_from_its_turn(installation: Installation) -> None:
    """Each page that replays anything wakes dispatch anew."""
    recording = add_failed(installation, 1)
    installation.clock.advance(timedelta(seconds=1))
    hopeless = installation.request(add_failed(installation, 2))
    kept = hopeless.replayed(ReplayStage.SUBMIT, by="x", reason="y", now=NOW, next_check_at=NOW).replays * MAX_REPLAYS
    installation.services.requests.change(hopeless.id, lambda r: dataclasses.replace(r, replays=kept))
    installation.run(Stage.DISPATCH)

    for _ in range(2):
        page = bulk(installation)
        assert (page["matched"], page["recordings"]) == (2, [recording])
        installation.run(Stage.DISPATCH)
        again = installation.request(recording)
        assert again.status is JobStatus.SUBMITTING
        installation.services.requests.change(again.id, lambda r: ended_badly(r, now=installation.clock()))


def test_a_filter_by_class_and_company_finds_its_own(installation: Installation) -> None:
    """In lists as in replays: a passing outage is replayed without the recordings that have no speech."""
    defects = [
        add_failed(installation, number, company=company, failure_class=FailureClass.DEFECT)
        for number, company in ((1, "Acme"), (2, "Globex"))
    ]
    add_failed(installation, 3)
    mine = f"failure_class:{FailureClass.DEFECT} company:Acme"

    listed = installation.get(f"?filter={mine}").get_json()["recordings"]
    replayed = bulk(installation, filter=mine)

    assert [recording["id"] for recording in listed] == defects[:1]
    assert replayed["recordings"] == defects[:1]
    left = installation.get("?filter=status:failed").get_json()["recordings"]
    assert {recording["id"] for recording in left} >= {defects[1]}
    assert len(left) == 2


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"filter": "company:Acme"}, "filter"),
        ({"filter": "status:pending"}, "filter"),
        ({"max_count": 1000}, "max_count"),
        ({"page_token": "x"}, "page_token"),
    ],
)
def test_a_bulk_order_that_is_too_wide_is_refused(
    installation: Installation, order: dict[str, object], field: str
) -> None:
    """Before anything is looked at."""
    recording = add_failed(installation)

    answer = replay(installation, "", {**MENDED, "filter": "status:failed", **order})

    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (400, field)
    assert installation.request(recording).status is JobStatus.FAILED


def test_who_came_through_iam_is_kept_by_e_mail(installation: Installation) -> None:
    """By the token that Cloud Run has checked, with its signature or without; who has no role there may do nothing."""
    recording = add_failed(installation)
    access = '[{"who": "crm@acme.example", "role": "operator"}, {"who": "ana@acme.example", "role": "viewer"}]'
    installation.configure(AUTH_MODE="iam", ACCESS=access)

    def answered(email: str, *, header: str = "Authorization", cut: bool = False) -> int:
        token = installation.identity.token(audience="gcloud", email=email, now=installation.clock())
        token = token.rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE" if cut else token
        return replay(installation, f"/{recording}", headers={header: f"Bearer {token}"}).status_code

    assert replay(installation, f"/{recording}").status_code == 401
    assert answered("crm@acme.example", cut=True) == 401  # anybody can write that
    assert answered("ana@acme.example") == 403
    assert answered("somebody@evil.example") == 403
    installation.configure(AUTH_MODE="iam", ACCESS=access, SIGNATURES_CHECKED_BY_IAM="true")
    assert answered("somebody@evil.example", cut=True) == 403
    assert answered("crm@acme.example", header="X-Serverless-Authorization", cut=True) == 200
    assert [kept.by for kept in installation.request(recording).replays] == ["crm@acme.example"]


def test_a_key_of_one_caller_is_not_another_ones(installation: Installation) -> None:
    """Two people may give their calls the same Idempotency-Key; a person's new token is still that person."""
    recording = add_failed(installation)
    tokens = (a_token("a", name="ana"), a_token("a2", name="ana"), a_token("b", name="ben"))
    installation.configure(AUTH_MODE="token", API_TOKENS=api_tokens(*tokens))

    def answered(token: str) -> tuple[int, str | None]:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k-1"}
        answer = replay(installation, f"/{recording}", headers=headers)
        return answer.status_code, answer.headers.get("Idempotent-Replayed")

    assert answered("a") == (200, None)
    assert answered("a2") == (200, "true")
    assert answered("b") == (200, None)
    assert [kept.by for kept in installation.request(recording).replays] == ["ana"]
