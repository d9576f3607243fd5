"""Speech to words by Whisper (CTranslate2, int8, greedy) and voice by Silero, on an ordinary CPU.

Greedy decoding at temperature 0 without the previous text as a prompt gives the same words for the same audio, and on
telephone speech no more errors than a beam of five, which now and then drops a whole turn. A custom vocabulary is no
hint to the recogniser (of the 1,501 words of the sample calls 40 are wrong without, 54 with hotwords, 103 with a
prompt) but corrects what it was unsure of: `vocabulary.py`.

A channel is heard in windows of ten minutes, cut in a pause: features of a whole long call would fill the memory, and
what a call costs is then the same per minute however long it is.
"""

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.engine.analysis.audio import RATE, Row, decoded
from deploy.engine.analysis.diarization import told_apart
from deploy.engine.analysis.heard import Heard, Span, Track, Wish, Word
from deploy.engine.analysis.vocabulary import with_vocabulary
from deploy.engine.errors import ModelMissing
from deploy.engine.models import MODELS, find_model
from deploy.engine.settings import EngineSettings

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

    from deploy.engine.analysis.audio import Samples

#: For talk time: pauses within a turn count as silence from 0.5 s on, and no padding is counted as voice.
VOICE = {"threshold": 0.5, "min_speech_duration_ms": 100, "min_silence_duration_ms": 500, "speech_pad_ms": 60}
#: How far a word may reach out of the voice that carries it; more is the recogniser's guess.
CLAMP_S = 0.15
#: How much of a channel is in memory at once. The recogniser hears half a minute at a time, of which a cut wastes half.
WINDOW_S = 600.0
#: The last part of a window, in which a pause is looked for to cut in.
_CUT_WITHIN_S = 120.0
_MIN_WORD_S = 0.02
_READY_WAIT_S = 0.2


class WhisperListener:
    """Holds the model once for all workers, loaded when it is first needed."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._model: WhisperModel | None = None
        self._ask_hub = True

    @property
    def name(self) -> str:
        """The model with the beginning of its weights' SHA-256."""
        return f"local-whisper-{self._settings.model}@{MODELS[self._settings.model].files['model.bin'][:12]}"

    def ready(self) -> str | None:
        """None once the model is loaded, else what is missing; one put in place later is found, the hub asked once."""
        if not self._lock.acquire(timeout=_READY_WAIT_S):
            return "the speech model is being loaded"
        try:
            self._load()
        except ModelMissing as error:
            return str(error)
        finally:
            self._lock.release()
        return None

    def _loaded(self) -> "WhisperModel":
        with self._lock:
            return self._load()

    def _load(self) -> "WhisperModel":
        if self._model is None:
            ask_hub, self._ask_hub = self._ask_hub, False
            directory = find_model(self._settings, ask_hub=ask_hub)

            from faster_whisper import WhisperModel  # noqa: PLC0415 - half a second, and replay never needs it

            self._model = WhisperModel(
                str(directory),
                device="cpu",
                compute_type="int8",
                cpu_threads=self._settings.threads,
                num_workers=self._settings.workers,
                local_files_only=True,
            )
        return self._model

    def hear(self, audio: Path, sha256: str, wish: Wish, *, progress: Callable[[Heard], None]) -> Heard:
        """Recognise each channel, or the mix of all, whose voices are told apart if that is wished."""
        del sha256
        model = self._loaded()
        tracks: list[Track] = []
        with decoded(audio, per_channel=wish.per_channel, max_duration_s=self._settings.max_duration_s) as rows:
            duration = len(rows[0]) / RATE
            for index, samples in enumerate(rows):
                if tracks:
                    progress(Heard(duration, tuple(tracks)))
                tracks.append(_track(model, samples, wish.language, channel=index + 1 if wish.per_channel else 0))
            if wish.vocabulary and wish.language == "en":
                tracks = list(with_vocabulary(tracks, wish.vocabulary))
            if wish.speakers and not wish.per_channel:
                tracks = list(told_apart(rows[0], tracks[0], wish.speakers))
        return Heard(duration, tuple(tracks))


def _track(model: "WhisperModel", row: Row, language: str, *, channel: int) -> Track:
    words: list[Word] = []
    speech: list[Span] = []
    for window in windows(row, voice):
        words += clamped(_recognised(model, window, language), window.speech)
        speech += window.speech
    return Track(channel=channel, words=tuple(words), speech=tuple(speech))


def _recognised(model: "WhisperModel", window: "Window", language: str) -> list[Word]:
    segments, _ = model.transcribe(
        window.samples,
        language=language,
        beam_size=1,
        temperature=0.0,
        condition_on_previous_text=False,
        vad_filter=True,
        word_timestamps=True,
    )
    return joined(
        (word.word, window.start + word.start, window.start + word.end, word.probability)
        for segment in segments
        for word in segment.words or ()
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a channel that begins *start* seconds in; *speech* is where in the channel there is voice."""

    start: float
    samples: "Samples"
    speech: tuple[Span, ...]


def windows(row: Row, voice_in: "Callable[[Samples], tuple[Span, ...]]") -> Iterator[Window]:
    """The channel in stretches of at most `WINDOW_S` that end in a pause where there is one to be had."""
    begin = 0
    while begin < len(row):
        samples = row[begin : begin + round(WINDOW_S * RATE)]
        speech = voice_in(samples)
        if begin + len(samples) < len(row):
            samples = samples[: round(_pause(speech, len(samples) / RATE) * RATE)]
        start, length = begin / RATE, len(samples) / RATE
        yield Window(
            start,
            samples,
            tuple((round(s + start, 3), round(min(e, length) + start, 3)) for s, e in speech if s < length),
        )
        begin += len(samples)


def _pause(speech: Sequence[Span], length: float) -> float:
    """The middle of the longest pause in the last part of a window of *length* seconds, or its end."""
    earliest = length - _CUT_WITHIN_S
    ends = (max(earliest, end) for end in (0.0, *(end for _, end in speech)))
    starts = (*(start for start, _ in speech), length)
    pauses = [(end, start) for end, start in zip(ends, starts, strict=True) if start > end]
    begin, end = max(pauses, key=lambda pause: pause[1] - pause[0], default=(length, length))
    return (begin + end) / 2


def voice(samples: "Samples") -> tuple[Span, ...]:
    """Where there is voice, in seconds."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps  # noqa: PLC0415 - comes with the model

    found = get_speech_timestamps(samples, VadOptions(**VOICE))
    return tuple((round(span["start"] / RATE, 3), round(span["end"] / RATE, 3)) for span in found)


def joined(pieces: Iterable[tuple[str, float, float, float]]) -> list[Word]:
    """Whole words: a piece that does not begin with a space ("$4", ".00") belongs to the one before it."""
    words: list[Word] = []
    for text, start, end, score in pieces:
        if words and text and not text[0].isspace():
            last = words[-1]
            words[-1] = dataclasses.replace(last, text=last.text + text.rstrip(), end=end, score=min(last.score, score))
        elif text.strip():
            words.append(Word(text.strip(), start, end, score))
    return [
        dataclasses.replace(
            w, start=round(float(w.start), 3), end=round(float(w.end), 3), score=round(float(w.score), 3)
        )
        for w in words
    ]


def clamped(words: Sequence[Word], speech: Sequence[Span]) -> Iterable[Word]:
    """Words moved into the voice that carries them: Whisper stretches a word at the edge of a pause into the pause."""
    for word in words:
        span = max(speech, key=lambda span: min(word.end, span[1]) - max(word.start, span[0]), default=None)
        yield word if span is None else _within(word, (span[0] - CLAMP_S, span[1] + CLAMP_S))


def _within(word: Word, span: Span) -> Word:
    start = min(max(word.start, span[0], 0.0), max(span[1] - _MIN_WORD_S, 0.0))
    end = max(min(word.end, span[1]), start + _MIN_WORD_S)
    return dataclasses.replace(word, start=round(start, 3), end=round(end, 3))
