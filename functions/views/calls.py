"""The list of calls with its search, a call, and what is done to it from its page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import flask

from common import log
from common.adapters.audio_peaks import peaks
from common.bootstrap import services
from common.errors import NotFound, Problem, Rejected
from common.model.access import Role
from common.model.answers import recording_answer
from common.model.deletion import deletion_reason
from common.model.intelligence import SECTIONS
from common.model.job import request_id_of
from common.model.listing import ORDERS, list_query, page_token
from common.model.replay import ReplayOrder, order_from
from common.model.search.facets import Facet
from common.model.search.grammar import as_people_write, parse
from common.model.search.query import conjunction
from common.model.transcript import RENDERINGS, turns_of
from common.model.waveform import may_have_waveform
from functions import _audit, _edge
from functions._call import CallReader
from functions._delete import Deleter
from functions._facets import FacetReader
from functions._replay import Replayer
from functions._search import Search
from functions._site import site
from functions._waveform import Waveforms
from functions.pages.calls import (
    Paging,
    call_rows,
    chips,
    found_in_words,
    order_in_words,
    sortings,
    with_counts,
)
from functions.pages.facets import facet_bar
from functions.pages.site import origin_of
from functions.pages.transcript import position_text
from functions.pages.waveform import channels_above_each_other, svg_of
from functions.views.summary import share_block

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from flask.typing import ResponseReturnValue

    from common.bootstrap import Services
    from common.model.conversation import ConversationMetadata
    from common.model.intelligence import Message, Rows
    from common.model.job import SymblAsyncRequest
    from common.model.listing import ListQuery
    from common.model.recording import RecordingId
    from common.model.search.facets import Offer


#: How long the audio of an open page can be played.
AUDIO_LIFETIME = timedelta(hours=1)
_MESSAGES = tuple(section for section in SECTIONS if section.name == "messages")


def _calls(request: flask.Request) -> ResponseReturnValue:
    """The list, or what a search finds: one query, one lookup and one count; facets are counted on demand."""
    s = services()
    chosen = request.args.getlist("and")
    if chosen:
        return flask.redirect(site().link("/calls", **_narrowed(request, chosen, now=s.clock())))
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
    return site().page(
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
    return site().page("facets.html", bar=facet_bar(query.asked, _facets(s, query)), kept=_kept(request, query))


def _list_query(request: flask.Request, *, now: datetime) -> ListQuery:
    """The parameters of the list, without those that are the page's own."""
    own = {"trail", "counts"}
    given = {name: value for name, value in request.args.items() if name not in own and value}
    return list_query(given, now=now, narrowed=_edge.caller().narrowed)


def _narrowed(request: flask.Request, chosen: Sequence[str], *, now: datetime) -> dict[str, str]:
    """The parameters of the search that the form of facets asks for."""
    texts = [request.args.get("filter", ""), *chosen]
    asked = conjunction(parse(text, now=now) for text in texts)
    kept = {name: request.args[name] for name in ("order_by", "page_size", "counts") if name in request.args}
    return kept | {"filter": as_people_write(asked)}


def _facet_reader(s: Services) -> FacetReader:
    return FacetReader(index=s.search, requests=s.requests, statistics=s.statistics, sees=_edge.caller().sees)


def _facets(s: Services, query: ListQuery) -> list[Offer]:
    return _facet_reader(s).read(query.asked, Facet, now=s.clock())


def _kept(request: flask.Request, query: ListQuery) -> dict[str, str]:
    """Parameters that go along from page to page."""
    return {name: request.args[name] for name in ("order_by", "page_size") if request.args.get(name)} | (
        {"filter": query.filter} if query.filter else {}
    )


def _call(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """What `CallReader` reads; the audio comes from Cloud Storage."""
    page = CallReader.of(services(), narrowed=_edge.caller().narrowed).read(recording_id, request.args)
    _audit.about(company=page.conversation.company)
    if page.view.status.is_working:
        _audit.say_nothing()
    position = page.view.reading.position
    audio_url = _audio_url(page.conversation)
    fragment = f"#t={position_text(position)}" if position is not None else ""
    return site().page(
        "call.html",
        media_origin=origin_of(audio_url) if audio_url else None,
        call=page.view,
        beside=page.beside,
        waveform_url=site().link(f"/calls/{recording_id}/waveform.svg")
        if may_have_waveform(page.conversation)
        else None,
        audio_url=f"{audio_url}{fragment}" if audio_url else None,
        # The block shows links again, which is to make them.
        share=share_block(request.args, page.conversation) if _edge.caller().role.covers(Role.REVIEWER) else None,
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
    Replayer.of(services(), _edge.caller()).one(recording_id, order)
    return flask.redirect(site().link(f"/calls/{recording_id}"), 303)


def _delete(request: flask.Request, recording_id: RecordingId) -> ResponseReturnValue:
    """The form at the end of a call's page; the page that follows says that the call was deleted."""
    _edge.expect_same_origin(request)
    given = request.form.to_dict()
    if given.pop("confirm", None) != "yes":
        raise Rejected([Problem("confirm", "must be ticked: a deleted recording cannot be had back")])
    s = services()
    deleted = Deleter(deletions=s.deletions, audio=s.audio, engine=s.engine, clock=s.clock).delete(
        recording_id, by=_edge.caller().name, reason=deletion_reason(given)
    )
    _audit.about(company=deleted.company, reason=deleted.reason)
    return flask.redirect(site().link(f"/calls/{recording_id}"), 303)


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
        raise NotFound(f"There is no call {recording_id!r}; {site().link('/calls')} lists them.")
    _audit.about(company=conversation.company)
    job = s.requests.of_recording(recording_id)
    results = s.results.get_all(sections, job.conversation_id) if job and job.conversation_id else {}
    return conversation, job, results


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {
    "calls": _calls,
    "calls_facets": _calls_facets,
    "call": _call,
    "waveform": _waveform,
    "replay": _replay,
    "delete": _delete,
    "call_json": _call_json,
    "transcript": _transcript,
}
