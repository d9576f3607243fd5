"""The API of what companies have settled, of what was not taken in, and of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common import log
from common.bootstrap import services
from common.errors import NotFound
from common.model.answers import rejection_answer
from functions import _edge
from functions.api.etags import etag_of, expect_match
from functions.api.serving import tagged
from functions.pages.company_settings import (
    business_ux_answer,
    business_ux_from,
    defaults_answer,
    defaults_from,
    expect_own_prefix,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import flask
    from flask.typing import ResponseReturnValue

    from common.model.business_ux import BusinessUX
    from common.model.company import CompanyDefaults


REJECTIONS = 100


def _defaults(_: flask.Request, company: str) -> ResponseReturnValue:
    return _tagged(defaults_answer(services().companies.defaults(company)))


def _put_defaults(request: flask.Request, company: str) -> ResponseReturnValue:
    companies = services().companies
    defaults = defaults_from(company, request.get_data())
    if defaults.prefix:
        expect_own_prefix(defaults, companies.prefixes())

    def change(before: CompanyDefaults) -> CompanyDefaults:
        expect_match(request.headers.get("If-Match"), etag_of(defaults_answer(before)))
        return defaults

    companies.change_defaults(company, change)
    log.event("company_defaults_settled", company=company)
    return _tagged(defaults_answer(defaults))


def _business_ux(request: flask.Request, company: str) -> ResponseReturnValue:
    row = services().companies.business_ux(company)
    if row is None:
        raise NotFound(f"{company!r} has settled nothing of how its pages look; PUT {request.path} does.")
    return _tagged(business_ux_answer(row))


def _put_business_ux(request: flask.Request, company: str) -> ResponseReturnValue:
    row = business_ux_from(company, request.get_data())

    def change(before: BusinessUX | None) -> BusinessUX:
        expect_match(request.headers.get("If-Match"), etag_of(business_ux_answer(before)) if before else None)
        return row

    services().companies.change_business_ux(company, change)
    log.event("business_ux_settled", company=company)
    return _tagged(business_ux_answer(row))


def _tagged(answer: Mapping[str, Any]) -> flask.Response:
    return tagged(_edge.json_answer(answer), etag_of(answer))


def _rejections(_: flask.Request) -> ResponseReturnValue:
    """Objects of the bucket that did not become recordings, the latest first."""
    return {"rejections": [rejection_answer(row) for row in services().intake.rejections(limit=REJECTIONS)]}


def _openapi(_: flask.Request) -> ResponseReturnValue:
    from functions.api.openapi import document  # noqa: PLC0415  # half a second that only its readers pay

    return _edge.json_answer(document(services().settings.public_base_url))


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {
    "get_defaults": _defaults,
    "put_defaults": _put_defaults,
    "get_business_ux": _business_ux,
    "put_business_ux": _put_business_ux,
    "list_rejections": _rejections,
    "get_openapi": _openapi,
}
