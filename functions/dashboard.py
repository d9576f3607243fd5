"""The last stage: pages for people, probes for machines, and the rest of the API.

Pages are finished HTML that is read with JavaScript off; a small script adds the player's conveniences. What a page
shows is prepared in `functions.pages`; here is what is read for it, and where it is served.
"""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import flask
import werkzeug.exceptions
from werkzeug.routing import Map, Rule

from common import log
from common.adapters.audio_peaks import peaks
from common.bootstrap import services
from common.errors import NotFound, Problem, Rejected
from common.model.answers import recording_answer, rejection_answer
from common.model.deletion import deletion_reason
from common.model.intelligence import SECTIONS
from common.model.job import request_id_of
from common.model.listing import ORDERS, list_query, page_token
from common.model.overview import overview_query
from common.model.replay import ReplayOrder, order_from
from common.model.search.facets import Facet
from common.model.search.grammar import as_people_write, parse
from common.model.search.query import conjunction
from common.model.transcript import RENDERINGS, turns_of
from common.model.waveform import may_have_waveform
from functions import _businesses, _edge, _summary
from functions._call import CallReader
from functions._delete import Deleter, gone_if_deleted
from functions._facets import FacetReader
from functions._operations import Operations, replay_of_class
from functions._overview import OverviewReader
from functions._replay import Replayer
from functions._search import Search
from functions._waveform import Waveforms
from functions.api.etags import etag_of, expect_match
from functions.api.of_companies import OPERATIONS
from functions.api.serving import Api, tagged
from functions.pages.calls import (
    Paging,
    call_rows,
    chips,
    found_in_words,
    mistaken,
    order_in_words,
    sortings,
    with_counts,
)
from functions.pages.company_settings import (
    business_ux_answer,
    business_ux_from,
    defaults_answer,
    defaults_from,
    expect_own_prefix,
)
from functions.pages.facets import facet_bar
from functions.pages.operations import Replayed, operations_answer, operations_view
from functions.pages.overview import overview_answer, overview_view
from functions.pages.readiness import Readiness
from functions.pages.search_help import search_help
from functions.pages.site import Site, origin_of
from functions.pages.transcript import position_text
from functions.pages.waveform import channels_above_each_other, svg_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from flask.typing import ResponseReturnValue

    from common.bootstrap import Services
    from common.model.business_ux import BusinessUX
    from common.model.company import CompanyDefaults
    from common.model.conversation import ConversationMetadata
    from common.model.intelligence import Message, Rows
    from common.model.job import SymblAsyncRequest
    from common.model.listing import ListQuery
    from common.model.recording import RecordingId
    from common.model.search.facets import Offer

#: How long the audio of an open page can be played.
AUDIO_LIFETIME = timedelta(hours=1)
REJECTIONS = 100
_MESSAGES = tuple(section for section in SECTIONS if section.name == "messages")
_ROUTES = Map(
    [
        Rule("/", endpoint="overview", methods=["GET"]),
        Rule("/overview.json", endpoint="overview_json", methods=["GET"]),
        Rule("/calls", endpoint="calls", methods=["GET"]),
        Rule("/calls/facets", endpoint="calls_facets", methods=["GET"]),
        Rule("/calls/<recording_id>", endpoint="call", methods=["GET"]),
        Rule("/calls/<recording_id>/replay", endpoint="replay", methods=["POST"]),
        Rule("/calls/<recording_id>/waveform.svg", endpoint="waveform", methods=["GET"]),
        Rule("/calls/<recording_id>/delete", endpoint="delete", methods=["POST"]),
        Rule("/calls/<recording_id>.json", endpoint="call_json", methods=["GET"]),
        Rule("/calls/<recording_id>.<any(vtt, srt, txt, md):rendering>", endpoint="transcript", methods=["GET"]),
        Rule("/ops", endpoint="operations", methods=["GET"]),
        Rule("/ops.json", endpoint="operations_json", methods=["GET"]),
        Rule("/ops/replay", endpoint="replay_class", methods=["POST"]),
        *_businesses.RULES,
        *_summary.RULES,
        Rule("/assets/<digest>/<name>", endpoint="asset", methods=["GET"]),
        Rule("/health", endpoint="health", methods=["GET"]),
        Rule("/ready", endpoint="ready", methods=["GET"]),
        Rule("/help/api", endpoint="help_api", methods=["GET"]),
        Rule("/help/search", endpoint="help_search", methods=["GET"]),
    ],
    merge_slashes=False,
)
#: Probes have no token, the page that asks for one has its style without it, and a summary page's address is its proof.
_OPEN = frozenset({"asset", "health", "ready"}) | _summary.OPEN


def _problem_page(problem: Mapping[str, Any]) -> flask.Response:
    if _route_of(flask.request) in _summary.OPEN:
        return _summary.problem_page(problem)
    if problem["metadata"].get("column") and _route_of(flask.request) == "calls":
        text = flask.request.args["filter"].strip()
        mistake = mistaken(text, **problem["metadata"])
        return _site().page(
            "calls_mistaken.html", problem=problem, mistake=mistake, filter=flask.request.args["filter"]
        )
    return _site().page("problem.html", problem=problem)


def _is_open(request: flask.Request) -> bool:
    return _route_of(request) in _OPEN


def _route_of(request: flask.Request) -> str | None:
    try:
        return _route(request)[0]
    except werkzeug.exceptions.HTTPException:
        return None


@_edge.page_function(problem_page=_problem_page, is_open=_is_open)
def dashboard(request: flask.Request) -> ResponseReturnValue:
    """Entry point of the pages, of /health and /ready, and of all of /api/v1 but the recordings."""
    path = _site().path_of(request.path)
    if path.startswith("/api/"):
        return _API.answer(request, path=path)
    try:
        endpoint, arguments = _route(request)
    except werkzeug.exceptions.NotFound:
        raise NotFound(f"There is nothing at {request.path}; {_site().link('/calls')} lists the calls.") from None
    recording_id = arguments.get("recording_id")
    with log.context(recording=recording_id), gone_if_deleted(lambda: services().deletions, recording_id):
        return _VIEWS[endpoint](request, **arguments)


def _route(request: flask.Request) -> tuple[str, Mapping[str, str]]:
    """The endpoint and its arguments; raises werkzeug's NotFound or MethodNotAllowed."""
    return _ROUTES.bind("").match(_site().path_of(request.path), method=request.method)


# Pages


def _overview(request: flask.Request) -> ResponseReturnValue:
    """What happened in a range of days; four calls to Datastore, or five, however many calls there were."""
    s = services()
    now = s.clock()
    query = overview_query(request.args.to_dict(), today=now.date())
    return _site().page(
        "overview.html",
        view=overview_view(_overview_reader(s).read(query), query, now=now),
        parameters={name: value for name, value in request.args.items() if value},
        public_base_url=s.settings.public_base_url,
        bucket=s.settings.recordings_bucket,
        request_id=flask.g.request_id,
    )


def _overview_json(request: flask.Request) -> ResponseReturnValue:
    s = services()
    now = s.clock()
    query = overview_query(request.args.to_dict(), today=now.date())
    return overview_answer(_overview_reader(s).read(query), query, now=now)


def _overview_reader(s: Services) -> OverviewReader:
    return OverviewReader(statistics=s.statistics, index=s.search, requests=s.requests)


def _calls(request: flask.Request) -> ResponseReturnValue:
    """The list, or what a search finds: one query, one lookup and one count; facets are counted on demand."""
    s = services()
    chosen = request.args.getlist("and")
    if chosen:
        return flask.redirect(_site().link("/calls", **_narrowed(request, chosen, now=s.clock())))
    query = _list_query(request, now=s.clock())
    search = Search(index=s.search, requests=s.requests, query=query.asked)
    page = search.page(size=query.size, after=query.after, order=ORDERS[query.order])
    requests = s.requests.get_many([request_id_of(call.recording_id) for call in page.calls])
    kept = _kept(request, query)
    rows = call_rows(page.calls, {job.recording_id: job for job in requests.values()}, asked=query.asked, kept=kept)
    first, more = query.after is None, page.next_key is not None
    conditions = chips(query, kept)
    if conditions and first and not rows:
        conditions = with_counts(conditions, _facet_reader(s).count([chip.rest for chip in conditions]))
    shows_counts = request.args.get("counts") == "true"
    return _site().page(
        "calls.html",
        rows=rows,
        filter=query.filter,
        chips=conditions,
        bar=facet_bar(query.asked, _facets(s, query) if shows_counts else None),
        found=found_in_words(search.count(), shown=len(rows), first=first, more=more),
        order=order_in_words(query),
        sortings=sortings(query, kept),
        paging=Paging(
            token=request.args.get("page_token"),
            trail=tuple(request.args.getlist("trail")),
            next_token=page_token(page.next_key, query) if page.next_key else None,
            kept=kept,
        ),
        public_base_url=s.settings.public_base_url,
    )


def _calls_facets(request: flask.Request) -> ResponseReturnValue:
    """The lists above the calls, with their counts: what the page's script puts in place of those without."""
    s = services()
    query = _list_query(request, now=s.clock())
    return _site().page("facets.html", bar=facet_bar(query.asked, _facets(s, query)), kept=_kept(request, query))


def _list_query(request: flask.Request, *, now: datetime) -> ListQuery:
    """The parameters of the list, without those that are the page's own."""
    own = {"trail", "counts"}
    return list_query({name: value for name, value in request.args.items() if name not in own and value}, now=now)


def _narrowed(request: flask.Request, chosen: Sequence[str], *, now: datetime) -> dict[str, str]:
    """The parameters of the search that the form of facets asks for."""
    texts = [request.args.get("filter", ""), *chosen]
    asked = conjunction(parse(text, now=now) for text in texts)
    kept = {name: request.args[name] for name in ("order_by", "page_size", "counts") if name in request.args}
    return kept | {"filter": as_people_write(asked)}


def _facet_reader(s: Services) -> FacetReader:
    return FacetReader(index=s.search, requests=s.requests, statistics=s.statistics)


def _facets(s: Services, query: ListQuery) -> list[Offer]:
    return _facet_reader(s).read(query.asked, Facet, now=s.clock())


def _kept(request: flask.Request, query: ListQuery) -> dict[str, str]:
    """Parameters that go along from page to page."""
    return {name: request.args[name] for name in ("order_by", "page_size") if request.args.get(name)} | (
        {"filter": query.filter} if query.filter else {}
    )


def _call(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """What `CallReader` reads; the audio comes from Cloud Storage."""
    page = CallReader.of(services()).read(recording_id, request.args)
    position = page.view.reading.position
    audio_url = _audio_url(page.conversation)
    fragment = f"#t={position_text(position)}" if position is not None else ""
    return _site().page(
        "call.html",
        media_origin=origin_of(audio_url) if audio_url else None,
        call=page.view,
        beside=page.beside,
        waveform_url=_site().link(f"/calls/{recording_id}/waveform.svg")
        if may_have_waveform(page.conversation)
        else None,
        audio_url=f"{audio_url}{fragment}" if audio_url else None,
        share=_summary.share_block(request.args, page.conversation),
        request_id=flask.g.request_id,
    )


def _waveform(_: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """A picture for the timeline; where there is none, 204: a page that lacks it is whole, and says nothing."""
    s = services()
    waveforms = Waveforms(recordings=s.recordings, audio=s.audio, kept=s.waveforms, peaks=peaks, clock=s.clock)
    try:
        conversation, waveform = waveforms.of(recording_id)
    except NotFound as error:
        log.event("no_waveform", reason=str(error))
        return flask.Response(status=204)
    response = flask.Response(svg_of(waveform, channels_above_each_other(conversation, waveform)))
    response.content_type = "image/svg+xml"
    response.headers["Cache-Control"] = "private, max-age=86400"  # a recording's bytes never change under its id
    return response


def _replay(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """The form of a failed call's page."""
    _edge.expect_same_origin(request)
    order = order_from(ReplayOrder, request.form.to_dict())
    s = services()
    Replayer(requests=s.requests, index=s.search, engine=s.engine, tasks=s.tasks, clock=s.clock, by=_edge.caller()).one(
        recording_id, order
    )
    return flask.redirect(_site().link(f"/calls/{recording_id}"), 303)


def _delete(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """The form at the end of a call's page; the page that follows says that the call was deleted."""
    _edge.expect_same_origin(request)
    given = request.form.to_dict()
    if given.pop("confirm", None) != "yes":
        raise Rejected([Problem("confirm", "must be ticked: a deleted recording cannot be had back")])
    s = services()
    Deleter(deletions=s.deletions, audio=s.audio, engine=s.engine, clock=s.clock).delete(
        recording_id, by=_edge.caller(), reason=deletion_reason(given)
    )
    return flask.redirect(_site().link(f"/calls/{recording_id}"), 303)


def _audio_url(conversation: ConversationMetadata) -> str | None:
    """Where the browser gets the audio; None where no URL can be signed: the rest of the page is worth showing."""
    s = services()
    name = conversation.recording_url.removeprefix(f"gs://{s.audio.bucket}/")
    try:
        return s.audio.signed_url(name, conversation.generation, lifetime=AUDIO_LIFETIME)
    except Exception as error:  # noqa: BLE001  # whatever keeps it from being signed, the page says so
        log.defect("audio_not_signed", error)
        return None


def _call_json(_: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    conversation, job, results = _found(recording_id)
    return recording_answer(conversation, job, results=results)


def _transcript(_: flask.Request, recording_id: RecordingId, rendering: str) -> ResponseReturnValue:
    conversation, job, results = _found(recording_id, sections=_MESSAGES)
    messages = cast("tuple[Message, ...]", results.get("messages", ()))
    if not messages:
        raise NotFound(
            f"There is no transcript: the recording is {job.status if job else 'unknown'}.",
            reason="TRANSCRIPT_NOT_READY",
        )
    return _edge.text_answer(RENDERINGS[rendering], turns_of(messages, conversation))


def _found(
    recording_id: RecordingId, *, sections: tuple[Any, ...] = SECTIONS
) -> tuple[ConversationMetadata, SymblAsyncRequest | None, Mapping[str, Rows]]:
    s = services()
    conversation = s.recordings.get(recording_id)
    if conversation is None:
        raise NotFound(f"There is no call {recording_id!r}; {_site().link('/calls')} lists them.")
    job = s.requests.of_recording(recording_id)
    results = s.results.get_all(sections, job.conversation_id) if job and job.conversation_id else {}
    return conversation, job, results


def _operations(request: flask.Request) -> ResponseReturnValue:
    """Whether it flows, and where not: what `Operations` reads, each part by itself."""
    return _site().page(
        "operations.html",
        ops=operations_view(Operations.of(services()).snapshot(), replayed=Replayed.of(request.args)),
        request_id=flask.g.request_id,
    )


def _operations_json(_: flask.Request) -> ResponseReturnValue:
    return _edge.json_answer(operations_answer(Operations.of(services()).snapshot()))


def _replay_class(request: flask.Request) -> ResponseReturnValue:
    """The form under a class of failures."""
    _edge.expect_same_origin(request)
    failure_class, order = replay_of_class(request.form)
    s = services()
    outcome = Replayer(
        requests=s.requests, index=s.search, engine=s.engine, tasks=s.tasks, clock=s.clock, by=_edge.caller()
    ).many(order)
    told = Replayed(
        failure_class=failure_class,
        replayed=len(outcome.recordings),
        skipped=len(outcome.skipped),
        page_token=outcome.next_page_token if outcome.skipped else None,
    )
    return flask.redirect(_site().link("/ops", **told.parameters), 303)


def _asset(_: flask.Request, digest: str, name: str) -> ResponseReturnValue:
    return _site().asset(digest, name)


# Help


def _help_api(_: flask.Request) -> ResponseReturnValue:
    from functions.pages.api_help import api_help  # noqa: PLC0415  # its readers alone pay for all of the table

    return _site().page("help_api.html", help=api_help(services().settings.public_base_url))


def _help_search(_: flask.Request) -> ResponseReturnValue:
    return _site().page("help_search.html", help=search_help())


# Probes


def _health(_: flask.Request) -> ResponseReturnValue:
    """The process answers; nothing is asked of anybody."""
    return {"status": "ok"}


def _ready(_: flask.Request) -> ResponseReturnValue:
    """200 when every part that the functions need answers, 503 naming those that do not."""
    parts = _readiness(services()).report()
    missing = [name for name, part in parts.items() if not part.ok]
    answer = {
        "status": "not ready" if missing else "ready",
        "not_ready": missing,
        "parts": {name: part.as_json() for name, part in parts.items()},
    }
    return answer, 503 if missing else 200


@functools.lru_cache(maxsize=1)
def _readiness(s: Services) -> Readiness:
    """One for as long as these services live, since it remembers the engine's answer."""
    return Readiness(
        {
            "datastore": lambda: s.account.stopped_until(s.clock()),
            "storage": lambda: s.audio.expect_bucket(),  # noqa: PLW0108  # making the client is part of the check
            "engine": lambda: s.engine.prepare(),  # noqa: PLW0108  # likewise
        },
        cached=frozenset({"engine"}),
        clock=s.clock,
    )


# The rest of the API


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


def _site() -> Site:
    return Site.at(services().settings.public_base_url)


_VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {
    **_businesses.VIEWS,
    **_summary.VIEWS,
    "overview": _overview,
    "overview_json": _overview_json,
    "calls": _calls,
    "calls_facets": _calls_facets,
    "call": _call,
    "waveform": _waveform,
    "replay": _replay,
    "delete": _delete,
    "call_json": _call_json,
    "transcript": _transcript,
    "operations": _operations,
    "operations_json": _operations_json,
    "replay_class": _replay_class,
    "asset": _asset,
    "health": _health,
    "ready": _ready,
    "help_api": _help_api,
    "help_search": _help_search,
}
_API = Api(
    OPERATIONS,
    {
        "get_defaults": _defaults,
        "put_defaults": _put_defaults,
        "get_business_ux": _business_ux,
        "put_business_ux": _put_business_ux,
        "list_rejections": _rejections,
        "get_openapi": _openapi,
    },
)
