"""The world around an engine under test: a clock, a web server with recordings and a webhook receiver, and a client."""

import hashlib
import http.server
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from deploy.engine.analysis.heard import Listener
from deploy.engine.engine import Engine, create_engine
from deploy.engine.instants import Wait
from deploy.engine.settings import EngineSettings

AGENT = {"name": "Ann Agent", "email": "ann@shop.example"}
CALLER = {"name": "Carl Caller", "email": "carl@mail.example"}
CALL_START = "2026-11-20T10:00:00+01:00"
TURNS = [
    {"channel": channel, "start": start, "end": end, "text": text}
    for channel, start, end, text in [
        ("left", 0.5, 4.0, "Thank you for calling the shop, this call is recorded. How can I help you?"),
        ("right", 4.5, 8.5, "My coffee machine is broken. I want a refund, this is terrible."),
        ("left", 8.0, 12.0, "I will send you a new coffee machine tomorrow."),
        ("right", 12.5, 14.5, "What does the coffee machine cost?"),
        ("left", 15.0, 18.0, "It is eighty dollars. I will call you on Monday."),
    ]
]
TRACKER = {"name": "Refund", "vocabulary": ["refund", "money back"]}


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Outside:
    """A web server on loopback: `files` by path, of `types`, with `answers` for statuses; POSTs are kept.

    A POST has `arrived` before it is answered, which a closed `gate` holds up.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, int] = {}
        self.types: dict[str, str] = {}
        self.posts: list[dict[str, Any]] = []
        self.gets: list[str] = []
        self.arrived = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        outside = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outside.gets.append(self.path)
                body = outside.files.get(self.path, b"")
                self.send_response(outside.answers.get(self.path, 200 if body else 404))
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Type", outside.types.get(self.path, "audio/wav"))
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                body = _json(raw)
                outside.posts.append(
                    {"path": self.path, "type": self.headers["Content-Type"], "body": body, "size": len(raw)}
                )
                outside.arrived.set()
                outside.gate.wait(5)
                self.send_response(outside.answers.get(self.path, 400 if body is None else 200))
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def statuses(self) -> list[str]:
        return [post["body"]["status"] for post in self.posts]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


class Stage:
    """One engine on replay, told what is said in which recording. Waiting moves the clock, unless *wait* does else."""

    def __init__(
        self,
        root: Path,
        outside: Outside,
        *,
        listener: Listener | None = None,
        wait: Wait | None = None,
        **settings: Any,
    ) -> None:
        self.outside = outside
        self.clock = Clock()
        self.wait = wait or self.clock.advance
        self.transcripts = root / "transcripts"
        self.transcripts.mkdir(exist_ok=True)
        self.settings = EngineSettings(
            **{
                "state": root / "state",
                "analyzer": "replay",
                "replay_dir": self.transcripts,
                "allow_private_urls": True,
                "start_after_s": 0,
                **settings,
            }
        )
        self.engine: Engine = create_engine(self.settings, clock=self.clock, listener=listener, wait=self._wait)
        self.token = ""

    def restarted(self) -> None:
        """The engine dies without a word, and another takes its place."""
        self.engine.store.close()
        self.engine = create_engine(self.settings, clock=self.clock, wait=self._wait)

    def _wait(self, seconds: float) -> object:
        return self.wait(seconds)

    def recording(self, name: str, turns: list[dict[str, Any]] | None = None, duration: float = 20.0) -> str:
        """Publish a recording that the engine can replay; return its URL."""
        audio = f"audio of {name}".encode()
        sha256 = hashlib.sha256(audio).hexdigest()
        transcript = {"sha256": sha256, "duration_s": duration, "turns": TURNS if turns is None else turns}
        (self.transcripts / f"{name}.json").write_text(json.dumps(transcript))
        self.outside.files[f"/{name}"] = audio
        return self.outside.url(f"/{name}")

    def ask(self, method: str, path: str, body: object = None, **options: Any) -> TestResponse:
        """One request with a good token."""
        if not self.token:
            self.token = self.log_in().get_json()["accessToken"]
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        return self.engine.app.test_client().open(path, method=method, headers=headers, **options)

    def get(self, path: str) -> Any:
        """The JSON of a read that must succeed."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    def fail(self, *switches: dict[str, Any], seed: int = 0) -> None:
        """Put faults in force, in place of those that are."""
        answer = self.ask("PUT", "/engine/faults", {"faults": list(switches), "seed": seed})
        assert answer.status_code == 200, answer.get_data(as_text=True)

    def log_in(self, **changes: str) -> TestResponse:
        body = {"type": "application", "appId": "local", "appSecret": "local", **changes}
        return self.engine.app.test_client().post("/oauth2/token:generate", json=body)

    def submit(self, url: str, conversation_id: str | None = None, **fields: Any) -> tuple[str, str]:
        """Send a recording in; return the ids of its conversation and job."""
        path = "/v1/process/audio/url" + (f"/{conversation_id}" if conversation_id else "")
        answer = self.ask("PUT" if conversation_id else "POST", path, {"url": url, **fields})
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return answer.get_json()["conversationId"], answer.get_json()["jobId"]

    def analysed(self, **fields: Any) -> str:
        """A conversation that was analysed with the usual two speakers; its path."""
        wish = {
            "enableSeparateRecognitionPerChannel": True,
            "channelMetadata": [{"channel": 1, "speaker": AGENT}, {"channel": 2, "speaker": CALLER}],
            "startTime": CALL_START,
            "detectEntities": True,
            "detectPhrases": True,
            "trackers": [TRACKER],
            **fields,
        }
        conversation_id, job_id = self.submit(self.recording("call"), **wish)
        self.engine.run_pending()
        assert self.status(job_id) == "completed"
        return f"/v1/conversations/{conversation_id}"

    def status(self, job_id: str) -> str:
        status: str = self.get(f"/v1/job/{job_id}")["status"]
        return status


StageFactory = Callable[..., Stage]
