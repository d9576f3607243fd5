"""What a recording's bytes say of its length, channels and codec, read by ranges and never decoded whole."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO, cast

from common.errors import Problem, Rejected
from common.model.recording import AudioProperties

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

#: Headers of these tell nothing or lie (a cut MP3 still claims its full length): their packets are added up.
_COUNTED_FORMATS = frozenset({"mp3", "aac", "amr", "gsm"})
_CONSTANT_FORMATS = frozenset({"wav", "w64", "au"})


def probe(content: BinaryIO, *, size: int) -> AudioProperties:
    """Look into an audio file.

    Raises:
        Rejected: where it is empty, not audio, or has no sound; the field is `audio`.
    """
    import av  # noqa: PLC0415  # 30 MB of codecs that most functions never need

    if size == 0:
        raise Rejected([Problem("audio", "is empty; send the recording's bytes")])
    try:
        with av.open(content, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise Rejected([Problem("audio", "has no sound in it; send an audio recording")])
            return _properties(cast("InputContainer", container), container.streams.audio[0], size=size)
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        raise Rejected(
            [
                Problem(
                    "audio", "is not a readable recording; send WAV, MP3, FLAC, OGG, Opus, M4A, AAC, AMR, WMA or WebM"
                )
            ]
        ) from error


def _properties(container: InputContainer, stream: AudioStream, *, size: int) -> AudioProperties:
    context = stream.codec_context
    if not context.sample_rate or not context.channels:
        raise Rejected([Problem("audio", "does not say its sample rate or channels; send a complete file")])
    duration = min(_duration(container, stream), _most(container, stream, size=size))
    if duration <= timedelta(0):
        raise Rejected([Problem("audio", "has no length: it holds no sound; send a complete file")])
    return AudioProperties(
        duration=duration,
        channels=context.channels,
        sample_rate=context.sample_rate,
        codec=f"{container.format.name.split(',')[0]}/{context.name}",
    )


def _duration(container: InputContainer, stream: AudioStream) -> timedelta:
    if container.format.name in _COUNTED_FORMATS:
        return _counted(container, stream)
    if stream.duration and stream.time_base:
        return timedelta(seconds=float(stream.duration * stream.time_base))
    if container.duration:
        return timedelta(microseconds=container.duration)
    return _counted(container, stream)


def _most(container: InputContainer, stream: AudioStream, *, size: int) -> timedelta:
    """What the bytes can hold where each second has as many: a cut WAV with a `fact` chunk still claims its length."""
    if container.format.name in _CONSTANT_FORMATS and stream.codec_context.bit_rate:
        return timedelta(seconds=size * 8 / stream.codec_context.bit_rate)
    return timedelta.max


def _counted(container: InputContainer, stream: AudioStream) -> timedelta:
    """The sum of the packets: reads the whole file, decodes nothing."""
    units = sum(packet.duration or 0 for packet in container.demux(stream))
    return timedelta(seconds=float(units * stream.time_base)) if stream.time_base else timedelta(0)
