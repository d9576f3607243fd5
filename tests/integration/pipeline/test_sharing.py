"""Links to summary pages, as programs ask for them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from common.model.share import link_of
from tests.factories import a_wav

if TYPE_CHECKING:
    import flask
    from flask.testing import FlaskClient

    from tests.integration.pipeline.installation import Installation

SECRETS = ["new-webhook-secret", "old-webhook-secret"]


@pytest.fixture
def api(installation: Installation) -> FlaskClient:
    """The API of recordings."""
    client: FlaskClient = installation.apps["recordings"].test_client()
    return client


@pytest.fixture
def recording(installation: Installation) -> str:
    """A recording of Acme's."""
    return str(installation.add(a_wav(), {"company": "Acme", "name": 'The "big" <call>'}).get_json()["id"])


def test_a_link_comes_with_its_end_and_the_snippet(
    installation: Installation, api: FlaskClient, recording: str
) -> None:
    """For 30 days, where the company has settled nothing; a title is harmless in the snippet."""
    answer = api.post(f"/api/v1/recordings/{recording}:share", json={}).get_json()

    token = answer["url"].removeprefix("http://127.0.0.1:8080/share/")
    link = link_of(token, secrets=SECRETS)
    assert link is not None
    assert (link.recording_id, link.with_transcript) == (recording, True)
    assert link.expires_at == datetime.fromisoformat(answer["expires_at"])
    assert link.expires_at == (installation.clock() + timedelta(days=30)).replace(microsecond=0)
    assert answer["iframe"] == (
        f'<iframe src="{answer["url"]}" title="Summary of The &quot;big&quot; &lt;call&gt;" width="100%" height="720" '
        'loading="lazy" referrerpolicy="no-referrer"></iframe>'
    )
    assert answer["allowed_origins"] == []


def test_a_link_without_the_transcript_is_asked_for(api: FlaskClient, recording: str) -> None:
    """By the body's only member."""
    answer = api.post(f"/api/v1/recordings/{recording}:share", json={"transcript": False}).get_json()

    link = link_of(answer["url"].rpartition("/")[2], secrets=SECRETS)
    assert link is not None
    assert not link.with_transcript


@pytest.mark.parametrize(
    ("body", "field"),
    [({"transcrpt": True}, "transcrpt"), ({"transcript": "no"}, "transcript"), ([], "body")],
)
def test_a_mistake_in_the_body_is_named(api: FlaskClient, recording: str, body: object, field: str) -> None:
    """400 with the field."""
    answer = api.post(f"/api/v1/recordings/{recording}:share", json=body)

    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["field"] == field


def test_what_is_not_there_is_not_shared(api: FlaskClient) -> None:
    """404; and no form of another site makes a link."""
    assert api.post("/api/v1/recordings/nobody:share", json={}).status_code == 404
    assert api.post("/api/v1/recordings/nobody:share", data="{}").status_code == 400


def test_one_link_is_taken_back_and_no_other(api: FlaskClient, recording: str, pages: flask.Flask) -> None:
    """It opens nothing, for whoever has it, from then on; what is kept of it is no way in."""
    whole, short = (
        api.post(f"/api/v1/recordings/{recording}:share", json={"transcript": transcript}).get_json()["url"]
        for transcript in (True, False)
    )

    def opened(url: str) -> int:
        return pages.test_client().get(url.removeprefix("http://127.0.0.1:8080")).status_code

    assert (opened(whole), opened(short)) == (200, 200)
    taken = [api.post(f"/api/v1/recordings/{recording}:unshare", json={"url": whole}) for _ in range(2)]
    assert [answer.status_code for answer in taken] == [200, 200]
    assert (opened(whole), opened(short)) == (410, 200)


@pytest.mark.parametrize("body", [{}, {"url": "https://calls.example/share/x"}, {"url": 7}, {"link": "x"}, []])
def test_what_is_no_link_to_it_is_not_taken_back(api: FlaskClient, recording: str, body: object) -> None:
    """400 with the field; a link of another recording is none of this one."""
    answer = api.post(f"/api/v1/recordings/{recording}:unshare", json=body)

    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["field"] in {"url", "link", "body"}


def test_a_link_is_taken_back_on_the_page_too(api: FlaskClient, recording: str, pages: flask.Flask) -> None:
    """By a form of our own pages."""
    url = api.post(f"/api/v1/recordings/{recording}:share", json={}).get_json()["url"]
    client = pages.test_client()
    where = f"/calls/{recording}/unshare"

    assert client.post(where, data={"url": url}).status_code == 403
    done = client.post(where, data={"url": url}, headers={"Sec-Fetch-Site": "same-origin"})

    assert (done.status_code, done.headers["Location"]) == (303, f"/calls/{recording}?taken_back=yes#share")
    assert "opens nothing any more" in client.get(done.headers["Location"]).text
    assert client.get(url.removeprefix("http://127.0.0.1:8080")).status_code == 410
