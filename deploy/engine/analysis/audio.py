"""Recordings to samples: any container and codec that FFmpeg reads, at 16 kHz, one row per channel.

Decoding streams into a file per channel, 16 bits a sample (0.46 GB for four hours of one channel), so a long call costs
disk, not memory: a row gives the stretch that is asked for, and keeps none of it.
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
_FULL_SCALE = 32768.0
_SAMPLE_BYTES = 2


class Row:
    """One channel's samples: `row[start:stop]` reads that stretch as float32 from -1 to 1."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._length = path.stat().st_size // _SAMPLE_BYTES

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, stretch: slice) -> "Samples":
        import numpy as np  # noqa: PLC0415 - replay needs no samples

        start, stop, _ = stretch.indices(self._length)
        count = max(0, stop - start)
        whole = np.fromfile(self._path, dtype=np.int16, count=count, offset=start * _SAMPLE_BYTES)
        return whole.astype(np.float32) / np.float32(_FULL_SCALE)


@contextlib.contextmanager
def decoded(path: Path, *, per_channel: bool, max_duration_s: float) -> Iterator[list[Row]]:
    """The recording's channels, or their mean alone; all of equal length, gone after the block.

    Raises:
        AnalysisFailed: it is no recording, holds no audio, or is longer than *max_duration_s* seconds.
    """
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}-pcm-") as directory,
        contextlib.ExitStack() as files,
    ):
        written: list[Any] = []
        count = 0
        for block in _blocks(path, per_channel=per_channel):
            if not written:
                paths = [Path(directory) / str(index) for index in range(len(block))]
                written = [files.enter_context(path.open("wb")) for path in paths]
            for file, samples in zip(written, block, strict=True):
                file.write(samples.tobytes())
            count += block.shape[1]
            if count > max_duration_s * RATE:
                raise AnalysisFailed(f"the recording is longer than {max_duration_s / 3600:g} hours")
        if not count:
            raise AnalysisFailed("the recording holds no audio")
        files.close()
        yield [Row(Path(file.name)) for file in written]


def _blocks(path: Path, *, per_channel: bool) -> Iterator[Any]:
    """Decoded audio as 16-bit arrays of channels by samples."""
    import av  # noqa: PLC0415 - replay decodes nothing

    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise AnalysisFailed("the file has no audio stream")
            stream = container.streams.audio[0]
            if stream.channels > _MAX_CHANNELS:
                raise AnalysisFailed(f"the recording has {stream.channels} channels, more than {_MAX_CHANNELS}")
            resampler = av.AudioResampler(format="s16p", layout=stream.layout.name, rate=RATE)
            for frame in _frames(container, stream):
                for resampled in resampler.resample(frame):
                    samples = resampled.to_ndarray()
                    yield samples if per_channel else samples.mean(axis=0, keepdims=True).round().astype(samples.dtype)
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
