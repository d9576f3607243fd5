"""The Operations page, over a real Datastore."""

from __future__ import annotations

import collections
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from common.adapters.datastore.requests import DatastoreRequests
from common.model.job import FailureClass
from common.model.lifecycle import JobStatus
from common.model.recording import Priority
from common.model.refusals import Refusal
from deploy.local.datastore.server import METHODS
from deploy.local.tasks import TasksServer
from functions._operations import LANES
from tests.conftest import PROJECT, ROOT
from tests.integration.dashboard.conftest import BROWSER
from tests.integration.dashboard.flow import Flow
from tests.integration.dashboard.page import Page
from tests.tokens import an_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask.testing import FlaskClient

    from deploy.local.datastore import DatastoreServer
    from tests.integration.dashboard.rows import CallRows

OUR_OWN = {**BROWSER, "Sec-Fetch-Site": "same-origin"}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def client(pages: Callable[..., FlaskClient]) -> FlaskClient:
    """A client of the dashboard, with as many slots as Symbl allows."""
    return pages(SYMBL_MAX_ACTIVE_JOBS="50")


@pytest.fixture
def replaying(pages: Callable[..., FlaskClient]) -> Iterator[Callable[..., FlaskClient]]:
    """As `pages`, with queues to put tasks into."""
    server = TasksServer(identity=an_identity(), dispatching=False)
    server.create_queues(ROOT / "deploy" / "queues.yaml", project=PROJECT, location="us-central1")
    address = server.start()
    yield lambda **settings: pages(SYMBL_MAX_ACTIVE_JOBS="50", CLOUD_TASKS_EMULATOR_HOST=address, **settings)
    server.stop()


@pytest.fixture
def flow(rows: CallRows) -> Flow:
    """An empty pipeline; the page's clock is the real one."""
    return Flow(rows, datetime.now(UTC))


@pytest.fixture
def asked(datastore_server: DatastoreServer) -> Iterator[collections.Counter[str]]:
    """Calls of Datastore, by method."""
    counter: collections.Counter[str] = collections.Counter()
    service: Any = datastore_server._service

    def tap(method: str) -> None:
        original = getattr(service, method)

        def tapped(request: object) -> object:
            counter[method] += 1
            return original(request)

        setattr(service, method, tapped)

    methods = [name for name, _, _ in METHODS.values()]
    for method in methods:
        tap(method)
    yield counter
    for method in methods:
        delattr(service, method)


def opened(client: FlaskClient, path: str = "/ops") -> Page:
    response = client.get(path, headers={**BROWSER, "X-Request-Id": "request-1234"})
    assert response.status_code == 200, response.text
    return Page(response.text)


@pytest.mark.usefixtures("rows")
def test_an_empty_pipeline_says_so_in_every_block(client: FlaskClient) -> None:
    """Good news is a sentence, not an empty table."""
    page = opened(client)

    assert "Nothing to do. All 50 slots are free, and no call waits." in page.text
    assert "No slot is taken" in page.text
    assert "No call waits for a slot." in page.text
    assert "Nothing has failed that still waits for a person." in page.text
    assert "None was refused today." in page.text
    assert "None has been received yet" in page.text
    assert "No sweep has run yet." in page.text
    assert page.all("table") == []


def test_a_busy_pipeline_is_told_in_one_sentence(client: FlaskClient, flow: Flow) -> None:
    """Slots against the cap, who waits, and since when."""
    flow.taken(age=MINUTE, length=10 * MINUTE)
    flow.waiting(2, age=4 * MINUTE + MINUTE / 2)
    flow.waiting(1, "Globex")

    text = opened(client).text

    assert "Working. 1 of 50 slots taken, 3 waiting, oldest since 4 min." in text


def test_a_slot_says_whose_it_is_and_how_old_for_its_length(client: FlaskClient, flow: Flow) -> None:
    """Due from 40 % of the recording's length on, late from the whole of it; those that need a look come first."""
    flow.taken(age=3 * MINUTE, length=10 * MINUTE, name="On time", company="Acme")
    flow.taken(age=5 * MINUTE, length=10 * MINUTE, name="Due", company="Acme")
    flow.taken(age=11 * MINUTE, length=10 * MINUTE, name="Late", company="Acme")

    page = opened(client)

    assert "Late Acme Being analysed" in page.text
    assert "11 min 4 min late 2 Due Acme" in page.text
    assert "5 min 4 min due 1 On time Acme" in page.text
    assert "3 min 4 min on time" in page.text
    assert len([link for link in page.links if link.startswith("/calls/")]) == 3


def test_slots_on_time_are_folded_away(client: FlaskClient, flow: Flow) -> None:
    """Ten are listed; the rest can be opened, without a script too."""
    for _ in range(12):
        flow.taken(age=MINUTE, length=10 * MINUTE)

    page = opened(client)

    assert "2 more, all on time" in page.text
    assert len(page.all("details")) == 1
    assert len([link for link in page.links if link.startswith("/calls/")]) == 12


def test_a_quarantined_slot_says_what_to_do(client: FlaskClient, flow: Flow) -> None:
    """It counts as taken, and the conversation to delete is named."""
    stuck = flow.quarantined(age=25 * 60 * MINUTE, length=10 * MINUTE)

    text = opened(client).text

    assert "Working. 1 of 50 slots taken" in text
    assert "quarantined" in text
    assert f"delete conversation {stuck.attempts[-1].conversation_id} at the engine" in text
    assert "docs/howto/free-a-stuck-slot.md" in text


def test_a_slot_that_nobody_holds_any_more_is_told(client: FlaskClient, flow: Flow) -> None:
    """Its row is gone, or has moved on: the next sweep frees it."""
    job = flow.taken(age=MINUTE, length=10 * MINUTE)
    flow.client.delete(flow.client.key("SymblAsyncRequest", job.id))

    assert "the next sweep frees it" in opened(client).text


def test_the_queue_is_by_company_and_priority(client: FlaskClient, flow: Flow) -> None:
    """The longest line first, each with its oldest."""
    flow.waiting(1, "Acme", age=7 * MINUTE)
    flow.waiting(3, "Globex", priority=Priority.BACKFILL, age=125 * MINUTE)

    text = opened(client).text

    assert "Globex backfill 3" in text
    assert "2 h 5 min Acme live 1" in text


def test_a_refused_account_says_until_when_it_rests(client: FlaskClient, flow: Flow) -> None:
    """Before anything else, with what the engine said."""
    until = flow.now + 5 * MINUTE
    flow.refuse_account(until=until)
    flow.waiting(2)

    text = opened(client).text

    assert f"Resting until {until:%H:%M}: the engine refuses our credentials. 0 of 50 slots taken, 2 waiting" in text
    assert "The engine said: 401: appId or appSecret is wrong." in text


def test_a_lowered_cap_says_why(client: FlaskClient, flow: Flow) -> None:
    """The figure is the one that holds now, beside the one that is set."""
    flow.throttle(active=12)
    flow.taken(age=MINUTE, length=10 * MINUTE)

    text = opened(client).text

    assert "1 of 11 slots taken" in text
    assert "11 of the 50 slots that are set may be used" in text
    assert "(429)" in text


def test_failures_come_by_class_with_the_latest_of_each(client: FlaskClient, flow: Flow) -> None:
    """How many, what it means, what to check, three calls with their reasons, and the list of all."""
    for number in range(5):
        flow.failed(FailureClass.RECORDING, f"reason {number}", ago=timedelta(hours=5 - number))
    flow.failed(FailureClass.UNKNOWN, "the outcome was unknown 3 times")

    page = opened(client)

    assert "6 failed calls wait for a person" in page.text
    assert "Recording not usable as it is 5" in page.text
    assert "Outcome unknown 1" in page.text
    assert "Check what the engine says of the recording; mend it, then replay it." in page.text
    assert [f"reason {number}" in page.text for number in range(5)] == [False, False, True, True, True]
    assert "/calls?filter=failure_class%3Arecording" in page.links
    assert "Replay 5 calls" in page.text
    assert "Replay 1 call" in page.text


def test_a_class_is_replayed_by_a_plain_form(replaying: Callable[..., FlaskClient], flow: Flow) -> None:
    """With a reason; 303 to the page, which says what was done. Other classes stay."""
    client = replaying()
    for _ in range(2):
        flow.failed(FailureClass.RECORDING)
    other = flow.failed(FailureClass.DEFECT)

    answer = client.post("/ops/replay", data={"failure_class": "recording", "reason": "model mended"}, headers=OUR_OWN)

    assert answer.status_code == 303
    page = opened(client, answer.location)
    assert "2 calls wait for a slot again." in page.text
    assert "2 waiting" in page.text
    assert "Recording not usable" not in page.text
    requests = DatastoreRequests(flow.client)
    waiting = [one for one in requests.page(size=9, cursor=None).items if one.status is JobStatus.PENDING]
    assert [request.replays[-1].reason for request in waiting] == ["model mended"] * 2
    kept = requests.of_recording(other)
    assert kept is not None
    assert kept.status is JobStatus.FAILED


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"failure_class": "recording", "reason": " "}, "must say why"),
        ({"failure_class": "recording"}, "must say why"),
        ({"failure_class": "bad luck", "reason": "r"}, "must be one of: not_accepted"),
        ({"reason": "r"}, "failure_class"),
        ({"failure_class": "recording", "reason": "r", "page_token": "nonsense"}, "page_token"),
    ],
)
def test_a_form_that_is_wrong_changes_nothing(client: FlaskClient, flow: Flow, form: dict[str, str], said: str) -> None:
    """400, with the field and the mend."""
    failed = flow.failed(FailureClass.RECORDING)

    answer = client.post("/ops/replay", data=form, headers=OUR_OWN)

    assert answer.status_code == 400
    assert said in Page(answer.text).text
    kept = DatastoreRequests(flow.client).of_recording(failed)
    assert kept is not None
    assert kept.status is JobStatus.FAILED


def test_a_form_of_another_site_is_refused(client: FlaskClient, flow: Flow) -> None:
    """Whatever the browser is signed in to."""
    flow.failed(FailureClass.RECORDING)

    answer = client.post(
        "/ops/replay",
        data={"failure_class": "recording", "reason": "r"},
        headers={**BROWSER, "Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 403
    assert "Recording not usable" in opened(client).text


@pytest.mark.parametrize(
    "query",
    ["failure_class=luck&replayed=1&skipped=0", "failure_class=recording&replayed=-1&skipped=0", "replayed=1", "x=y"],
)
@pytest.mark.usefixtures("rows")
def test_nobody_can_put_words_into_the_page(client: FlaskClient, query: str) -> None:
    """What a replay did is told in figures only; anything else in the address is ignored."""
    assert "again." not in opened(client, f"/ops?{query}").text


def test_webhooks_say_what_became_of_them(client: FlaskClient, flow: Flow) -> None:
    """The latest first; an end is worked off, everything else is noted; what was refused is counted by reason."""
    job = flow.taken(age=9 * MINUTE, length=10 * MINUTE, name="Told", company="Acme")
    flow.webhook(job, JobStatus.SCHEDULED, ago=9 * MINUTE)
    flow.webhook(job, JobStatus.COMPLETED, ago=MINUTE)
    flow.webhook(job, JobStatus.COMPLETED, ago=MINUTE)
    flow.refused(Refusal.SIGNATURE, 12)

    text = opened(client).text

    assert "sent to a path that was never given out" in text
    assert "Told Acme Analysed 2 being worked off" in text
    assert "Told Acme Queued for analysis 1 noted" in text
    assert text.index("being worked off") < text.index("noted")


def test_sweeps_say_what_they_found_in_words(client: FlaskClient, flow: Flow) -> None:
    """When, how long, and what."""
    flow.swept({"tasks_recreated": 2, "bucket_errors": 1}, ago=3 * MINUTE)
    flow.swept({}, ago=MINUTE / 2)

    text = opened(client).text

    assert "3 min 0.8 s The bucket could not be compared, 2 lost tasks created again" in text
    assert "0.8 s Nothing was due" in text


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("SymblSlot", "slot-0099", "Who holds which slot cannot be read right now"),
        ("QueueLane", "live/Spoilt", "The queue cannot be read right now"),
        ("WebhookEvent", "spoilt", "What was received cannot be read right now"),
        ("SweepReports", "default", "What the sweeps found cannot be read right now"),
        ("SymblAccount", "default", "How the engine's account stands cannot be read right now"),
    ],
)
def test_a_part_that_cannot_be_read_fails_alone(
    client: FlaskClient, flow: Flow, kind: str, name: str, said: str
) -> None:
    """It keeps its heading and says so, with the request id; every other block is there."""
    flow.of_everything()
    flow.spoil(kind, name)

    page = opened(client)

    assert said in page.text
    assert page.text.count("cannot be read right now") == 1
    assert kind == "SymblAccount" or "request-1234" in page.text
    for heading in ("Slots", "Queue by company", "Failures by class", "Webhooks received", "The last sweeps"):
        assert heading in page.text


def test_the_page_has_a_twin_for_machines(client: FlaskClient, flow: Flow) -> None:
    """The same figures; what could not be read is null."""
    flow.of_everything()
    flow.spoil("SweepReports", "default")

    twin = client.get("/ops.json").get_json()

    assert twin["cap"] == {"setting": 50, "effective": 50}
    assert len(twin["slots"]) == 14
    assert collections.Counter(slot["punctuality"] for slot in twin["slots"]) == {"on_time": 11, "due": 1, "late": 2}
    assert {(line["company"], line["priority"], line["waiting"]) for line in twin["queue"]["lines"]} == {
        ("Brightline Mobile", "live", 3),
        ("Northside Plumbing", "backfill", 7),
    }
    assert {group["class"]: group["count"] for group in twin["failures"]} == {
        "not_accepted": 1,
        "recording": 4,
        "stuck": 1,
    }
    assert {row["reason"]: row["count"] for row in twin["webhooks"]["refused_today"]} == {"signature": 12, "body": 1}
    assert [row["status"] for row in twin["webhooks"]["received"]] == [
        "completed",
        "completed",
        "in_progress",
        "scheduled",
    ]
    assert twin["sweeps"] is None
    assert "/ops.json" in opened(client).links


def test_the_page_costs_what_there_is_to_show(client: FlaskClient, flow: Flow, asked: collections.Counter[str]) -> None:
    """Eleven calls of Datastore where there is nothing; with everything a few more, however much is stored."""
    opened(client)
    assert asked == {"lookup": 3, "run_query": 3, "run_aggregation_query": 5}

    flow.of_everything()
    asked.clear()
    opened(client)
    # For slots two lookups, for failures and events one each; a query for each of three classes, and for each of two
    # companies that wait; a count for each of four lanes.
    few = {"lookup": 3 + 4, "run_query": 3 + 3 + 2, "run_aggregation_query": 5 + 4}
    assert asked == few

    for _ in range(10):
        flow.failed(FailureClass.RECORDING)
    flow.waiting(30, "Brightline Mobile")
    asked.clear()
    opened(client)
    assert asked == few


def test_only_so_many_lines_are_counted(client: FlaskClient, flow: Flow, asked: collections.Counter[str]) -> None:
    """With hundreds of companies the page stays as cheap; it says that there are more."""
    for number in range(LANES + 2):
        flow.waiting(1, f"Company {number:02d}")
    asked.clear()

    text = opened(client).text

    assert f"{LANES}+ waiting" in text
    assert "Calls wait in 2 more lines." in text
    assert asked["run_aggregation_query"] == 5 + LANES


def test_every_page_leads_to_operations(client: FlaskClient, flow: Flow) -> None:
    """And Operations to the calls."""
    assert flow
    assert "/ops" in opened(client, "/calls").links
    assert "/calls" in opened(client).links


def test_behind_a_prefix_the_form_leads_back_below_it(replaying: Callable[..., FlaskClient], flow: Flow) -> None:
    """Form and redirect follow the public address."""
    flow.failed(FailureClass.RECORDING)
    client = replaying(PUBLIC_BASE_URL="http://127.0.0.1:8080/dashboard")

    (form,) = opened(client).all("form")
    answer = client.post(form["action"], data={"failure_class": "recording", "reason": "r"}, headers=OUR_OWN)

    assert answer.location.startswith("/dashboard/ops?")
