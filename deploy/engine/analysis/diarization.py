"""Who speaks when on one channel, for a number of speakers that the caller gives.

Voice is cut into stretches of at most 1.6 s, each becomes a vector (`voices.py`), the vectors are gathered into as many
clusters as there are speakers (Ward's method on at most `_SAMPLE` of them, then k-means on all), and the cheapest
path through time decides who speaks, where changing costs least in a pause. Words go to whom they fall to, by a path of
their own in which changing costs least between sentences. All of it is deterministic; time and memory grow with
the speech, not with its square.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from deploy.engine.analysis.audio import RATE, Row
from deploy.engine.analysis.heard import Span, Track, Word
from deploy.engine.analysis.voices import WINDOW_S, voice_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deploy.engine.analysis.voices import Vectors

    Labels = NDArray[np.intp]
    Costs = NDArray[np.float64]

#: Two clusters more alike than this are one voice. Measured: halves of one speaker 0.78 to 0.96, the two speakers of a
#: call 0.54 to 0.69, two women on one real telephone line 0.87.
SAME_VOICE = 0.92
_HOP_S = 0.4
#: Shorter stretches say little of the voice; they go to whom they are most like, but make nobody.
_TELLING_S = 0.8
_BREATH_MS = 100
_BREATH_PAD_MS = 30
_VAD_S = 60.0
_SAMPLE = 1000
_ROUNDS = 20
_STEP_S = 0.05
#: What a change of speaker costs, against the difference of similarity per step: within speech, and in a pause.
_CHANGE = 0.6
_CHANGE_IN_PAUSE = 0.1
#: What a change between two words costs, in seconds of voice: within a sentence, after a breath, after a sentence.
_WORD_CHANGE = 0.6
_AFTER_BREATH = 0.3
_AFTER_SENTENCE = 0.06
_BREATH_S = 0.3


def told_apart(row: Row, track: Track, speakers: int) -> tuple[Track, ...]:
    """One track per voice in *track*, numbered from 1 in the order of their first words; at most *speakers*."""
    turns = speaker_turns(row, track.speech, speakers)
    if not turns:
        return ()
    owners = word_owners(track.words, turns)
    shares = [tuple(w for w, owner in zip(track.words, owners, strict=True) if owner == i) for i in range(len(turns))]
    order = sorted(range(len(turns)), key=lambda i: (shares[i][0].start if shares[i] else turns[i][0][0], i))
    return tuple(Track(number, shares[i], tuple(turns[i])) for number, i in enumerate(order, 1))


def speaker_turns(row: Row, speech: Sequence[Span], speakers: int) -> list[list[Span]]:
    """The stretches of each speaker's voice; fewer speakers where two sound the same, none without voice."""
    breaths = [breath for span in speech for breath in _breaths(row, span)]
    stretches = [stretch for breath in breaths for stretch in _stretches(breath)]
    if not stretches:
        return []
    vectors = voice_vectors(row[round(start * RATE) : round(end * RATE)] for start, end in stretches)
    telling = vectors[[end - start >= _TELLING_S for start, end in stretches]]
    heard = telling if len(telling) >= speakers else vectors
    centres = _distinct(heard, _clustered(heard, speakers))
    similar = _by_step(stretches, vectors @ centres.T, round(speech[-1][1] / _STEP_S) + 1)
    turns: list[list[Span]] = [[] for _ in centres]
    for owner, span in _turns(speech, breaths, similar):
        turns[owner].append(span)
    return [spans for spans in turns if spans]


def word_owners(words: Sequence[Word], turns: Sequence[Sequence[Span]]) -> list[int]:
    """Whose of *turns* each word is. The recogniser's times are rough where speakers change, its full stops are not."""
    if not words:
        return []
    shared = np.stack([_shared(words, spans) for spans in turns], axis=1)
    changes = [0.0, *(_word_change(before, word) for before, word in itertools.pairwise(words))]
    return list(_best_path(shared, changes))


def _breaths(row: Row, span: Span) -> Iterator[Span]:
    """The parts of a stretch of voice between short pauses, in which speakers seldom change."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps  # noqa: PLC0415 - comes with the model

    options = VadOptions(min_silence_duration_ms=_BREATH_MS, speech_pad_ms=_BREATH_PAD_MS, min_speech_duration_ms=100)
    for start in np.arange(span[0], span[1], _VAD_S):
        end = min(span[1], start + _VAD_S)
        found = get_speech_timestamps(row[round(start * RATE) : round(end * RATE)], options)
        for part in found or [{"start": 0, "end": (end - start) * RATE}]:
            yield float(start + part["start"] / RATE), float(start + part["end"] / RATE)


def _stretches(breath: Span) -> Iterator[Span]:
    """What is compared: the breath if it is short, else windows over it, evenly apart."""
    start, end = breath
    steps = max(0, int(np.ceil((end - start - WINDOW_S) / _HOP_S)))
    for step in range(steps + 1):
        begin = start + (end - start - WINDOW_S) * step / steps if steps else start
        yield begin, min(end, begin + WINDOW_S)


def _clustered(vectors: "Vectors", count: int) -> "Vectors":
    """The centres of *count* clusters."""
    sample = vectors[np.linspace(0, len(vectors) - 1, min(len(vectors), _SAMPLE)).astype(int)]
    centres = _centres(sample, _ward(sample, count))
    labels = np.argmax(vectors @ centres.T, axis=1)
    for _ in range(_ROUNDS):
        centres = _centres(vectors, labels)
        before, labels = labels, np.argmax(vectors @ centres.T, axis=1)
        if np.array_equal(before, labels):
            break
    return centres


def _ward(vectors: "Vectors", count: int) -> "Labels":
    """Join the two clusters whose union spreads least, again and again, until *count* are left (Ward 1963)."""
    apart = 2 - 2 * (vectors @ vectors.T).astype(np.float64)
    np.fill_diagonal(apart, np.inf)
    sizes = np.ones(len(vectors))
    labels = np.arange(len(vectors))
    for _ in range(len(vectors) - count):
        kept, joined = sorted(divmod(int(np.argmin(apart)), len(vectors)))
        total = sizes[kept] + sizes[joined] + sizes
        spread = ((sizes[kept] + sizes) * apart[kept] + (sizes[joined] + sizes) * apart[joined]) / total
        spread -= sizes * apart[kept, joined] / total
        apart[kept], apart[:, kept], apart[kept, kept] = spread, spread, np.inf
        apart[joined] = apart[:, joined] = np.inf
        sizes[kept] += sizes[joined]
        labels[labels == joined] = kept
    return np.unique(labels, return_inverse=True)[1]


def _centres(vectors: "Vectors", labels: "Labels") -> "Vectors":
    sums = np.stack([vectors[labels == label].sum(axis=0) for label in np.unique(labels)])
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def _distinct(vectors: "Vectors", centres: "Vectors") -> "Vectors":
    """Fewer centres, where two of them are the same voice."""
    while len(centres) > 1:
        alike = centres @ centres.T
        np.fill_diagonal(alike, -1)
        one, other = divmod(int(np.argmax(alike)), len(centres))
        if alike[one, other] < SAME_VOICE:
            break
        labels = np.argmax(vectors @ centres.T, axis=1)
        centres = _centres(vectors, np.where(labels == other, one, labels))
    return centres


def _by_step(stretches: Sequence[Span], similar: "Vectors", steps: int) -> "Costs":
    """How alike each step of time is to each speaker: the mean over its stretches, most by those centred on it."""
    sums = np.zeros((steps, similar.shape[1]))
    weights = np.zeros(steps)
    for (start, end), likeness in zip(stretches, similar, strict=True):
        first = min(int(start / _STEP_S), steps - 1)
        last = min(max(int(end / _STEP_S), first + 1), steps)
        middle, half = (first + last - 1) / 2, max((last - first) / 2, 1)
        weight = 1 - 0.9 * np.abs(np.arange(first, last) - middle) / half
        sums[first:last] += weight[:, None] * likeness
        weights[first:last] += weight
    return sums / np.maximum(weights, np.finfo(float).tiny)[:, None]


def _turns(speech: Sequence[Span], breaths: Sequence[Span], similar: "Costs") -> Iterator[tuple[int, Span]]:
    changes = np.full(len(similar), _CHANGE_IN_PAUSE)
    for start, end in breaths:
        changes[int(start / _STEP_S) : int(end / _STEP_S) + 1] = _CHANGE
    for start, end in speech:
        first = int(start / _STEP_S)
        path = _best_path(similar[first : max(first + 1, int(np.ceil(end / _STEP_S)))], changes[first:])
        edges = [0, *(np.flatnonzero(np.diff(path)) + 1), len(path)]
        times = [start, *((first + edge) * _STEP_S for edge in edges[1:-1]), end]
        for edge, begin, stop in zip(edges, times, times[1:], strict=False):
            yield int(path[edge]), (round(float(begin), 3), round(float(stop), 3))


def _best_path(gains: "Costs", changes: "Sequence[float] | Costs") -> "Labels":
    """Whom to choose at each place so that the gains less the cost of changing are most (Viterbi)."""
    states = np.arange(gains.shape[1])
    score, came_from = gains[0], []
    for gain, change in zip(gains[1:], changes[1:], strict=False):
        best = int(np.argmax(score))
        stays = score >= score[best] - change
        came_from.append(np.where(stays, states, best))
        score = np.where(stays, score, score[best] - change) + gain
    path = [int(np.argmax(score))]
    for choice in reversed(came_from):
        path.append(int(choice[path[-1]]))
    return np.array(path[::-1])


def _word_change(before: Word, word: Word) -> float:
    if before.text.endswith((".", "?", "!")):
        return _AFTER_SENTENCE
    return _AFTER_BREATH if before.text.endswith(",") or word.start - before.end > _BREATH_S else _WORD_CHANGE


def _shared(words: Sequence[Word], spans: Sequence[Span]) -> "Costs":
    """How many seconds of each word lie in *spans*, which are sorted and free of overlap."""
    starts, ends = np.array(spans).T
    voiced = np.concatenate([[0.0], np.cumsum(ends - starts)])

    def before(time: float) -> float:
        """How much of *spans* is over at *time*."""
        index = int(np.searchsorted(starts, time))
        return float(voiced[index] - max(0.0, ends[index - 1] - time)) if index else 0.0

    return np.array([before(word.end) - before(word.start) for word in words])
