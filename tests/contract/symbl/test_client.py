"""What the client makes of a server that misbehaves: whether it is certain that nothing was sent decides everything."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from common.adapters.symbl.client import SymblClient
from common.errors import (
    AccountRefused,
    CalltrackError,
    NotAccepted,
    OutcomeUnknown,
    RefusedByEngine,
    Throttled,
    TryLater,
    UnreadableAnswer,
)
from common.model.company import Tracker
from common.model.intelligence import SECTIONS
from common.model.lifecycle import JobStatus
from common.ports import Accepted, Submission
from tests.callee import ManualClock
from tests.factories import NOW, a_conversation
from tests.symbl_stand_in import SUBMIT_PATH, TOKEN_PATH, Answer, Fault, Script, SymblStandIn, refusing_url

if TYPE_CHECKING:
    from collections.abc import Callable

ACCEPTED = Answer(201, {"conversationId": "5123456789012345", "jobId": "j-1"})
SECTION = {section.name: section for section in SECTIONS}


def connected(url: str, clock: Callable[..., object] | None = None) -> SymblClient:
    return SymblClient(
        base_url=url,
        app_id="id",
        app_secret="secret",
        clock=clock or (lambda: NOW),  # type: ignore[arg-type]  # a ManualClock or this
        submit_read_s=0.3,
    )


def a_submission() -> Submission:
    return Submission(
        url="https://storage.example/recording.wav?X-Goog-Signature=abc",
        webhook_url="https://hooks.example/r/a/s",
        attempt_id="attempt-1",
        request_id="request-1",
        conversation=a_conversation(),
        trackers=(Tracker(name="Pricing", vocabulary=("price",)),),
        confidence_threshold=0.6,
    )


def test_an_accepted_submission_gives_both_ids(symbl: SymblStandIn) -> None:
    """One token, one POST with it, and the body that was asked for."""
    symbl.on(SUBMIT_PATH, ACCEPTED)
    client = connected(symbl.url)

    assert client.submit(a_submission()) == Accepted(conversation_id="5123456789012345", job_id="j-1")
    assert [request.path for request in symbl.requests] == [TOKEN_PATH, SUBMIT_PATH]
    token, post = symbl.requests
    assert token.json == {"type": "application", "appId": "id", "appSecret": "secret"}
    assert post.headers["Authorization"] == "Bearer token-1"
    assert post.json["metadata"] == {"attemptId": "attempt-1", "requestId": "request-1"}


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Answer(429, {"statusCode": 429, "message": "Too many jobs"}), Throttled, "Too many jobs"),
        (Answer(400, {"message": '"url" must be a valid uri'}), RefusedByEngine, "valid uri"),
        (Answer(422, b"<html>no</html>"), RefusedByEngine, "<html>"),
        (Answer(401, {"message": "Token validation failed"}), AccountRefused, "Token validation"),
        (Answer(403, {}), AccountRefused, "403"),
        (Answer(404, b""), AccountRefused, "404"),
        (Answer(408, {"message": "took too long to send"}), NotAccepted, "408"),
        (Answer(500, {"message": "oops"}), OutcomeUnknown, "oops"),
        (Answer(502, b"Bad Gateway"), OutcomeUnknown, "Bad Gateway"),
        (Answer(504, b""), OutcomeUnknown, "504"),
        (Answer(307, b"", (("Location", "http://elsewhere/"),)), OutcomeUnknown, "307"),
        (Answer(201, b"{"), OutcomeUnknown, "201"),
        (Answer(201, {"conversationId": "c"}), OutcomeUnknown, "jobId"),
        (Answer(200, ["conversationId"]), OutcomeUnknown, "200"),
        (Fault.SILENCE, OutcomeUnknown, "ReadTimeout"),
        (Fault.RESET, OutcomeUnknown, "broke off"),
        (Fault.RESET_INSIDE, OutcomeUnknown, "broke off"),
    ],
)
def test_each_answer_to_a_submission_has_its_class(
    symbl: SymblStandIn, answer: Script, error: type[CalltrackError], words: str
) -> None:
    """And is asked for once: a second POST would be a second job."""
    symbl.on(SUBMIT_PATH, answer)

    with pytest.raises(CalltrackError, match=words) as caught:
        connected(symbl.url).submit(a_submission())

    assert type(caught.value) is error
    assert len(symbl.received(SUBMIT_PATH)) == 1


@pytest.mark.parametrize(
    ("header", "advice"),
    [("7", timedelta(seconds=7)), (None, None), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), ("\xb2", None),
     ("9" * 30, timedelta(hours=1))],
)  # fmt: skip
def test_advice_to_come_back_later_is_kept_where_it_is_sensible(
    symbl: SymblStandIn, header: str | None, advice: timedelta | None
) -> None:
    """An hour at most; a date or nonsense is no advice."""
    symbl.on(SUBMIT_PATH, Answer(429, {}, (("Retry-After", header),) if header else ()))

    with pytest.raises(Throttled) as caught:
        connected(symbl.url).submit(a_submission())

    assert caught.value.retry_after == advice


def test_a_server_out_of_reach_has_certainly_no_job() -> None:
    """Nobody listens: the token cannot be had, so nothing was sent."""
    with pytest.raises(NotAccepted):
        connected(refusing_url()).submit(a_submission())


def test_a_server_that_goes_away_after_the_token_has_certainly_no_job(symbl: SymblStandIn) -> None:
    """No connection is no job, whenever it happens."""
    client = connected(symbl.url)
    client.prepare()
    client._session.close()
    symbl.close()

    with pytest.raises(NotAccepted):
        client.submit(a_submission())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401, {"message": "wrong pair"}), AccountRefused),
        (Answer(400, {"message": "appId is missing"}), AccountRefused),
        (Answer(429, {}), NotAccepted),
        (Answer(500, b""), NotAccepted),
        (Answer(200, b"no json"), NotAccepted),
        (Answer(200, {"accessToken": "t", "expiresIn": 0}), NotAccepted),
        (Fault.RESET, NotAccepted),
    ],
)
def test_without_a_token_nothing_is_sent(symbl: SymblStandIn, answer: Script, error: type[CalltrackError]) -> None:
    """Only a refusal is the account's fault."""
    symbl.on(TOKEN_PATH, answer).on(SUBMIT_PATH, ACCEPTED)

    with pytest.raises(CalltrackError) as caught:
        connected(symbl.url).submit(a_submission())

    assert type(caught.value) is error
    assert symbl.received(SUBMIT_PATH) == []


@pytest.mark.parametrize(("life", "kept", "gone"), [(86400, 86400 - 61, 86400 - 60), (100, 49, 50), (60, 29, 30)])
def test_a_token_is_renewed_a_minute_or_half_its_life_before_its_end(
    symbl: SymblStandIn, life: int, kept: int, gone: int
) -> None:
    """An engine hands out what is left of a token that may be old."""
    symbl.on(TOKEN_PATH, Answer(body={"accessToken": "t", "expiresIn": life}))
    clock = ManualClock(NOW)
    client = connected(symbl.url, clock)
    client.prepare()

    clock.now = NOW + timedelta(seconds=kept)
    client.prepare()
    assert len(symbl.received(TOKEN_PATH)) == 1

    clock.now = NOW + timedelta(seconds=gone)
    client.prepare()
    assert len(symbl.received(TOKEN_PATH)) == 2


def test_a_dying_token_that_is_refused_is_not_the_accounts_fault(symbl: SymblStandIn) -> None:
    """With a minute to live it may have expired on the way; the next call gets a new one."""
    symbl.on(TOKEN_PATH, Answer(body={"accessToken": "t", "expiresIn": 60})).on(SUBMIT_PATH, Answer(401, {}), ACCEPTED)
    client = connected(symbl.url)

    with pytest.raises(NotAccepted):
        client.submit(a_submission())
    client.submit(a_submission())

    assert len(symbl.received(TOKEN_PATH)) == 2


def test_reads_tell_absence_from_failure(symbl: SymblStandIn) -> None:
    """404 is None; what may pass is tried later; what is no answer is unreadable."""
    path = "/v1/job/j"
    client = connected(symbl.url)

    assert client.job_status("j") is None
    symbl.on(path, Answer(body={"id": "j", "status": "in_progress"}, headers=(("X-Job-Error", "why"),)))
    assert client.job_status("j") is JobStatus.IN_PROGRESS
    assert client.verdict("j").reason == "why"
    for answer, error in (
        (Answer(503, b""), TryLater),
        (Answer(429, b""), TryLater),
        (Answer(302, b"", (("Location", "/x"),)), TryLater),
        (Answer(401, b""), AccountRefused),
        (Answer(200, b"<html>"), UnreadableAnswer),
        (Answer(200, {"id": "j", "status": "paused"}), UnreadableAnswer),
        (Fault.RESET, TryLater),
    ):
        symbl.on(path, answer)
        with pytest.raises(error):
            client.job_status("j")


def test_a_section_that_is_not_there_yet_is_none(symbl: SymblStandIn) -> None:
    """`/summary` answers 404 while the job runs."""
    client = connected(symbl.url)
    assert client.section(SECTION["summary"], "c") is None

    symbl.on("/v1/conversations/c/summary", Answer(body={"summary": []}))
    assert client.section(SECTION["summary"], "c") == ()


def test_a_conversation_is_found_by_its_attempt(symbl: SymblStandIn) -> None:
    """The filter is asked for, and not trusted."""
    client = connected(symbl.url)
    assert client.find_conversation("attempt-1", since=NOW, now=NOW) is None

    listing = [
        {"id": 1, "name": "x", "metadata": {"attemptId": "attempt-9"}},
        {"id": 2, "name": "Call [attempt-1]", "metadata": None},
    ]
    symbl.on("/v1/conversations", Answer(body={"conversations": listing}))
    assert client.find_conversation("attempt-1", since=NOW, now=NOW) == "2"
    assert client.find_conversation("attempt-2", since=NOW, now=NOW) is None
    assert "filter=conversation.metadata.attemptId%3D%3Dattempt-1" in symbl.received("/v1/conversations")[1].query


def test_a_conversation_that_is_not_there_is_as_good_as_deleted(symbl: SymblStandIn) -> None:
    """By its status, or by the words that Symbl documents; every other refusal is a duty that is left."""
    path = "/v1/conversations/c"
    client = connected(symbl.url)
    unknown = {"message": "The conversationId is either invalid or does not exist."}

    client.delete_conversation("c")
    for good in (Answer(200, {"message": "successfully deleted the conversation"}), Answer(400, unknown)):
        symbl.on(path, good)
        client.delete_conversation("c")
    assert {request.method for request in symbl.received(path)} == {"DELETE"}
    for answer, error in (
        (Answer(400, {"message": "no"}), TryLater),
        (Answer(503, b""), TryLater),
        (Answer(403, b""), AccountRefused),
        (Fault.RESET, TryLater),
    ):
        symbl.on(path, answer)
        with pytest.raises(error):
            client.delete_conversation("c")
