"""The settings, read from the environment once, complaining about everything at once."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self, get_args
from urllib.parse import urlsplit

import pydantic

from common.errors import CalltrackError
from common.model.access import Caller, Grant, Role
from common.model.failures import Budgets

if TYPE_CHECKING:
    from collections.abc import Mapping


class ConfigurationError(CalltrackError):
    """Settings are missing or wrong; the message lists all of them."""


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("must be an http:// or https:// URL")
    return value.rstrip("/")


def _words(value: object) -> object:
    return _listed(value) if isinstance(value, str) else value


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


BaseUrl = Annotated[str, pydantic.AfterValidator(_base_url)]
Secrets = Annotated[tuple[pydantic.SecretStr, ...], pydantic.BeforeValidator(_words)]
Whole = Annotated[int, pydantic.Field(ge=1)]
Withheld = Literal["SYMBL_APP_ID", "SYMBL_APP_SECRET", "WEBHOOK_SECRETS"]


class TokenGiven(pydantic.BaseModel):
    """A token that is accepted: who has it, what it is for, and its SHA-256 alone."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, pydantic.Field(pattern=r"^[\w.@+-]{1,100}$")]
    role: Role
    companies: Annotated[frozenset[str], pydantic.Field(min_length=1)] | None = None
    sha256: Annotated[str, pydantic.Field(pattern="^[0-9a-f]{64}$", repr=False)]

    @property
    def caller(self) -> Caller:
        """Who calls with it."""
        return Caller(name=self.name, role=self.role, companies=self.companies)


class GrantGiven(pydantic.BaseModel):
    """What whoever Google knows by an e-mail address may do here."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    who: Annotated[str, pydantic.Field(pattern=r"^(\*|[^@\s]*@[^@\s]+)$"), pydantic.AfterValidator(str.lower)]
    role: Role
    companies: Annotated[frozenset[str], pydantic.Field(min_length=1)] | None = None

    @property
    def grant(self) -> Grant:
        """As the rules have it."""
        return Grant(who=self.who, role=self.role, companies=self.companies)


def _rows(value: object) -> object:
    """A JSON list, as one variable of the environment."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError("must be a JSON list of objects") from error


class Settings(pydantic.BaseModel):
    """What an operator decides. Each field is the environment variable of the same name in capitals."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    google_cloud_project: str
    datastore_database: str | None = None

    recordings_bucket: str
    url_signer_service_account: str | None = None
    ingest_allow_private_urls: bool = False

    symbl_api_url: BaseUrl = "https://api.symbl.ai"
    symbl_app_id: str
    symbl_app_secret: pydantic.SecretStr
    symbl_max_active_jobs: Annotated[int, pydantic.Field(ge=1, le=1000)] = 50
    confidence_threshold: Annotated[float, pydantic.Field(ge=0.5, le=1.0)] = 0.6

    public_base_url: BaseUrl
    webhook_base_url: BaseUrl
    webhook_secrets: Annotated[Secrets, pydantic.Field(min_length=1)]

    withheld_secrets: Annotated[tuple[Withheld, ...], pydantic.BeforeValidator(_words)] = ()

    share_secrets: Secrets = ()
    share_base_url: BaseUrl | None = None

    tasks_location: str = "us-central1"
    tasks_target_base_url: BaseUrl
    tasks_service_account: str
    events_service_account: str | None = None
    dispatch_queue: str = "dispatch-jobs"
    submit_queue: str = "submit-job"
    collect_queue: str = "collect-results"
    cloud_tasks_emulator_host: str | None = None

    oidc_jwks_url: BaseUrl = "https://www.googleapis.com/oauth2/v3/certs"
    oidc_issuer: str = "https://accounts.google.com"
    signatures_checked_by_iam: bool = False

    auth_mode: Literal["iam", "iap", "token", "none"]
    api_tokens: Annotated[tuple[TokenGiven, ...], pydantic.BeforeValidator(_rows)] = ()
    access: Annotated[tuple[GrantGiven, ...], pydantic.BeforeValidator(_rows)] = ()
    iap_audience: str | None = None

    retry_not_accepted_h: Whole = 72
    retry_unknown_outcomes: Annotated[int, pydantic.Field(ge=0, le=20)] = 2
    retry_results_h: Whole = 24
    job_limit_s: Annotated[int, pydantic.Field(ge=60)] = 86400

    sweep_interval_s: Whole = 60
    sweep_floor_s: Whole = 60
    bucket_scan_interval_h: Whole = 24

    @property
    def link_secrets(self) -> tuple[str, ...]:
        """What links to summary pages are signed with: the first signs, all are accepted."""
        return tuple(secret.get_secret_value() for secret in self.share_secrets or self.webhook_secrets)

    @property
    def session_keys(self) -> tuple[str, ...]:
        """What browsers' sign-ins are signed with: a key of another purpose is made of each of these."""
        return self.link_secrets

    @property
    def link_base_url(self) -> str:
        """Where links to summary pages lead."""
        return self.share_base_url or self.public_base_url

    @property
    def events_account(self) -> str:
        """Whose identity the bucket's events come with."""
        return self.events_service_account or self.tasks_service_account

    @property
    def sweep_floor(self) -> timedelta:
        """No job is asked about before it is this old."""
        return timedelta(seconds=self.sweep_floor_s)

    @property
    def bucket_scan_interval(self) -> timedelta:
        """From the beginning of one search for lost events to that of the next."""
        return timedelta(hours=self.bucket_scan_interval_h)

    @property
    def budgets(self) -> Budgets:
        """How much of each passing failure a request may meet."""
        return Budgets(
            not_accepted_for=timedelta(hours=self.retry_not_accepted_h),
            unknown_outcomes=self.retry_unknown_outcomes,
            active_for=timedelta(seconds=self.job_limit_s),
            results_for=timedelta(hours=self.retry_results_h),
        )

    @pydantic.model_validator(mode="after")
    def _authentication_is_complete(self) -> Self:
        if self.auth_mode == "none" and not _is_loopback(self.public_base_url):
            raise ValueError(
                "auth_mode: none is only for a stack that listens on loopback; PUBLIC_BASE_URL is elsewhere: "
                "set AUTH_MODE to iam, iap or token"
            )
        if self.auth_mode == "token" and not self.api_tokens:
            raise ValueError("api_tokens: AUTH_MODE=token needs at least one; `./calltrack tokens new` makes it")
        if self.auth_mode == "iap" and not self.iap_audience:
            raise ValueError("iap_audience: AUTH_MODE=iap needs the audience of the IAP-protected service")
        return self


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environment`; an empty value counts as not given.

    A function is not given the secrets that it has no use for: for those that WITHHELD_SECRETS names stands a random
    value, which signs nothing that anybody accepts, and accepts nothing.

    Raises:
        ConfigurationError: naming every variable that is missing or wrong.
    """
    given = {
        name: environment[name.upper()] for name in Settings.model_fields if environment.get(name.upper(), "").strip()
    }
    withheld = _listed(environment.get("WITHHELD_SECRETS", ""))
    given |= {name.lower(): secrets.token_hex(32) for name in withheld if name in get_args(Withheld)}
    try:
        return Settings.model_validate(given)
    except pydantic.ValidationError as error:
        raise ConfigurationError(
            "These settings need attention:\n" + "\n".join(f"  {_complaint(item)}" for item in error.errors())
        ) from None


def _complaint(item: object) -> str:
    assert isinstance(item, dict)  # noqa: S101  # pydantic's ErrorDetails
    message = str(item["msg"]).removeprefix("Value error, ")
    if len(item["loc"]) > 1:  # a member of a list: which one, and what of it
        message = f"{'.'.join(str(part) for part in item['loc'][1:])}: {message}"
    if not item["loc"]:  # a rule over several settings: the message begins with the one to change
        name, _, rest = message.partition(": ")
        return f"{name.upper()}: {rest}"
    return f"{str(item['loc'][0]).upper()}: {'is missing' if item['type'] == 'missing' else message}"
