"""The table of all of /api/v1 but the recordings: companies, rejections, and the description itself."""

from __future__ import annotations

from typing import Any

from common.model.access import Reach, Role
from common.model.answers import AuditPage, Checkup, Rejections
from common.model.audit import KEPT_FOR, MAX_PAGE_SIZE, PAGE_SIZE, Action
from functions.api.description import (
    COMPANY,
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    JSON,
    NOT_MODIFIED,
    PAGE_TOKEN,
    Answer,
    Body,
    Operation,
    Parameter,
)
from functions.pages.company_settings import BusinessUXGiven, DefaultsGiven

_COMPANY = "/api/v1/companies/{company}"
_DEFAULTS = {
    "language_code": "en-US",
    "timezone_offset": -300,
    "custom_vocabulary": ["Brightline"],
    "trackers": [{"name": "Refund", "vocabulary": ["money back", "refund"]}],
    "channel_roles": ["agent", "customer"],
    "prefix": "brightline/",
}
_BUSINESS_UX = {"display_name": "Brightline", "color_background": "#ffffff", "read_only": True}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="get_defaults",
        group="Companies",
        method="GET",
        path=f"{_COMPANY}/defaults",
        role=Role.VIEWER,
        reach=Reach.COMPANY,
        summary="Read a company's defaults",
        description="What holds where a sender says nothing else. A company that settled nothing has the general ones.",
        parameters=(COMPANY, IF_NONE_MATCH),
        answers={
            200: Answer(description="The defaults.", media={JSON: DefaultsGiven}, headers=ETAG, example="defaults"),
            304: NOT_MODIFIED,
        },
        reasons=("NOT_FOUND",),
        curl="curl BASE/api/v1/companies/Acme/defaults",
    ),
    Operation(
        id="put_defaults",
        group="Companies",
        method="PUT",
        path=f"{_COMPANY}/defaults",
        role=Role.ADMIN,
        reach=Reach.COMPANY,
        action=Action.COMPANY_SETTLED,
        summary="Settle a company's defaults",
        description="All of them: what is left out is as for everybody. Recordings that are there do not change.",
        parameters=(COMPANY, IF_MATCH),
        body=Body(models={JSON: DefaultsGiven}, examples={"all of it": _DEFAULTS}),
        answers={
            200: Answer(description="The defaults.", media={JSON: DefaultsGiven}, headers=ETAG, example="defaults")
        },
        reasons=("NOT_FOUND", "CHANGED_MEANWHILE"),
        curl="""curl -X PUT BASE/api/v1/companies/Acme/defaults -d '{"language_code": "en-GB", "prefix": "acme/"}'""",
    ),
    Operation(
        id="get_business_ux",
        group="Companies",
        method="GET",
        path=f"{_COMPANY}/business-ux",
        role=Role.VIEWER,
        reach=Reach.COMPANY,
        summary="Read how a company's pages look",
        description="404 where the company has settled nothing.",
        parameters=(COMPANY, IF_NONE_MATCH),
        answers={
            200: Answer(description="The looks.", media={JSON: BusinessUXGiven}, headers=ETAG, example="business_ux"),
            304: NOT_MODIFIED,
        },
        reasons=("NOT_FOUND",),
        curl="curl BASE/api/v1/companies/Acme/business-ux",
    ),
    Operation(
        id="put_business_ux",
        group="Companies",
        method="PUT",
        path=f"{_COMPANY}/business-ux",
        role=Role.ADMIN,
        reach=Reach.COMPANY,
        action=Action.COMPANY_SETTLED,
        summary="Settle how a company's pages look",
        description="All of it: what is left out is as for everybody.",
        parameters=(COMPANY, IF_MATCH),
        body=Body(models={JSON: BusinessUXGiven}, examples={"a little": _BUSINESS_UX}),
        answers={
            200: Answer(description="The looks.", media={JSON: BusinessUXGiven}, headers=ETAG, example="business_ux")
        },
        reasons=("NOT_FOUND", "CHANGED_MEANWHILE"),
        curl="""curl -X PUT BASE/api/v1/companies/Acme/business-ux -d '{"color_background": "#ffffff"}'""",
    ),
    Operation(
        id="list_rejections",
        group="Recordings",
        method="GET",
        path="/api/v1/rejections",
        role=Role.OPERATOR,
        reach=Reach.ALL,
        summary="List what was not taken in",
        description="Objects of the bucket that did not become recordings, each with the mend: the latest 100.",
        answers={200: Answer(description="The rejections.", media={JSON: Rejections}, example="rejections")},
        curl="curl BASE/api/v1/rejections",
    ),
    Operation(
        id="check_installation",
        group="The installation",
        method="GET",
        path="/api/v1/checks",
        role=Role.OPERATOR,
        reach=Reach.ALL,
        summary="Check the installation",
        description="Asks each part for real: settings, database and its indexes, bucket, queues, engine, webhook and "
        "sweep; each with what was found and, where that is not well, the mend. It may take 15 seconds.",
        answers={200: Answer(description="What was found.", media={JSON: Checkup}, example="checkup")},
        curl="curl BASE/api/v1/checks",
        command="calltrack doctor",
    ),
    Operation(
        id="list_audit",
        group="The installation",
        method="GET",
        path="/api/v1/audit",
        role=Role.ADMIN,
        reach=Reach.CALLS,
        action=Action.AUDIT_READ,
        summary="See who did what",
        description=(
            "Who read, heard, passed on, ran again, deleted or changed something: the latest first. Kept for "
            f"{KEPT_FOR.days} days. Whoever sees some companies only has to name one of them."
        ),
        parameters=(
            Parameter(name="recording_id", description="Of this recording alone.", example="gm5tqnzr7bzjqkzdfl4a"),
            Parameter(name="who", description="What this caller did: a token's name or an e-mail address."),
            Parameter(
                name="action", description="Of this kind alone.", schema={"type": "string", "enum": tuple(Action)}
            ),
            Parameter(name="company", description="Of what belongs to this company alone."),
            Parameter(
                name="page_size",
                description="How many at most.",
                schema={"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE},
            ),
            PAGE_TOKEN,
        ),
        answers={200: Answer(description="The events.", media={JSON: AuditPage}, example="audit")},
        curl="curl -G BASE/api/v1/audit -d recording_id=ID",
    ),
    Operation(
        id="get_openapi",
        group="This description",
        method="GET",
        path="/api/v1/openapi.json",
        role=Role.VIEWER,
        reach=Reach.NOTHING,
        summary="Read this description",
        description="OpenAPI 3.1, made of the same table that serves the API.",
        parameters=(IF_NONE_MATCH,),
        answers={
            200: Answer(description="The description.", media={JSON: dict[str, Any]}, headers=ETAG),
            304: NOT_MODIFIED,
        },
        curl="curl BASE/api/v1/openapi.json",
    ),
)
