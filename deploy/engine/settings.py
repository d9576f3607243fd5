"""Settings of the engine, read once from `ENGINE_*` in the environment."""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from deploy.engine.errors import SettingsError
from deploy.engine.faults.plan import AnyFault, read_faults

PREFIX = "ENGINE_"
REPOSITORY = Path(__file__).resolve().parents[2]
#: Each takes 0.4 GB.
_MOST_USUAL_WORKERS = 4
WebhookKey = Literal["id", "jobId", "both"]


def _switches(value: object) -> object:
    return read_faults(value) if isinstance(value, str) else value


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _status(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("must be an address such as https://engine.example")
    return value.rstrip("/")


class EngineSettings(BaseModel):
    """Every setting with its default; `docs/engine.md` describes them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(8090, ge=0, le=65535)
    state: Path = REPOSITORY / ".local" / "engine"
    app_id: str = ""
    app_secret: SecretStr = SecretStr("")

    max_active_jobs: int = Field(50, ge=1)
    # Two calls at a time by one thread each are heard in half the time that two threads need for one after the other.
    workers: int = Field(default_factory=lambda: min(os.cpu_count() or 1, _MOST_USUAL_WORKERS), ge=1, le=64)
    threads: int = Field(1, ge=1)
    processing_share: float = Field(0, ge=0, le=100)
    start_after_s: float = Field(0.5, ge=0, le=3600)

    analyzer: Literal["whisper", "replay"] = "whisper"
    model: Literal["tiny.en", "base.en", "small.en", "tiny", "base", "small"] = "tiny.en"
    model_dir: Path | None = None
    models_cache: Path = REPOSITORY / ".models"
    replay_dir: Path | None = None

    allow_private_urls: bool = False
    max_download_bytes: int = Field(2 * 1024**3, ge=1)
    download_timeout_s: float = Field(900, gt=0)
    max_upload_bytes: int = Field(2 * 1024**3, ge=1)
    max_duration_s: float = Field(4 * 3600, gt=0)

    token_lifetime_s: int = Field(86400, ge=1)
    public_url: Annotated[str, AfterValidator(_origin)] = ""

    # What Symbl's documents leave open, or tell in two ways
    webhook_key: WebhookKey = "id"
    webhook_timeout_s: float = Field(10, gt=0)
    webhook_retries_s: Annotated[
        tuple[Annotated[float, Field(ge=0, le=86400)], ...], BeforeValidator(_listed), Field(max_length=20)
    ] = (1, 5, 25)
    bad_url: Literal["fail", "refuse"] = "fail"
    async_conflict: Literal["never", "active_url"] = "never"
    idempotency: Literal["none", "url"] = "none"
    null_fields: Literal["refuse", "ignore"] = "refuse"
    unknown_job_status: Annotated[Literal[400, 404], BeforeValidator(_status)] = 404
    unknown_conversation_status: Annotated[Literal[200, 400, 404], BeforeValidator(_status)] = 404
    created_status: Annotated[Literal[200, 201], BeforeValidator(_status)] = 201
    entities_shape: Literal["new", "legacy"] = "new"
    phrases_shape: Literal["objects", "strings"] = "objects"
    srt_payload: Literal["object", "string"] = "object"
    detect_entities: bool = False
    all_trackers: bool = False
    min_confidence: float = Field(0.5, ge=0, le=1)

    faults: Annotated[tuple[AnyFault, ...], BeforeValidator(_switches)] = ()
    faults_seed: int = 0
    faults_api: bool = False

    @model_validator(mode="after")
    def _credentials_off_loopback(self) -> Self:
        if bool(self.app_id) != bool(self.app_secret.get_secret_value()):
            raise ValueError("ENGINE_APP_ID and ENGINE_APP_SECRET go together: set both or neither")
        if not self.app_id and not _is_loopback(self.host):
            raise ValueError(
                f"ENGINE_HOST={self.host} is reachable from other machines: set ENGINE_APP_ID and ENGINE_APP_SECRET "
                "(local/local is for loopback alone)"
            )
        return self

    @model_validator(mode="after")
    def _replay_needs_transcripts(self) -> Self:
        if self.analyzer == "replay" and self.replay_dir is None:
            raise ValueError("ENGINE_ANALYZER=replay needs ENGINE_REPLAY_DIR, a directory of transcripts")
        return self

    @model_validator(mode="after")
    def _faults_api_on_loopback(self) -> Self:
        if self.faults_api and not _is_loopback(self.host):
            raise ValueError(
                f"ENGINE_FAULTS_API=true lets a caller break the engine, and ENGINE_HOST={self.host} is reachable from "
                "other machines: set ENGINE_HOST=127.0.0.1, or give the faults by ENGINE_FAULTS"
            )
        return self

    @property
    def faulty(self) -> bool:
        """Whether anything may go wrong on command."""
        return self.faults_api or bool(self.faults)

    @property
    def credentials(self) -> tuple[str, str]:
        """The pair (appId, appSecret) that buys a token."""
        return (self.app_id, self.app_secret.get_secret_value()) if self.app_id else ("local", "local")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; an empty value counts as not set.

        Raises:
            SettingsError: with one line per setting that is wrong.
        """
        names = {PREFIX + field.upper(): field for field in cls.model_fields}
        given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
        complaints = [f"{name}: there is no such setting" for name in sorted(given.keys() - names.keys())]
        try:
            settings = cls.model_validate({names[name]: value for name, value in given.items() if name in names})
        except ValidationError as invalid:
            complaints += [_complaint(error["loc"], error["msg"]) for error in invalid.errors()]
        if complaints:
            raise SettingsError("\n".join(complaints))
        return settings


def _complaint(location: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{PREFIX}{str(location[0]).upper()}: {text}" if location else text


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
