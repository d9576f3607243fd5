"""Words to messages: one sentence of one speaker each, of all channels together in the order of the clock.

A sentence lies within one breath of talk, so a phrase found in it was said there and nowhere else, and whoever wants
turns joins neighbours of the same speaker. One or two words ("Yes.", "Great, thanks.") go with the sentence that
follows at once.
"""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from deploy.engine.analysis.heard import Heard, Track, Word

if TYPE_CHECKING:
    import pysbd

#: Longer than any pause within a sentence of the sample calls (0.9 s), shorter than the time another speaker needs.
PAUSE_S = 1.2
#: The recogniser now and then puts a word or two before the pause after which they were said.
_STRAY_WORDS = 2
_STRAY_WORD_S = 0.25
_SHORT_SENTENCE_WORDS = 2
_BLOCK_WORDS = 100
_NO_ABBREVIATION = 6
_JOIN_PAUSE_S = 0.8


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """What one speaker said in one go; *speaker* is a member's id, or None where nobody can tell. Times in seconds."""

    id: str
    speaker: str | None
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words as they are read."""
        return " ".join(word.text for word in self.words)

    @property
    def start(self) -> float:
        """Where the first word begins."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """Where the last word is over."""
        return self.words[-1].end


@dataclasses.dataclass(frozen=True, slots=True)
class Sentence:
    """A message without its identity; *channel* as in `Track`."""

    channel: int
    words: tuple[Word, ...]


def sentences(heard: Heard) -> list[Sentence]:
    """All sentences of a recording, by start."""
    found = [Sentence(track.channel, words) for track in heard.tracks for words in _track_sentences(track)]
    return sorted(found, key=lambda sentence: (sentence.words[0].start, sentence.channel))


def _track_sentences(track: Track) -> Iterator[tuple[Word, ...]]:
    pieces = [piece for words in _by_punctuation(track.words) for piece in _by_pause(_with_stray_moved(words))]
    held: tuple[Word, ...] = ()
    for piece in pieces:
        if held and piece[0].start - held[-1].end > _JOIN_PAUSE_S:
            yield held
            held = ()
        held += piece
        if len(held) > _SHORT_SENTENCE_WORDS:
            yield held
            held = ()
    if held:
        yield held


def _by_punctuation(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Cut where pysbd sees the end of a sentence: it keeps "Mr. Drake" and "9.30" whole."""
    for block in _blocks(words):
        yield from _cut(block)


def _blocks(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """Stretches that end with a sentence for sure: pysbd's time grows with the square of what it is given."""
    begin = 0
    for index, word in enumerate(words):
        if index - begin >= _BLOCK_WORDS and word.text.endswith(("?", "!", ".")) and len(word.text) >= _NO_ABBREVIATION:
            yield words[begin : index + 1]
            begin = index + 1
    yield words[begin:]


def _cut(words: Sequence[Word]) -> Iterator[list[Word]]:
    ends = set(_sentence_ends(" ".join(word.text for word in words)))
    position = -1
    sentence: list[Word] = []
    for word in words:
        position += 1 + len(word.text)
        sentence.append(word)
        if position in ends:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _sentence_ends(text: str) -> Iterable[int]:
    end = 0
    for sentence in _segmenter().segment(text):
        end = text.index(sentence.strip(), end) + len(sentence.strip())
        yield end


@functools.cache
def _segmenter() -> "pysbd.Segmenter":
    import pysbd  # noqa: PLC0415 - a replay engine that only answers reads starts without it

    return pysbd.Segmenter(language="en", clean=False)


def _with_stray_moved(words: list[Word]) -> list[Word]:
    """Bring a sentence's first word or two across the pause after them, as in "… was failed. I <6 s> can request …"."""
    for count in range(1, min(_STRAY_WORDS, len(words) - _STRAY_WORDS) + 1):
        later = words[count].start
        if later - words[count - 1].end > PAUSE_S:
            return [
                _retimed(word, later - _STRAY_WORD_S * (count - i)) for i, word in enumerate(words[:count])
            ] + words[count:]
    return words


def _retimed(word: Word, start: float) -> Word:
    return dataclasses.replace(word, start=round(start, 3), end=round(start + _STRAY_WORD_S, 3))


def _by_pause(words: list[Word]) -> Iterator[tuple[Word, ...]]:
    begin = 0
    for index in range(1, len(words)):
        if words[index].start - words[index - 1].end > PAUSE_S:
            yield tuple(words[begin:index])
            begin = index
    yield tuple(words[begin:])
