"""The HTTP API, as a client sees it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import requests

from deploy.cli import VERSION
from deploy.cli.exits import Exit
from deploy.cli.multipart import MultipartFile
from deploy.cli.problems import CommandFailed, Problem, answered, usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

MAX_UPLOAD_BYTES = 32 * 2**20  #: the most that a request to the API may have (Cloud Run's limit for HTTP/1)
_CONNECT_S = 10.0
_RECORDINGS = "/api/v1/recordings"
_PIECE_BYTES = 256 * 1024

Answer = dict[str, Any]  #: a recording or another object, as the API gives it


@dataclasses.dataclass(frozen=True)
class Added:
    """What became of a recording: `new`, or known already (the company has the same audio)."""

    recording: Answer
    new: bool


class Api:
    """One server; methods raise CommandFailed with its problem, or with what kept us from reaching it."""

    def __init__(self, server: str, *, token: str | None, timeout: float) -> None:
        """`timeout` in seconds, for one answer."""
        self.server = server
        self._timeout = (min(_CONNECT_S, timeout), timeout)
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"calltrack/{VERSION}"
        # An `auth` of our own also keeps requests from sending what ~/.netrc has for the host.
        self._session.auth = _Bearer(token)
        if is_loopback(server):
            self._session.trust_env = False  # no proxy between us and this machine

    def add_file(self, path: Path, metadata: Mapping[str, Any], *, sent: Callable[[int, int], None]) -> Added:
        """Send a file; `sent` is told the bytes sent so far, and how many there are."""
        with _readable(path), path.open("rb") as audio:
            body = MultipartFile(audio, file_name=path.name, fields={"metadata": json.dumps(metadata)}, sent=sent)
            if len(body) > MAX_UPLOAD_BYTES:
                raise usage(
                    "Too large to send",
                    f"it has {len(body) / 2**20:.1f} MiB, and a request may have {MAX_UPLOAD_BYTES // 2**20} MiB",
                    mend=f"put it into the recordings bucket, then: calltrack recordings add gs://BUCKET/{path.name}",
                )
            # requests streams what it can iterate; its types know files and generators only.
            return self._added(data=body, headers={"Content-Type": body.content_type})

    def add_url(self, url: str, metadata: Mapping[str, Any]) -> Added:
        """Have the server read gs:// (its own bucket) or http(s)://."""
        return self._added(data=json.dumps({**metadata, "url": url}), headers={"Content-Type": "application/json"})

    def get(self, recording_id: str) -> Answer:
        """One recording with all its results."""
        return _object(self._call("GET", f"{_RECORDINGS}/{quote(recording_id, safe='')}"), having="id")

    def recordings(
        self, *, filter_: str | None, order_by: str | None, limit: int | None, page_size: int
    ) -> Iterator[Answer]:
        """Recordings without results, page after page, up to `limit`."""
        query = {"filter": filter_, "order_by": order_by}
        params = {name: value for name, value in query.items() if value is not None}
        token: str | None = None
        left = limit
        while left is None or left > 0:
            size = page_size if left is None else min(page_size, left)
            paging = {"page_size": str(size)} | ({"page_token": token} if token else {})
            page = _object(self._call("GET", _RECORDINGS, params={**params, **paging}), having="recordings")
            items = page["recordings"][:left]
            yield from items
            left = None if left is None else left - len(items)
            token = page.get("next_page_token")
            if not token:
                return

    def checks(self) -> list[Answer]:
        """How each part of the installation is: `name`, `ok`, `found`, `mend`."""
        checks: list[Answer] = _object(self._call("GET", "/api/v1/checks"), having="checks")["checks"]
        return checks

    def reindex(self) -> Iterator[int]:
        """Have the index of all recordings made anew; how many, page after page."""
        token: str | None = None
        while True:
            body = json.dumps({"page_token": token} if token else {})
            headers = {"Content-Type": "application/json"}
            page = _object(self._call("POST", f"{_RECORDINGS}:reindex", data=body, headers=headers), having="reindexed")
            yield int(page["reindexed"])
            token = page.get("next_page_token")
            if not token:
                return

    def replay(self, recording_id: str, order: Mapping[str, Any]) -> Answer:
        """Have a recording run again, or ask whether it could be; its state after that."""
        path = f"{_RECORDINGS}/{quote(recording_id, safe='')}:replay"
        return _object(self._replay(path, order, see=f"calltrack recordings get {recording_id}"), having="id")

    def replay_many(self, order: Mapping[str, Any]) -> Answer:
        """The same of one page of those that the order's filter finds."""
        return _object(self._replay(f"{_RECORDINGS}:replay", order, see="calltrack recordings list"), having="skipped")

    def _replay(self, path: str, order: Mapping[str, Any], *, see: str) -> requests.Response:
        headers = {"Content-Type": "application/json"}
        return self._call("POST", path, data=json.dumps(order), headers=headers, mends={"NOT_REPLAYABLE": see})

    def delete(self, recording_id: str, reason: str) -> Answer:
        """Delete a recording; what is kept of it, and what is still owed."""
        path = f"{_RECORDINGS}/{quote(recording_id, safe='')}"
        mends = {"NOT_DELETABLE": f"calltrack recordings wait {recording_id}"}
        return _object(self._call("DELETE", path, params={"reason": reason}, mends=mends), having="owed")

    def share(self, recording_id: str, *, transcript: bool) -> Answer:
        """A link to a recording's summary page: `url`, `expires_at`, `iframe`, `allowed_origins`."""
        path = f"{_RECORDINGS}/{quote(recording_id, safe='')}:share"
        body, headers = json.dumps({"transcript": transcript}), {"Content-Type": "application/json"}
        return _object(self._call("POST", path, data=body, headers=headers), having="url")

    def transcript(self, recording_id: str) -> Answer:
        """Turns, as the API gives them."""
        return _object(self._transcript(recording_id, ""), having="turns")

    def transcript_file(self, recording_id: str, rendering: str) -> str:
        """Turns as a file: txt, vtt, srt or md."""
        return self._transcript(recording_id, f".{rendering}").content.decode()

    def _transcript(self, recording_id: str, suffix: str) -> requests.Response:
        return self._call(
            "GET",
            f"{_RECORDINGS}/{quote(recording_id, safe='')}/transcript{suffix}",
            mends={"TRANSCRIPT_NOT_READY": f"calltrack recordings wait {recording_id}"},
        )

    @contextlib.contextmanager
    def audio(self, recording_id: str) -> Iterator[Iterator[bytes]]:
        """The recording's bytes, piece by piece, from where the server says that they are: it gets no token of ours."""
        path = f"{_RECORDINGS}/{quote(recording_id, safe='')}/audio"
        answer = self._call("GET", path, redirects=True)
        where = answer.headers.get("Location", "")
        if "X-Goog-Signature=" not in where:  # a sign-in page, which redirects as well
            raise CommandFailed(_refusal(answer, "", {}))
        with requests.Session() as session:
            session.auth = _Bearer(None)
            session.trust_env = not is_loopback(where)
            try:
                with session.get(where, stream=True, timeout=self._timeout) as response:
                    if not response.ok:
                        raise CommandFailed(_refusal(response, "", {}))
                    yield response.iter_content(_PIECE_BYTES)
            except requests.RequestException as error:
                host = f"{urlsplit(where).scheme}://{urlsplit(where).netloc}"
                raise CommandFailed(_unreached(host, error, timeout=self._timeout[1], request_id="")) from None

    def _added(self, *, data: Any, headers: dict[str, str]) -> Added:  # noqa: ANN401  # what requests takes
        response = self._call("POST", _RECORDINGS, data=data, headers=headers)
        return Added(recording=_object(response, having="id"), new=response.status_code == requests.codes.created)

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Any = None,  # noqa: ANN401  # what requests takes
        headers: Mapping[str, str] | None = None,
        mends: Mapping[str, str] | None = None,
        redirects: bool = False,
    ) -> requests.Response:
        """One answer; one that leads elsewhere is expected only where it says so."""
        request_id = uuid.uuid4().hex  # ours, so that a request without an answer can be found in the logs
        try:
            response = self._session.request(
                method,
                self.server + path,
                params=params,
                data=data,
                headers={"X-Request-Id": request_id, **(headers or {})},
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise CommandFailed(
                _unreached(self.server, error, timeout=self._timeout[1], request_id=request_id)
            ) from None
        if response.ok and response.is_redirect == redirects:
            return response
        raise CommandFailed(_refusal(response, request_id, mends or {}))


class _Bearer(requests.auth.AuthBase):
    """Signs requests with the token, if there is one."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def is_loopback(server: str) -> bool:
    """Whether the server is on this machine."""
    host = urlsplit(server).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def checked_server(given: str) -> str:
    """The server's address without a slash at its end.

    Raises:
        CommandFailed: where it is no address of a server.
    """
    try:
        parts = urlsplit(given)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
        usable = usable and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise usage("No server's address", f"{given!r} is none", mend="--server http://127.0.0.1:8080")
    return given.rstrip("/")


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # requests' errors are OSErrors too, and are told apart before they come here.
        raise usage("File cannot be read", str(error.strerror or error), about=str(path)) from None


def _object(response: requests.Response, *, having: str) -> Answer:
    """The answer's JSON object; without the field `having` it is not the API that answered."""
    try:
        given = response.json()
    except ValueError:
        given = None
    if not isinstance(given, dict) or having not in given:
        origin = urlsplit(response.url)
        raise CommandFailed(
            Problem(
                title="Answer not understood",
                detail=f"what answers at {origin.scheme}://{origin.netloc} does not speak this API",
                exit=Exit.FAILED,
                code="INTERNAL",
                mend="check --server or CALLTRACK_SERVER",
            )
        )
    return given


def _refusal(response: requests.Response, request_id: str, mends: Mapping[str, str]) -> Problem:
    document = None
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        with contextlib.suppress(ValueError):
            given = response.json()
            document = given if isinstance(given, dict) else None
    retry_after = response.headers.get("Retry-After", "")
    return answered(
        response.status_code,
        document,
        phrase=response.reason or "",
        mends=mends,
        request_id=response.headers.get("X-Request-Id", request_id),
        retry_after=float(retry_after) if retry_after.isdecimal() else None,
    )


def _unreached(server: str, error: requests.RequestException, *, timeout: float, request_id: str) -> Problem:
    if isinstance(error, requests.ReadTimeout):
        return Problem(
            title="No answer in time",
            detail=f"{server} did not answer within {timeout:g} s",
            exit=Exit.UNAVAILABLE,
            code="DEADLINE_EXCEEDED",
            mend="a larger --timeout before the command",
            request_id=request_id,
        )
    return Problem(
        title="Server not reached",
        detail=f"{server}: {_cause(error)}",
        exit=Exit.UNAVAILABLE,
        code="UNAVAILABLE",
        mend="make run, or --server URL",
    )


def _cause(error: BaseException) -> str:
    """The system's own words, from under the layers that wrapped them."""
    inner: BaseException | None = error
    seen: set[int] = set()
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        wrapped = getattr(inner, "reason", None) or next(
            (arg for arg in inner.args if isinstance(arg, BaseException)), None
        )
        inner = wrapped if isinstance(wrapped, BaseException) else inner.__cause__ or inner.__context__
    return type(error).__name__
