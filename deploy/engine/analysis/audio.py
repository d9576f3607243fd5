"""Recordings to samples: any container and codec that FFmpeg reads, as float32 at 16 kHz, one row per channel.

Decoding streams through memory-mapped files, a row per channel, so a four-hour call costs disk, not memory; what a
listener asks for is paged in as it is read.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.engine.errors import AnalysisFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATE = 16_000
_MAX_CHANNELS = 8


@contextlib.contextmanager
def decoded(path: Path, *, per_channel: bool, max_duration_s: float) -> Iterator["list[Samples]"]:
    """The recording's channels, or their mean alone; all of equal length, gone after the block.

    Raises:
        AnalysisFailed: it is no recording, holds no audio, or is longer than *max_duration_s* seconds.
    """
    import numpy as np  # noqa: PLC0415 - replay needs no samples

    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}-pcm-") as directory,
        contextlib.ExitStack() as files,
    ):
        rows: list[Any] = []
        count = 0
        for block in _blocks(path, per_channel=per_channel):
            if not rows:
                rows = [files.enter_context((Path(directory) / str(index)).open("wb")) for index in range(len(block))]
            for row, samples in zip(rows, block, strict=True):
                row.write(np.ascontiguousarray(samples, dtype=np.float32).data)
            count += block.shape[1]
            if count > max_duration_s * RATE:
                raise AnalysisFailed(f"the recording is longer than {max_duration_s / 3600:g} hours")
        if not count:
            raise AnalysisFailed("the recording holds no audio")
        for row in rows:
            row.flush()
        yield [np.memmap(row.name, dtype=np.float32, mode="r") for row in rows]


def _blocks(path: Path, *, per_channel: bool) -> Iterator[Any]:
    """Decoded audio as arrays of channels by samples."""
    import av  # noqa: PLC0415 - replay decodes nothing

    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise AnalysisFailed("the file has no audio stream")
            stream = container.streams.audio[0]
            if stream.channels > _MAX_CHANNELS:
                raise AnalysisFailed(f"the recording has {stream.channels} channels, more than {_MAX_CHANNELS}")
            resampler = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=RATE)
            for frame in _frames(container, stream):
                for resampled in resampler.resample(frame):
                    samples = resampled.to_ndarray()
                    yield samples if per_channel else samples.mean(axis=0, keepdims=True)
    except av.error.InvalidDataError as error:
        raise AnalysisFailed("the file is no recording in a known format") from error
    except av.error.FFmpegError as error:
        raise AnalysisFailed(f"the recording cannot be decoded: {error.strerror or error}") from error


def _frames(container: Any, stream: Any) -> Iterator[Any]:  # noqa: ANN401 - PyAV ships no types
    """The stream's frames, then None, which empties the resampler. A packet that is damaged costs itself alone."""
    import av  # noqa: PLC0415

    for packet in container.demux(stream):
        with contextlib.suppress(av.error.InvalidDataError):
            yield from packet.decode()
    yield None
