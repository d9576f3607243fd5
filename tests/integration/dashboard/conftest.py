"""The dashboard as it is served, over a real Datastore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import functions_framework
import pytest

from tests.conftest import ROOT
from tests.integration.dashboard.rows import CallRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient
    from google.cloud import datastore

    from deploy.local.datastore import DatastoreServer

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="session")
def app() -> Flask:
    """The function in the framework that it ships in."""
    served: Flask = functions_framework.create_app("dashboard", str(ROOT / "main.py"))
    return served


@pytest.fixture
def pages(
    app: Flask, environment: Callable[..., None], datastore_address: str, key_file: str
) -> Callable[..., FlaskClient]:
    """A client of the dashboard; keywords are settings."""

    def client(**settings: Any) -> FlaskClient:
        environment(
            **{
                "DATASTORE_EMULATOR_HOST": datastore_address,
                "GOOGLE_APPLICATION_CREDENTIALS": key_file,
                **settings,
            }
        )
        return app.test_client()

    return client


@pytest.fixture
def client(pages: Callable[..., FlaskClient]) -> FlaskClient:
    """A client of the dashboard with the usual settings."""
    return pages()


@pytest.fixture
def rows(empty_datastore: DatastoreServer, datastore_client: datastore.Client) -> CallRows:
    """An empty Datastore to put calls into."""
    return CallRows(empty_datastore, datastore_client)
