"""Sends what `protocol` has made; owns the token and the time-outs, and repeats nothing by itself.

A repeated POST would be a second, paid job: whether to send again is decided by the stages, from what is stored.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import NewConnectionError

from common.adapters.symbl import protocol
from common.errors import CalltrackError, NotAccepted, OutcomeUnknown, RefusedByEngine, TryLater, UnreadableAnswer
from common.ports import Accepted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from common.model.intelligence import Rows, SectionKind
    from common.model.job import AttemptId
    from common.model.lifecycle import JobStatus
    from common.ports import Submission

CONNECT_S = 5
TOKEN_READ_S = 20
#: The article: "allow 3 minutes for large files".
SUBMIT_READ_S = 180
READ_S = 60
_RENEW_BEFORE = timedelta(seconds=60)


class SymblClient:
    """SpeechIntelligence over HTTP."""

    def __init__(
        self,
        *,
        base_url: str,
        app_id: str,
        app_secret: str,
        clock: Callable[[], datetime],
        submit_read_s: float = SUBMIT_READ_S,
    ) -> None:
        self._base_url = base_url
        self._credentials = {"type": "application", "appId": app_id, "appSecret": app_secret}
        self._clock = clock
        self._submit_read_s = submit_read_s
        self._session = requests.Session()
        self._lock = threading.Lock()
        self._token: protocol.Token | None = None
        self._renew_at: datetime | None = None
        self._expires_at: datetime | None = None

    def prepare(self) -> None:
        """Get a token, or keep the one there is."""
        self._bearer()

    def submit(self, submission: Submission) -> Accepted:
        """POST the recording's URL; see `SpeechIntelligence.submit` for what it raises."""
        headers = self._bearer()
        try:
            answer = self._session.post(
                f"{self._base_url}/v1/process/audio/url",
                json=protocol.audio_url_body(submission),
                headers=headers,
                timeout=(CONNECT_S, self._submit_read_s),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise _submission_failure(error) from error
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            self._expect_no_dying_token(answer)
            raise protocol.submission_error(answer.status_code, answer.content, answer.headers.get("Retry-After"))
        try:
            job = protocol.accepted(answer.content)
        except UnreadableAnswer as error:
            raise OutcomeUnknown(f"{answer.status_code}, but {error}") from error
        return Accepted(conversation_id=job.conversation_id, job_id=job.job_id)

    def job_status(self, job_id: str) -> JobStatus | None:
        """How a job stands; None where the engine knows no such job."""
        answer = self._get(f"/v1/job/{job_id}")
        return None if answer.status_code == HTTPStatus.NOT_FOUND else protocol.job_status(answer.content)

    def failure_reason(self, job_id: str) -> str | None:
        """Why a job failed: a header of our engine's; Symbl's job API had no such thing."""
        return self._get(f"/v1/job/{job_id}").headers.get("X-Job-Error")

    def find_conversation(self, attempt_id: AttemptId, *, since: datetime, now: datetime) -> str | None:
        """The conversation that an attempt made; None where the engine has none."""
        answer = self._get("/v1/conversations", protocol.conversation_search(attempt_id, since=since, now=now))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return protocol.found_conversation(answer.content, attempt_id)

    def section(self, section: SectionKind, conversation_id: str) -> Rows | None:
        """The rows of a section; None where the engine has none yet (it answers 404)."""
        path, query = protocol.SECTION_PATHS[section.name]
        answer = self._get(f"/v1/conversations/{conversation_id}/{path}", query)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return protocol.section_rows(section.name, answer.content)

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> requests.Response:
        """GET; 404 is an answer, everything else but 200 an error."""
        try:
            answer = self._session.get(
                f"{self._base_url}{path}",
                params=query,
                headers=self._bearer(),
                timeout=(CONNECT_S, READ_S),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise TryLater(f"the engine did not answer: {type(error).__name__}") from error
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            self._expect_no_dying_token(answer)
            raise protocol.read_error(answer.status_code, answer.content)
        return answer

    def _bearer(self) -> dict[str, str]:
        """The header, with a token renewed at the latest of 60 s and half of its life before its end."""
        with self._lock:
            now = self._clock()
            if self._token is None or self._renew_at is None or now >= self._renew_at:
                self._token = self._new_token()
                life = timedelta(seconds=self._token.expires_in)
                self._expires_at = now + life
                self._renew_at = self._expires_at - min(_RENEW_BEFORE, life / 2)
            return {"Authorization": f"Bearer {self._token.value}"}

    def _new_token(self) -> protocol.Token:
        try:
            answer = self._session.post(
                f"{self._base_url}/oauth2/token:generate",
                json=self._credentials,
                timeout=(CONNECT_S, TOKEN_READ_S),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise NotAccepted(f"the engine gave no token: {type(error).__name__}") from error
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise protocol.token_error(answer.status_code, answer.content)
        try:
            return protocol.token(answer.content)
        except UnreadableAnswer as error:
            raise NotAccepted(f"the engine gave no usable token: {error}") from error

    def _expect_no_dying_token(self, answer: requests.Response) -> None:
        """A 401 is the account's fault only if the token had more than a minute to live."""
        if answer.status_code != HTTPStatus.UNAUTHORIZED:
            return
        with self._lock:
            self._token = None
            dying = self._expires_at is None or self._expires_at - self._clock() <= _RENEW_BEFORE
        if dying:
            raise NotAccepted("401: the token expired on the way")


def _submission_failure(error: requests.RequestException) -> CalltrackError:
    """Whether a broken exchange left the engine with a job: only if no connection was made is it certain that not."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NotAccepted("the engine could not be reached: no connection in time")
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(error, requests.ConnectionError) and isinstance(cause, NewConnectionError):
        return NotAccepted("the engine could not be reached: no connection")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return RefusedByEngine(f"SYMBL_API_URL cannot be used: {error}")
    return OutcomeUnknown(f"the submission broke off: {type(error).__name__}")
