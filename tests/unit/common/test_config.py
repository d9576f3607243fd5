"""Settings: read once, complained about at once, and never telling a secret."""

from __future__ import annotations

import pytest

from common.config import ConfigurationError, Settings, read_settings
from tests.conftest import SETTINGS
from tests.tokens import a_token, api_tokens

ADMINS = '[{"who": "*", "role": "admin"}]'


def complaint(**changed: str | None) -> str:
    given = {name: value for name, value in {**SETTINGS, **changed}.items() if value is not None}
    with pytest.raises(ConfigurationError) as caught:
        read_settings(given)
    return str(caught.value)


def test_a_whole_environment_is_read() -> None:
    """With the documented defaults for what is not given."""
    settings = read_settings({**SETTINGS, "WEBHOOK_SECRETS": " new , old ,", "PUBLIC_BASE_URL": "http://127.0.0.1:1/"})

    assert [secret.get_secret_value() for secret in settings.webhook_secrets] == ["new", "old"]
    assert settings.public_base_url == "http://127.0.0.1:1"
    assert (settings.sweep_interval_s, settings.confidence_threshold) == (60, 0.6)
    assert (
        read_settings({k: v for k, v in SETTINGS.items() if k != "SYMBL_MAX_ACTIVE_JOBS"}).symbl_max_active_jobs == 50
    )


def test_everything_that_is_missing_or_wrong_is_said_at_once() -> None:
    """Each by the name of its variable; an empty value is a missing one."""
    text = complaint(
        SYMBL_APP_ID=None, RECORDINGS_BUCKET=" ", SYMBL_API_URL="api.symbl.ai", SYMBL_MAX_ACTIVE_JOBS="0",
        AUTH_MODE="open", CONFIDENCE_THRESHOLD="0.2", WEBHOOK_SECRETS=",",
    )  # fmt: skip

    lines = {line.split(":")[0].strip(): line for line in text.splitlines()[1:]}
    assert set(lines) == {"SYMBL_APP_ID", "RECORDINGS_BUCKET", "SYMBL_API_URL", "SYMBL_MAX_ACTIVE_JOBS", "AUTH_MODE",
                          "CONFIDENCE_THRESHOLD", "WEBHOOK_SECRETS"}  # fmt: skip
    assert "is missing" in lines["SYMBL_APP_ID"]
    assert "is missing" in lines["RECORDINGS_BUCKET"]
    assert "http:// or https://" in lines["SYMBL_API_URL"]


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"PUBLIC_BASE_URL": "https://calls.example"}, "AUTH_MODE"),
        ({"AUTH_MODE": "token"}, "API_TOKENS"),
        ({"AUTH_MODE": "token", "API_TOKENS": "[]"}, "API_TOKENS"),
        ({"AUTH_MODE": "token", "API_TOKENS": "kim"}, "API_TOKENS"),
        ({"AUTH_MODE": "token", "API_TOKENS": api_tokens(a_token("t", role="boss"))}, "API_TOKENS"),
        ({"AUTH_MODE": "token", "API_TOKENS": '[{"name": "kim", "role": "viewer", "sha256": "t0ken"}]'}, "API_TOKENS"),
        ({"AUTH_MODE": "iap", "ACCESS": ADMINS}, "IAP_AUDIENCE"),
        ({"AUTH_MODE": "iam", "ACCESS": '[{"who": "kim", "role": "viewer"}]'}, "ACCESS"),
    ],
)
def test_authentication_is_complete_or_refused(changed: dict[str, str], name: str) -> None:
    """Nothing listens without it but on loopback."""
    assert f"{name}: " in complaint(**changed)


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.9.9.9", "http://[::1]:8"])
def test_loopback_needs_no_authentication(url: str) -> None:
    """In each of its spellings."""
    assert read_settings({**SETTINGS, "PUBLIC_BASE_URL": url}).auth_mode == "none"


def test_secrets_are_shown_nowhere() -> None:
    """Not in a repr, a dump or a complaint."""
    secrets = {"SYMBL_APP_SECRET": "s3cret-app", "WEBHOOK_SECRETS": "s3cret-hook"}
    settings: Settings = read_settings({**SETTINGS, **secrets})

    for shown in (repr(settings), str(settings), settings.model_dump_json(), complaint(**secrets, AUTH_MODE="open")):
        assert "s3cret" not in shown


def test_a_function_does_without_the_secrets_that_are_withheld_from_it() -> None:
    """What stands for one is random: it proves nothing to anybody."""
    given = {name: value for name, value in SETTINGS.items() if name not in {"SYMBL_APP_SECRET", "WEBHOOK_SECRETS"}}
    given["WITHHELD_SECRETS"] = "SYMBL_APP_SECRET, WEBHOOK_SECRETS"

    once, again = read_settings(given), read_settings(given)

    assert once.symbl_app_secret != again.symbl_app_secret
    assert len(once.webhook_secrets[0].get_secret_value()) == 64
    assert "WITHHELD_SECRETS: " in complaint(WITHHELD_SECRETS="SYMBL_API_URL")
