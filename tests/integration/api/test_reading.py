"""Reading by API: views, transcripts in every form, audio, pages that follow, and what has not changed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from common.model.intelligence import SECTION_NAMES
from common.model.listing import MAX_FULL_PAGE_SIZE
from common.model.search.fields import FACETS, FIGURES
from common.model.transcript import RENDERINGS
from functions.api.openapi import document
from tests.factories import a_wav
from tests.integration.api.conftest import CALL
from tests.integration.dashboard.page import Page

if TYPE_CHECKING:
    from werkzeug.test import Client

    from tests.integration.pipeline.installation import Installation

BASE = "/api/v1/recordings"


def test_a_recording_is_whole_and_a_list_is_not_unless_asked(api: Client, analysed: str) -> None:
    """The view says how much is shown; what it leaves out is never read."""
    whole = api.get(f"{BASE}/{analysed}").get_json()
    basic = api.get(f"{BASE}/{analysed}?view=BASIC").get_json()
    (listed,) = api.get(BASE).get_json()["recordings"]
    (listed_whole,) = api.get(f"{BASE}?view=FULL").get_json()["recordings"]

    assert set(SECTION_NAMES) <= set(whole["results"])
    assert api.get(f"{BASE}/{analysed}?view=FULL").get_json() == whole == listed_whole
    assert basic == listed == {**whole, "results": {"state": "complete", "missing": []}}


def test_a_whole_list_has_shorter_pages(api: Client) -> None:
    """The limit is told to whoever asks for more; nobody else has to know it."""
    refused = api.get(f"{BASE}?view=FULL&page_size={MAX_FULL_PAGE_SIZE + 1}")

    assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (400, "page_size")
    assert f"at most {MAX_FULL_PAGE_SIZE}" in refused.get_json()["detail"]
    assert api.get(f"{BASE}?view=FULL&page_size={MAX_FULL_PAGE_SIZE}").status_code == 200
    assert api.get(f"{BASE}?view=FULL").status_code == 200


def test_a_transcript_is_had_by_suffix_or_by_accept(api: Client, analysed: str) -> None:
    """The same file either way; JSON where nobody says, or says what there is not."""
    json = api.get(f"{BASE}/{analysed}/transcript")
    assert {turn["speaker"]["name"] for turn in json.get_json()["turns"]} == {
        CALL.truth["agent"]["name"],
        CALL.truth["customer"]["name"],
    }
    for suffix, form in RENDERINGS.items():
        by_suffix = api.get(f"{BASE}/{analysed}/transcript.{suffix}")
        by_accept = api.get(f"{BASE}/{analysed}/transcript", headers={"Accept": f"{form.media_type}, */*;q=0.1"})
        page = api.get(f"/calls/{analysed}.{suffix}")
        assert (by_suffix.status_code, by_suffix.mimetype) == (200, form.media_type)
        assert by_suffix.text == by_accept.text == page.text
        assert "Accept" in by_accept.vary
    for accept in ("*/*", "application/json", "image/png"):
        assert api.get(f"{BASE}/{analysed}/transcript", headers={"Accept": accept}).text == json.text
    assert api.get(f"{BASE}/{analysed}/transcript.pdf").status_code == 404


def test_audio_leads_to_the_very_bytes_for_a_while(
    api: Client, analysed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A signed URL of one generation, good for at most 15 minutes, in no log."""
    answer = api.get(f"{BASE}/{analysed}/audio")
    url = answer.headers["Location"]
    asked = parse_qs(urlsplit(url).query)

    assert (answer.status_code, answer.text) == (302, "")
    assert timedelta(seconds=int(asked["X-Goog-Expires"][0])) <= timedelta(minutes=15)
    assert asked["generation"][0].isdigit()
    assert requests.get(url, timeout=5).content == CALL.path.read_bytes()
    assert "X-Goog-Signature" not in capsys.readouterr().out


def test_audio_that_was_removed_is_gone(api: Client, installation: Installation) -> None:
    """410, and not an address that leads nowhere; what is known of the recording is still there."""
    found = installation.add(a_wav(), {"company": "Acme"}).get_json()["id"]
    (name,) = installation.objects()
    installation.services.audio._bucket.blob(name).delete()

    answer = api.get(f"{BASE}/{found}/audio")

    assert (answer.status_code, answer.get_json()["reason"]) == (410, "AUDIO_GONE")
    assert api.get(f"{BASE}/{found}").status_code == 200
    assert api.get(f"{BASE}/unknown/audio").status_code == 404


def test_what_has_not_changed_is_not_sent_again(api: Client, installation: Installation, analysed: str) -> None:
    """Each of them has an ETag that stays as long as what it is of does."""
    api.put("/api/v1/companies/Acme/business-ux", json={"display_name": "Acme"})
    paths = [
        f"{BASE}/{analysed}",
        f"{BASE}/{analysed}?view=BASIC",
        f"{BASE}/{analysed}/transcript",
        f"{BASE}/{analysed}/transcript.md",
        "/api/v1/companies/Acme/defaults",
        "/api/v1/companies/Acme/business-ux",
        "/api/v1/openapi.json",
    ]
    for path in paths:
        first = api.get(path)
        again = api.get(path, headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
        assert (first.status_code, again.status_code, again.data) == (200, 304, b""), path
        assert again.headers["ETag"] == first.headers["ETag"]
        assert api.get(path, headers={"If-None-Match": '"other"'}).data == first.data

    recording = installation.add(a_wav(), {"company": "Acme"}).get_json()["id"]
    before = api.get(f"{BASE}/{recording}").headers["ETag"]
    installation.run()
    assert api.get(f"{BASE}/{recording}", headers={"If-None-Match": before}).status_code == 200


def test_the_next_page_is_linked(api: Client, installation: Installation) -> None:
    """With all the parameters of this one; the last page links to none."""
    for seed in range(3):
        installation.add(a_wav(seed=seed), {"company": "Acme & Sons"})
    first = api.get(BASE, query_string={"filter": 'company:"Acme & Sons"', "page_size": "2"})

    link = first.headers["Link"]
    url, _, relation = link.partition("; ")
    asked = parse_qs(urlsplit(url.strip("<>")).query)

    assert relation == 'rel="next"'
    assert url.startswith(f"<{installation.services.settings.public_base_url}{BASE}?")
    assert asked["page_token"] == [first.get_json()["next_page_token"]]
    second = api.get(f"{BASE}?{urlsplit(url.strip('<>')).query}")
    assert len(second.get_json()["recordings"]) == 1
    assert "Link" not in second.headers


@pytest.mark.parametrize(
    "path",
    [
        f"{BASE}/x?veiw=BASIC",
        f"{BASE}/x/transcript?as=md",
        f"{BASE}/x/audio?t=1",
        "/api/v1/companies/Acme/defaults?view=FULL",
        "/api/v1/openapi.json?pretty=1",
        "/api/v1/rejections?company=Acme",
    ],
)
def test_an_unknown_parameter_is_refused_everywhere(api: Client, path: str) -> None:
    """Before anything is looked up."""
    answer = api.get(path)

    assert (answer.status_code, answer.get_json()["reason"]) == (400, "INVALID")
    assert "is not a known parameter" in answer.get_json()["detail"]


def test_a_problem_leads_to_its_explanation(api: Client, installation: Installation) -> None:
    """Its type is an address on the help page, which has every reason and operation."""
    problem = api.get(f"{BASE}/unknown").get_json()
    base = installation.services.settings.public_base_url
    page = api.get("/help/api").text

    assert problem["type"] == f"{base}/help/api#NOT_FOUND"
    assert 'id="NOT_FOUND"' in page
    for operation in (one for methods in document(base)["paths"].values() for one in methods.values()):
        assert f'id="{operation["operationId"]}"' in page
    assert api.get(f"{BASE}/a/b").get_json()["reason"] == "NOT_FOUND"
    assert api.delete("/api/v1/rejections").get_json()["reason"] == "METHOD_NOT_ALLOWED"
    assert set(api.delete("/api/v1/rejections").headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_the_description_names_this_installation(api: Client, installation: Installation) -> None:
    """So that what reads it calls the right server."""
    served = api.get("/api/v1/openapi.json").get_json()

    assert served["servers"] == [{"url": installation.services.settings.public_base_url}]
    assert set(served["paths"]) == set(document("")["paths"])


@pytest.mark.usefixtures("installation")
def test_the_search_page_explains_each_field(api: Client) -> None:
    """Each of its examples is a link to a query that the list takes."""
    page = Page(api.get("/help/search").text)
    asked = [link for link in page.links if link.startswith("/calls?")]

    assert {name.people for name in (*FACETS.values(), *FIGURES.values())} <= set(re.findall(r"\w+", page.text))
    assert len(asked) > 20
    assert {api.get(link).status_code for link in asked} == {200}
