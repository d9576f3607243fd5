"""The whole API on one address, over the installation of the pipeline's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework
import pytest
from werkzeug.test import Client

from tests.conftest import ROOT
from tests.factories import sample_calls
from tests.integration.pipeline.conftest import *  # noqa: F403  # its installation

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deploy.engine.engine import Engine
    from tests.integration.pipeline.installation import Installation

CALL = next(call for call in sample_calls() if call.path.stem == "billing-dispute")


@pytest.fixture(scope="session")
def dashboard() -> WSGIApplication:
    """The function that serves the rest of the API."""
    served: WSGIApplication = functions_framework.create_app("dashboard", str(ROOT / "main.py"))
    return served


@pytest.fixture
def app(installation: Installation, dashboard: WSGIApplication) -> WSGIApplication:
    """Both functions behind one address, as the load balancer has them."""

    def served(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        recordings = environ["PATH_INFO"].startswith("/api/v1/recordings")
        return (installation.apps["recordings"] if recordings else dashboard)(environ, start_response)

    return served


@pytest.fixture
def api(app: WSGIApplication) -> Client:
    """A client of both."""
    return Client(app)


@pytest.fixture
def analysed(installation: Installation, engine: Engine) -> str:
    """The id of a recording with all its results."""
    answer = installation.add(CALL.path.read_bytes(), CALL.metadata, name=CALL.path.name)
    installation.run()
    engine.run_pending()
    installation.run()
    found = answer.get_json()["id"]
    assert installation.get(f"/{found}").get_json()["results"]["state"] == "complete"
    return str(found)
