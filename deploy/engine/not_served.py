"""What Symbl served and the engine does not: such a path is answered with 501, by any method, and with what to do."""

import re

_RESULTS = "read messages, topics, questions, action-items, follow-ups and summary of the conversation instead."
#: Path under /v1 (a pattern): what is said of it.
PATHS = [
    (
        r"process/video(/.*)?",
        "Video is not served: send its sound track to /v1/process/audio or /v1/process/audio/url.",
    ),
    (r"process/text(/.*)?", "Text conversations are not served: the engine takes recordings, at /v1/process/audio."),
    (r"process/.*", "Only recordings are taken in: at /v1/process/audio and /v1/process/audio/url."),
    (
        r"manage/groups?(/.*)?",
        "Conversation groups are not served: give conversations metadata, and filter GET /v1/conversations by it.",
    ),
    (
        r"manage/entities(/.*)?",
        "Managed entities are not served: send `entities` with the recording.",
    ),
    (r"manage/callscore(/.*)?", "Call scores are not served: there is no language model to judge a call."),
    (r"manage/.*", "Of the Management API only trackers are served, at /v1/manage/trackers."),
    (r"conversations/[^/]+/callscore(/.*)?", "Call scores are not served: there is no language model to judge a call."),
    (
        r"conversations/[^/]+/call-score(/.*)?",
        "Call scores are not served: there is no language model to judge a call.",
    ),
    (
        r"conversations/[^/]+/lm-insights(/.*)?",
        f"Insights by a language model are not served: {_RESULTS}",
    ),
    (r"insights/.*", f"Insights by a language model are not served: {_RESULTS}"),
    (
        r"conversations/[^/]+/insights",
        "The combined insights are not served: read questions, action-items and follow-ups of the conversation.",
    ),
    (r"conversations/[^/]+/intents", "Intents are not served: send trackers with the recording, and read trackers."),
    (
        r"conversations/[^/]+/speakers",
        "Speaker events are not served: record each speaker on a channel of their own, and send channelMetadata.",
    ),
    (
        r"conversations/[^/]+/bookmarks(-summary|/.*)?",
        "Bookmarks are not served: a message's timeOffset and duration say where it is in the recording.",
    ),
    (
        r"conversations/experiences/insights/list",
        "A page over all conversations is not served: list them by GET /v1/conversations.",
    ),
    (
        r"endpoint(:connect|/.*)",
        "Telephony and Streaming are not served: record the call, and send the recording to /v1/process/audio.",
    ),
    (
        r"(realtime|streaming)(/.*)?",
        "Streaming is not served: record the call, and send the recording to /v1/process/audio.",
    ),
]


def not_served(path: str) -> str | None:
    """The sentence about *path*, or None where Symbl had no such path or the engine serves it."""
    if re.fullmatch(r"/oauth2/token:(refresh|revoke)", path):
        return "Tokens are neither refreshed nor revoked: /oauth2/token:generate gives a new one when it is due."
    return next((sentence for pattern, sentence in PATHS if re.fullmatch(f"/v1/{pattern}", path)), None)
