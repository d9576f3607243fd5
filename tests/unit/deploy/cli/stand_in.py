"""A stand-in of the API on a port of loopback: strict about what it is sent, scripted in what it answers."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from common.errors import NotFound, Rejected
from common.model.deletion import NotDeletable
from common.model.listing import ListQuery, list_query, page_token
from common.model.recording import RecordingDetails, details_from, details_from_json
from common.model.replay import BulkReplayOrder, NotReplayable, ReplayOrder, order_from_json
from common.model.search.query import Equals, Facet, conditions
from tests.factories import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

State = tuple[str, str]  #: a request's status, and the state of the results
WHOLE_WAY: tuple[State, ...] = (
    ("pending", "waiting"),
    ("submitting", "waiting"),
    ("scheduled", "waiting"),
    ("in_progress", "waiting"),
    ("completed", "partial"),
    ("completed", "complete"),
)
AUDIO = b"RIFF" + bytes(range(256)) * 4096
DONE: tuple[State, ...] = WHOLE_WAY[-1:]
FAILED: tuple[State, ...] = (("pending", "waiting"), ("failed", "failed"))


@dataclasses.dataclass
class Kept:
    """A recording, and what is still to become of it: one state is used up by each look."""

    id: str
    details: RecordingDetails
    file_name: str
    ahead: list[State]
    now: State = ("pending", "waiting")
    looks: int = 0
    replays: int = 0
    stubborn: bool = False  #: cannot be replayed, whatever its state

    def answer(self, *, whole: bool) -> dict[str, Any]:
        """As the API gives it."""
        status, results = self.now
        error = {"class": "media", "reason": "no speech in it", "check": "listen to it"} if status == "failed" else None
        said = self.details.model_dump(mode="json")
        found = {"messages": [{"id": "m1"}, {"id": "m2"}], "topics": [{"id": "t1"}]} if whole else {}
        return {
            **said,
            "id": self.id,
            "name": said["name"] or self.file_name,
            "speakers": said["speakers"] or [],
            "file_name": self.file_name,
            "recording_url": f"gs://bucket/{self.file_name}",
            "duration": 108.091,
            "channels": 2,
            "created_at": "2026-03-01T12:00:00.000Z",
            "started_at": "2026-03-01T11:58:00.000Z",
            "request": {
                "status": status,
                "conversation_id": None,
                "job_id": None,
                "attempts": 1,
                "error": error,
                "timeline": [{"at": "2026-03-01T12:00:00.000Z", "from": None, "to": "pending", "why": "added"}],
            },
            "results": {"state": results, "missing": [], **found},
        }


class ApiStandIn:
    """`script` is what becomes of each recording that is added; `refusals` are given before anything is looked at."""

    def __init__(self) -> None:
        self.recordings: dict[str, Kept] = {}
        self.script: Sequence[State] = WHOLE_WAY
        self.refusals: list[Response] = []
        self.meanwhile: Callable[[], object] = lambda: None  #: happens while a request is being worked on
        self.requests: list[Request] = []
        self.uploads: list[bytes] = []
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_Silent)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.audio_url = f"{self.url}/bucket/call.wav?X-Goog-Signature=0a"
        self.looked = threading.Event()
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def keep(self, id_: str, states: Iterable[State] = DONE, *, company: str = "northwind", **details: Any) -> Kept:
        """Have a recording already."""
        given = details_from({"company": company, **details})
        kept = self.recordings[id_] = Kept(id_, given, f"{id_}.wav", list(states))
        return kept

    def _serve(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        body = request.get_data(cache=True, parse_form_data=False) if request.method == "GET" else None
        assert not body, "a GET has no body"
        self.requests.append(request)
        if request.path == "/bucket/call.wav":
            assert "Authorization" not in request.headers, "the token is for the API alone"
            return Response(AUDIO, status=200 if self.recordings else 404)(environ, start_response)
        self.meanwhile()
        try:
            response = self.refusals.pop(0) if self.refusals else self._answer(request)
        except Rejected as error:
            title = "There is no such thing" if error.status == 404 else "What was sent cannot be used"
            response = problem(error.status, title=title, detail=str(error), reason=error.reason)
        response.headers.setdefault("X-Request-Id", request.headers["X-Request-Id"])
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:  # noqa: PLR0911  # one per route
        if request.method == "POST" and ":" in request.path:
            return self._replay(request) if request.path.endswith(":replay") else self._share(request)
        parts = request.path.removeprefix("/api/v1/recordings").strip("/").split("/")
        assert request.path.startswith("/api/v1/recordings"), request.path
        match (request.method, parts):
            case ("POST", [""]):
                return self._add(request)
            case ("GET", [""]):
                return self._list(request)
            case ("GET", [id_]):
                kept = self._expect(id_)
                kept.looks += 1
                kept.now = kept.ahead.pop(0) if kept.ahead else kept.now
                self.looked.set()
                return _json(kept.answer(whole=True))
            case ("DELETE", [id_]):
                return self._delete(id_, reason=request.args["reason"])
            case ("GET", [id_, "transcript"]):
                self._expect(id_)
                return _json(TRANSCRIPT)
            case ("GET", [id_, "audio"]):
                self._expect(id_)
                return Response(status=302, headers={"Location": self.audio_url})
            case ("GET", [id_, "transcript.txt" | "transcript.vtt" | "transcript.srt" | "transcript.md"]):
                if self._expect(id_).now[1] == "waiting":
                    raise NotFound(
                        "There is no transcript yet: the recording is pending.", reason="TRANSCRIPT_NOT_READY"
                    )
                return Response(f"{parts[1]}: Zo\u00eb\x1b[31m\n", content_type="text/plain; charset=utf-8")
        raise AssertionError(f"no such route: {request.method} {request.path}")

    def _add(self, request: Request) -> Response:
        if request.mimetype == "application/json":
            given = request.get_json()
            name = given.pop("url")
            details, content = details_from(given), name.encode()
        else:
            audio = request.files["audio"]
            name, content = str(audio.filename), audio.read()
            details = details_from_json(request.form["metadata"])
            self.uploads.append(content)
        if content == b"not audio":
            raise Rejected("audio: is no recording that can be decoded")
        assert details.company, "the command line lets nothing without a company through"
        id_ = "r" + hashlib.sha256(details.company.encode() + content).hexdigest()[:8]
        new = id_ not in self.recordings or bool(details.allow_duplicate)
        if new:
            self.recordings[id_] = Kept(id_, details, name.rsplit("/", 1)[-1], list(self.script))
        return _json(self.recordings[id_].answer(whole=False), status=201 if new else 200)

    def _delete(self, id_: str, *, reason: str) -> Response:
        """The engine is away: what it keeps stays owed. Nothing that is at the engine can be deleted."""
        if self._expect(id_).now[0] in {"submitting", "scheduled", "in_progress"}:
            raise NotDeletable(f"Recording {id_} cannot be deleted yet: its analysis is under way.")
        del self.recordings[id_]
        return _json({"id": id_, "deleted_at": "2026-11-22T12:00:00.000Z", "by": "local", "reason": reason,
                      "owed": ["conversations", "last_look"], "finished_at": None})  # fmt: skip

    def _share(self, request: Request) -> Response:
        id_, colon, method = request.path.removeprefix("/api/v1/recordings/").partition(":")
        assert (colon, method, request.mimetype) == (":", "share", "application/json")
        transcript = request.get_json()["transcript"]
        url = f"https://calls.example/share/{self._expect(id_).id}-{'with' if transcript else 'without'}"
        return _json(
            {
                "url": url,
                "expires_at": "2026-03-31T12:00:00.000Z",
                "iframe": f'<iframe src="{url}"></iframe>',
                "allowed_origins": [],
            }
        )

    def _replay(self, request: Request) -> Response:
        """What has failed goes back to pending, then on as the script says."""
        assert request.mimetype == "application/json"
        if request.path.startswith("/api/v1/recordings/"):
            order = order_from_json(ReplayOrder, request.get_data())
            kept = self._expect(request.path.removeprefix("/api/v1/recordings/").removesuffix(":replay"))
            self._run_again(kept, order)
            return _json(kept.answer(whole=False))
        bulk = order_from_json(BulkReplayOrder, request.get_data())
        query = bulk.query(now=NOW)
        company, status = _value(query, Facet.COMPANY), _value(query, Facet.STATUS)
        found = [
            one
            for one in self.recordings.values()
            if company in {None, one.details.company} and one.now[0] == (status or "failed")
        ]
        # Those that are run again leave the list: a cursor of the real store stands behind the last one looked at.
        last = query.after or ""
        found = sorted((one for one in found if one.id > last), key=lambda one: one.id)
        page, replayed, skipped = found[: query.size], [], []
        for one in page:
            try:
                self._run_again(one, bulk)
                replayed.append(one.id)
            except NotReplayable as error:
                skipped.append({"id": one.id, "reason": str(error)})
        answer: dict[str, Any] = {"matched": len(page), "replayed": len(replayed), "recordings": replayed,
                                  "skipped": skipped, "dry_run": bulk.validate_only}  # fmt: skip
        if len(found) > len(page):
            answer["next_page_token"] = page_token(page[-1].id, query)
        return _json(answer)

    def _run_again(self, kept: Kept, order: ReplayOrder) -> None:
        if kept.now[0] != "failed" or kept.stubborn:
            raise NotReplayable(f"Recording {kept.id} cannot be replayed: it is {kept.now[0]}.")
        if not order.validate_only:
            kept.replays += 1
            kept.now, kept.ahead = ("pending", "waiting"), list(self.script)

    def _list(self, request: Request) -> Response:
        query = list_query(request.args, now=NOW)
        company = _value(query, Facet.COMPANY)
        kept = [one for one in self.recordings.values() if company in {None, one.details.company}]
        start = int(query.after or 0)
        page = kept[start : start + query.size]
        answer: dict[str, Any] = {"recordings": [one.answer(whole=False) for one in page]}
        if start + query.size < len(kept):
            answer["next_page_token"] = page_token(str(start + query.size), query)
        return _json(answer)

    def _expect(self, id_: str) -> Kept:
        if id_ not in self.recordings:
            raise NotFound(f"There is no recording {id_!r}; GET /api/v1/recordings lists them.")
        return self.recordings[id_]


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug's
        pass


TRANSCRIPT = {
    "turns": [
        {
            "speaker": {"name": "Ana", "email": None, "role": "agent"},
            "channel": 1,
            "start": 0.6,
            "end": 6.1,
            "text": 'Hello, "Northwind".',
            "sentiment": {"score": 0.4, "label": "positive"},
        },
        {
            "speaker": {"name": "Ben", "email": "ben@example.com", "role": "customer"},
            "channel": 2,
            "start": 6.5,
            "end": 9.0,
            "text": "Hi.",
            "sentiment": None,
        },
    ]
}


def problem(
    status: int, *, title: str = "No", detail: str = "not this time", reason: str = "INVALID", code: str | None = None
) -> Response:
    """An error as the API answers it."""
    codes = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 409: "ABORTED", 503: "UNAVAILABLE"}
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code or codes.get(status, "INTERNAL"),
        "reason": reason,
        "domain": "calltrack",
        "errors": [],
        "request_id": "0123456789abcdef",
        "retryable": status in {429, 503},
    }
    return Response(json.dumps(body), status=status, content_type="application/problem+json")


def _json(body: object, *, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")


def _value(query: ListQuery, facet: Facet) -> str | None:
    """What a filter names, as far as this stand-in goes."""
    named = (part.value for part in conditions(query.asked) if isinstance(part, Equals) and part.facet is facet)
    return next(named, None)
