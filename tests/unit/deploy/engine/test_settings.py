import re

import pytest

from deploy.engine.errors import SettingsError
from deploy.engine.settings import REPOSITORY, EngineSettings


def test_without_settings_it_is_local_on_loopback() -> None:
    settings = EngineSettings.from_environment({"PATH": "/bin", "ENGINE_PORT": ""})
    assert (settings.host, settings.port, settings.credentials) == ("127.0.0.1", 8090, ("local", "local"))
    assert settings.max_active_jobs == 50
    assert not settings.allow_private_urls


def test_every_wrong_setting_is_named_at_once() -> None:
    environment = {"ENGINE_PORT": "http", "ENGINE_WORKERS": "0", "ENGINE_ANALYZER": "magic", "ENGINE_MODLE": "x"}
    with pytest.raises(SettingsError) as raised:
        EngineSettings.from_environment(environment)
    assert [line.partition(":")[0] for line in str(raised.value).splitlines()] == [
        "ENGINE_MODLE",
        "ENGINE_PORT",
        "ENGINE_WORKERS",
        "ENGINE_ANALYZER",
    ]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "engine.internal"])
def test_reachable_by_others_it_needs_credentials(host: str) -> None:
    with pytest.raises(SettingsError, match="ENGINE_APP_ID and ENGINE_APP_SECRET"):
        EngineSettings.from_environment({"ENGINE_HOST": host})
    environment = {"ENGINE_HOST": host, "ENGINE_APP_ID": "app", "ENGINE_APP_SECRET": "s3cret"}
    assert EngineSettings.from_environment(environment).credentials == ("app", "s3cret")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_none(host: str) -> None:
    assert EngineSettings.from_environment({"ENGINE_HOST": host}).credentials == ("local", "local")


def test_half_a_pair_is_refused() -> None:
    with pytest.raises(SettingsError, match="go together"):
        EngineSettings.from_environment({"ENGINE_APP_ID": "app"})


def test_replay_needs_its_directory() -> None:
    with pytest.raises(SettingsError, match="ENGINE_REPLAY_DIR"):
        EngineSettings.from_environment({"ENGINE_ANALYZER": "replay"})


def test_the_secret_is_in_no_repr() -> None:
    settings = EngineSettings.from_environment({"ENGINE_APP_ID": "app", "ENGINE_APP_SECRET": "s3cret"})
    assert "s3cret" not in repr(settings)


def test_every_setting_is_documented() -> None:
    text = (REPOSITORY / "docs" / "engine.md").read_text()
    assert [name for name in EngineSettings.model_fields if f"`ENGINE_{name.upper()}`" not in text] == []


def test_what_nobody_documented_is_a_setting_with_the_default_of_the_table() -> None:
    text = (REPOSITORY / "docs" / "engine.md").read_text()
    table = text.partition("### What nobody documented")[2].partition("##")[0]
    told = dict(re.findall(r"^\|[^|]+\| `ENGINE_(\w+)` \| (?:`([^`]+)`)?", table, re.MULTILINE))
    assert len(told) == 20
    for name, default in told.items():
        environment = {f"ENGINE_{name}": default} if default else {}
        of_table = EngineSettings.from_environment(environment)
        assert getattr(of_table, name.lower()) == getattr(EngineSettings(), name.lower()), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBHOOK_RETRIES_S", "1,soon"),
        ("WEBHOOK_RETRIES_S", "-1"),
        ("BAD_URL", "ignore"),
        ("CREATED_STATUS", "204"),
        ("UNKNOWN_JOB_STATUS", "500"),
        ("PUBLIC_URL", "engine.example"),
        ("PUBLIC_URL", "https://engine.example/?x=1"),
        ("MIN_CONFIDENCE", "2"),
    ],
)
def test_a_setting_has_only_the_values_of_its_row(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"ENGINE_{name}"):
        EngineSettings.from_environment({f"ENGINE_{name}": value})
