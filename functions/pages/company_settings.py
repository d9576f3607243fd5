"""What a company may settle, as the API takes and gives it: its defaults, and how its pages look. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import pydantic

from common.errors import Problem, Rejected
from common.model.business_ux import BusinessUX
from common.model.company import CompanyDefaults, Tracker
from common.model.recording import MAX_SPEAKERS, Language, Role, Text, TimezoneOffset, Vocabulary, problems_of

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Narrower than the standard, since it ends up in pages and policies: a lower-case host, no user, no quote, no space.
_WEB_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
    r"(?P<rest>([/?#][A-Za-z0-9._~!$&()*+,;=:@%/?#-]*)?)"
)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_FONTS = re.compile(r"[A-Za-z0-9 ,'\"_-]{1,200}")
_YEAR_S = 366 * 24 * 3600


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _web_address(value: str) -> str:
    found = _WEB_ADDRESS.fullmatch(value)
    if not found:
        raise ValueError("must be a URL such as https://example.com/logo.svg")
    if found["scheme"] == "http" and not _is_loopback(found["host"].strip("[]")):
        raise ValueError("must begin with https:// (http:// only on this machine)")
    return value


def _origin(value: str) -> str:
    found = _WEB_ADDRESS.fullmatch(_web_address(value))
    if not found or found["rest"]:
        raise ValueError("must be an origin: scheme, host and port alone, such as https://app.example.com")
    return value


def _colour(value: str) -> str:
    if not _COLOUR.fullmatch(value):
        raise ValueError("must be a colour as #rrggbb")
    return value.lower()


def _fonts(value: str) -> str:
    if not _FONTS.fullmatch(value):
        raise ValueError("must be names of fonts with commas between them, such as Inter, sans-serif")
    return value


def _prefix(value: str) -> str:
    if value.startswith("/") or "//" in value:
        raise ValueError("must be the beginning of object names, such as northwind/ (no slash first, no empty part)")
    return value


_IS_URI = pydantic.WithJsonSchema({"type": "string", "format": "uri"})
WebAddress = Annotated[str, pydantic.AfterValidator(_web_address), _IS_URI]
Origin = Annotated[str, pydantic.AfterValidator(_origin), _IS_URI]
Colour = Annotated[
    str,
    pydantic.AfterValidator(_colour),
    pydantic.WithJsonSchema({"type": "string", "pattern": f"^{_COLOUR.pattern}$"}),
]


class TrackerGiven(pydantic.BaseModel):
    """A name for phrases to be found in every call of the company."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, defer_build=True)

    name: Text
    vocabulary: Annotated[tuple[Text, ...], pydantic.Field(min_length=1, max_length=500)]


class DefaultsGiven(pydantic.BaseModel):
    """What holds for a company's recordings where their sender says nothing else."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, defer_build=True)

    company: Text | None = None
    language_code: Language = "en-US"
    timezone_offset: TimezoneOffset = 0
    custom_vocabulary: Vocabulary = ()
    trackers: Annotated[tuple[TrackerGiven, ...], pydantic.Field(max_length=200)] = ()
    channel_roles: Annotated[tuple[Role, ...], pydantic.Field(max_length=MAX_SPEAKERS)] = (Role.AGENT, Role.CUSTOMER)
    prefix: Annotated[Text, pydantic.AfterValidator(_prefix)] | None = None

    @pydantic.field_validator("trackers")
    @classmethod
    def _one_tracker_a_name(cls, trackers: tuple[TrackerGiven, ...]) -> tuple[TrackerGiven, ...]:
        names = [tracker.name.casefold() for tracker in trackers]
        twice = next((tracker.name for tracker in trackers if names.count(tracker.name.casefold()) > 1), None)
        if twice is not None:
            raise ValueError(f"two trackers are called {twice!r}; join their vocabularies or rename one")
        return trackers


class BusinessUXGiven(pydantic.BaseModel):
    """How a company's pages look, where they may be embedded, and how long their links live."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, defer_build=True)

    company: Text | None = None
    display_name: Text | None = None
    logo: WebAddress | None = None
    favicon: WebAddress | None = None
    color_background: Colour | None = None
    color_topics_filter: Colour | None = None
    color_insights_filter: Colour | None = None
    font_family: Annotated[str, pydantic.AfterValidator(_fonts)] | None = None
    allowed_origins: Annotated[tuple[Origin, ...], pydantic.Field(max_length=50)] = ()
    summary_url_expires_in: Annotated[int, pydantic.Field(ge=60, le=_YEAR_S, strict=True)] | None = 30 * 24 * 3600
    read_only: pydantic.StrictBool = True


Given = TypeVar("Given", DefaultsGiven, BusinessUXGiven)


def defaults_from(company: str, body: bytes) -> CompanyDefaults:
    """Validate the defaults of `company`, JSON as `defaults_answer` gives it; what is left out is as for everybody.

    Raises:
        Rejected: naming every field that is unknown or wrong, with the mend.
    """
    given = _validated(DefaultsGiven, company, body)
    return CompanyDefaults(
        company=company,
        language_code=given.language_code,
        timezone_offset=given.timezone_offset,
        custom_vocabulary=given.custom_vocabulary,
        trackers=tuple(Tracker(name=tracker.name, vocabulary=tracker.vocabulary) for tracker in given.trackers),
        channel_roles=given.channel_roles,
        prefix=given.prefix,
    )


def expect_own_prefix(defaults: CompanyDefaults, prefixes: Mapping[str, str]) -> None:
    """Two companies cannot share a prefix.

    Raises:
        Rejected: another company has it (`prefixes`: company by prefix).
    """
    owner = prefixes.get(defaults.prefix or "")
    if owner not in {None, defaults.company}:
        raise Rejected([Problem("prefix", f"belongs to {owner!r} already; choose another one")])


def defaults_answer(defaults: CompanyDefaults) -> dict[str, Any]:
    """The defaults of a company as JSON."""
    return dataclasses.asdict(defaults)


def business_ux_from(company: str, body: bytes) -> BusinessUX:
    """As `defaults_from`, of how a company's pages look.

    Raises:
        Rejected: naming every field that is unknown or wrong, with the mend.
    """
    given = _validated(BusinessUXGiven, company, body)
    seconds = given.summary_url_expires_in
    return BusinessUX(
        company=company,
        summary_url_expires_in=None if seconds is None else timedelta(seconds=seconds),
        **given.model_dump(exclude={"company", "summary_url_expires_in"}),
    )


def business_ux_answer(row: BusinessUX) -> dict[str, Any]:
    """How a company's pages look, as JSON; `summary_url_expires_in` in seconds, null where links never expire."""
    expires_in = row.summary_url_expires_in
    return dataclasses.asdict(row) | {
        "summary_url_expires_in": None if expires_in is None else int(expires_in.total_seconds())
    }


def _validated(model: type[Given], company: str, body: bytes) -> Given:
    try:
        decoded = json.loads(body)
    except ValueError as error:
        raise Rejected([Problem("body", f"is not JSON: {error}")]) from None
    if not isinstance(decoded, dict):
        raise Rejected([Problem("body", "must be a JSON object with the fields to settle")])
    try:
        # Through JSON text, so that a list or a number may be spelled only as JSON spells it.
        given = model.model_validate_json(body)
    except pydantic.ValidationError as error:
        raise Rejected(problems_of(error, model=model, part=TrackerGiven)) from None
    if given.company not in {None, company}:
        raise Rejected([Problem("company", f"is {given.company!r}, but the address says {company!r}; make them equal")])
    return given
