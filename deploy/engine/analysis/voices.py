"""A voice as a vector: stretches of speech by one person lie close together, by two people apart.

The network is Resemblyzer's (three LSTM layers over 40 mel bands, 1.6 s at a time; Wan et al. 2018, "Generalized
end-to-end loss for speaker verification"), run by ONNX Runtime in one thread: 6 ms of CPU per stretch. Its weights lie
in `voice_model/`, with how they were made.
"""

import functools
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deploy.engine.analysis.audio import RATE

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray

    from deploy.engine.analysis.audio import Samples

    Vectors = NDArray[np.float32]

MODEL = Path(__file__).with_name("voice_model") / "voice.onnx"
#: What the network was trained on: 160 frames of 25 ms, one every 10 ms, as loud as -30 dB of full scale.
WINDOW_S = 1.6
_FRAME = RATE * 25 // 1000
_STEP = RATE * 10 // 1000
_MELS = 40
_LOUDNESS = 10 ** (-30 / 20)
_QUIETEST = 1e-5
_BATCH = 32


def voice_vectors(stretches: Iterable["Samples"]) -> "Vectors":
    """One vector of length 1 per stretch of speech, of up to `WINDOW_S` seconds: their products are cosines."""
    source = iter(stretches)
    return np.concatenate([_embedded(batch) for batch in iter(lambda: list(itertools.islice(source, _BATCH)), [])])


def _embedded(stretches: Sequence["Samples"]) -> "Vectors":
    spectra = [_mel(samples) for samples in stretches]
    frames = np.zeros((max(len(spectrum) for spectrum in spectra), len(spectra), _MELS), np.float32)
    for index, spectrum in enumerate(spectra):
        frames[: len(spectrum), index] = spectrum
    lengths = np.array([len(spectrum) for spectrum in spectra], np.int32)
    vectors: Vectors = _network().run(["voice"], {"mels": frames, "lengths": lengths})[0]
    return vectors


@functools.cache
def _network() -> "onnxruntime.InferenceSession":
    import onnxruntime  # noqa: PLC0415 - only where voices are told apart

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])


def _mel(samples: "Samples") -> "Vectors":
    """The power in each mel band, frame by frame, [frames, 40]."""
    loudness = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
    padded = np.pad(samples * (_LOUDNESS / max(loudness, _QUIETEST)), _FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_STEP]
    power = np.square(np.abs(np.fft.rfft(frames * _window(), axis=1)))
    # Not by BLAS, whose threads wait for each other longer than such small products take
    return np.einsum("fp,bp->fb", power.astype(np.float32), _bands())


@functools.cache
def _window() -> "Vectors":
    return np.hanning(_FRAME + 1)[:-1].astype(np.float32)


@functools.cache
def _bands() -> "Vectors":
    """Triangles of equal area on Slaney's mel scale (linear to 1 kHz, logarithmic above), [40, frequencies]."""
    top = 15 + np.log(RATE / 2 / 1000) / (np.log(6.4) / 27)
    mels = np.linspace(0, top, _MELS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))  # noqa: PLR2004 - 1 kHz
    frequencies = np.linspace(0, RATE / 2, _FRAME // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    heights = 2 / (edges[2:] - edges[:-2])
    return (np.maximum(0, np.minimum(rising, falling)) * heights[:, None]).astype(np.float32)
