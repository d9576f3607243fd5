"""Adding recordings by API: what is wrong is said by field, before anything is stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from common.model.intake import MAX_UPLOAD_BYTES
from tests.factories import a_wav
from tests.tokens import api_tokens

if TYPE_CHECKING:
    from tests.integration.pipeline.installation import Installation

ACME = {"company": "Acme"}


def expect_nothing_stored(installation: Installation) -> None:
    kinds = ("ConversationMetadata", "SymblAsyncRequest", "AudioFingerprint", "UploadDetails", "RejectedObject")
    assert [installation.count(kind) for kind in kinds] == [0] * len(kinds)
    assert installation.objects() == []
    assert installation.tasks.tasks() == []


@pytest.mark.parametrize(
    ("audio", "metadata", "field", "mend"),
    [
        (a_wav(), {}, "company", "name the company"),
        (a_wav(), "{company: Acme}", "metadata", "is not JSON"),
        (a_wav(), [], "metadata", "must be a JSON object"),
        (a_wav(), {"compny": "Acme"}, "compny", "did you mean 'company'"),
        (a_wav(), {"company": 7}, "company", "valid string"),
        (a_wav(), {**ACME, "language_code": "xx"}, "language_code", "use one of"),
        (a_wav(), {**ACME, "number_of_speakers": 99}, "number_of_speakers", "less than or equal to 10"),
        (a_wav(), {**ACME, "separate_channels": "true"}, "separate_channels", "valid boolean"),
        (a_wav(), {**ACME, "started_at": "2026-03-01T12:00:00"}, "started_at", "offset from UTC"),
        (a_wav(channels=1), {**ACME, "separate_channels": True}, "separate_channels", "set it to false"),
        (a_wav(), {**ACME, "speakers": [{"name": "A", "channel": 5}]}, "speakers", "has 2"),
        (b"", ACME, "audio", "is empty"),
        (b"dear sir or madam " * 99, ACME, "audio", "not a readable recording"),
        (a_wav()[:20], ACME, "audio", "not a readable recording"),
        (None, ACME, "audio", "file part named 'audio'"),
    ],
)
def test_bad_input_is_refused_by_field_and_stores_nothing(
    installation: Installation, audio: bytes | None, metadata: object, field: str, mend: str
) -> None:
    """400 as problem+json, with the field and the mend; no row, no object, no task."""
    answer = installation.add(audio, metadata)

    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    problem = answer.get_json()
    assert [error["field"] for error in problem["errors"]] == [field]
    assert mend in problem["errors"][0]["detail"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    expect_nothing_stored(installation)


@pytest.mark.parametrize(
    ("body", "field", "mend"),
    [
        (b"[", "body", "multipart/form-data"),
        (b"[" * 100_000, "body", "multipart/form-data"),
        (json.dumps(ACME).encode(), "url", "is missing"),
        (json.dumps({**ACME, "url": 5}).encode(), "url", "is missing"),
        (json.dumps({"url": "gs://recordings/a.wav"}).encode(), "company", "is missing"),
        (json.dumps({**ACME, "url": "gs://recordings/a.wav"}).encode(), "url", "names no object"),
        (json.dumps({**ACME, "url": "gs://elsewhere/a.wav"}).encode(), "url", "gs://recordings-"),
        (json.dumps({**ACME, "url": "gs://recordings/"}).encode(), "url", "names no object"),
        (json.dumps({**ACME, "url": "ftp://h/a.wav"}).encode(), "url", "http(s)"),
        (json.dumps({**ACME, "url": "http://127.0.0.1/a.wav"}).encode(), "url", "private address"),
        (json.dumps({**ACME, "url": "http://[::1/a.wav"}).encode(), "url", "http(s)"),
        (json.dumps({"metadata": {"compny": "A"}, "url": "gs://recordings/a"}).encode(), "compny", "company"),
    ],
)
def test_a_bad_json_body_is_refused_by_field(installation: Installation, body: bytes, field: str, mend: str) -> None:
    """As a multipart body is."""
    named = body.replace(b"gs://recordings", f"gs://{installation.bucket}".encode())
    answer = (
        installation.apps["recordings"]
        .test_client()
        .post("/api/v1/recordings", data=named, content_type="application/json")
    )

    assert answer.status_code == 400
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert mend in answer.get_json()["errors"][0]["detail"]
    expect_nothing_stored(installation)


def test_a_request_over_the_limit_names_the_other_way_in(installation: Installation) -> None:
    """413, before it is parsed."""
    client = installation.apps["recordings"].test_client()

    answer = client.post(
        "/api/v1/recordings", data=bytes(MAX_UPLOAD_BYTES + 1), content_type="multipart/form-data; boundary=b"
    )

    assert answer.status_code == 413
    assert "gs://" in answer.get_json()["errors"][0]["detail"]


def test_what_was_added_is_read_by_its_location(installation: Installation) -> None:
    """201, the object in the company's folder, a dispatch task; and the list has it."""
    answer = installation.add(a_wav(), {**ACME, "external_id": "crm-7"}, name="../Call 7.wav")

    assert answer.status_code == 201
    recording = installation.get(answer.headers["Location"].removeprefix("/api/v1/recordings")).get_json()
    assert (recording["external_id"], recording["file_name"], recording["channels"]) == ("crm-7", "Call-7.wav", 2)
    assert recording["results"]["state"] == "waiting"
    assert [name.split("/")[:2] for name in installation.objects()] == [["uploads", "Acme"]]
    assert [task.queue for task in installation.tasks.tasks()] == ["dispatch-jobs"]
    assert installation.get(f"/{recording['id']}/transcript").get_json()["reason"] == "TRANSCRIPT_NOT_READY"


def test_metadata_may_come_as_a_file_part(installation: Installation) -> None:
    """`curl -F metadata=@call.json` sends one."""
    assert installation.add(a_wav(), json.dumps(ACME).encode()).status_code == 201


def test_an_object_of_the_bucket_is_added_by_its_url(installation: Installation) -> None:
    """Its event then changes nothing, though the object itself says no company."""
    installation.drop("calls/a.wav", a_wav())
    client = installation.apps["recordings"].test_client()

    answer = client.post("/api/v1/recordings", json={**ACME, "url": f"gs://{installation.bucket}/calls/a.wav"})
    assert installation.deliver_events() == [200]

    assert answer.status_code == 201
    assert installation.count("ConversationMetadata") == 1


def test_the_same_audio_returns_the_first_recording(installation: Installation) -> None:
    """200, one object, one request; unless the sender insists, or it is another company's."""
    first = installation.add(a_wav(), ACME)
    again = installation.add(a_wav(), ACME, name="another.wav")
    assert (again.status_code, again.get_json()["id"]) == (200, first.get_json()["id"])
    assert len(installation.objects()) == 1

    assert installation.add(a_wav(), {**ACME, "allow_duplicate": True}).status_code == 201
    assert installation.add(a_wav(), {"company": "Globex"}).status_code == 201
    assert installation.count("SymblAsyncRequest") == 3


def test_long_words_travel_beside_the_object(installation: Installation) -> None:
    """An object's own metadata has little room; what lay beside it is gone once the recording is there."""
    words = [f"word-{number:05d}" for number in range(500)]

    answer = installation.add(a_wav(), {**ACME, "custom_vocabulary": words})
    assert installation.deliver_events() == [200]

    assert answer.get_json()["custom_vocabulary"] == words
    assert (installation.count("ConversationMetadata"), installation.count("UploadDetails")) == (1, 0)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?sort=x", "sort"),
        ("?order_by=name", "order_by"),
        ("?page_size=0", "page_size"),
        ("?filter=status:gone", "filter"),
        ("?filter=company:%22%22", "filter"),
        ("?page_token=abc", "page_token"),
        ("?page_size=" + "9" * 5000, None),
    ],
)
def test_a_list_is_asked_for_by_known_parameters(installation: Installation, query: str, field: str | None) -> None:
    """A typo never widens a list."""
    answer = installation.get(query)

    if field is None:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 400
        assert answer.get_json()["errors"][0]["field"] == field


def test_lists_go_page_by_page(installation: Installation) -> None:
    """A token leads on, and belongs to its query."""
    ids = [installation.add(a_wav(seed=n), ACME).get_json()["id"] for n in range(3)]
    first = installation.get('?filter=company:"Acme"&page_size=2').get_json()
    token = first["next_page_token"]
    second = installation.get(f'?filter=company:"Acme"&page_size=2&page_token={token}').get_json()

    found: list[dict[str, Any]] = first["recordings"] + second["recordings"]
    assert sorted(row["id"] for row in found) == sorted(ids)
    assert "next_page_token" not in second
    assert installation.get(f"?page_size=2&page_token={token}").status_code == 400


@pytest.mark.parametrize(("path", "status"), [("/unknown", 404), ("/unknown/transcript", 404), ("/a/b/c", 404)])
def test_what_is_not_there_is_said_as_a_problem(installation: Installation, path: str, status: int) -> None:
    """With the request's id, to tell us."""
    answer = installation.get(path)

    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_every_answer_is_kept_out_of_caches_and_frames(installation: Installation) -> None:
    """Errors too."""
    for path in ("", "/unknown"):
        headers = installation.get(path).headers
        assert headers["Cache-Control"] == "private, no-store"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_a_token_installation_answers_only_with_one(installation: Installation) -> None:
    """401 names what to send; the token itself is kept nowhere."""
    installation.configure(AUTH_MODE="token", API_TOKENS=api_tokens("t0ken"))
    client = installation.apps["recordings"].test_client()

    answers = [client.get("/api/v1/recordings", headers={"Authorization": given} if given else {})
               for given in ("", "Bearer wrong", "Basic t0ken", "Bearer t0ken")]  # fmt: skip

    assert [answer.status_code for answer in answers] == [401, 401, 401, 200]
