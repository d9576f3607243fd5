"""What companies settle by API, and the list of what was not taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from common.adapters.datastore.intake import DatastoreIntakeLog
from common.errors import Problem
from common.model.intake import RejectedObject
from tests.factories import LATER, NOW

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.integration.dashboard.rows import CallRows

DEFAULTS = "/api/v1/companies/Brightline%20Mobile/defaults"
UX = "/api/v1/companies/Brightline%20Mobile/business-ux"
GENERAL: dict[str, Any] = {
    "company": "Brightline Mobile",
    "language_code": "en-US",
    "timezone_offset": 0,
    "custom_vocabulary": [],
    "trackers": [],
    "channel_roles": ["agent", "customer"],
    "prefix": None,
}


@pytest.mark.usefixtures("rows")
def test_a_company_that_settled_nothing_has_the_general_defaults(client: FlaskClient) -> None:
    """GET answers what holds for it."""
    assert client.get(DEFAULTS).get_json() == GENERAL


@pytest.mark.usefixtures("rows")
def test_defaults_are_kept_whole(client: FlaskClient) -> None:
    """What was PUT is what GET answers, and may be PUT again as it is."""
    given = {
        "company": "Brightline Mobile",
        "language_code": "en-GB",
        "timezone_offset": -240,
        "custom_vocabulary": ["Brightline"],
        "trackers": [{"name": "Refund", "vocabulary": ["money back", "refund"]}],
        "channel_roles": ["customer", "agent"],
        "prefix": "brightline/",
    }

    assert client.put(DEFAULTS, json=given).get_json() == given
    assert client.get(DEFAULTS).get_json() == given
    assert client.put(DEFAULTS, json=client.get(DEFAULTS).get_json()).status_code == 200


@pytest.mark.usefixtures("rows")
def test_a_put_replaces_all_of_it(client: FlaskClient) -> None:
    """What is left out is as for everybody."""
    client.put(DEFAULTS, json={"language_code": "en-GB", "prefix": "brightline/"})

    client.put(DEFAULTS, json={"timezone_offset": 60})

    assert client.get(DEFAULTS).get_json() == {**GENERAL, "timezone_offset": 60}


@pytest.mark.parametrize(
    ("given", "field", "mend"),
    [
        ({"langauge_code": "en-US"}, "langauge_code", "did you mean 'language_code'"),
        ({"language_code": "tlh"}, "language_code", "use one of en-US"),
        ({"timezone_offset": "-4"}, "timezone_offset", "valid integer"),
        ({"timezone_offset": 900}, "timezone_offset", "less than or equal to 840"),
        ({"trackers": [{"name": "A", "vocabulry": ["b"]}]}, "trackers.0.vocabulry", "did you mean 'vocabulary'"),
        ({"trackers": [{"name": "A", "vocabulary": []}]}, "trackers.0.vocabulary", "at least 1 item"),
        ({"trackers": [{"name": n, "vocabulary": ["b"]} for n in "Aa"]}, "trackers", "two trackers are called"),
        ({"channel_roles": ["boss"]}, "channel_roles.0", "'agent', 'customer' or 'other'"),
        ({"prefix": "/brightline"}, "prefix", "no slash first"),
        ({"company": "Acme"}, "company", "make them equal"),
    ],
)
@pytest.mark.usefixtures("rows")
def test_a_mistake_in_the_defaults_is_named_with_its_mend(
    client: FlaskClient, given: dict[str, Any], field: str, mend: str
) -> None:
    """400 that says which field and what to do; nothing is stored."""
    response = client.put(DEFAULTS, json=given)

    problems = {problem["field"]: problem["detail"] for problem in response.get_json()["errors"]}
    assert response.status_code == 400
    assert mend in problems[field]
    assert client.get(DEFAULTS).get_json() == GENERAL


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"trackers": NaN}', b"\xff"])
@pytest.mark.usefixtures("rows")
def test_a_body_that_is_no_object_is_rejected(client: FlaskClient, body: bytes) -> None:
    """Whatever it is, the answer is a 400 that names a field."""
    response = client.put(DEFAULTS, data=body)

    assert response.status_code == 400
    assert response.get_json()["errors"][0]["field"] in {"body", "trackers"}


@pytest.mark.usefixtures("rows")
def test_a_prefix_belongs_to_one_company(client: FlaskClient) -> None:
    """The second company is told whose it is; the first may settle it again."""
    client.put(DEFAULTS, json={"prefix": "calls/"})

    response = client.put("/api/v1/companies/Acme/defaults", json={"prefix": "calls/"})

    assert response.status_code == 400
    assert "belongs to 'Brightline Mobile'" in response.get_json()["errors"][0]["detail"]
    assert client.put(DEFAULTS, json={"prefix": "calls/"}).status_code == 200


@pytest.mark.usefixtures("rows")
def test_pages_of_a_company_look_as_it_settled(client: FlaskClient) -> None:
    """404 at first, with the way to settle it; then what was PUT."""
    assert client.get(UX).status_code == 404
    given = {
        "company": "Brightline Mobile",
        "display_name": "Brightline",
        "logo": "https://brightline.example/logo.svg",
        "favicon": "http://127.0.0.1:9000/favicon.ico",
        "color_background": "#ffffff",
        "color_topics_filter": "#3546c4",
        "color_insights_filter": "#0f766e",
        "font_family": "Inter, sans-serif",
        "allowed_origins": ["https://crm.brightline.example", "http://localhost:3000"],
        "summary_url_expires_in": None,
        "read_only": False,
    }

    assert client.put(UX, json=given).get_json() == given
    assert client.get(UX).get_json() == given


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ({"color_background": "red"}, "#rrggbb"),
        ({"color_background": "#fff"}, "#rrggbb"),
        ({"logo": "http://brightline.example/logo.svg"}, "https://"),
        ({"logo": "javascript:alert(1)"}, "must be a URL"),
        ({"logo": "https://[::1"}, "must be a URL"),
        ({"favicon": "https://user:pw@brightline.example/"}, "must be a URL"),
        ({"allowed_origins": ["https://crm.example/path"]}, "origin"),
        ({"allowed_origins": ["https://*.example"]}, "must be a URL"),
        ({"allowed_origins": ["https://a.example; script-src *"]}, "must be a URL"),
        ({"font_family": "x; } body { display: none"}, "names of fonts"),
        ({"summary_url_expires_in": 1}, "greater than or equal to 60"),
        ({"read_only": "yes"}, "boolean"),
        ({"colour_background": "#ffffff"}, "did you mean 'color_background'"),
    ],
)
@pytest.mark.usefixtures("rows")
def test_a_mistake_in_the_looks_is_named_with_its_mend(client: FlaskClient, given: dict[str, Any], mend: str) -> None:
    """What goes into pages of others is checked before it is stored."""
    response = client.put(UX, json=given)

    (problem,) = response.get_json()["errors"]
    assert response.status_code == 400
    assert problem["field"].startswith(next(iter(given)))
    assert mend in problem["detail"]
    assert client.get(UX).status_code == 404


def test_rejected_objects_are_listed_with_the_mend(client: FlaskClient, rows: CallRows) -> None:
    """The latest first, each with what its sender can do."""
    log = DatastoreIntakeLog(rows.client)
    unnamed = RejectedObject(
        id="a" * 20,
        recording_url="gs://recordings/a.wav",
        generation=1_700_000_000_000_001,
        rejected_at=NOW,
        reason="company: is missing",
        problems=(Problem("company", "is missing; name the company"),),
    )
    log.reject(unnamed)
    log.reject(
        RejectedObject(
            id="b" * 20,
            recording_url="gs://recordings/b.wav",
            generation=2,
            rejected_at=LATER,
            reason="the same audio was there already",
            duplicate_of="c" * 20,
        )
    )

    second, first = client.get("/api/v1/rejections").get_json()["rejections"]

    assert first["problems"] == [{"field": "company", "detail": "is missing; name the company"}]
    assert (first["reason"], first["generation"]) == ("company: is missing", "1700000000000001")
    assert second["duplicate_of"] == "c" * 20
    assert "allow_duplicate" in second["mend"]


def test_a_list_of_rejections_has_no_parameters(client: FlaskClient) -> None:
    """A typo never widens a query."""
    assert client.get("/api/v1/rejections?company=Acme").status_code == 400
