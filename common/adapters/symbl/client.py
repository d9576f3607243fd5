"""Sends what `protocol` has made; owns the token and the time-outs, and repeats nothing by itself.

A repeated POST would be a second, paid job: whether to send again is decided by the stages, from what is stored.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import requests
from urllib3.exceptions import NewConnectionError

from common.adapters.symbl import protocol, redaction
from common.errors import (
    CalltrackError,
    Exchange,
    NotAccepted,
    OutcomeUnknown,
    RefusedByEngine,
    TryLater,
    UnreadableAnswer,
)
from common.ports import Accepted, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from common.model.business_ux import BusinessUX
    from common.model.intelligence import Rows, SectionKind
    from common.model.job import AttemptId
    from common.model.lifecycle import JobStatus
    from common.ports import Submission

CONNECT_S = 5
TOKEN_READ_S = 20
#: The article: "allow 3 minutes for large files".
SUBMIT_READ_S = 180
READ_S = 60
SUBMIT_PATH = "/v1/process/audio/url"
TOKEN_PATH = "/oauth2/token:generate"  # noqa: S105  # a path
_RENEW_BEFORE = timedelta(seconds=60)
#: What an engine without pages of its own answers.
_HAS_NONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
#: Characters of what the engine says that an error's reason repeats; its exchange has more.
_REASON = 300


@dataclasses.dataclass(kw_only=True)
class _Call:
    """One call under way: an error that leaves it carries what was said, and not what must not be repeated."""

    method: str
    path: str
    query: Mapping[str, str] | None = None
    body: Mapping[str, object] | None = None
    secrets: frozenset[str]
    withheld: str | None = None  #: why the body of a good answer is nobody's to read again
    answer: requests.Response | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(error, CalltrackError):
            error.exchange = self.exchange

    @property
    def exchange(self) -> Exchange:
        """What was said so far."""
        target = f"{self.path}?{urlencode(self.query)}" if self.query else self.path
        request = redaction.request_text(self.method, target, self.body, secrets=self.secrets)
        if self.answer is None:
            return Exchange(request, None)
        said = redaction.answer_text(
            self.answer.status_code,
            self.answer.headers,
            self.answer.content,
            secrets=self.secrets,
            withheld=self.withheld if self.answer.ok else None,
        )
        return Exchange(request, said)

    @property
    def found(self) -> bytes | None:
        """The body of the answer; None where there is no such thing."""
        if self.answer is None or self.answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return self.answer.content

    def readable(self, text: str) -> str:
        """What the engine says, as a reason."""
        return redaction.cut_secrets(text, self.secrets)[:_REASON]


class SymblClient:
    """SpeechIntelligence over HTTP. Every error that follows from a call has its exchange."""

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
        token = self._bearer()
        secrets = redaction.secrets_of(recording_url=submission.url, webhook_url=submission.webhook_url)
        body = protocol.audio_url_body(submission)
        with _Call(method="POST", path=SUBMIT_PATH, body=body, secrets=self._secrets(token) | secrets) as call:
            try:
                answer = call.answer = self._session.post(
                    f"{self._base_url}{SUBMIT_PATH}",
                    json=body,
                    headers=_authorization(token),
                    timeout=(CONNECT_S, self._submit_read_s),
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise _submission_failure(error) from error
            if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
                self._expect_no_dying_token(answer)
                said = call.readable(protocol.message(answer.content))
                raise protocol.submission_error(answer.status_code, said, answer.headers.get("Retry-After"))
            try:
                job = protocol.accepted(answer.content)
            except UnreadableAnswer as error:
                raise OutcomeUnknown(f"{answer.status_code}, but {error}") from error
        return Accepted(conversation_id=job.conversation_id, job_id=job.job_id)

    def job_status(self, job_id: str) -> JobStatus | None:
        """How a job stands; None where the engine knows no such job."""
        with self._reading(f"/v1/job/{job_id}") as call:
            return None if call.found is None else protocol.job_status(call.found)

    def verdict(self, job_id: str) -> Verdict:
        """Why a job failed: told in a header of our engine's; Symbl's job API had no such thing."""
        with self._reading(f"/v1/job/{job_id}") as call:
            said = call.answer and call.answer.headers.get("X-Job-Error")
            return Verdict(reason=call.readable(said) if said else None, exchange=call.exchange)

    def find_conversation(self, attempt_id: AttemptId, *, since: datetime, now: datetime) -> str | None:
        """The conversation that an attempt made; None where the engine has none."""
        query = protocol.conversation_search(attempt_id, since=since, now=now)
        with self._reading("/v1/conversations", query, withheld="names of calls") as call:
            return None if call.found is None else protocol.found_conversation(call.found, attempt_id)

    def section(self, section: SectionKind, conversation_id: str) -> Rows | None:
        """The rows of a section; None where the engine has none yet (it answers 404)."""
        path, query = protocol.SECTION_PATHS[section.name]
        with self._reading(f"/v1/conversations/{conversation_id}/{path}", query, withheld="words of a call") as call:
            return None if call.found is None else protocol.section_rows(section.name, call.found)

    def delete_conversation(self, conversation_id: str) -> None:
        """DELETE it; a conversation that is not there has been deleted before."""
        with self._reading(f"/v1/conversations/{conversation_id}", method="DELETE"):
            pass

    def own_page(self, conversation_id: str, ux: BusinessUX | None) -> str | None:
        """The address of the engine's own page of a conversation; None where it has no such pages."""
        token = self._bearer()
        path = f"/v1/conversations/{conversation_id}/experiences"
        body = protocol.experience_body(ux)
        with _Call(
            method="POST", path=path, body=body, secrets=self._secrets(token), withheld="a URL that grants access"
        ) as call:
            try:
                answer = call.answer = self._session.post(
                    f"{self._base_url}{path}",
                    json=body,
                    headers=_authorization(token),
                    timeout=(CONNECT_S, READ_S),
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise TryLater(f"the engine did not answer: {type(error).__name__}") from error
            if answer.status_code in _HAS_NONE:
                return None
            if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
                self._expect_no_dying_token(answer)
                raise protocol.experience_error(answer.status_code, call.readable(protocol.message(answer.content)))
            return protocol.experience_url(answer.content)

    @contextlib.contextmanager
    def _reading(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        withheld: str | None = None,
    ) -> Iterator[_Call]:
        """A GET, or a DELETE, that was answered; 404 is an answer, everything else but 200 an error."""
        token = self._bearer()
        with _Call(method=method, path=path, query=query, secrets=self._secrets(token), withheld=withheld) as call:
            try:
                answer = call.answer = self._session.request(
                    method,
                    f"{self._base_url}{path}",
                    params=query,
                    headers=_authorization(token),
                    timeout=(CONNECT_S, READ_S),
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise TryLater(f"the engine did not answer: {type(error).__name__}") from error
            is_gone = method == "DELETE" and protocol.says_unknown_conversation(answer.content)
            if answer.status_code not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND} and not is_gone:
                self._expect_no_dying_token(answer)
                raise protocol.read_error(answer.status_code, call.readable(protocol.message(answer.content)))
            yield call

    def _bearer(self) -> str:
        """A token, renewed at the latest of 60 s and half of its life before its end."""
        with self._lock:
            now = self._clock()
            if self._token is None or self._renew_at is None or now >= self._renew_at:
                self._token = self._new_token()
                life = timedelta(seconds=self._token.expires_in)
                self._expires_at = now + life
                self._renew_at = self._expires_at - min(_RENEW_BEFORE, life / 2)
            return self._token.value

    def _new_token(self) -> protocol.Token:
        secrets = self._secrets()
        with _Call(method="POST", path=TOKEN_PATH, body=self._credentials, secrets=secrets, withheld="a token") as call:
            try:
                answer = call.answer = self._session.post(
                    f"{self._base_url}{TOKEN_PATH}",
                    json=self._credentials,
                    timeout=(CONNECT_S, TOKEN_READ_S),
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise NotAccepted(f"the engine gave no token: {type(error).__name__}") from error
            if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
                raise protocol.token_error(answer.status_code, call.readable(protocol.message(answer.content)))
            try:
                return protocol.token(answer.content)
            except UnreadableAnswer as error:
                raise NotAccepted(f"the engine gave no usable token: {error}") from error

    def _secrets(self, *tokens: str) -> frozenset[str]:
        return frozenset({self._credentials["appSecret"], *tokens})

    def _expect_no_dying_token(self, answer: requests.Response) -> None:
        """A 401 is the account's fault only if the token had more than a minute to live."""
        if answer.status_code != HTTPStatus.UNAUTHORIZED:
            return
        with self._lock:
            self._token = None
            dying = self._expires_at is None or self._expires_at - self._clock() <= _RENEW_BEFORE
        if dying:
            raise NotAccepted("401: the token expired on the way")


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


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
