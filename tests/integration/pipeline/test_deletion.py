"""A recording is deleted: nothing of it is left anywhere, and nothing that comes late brings it back."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import functions_framework
import pytest

from common.model.deletion import STRAGGLERS
from common.model.job import ReplayStage
from common.model.lifecycle import JobStatus
from common.model.tasks import Stage, collect_task, dispatch_task, submit_task
from common.model.webhook import webhook_url
from deploy.engine.errors import NotFound
from tests.benchmarks.call_counts import counted
from tests.conftest import ROOT, SETTINGS
from tests.factories import a_wav, sample_calls
from tests.integration.pipeline.test_reconciliation import scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from deploy.engine.engine import Engine
    from tests.integration.pipeline.installation import Installation

CALL, OTHER = sample_calls()[:2]
WHY = {"reason": "ticket 4711"}
SECRET = SETTINGS["WEBHOOK_SECRETS"].split(",")[0]


def analysed(installation: Installation, engine: Engine, *calls: Any) -> list[str]:
    """Sample calls from the upload to complete results; their ids."""
    ids = [
        installation.add(call.path.read_bytes(), call.metadata, name=call.path.name).get_json()["id"] for call in calls
    ]
    for _ in range(6):
        installation.run()
        engine.run_pending()
    assert {installation.request(id_).results for id_ in ids} == {"complete"}
    return ids


def delete(installation: Installation, id_: str, **parameters: str) -> TestResponse:
    """DELETE it."""
    return (
        installation.apps["recordings"]
        .test_client()
        .delete(f"/api/v1/recordings/{id_}", query_string=parameters or WHY)
    )


def replay(installation: Installation, id_: str, stage: ReplayStage) -> TestResponse:
    """Somebody has it run again."""
    body = {"reason": "late", "from_stage": stage}
    return installation.apps["recordings"].test_client().post(f"/api/v1/recordings/{id_}:replay", json=body)


def reindex(installation: Installation) -> TestResponse:
    """The index is made anew."""
    return installation.apps["recordings"].test_client().post("/api/v1/recordings:reindex", json={})


def last_look(installation: Installation) -> dict[str, int]:
    """The sweep that comes when all that was under way has ended."""
    installation.clock.advance(STRAGGLERS + timedelta(seconds=1))
    return installation.sweep()


def counted_calls(installation: Installation) -> int:
    """How many calls the days' sums have."""
    days = installation.services.statistics.days(None, date(2026, 1, 1), date(2026, 12, 31))
    return sum(day.total.calls for day in days)


def stored(installation: Installation, *, but: str = "DeletedRecording") -> str:
    """Everything in Datastore, compressed parts opened, without what tells who did what."""
    found = []
    for entity in installation.stored.query().fetch():
        if entity.key.kind in {but, "AuditEvent"} or entity.key.kind.startswith("__"):
            continue
        found.append(f"{entity.key.kind} {entity.key.name} {dict(entity)}")
    found += map(str, installation.services.statistics.days(None, date(2000, 1, 1), date(2100, 1, 1)))
    return "\n".join(found)


def expect_nothing_of(call: Any, id_: str, installation: Installation) -> None:
    """Neither its id, nor who spoke, nor what was said, nor its bytes."""
    left = stored(installation)
    words = [id_, call.truth["agent"]["name"], call.truth["customer"]["name"], call.truth["agent"]["email"]]
    words += [turn["text"] for turn in call.truth["turns"] if len(turn["text"]) > 20]
    assert [word for word in words if word in left] == []
    assert call.path.name not in " ".join(installation.objects())


def test_nothing_of_a_deleted_recording_is_left(installation: Installation, engine: Engine) -> None:
    """In Datastore, the bucket and the engine; what else is there stays, and the day counts one call less."""
    id_, other = analysed(installation, engine, CALL, OTHER)
    conversation = installation.request(id_).conversation_id
    assert counted_calls(installation) == 2

    answer = delete(installation, id_)

    assert answer.status_code == 200, answer.text
    assert answer.get_json() | {"deleted_at": None} == {
        "id": id_, "deleted_at": None, "by": "local", "reason": "ticket 4711",
        "owed": ["last_look"], "finished_at": None,
    }  # fmt: skip
    expect_nothing_of(CALL, id_, installation)
    assert counted_calls(installation) == 1
    assert (
        installation.services.engine.find_conversation("x", since=installation.clock(), now=installation.clock())
        is None
    )
    with pytest.raises(NotFound):
        engine.store.conversation(str(conversation))
    assert [row["id"] for row in installation.get("").get_json()["recordings"]] == [other]
    assert last_look(installation) == {"deletions_finished": 1}
    kept = installation.services.deletions.get(id_)
    assert kept is not None
    assert (kept.owed, kept.next_check_at, kept.object_name, kept.conversations) == ((), None, None, ())
    assert len(installation.get(f"/{other}/transcript").get_json()["turns"]) > 3


def test_whoever_asks_for_it_learns_that_it_was_deleted(installation: Installation) -> None:
    """410 with the day and who did it, whatever is asked for; an id that never was stays a 404."""
    id_ = _added(installation)
    delete(installation, id_)

    for path in ("", "/transcript", "/transcript.vtt"):
        answer = installation.get(f"/{id_}{path}")
        assert (answer.status_code, answer.get_json()["reason"]) == (410, "DELETED")
        assert f"{installation.clock():%Y-%m-%d}" in answer.get_json()["detail"]
        assert "whoever runs this installation" in answer.get_json()["detail"]
        assert installation.get(f"/neverwas{path}").status_code == 404


def test_a_deletion_says_why(installation: Installation) -> None:
    """Without a reason, or with anything else, nothing is deleted."""
    id_ = _added(installation)

    for parameters in ({"reason": " "}, {"reason": "x" * 501}, {"reason": "x", "force": "true"}):
        refused = delete(installation, id_, **parameters)
        assert refused.status_code == 400, refused.text
    assert delete(installation, "neverwas").status_code == 404
    assert installation.get(f"/{id_}").status_code == 200


def test_the_same_call_again_answers_as_the_first(installation: Installation) -> None:
    """And keeps who it was and why."""
    id_ = _added(installation)
    first = delete(installation, id_).get_json()
    installation.clock.advance(timedelta(seconds=5))

    assert delete(installation, id_, reason="another").get_json() == first


def test_what_is_at_the_engine_is_not_deleted_yet(installation: Installation, engine: Engine) -> None:
    """From the claim until the engine has ended its job: 409 that says what to wait for. Before and after: yes."""
    id_, waiting = _added(installation), _added(installation, seed=1)
    assert delete(installation, waiting).status_code == 200
    for stage in (Stage.DISPATCH, Stage.SUBMIT):
        installation.run(stage)
        refused = delete(installation, id_)
        assert (refused.status_code, refused.get_json()["reason"]) == (409, "NOT_DELETABLE")
        assert f"its analysis is {installation.request(id_).status}" in refused.get_json()["detail"]
    engine.run_pending()
    installation.run()

    assert delete(installation, id_).status_code == 200
    assert installation.count("SymblSlot") == 0


def test_a_slot_in_quarantine_keeps_its_recording(installation: Installation, engine: Engine) -> None:
    """It was given up, and the engine may still work on it: only its request leads to the engine's answer."""
    assert engine
    installation.configure(SYMBL_API_URL=installation.services.settings.symbl_api_url, JOB_LIMIT_S="60")
    id_ = _added(installation)
    installation.run(Stage.DISPATCH)
    installation.run(Stage.SUBMIT)
    installation.clock.advance(timedelta(minutes=10))
    installation.sweep()
    assert installation.request(id_).status is JobStatus.FAILED

    refused = delete(installation, id_)

    assert (refused.status_code, refused.get_json()["reason"]) == (409, "NOT_DELETABLE")
    assert installation.count("SymblSlot") == 1


def test_the_same_audio_can_be_added_again(installation: Installation, engine: Engine) -> None:
    """As a recording of its own, analysed anew and counted once."""
    (id_,) = analysed(installation, engine, CALL)
    delete(installation, id_)

    (again,) = analysed(installation, engine, CALL)

    assert again != id_
    assert counted_calls(installation) == 1
    assert installation.get(f"/{id_}").status_code == 410


def test_copies_that_were_rejected_for_its_sake_go_with_it(installation: Installation) -> None:
    """Object and row: else the next bucket scan would take the same audio in again."""
    words = {"calltrack-metadata": '{"company": "Acme"}'}
    installation.drop("first.wav", a_wav(), words)
    installation.deliver_events()
    installation.drop("copy.wav", a_wav(), words)
    installation.drop("other.wav", b"no audio", words)
    installation.deliver_events(2)
    (listed,) = installation.get("").get_json()["recordings"]

    delete(installation, listed["id"])

    assert installation.objects() == ["other.wav"]
    assert [row.duplicate_of for row in installation.services.intake.rejections(limit=9)] == [None]
    assert "events_lost" not in scan(installation)
    assert installation.get("").get_json()["recordings"] == []


def test_a_file_beside_it_goes_too_unless_a_newer_object_needs_it(installation: Installation) -> None:
    """It has the speakers' names. Only this generation of the object is this recording's."""
    side = json.dumps({"company": "Acme"}).encode()
    for name in ("one.wav", "two.wav"):
        installation.drop(f"{name}.metadata.json", side)
        installation.drop(name, a_wav(seed=len(name) + ord(name[0])))
    installation.deliver_events(4)
    ids = {row["file_name"]: row["id"] for row in installation.get("").get_json()["recordings"]}
    installation.drop("two.wav", a_wav(seed=77))

    for id_ in ids.values():
        assert delete(installation, id_).status_code == 200

    assert installation.objects() == ["two.wav", "two.wav.metadata.json"]


def test_what_comes_late_is_harmless(installation: Installation, engine: Engine) -> None:
    """Webhooks, tasks, replays, reindex, sweep and bucket scan find nothing, and leave nothing behind the last look."""
    (id_,) = analysed(installation, engine, CALL)
    request = installation.request(id_)
    path = webhook_url("", secret=SECRET, request_id=request.id, attempt_id=request.attempts[-1].id)
    delete(installation, id_)

    for status in ("completed", "in_progress"):
        assert installation.webhook(path, {"id": request.job_id, "status": status}).status_code == 200
    for task in (collect_task(request), submit_task(request), dispatch_task(cause="late")):
        assert installation.call_internal(task.stage.value, task.body).status_code == 200
    for stage in ReplayStage:
        assert replay(installation, id_, stage).status_code == 410
    assert reindex(installation).get_json() == {"reindexed": 0}
    installation.run()
    assert set(installation.sweep()) <= {"events_without_work"}
    assert "events_lost" not in scan(installation)
    assert set(last_look(installation)) <= {"events_without_work", "deletions_finished"}

    expect_nothing_of(CALL, id_, installation)
    assert installation.get("").get_json()["recordings"] == []
    assert installation.sweep() == {}


def test_its_storage_event_comes_late_while_the_object_is_still_there(
    installation: Installation, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket is away when the recording is deleted: nothing takes it in again; the audio goes when it is back."""
    (id_,) = analysed(installation, engine, CALL)
    with monkeypatch.context() as away:
        away.setattr(installation.services.audio, "delete", _is_away)
        answer = delete(installation, id_)
        assert answer.get_json()["owed"] == ["audio", "last_look"]

        assert installation.deliver_events() == [200]  # the upload's own, only now
        assert scan(installation)["events_lost"] == 1  # nobody knows the object: it is handed to ingest, and left there
        assert installation.get("").get_json()["recordings"] == []
        assert installation.count("RejectedObject") == 0
        installation.clock.advance(timedelta(minutes=2))
        assert installation.sweep() == {"deletions_unfinished": 1}

    installation.clock.advance(timedelta(minutes=2))
    installation.sweep()
    assert last_look(installation) == {"deletions_finished": 1}
    expect_nothing_of(CALL, id_, installation)


def test_an_engine_that_is_away_is_told_later(installation: Installation, engine: Engine) -> None:
    """What it keeps stays owed; a conversation that is not there any more is as good as deleted."""
    (id_,) = analysed(installation, engine, CALL)
    conversation = installation.request(id_).conversation_id
    assert conversation is not None
    url = installation.services.settings.symbl_api_url
    installation.configure(SYMBL_API_URL="http://127.0.0.1:9")

    assert delete(installation, id_).get_json()["owed"] == ["conversations", "last_look"]
    installation.clock.advance(timedelta(minutes=2))
    assert installation.sweep() == {"deletions_unfinished": 1}

    installation.configure(SYMBL_API_URL=url)
    engine.delete(conversation)
    assert last_look(installation) == {"deletions_finished": 1}


def test_a_call_is_deleted_by_the_form_of_its_page(installation: Installation, engine: Engine) -> None:
    """With a reason and a tick, from our own page alone; the page that follows says that it is gone, and when."""
    (id_,) = analysed(installation, engine, CALL)
    client = functions_framework.create_app("dashboard", str(ROOT / "main.py")).test_client()
    form, own = {"reason": "ticket 4711", "confirm": "yes"}, {"Sec-Fetch-Site": "same-origin"}
    url, page = f"/calls/{id_}/delete", {"Accept": "text/html"}
    assert f'action="{url}"' in client.get(f"/calls/{id_}").text

    assert client.post(url, data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    for field in form:
        lacking = {name: value for name, value in form.items() if name != field}
        assert client.post(url, data=lacking, headers=own).status_code == 400
    assert installation.get(f"/{id_}").status_code == 200
    answer = client.post(url, data=form, headers=own)

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/calls/{id_}")
    told = client.get(f"/calls/{id_}", headers=page)
    assert (told.status_code, told.mimetype) == (410, "text/html")
    assert "This recording was deleted" in told.text
    assert f"{installation.clock():%Y-%m-%d}" in told.text
    for suffix in (".json", ".vtt"):
        assert client.get(f"/calls/{id_}{suffix}").status_code == 410
    assert client.get("/calls").text.count(f"/calls/{id_}") == 0
    assert client.post(f"/calls/{id_}/replay", data={"reason": "x"}, headers=own).status_code == 410


def test_the_page_offers_no_deletion_while_the_engine_has_it(installation: Installation, engine: Engine) -> None:
    """It says when it will."""
    assert engine
    id_ = _added(installation)
    installation.run(Stage.DISPATCH)
    client = functions_framework.create_app("dashboard", str(ROOT / "main.py")).test_client()

    text = client.get(f"/calls/{id_}").text

    assert f"/calls/{id_}/delete" not in text
    assert "can be deleted when the engine has ended its analysis" in text


def test_cost_of_a_deletion(installation: Installation, engine: Engine, measured: Callable[[str], None]) -> None:
    """A fixed number of calls, whatever the archive holds: a transaction, a query for each kind, three commits more."""
    id_, *_ = analysed(installation, engine, CALL, OTHER)

    with counted(installation) as calls:
        assert delete(installation, id_).status_code == 200

    cost = calls.by_function["recordings"]
    measured(f"one deletion: {dict(cost.rpcs)}, {cost.read} read, {cost.written} written")
    assert (cost.lookups, cost.queries, cost.commits) == (3, 11, 4)


def _is_away(*_: object, **__: object) -> None:
    raise OSError("the bucket is away")


def _added(installation: Installation, seed: int = 0) -> str:
    id_: str = installation.add(a_wav(seed=seed), {"company": "Acme"}).get_json()["id"]
    return id_
