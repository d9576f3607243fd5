"""The dashboard as it is served, over a real Datastore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import functions_framework
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.identity import Identity
from tests.conftest import PROJECT, ROOT
from tests.integration.dashboard.rows import CallRows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    from deploy.local.datastore import DatastoreServer

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SIGNER = "signer@calltrack-test.iam.gserviceaccount.com"


@pytest.fixture(scope="session")
def account_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key that signs URLs."""
    path = tmp_path_factory.mktemp("identity") / "account.json"
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # a large one takes long to load, each time
    Identity(key).write_service_account_file(path, project=PROJECT, email=SIGNER)
    return path


@pytest.fixture(scope="session")
def app() -> Flask:
    """The function in the framework that it ships in."""
    served: Flask = functions_framework.create_app("dashboard", str(ROOT / "main.py"))
    return served


@pytest.fixture
def pages(
    app: Flask, environment: Callable[..., None], datastore_address: str, account_file: Path
) -> Callable[..., FlaskClient]:
    """A client of the dashboard; keywords are settings."""

    def client(**settings: Any) -> FlaskClient:
        environment(
            **{
                "DATASTORE_EMULATOR_HOST": datastore_address,
                "GOOGLE_APPLICATION_CREDENTIALS": str(account_file),
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
def rows(empty_datastore: DatastoreServer) -> CallRows:
    """An empty Datastore to put calls into."""
    return CallRows(empty_datastore)
