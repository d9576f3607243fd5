"""The table of /api/v1/recordings."""

from __future__ import annotations

from typing import Annotated, NotRequired

import pydantic
from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from common.model.access import Reach, Role
from common.model.answers import (
    BulkReplayAnswer,
    DeletionAnswer,
    RecordingAnswer,
    RecordingsPage,
    Reindexed,
    SharedAnswer,
    TakenBackAnswer,
)
from common.model.audit import Action
from common.model.deletion import MAX_REASON_CHARS
from common.model.listing import DEFAULT_ORDER, DEFAULT_PAGE_SIZE, MAX_FULL_PAGE_SIZE, MAX_PAGE_SIZE, ORDERS, View
from common.model.recording import RecordingDetails
from common.model.replay import BulkReplayOrder, ReplayOrder
from common.model.search.facets import Facet
from common.model.transcript import RENDERINGS, TranscriptAnswer
from functions._reindex import ReindexOrder
from functions._sharing import ShareOrder, TakeBackOrder
from functions.api.description import (
    ETAG,
    FILTER,
    FLAG,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    JSON,
    MULTIPART,
    NOT_MODIFIED,
    PAGE_TOKEN,
    RECORDING_ID,
    REPLAYED,
    Answer,
    Body,
    Operation,
    Parameter,
    Place,
)

_BASE = "/api/v1/recordings"
_FILTER_REASONS = (
    "FILTER_SYNTAX",
    "FILTER_FIELD_UNKNOWN",
    "FILTER_FUNCTION_UNKNOWN",
    "FILTER_COMPARISON_INVALID",
    "FILTER_VALUE_INVALID",
    "FILTER_SCOPE_INVALID",
    "FILTER_TOO_LONG",
    "FILTER_TOO_MANY_CONDITIONS",
    "FILTER_TOO_DEEP",
)
_KEY_REASONS = ("IDEMPOTENCY_KEY_IN_USE", "IDEMPOTENCY_KEY_REUSED")
_METADATA = {
    "company": "Brightline Mobile",
    "direction": "inbound",
    "started_at": "2026-11-22T09:14:00-05:00",
    "speakers": [{"name": "Kim Brooks", "role": "agent"}, {"name": "Linda Hayes", "role": "customer"}],
}
_FILE = pydantic.WithJsonSchema({"type": "string", "contentMediaType": "application/octet-stream"})


class AddUpload(TypedDict):
    """A recording as a file."""

    audio: Annotated[bytes, _FILE]
    metadata: RecordingDetails


class AddByUrl(TypedDict):
    """A recording by its URL."""

    url: str
    metadata: NotRequired[RecordingDetails]


#: Where nothing is said: a single recording whole, a list without results.
VIEW_OF_ONE = Parameter(
    name="view",
    description="BASIC: metadata and request. FULL: the results too.",
    schema={"type": "string", "enum": tuple(View), "default": View.FULL},
)
VIEW_OF_LIST = Parameter(
    name="view",
    description=(
        f"BASIC: metadata and requests. FULL: the results too; then a page has {MAX_FULL_PAGE_SIZE} recordings at most."
    ),
    schema={"type": "string", "enum": tuple(View), "default": View.BASIC},
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="list_recordings",
        group="Recordings",
        method="GET",
        path=_BASE,
        role=Role.VIEWER,
        reach=Reach.CALLS,
        action=Action.CALLS_EXPORTED,
        summary="List and search recordings",
        description=(
            "The latest first, unless `order_by` says otherwise. A page may be short; the list ends where there is no "
            '`next_page_token` (and no `Link` with `rel="next"`).'
        ),
        parameters=(
            FILTER,
            Parameter(
                name="order_by",
                description="By what they are sorted; other than by time only with a filter of names and the like.",
                schema={"type": "string", "enum": tuple(ORDERS), "default": DEFAULT_ORDER},
            ),
            Parameter(
                name="page_size",
                description=f"How many at most; more than {MAX_PAGE_SIZE} count as {MAX_PAGE_SIZE}.",
                schema={"type": "integer", "minimum": 1, "default": DEFAULT_PAGE_SIZE},
            ),
            PAGE_TOKEN,
            VIEW_OF_LIST,
            Parameter(name="count", description="Whether to count them all: `total_size`.", schema=FLAG),
            Parameter(name="explain", description="Whether to tell how they were found.", schema=FLAG),
            Parameter(
                name="facets",
                description=f"Facets whose values are to be counted, with commas between them: {', '.join(Facet)}.",
                example="agent,tracker",
            ),
        ),
        answers={
            200: Answer(
                description="A page of recordings.",
                media={JSON: RecordingsPage},
                headers={"Link": 'the next page, with rel="next"; absent on the last one'},
                example="recordings_page",
            )
        },
        reasons=_FILTER_REASONS,
        curl="curl -G BASE/api/v1/recordings --data-urlencode 'filter=refund by:customer' -d page_size=20",
        command="./calltrack recordings list --filter 'refund by:customer'",
    ),
    Operation(
        id="add_recording",
        group="Recordings",
        method="POST",
        path=_BASE,
        role=Role.OPERATOR,
        reach=Reach.ADDED,
        action=Action.CALL_ADDED,
        summary="Add a recording",
        description=(
            "As multipart/form-data with the file, or as JSON with a URL: gs:// of the recordings bucket, or https://. "
            "The same audio of a company is added once: then the answer is 200 with the first recording, unless "
            "`allow_duplicate` is true. A request may have 32 MiB; what is larger goes into the bucket first."
        ),
        parameters=(IDEMPOTENCY_KEY,),
        body=Body(
            models={MULTIPART: AddUpload, JSON: AddByUrl},
            description="In JSON the metadata may also stand beside `url` instead of inside `metadata`.",
            examples={"a URL": {"url": "https://example.com/calls/7.wav", "metadata": _METADATA}},
        ),
        answers={
            200: Answer(
                description="The company has the same audio already: its recording.",
                media={JSON: RecordingAnswer},
                headers={"Location": "its address", **REPLAYED},
                example="recording_basic",
            ),
            201: Answer(
                description="The new recording; it is analysed in its turn.",
                media={JSON: RecordingAnswer},
                headers={"Location": "its address", **REPLAYED},
                example="recording_new",
            ),
        },
        reasons=(*_KEY_REASONS, "TOO_LARGE"),
        curl=(
            "curl BASE/api/v1/recordings -H 'Idempotency-Key: crm-7' -F audio=@call.wav "
            """-F 'metadata={"company": "Brightline Mobile"}'"""
        ),
        command="./calltrack recordings add call.wav --company 'Brightline Mobile'",
    ),
    Operation(
        id="get_recording",
        group="Recordings",
        method="GET",
        path=f"{_BASE}/{{recording_id}}",
        role=Role.VIEWER,
        reach=Reach.RECORDING,
        action=Action.CALL_READ,
        summary="Read a recording",
        description="Metadata, where its request stands with its timeline, and the results.",
        parameters=(RECORDING_ID, VIEW_OF_ONE, IF_NONE_MATCH),
        answers={
            200: Answer(
                description="The recording.", media={JSON: RecordingAnswer}, headers=ETAG, example="recording_full"
            ),
            304: NOT_MODIFIED,
        },
        reasons=("NOT_FOUND",),
        curl="curl BASE/api/v1/recordings/ID",
        command="./calltrack recordings get ID --format json",
    ),
    Operation(
        id="get_transcript",
        group="Recordings",
        method="GET",
        path=f"{_BASE}/{{recording_id}}/transcript",
        role=Role.VIEWER,
        reach=Reach.RECORDING,
        action=Action.TRANSCRIPT_READ,
        summary="Read a transcript",
        description="Turns as JSON, or as the file that `Accept` prefers. Times are seconds from the beginning.",
        parameters=(RECORDING_ID, IF_NONE_MATCH),
        answers={
            200: Answer(
                description="What was said.",
                media={JSON: TranscriptAnswer} | {form.media_type: str for form in RENDERINGS.values()},
                headers=ETAG,
                example="transcript",
            ),
            304: NOT_MODIFIED,
        },
        reasons=("NOT_FOUND", "TRANSCRIPT_NOT_READY"),
        curl="curl BASE/api/v1/recordings/ID/transcript -H 'Accept: text/markdown'",
        command="./calltrack recordings transcript ID --as json",
    ),
    Operation(
        id="get_transcript_file",
        group="Recordings",
        method="GET",
        path=f"{_BASE}/{{recording_id}}/transcript.{{rendering}}",
        role=Role.VIEWER,
        reach=Reach.RECORDING,
        action=Action.TRANSCRIPT_READ,
        summary="Read a transcript as a file",
        description="WebVTT, SubRip, plain text or Markdown, whatever `Accept` says.",
        parameters=(
            RECORDING_ID,
            Parameter(
                name="rendering",
                place=Place.PATH,
                description=f"one of {', '.join(RENDERINGS)}",
                schema={"type": "string", "enum": tuple(RENDERINGS)},
                example="md",
            ),
            IF_NONE_MATCH,
        ),
        answers={
            200: Answer(
                description="What was said.",
                media={form.media_type: str for form in RENDERINGS.values()},
                headers=ETAG,
                example="transcript",
            ),
            304: NOT_MODIFIED,
        },
        reasons=("NOT_FOUND", "TRANSCRIPT_NOT_READY"),
        curl="curl BASE/api/v1/recordings/ID/transcript.md",
        command="./calltrack recordings transcript ID --as md",
    ),
    Operation(
        id="get_audio",
        group="Recordings",
        method="GET",
        path=f"{_BASE}/{{recording_id}}/audio",
        role=Role.VIEWER,
        reach=Reach.RECORDING,
        action=Action.AUDIO_PLAYED,
        summary="Hear a recording",
        description=(
            "Leads to the bytes that were analysed, and to no later version of the file, for ten minutes. Whoever has "
            "that address needs no further permission: pass on the address of the API instead."
        ),
        parameters=(RECORDING_ID,),
        answers={
            302: Answer(description="Where the audio is.", headers={"Location": "a signed URL, good for 10 minutes"})
        },
        reasons=("NOT_FOUND", "AUDIO_GONE"),
        curl="curl -L -o call.wav BASE/api/v1/recordings/ID/audio",
        command="./calltrack recordings audio ID --output call.wav",
    ),
    Operation(
        id="share_recording",
        group="Recordings",
        method="POST",
        path=f"{_BASE}/{{recording_id}}:share",
        role=Role.REVIEWER,
        reach=Reach.RECORDING,
        action=Action.CALL_SHARED,
        summary="Share a summary page",
        description=(
            "A link that shows the page to whoever has it, for as long as the company has settled, and HTML that "
            "embeds it in pages of the company's origins. Made anew at each call. `:unshare` takes it back."
        ),
        parameters=(RECORDING_ID,),
        body=Body(models={JSON: ShareOrder}, examples={"without the transcript": {"transcript": False}}),
        answers={200: Answer(description="The link.", media={JSON: SharedAnswer}, example="shared")},
        reasons=("NOT_FOUND",),
        curl="curl BASE/api/v1/recordings/ID:share -H 'Content-Type: application/json' -d '{}'",
        command="./calltrack recordings share ID",
    ),
    Operation(
        id="unshare_recording",
        group="Recordings",
        method="POST",
        path=f"{_BASE}/{{recording_id}}:unshare",
        role=Role.REVIEWER,
        reach=Reach.RECORDING,
        action=Action.LINK_TAKEN_BACK,
        summary="Take a link back",
        description="The link opens nothing from now on; other links to the same page do. Sent again, nothing changes.",
        parameters=(RECORDING_ID,),
        body=Body(models={JSON: TakeBackOrder}, examples={"a link": {"url": "https://calls.example/share/AQEr…"}}),
        answers={200: Answer(description="It is.", media={JSON: TakenBackAnswer}, example="taken_back")},
        reasons=("NOT_FOUND",),
        curl=(
            "curl BASE/api/v1/recordings/ID:unshare -H 'Content-Type: application/json' "
            """-d '{"url": "https://calls.example/share/TOKEN"}'"""
        ),
    ),
    Operation(
        id="delete_recording",
        group="Recordings",
        method="DELETE",
        path=f"{_BASE}/{{recording_id}}",
        role=Role.ADMIN,
        reach=Reach.RECORDING,
        action=Action.CALL_DELETED,
        summary="Delete a recording for good",
        description=(
            "Metadata, request, results, audio and what the engine keeps; from this call on it is found nowhere. What "
            "cannot be done now is `owed`, and goes without anybody's doing. Sent again, the first answer comes back."
        ),
        parameters=(
            RECORDING_ID,
            Parameter(
                name="reason",
                description=f"Why, in 1 to {MAX_REASON_CHARS} characters. It has to be given, and is kept.",
                example="ticket 4711",
            ),
            IF_MATCH,
        ),
        answers={200: Answer(description="What was kept of it.", media={JSON: DeletionAnswer}, example="deleted")},
        reasons=("NOT_FOUND", "NOT_DELETABLE", "CHANGED_MEANWHILE"),
        curl="curl -X DELETE 'BASE/api/v1/recordings/ID?reason=ticket+4711'",
        command="./calltrack recordings delete ID --reason 'ticket 4711'",
    ),
    Operation(
        id="replay_recording",
        group="Running again",
        method="POST",
        path=f"{_BASE}/{{recording_id}}:replay",
        role=Role.OPERATOR,
        reach=Reach.RECORDING,
        action=Action.CALL_REPLAYED,
        summary="Run a failed recording again",
        description=(
            "From `submit` (it is analysed anew) or from `collect` (results that are missing are fetched). Asked for "
            "again while that is under way, nothing is done. With `validate_only` it only tells whether it could be."
        ),
        parameters=(RECORDING_ID, IF_MATCH, IDEMPOTENCY_KEY),
        body=Body(models={JSON: ReplayOrder}, examples={"from the queue on": {"reason": "the engine was mended"}}),
        answers={
            200: Answer(
                description="How it stands after that.",
                media={JSON: RecordingAnswer},
                headers={**ETAG, **REPLAYED},
                example="recording_new",
            )
        },
        reasons=("NOT_FOUND", "NOT_REPLAYABLE", "CHANGED_MEANWHILE", *_KEY_REASONS),
        curl=(
            "curl BASE/api/v1/recordings/ID:replay -H 'Content-Type: application/json' "
            """-d '{"reason": "the engine was mended"}'"""
        ),
        command="./calltrack recordings replay ID --reason 'the engine was mended'",
    ),
    Operation(
        id="replay_recordings",
        group="Running again",
        method="POST",
        path=f"{_BASE}:replay",
        role=Role.OPERATOR,
        reach=Reach.CALLS,
        action=Action.CALLS_REPLAYED,
        summary="Run many failed recordings again",
        description=(
            "One page of those that `filter` finds, which must name a status or a failure class. What cannot be run "
            "again is skipped, with the reason. `next_page_token` while there is more."
        ),
        parameters=(IDEMPOTENCY_KEY,),
        body=Body(
            models={JSON: BulkReplayOrder},
            examples={"a company's": {"reason": "new model", "filter": "status:failed company:Acme", "max_count": 50}},
        ),
        answers={
            200: Answer(
                description="What became of each.",
                media={JSON: BulkReplayAnswer},
                headers=REPLAYED,
                example="bulk_replay",
            )
        },
        reasons=(*_FILTER_REASONS, *_KEY_REASONS),
        curl=(
            "curl BASE/api/v1/recordings:replay -H 'Content-Type: application/json' "
            """-d '{"reason": "new model", "filter": "status:failed", "validate_only": true}'"""
        ),
        command="./calltrack recordings replay --filter status:failed --reason 'new model' --dry-run",
    ),
    Operation(
        id="reindex_recordings",
        group="Running again",
        method="POST",
        path=f"{_BASE}:reindex",
        role=Role.OPERATOR,
        reach=Reach.ALL,
        action=Action.INDEX_MADE,
        summary="Make the search index anew",
        description=(
            "The index and the days' statistics of one page of recordings, from what is stored. Safe to run again, and "
            "while calls come in. `next_page_token` while there is more."
        ),
        body=Body(models={JSON: ReindexOrder}, examples={"the first page": {}}),
        answers={200: Answer(description="How many.", media={JSON: Reindexed}, example="reindexed")},
        curl="curl BASE/api/v1/recordings:reindex -H 'Content-Type: application/json' -d '{}'",
        command="./calltrack recordings reindex",
    ),
)
