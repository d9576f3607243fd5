"""ConversationMetadata: everything that is known of a recording before it is analysed (one row per recording)."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from common.errors import Problem, Rejected
from common.model.recording import Direction, Priority, RecordingId, Role, Speaker, object_name_of, speaker_among

if TYPE_CHECKING:
    from common.model.company import CompanyDefaults
    from common.model.recording import AudioProperties, RecordingDetails, StoredObject

MAX_DURATION = timedelta(hours=4)  #: the engine's limit for one file (Symbl's FAQ)
_NAMES = {Role.AGENT: "Agent", Role.CUSTOMER: "Customer", Role.OTHER: "Speaker"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConversationMetadata:
    """A recording as its sender, the company's defaults and its own bytes describe it."""

    id: RecordingId
    file_name: str
    recording_url: str  #: gs://bucket/name
    generation: int
    size: int
    content_type: str | None
    content_hash: str  #: base64 MD5 of the bytes
    created_at: datetime  #: when it was added here
    duration: timedelta
    channels: int
    sample_rate: int
    codec: str

    company: str
    name: str
    language_code: str
    timezone_offset: int  #: minutes from UTC
    custom_vocabulary: tuple[str, ...]
    number_of_speakers: int
    separate_channels: bool
    speakers: tuple[Speaker, ...]
    service_type: str | None
    representative: str | None
    started_at: datetime  #: when the conversation took place; when the object was stored, if nobody said
    direction: Direction | None
    external_id: str | None
    confidence_threshold: float | None  #: None: the installation's setting
    priority: Priority

    @property
    def object_name(self) -> str:
        """The name of its object in the bucket."""
        return object_name_of(self.recording_url)

    @property
    def agent(self) -> Speaker | None:
        """Who took or made the call for the company."""
        return next((speaker for speaker in self.speakers if speaker.role is Role.AGENT), None)

    def speaker_of(self, *, email: str | None, name: str | None) -> Speaker | None:
        """Who of the named speakers an engine's speaker is: by e-mail, else by name."""
        return speaker_among(self.speakers, email=email, name=name)


def conversation_of(
    *,
    stored: StoredObject,
    audio: AudioProperties,
    content_hash: str,
    details: RecordingDetails,
    defaults: CompanyDefaults,
    now: datetime,
) -> ConversationMetadata:
    """Bring together what is known of a recording.

    Raises:
        Rejected: where the sender's words do not fit the audio.
    """
    expect_fit(details, audio)
    separate = details.separate_channels if details.separate_channels is not None else audio.channels > 1
    speakers = _speakers(details, defaults, channels=audio.channels if separate else None)
    return ConversationMetadata(
        id=stored.recording_id,
        file_name=stored.file_name,
        recording_url=stored.uri,
        generation=stored.generation,
        size=stored.size,
        content_type=stored.content_type,
        content_hash=content_hash,
        created_at=now,
        duration=audio.duration,
        channels=audio.channels,
        sample_rate=audio.sample_rate,
        codec=audio.codec,
        company=defaults.company,
        name=details.name or stored.file_name,
        language_code=details.language_code or defaults.language_code,
        timezone_offset=_offset(details, defaults),
        custom_vocabulary=details.custom_vocabulary if details.custom_vocabulary is not None
        else defaults.custom_vocabulary,
        number_of_speakers=details.number_of_speakers or len(speakers) or audio.channels,
        separate_channels=separate,
        speakers=speakers,
        service_type=details.service_type,
        representative=details.representative,
        started_at=details.started_at or stored.created_at,
        direction=details.direction,
        external_id=details.external_id,
        confidence_threshold=details.confidence_threshold,
        priority=details.priority or Priority.LIVE,
    )  # fmt: skip


def expect_fit(details: RecordingDetails, audio: AudioProperties) -> None:
    """That the sender's words fit the audio.

    Raises:
        Rejected: naming each field that does not.
    """
    problems = _misfits(details, audio)
    if problems:
        raise Rejected(problems)


def _misfits(details: RecordingDetails, audio: AudioProperties) -> list[Problem]:
    found = []
    if details.separate_channels and audio.channels == 1:
        found.append(Problem("separate_channels", "is true, but the recording has one channel; set it to false"))
    highest = max((speaker.channel or 0 for speaker in details.speakers or ()), default=0)
    if highest > audio.channels:
        found.append(
            Problem("speakers", f"one is on channel {highest}, but the recording has {audio.channels}; mend it")
        )
    if audio.duration > MAX_DURATION:
        found.append(Problem("audio", f"is {audio.duration} long; recordings of up to {MAX_DURATION} are taken"))
    return found


def _offset(details: RecordingDetails, defaults: CompanyDefaults) -> int:
    if details.timezone_offset is not None:
        return details.timezone_offset
    said = details.started_at.utcoffset() if details.started_at else None
    return int(said.total_seconds() // 60) if said else defaults.timezone_offset


def _speakers(details: RecordingDetails, defaults: CompanyDefaults, *, channels: int | None) -> tuple[Speaker, ...]:
    """The named speakers; with separate channels each gets one, and a channel without a name gets its role's."""
    named = [
        Speaker(name=given.name, email=given.email, role=given.role, channel=given.channel)
        for given in details.speakers or ()
    ]
    if channels is None:
        return tuple(dataclasses.replace(speaker, channel=None) for speaker in named)
    free = [number for number in range(1, channels + 1) if number not in {speaker.channel for speaker in named}]
    placed = []
    for speaker in named:
        channel = speaker.channel or _channel_for(speaker.role, free, defaults)
        if channel is None:
            continue  # more people than channels: the engine can only tell channels apart
        placed.append(dataclasses.replace(speaker, channel=channel))
        if channel in free:
            free.remove(channel)
    placed += [_unnamed(number, defaults) for number in free]
    return tuple(sorted(placed, key=lambda speaker: speaker.channel or 0))


def _channel_for(role: Role, free: list[int], defaults: CompanyDefaults) -> int | None:
    """The free channel that the company keeps for `role`, else the first free one."""
    kept = [number for number, kept_for in enumerate(defaults.channel_roles, start=1) if kept_for is role]
    return next((number for number in kept if number in free), free[0] if free else None)


def _unnamed(channel: int, defaults: CompanyDefaults) -> Speaker:
    role = defaults.channel_roles[channel - 1] if channel <= len(defaults.channel_roles) else Role.OTHER
    name = _NAMES[role] if role is not Role.OTHER else f"Speaker {channel}"
    return Speaker(name=name, role=role, channel=channel)
