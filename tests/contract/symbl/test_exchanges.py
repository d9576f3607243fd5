"""What was said last: every error that follows from a call carries it, for whoever looks into one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from common.errors import CalltrackError, Exchange, NotAccepted, OutcomeUnknown, UnreadableAnswer
from common.ports import Verdict
from tests.callee import ManualClock
from tests.contract.symbl.test_client import SECTION, a_submission, connected
from tests.factories import NOW
from tests.symbl_stand_in import SUBMIT_PATH, TOKEN_PATH, Answer, Fault, Script, SymblStandIn, refusing_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from common.adapters.symbl.client import SymblClient


def exchange_of(call: Callable[[], object]) -> Exchange:
    with pytest.raises(CalltrackError) as caught:
        call()
    assert caught.value.exchange is not None
    return caught.value.exchange


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        (Answer(400, {"message": '"url" is bad'}), '400 Bad Request\n{"message": "\\"url\\" is bad"}'),
        (Answer(429, {"statusCode": 429}, (("Retry-After", "7"),)),
         '429 Too Many Requests\nRetry-After: 7\n{"statusCode": 429}'),
        (Answer(401, {"message": "no"}), '401 Unauthorized\n{"message": "no"}'),
        (Answer(408, b""), "408 Request Timeout"),
        (Answer(502, b"<html>Bad Gateway"), "502 Bad Gateway\n<html>Bad Gateway"),
        (Answer(201, {"conversationId": "c"}), '201 Created\n{"conversationId": "c"}'),
        (Answer(200, b"\x89PNG"), "200 OK\n[4 bytes of application/json]"),
        (Fault.SILENCE, None),
        (Fault.RESET, None),
        (Fault.RESET_INSIDE, None),
    ],
)  # fmt: skip
def test_a_submission_that_fails_says_what_was_sent_and_answered(
    symbl: SymblStandIn, script: Script, answer: str | None
) -> None:
    """Where no answer came, the error says why."""
    symbl.on(SUBMIT_PATH, script)

    exchange = exchange_of(lambda: connected(symbl.url).submit(a_submission()))

    assert exchange.answer == answer
    assert exchange.request.startswith(
        'POST /v1/process/audio/url\n{"url": "https://storage.example/recording.wav?[cut]", '
        '"name": "Call 1 [attempt-1]", "webhookUrl": "https://hooks.example/r/a/[cut]", '
    )
    assert '"metadata": {"attemptId": "attempt-1", "requestId": "request-1"}' in exchange.request


def test_what_an_engine_repeats_of_our_secrets_is_in_neither_reason_nor_exchange(symbl: SymblStandIn) -> None:
    """The token of the header, the recording's URL, a webhook of another submission."""
    other = f"https://hooks.example/r/{'0a' * 16}/{'9e' * 16}"
    symbl.on(TOKEN_PATH, Answer(body={"accessToken": "tok-en-of-today", "expiresIn": 86400}))
    symbl.on(SUBMIT_PATH, Answer(400, {"message": f"tok-en-of-today: {a_submission().url} {other}"}))

    with pytest.raises(CalltrackError) as caught:
        connected(symbl.url).submit(a_submission())

    said = f"[cut]: https://storage.example/recording.wav?[cut] https://hooks.example/r/{'0a' * 16}/[cut]"
    assert str(caught.value) == f"400: {said}"
    assert caught.value.exchange is not None
    assert caught.value.exchange.answer == f'400 Bad Request\n{{"message": "{said}"}}'


def test_a_submission_that_reached_nobody_says_what_was_to_be_sent(symbl: SymblStandIn) -> None:
    client = connected(symbl.url)
    client.prepare()
    client._session.close()
    symbl.close()

    exchange = exchange_of(lambda: client.submit(a_submission()))

    assert exchange.request.startswith("POST /v1/process/audio/url\n")
    assert exchange.answer is None


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        (Answer(401, {"message": "wrong pair"}), '401 Unauthorized\n{"message": "wrong pair"}'),
        (Answer(500, b""), "500 Internal Server Error"),
        (Answer(200, {"accessToken": "tok-en", "expiresIn": 0}), "200 OK\n[41 bytes of application/json: a token]"),
        (Fault.RESET, None),
    ],
)
def test_a_token_that_is_not_given_says_so_without_a_token(
    symbl: SymblStandIn, script: Script, answer: str | None
) -> None:
    """The submission that needed it was not made, so the exchange is the token's."""
    symbl.on(TOKEN_PATH, script)

    exchange = exchange_of(lambda: connected(symbl.url).submit(a_submission()))

    assert exchange == Exchange(
        'POST /oauth2/token:generate\n{"type": "application", "appId": "id", "appSecret": "[cut]"}', answer
    )


def test_an_engine_out_of_reach_has_answered_nothing() -> None:
    exchange = exchange_of(lambda: connected(refusing_url()).job_status("j"))

    assert exchange.request.startswith("POST /oauth2/token:generate\n")
    assert exchange.answer is None


def test_a_token_that_dies_on_the_way_keeps_the_refusal(symbl: SymblStandIn) -> None:
    symbl.on(TOKEN_PATH, Answer(body={"accessToken": "t", "expiresIn": 60})).on(SUBMIT_PATH, Answer(401, {}))

    with pytest.raises(NotAccepted) as caught:
        connected(symbl.url, ManualClock(NOW)).submit(a_submission())

    assert caught.value.exchange is not None
    assert caught.value.exchange.answer == "401 Unauthorized\n{}"


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        (Answer(503, b"busy"), "503 Service Unavailable\nbusy"),
        (Answer(302, b"", (("Location", "/x"),)), "302 Found"),
        (Answer(200, {"id": "j", "status": "paused"}), '200 OK\n{"id": "j", "status": "paused"}'),
        (Fault.RESET, None),
    ],
)
def test_a_read_that_fails_says_what_was_asked_and_answered(
    symbl: SymblStandIn, script: Script, answer: str | None
) -> None:
    symbl.on("/v1/job/j", script)

    assert exchange_of(lambda: connected(symbl.url).job_status("j")) == Exchange("GET /v1/job/j", answer)


@pytest.mark.parametrize(
    ("path", "request_line", "read", "withheld"),
    [
        (
            "/v1/conversations/c/messages",
            "GET /v1/conversations/c/messages?verbose=true&sentiment=true",
            lambda client: client.section(SECTION["messages"], "c"),
            "200 OK\n[31 bytes of application/json: words of a call]",
        ),
        (
            "/v1/conversations",
            "GET /v1/conversations?limit=10&startTime=",
            lambda client: client.find_conversation("a", since=NOW, now=NOW),
            "200 OK\n[31 bytes of application/json: names of calls]",
        ),
    ],
)
def test_what_a_call_is_about_is_in_no_exchange(
    symbl: SymblStandIn, path: str, request_line: str, read: Callable[[SymblClient], object], withheld: str
) -> None:
    """An error outlives the results and is read by others; what is no good answer is shown."""
    client = connected(symbl.url)
    symbl.on(path, Answer(body=[{"text": "my card number is"}]), Answer(500, b"out of memory"))

    with pytest.raises(UnreadableAnswer) as caught:
        read(client)
    assert caught.value.exchange is not None
    assert caught.value.exchange.request.startswith(request_line)
    assert caught.value.exchange.answer == withheld
    assert exchange_of(lambda: read(client)).answer == "500 Internal Server Error\nout of memory"


def test_a_failed_job_has_a_reason_and_the_exchange_that_told_it(symbl: SymblStandIn) -> None:
    """Symbl gave no reason; our engine does, in a header."""
    client = connected(symbl.url)
    symbl.on(
        "/v1/job/j",
        Answer(body={"id": "j", "status": "failed"}, headers=(("X-Job-Error", "no audio at http://x/y?k=abc"),)),
        Answer(body={"id": "j", "status": "failed"}),
    )

    assert client.verdict("j") == Verdict(
        reason="no audio at http://x/y?[cut]",
        exchange=Exchange(
            "GET /v1/job/j", '200 OK\nX-Job-Error: no audio at http://x/y?[cut]\n{"id": "j", "status": "failed"}'
        ),
    )
    assert client.verdict("j").reason is None


def test_an_exchange_is_no_part_of_what_is_logged(symbl: SymblStandIn) -> None:
    """Stages log an error as its text."""
    symbl.on(SUBMIT_PATH, Fault.RESET)

    with pytest.raises(OutcomeUnknown) as caught:
        connected(symbl.url).submit(a_submission())

    assert "storage.example" not in str(caught.value)
    assert caught.value.args == (str(caught.value),)
