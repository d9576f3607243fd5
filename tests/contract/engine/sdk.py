"""Symbl's Python SDK as a customer uses it, in a process of its own: it is configured once, globally.

`python sdk.py SDK-DIRECTORY ENGINE-URL AUDIO-URL AUDIO-FILE` prints what it read, as JSON. Nothing of the SDK is
changed. It looks at a job every 30 s unless its own `monitor_job` is told otherwise, hence `wait=False`. A member is
changed through its lower package: the upper one passes arguments that the lower one does not take, and for a formatted
transcript and for deleting there is nothing below it at all (symbl 2.0.6 over symbl-rest 1.0.14).
"""

import json
import os
import sys
from typing import Any

CREDENTIALS = {"app_id": "local", "app_secret": "local"}
CHANNELS = [
    {"channel": 1, "speaker": {"name": "Ann", "email": "ann@x.example"}},
    {"channel": 2, "speaker": {"name": "Carl"}},
]
TRACKERS = [{"name": "Money", "vocabulary": ["refund", "payment", "late fee"]}]
READS = (
    "get_messages", "get_topics", "get_questions", "get_action_items", "get_follow_ups", "get_members", "get_trackers",
    "get_analytics", "get_entities", "get_conversation",
)  # fmt: skip


def main(sdk: str, engine: str, audio_url: str, audio_file: str) -> None:
    sys.path.append(sdk)
    import symbl_rest  # type: ignore[import-not-found]  # not installed where it is checked  # noqa: PLC0415

    configuration = symbl_rest.Configuration()
    configuration.host = engine
    symbl_rest.Configuration.set_default(configuration)
    import symbl  # type: ignore[import-not-found]  # likewise  # noqa: PLC0415
    from symbl.jobs_api.Job import Job  # type: ignore[import-not-found]  # likewise  # noqa: PLC0415

    def told(conversation: Any) -> dict[str, Any]:
        job = Job(job_id=conversation.get_job_id(), conversation_id=conversation.get_conversation_id())
        job.monitor_job(conversation, interval=0.2)
        read = {name: getattr(conversation, name)() for name in READS}
        member = read["get_members"].members[0]
        change = {"id": member.id, "name": "Anna", "email": "anna@x.example"}
        read["put_members"] = symbl_rest.ConversationsApi().put_members_information_by_members_id(
            body=change, conversation_id=conversation.get_conversation_id(), id=member.id
        )
        read["members_after"] = conversation.get_members()
        return {"status": job.get_job_status(), **{name: plain(value) for name, value in read.items()}}

    wish = {"enableSeparateRecognitionPerChannel": True, "channelMetadata": CHANNELS, "trackers": TRACKERS}
    by_url = symbl.Audio.process_url(
        {"url": audio_url, "name": "By URL", "detectEntities": True, "detectPhrases": True, **wish},
        credentials=CREDENTIALS,
        wait=False,
    )
    by_file = symbl.Audio.process_file(
        audio_file, credentials=CREDENTIALS, wait=False, parameters={"name": "By file", "detectEntities": True, **wish}
    )
    print(json.dumps({"url": told(by_url), "file": told(by_file)}, default=str), flush=True)
    os._exit(0)  # the SDK's threads would look at the jobs for another half a minute


def plain(value: Any) -> Any:
    """The models of the SDK as dictionaries."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.to_dict() if hasattr(value, "to_dict") else value


if __name__ == "__main__":
    main(*sys.argv[1:])
