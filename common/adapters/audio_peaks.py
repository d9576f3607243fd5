"""The peaks of a recording, decoded packet by packet: memory holds one frame, however long it is."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING, BinaryIO, cast

from common.errors import NotFound
from common.model.waveform import Peaks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from av import AudioFrame, AudioResampler
    from av.container import InputContainer

#: A picture has 600 stretches of seconds: a quarter of what was heard has the same envelope.
_RATE = 4000


def peaks(content: BinaryIO, *, duration: timedelta) -> list[bytes]:
    """600 pairs for each channel, as `Waveform.peaks` has them; a damaged file gives what could be decoded.

    Raises:
        NotFound: nothing could be.
    """
    import av  # noqa: PLC0415  # 30 MB of codecs that most functions never need

    meters: list[Peaks] = []
    try:
        with av.open(content, metadata_errors="ignore") as container:
            resampler = av.AudioResampler(format="s16p", rate=_RATE)
            for frame in _frames(cast("InputContainer", container), resampler):
                if not meters:
                    samples = round(duration.total_seconds() * _RATE)
                    meters = [Peaks(samples=samples) for _ in frame.planes]
                for meter, plane in zip(meters, frame.planes, strict=False):
                    # A plane may be longer than what is in it: buffers are aligned.
                    meter.add(array.array("h", bytes(plane)[: 2 * frame.samples]))
    except (av.error.FFmpegError, ValueError, EOFError):
        if not meters:
            raise NotFound("The recording cannot be decoded.") from None
    if not meters:
        raise NotFound("The recording holds no sound.")
    return [meter.packed() for meter in meters]


def _frames(container: InputContainer, resampler: AudioResampler) -> Iterator[AudioFrame]:
    for frame in container.decode(audio=0):
        yield from resampler.resample(frame)
    yield from resampler.resample(None)
